/** Buckets: what was taken is owed, and time pays it back at a steady rate. */
import { type Algorithm, confirmed } from "./algorithm.ts"
import { type Rate, rateOf } from "./rate.ts"

/**
 * What a refund is worth. Time has paid back what it could since, and may have found nothing else to pay back: that much is
 * no more there to be given, least of all when the bucket was full meanwhile.
 */
const refund = ({ gain, weight }: Rate, n: number, elapsed: number): number =>
  Math.max(0, n * weight - gain * Math.max(0, elapsed))

/** What is owed, in units of the rate, and since when. */
export interface TokenBucketState {
  readonly owed: number
  readonly at: number
}

export const tokenBucket = (limit: number, interval: number, burst: number): Algorithm<TokenBucketState> => {
  const rate = rateOf(limit, interval)
  const { gain, weight } = rate
  const full = burst * weight
  const owedAt = ({ at, owed }: TokenBucketState, now: number): number =>
    now > at ? Math.max(0, owed - gain * (now - at)) : owed
  const algorithm: Algorithm<TokenBucketState> = {
    capacity: burst,
    horizon: Infinity,
    initial: { owed: 0, at: 0 },
    take(state, now, n) {
      const owed = owedAt(state, now) + n * weight
      return owed <= full ? { owed, at: now > state.at ? now : state.at } : undefined
    },
    notBefore(state, now, n, ahead) {
      if (n > burst) return Infinity
      const earliest = Math.max(now, state.at)
      const missing = owedAt(state, now) + (ahead + n) * weight - full
      if (missing <= 0) return earliest
      const due = earliest + Math.ceil(missing / gain)
      return ahead > 0 ? due : confirmed(algorithm, state, n, due)
    },
    // time after the latest take is paid back later
    giveBack: ({ at, owed }, takenAt, n) => ({ owed: Math.max(0, owed - refund(rate, n, at - takenAt)), at }),
    available: (state, now) => Math.max(0, full - owedAt(state, now)) / weight,
    withAvailable: (now, available) => ({ owed: full - available * weight, at: now }),
    isFresh: (state, now) => owedAt(state, now) === 0,
    shift: ({ at, owed }, by) => ({ owed, at: at - by })
  }
  return algorithm
}

/**
 * The same by the generic cell rate algorithm, whose state is one number: the time at which all is paid back, in units of
 * the rate, so that it is whole. What is owed is that time less now.
 */
export const gcra = (limit: number, interval: number, burst: number): Algorithm<number> =>
  cells(rateOf(limit, interval), burst, 0)

/**
 * A leaky bucket differs only in where it begins: with one token (or with one larger request), so that a burst has to be
 * earned by being late. What was earned lapses after ten times as long as it takes to earn all; otherwise a bucket
 * that was ever used could not be forgotten.
 */
export const leakyBucket = (limit: number, interval: number, slack: number): Algorithm<number> => {
  const rate = rateOf(limit, interval)
  return cells(rate, slack + 1, slack > 0 ? 10 * (slack + 1) * rate.weight : 0)
}

/** After an idle time of `lapse` units, where there is such a time, it begins anew. */
const cells = (rate: Rate, burst: number, lapse: number): Algorithm<number> => {
  const { gain, weight } = rate
  const full = burst * weight
  /** When all would be paid back if a request for `cost` came now and cost nothing; `clock` is now, in units too. */
  const standing = (paidBack: number, clock: number, cost: number): number => {
    const idle = clock - paidBack
    if (idle <= 0) return paidBack
    return lapse > 0 && idle >= lapse ? clock + Math.max(0, full - Math.max(weight, cost)) : clock
  }
  const algorithm: Algorithm<number> = {
    capacity: burst,
    horizon: Number.MAX_SAFE_INTEGER / 2 / Math.max(1, gain),
    initial: 0 - lapse,
    take(paidBack, now, n) {
      const clock = now * gain
      const cost = n * weight
      const from = standing(paidBack, clock, cost)
      if (from - clock + cost > full) return undefined
      const next = from + cost
      // Invariant: rounding is never for the taker, else 10^9 a second were without a limit after a year
      return next - from < cost ? next + Math.abs(next) * Number.EPSILON : next
    },
    notBefore(paidBack, now, n, ahead) {
      if (n > burst) return Infinity
      const clock = now * gain
      const missing = standing(paidBack, clock, ahead > 0 ? weight : n * weight) - clock + (ahead + n) * weight - full
      if (missing <= 0) return now
      const due = now + Math.ceil(missing / gain)
      return ahead > 0 ? due : confirmed(algorithm, paidBack, n, due)
    },
    giveBack: (paidBack, at, n, now) => paidBack - refund(rate, n, now - at),
    available: (paidBack, now) => Math.max(0, full + now * gain - standing(paidBack, now * gain, weight)) / weight,
    withAvailable: (now, available) => now * gain + full - available * weight,
    isFresh: (paidBack, now) => now * gain - paidBack >= lapse,
    shift: (paidBack, by) => paidBack - by * gain
  }
  return algorithm
}
