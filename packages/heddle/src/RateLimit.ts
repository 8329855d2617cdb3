/**
 * Rate limits as data, and what they mean as pure functions of a state and a time. Nothing here waits, reads a clock or
 * knows Effect: `RateLimiter` runs a limit in memory, a store runs it elsewhere, tests run it as it is.
 *
 * | limit           | promises, in any span                          | state             | at once after idling |
 * | --------------- | ---------------------------------------------- | ----------------- | -------------------- |
 * | `tokenBucket`   | burst + rate × span                            | two numbers       | burst                |
 * | `gcra`          | the same                                       | one number        | burst                |
 * | `leakyBucket`   | slack + 1 + rate × span; 1 at first            | one number        | slack + 1            |
 * | `fixedWindow`   | limit in each window, so up to 2 × limit       | two numbers       | limit                |
 * | `slidingWindow` | limit, what was taken in the last window spread evenly | three numbers | limit            |
 * | `slidingLog`    | limit in any interval, exactly                 | as long as limit  | limit                |
 * | `all`           | what each of several does, all or nothing      | one of each       | the least            |
 *
 * - **Time** is a number of nanoseconds on a clock of the caller's choice. It should not go back; where it does, nothing
 *   more is given.
 * - **Exactness.** Rates are kept as ratios of whole numbers, so 60 a second is 60 a second: whatever fits is given at its
 *   nanosecond. Rates that are no short decimals (10^-10 a second) are doubles. Rounding is never for the taker.
 * - **Cost.** A step is a few additions and no search; of `slidingLog`, a copy of some 300 values at a limit of 10,000.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"

import { checkDuration, checkThat, describe } from "./internal/defect.ts"
import { algorithmOf, type Carry, checkCarry, type Interpreted, retuned } from "./internal/limits/interpret.ts"
import type {
  All,
  AnyState,
  FixedWindow,
  Gcra,
  LeakyBucket,
  RateLimit,
  SlidingLog,
  SlidingWindow,
  State,
  TokenBucket,
  Unlimited
} from "./internal/limits/model.ts"

export type {
  /** @since 0.1.0 @category models */
  All,
  /**
   * What becomes of what is left when a limit is exchanged: see `retune`.
   *
   * @since 0.1.0
   * @category models
   */
  Carry,
  /** @since 0.1.0 @category models */
  FixedWindow,
  /** @since 0.1.0 @category models */
  Gcra,
  /** @since 0.1.0 @category models */
  LeakyBucket,
  /**
   * A limit: a plain value that can be compared, printed and sent. Times in it are nanoseconds.
   *
   * @since 0.1.0
   * @category models
   */
  RateLimit,
  /** @since 0.1.0 @category models */
  SlidingLog,
  /** @since 0.1.0 @category models */
  SlidingWindow,
  /**
   * What has to be remembered for a limit: a plain value, which JSON keeps.
   *
   * @since 0.1.0
   * @category models
   */
  State,
  /** @since 0.1.0 @category models */
  TokenBucket,
  /** @since 0.1.0 @category models */
  Unlimited
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** So many tokens per `interval`: a finite number from zero up, fractions included. Zero gives nothing, ever. */
  readonly limit: number
  /** A whole number of nanoseconds, at least one. */
  readonly interval: Duration.Input
}

/**
 * @since 0.1.0
 * @category models
 */
