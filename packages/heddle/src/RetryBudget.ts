/**
 * A bound on the work that a service adds by itself: retries and hedges together, as a share of its real traffic.
 *
 * When a dependency is slow or down, every caller retries at once, and the load that it cannot bear doubles or triples. A
 * budget is shared by all who call the dependency. Of all executions that are in flight, further attempts may be a share, and
 * a few may be in flight whatever the traffic.
 *
 * - **Refusal.** A retry that has no room fails at once, before its backoff, with the failure that it has: the error
 *   channel does not change. A hedge that has no room is not sent, and the first attempt goes on.
 * - **Interruption.** What an attempt has taken goes back when it ends, however it ends, exactly once.
 * - **Cost.** Two counters; no clock and no memory per call.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type * as Types from "effect/Types"

import { Budget, type RetryBudget } from "./internal/budget.ts"
import { nanosLeft } from "./internal/deadline.ts"
import { checkCount, checkFunction, checkThat } from "./internal/defect.ts"
import { type AnyEffect, effectLast } from "./internal/effectLast.ts"

export type { RetryBudget }

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** The share of executions in flight that may be further attempts, from 0 to 1. Default: 0.2. */
  readonly ratio?: number | undefined
  /** So many further attempts may be in flight whatever the traffic: a whole number from 0, or `Infinity`. Default: 3. */
  readonly minConcurrency?: number | undefined
  /** Names the budget in messages and in inspections. Default: none. */
  readonly name?: string | undefined
}

/**
 * What a budget looks like at one instant.
 *
 * @since 0.1.0
 * @category models
 */
export interface Stats {
  /** Executions in flight, further attempts included. */
  readonly executions: number
  /** Further attempts in flight: retries from their backoff on, and hedges. */
  readonly extra: number
  /** Further attempts that were given room, in all. */
  readonly granted: number
  /** Further attempts that were not, in all. */
  readonly refused: number
}

