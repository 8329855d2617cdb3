/**
 * A semaphore with a bounded line, for services that would rather refuse than be late: so many at a time, so many waiting,
 * each for so long. Whoever does not get in is told at once, by a typed error with the facts to act on.
 *
 * - **Fairness.** As in `WeightedSemaphore`: first come, first served, a heavy head holds up light ones behind it, and
 *   priorities go first without starving anybody.
 * - **The line.** At most `maxWaiting` callers. What happens to the next is `overflow`: it fails (`fail`), or whoever has
 *   waited longest does (`dropOldest`), or the youngest of those with the lowest priority, the newcomer among them
 *   (`dropLowestPriority`). Whoever is dropped fails with `BulkheadFull`; nobody is stranded. With `maxWaiting: 0` nobody
 *   ever waits.
 * - **Interruption.** A waiter that is interrupted leaves the line and makes room in it. What a fiber holds goes back however
 *   it ends.
 * - **Closing.** `close` refuses newcomers and turns away those who wait, with `BulkheadClosed`; those who hold go on.
 * - **Cost.** As in `WeightedSemaphore`. All who wait share one timer, and only if there is a `maxWait`. With p different
 *   priorities waiting, a drop and a timeout cost O(p).
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Inspectable from "effect/Inspectable"
import type * as Option from "effect/Option"
import type * as Pipeable from "effect/Pipeable"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"

import { BoundedPermits } from "./internal/boundedPermits.ts"
import type { AnyEffect } from "./internal/effectLast.ts"
import type { Party } from "./internal/observer.ts"
import { combinator, operation } from "./internal/permits.ts"

const TypeId = "~heddle/Bulkhead"

/**
 * A handle on a number of permits and the line before them. Opaque: the functions of this module are its behaviour.
 *
 * @since 0.1.0
 * @category models
 */
export interface Bulkhead extends Pipeable.Pipeable, Inspectable.Inspectable {
  readonly [TypeId]: typeof TypeId
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** How many permits there are: an integer from 1 up, or `Infinity`. */
  readonly concurrency: number
  /** How many callers may wait: a non-negative integer, or `Infinity`. */
  readonly maxWaiting: number
  /** How long each may wait. Default: for ever. */
  readonly maxWait?: Duration.Input | undefined
  /** Who fails with `BulkheadFull` when one more than `maxWaiting` would wait. Default: `fail`, the newcomer. */
  readonly overflow?: "fail" | "dropOldest" | "dropLowestPriority" | undefined
  /** How many places in the line one level of priority is worth: an integer from 1 to 1,000,000. Default: 1,000. */
  readonly priorityStep?: number | undefined
  /**
   * Names the bulkhead in messages and errors, and shows it to whoever looks: its counts are gauges `heddle_bulkhead_*`
   * with the name as an attribute. Default: none.
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

/**
 * What a bulkhead looks like at one instant.
 *
 * @since 0.1.0
 * @category models
 */
export interface Stats {
  readonly concurrency: number
  /** The sum of what is held, those served but not yet resumed included. */
  readonly taken: number
  /** `concurrency - taken`. */
  readonly available: number
  /** How many callers wait. */
  readonly waiting: number
  readonly maxWaiting: number
  /** How many have failed with `BulkheadFull` so far, those dropped included. */
  readonly refused: number
  /** How many have failed with `WaitTimeout` so far. */
  readonly timedOut: number
  readonly closed: boolean
  /** Given, as those below, while an inspector is attached and the bulkhead has a name. */
  readonly name?: string
  /** Who holds: what was taken since the inspector was attached, in the order in which it was taken. */
  readonly holders?: ReadonlyArray<Party>
  /** Who waits: those who came since the inspector was attached, in the order in which they came. */
  readonly waiters?: ReadonlyArray<Party>
}

const facts = {
  /** The bulkhead's name, where it has one. */
  bulkhead: Schema.optionalKey(Schema.String)
}

const named = (bulkhead: string | undefined): string =>
  bulkhead === undefined ? "the bulkhead" : `the bulkhead ${JSON.stringify(bulkhead)}`

/**
 * The line was full, or it was and its `overflow` dropped this caller for another.
 *
 * @since 0.1.0
 * @category errors
 */
export class BulkheadFull extends Schema.TaggedError<BulkheadFull>()("BulkheadFull", {
  ...facts,
  /** How many waited. */
  waiting: Schema.Number,
  /** How many may. */
  maxWaiting: Schema.Number
}) {
  override get message(): string {
    return `${named(this.bulkhead)} is full: ${this.waiting} callers wait, and ${this.maxWaiting} may`
  }
}

/**
 * The wait for a turn took as long as `maxWait` allows.
 *
 * @since 0.1.0
 * @category errors
 */
export class WaitTimeout extends Schema.TaggedError<WaitTimeout>()("WaitTimeout", {
  ...facts,
  waited: Schema.Duration
}) {
  override get message(): string {
    return `waited ${Duration.format(this.waited)} for ${named(this.bulkhead)} in vain`
  }
}

/**
 * The bulkhead had been closed, or was while the caller waited.
 *
 * @since 0.1.0
 * @category errors
 */
export class BulkheadClosed extends Schema.TaggedError<BulkheadClosed>()("BulkheadClosed", facts) {
  override get message(): string {
    return `${named(this.bulkhead)} is closed`
  }
}

/**
 * Why a caller did not get in.
 *
 * @since 0.1.0
 * @category errors
 */
export type BulkheadError = BulkheadFull | WaitTimeout | BulkheadClosed

class Bounded extends BoundedPermits {
  readonly [TypeId]: typeof TypeId = TypeId
  private readonly facts: { readonly bulkhead?: string }

