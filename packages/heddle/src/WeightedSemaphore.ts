/**
 * A weighted semaphore that serves in order: permits guard a resource, a request takes any number of them, and whoever
 * came first is served first.
 *
 * - **Fairness.** Strict FIFO. The head of the line blocks those behind it, also when they would fit, so that small
 *   requests never starve a large one. `*IfAvailable` succeeds exactly when a plain request would not wait.
 * - **Interruption.** Waiting is interruptible and costs nothing: those behind move up. Holding is never lost: an
 *   interruption that races the grant gives the permits back and serves the next.
 * - **Cost.** Take, release and interruption are O(1) whatever the number of waiters (after a shrink, the first who moves on
 *   also moves those aside that have become too large). A release runs nobody's body: it assigns the permits and returns, and
 *   those served resume in order from a task of the scheduler.
 *
 * Caller bugs (a negative count, a request that can never be met, releasing what was not taken) die with a message that
 * names the value and the rule. The error channel of a guarded effect is left alone.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type * as Inspectable from "effect/Inspectable"
import type * as Option from "effect/Option"
import type * as Pipeable from "effect/Pipeable"
import * as Scope from "effect/Scope"

import { type AnyEffect, Permits, type TypeId } from "./internal/permits.ts"

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
  /** Names the semaphore in messages and in inspections. Default: none. */
  readonly name?: string | undefined
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
export const makeUnsafe = (options: Options): WeightedSemaphore => new Permits(options)

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
 * @since 0.1.0
 * @category combinators
 */
export const withPermits: {
  (self: WeightedSemaphore, permits: number): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: WeightedSemaphore, permits: number, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R>
} = curried((self: Permits, permits: number, effect: AnyEffect) =>
  Effect.suspend(() => {
    self.check("withPermits", permits)
    return self.guard(permits, effect).guarded
  })
)

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
  (self: WeightedSemaphore): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: WeightedSemaphore, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R>
} = ((self: WeightedSemaphore, effect?: AnyEffect) =>
  effect === undefined ? withPermits(self, 1) : withPermits(self, 1, effect)) as typeof withPermit

/**
 * Runs an effect under `permits` if a plain request would not wait, and gives its result as `Some`; otherwise `None`,
 * at once, and the effect does not run. Never overtakes anybody: while somebody waits, it answers `None`.
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
    permits: number
  ): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<Option.Option<A>, E, R>
  <A, E, R>(
    self: WeightedSemaphore,
    permits: number,
    effect: Effect.Effect<A, E, R>
  ): Effect.Effect<Option.Option<A>, E, R>
} = curried((self: Permits, permits: number, effect: AnyEffect) =>
  Effect.suspend(() => {
    self.check("withPermitsIfAvailable", permits)
    let held = false
    const enter = Effect.suspend(() => {
      if (!self.takeNow(permits, "guarded")) return Effect.succeedNone
      held = true
      return Effect.asSome(effect)
    })
    return Effect.onExitPrimitive(enter, () => {
      if (held) self.giveBack(permits)
      return undefined
    })
  })
)

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
  (permits: number): (self: WeightedSemaphore) => Effect.Effect<void>
  (self: WeightedSemaphore, permits: number): Effect.Effect<void>
} = dual(2, (self: Permits, permits: number) => self.take(permits))

/**
 * Takes `permits`, waiting for its turn, and gives them back when the scope closes.
 *
 * @since 0.1.0
 * @category taking
 */
export const takeScoped: {
  (permits: number): (self: WeightedSemaphore) => Effect.Effect<void, never, Scope.Scope>
  (self: WeightedSemaphore, permits: number): Effect.Effect<void, never, Scope.Scope>
} = dual(2, (self: Permits, permits: number) =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Effect.scope, (scope) => {
      const takeOrWait = Effect.suspend(() => {
        self.check("takeScoped", permits)
        return self.takeNow(permits, "guarded") ? Effect.void : restore(self.wait(permits, "guarded"))
      })
      const giveBack = Effect.sync(() => self.giveBack(permits))
      return Effect.andThen(takeOrWait, Scope.addFinalizer(scope, giveBack))
    })
  )
)

/**
 * Takes `permits` and answers true if a plain request would not wait; otherwise takes nothing and answers false.
 *
 * @since 0.1.0
 * @category taking
 */
export const takeIfAvailable: {
  (permits: number): (self: WeightedSemaphore) => Effect.Effect<boolean>
  (self: WeightedSemaphore, permits: number): Effect.Effect<boolean>
} = dual(2, (self: Permits, permits: number) =>
  Effect.sync(() => {
    self.check("takeIfAvailable", permits)
    return self.takeNow(permits, "loose")
  })
)

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
} = dual(2, (self: Permits, permits: number) => Effect.sync(() => self.release(permits)))

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
} = dual(2, (self: Permits, permits: number) => Effect.sync(() => self.resize(permits)))

/**
 * Reads the semaphore as it is at this instant.
 *
 * @since 0.1.0
 * @category observing
 */
export const stats = (self: WeightedSemaphore): Effect.Effect<Stats> => Effect.sync(() => (self as Permits).stats())

/** `f(self, permits)(effect)` and `f(self, permits, effect)`. Not `dual`: there, the effect would come first. */
function curried<F>(f: (self: Permits, permits: number, effect: AnyEffect) => AnyEffect): F {
  return ((self: Permits, permits: number, effect?: AnyEffect) =>
    effect === undefined ? (effect: AnyEffect) => f(self, permits, effect) : f(self, permits, effect)) as F
}