export interface BurstOptions extends Options {
  /** How much can be taken at once after idling. Default: `limit`, and at least 1. */
  readonly burst?: number | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface SlackOptions extends Options {
  /** How many turns that were missed can be caught up with at once. Default: 0, even spacing. */
  readonly slack?: number | undefined
}

/**
 * What a step answers: taken, or not before a time. `Infinity` stands for never, by this limit.
 *
 * @since 0.1.0
 * @category models
 */
export type Decision = { readonly _tag: "Taken" } | { readonly _tag: "NotBefore"; readonly at: number }

/**
 * A bucket that holds `burst` tokens, is full at first, and gets `limit` more per `interval`, as golang.org/x/time/rate has
 * it. What a rate limit is, unless you know better.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as RateLimit from "heddle/RateLimit"
 *
 * const limit = RateLimit.tokenBucket({ limit: 10, interval: "1 second", burst: 2 })
 * const step = RateLimit.step(limit)
 *
 * const [first, after2] = step(RateLimit.initial(limit), 0, 2)
 * const [second] = step(after2, 30_000_000, 1)
 *
 * first // => { _tag: "Taken" }
 * second // => { _tag: "NotBefore", at: 100_000_000 }
 * ```
 *
 * @since 0.1.0
 * @category limits
 */
export const tokenBucket = ({ burst, interval, limit }: BurstOptions): TokenBucket => ({
  _tag: "TokenBucket",
  ...rated("tokenBucket", limit, interval),
  burst: quantity("tokenBucket", "burst", burst ?? Math.max(1, limit))
})

/**
 * What `tokenBucket` promises, by the generic cell rate algorithm: the state is one number. For limits with many keys.
 *
 * @since 0.1.0
 * @category limits
 */
export const gcra = ({ burst, interval, limit }: BurstOptions): Gcra => ({
  _tag: "Gcra",
  ...rated("gcra", limit, interval),
  burst: quantity("gcra", "burst", burst ?? Math.max(1, limit))
})

/**
 * Evenly spaced, as go.uber.org/ratelimit has it: each token at least `interval / limit` after the one before. With
 * `slack`, up to so many turns that nobody used can be caught up with at once; none at first, and what was earned lapses
 * when nothing was taken for ten times as long as it takes to earn all.
 *
 * @since 0.1.0
 * @category limits
 */
export const leakyBucket = ({ interval, limit, slack }: SlackOptions): LeakyBucket => ({
  _tag: "LeakyBucket",
  ...rated("leakyBucket", limit, interval),
  slack: quantity("leakyBucket", "slack", slack ?? 0)
})

/**
 * At most `limit` in a window, which opens with what is taken first and lasts for `interval`. What most services enforce;
 * note that the end of one window and the start of the next let twice the limit through.
 *
 * @since 0.1.0
 * @category limits
 */
export const fixedWindow = ({ interval, limit }: Options): FixedWindow => ({
  _tag: "FixedWindow",
  ...rated("fixedWindow", limit, interval)
})

/**
 * A fixed window that remembers the one before, which counts by the share of it that the last `interval` still covers:
 * nothing comes at once where windows meet. It is an estimate, as if what was taken in a window had come evenly.
 *
 * @since 0.1.0
 * @category limits
 */
export const slidingWindow = ({ interval, limit }: Options): SlidingWindow => ({
  _tag: "SlidingWindow",
  ...rated("slidingWindow", limit, interval)
})

/**
 * At most `limit` in any span of `interval`, exactly: every token taken is remembered for that long. Memory is bounded by
 * the limit: at most one entry per token, also when tokens are taken in fractions.
 *
 * @since 0.1.0
 * @category limits
 */
export const slidingLog = ({ interval, limit }: Options): SlidingLog => ({
  _tag: "SlidingLog",
  ...rated("slidingLog", limit, interval)
})

/**
 * Several limits at once: what is taken is taken from each, and nothing from any where one refuses.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as RateLimit from "heddle/RateLimit"
 *
 * const limit = RateLimit.all(
 *   RateLimit.leakyBucket({ limit: 10, interval: "1 second" }),
 *   RateLimit.fixedWindow({ limit: 1_000, interval: "1 day" })
 * )
 *
 * RateLimit.capacity(limit) // => 1
 * ```
 *
 * @since 0.1.0
 * @category limits
 */
export const all = (...limits: ReadonlyArray<RateLimit>): All => ({ _tag: "All", limits })

/**
 * No limit.
 *
 * @since 0.1.0
 * @category limits
 */
export const unlimited: Unlimited = { _tag: "Unlimited" }

/**
 * What can be taken at once after the longest idle time. A request for more can never be met.
 *
 * @since 0.1.0
 * @category reading
 */
export const capacity = (limit: RateLimit): number => algorithmOf(limit).capacity

/**
 * The state in which nothing was ever taken, at whatever time.
 *
 * @since 0.1.0
 * @category steps
 */
export const initial = <L extends RateLimit>(limit: L): State<L> => algorithmOf(limit).initial

/**
 * The step of a limit: `(state, now, n)` to what is decided and the state from then on. Takes `n` tokens, fractions
 * included, or nothing and says from when on it could; zero are always taken and change nothing. It never books ahead: a
 * refusal leaves the state as it was.
 *
 * An `n` that is negative or not a number throws, and so does a `now` that is none. An `n` above the capacity is refused for
 * ever.
 *
 * @since 0.1.0
 * @category steps
 */
export const step = <L extends RateLimit>(
  limit: L
): ((state: State<L>, now: number, n: number) => readonly [Decision, State<L>]) => {
  const algorithm = algorithmOf(limit)
  return (state, now, n) => {
    if (!(n > 0)) return [zero(n), state]
    // NaN would be let through, and for ever after
    if (!(Math.abs(now) < Infinity)) checkTime("step", "now", now)
    const next = algorithm.take(state, now, n)
    return next === undefined
      ? [{ _tag: "NotBefore", at: algorithm.notBefore(state, now, n, 0) }, state]
      : [taken, next]
  }
}

/**
 * The earliest time, not before `now`, at which `n` can be taken if those `ahead` are taken first, as early as possible.
 *
 * Exact when nobody is ahead or when all take one token. Otherwise a window may turn out to have been closed too early to
 * be filled, and the time to be later.
 *
 * @since 0.1.0
 * @category reading
 */
export const notBefore = <L extends RateLimit>(
  limit: L
): ((state: State<L>, now: number, n: number, ahead?: number) => number) => {
  const algorithm = algorithmOf(limit)
  return (state, now, n, ahead = 0) => {
    checkTime("notBefore", "now", now)
    if (n + ahead > 0) return algorithm.notBefore(state, now, n, ahead)
    checkTokens("notBefore", n + ahead)
    return now
  }
}

/**
 * How much could be taken at once: never negative, and with a fraction of what is on its way.
 *
 * @since 0.1.0
 * @category reading
 */
export const available = <L extends RateLimit>(limit: L): ((state: State<L>, now: number) => number) => {
  const algorithm = algorithmOf(limit)
  return (state, now) => algorithm.available(state, now)
}

/**
 * The state as if `n` that were taken at the time `at` had not been. For what was taken in vain: a request that was
 * interrupted before it left.
 *
 * At once it is all of it. Later it is as much as cannot break the promise of the limit: of a bucket, what time cannot have
 * paid back since; of a window that is over or an entry that has expired, nothing.
 *
 * @since 0.1.0
 * @category steps
 */
export const giveBack = <L extends RateLimit>(
  limit: L
): ((state: State<L>, at: number, n: number, now: number) => State<L>) => {
  const algorithm = algorithmOf(limit)
  return (state, at, n, now) => {
    checkTokens("giveBack", n)
    checkTime("giveBack", "at", at)
    checkTime("giveBack", "now", now)
    return algorithm.giveBack(state, at, n, now)
  }
}

/**
 * The state from now on when a limit is exchanged for another, of the same kind or not.
 *
 * - `keep` (the default): a bucket keeps what is left in it, as far as it fits; a window keeps what was taken in it.
 * - `proportional`: the same share is left.
 * - `reset`: nothing was taken.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as RateLimit from "heddle/RateLimit"
 *
 * const small = RateLimit.gcra({ limit: 10, interval: "1 second" })
 * const large = RateLimit.gcra({ limit: 100, interval: "1 second" })
 * const [, state] = RateLimit.step(small)(RateLimit.initial(small), 0, 5)
 * const left = (carry: RateLimit.Carry) =>
 *   RateLimit.available(large)(RateLimit.retune(small, large, carry)(state, 0), 0)
 *
 * left("keep") // => 5
 * left("proportional") // => 50
 * left("reset") // => 100
 * ```
 *
 * @since 0.1.0
 * @category steps
 */
export const retune = <From extends RateLimit, To extends RateLimit>(
  from: From,
  to: To,
  carry: Carry = "keep"
): ((state: State<From>, now: number) => State<To>) => {
  checkCarry("RateLimit.retune", carry)
  const previous: Interpreted<AnyState> = algorithmOf(from)
  const next: Interpreted<AnyState> = algorithmOf(to)
  return (state, now) => retuned(previous, next, state, now, carry) as State<To>
}

/**
 * Whether a state will behave like the initial one from now on, and need not be remembered.
 *
 * @since 0.1.0
 * @category reading
 */
export const isFresh = <L extends RateLimit>(limit: L): ((state: State<L>, now: number) => boolean) => {
  const algorithm = algorithmOf(limit)
  return (state, now) => algorithm.isFresh(state, now)
}

/**
 * The same state on a clock whose zero is `by` nanoseconds later, for whoever stores a state with a time of its own.
 *
 * @since 0.1.0
 * @category steps
 */
export const shift = <L extends RateLimit>(limit: L): ((state: State<L>, by: number) => State<L>) => {
  const algorithm = algorithmOf(limit)
  return (state, by) => algorithm.shift(state, by)
}

const taken: Decision = { _tag: "Taken" }

const zero = (n: number): Decision => {
  checkTokens("step", n)
  return taken
}

const checkTokens = (operation: string, n: number): void =>
  checkThat(n >= 0, `RateLimit.${operation}`, "n", n, "a number from zero up")

const checkTime = (operation: string, what: string, time: number): void =>
  checkThat(Number.isFinite(time), `RateLimit.${operation}`, what, time, "a finite number of nanoseconds")

const quantity = (constructor: string, what: string, value: number): number => {
  if (typeof value === "number" && value >= 0 && value < Infinity) return value + 0
  throw new RangeError(`RateLimit.${constructor}: ${what} must be a finite number from zero up, got ${describe(value)}`)
}

const rated = (constructor: string, limit: number, interval: Duration.Input) => {
  const duration = checkDuration(`RateLimit.${constructor}`, "interval", interval)
  const nanos = Duration.isFinite(duration) ? Number(Duration.toNanosUnsafe(duration)) : Infinity
  if (!(nanos >= 1 && nanos < Infinity)) {
    const rule = "finite and at least a nanosecond"
    throw new RangeError(`RateLimit.${constructor}: interval must be ${rule}, got ${Duration.format(duration)}`)
  }
  return { limit: quantity(constructor, "limit", limit), interval: nanos }
}
