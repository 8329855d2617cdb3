/**
 * Holds calls to a limit on concurrency that finds itself: an `AdaptiveLimit` that hears how every call went, and a
 * `WeightedSemaphore` that it resizes.
 *
 * - **Over the limit** a call fails at once with `ConcurrencyLimited`, and does not run. With `maxWaiting`, so many may
 *   stand in line instead, for `maxWait` at the most; they are served first come, first served.
 * - **Outcomes.** A call that ran is a `success`, `dropped` or `ignored`; `classify` says which. Latencies are those of
 *   the calls alone, without their wait, by the monotonic clock.
 * - **Interruption** gives back the permit, or the place in the line, and is ignored: that a caller went away says nothing
 *   about the server. So a timeout has to stand *inside*, `withPermit(limiter, Effect.timeout(call, "1 second"))`, to be
 *   heard; around `withPermit` it is an interruption.
 * - **A limit that falls** revokes nothing: what is in flight ends, and until it is below the limit nobody is let in.
 * - **Cost.** O(1) per call, whatever the number of calls.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Inspectable from "effect/Inspectable"
import * as Option from "effect/Option"
import type * as Pipeable from "effect/Pipeable"
import { isTagged } from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"

import * as AdaptiveLimit from "./AdaptiveLimit.ts"
import { checkCount, checkDuration } from "./internal/defect.ts"
import { type AnyEffect, effectLast } from "./internal/effectLast.ts"
import { Handle } from "./internal/handle.ts"
import { LatestLatencies } from "./internal/latestLatencies.ts"
import * as WeightedSemaphore from "./WeightedSemaphore.ts"

const TypeId = "~heddle/AdaptiveLimiter"

/**
 * A handle on a limiter. Opaque: the functions of this module are its behaviour.
 *
 * @since 0.1.0
 * @category models
 */
export interface AdaptiveLimiter extends Pipeable.Pipeable, Inspectable.Inspectable {
  readonly [TypeId]: typeof TypeId
}

/**
 * What the limit hears of a call.
 *
 * - `"success"`: it was answered, and its latency counts.
 * - `"dropped"`: overload ended it. The limit shrinks; the latency does not count.
 * - `"ignored"`: it says nothing about the server's load.
 *
 * @since 0.1.0
 * @category models
 */
export type Outcome = "success" | "dropped" | "ignored"

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** How the limit is found: `AdaptiveLimit.aimd()`, `vegas()` or `gradient2()`. */
  readonly limit: AdaptiveLimit.AdaptiveLimit
  /** Default: the minimum of `limit`. */
  readonly minimum?: number | undefined
  /** Default: the maximum of `limit`. */
  readonly maximum?: number | undefined
  /** How many calls may wait while the limit is reached: an integer from 0 up, or `Infinity`. Default: 0. */
  readonly maxWaiting?: number | undefined
  /** How long a call waits at the most. Default: for ever. */
  readonly maxWait?: Duration.Input | undefined
  /** Default: `classify`. */
  readonly classify?: ((exit: Exit.Exit<unknown, unknown>) => Outcome) | undefined
  /** Names the limiter in messages and inspections. Default: none. */
  readonly name?: string | undefined
}

/**
 * The limit was reached, and the line was full or `maxWait` went by. The call did not run.
 *
 * @since 0.1.0
 * @category errors
 */
export class ConcurrencyLimited extends Schema.TaggedError<ConcurrencyLimited>()("ConcurrencyLimited", {
  /** The limit of the moment. */
  limit: Schema.Int,
  /** How many calls were in flight: more than `limit` after it fell. */
  inFlight: Schema.Int,
  /** How many calls were waiting. */
  waiting: Schema.Int,
  /** How long this one waited. */
  waited: Schema.Duration
}) {
  override get message(): string {
    const { inFlight, limit, waited, waiting } = this
    const after = Duration.isZero(waited) ? "" : ` after ${Duration.format(waited)}`
    return `over the limit of ${limit}${after}: ${inFlight} in flight, ${waiting} waiting`
  }
}

/**
 * What a limiter looks like at one instant.
 *
 * @since 0.1.0
 * @category models
 */
export interface Stats {
  /** How many calls may be in flight: half as many as otherwise during a probe. */
  readonly limit: number
  readonly inFlight: number
  readonly waiting: number
  /** Calls that ran, by outcome, since the limiter was made. */
  readonly succeeded: number
  readonly dropped: number
  readonly ignored: number
  /** Calls that failed with `ConcurrencyLimited`. */
  readonly rejected: number
  /** Of the last 256 successes; `undefined` before the first. */
  readonly latency: { readonly p50: Duration.Duration; readonly p99: Duration.Duration } | undefined
  /** The latency without a queue, as far as the limit knows it. */
  readonly baseline: Duration.Duration | undefined
}