/**
 * Makes a budget. A further attempt has room if fewer than `minConcurrency` are in flight, or if those in flight are at
 * most `ratio` of all executions in flight; a `ratio` of 0 leaves the former. A `ratio` outside of 0 to 1 dies.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as Schedule from "effect/Schedule"
 * import * as RetryBudget from "heddle/RetryBudget"
 *
 * const program = Effect.gen(function* () {
 *   const budget = yield* RetryBudget.make({ ratio: 0.1, minConcurrency: 10 })
 *   let attempts = 0
 *   const call = Effect.suspend(() => (++attempts < 3 ? Effect.fail("unavailable") : Effect.succeed("ok")))
 *   const result = yield* call.pipe(RetryBudget.retry(budget, Schedule.exponential("1 millis")))
 *   return [result, yield* RetryBudget.stats(budget)]
 * })
 *
 * await Effect.runPromise(program) // => ["ok", { executions: 0, extra: 0, granted: 2, refused: 0 }]
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options = {}): Effect.Effect<RetryBudget> => Effect.sync(() => makeUnsafe(options))

/**
 * `make` outside of Effect, for a module's top level. Throws where `make` dies.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeUnsafe = (options: Options = {}): RetryBudget => new Budget(options)

/**
 * `Effect.retry` under a budget, with the same policies: a `Schedule`, or options with `schedule`, `times`, `while` and
 * `until`. The execution counts as real traffic while it lasts.
 *
 * The budget is asked last, once the policy has decided to retry, and room is held from before the backoff until the attempt
 * has ended. Without room, and where the backoff would outlast the deadline, it fails at once with the last failure.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as RetryBudget from "heddle/RetryBudget"
 *
 * const budget = RetryBudget.makeUnsafe({ ratio: 0, minConcurrency: 0 })
 * let attempts = 0
 * const call = Effect.suspend(() => Effect.fail(`failure ${++attempts}`))
 *
 * await Effect.runPromise(Effect.flip(call.pipe(RetryBudget.retry(budget, { times: 5 })))) // => "failure 1"
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const retry: {
  <E, O extends Effect.Retry.Options<E>>(
    self: RetryBudget,
    options: O
  ): <A, R>(effect: Effect.Effect<A, E, R>) => Effect.Retry.Return<R, E, A, O>
  <B, E, Error, Env>(
    self: RetryBudget,
    policy: Schedule.Schedule<B, Types.NoInfer<E>, Error, Env>
  ): <A, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Error, R | Env>
  <A, E, R, O extends Effect.Retry.Options<E>>(
    self: RetryBudget,
    options: O,
    effect: Effect.Effect<A, E, R>
  ): Effect.Retry.Return<R, E, A, O>
  <A, E, R, B, Error, Env>(
    self: RetryBudget,
    policy: Schedule.Schedule<B, Types.NoInfer<E>, Error, Env>,
    effect: Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | Error, R | Env>
} = effectLast(3, (self: Budget, policy: AnySchedule | Effect.Retry.Options<any>, effect: AnyEffect) => {
  return Effect.suspend(() => {
    const options = retryOptions(self.label("retry"), policy)
    let held = false
    const giveBack = () => {
      if (held) self.release()
      held = false
    }
    const decide = Effect.fnUntraced(function* ({ attempt, duration, input }: Schedule.Metadata) {
      giveBack()
      if (attempt > (options.times ?? Infinity)) return false
      if (options.while !== undefined && !(yield* answer(options.while(input)))) return false
      if (options.until !== undefined && (yield* answer(options.until(input)))) return false
      const left = yield* Effect.withFiber((fiber) => Effect.succeed(nanosLeft(fiber)))
      if (Duration.toMillis(duration) * 1e6 >= left) return false
      held = self.takeIfAvailable()
      return held
    })
    const retried = Effect.retry(effect, Schedule.while(options.schedule ?? Schedule.forever, decide))
    return Effect.onExitPrimitive(self.execution(retried), () => {
      giveBack()
      return undefined
    })
  })
})

const retryOptions = (label: string, policy: AnySchedule | Effect.Retry.Options<any>): Effect.Retry.Options<any> => {
  if (Schedule.isSchedule(policy)) return { schedule: policy }
  const isObject = typeof policy === "object" && policy !== null
  checkThat(isObject, label, "the policy", policy, "a Schedule or options")
  const { schedule, times, until, while: goOn } = policy
  if (times !== undefined) checkCount(label, "times", times, "or Infinity")
  if (goOn !== undefined) checkFunction(label, "while", goOn)
  if (until !== undefined) checkFunction(label, "until", until)
  checkThat(schedule === undefined || Schedule.isSchedule(schedule), label, "schedule", schedule, "a Schedule")
  return policy
}

const answer = (answer: boolean | Effect.Effect<boolean, any, any>): Effect.Effect<boolean, any, any> =>
  typeof answer === "boolean" ? Effect.succeed(answer) : answer

/**
 * Counts an effect as real traffic while it runs. `retry`, and `Hedge` with a budget, do so by themselves; this is for
 * traffic that does neither, and makes room for that which does. Nested under the same budget it counts once, until the last
 * that runs inside of it has ended; what a daemon begins after that counts anew.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withExecution: {
  (self: RetryBudget): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: RetryBudget, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R>
} = effectLast(2, (self: Budget, effect: AnyEffect) => self.execution(effect))

/**
 * Runs an effect as a further attempt if there is room for it, and gives its result as `Some`; otherwise `None`, at once.
 * For one's own ways of trying again.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as Option from "effect/Option"
 * import * as RetryBudget from "heddle/RetryBudget"
 *
 * const budget = RetryBudget.makeUnsafe({ ratio: 0.5, minConcurrency: 1 })
 * const again = Effect.succeed("again").pipe(RetryBudget.withAttemptIfAvailable(budget))
 *
 * await Effect.runPromise(again) // => Option.some("again")
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const withAttemptIfAvailable: {
  (self: RetryBudget): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<Option.Option<A>, E, R>
  <A, E, R>(self: RetryBudget, effect: Effect.Effect<A, E, R>): Effect.Effect<Option.Option<A>, E, R>
} = effectLast(2, (self: Budget, effect: AnyEffect) => self.attemptIfAvailable(effect))

/**
 * Reads the budget as it is at this instant.
 *
 * @since 0.1.0
 * @category observing
 */
export const stats = (self: RetryBudget): Effect.Effect<Stats> => Effect.sync(() => (self as Budget).stats())

type AnySchedule = Schedule.Schedule<any, any, any, any>
