/**
 * Limits on concurrency that find themselves, from how long calls take and which of them are dropped: `aimd`, `vegas` and
 * `gradient2`, after congestion control in TCP and Netflix's concurrency-limits.
 *
 * A limit is data, and this module is pure: `initial` gives the state to begin with, `update` the state after a call.
 * `AdaptiveLimiter` keeps the state and holds the calls to it. Any scheduler of calls can do the same.
 *
 * - **Rounds.** A limit moves once per round: when as many calls have ended as were in flight, and then `samples` more were
 *   measured. So it sees what a step did before it takes the next one.
 * - **Up** to twice what was in flight at the most: an idle system does not grow. Until it first meets resistance the limit
 *   doubles (the warm-up), from then on it steps.
 * - **Down** by `backoff` when a call of the round was dropped, by half when all were. A drop's latency is never used, so a
 *   timeout that is always the same is no healthy latency.
 * - **Latency** is compared with that of the server without a queue. `vegas` and `gradient2` measure it by a probe: they
 *   halve the load for one round, when latency looks bad and now and then at full load. A lasting overload is not learnt
 *   as normal, and a server that became slower in itself is told from one that has a queue.
 * - **Bounds.** The limit is a whole number from `minimum` to `maximum`, whatever the samples are.
 *
 * Numbers that break the rule beside them throw: a NaN cannot get into the state.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"

import { checkCount, checkDuration, checkThat } from "./internal/defect.ts"
import * as judges from "./internal/judges.ts"
import {
  checkSample,
  isOver,
  join,
  newRound,
  type Report,
  reportOf,
  type Round,
  type Sample
} from "./internal/round.ts"
import { backOff, leaveOut, limitOf, listen, newSearch, type Search, step } from "./internal/search.ts"

export type {
  /** @since 0.1.0 @category models */
  Sample
}