/**
 * The outcomes by default: a success is a success; a `TimeoutError` or `DeadlineExceeded` in the error channel is dropped;
 * whatever else ends a call is ignored, because a failure that is quick for another reason would pass for good health. Name
 * your server's ways to say no in a `classify` of your own.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Cause from "effect/Cause"
 * import * as Exit from "effect/Exit"
 * import * as AdaptiveLimiter from "heddle/AdaptiveLimiter"
 *
 * AdaptiveLimiter.classify(Exit.succeed("answer")) // => "success"
 * AdaptiveLimiter.classify(Exit.fail(new Cause.TimeoutError())) // => "dropped"
 * AdaptiveLimiter.classify(Exit.fail("not found")) // => "ignored"
 * AdaptiveLimiter.classify(Exit.interrupt()) // => "ignored"
 * ```
 *
 * @since 0.1.0
 * @category outcomes
 */
export const classify = (exit: Exit.Exit<unknown, unknown>): Outcome => {
  if (Exit.isSuccess(exit)) return "success"
  return exit.cause.reasons.some((reason) => Cause.isFailReason(reason) && isTimeout(reason.error))
    ? "dropped"
    : "ignored"
}

const isTimeout = (error: unknown): boolean => Cause.isTimeoutError(error) || isTagged(error, "DeadlineExceeded")

/**
 * Makes a limiter. Options that break their rules die.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import { AdaptiveLimit, AdaptiveLimiter } from "heddle"
 *
 * const program = Effect.gen(function* () {
 *   const limiter = yield* AdaptiveLimiter.make({ limit: AdaptiveLimit.gradient2(), maximum: 100 })
 *   const call = Effect.succeed("answer").pipe(AdaptiveLimiter.withPermit(limiter))
 *   const answer = yield* call
 *   const { inFlight, limit, succeeded } = yield* AdaptiveLimiter.stats(limiter)
 *   return { answer, inFlight, limit, succeeded }
 * })
 *
 * await Effect.runPromise(program) // => { answer: "answer", inFlight: 0, limit: 20, succeeded: 1 }
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<AdaptiveLimiter> => Effect.sync(() => makeUnsafe(options))

/**
 * `make` outside of Effect, for a module's top level. Throws where `make` dies.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeUnsafe = (options: Options): AdaptiveLimiter => new Limiter(options)

/**
 * Runs an effect as one call within the limit, and tells the limit how it went. Where the limit is reached it fails with
 * `ConcurrencyLimited`, or waits for its turn if there is room in the line.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import { AdaptiveLimit, AdaptiveLimiter } from "heddle"
 *
 * const limiter = AdaptiveLimiter.makeUnsafe({ limit: AdaptiveLimit.aimd({ initial: 1 }) })
 * const call = Effect.timeout(Effect.sleep("5 millis"), "1 second").pipe(
 *   AdaptiveLimiter.withPermit(limiter),
 *   Effect.match({ onSuccess: () => "answered", onFailure: (error) => error._tag })
 * )
 *
 * await Effect.runPromise(Effect.all([call, call], { concurrency: 2 })) // => ["answered", "ConcurrencyLimited"]
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const withPermit: {
  (self: AdaptiveLimiter): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | ConcurrencyLimited, R>
  <A, E, R>(self: AdaptiveLimiter, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | ConcurrencyLimited, R>
} = effectLast(2, (self: Limiter, effect: AnyEffect) => self.run(effect))

/**
 * Reads the limiter as it is at this instant. Costs a sort of 256 numbers.
 *
 * @since 0.1.0
 * @category observing
 */
export const stats = (self: AdaptiveLimiter): Effect.Effect<Stats> => Effect.sync(() => (self as Limiter).stats())

class Limiter extends Handle implements AdaptiveLimiter {
  readonly [TypeId]: typeof TypeId = TypeId
  private readonly classify: (exit: Exit.Exit<unknown, unknown>) => Outcome
  private readonly maxWaiting: number
  private readonly maxWait: Duration.Duration | undefined
  private readonly update: (state: AdaptiveLimit.State, sample: AdaptiveLimit.Sample) => AdaptiveLimit.State
  // Invariant: the semaphore has as many permits as the state's limit.
  private state: AdaptiveLimit.State
  private readonly permits: WeightedSemaphore.WeightedSemaphore
  private readonly latencies = new LatestLatencies()
  private inFlight = 0
  private waiting = 0
  private rejected = 0
  private readonly counts = { success: 0, dropped: 0, ignored: 0 }

