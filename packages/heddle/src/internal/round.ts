/**
 * What a limit learns from is not a call but a round of calls: first as many calls end as were in flight, for they began
 * under the limit before; then so many are measured. So a step's effect is seen before the next step is taken, whatever the
 * latency and the rate, and no timer is needed. (Steps per call, or per tick of a clock, answer to steps that were taken
 * before: the limit swings.)
 */
import { checkCount, checkThat } from "./defect.ts"

/**
 * How one call went.
 *
 * @since 0.1.0
 * @category models
 */
export interface Sample {
  /** How long it took, in nanoseconds: finite, from 0 up. Not used where `dropped`: it says nothing about the server. */
  readonly rtt: number
  /** How many calls were in flight when it began, itself included: an integer from 1 up. */
  readonly inFlight: number
  /** Whether overload ended it: it timed out, or was turned away. */
  readonly dropped: boolean
  /**
   * When it ended, in nanoseconds of a monotonic clock. A clock that stands still ends no round, and one that goes back
   * counts from where it went. Without it, a round ends by its number of calls alone.
   */
  readonly now?: number | undefined
}

/** How long a round lasts, at the least. */
export interface Extent {
  readonly samples: number
  readonly windowNanos: number
}

export interface Round {
  readonly settled: number
  /** As many settle as were in flight at the most meanwhile. */
  readonly toSettle: number
  readonly measured: number
  readonly dropped: number
  readonly peak: number
  // sums over those that were answered
  readonly inFlight: number
  readonly rtt: number
  readonly rttSquared: number
  readonly startedAt: number
}

/** What a round says when it is over. */
export interface Report {
  /** The mean latency of those that were answered, in nanoseconds; 0 where none was. */
  readonly rtt: number
  /** The standard error of that mean. */
  readonly error: number
  /** How many were in flight on the average. */
  readonly inFlight: number
  /** How many were in flight at the most. */
  readonly peak: number
  /** Which part was dropped, 0 to 1. */
  readonly dropped: number
}

export const newRound: Round = {
  settled: 0,
  toSettle: 1,
  measured: 0,
  dropped: 0,
  peak: 0,
  inFlight: 0,
  rtt: 0,
  rttSquared: 0,
  startedAt: Infinity
}

/** Overload does not wait for the precision of a mean. */
const enoughWithDrops = 10

/** A hundred days, as which longer ones count: sums of squares stay finite. */
const longest = Number.MAX_SAFE_INTEGER

export const checkSample = (operation: string, { inFlight, now, rtt }: Sample): void => {
  checkThat(Number.isFinite(rtt) && rtt >= 0, operation, "rtt", rtt, "a finite number of nanoseconds from 0 up")
  checkCount(operation, "inFlight", inFlight, "finite")
  checkThat(inFlight > 0, operation, "inFlight", inFlight, "at least 1: it counts the call itself")
  checkThat(now === undefined || Number.isFinite(now), operation, "now", now, "a finite number of nanoseconds")
}

/** The round with one call more. */
export const join = (round: Round, { dropped, inFlight, now = Infinity, rtt }: Sample): Round => {
  const startedAt = Math.min(round.startedAt, now)
  if (round.settled < round.toSettle) {
    return { ...round, startedAt, settled: round.settled + 1, toSettle: Math.max(round.toSettle, inFlight) }
  }
  const joined = { ...round, startedAt, measured: round.measured + 1, peak: Math.max(round.peak, inFlight) }
  if (dropped) return { ...joined, dropped: round.dropped + 1 }
  // what took less than the clock resolves took a nanosecond: latencies are divided by
  const took = Math.min(Math.max(rtt, 1), longest)
  return {
    ...joined,
    inFlight: round.inFlight + inFlight,
    rtt: round.rtt + took,
    rttSquared: round.rttSquared + took * took
  }
}

export const isOver = (round: Round, { samples, windowNanos }: Extent, now: number | undefined): boolean =>
  round.measured >= (round.dropped === 0 ? samples : Math.min(samples, enoughWithDrops)) &&
  (now === undefined || now - round.startedAt >= windowNanos)

export const reportOf = ({ dropped, inFlight, measured, peak, rtt, rttSquared }: Round): Report => {
  const answered = measured - dropped
  if (answered === 0) return { rtt: 0, error: 0, inFlight: 0, peak, dropped: 1 }
  const mean = rtt / answered
  const variance = Math.max(0, rttSquared / answered - mean * mean)
  return {
    rtt: mean,
    error: Math.sqrt(variance / answered),
    inFlight: inFlight / answered,
    peak,
    dropped: dropped / measured
  }
}
