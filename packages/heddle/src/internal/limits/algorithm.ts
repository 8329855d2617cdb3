/**
 * What an algorithm of rate limiting is to those who run it: functions of a state and a time.
 *
 * Times are nanoseconds on a clock of the caller's choice. States are immutable, plain and small: JSON keeps them. An
 * algorithm holds a limit's numbers worked out once, so that a step is a few additions and one comparison.
 */
export interface Algorithm<S> {
  /** What can be taken at once after the longest idle time. */
  readonly capacity: number
  /** Beyond this time the algorithm rounds, against the taker; `shift` brings a clock back. */
  readonly horizon: number
  /** Nothing was ever taken. */
  readonly initial: S
  /** The state after `n` were taken now, or undefined: it cannot be now. */
  take(state: S, now: number, n: number): S | undefined
  /**
   * The earliest time, not before `now`, at which `n` can be taken once `ahead` were taken before them, as early as
   * possible. Exact when `ahead` is 0 or all requests are of one token; otherwise it may be too early where requests do
   * not fill a window.
   */
  notBefore(state: S, now: number, n: number, ahead: number): number
  /**
   * The state as if `n`, taken at the time `at`, had not been, as far as what has come since allows: never more is given
   * than if it had not been. See ADR 0039.
   */
  giveBack(state: S, at: number, n: number, now: number): S
  /** What could be taken at once now: a request for so many, or fewer, would succeed. */
  available(state: S, now: number): number
  /** A state in which so much is available. */
  withAvailable(now: number, available: number): S
  /** All that was taken, times a factor: for windows, which remember it. */
  scale?(state: S, factor: number): S
  /** From now on it behaves like the initial state. */
  isFresh(state: S, now: number): boolean
  /** The same state on a clock whose zero is later by so much. */
  shift(state: S, by: number): S
}

/** The next time after this one: a nanosecond, or what doubles can tell apart. */
const after = (time: number): number => time + Math.max(1, Math.abs(time) * Number.EPSILON)

/** The first time from `estimate` on at which `n` can be taken: where rounding made it too early by a hair. */
export const confirmed = <S>(algorithm: Algorithm<S>, state: S, n: number, estimate: number): number => {
  let time = estimate
  while (time < Infinity && algorithm.take(state, time, n) === undefined) time = after(time)
  return time
}
