/**
 * A weighted semaphore that serves in order: permits guard a resource, a request takes any number of them, and whoever
 * came first is served first.
 *
 * - **Fairness.** Strict FIFO. The head of the line blocks those behind it, also when they would fit, so that small
 *   requests never starve a large one. `*IfAvailable` succeeds exactly when a plain request would not wait.
 * - **Priorities**, where they are asked for: higher first, in order inside a priority, and nobody starves. One level is
 *   worth `priorityStep` places in the line: a request stands as if it had come so many places earlier per level, so it is
 *   overtaken by at most `priorityStep` later ones per level that theirs is higher.
 * - **Interruption.** Waiting is interruptible and costs nothing: those behind move up. Holding is never lost: an
 *   interruption that races the grant gives the permits back and serves the next.
 * - **Cost.** Take, release and interruption are O(1) whatever the number of waiters (after a shrink, the first who moves on
 *   also moves those aside that have become too large), and O(log p) while requests of p different priorities wait. A release
 *   runs nobody's body: it assigns the permits and returns, and those served resume in order from a task of the scheduler.
 *
 * Caller bugs (a negative count, a request that can never be met, releasing what was not taken) die with a message that
 * names the value and the rule. The error channel of a guarded effect is left alone.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Inspectable from "effect/Inspectable"
import type * as Option from "effect/Option"
import type * as Pipeable from "effect/Pipeable"
import type * as Scope from "effect/Scope"

import type { AnyEffect } from "./internal/effectLast.ts"
import type { Party } from "./internal/observer.ts"
import { combinator, operation, Permits } from "./internal/permits.ts"

const TypeId = "~heddle/WeightedSemaphore"

/**
 * A handle on a number of permits. Opaque: the functions of this module are its behaviour.
 *
 * @since 0.1.0
 * @category models
 */
export interface WeightedSemaphore extends Pipeable.Pipeable, Inspectable.Inspectable {
  readonly [TypeId]: typeof TypeId
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** How many permits there are: a non-negative integer, or `Infinity` for no limit. */
  readonly permits: number
  /** How many places in the line one level of priority is worth: an integer from 1 to 1,000,000. Default: 1,000. */
  readonly priorityStep?: number | undefined
  /**
   * Names the semaphore in messages, and shows it to whoever looks: its counts are the gauges
   * `heddle_weighted_semaphore_permits`, `_taken`, `_available` and `_waiting` with the name as an attribute, read when
   * the metrics are. Default: none.
   */
  readonly name?: string | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface RequestOptions {
  /** Higher goes first: an integer from -1,000,000,000 to 1,000,000,000. Default: 0. */
  readonly priority?: number | undefined
}

export type {
  /**
   * A fiber that holds or waits.
   *
   * @since 0.1.0
   * @category models
   */
  Party
}

/**
 * What a semaphore looks like at one instant.
 *
 * @since 0.1.0
 * @category models
 */
export interface Stats {
  /** The capacity, as `make` or the last `resize` set it. */
  readonly permits: number
  /** The sum of what is held, those served but not yet resumed included. Above `permits` while a shrink is being paid off. */
  readonly taken: number
  /** `max(0, permits - taken)`. */
  readonly available: number
  /** How many requests wait, those that are larger than today's capacity included. */
  readonly waiting: number
  /** Given, as those below, while an inspector is attached and the semaphore has a name. */
  readonly name?: string
  /** Who holds: what was taken since the inspector was attached, in the order in which it was taken. */
  readonly holders?: ReadonlyArray<Party>
  /** Who waits: those who came since the inspector was attached, in the order in which they came. */
  readonly waiters?: ReadonlyArray<Party>
}

class Semaphore extends Permits {
  readonly [TypeId]: typeof TypeId = TypeId
  /** `withPermit(self)`, so that it is made once. */
  readonly withOne = (effect: AnyEffect): AnyEffect => this.withPermits(1, effect, undefined)

  constructor({ name, permits, priorityStep }: Options) {
    super({ kind: "WeightedSemaphore", what: "permits", permits, priorityStep, name })
  }

  protected counts() {
    const { available, permits, taken, waiting } = this
    return { permits, taken, available, waiting }
  }