  constructor(options: Options) {
    super("AdaptiveLimiter", options.name)
    const limit = AdaptiveLimit.withBounds(options.limit, options)
    this.classify = options.classify ?? classify
    const { maxWaiting = 0 } = options
    checkCount(this.label("make"), "maxWaiting", maxWaiting, "or Infinity")
    const maxWait = checkDuration(this.label("make"), "maxWait", options.maxWait ?? Infinity)
    this.maxWaiting = maxWaiting
    this.maxWait = Duration.isFinite(maxWait) ? maxWait : undefined
    this.update = AdaptiveLimit.update(limit)
    this.state = AdaptiveLimit.initial(limit)
    this.permits = WeightedSemaphore.makeUnsafe({ permits: this.state.limit })
  }

  stats(): Stats {
    const { counts, inFlight, latencies, rejected, state, waiting } = this
    const p50 = latencies.quantile(0.5)
    const p99 = latencies.quantile(0.99)
    return {
      limit: state.limit,
      inFlight,
      waiting,
      succeeded: counts.success,
      dropped: counts.dropped,
      ignored: counts.ignored,
      rejected,
      latency: p50 === undefined || p99 === undefined ? undefined : { p50, p99 },
      baseline: state.baseline === undefined ? undefined : Duration.millis(state.baseline / 1e6)
    }
  }

  run(effect: AnyEffect): AnyEffect {
    const call = this.call(effect)
    const atOnce = WeightedSemaphore.withPermitsIfAvailable(this.permits, 1, call)
    const otherwise = this.maxWaiting === 0 ? this.refuse(Duration.zero) : this.wait(call)
    return Effect.flatMap(atOnce, (answer) => (Option.isSome(answer) ? Effect.succeed(answer.value) : otherwise))
  }

  /** The effect, counted while it runs and measured when it ends. The end comes before the permit is given back. */
  private call(effect: AnyEffect): AnyEffect {
    return Clock.clockWith((clock) => {
      let begun: { readonly at: bigint; readonly inFlight: number } | undefined
      const enter = Effect.suspend(() => {
        begun = { at: clock.monotonicTimeNanosUnsafe(), inFlight: ++this.inFlight }
        return effect
      })
      return Effect.onExitPrimitive(enter, (exit) => {
        if (begun === undefined) return undefined
        this.inFlight--
        const now = clock.monotonicTimeNanosUnsafe()
        return this.hear(this.classify(exit), Math.max(0, Number(now - begun.at)), begun.inFlight, Number(now))
      })
    })
  }

  private hear(outcome: Outcome, rtt: number, inFlight: number, now: number): Effect.Effect<void> | undefined {
    this.counts[outcome]++
    if (outcome === "ignored") return undefined
    if (outcome === "success") this.latencies.add(rtt)
    const { limit } = this.state
    this.state = this.update(this.state, { rtt, inFlight, dropped: outcome === "dropped", now })
    return this.state.limit === limit ? undefined : WeightedSemaphore.resize(this.permits, this.state.limit)
  }

  private refuse(waited: Duration.Duration): Effect.Effect<never, ConcurrencyLimited> {
    return Effect.suspend(() => {
      this.rejected++
      const { inFlight, waiting } = this
      return Effect.fail(new ConcurrencyLimited({ limit: this.state.limit, inFlight, waiting, waited }))
    })
  }

  /** Stands in line, if there is room, until the call begins. */
  private wait(call: AnyEffect): AnyEffect {
    return Effect.suspend(() => {
      let stands = false
      const leave = () => {
        if (stands) this.waiting--
        stands = false
      }
      const begin = Effect.suspend(() => {
        leave()
        return call
      })
      const enter = Effect.suspend(() => {
        if (this.waiting >= this.maxWaiting) return this.refuse(Duration.zero)
        this.waiting++
        stands = true
        return this.maxWait === undefined
          ? WeightedSemaphore.withPermit(this.permits, begin)
          : this.waitAtMost(this.maxWait, begin, leave)
      })
      return Effect.onExitPrimitive(enter, () => {
        leave()
        return undefined
      })
    })
  }

  /**
   * A race of the turn and the clock decides who goes on, not who holds: whatever it took belongs to a scope of its own, so
   * a turn that comes as the time is up goes to the next.
   */
  private waitAtMost(maxWait: Duration.Duration, begin: AnyEffect, leave: () => void): AnyEffect {
    return Effect.acquireUseRelease(
      Scope.make(),
      (scope) => {
        const turn = Effect.as(Scope.provide(WeightedSemaphore.takeScoped(this.permits, 1), scope), true)
        const timeIsUp = Effect.as(Effect.sleep(maxWait), false)
        const giveUp = Effect.suspend(() => {
          leave()
          return this.refuse(maxWait)
        })
        return Effect.flatMap(Effect.raceFirst(turn, timeIsUp), (served) => (served ? begin : giveUp))
      },
      (scope, exit) => Scope.close(scope, exit)
    )
  }
}