  constructor(options: Options) {
    super("Bulkhead", "concurrency", options)
    this.facts = options.name === undefined ? {} : { bulkhead: options.name }
  }

  protected errorOfFull(facts: { readonly waiting: number; readonly maxWaiting: number }) {
    return new BulkheadFull({ ...this.facts, ...facts })
  }

  protected errorOfTimeout(waited: Duration.Duration) {
    return new WaitTimeout({ ...this.facts, waited })
  }

  close(): void {
    this.closeWith(() => new BulkheadClosed(this.facts))
  }

  protected counts() {
    const { permits: concurrency, taken, available, waiting, maxWaiting, refused, timedOut } = this
    return { concurrency, taken, available, waiting, maxWaiting, refused, timedOut }
  }

  stats(): Stats {
    return { ...this.counts(), closed: this.closed !== undefined, ...this.parties() }
  }
}

/**
 * Makes a bulkhead. Options that break a rule die.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as Bulkhead from "heddle/Bulkhead"
 *
 * const program = Effect.gen(function* () {
 *   const search = yield* Bulkhead.make({ concurrency: 2, maxWaiting: 1, maxWait: "1 second", name: "search" })
 *   const query = Effect.as(Effect.yieldNow, "found").pipe(
 *     Bulkhead.withPermit(search),
 *     Effect.catchTag("BulkheadFull", ({ waiting }) => Effect.succeed(`busy, ${waiting} wait`))
 *   )
 *   return yield* Effect.all([query, query, query, query], { concurrency: "unbounded" })
 * })
 *
 * await Effect.runPromise(program) // => ["found", "found", "found", "busy, 1 wait"]
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<Bulkhead> => Effect.sync(() => makeUnsafe(options))

/**
 * `make` outside of Effect, for a module's top level. Throws where `make` dies.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeUnsafe = (options: Options): Bulkhead => new Bounded(options).observed()

/**
 * Runs an effect while it holds `permits`: waits for its turn where it may, runs, gives back however the effect ends. A
 * request above `concurrency` dies.
 *
 * The wait can be interrupted where the caller can; the effect runs with the interruptibility of the caller.
 *
 * @example
 * A line that is full of batch work still lets an interactive request in.
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as Bulkhead from "heddle/Bulkhead"
 *
 * const program = Effect.gen(function* () {
 *   const index = yield* Bulkhead.make({ concurrency: 4, maxWaiting: 1, overflow: "dropLowestPriority" })
 *   const job = (permits: number, priority: number) =>
 *     Effect.as(Effect.yieldNow, "done").pipe(
 *       Bulkhead.withPermits(index, permits, { priority }),
 *       Effect.catchTag("BulkheadFull", () => Effect.succeed("dropped"))
 *     )
 *   return yield* Effect.all([job(4, 0), job(2, 0), job(1, 1)], { concurrency: "unbounded" })
 * })
 *
 * await Effect.runPromise(program) // => ["done", "dropped", "done"]
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const withPermits: {
  (
    self: Bulkhead,
    permits: number,
    options?: RequestOptions
  ): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | BulkheadError, R>
  <A, E, R>(
    self: Bulkhead,
    permits: number,
    effect: Effect.Effect<A, E, R>,
    options?: RequestOptions
  ): Effect.Effect<A, E | BulkheadError, R>
} = combinator((self, permits, effect, options) => self.withPermits(permits, effect, options))

/**
 * `withPermits(self, 1)`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withPermit: {
  (
    self: Bulkhead,
    options?: RequestOptions
  ): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | BulkheadError, R>
  <A, E, R>(
    self: Bulkhead,
    effect: Effect.Effect<A, E, R>,
    options?: RequestOptions
  ): Effect.Effect<A, E | BulkheadError, R>
} = ((self: Bulkhead, effect?: AnyEffect, options?: RequestOptions) =>
  withPermits(self, 1, effect as AnyEffect, options)) as typeof withPermit

/**
 * Runs an effect under `permits` if a plain request of the same priority would not wait, and gives its result as `Some`;
 * otherwise `None`, at once, and the effect does not run. A closed bulkhead fails.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withPermitsIfAvailable: {
  (
    self: Bulkhead,
    permits: number,
    options?: RequestOptions
  ): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<Option.Option<A>, E | BulkheadClosed, R>
  <A, E, R>(
    self: Bulkhead,
    permits: number,
    effect: Effect.Effect<A, E, R>,
    options?: RequestOptions
  ): Effect.Effect<Option.Option<A>, E | BulkheadClosed, R>
} = combinator((self, permits, effect, options) => self.withPermitsIfAvailable(permits, effect, options))

/**
 * Takes `permits`, waiting for its turn where it may, and leaves giving them back to the caller's `release`. Prefer
 * `withPermits` or `takeScoped`: they cannot forget. What `WeightedSemaphore.take` says of interruption holds here too.
 *
 * @since 0.1.0
 * @category taking
 */
export const take: {
  (permits: number, options?: RequestOptions): (self: Bulkhead) => Effect.Effect<void, BulkheadError>
  (self: Bulkhead, permits: number, options?: RequestOptions): Effect.Effect<void, BulkheadError>
} = operation((self, permits, options) => self.take(permits, options))

/**
 * Takes `permits`, waiting for its turn where it may, and gives them back when the scope closes.
 *
 * @since 0.1.0
 * @category taking
 */
export const takeScoped: {
  (permits: number, options?: RequestOptions): (self: Bulkhead) => Effect.Effect<void, BulkheadError, Scope.Scope>
  (self: Bulkhead, permits: number, options?: RequestOptions): Effect.Effect<void, BulkheadError, Scope.Scope>
} = operation((self, permits, options) => self.takeScoped(permits, options))

/**
 * Takes `permits` and answers true if a plain request of the same priority would not wait; otherwise takes nothing and
 * answers false. A closed bulkhead fails.
 *
 * @since 0.1.0
 * @category taking
 */
export const takeIfAvailable: {
  (permits: number, options?: RequestOptions): (self: Bulkhead) => Effect.Effect<boolean, BulkheadClosed>
  (self: Bulkhead, permits: number, options?: RequestOptions): Effect.Effect<boolean, BulkheadClosed>
} = operation((self, permits, options) => self.takeIfAvailable(permits, options))

/**
 * Gives back permits that `take` or `takeIfAvailable` took, also when the bulkhead has been closed. More than they hold
 * dies. Serves the line and returns; those served resume later, in order.
 *
 * @since 0.1.0
 * @category taking
 */
export const release: {
  (permits: number): (self: Bulkhead) => Effect.Effect<void>
  (self: Bulkhead, permits: number): Effect.Effect<void>
} = operation((self, permits) => Effect.sync(() => self.release(permits)))

/**
 * Refuses whoever comes from now on, and turns away those who wait, all with `BulkheadClosed`. Those who hold go on; to
 * wait for them is up to whoever started them. Closing twice changes nothing.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as Bulkhead from "heddle/Bulkhead"
 *
 * const program = Effect.gen(function* () {
 *   const requests = yield* Bulkhead.make({ concurrency: 10, maxWaiting: 100, name: "requests" })
 *   yield* Bulkhead.close(requests)
 *   return yield* Effect.flip(Bulkhead.withPermit(requests, Effect.void))
 * })
 *
 * ;(await Effect.runPromise(program)).message // => 'the bulkhead "requests" is closed'
 * ```
 *
 * @since 0.1.0
 * @category closing
 */
export const close = (self: Bulkhead): Effect.Effect<void> => Effect.sync(() => (self as Bounded).close())

/**
 * Reads the bulkhead as it is at this instant.
 *
 * @since 0.1.0
 * @category observing
 */
export const stats = (self: Bulkhead): Effect.Effect<Stats> => Effect.sync(() => (self as Bounded).stats())