/**
 * What all limits have.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** The limit never falls below: an integer from 1 up. Default: 1. */
  readonly minimum?: number | undefined
  /** The limit never rises above: an integer from `minimum` up. Default: 200. */
  readonly maximum?: number | undefined
  /** The limit to begin with: an integer. Default: 20, or the bound that is nearest to it. */
  readonly initial?: number | undefined
  /** What is left of the limit after a round in which a call was dropped: above 0, below 1. Default: 0.9. */
  readonly backoff?: number | undefined
  /** How many calls a round measures: an integer from 1 up. More are more precise, and slower. */
  readonly samples?: number | undefined
  /** How long a round lasts at the least, where samples have a `now`. Default: 100 milliseconds. */
  readonly window?: Duration.Input | undefined
  /** A call that took longer counts as dropped, also where it succeeded. Default: none does. */
  readonly timeout?: Duration.Input | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface LatencyOptions extends Options {
  /** Which part of the way to the limit that seems right a step goes: above 0, at most 1. */
  readonly smoothing?: number | undefined
  /**
   * How many rounds at full load there are between two probes: an integer from 1 up, or `Infinity` to probe only where
   * latency looks bad. Default: 60.
   */
  readonly probeEvery?: number | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface VegasOptions extends LatencyOptions {
  /** With less than this in the queue the limit grows: requests, or thirtieths of a limit above 30. Default: 3. */
  readonly alpha?: number | undefined
  /** With more than this in the queue it shrinks: at least `alpha`, in the same unit. Default: 6. */
  readonly beta?: number | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Gradient2Options extends LatencyOptions {
  /** So many times its latency without a queue a server may take: from 1 up. Default: 1.5. */
  readonly tolerance?: number | undefined
  /** How much may wait, and what the limit grows by: requests, or thirtieths of a limit above 30. Default: 4. */
  readonly headroom?: number | undefined
}

interface Common {
  readonly minimum: number
  readonly maximum: number
  readonly initial: number
  readonly backoff: number
  readonly samples: number
  readonly windowNanos: number
  readonly timeoutNanos: number
}

interface Latency extends Common {
  readonly smoothing: number
  readonly probeEvery: number
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Aimd extends Common {
  readonly _tag: "aimd"
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Vegas extends Latency {
  readonly _tag: "vegas"
  readonly alpha: number
  readonly beta: number
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Gradient2 extends Latency {
  readonly _tag: "gradient2"
  readonly tolerance: number
  readonly headroom: number
}

/**
 * A limit as data.
 *
 * @since 0.1.0
 * @category models
 */
export type AdaptiveLimit = Aimd | Vegas | Gradient2

/**
 * Where a limit stands. Immutable. What it has besides `limit` and `baseline` belongs to `update`.
 *
 * @since 0.1.0
 * @category models
 */
export interface State extends Search {
  /** How many calls may be in flight: a whole number. */
  readonly limit: number
  /** The latency without a queue, in nanoseconds; `undefined` while it is not known, and always for `aimd`. */
  readonly baseline: number | undefined
  readonly round: Round
}

/**
 * Additive increase, multiplicative decrease: one more per round until a call is dropped. It listens to drops alone, so it
 * fills the server's queue until calls time out; give it a `timeout` near to what you still accept.
 *
 * `samples` is 10 by default. Throws where an option breaks its rule.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as AdaptiveLimit from "heddle/AdaptiveLimit"
 *
 * const limit = AdaptiveLimit.aimd({ initial: 50, maximum: 400, timeout: "800 millis" })
 * AdaptiveLimit.initial(limit).limit // => 50
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const aimd = (options: Options = {}): Aimd => ({ _tag: "aimd", ...common("AdaptiveLimit.aimd", options, 10) })

/**
 * Keeps a few requests in the server's queue: grows while there are fewer than `alpha`, shrinks while there are more than
 * `beta`. The queue is what Little's law says of the latency: `limit * (1 - baseline / latency)`. Of the three
 * it has the least latency.
 *
 * `samples` is 100 by default, `smoothing` 1. Throws where an option breaks its rule.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as AdaptiveLimit from "heddle/AdaptiveLimit"
 *
 * const limit = AdaptiveLimit.vegas({ alpha: 2, beta: 4, maximum: 12 })
 * AdaptiveLimit.initial(limit).limit // => 12
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const vegas = (options: VegasOptions = {}): Vegas => {
  const operation = "AdaptiveLimit.vegas"
  const { alpha = 3, beta = 6 } = options
  checkThat(alpha > 0, operation, "alpha", alpha, "above 0")
  checkThat(beta >= alpha && beta < Infinity, operation, "beta", beta, "finite and not below alpha")
  return { _tag: "vegas", ...latency(operation, options, 1), alpha, beta }
}

/**
 * Lets latency rise to `tolerance` times its baseline, then shrinks in proportion to the excess. It lets more
 * wait than `vegas` does, and is misled less by latencies that vary much.
 *
 * `samples` is 100 by default, `smoothing` 0.5. Throws where an option breaks its rule.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as AdaptiveLimit from "heddle/AdaptiveLimit"
 *
 * const limit = AdaptiveLimit.gradient2({ tolerance: 2, initial: 50 })
 * AdaptiveLimit.initial(limit).limit // => 50
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const gradient2 = (options: Gradient2Options = {}): Gradient2 => {
  const operation = "AdaptiveLimit.gradient2"
  const { headroom = 4, tolerance = 1.5 } = options
  checkThat(tolerance >= 1 && tolerance < Infinity, operation, "tolerance", tolerance, "finite and from 1 up")
  checkThat(headroom > 0 && headroom < Infinity, operation, "headroom", headroom, "finite and above 0")
  return { _tag: "gradient2", ...latency(operation, options, 0.5), tolerance, headroom }
}

const latency = (operation: string, options: LatencyOptions, defaultSmoothing: number): Latency => {
  const { probeEvery = 60, smoothing = defaultSmoothing } = options
  checkThat(smoothing > 0 && smoothing <= 1, operation, "smoothing", smoothing, "above 0 and at most 1")
  checkPositive(operation, "probeEvery", probeEvery, "or Infinity")
  return { ...common(operation, options, 100), smoothing, probeEvery }
}

const common = (operation: string, options: Options, defaultSamples: number): Common => {
  const { backoff = 0.9, maximum = 200, minimum = 1, samples = defaultSamples } = options
  const { initial = Math.min(maximum, Math.max(minimum, 20)) } = options
  checkPositive(operation, "minimum", minimum)
  checkPositive(operation, "maximum", maximum)
  checkThat(maximum >= minimum, operation, "maximum", maximum, `not below the minimum, which is ${minimum}`)
  checkPositive(operation, "initial", initial)
  checkThat(minimum <= initial && initial <= maximum, operation, "initial", initial, `from ${minimum} to ${maximum}`)
  checkThat(backoff > 0 && backoff < 1, operation, "backoff", backoff, "above 0 and below 1")
  checkPositive(operation, "samples", samples)
  const windowNanos = nanos(operation, "window", options.window ?? "100 millis")
  const timeoutNanos = nanos(operation, "timeout", options.timeout ?? Infinity)
  checkThat(windowNanos < Infinity, operation, "window", options.window, "finite")
  checkThat(timeoutNanos > 0, operation, "timeout", options.timeout, "above 0")
  return {
    minimum,
    maximum,
    initial,
    backoff,
    samples,
    windowNanos,
    timeoutNanos
  }
}

const checkPositive = (
  operation: string,
  what: string,
  value: number,
  unlimited: "finite" | "or Infinity" = "finite"
) => {
  checkCount(operation, what, value, unlimited)
  checkThat(value > 0, operation, what, value, "at least 1")
}

const nanos = (operation: string, what: string, input: Duration.Input): number =>
  Duration.toMillis(checkDuration(operation, what, input)) * 1e6

const tags = ["aimd", "vegas", "gradient2"]

const isTag = (tag: string | undefined): boolean => tag !== undefined && tags.includes(tag)

/**
 * The same limit within other bounds. Where its `initial` lies outside, the nearest bound takes its place. Throws where
 * they break the rules of `Options`.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as AdaptiveLimit from "heddle/AdaptiveLimit"
 *
 * const limit = AdaptiveLimit.withBounds(AdaptiveLimit.vegas(), { maximum: 10 })
 * const { initial, maximum, minimum } = limit
 * const bounds = [minimum, initial, maximum]
 * bounds // => [1, 10, 10]
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const withBounds = <Limit extends AdaptiveLimit>(
  limit: Limit,
  bounds: Pick<Options, "minimum" | "maximum">
): Limit => {
  checkThat(isTag(limit?._tag), "AdaptiveLimit.withBounds", "limit", limit, `what ${tags.join(", ")} made`)
  const { maximum = limit.maximum, minimum = limit.minimum } = bounds
  const initial = Math.min(maximum, Math.max(minimum, limit.initial))
  const checked = common("AdaptiveLimit.withBounds", { maximum, minimum, initial }, 1)
  return { ...limit, minimum: checked.minimum, maximum: checked.maximum, initial }
}

/**
 * The state to begin with.
 *
 * @since 0.1.0
 * @category state
 */
export const initial = (limit: AdaptiveLimit): State => ({
  ...newSearch(limit.initial),
  limit: limit.initial,
  round: newRound
})

/**
 * The state after a call. Costs O(1). Calls may be left out (those that say nothing, such as interrupted ones) and come in
 * any order. A sample that breaks the rules of `Sample` throws.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as AdaptiveLimit from "heddle/AdaptiveLimit"
 *
 * const limit = AdaptiveLimit.aimd()
 * // twenty at a time, 5 ms each
 * const healthy = { rtt: 5e6, inFlight: 20, dropped: false }
 * const after = (samples: ReadonlyArray<AdaptiveLimit.Sample>) =>
 *   samples.reduce(AdaptiveLimit.update(limit), AdaptiveLimit.initial(limit)).limit
 *
 * after(Array(29).fill(healthy)) // => 20
 * after(Array(3000).fill(healthy)) // => 40
 * after(Array(300).fill({ ...healthy, dropped: true })) // => 1
 * ```
 *
 * @since 0.1.0
 * @category state
 */
export const update =
  (limit: AdaptiveLimit) =>
  (state: State, sample: Sample): State => {
    checkSample("AdaptiveLimit.update", sample)
    const dropped = sample.dropped || sample.rtt > limit.timeoutNanos
    if (state.probe !== undefined && !dropped && sample.inFlight > state.limit) {
      const search = leaveOut(state, state.probe)
      return { ...search, limit: limitOf(search), round: state.round }
    }
    const round = join(state.round, { ...sample, dropped })
    if (!isOver(round, limit, sample.now)) return { ...state, round }
    const search = move(limit, state, reportOf(round))
    return { ...search, limit: limitOf(search), round: newRound }
  }

const move = (limit: AdaptiveLimit, search: Search, round: Report): Search => {
  if (limit._tag === "vegas") return listen(search, round, judges.vegas(limit), limit)
  if (limit._tag === "gradient2") return listen(search, round, judges.gradient2(limit), limit)
  if (round.dropped > 0) return backOff(search, round, limit)
  return step(search, round, { doubt: 0, target: search.estimate + 1 }, limit, 1)
}
