/**
 * Holds calls to a limit on concurrency that finds itself: an `AdaptiveLimit` that hears how every call went, and a
 * `Bulkhead` that it resizes.
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
import type * as Pipeable from "effect/Pipeable"
import { isTagged } from "effect/Predicate"
import * as Schema from "effect/Schema"

import * as AdaptiveLimit from "./AdaptiveLimit.ts"
import { BoundedPermits } from "./internal/boundedPermits.ts"
import { checkThat } from "./internal/defect.ts"
import { type AnyEffect, effectLast } from "./internal/effectLast.ts"
import { LatestLatencies } from "./internal/latestLatencies.ts"
import type { Party } from "./internal/observer.ts"

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
  /**
   * Names the limiter in messages, and shows it to whoever looks: its counts are gauges `heddle_adaptive_limiter_*` with the
   * name as an attribute. Default: none.
   */
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
  /** Given, as those below, while an inspector is attached and the limiter has a name. */
  readonly name?: string
  /** Whose calls are in flight: those that came in since the inspector was attached, in that order. */
  readonly holders?: ReadonlyArray<Party>
  /** Whose calls wait: those that came since the inspector was attached, in that order. */
  readonly waiters?: ReadonlyArray<Party>
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
export const makeUnsafe = (options: Options): AdaptiveLimiter => new Limiter(options).observed()

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

const anOutcome = "one of success, dropped, ignored"

class Limiter extends BoundedPermits implements AdaptiveLimiter {
  readonly [TypeId]: typeof TypeId = TypeId
  private readonly classify: (exit: Exit.Exit<unknown, unknown>) => Outcome
  private readonly update: (state: AdaptiveLimit.State, sample: AdaptiveLimit.Sample) => AdaptiveLimit.State
  // Invariant: there are as many permits as the state's limit.
  private state: AdaptiveLimit.State
  private readonly latencies = new LatestLatencies()
  private inFlight = 0
  private readonly outcomes = { success: 0, dropped: 0, ignored: 0 }

  constructor(options: Options) {
    const limit = AdaptiveLimit.withBounds(options.limit, options)
    const { maxWait, maxWaiting = 0, name } = options
    super("AdaptiveLimiter", "limit", { concurrency: limit.initial, maxWaiting, maxWait, name })
    this.classify = options.classify ?? classify
    this.update = AdaptiveLimit.update(limit)
    this.state = AdaptiveLimit.initial(limit)
  }

  protected counts() {
    const { inFlight, outcomes, permits: limit, refused, timedOut, waiting } = this
    const { dropped, ignored, success: succeeded } = outcomes
    return { limit, inFlight, waiting, succeeded, dropped, ignored, rejected: refused + timedOut }
  }

  stats(): Stats {
    const { baseline } = this.state
    const p50 = this.latencies.quantile(0.5)
    const p99 = this.latencies.quantile(0.99)
    return {
      ...this.counts(),
      latency: p50 === undefined || p99 === undefined ? undefined : { p50, p99 },
      baseline: baseline === undefined ? undefined : Duration.millis(baseline / 1e6),
      ...this.parties()
    }
  }

  run(effect: AnyEffect): AnyEffect {
    return this.withPermits(1, this.call(effect), undefined)
  }

  protected errorOfFull() {
    return this.limited(Duration.zero)
  }

  protected errorOfTimeout(waited: Duration.Duration) {
    return this.limited(waited)
  }

  private limited(waited: Duration.Duration): ConcurrencyLimited {
    const { inFlight, permits: limit, waiting } = this
    return new ConcurrencyLimited({ limit, inFlight, waiting, waited })
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
        this.hear(this.classify(exit), Math.max(0, Number(now - begun.at)), begun.inFlight, Number(now))
        return undefined
      })
    })
  }

  private hear(outcome: Outcome, rtt: number, inFlight: number, now: number): void {
    checkThat(
      Object.hasOwn(this.outcomes, outcome),
      this.label("withPermit"),
      "what classify answers",
      outcome,
      anOutcome
    )
    this.outcomes[outcome]++
    if (outcome === "ignored") return
    if (outcome === "success") this.latencies.add(rtt)
    this.state = this.update(this.state, { rtt, inFlight, dropped: outcome === "dropped", now })
    if (this.state.limit !== this.permits) this.resize(this.state.limit)
  }
}
