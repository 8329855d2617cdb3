/**
 * Hedged requests: a second attempt when the first is slow, and the first success wins. For reads, and whatever else may be
 * done twice, against a service whose slowest answers take far longer than the others.
 *
 * - **When.** After a fixed delay, or after a percentile of the latencies that the handle has seen: a hedge at the 95th sends
 *   about one request in twenty twice. A hedge is for slowness only: what fails is not tried again.
 * - **How it ends.** With the first success. When all attempts have failed, with all their failures in the order of the attempts.
 *   A defect in one attempt wins at once.
 * - **Losers** are interrupted, and the result comes when they have ended; with `losers: "scope"` at once, and the scope
 *   waits for them. Their defects are logged. An interrupted caller interrupts all attempts.
 * - **Load.** A `RetryBudget` bounds hedges, and retries with them. Without room the hedge is not sent, and the first attempt
 *   goes on. Under a deadline that would pass before the delay no hedge is sent either.
 * - **Cost.** A fiber per attempt, and a timer while the first one runs. A percentile takes 5 KB per handle.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type * as Inspectable from "effect/Inspectable"
import type * as Pipeable from "effect/Pipeable"
import type * as Scope from "effect/Scope"

import type { RetryBudget } from "./internal/budget.ts"
import { type AnyEffect, effectLast } from "./internal/effectLast.ts"
import { CurrentAttempt, Hedging, type TypeId } from "./internal/hedging.ts"

export {
  /**
   * Which attempt of a hedged effect a fiber runs: 1 is the first, and also what is read outside.
   *
   * @since 0.1.0
   * @category references
   */
  CurrentAttempt
}

/**
 * A handle on a way to hedge, and on the latencies that it has seen. Opaque: the functions of this module are its
 * behaviour. `R` is what a run needs besides: a scope, if that takes the losers.
 *
 * @since 0.1.0
 * @category models
 */
export interface Hedge<out R = never> extends Pipeable.Pipeable, Inspectable.Inspectable {
  readonly [TypeId]: () => R
}

/** Where the losers go. */
type Losers = "await" | "scope"

type NeededFor<L extends Losers> = L extends "scope" ? Scope.Scope : never

interface Common<L extends Losers> {
  /** At most so many attempts, the first included: a whole number from 1, or `Infinity`. Default: 2. */
  readonly maxAttempts?: number | undefined
  /** Bounds hedges together with whatever else it is given to. Default: none. */
  readonly budget?: RetryBudget | undefined
  /** Whether the result waits for the losers to end, or hands them to the scope. Default: `await`. */
  readonly losers?: L | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface DelayOptions<L extends "await" | "scope" = "await"> extends Common<L> {
  /** From the start of one attempt to the next. `Infinity`, or a negative one, never hedges. */
  readonly delay: Duration.Input
}

/**
 * @since 0.1.0
 * @category models
 */
export interface PercentileOptions<L extends "await" | "scope" = "await"> extends Common<L> {
  /** The delay is this percentile, from 1 to 99.9, of the latest 2,048 latencies of first attempts. */
  readonly percentile: number
  /** The delay while too few latencies are known: less than `100 / (100 - percentile)`, or than 10. Default: no hedges. */
  readonly delay?: Duration.Input | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export type Options<L extends "await" | "scope" = "await"> = (DelayOptions<L> | PercentileOptions<L>) & {
  /** Names it in messages and in inspections. Default: none. */
  readonly name?: string | undefined
}

/**
 * What a handle looks like at one instant.
 *
 * @since 0.1.0
 * @category models
 */
export interface Stats {
  /** After what time the next run would be hedged; `Infinity` for never. */
  readonly delay: Duration.Duration
  /** Runs, in all. */
  readonly runs: number
  /** Further attempts that were sent, in all. */
  readonly hedges: number
  /** Runs that a further attempt has won. */
  readonly wins: number
  /** Further attempts that the budget refused. */
  readonly refused: number
}

/**
 * Makes a handle, to be shared by all who call the same service: percentiles are those of its calls. Options that make no
 * sense die with a message that names them.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as Hedge from "heddle/Hedge"
 *
 * const replica = Effect.flatMap(Hedge.CurrentAttempt, (attempt) =>
 *   attempt === 1 ? Effect.never : Effect.succeed(`replica ${attempt}`)
 * )
 * const program = Effect.gen(function* () {
 *   const reads = yield* Hedge.make({ percentile: 95, delay: "2 millis" })
 *   return yield* replica.pipe(Hedge.run(reads))
 * })
 *
 * await Effect.runPromise(program) // => "replica 2"
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <L extends "await" | "scope" = "await">(options: Options<L>): Effect.Effect<Hedge<NeededFor<L>>> =>
  Effect.sync(() => makeUnsafe(options))

/**
 * `make` outside of Effect, for a module's top level. Throws where `make` dies.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeUnsafe = <L extends "await" | "scope" = "await">(options: Options<L>): Hedge<NeededFor<L>> =>
  new Hedging("make", options) as never

/**
 * Runs an effect, and again while it is slow, and gives the first success. All attempts see the caller's services; which
 * attempt it is, an effect learns from `CurrentAttempt`.
 *
 * @since 0.1.0
 * @category running
 */
export const run: {
  <R2>(self: Hedge<R2>): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R | R2>
  <R2, A, E, R>(self: Hedge<R2>, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R | R2>
} = effectLast(2, (self: Hedging, effect: AnyEffect) => self.run(effect))

/**
 * `run` without a handle, for a fixed delay.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as Hedge from "heddle/Hedge"
 *
 * let attempts = 0
 * const read = Effect.suspend(() => (++attempts === 1 ? Effect.never : Effect.succeed(`attempt ${attempts}`)))
 *
 * await Effect.runPromise(read.pipe(Hedge.hedge({ delay: "2 millis" }))) // => "attempt 2"
 * ```
 *
 * @since 0.1.0
 * @category running
 */
export const hedge: {
  <L extends "await" | "scope" = "await">(
    options: DelayOptions<L>
  ): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R | NeededFor<L>>
  <A, E, R, L extends "await" | "scope" = "await">(
    effect: Effect.Effect<A, E, R>,
    options: DelayOptions<L>
  ): Effect.Effect<A, E, R | NeededFor<L>>
} = dual(2, (effect: AnyEffect, options: DelayOptions<Losers>): AnyEffect =>
  Effect.suspend(() => new Hedging("hedge", options).run(effect))
)

/**
 * Reads the handle as it is at this instant.
 *
 * @since 0.1.0
 * @category observing
 */
export const stats = <R>(self: Hedge<R>): Effect.Effect<Stats> =>
  Effect.sync(() => (self as unknown as Hedging).stats())