  stats(): Stats {
    return { ...this.counts(), ...this.parties() }
  }
}

/**
 * Makes a semaphore. A `permits` that is not a non-negative integer or `Infinity` dies.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as WeightedSemaphore from "heddle/WeightedSemaphore"
 *
 * const program = Effect.gen(function* () {
 *   const memory = yield* WeightedSemaphore.make({ permits: 64, name: "memory" })
 *   const load = (megabytes: number) =>
 *     Effect.sync(() => `loaded ${megabytes} MB`).pipe(WeightedSemaphore.withPermits(memory, megabytes))
 *   return yield* Effect.all([load(48), load(32), load(8)], { concurrency: "unbounded" })
 * })
 *
 * await Effect.runPromise(program) // => ["loaded 48 MB", "loaded 32 MB", "loaded 8 MB"]
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<WeightedSemaphore> => Effect.sync(() => makeUnsafe(options))

/**
 * `make` outside of Effect, for a module's top level. Throws where `make` dies.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeUnsafe = (options: Options): WeightedSemaphore => new Semaphore(options).observed()

/**
 * Runs an effect while it holds `permits`: waits for its turn, runs, gives back however the effect ends. A request for
 * zero permits is legal and waits for its turn too. A request above the largest capacity ever set dies; one above
 * today's capacity stands aside, keeps its place in the order, and holds up nobody.
 *
 * The wait can be interrupted where the caller can; the effect runs with the interruptibility of the caller.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as WeightedSemaphore from "heddle/WeightedSemaphore"
 *
 * const program = Effect.gen(function* () {
 *   const sem = yield* WeightedSemaphore.make({ permits: 3 })
 *   return yield* WeightedSemaphore.stats(sem).pipe(WeightedSemaphore.withPermits(sem, 2))
 * })
 *
 * await Effect.runPromise(program) // => { permits: 3, taken: 2, available: 1, waiting: 0 }
 * ```
 *
 * @example
 * Those of a higher priority go first, and a heavy one of a higher priority holds up light ones of a lower.
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as WeightedSemaphore from "heddle/WeightedSemaphore"
 *
 * const program = Effect.gen(function* () {
 *   const sem = yield* WeightedSemaphore.make({ permits: 1 })
 *   const order: Array<string> = []
 *   const job = (name: string, priority: number) =>
 *     Effect.andThen(Effect.sync(() => order.push(name)), Effect.yieldNow).pipe(
 *       WeightedSemaphore.withPermits(sem, 1, { priority })
 *     )
 *   const jobs = [job("running", 0), job("batch", 0), job("interactive", 1), job("batch too", 0)]
 *   yield* Effect.all(jobs, { concurrency: "unbounded" })
 *   return order
 * })
 *
 * await Effect.runPromise(program) // => ["running", "interactive", "batch", "batch too"]
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const withPermits: {
  (
    self: WeightedSemaphore,
    permits: number,
    options?: RequestOptions
  ): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(
    self: WeightedSemaphore,
    permits: number,
    effect: Effect.Effect<A, E, R>,
    options?: RequestOptions
  ): Effect.Effect<A, E, R>
} = combinator((self, permits, effect, options) => self.withPermits(permits, effect, options))

/**
 * `withPermits(self, 1)`.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as WeightedSemaphore from "heddle/WeightedSemaphore"
 *
 * const connections = WeightedSemaphore.makeUnsafe({ permits: 10 })
 * const query = Effect.succeed("42 rows").pipe(WeightedSemaphore.withPermit(connections))
 *
 * await Effect.runPromise(query) // => "42 rows"
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const withPermit: {
  (
    self: WeightedSemaphore,
    options?: RequestOptions
  ): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: WeightedSemaphore, effect: Effect.Effect<A, E, R>, options?: RequestOptions): Effect.Effect<A, E, R>
} = ((self: Semaphore, effect?: AnyEffect, options?: RequestOptions) =>
  effect === undefined ? self.withOne : withPermits(self, 1, effect, options)) as typeof withPermit

/**
 * Runs an effect under `permits` if a plain request of the same priority would not wait, and gives its result as `Some`;
 * otherwise `None`, at once, and the effect does not run. Never overtakes anybody whom a plain request would not.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as Option from "effect/Option"
 * import * as WeightedSemaphore from "heddle/WeightedSemaphore"
 *
 * const program = Effect.gen(function* () {
 *   const sem = yield* WeightedSemaphore.make({ permits: 2 })
 *   const refresh = WeightedSemaphore.withPermitsIfAvailable(sem, 2)(Effect.succeed("refreshed"))
 *   return [yield* refresh, yield* refresh.pipe(WeightedSemaphore.withPermit(sem))]
 * })
 *
 * await Effect.runPromise(program) // => [Option.some("refreshed"), Option.none()]
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const withPermitsIfAvailable: {
  (
    self: WeightedSemaphore,
    permits: number,
    options?: RequestOptions
  ): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<Option.Option<A>, E, R>
  <A, E, R>(
    self: WeightedSemaphore,
    permits: number,
    effect: Effect.Effect<A, E, R>,
    options?: RequestOptions
  ): Effect.Effect<Option.Option<A>, E, R>
} = combinator((self, permits, effect, options) => self.withPermitsIfAvailable(permits, effect, options))

/**
 * Takes `permits`, waiting for its turn, and leaves giving them back to the caller's `release`. Prefer `withPermits` or
 * `takeScoped`: they cannot forget.
 *
 * Nothing is lost on the way: an interruption either comes before the permits are taken or after `take` has succeeded.
 * To act on that success before an interruption can, take inside a mask:
 * `Effect.uninterruptibleMask((restore) => Effect.flatMap(restore(take(sem, 1)), () => ...))`.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as WeightedSemaphore from "heddle/WeightedSemaphore"
 *
 * const program = Effect.gen(function* () {
 *   const sem = yield* WeightedSemaphore.make({ permits: 2 })
 *   yield* WeightedSemaphore.take(sem, 2)
 *   const second = yield* WeightedSemaphore.takeIfAvailable(sem, 1)
 *   yield* WeightedSemaphore.release(sem, 2)
 *   const third = yield* WeightedSemaphore.takeIfAvailable(sem, 1)
 *   return [second, third]
 * })
 *
 * await Effect.runPromise(program) // => [false, true]
 * ```
 *
 * @since 0.1.0
 * @category taking
 */
export const take: {
  (permits: number, options?: RequestOptions): (self: WeightedSemaphore) => Effect.Effect<void>
  (self: WeightedSemaphore, permits: number, options?: RequestOptions): Effect.Effect<void>
} = operation((self, permits, options) => self.take(permits, options))

/**
 * Takes `permits`, waiting for its turn, and gives them back when the scope closes.
 *
 * @since 0.1.0
 * @category taking
 */
export const takeScoped: {
  (permits: number, options?: RequestOptions): (self: WeightedSemaphore) => Effect.Effect<void, never, Scope.Scope>
  (self: WeightedSemaphore, permits: number, options?: RequestOptions): Effect.Effect<void, never, Scope.Scope>
} = operation((self, permits, options) => self.takeScoped(permits, options))

/**
 * Takes `permits` and answers true if a plain request of the same priority would not wait; otherwise takes nothing and
 * answers false.
 *
 * @since 0.1.0
 * @category taking
 */
export const takeIfAvailable: {
  (permits: number, options?: RequestOptions): (self: WeightedSemaphore) => Effect.Effect<boolean>
  (self: WeightedSemaphore, permits: number, options?: RequestOptions): Effect.Effect<boolean>
} = operation((self, permits, options) => self.takeIfAvailable(permits, options))

/**
 * Gives back permits that `take` or `takeIfAvailable` took; any fiber may, and in other portions than they were taken.
 * More than they hold dies: what `withPermits` and `takeScoped` hold is theirs to give back.
 *
 * Serves the line and returns; those served resume later, in order.
 *
 * @since 0.1.0
 * @category taking
 */
export const release: {
  (permits: number): (self: WeightedSemaphore) => Effect.Effect<void>
  (self: WeightedSemaphore, permits: number): Effect.Effect<void>
} = operation((self, permits) => Effect.sync(() => self.release(permits)))

/**
 * Sets the capacity. Nothing that is held is revoked: after a shrink the debt is paid by the releases that follow, after
 * a growth the line is served. `resize(self, 0)` pauses. Requests above the new capacity stand aside until it grows, and
 * come back to their places in the order. Costs O(1); requests that step aside cost O(1) each, once per shrink; a growth that
 * lets some come back costs O(n log n) in them, and a look at each different size that stands aside.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as WeightedSemaphore from "heddle/WeightedSemaphore"
 *
 * const program = Effect.gen(function* () {
 *   const sem = yield* WeightedSemaphore.make({ permits: 4 })
 *   yield* WeightedSemaphore.take(sem, 3)
 *   yield* WeightedSemaphore.resize(sem, 2)
 *   return yield* WeightedSemaphore.stats(sem)
 * })
 *
 * await Effect.runPromise(program) // => { permits: 2, taken: 3, available: 0, waiting: 0 }
 * ```
 *
 * @since 0.1.0
 * @category capacity
 */
export const resize: {
  (permits: number): (self: WeightedSemaphore) => Effect.Effect<void>
  (self: WeightedSemaphore, permits: number): Effect.Effect<void>
} = operation((self, permits) => Effect.sync(() => self.resize(permits)))

/**
 * Reads the semaphore as it is at this instant.
 *
 * @since 0.1.0
 * @category observing
 */
export const stats = (self: WeightedSemaphore): Effect.Effect<Stats> => Effect.sync(() => (self as Semaphore).stats())
