/**
 * The search for a limit, as far as the algorithms share it: when it moves, how far, and what it compares latencies with.
 *
 * ```
 *   warm ───── congestion or drops ─────▶ steady ─────── doubt, or long at full load ───────▶ probing
 *    ▲  ▲  doubles                          ▲  ▲  small steps                    half the load │ │
 *    │  └─ everything was dropped           │  └── it was a queue: so is the limit halved ─────┘ │
 *    └── it is much higher than before ─────┴───── it was none: that is the baseline ────────────┘
 * ```
 *
 * The baseline is the latency of a server without a queue. It cannot be read off the calls, because a queue that lasts looks
 * like a slow server: an average over a long time learns the queue, and the limit climbs; the least that was ever seen
 * learns the luckiest round, and the limit collapses. So the baseline rises by experiment only. A probe halves the load for
 * a round. By Little's law `inFlight / rtt` is the throughput: where it fell with the load there was no queue, and the
 * latency of the probe is the baseline; where it held, half of the calls had only waited.
 */
import type { Report } from "./round.ts"

export interface Bounds {
  readonly minimum: number
  readonly maximum: number
  /** What a round with drops leaves of the limit at the most. */
  readonly backoff: number
}

export interface Tuning extends Bounds {
  /** Which part of the way to its target a step goes. */
  readonly smoothing: number
  /** How many rounds at full load there are between two probes. */
  readonly probeEvery: number
}

export interface Search {
  /** The limit that was found so far, with its fraction. */
  readonly estimate: number
  /** Whether it doubles: it has not met resistance yet. */
  readonly warm: boolean
  /** In nanoseconds. */
  readonly baseline: number | undefined
  readonly probe: Probe | undefined
  /** Rounds in a row that reached the limit. */
  readonly saturated: number
  /** The sum of the doubts of rounds in a row. */
  readonly doubt: number
}

interface Probe {
  readonly limit: number
  /** That of the round before. */
  readonly throughput: number
  /** Whether doubt led to it, and not the passing of time. */
  readonly doubted: boolean
  /** How many more calls may end that began before it. */
  readonly stragglers: number
}

/** What an algorithm makes of a round. */
export interface Verdict {
  /** How doubtful it leaves the limit, or the baseline: 0, 1, or 3 where latency is far too long. */
  readonly doubt: 0 | 1 | 3
  /** The limit that would be right. */
  readonly target: number
}

export type Judge = (round: Report, baseline: number, search: Search) => Verdict

export const newSearch = (initial: number): Search => ({
  estimate: initial,
  warm: true,
  baseline: undefined,
  probe: undefined,
  saturated: 0,
  doubt: 0
})

/** The limit in force. */
export const limitOf = ({ estimate, probe }: Search): number =>
  probe === undefined ? Math.floor(estimate) : probe.limit

/** As much of a limit as the load put to the test: of what lies above twice the load nothing is known. */
export const tested = (limit: number, round: Report): number => Math.min(limit, 2 * round.peak)

/** Whether the limit held calls back, as far as a round can tell. */
export const reached = (limit: number, round: Report): boolean => round.peak >= Math.floor(limit)

const clamp = (limit: number, { maximum, minimum }: Bounds): number => Math.min(maximum, Math.max(minimum, limit))

const calm = { probe: undefined, saturated: 0, doubt: 0 } as const

/** A round with drops takes away half of the part that was dropped, or what `backoff` says if that is more. */
export const backOff = (search: Search, round: Report, bounds: Bounds): Search => ({
  ...search,
  ...calm,
  estimate: clamp(search.estimate * Math.min(bounds.backoff, 1 - round.dropped / 2), bounds),
  // nothing gets through: what was known of the limit is void. At the minimum, a round with some drops is the tail of that
  warm: round.dropped === 1 || (search.warm && search.estimate === bounds.minimum)
})

/**
 * Upwards, to twice what was in flight at the most: an idle system is no evidence that more would go well. Downwards, by half
 * at the most: one bad round may be a pause of the garbage collector.
 */
export const step = (search: Search, round: Report, verdict: Verdict, bounds: Bounds, smoothing: number): Search => {
  const { estimate, warm } = search
  const { doubt, target } = verdict
  const full = reached(estimate, round)
  const part = estimate + (target - estimate) * smoothing
  const down = Math.max(estimate / 2, warm && full ? target : part)
  const up = Math.max(estimate, Math.min(2 * round.peak, warm ? estimate * 2 : part))
  return {
    ...search,
    estimate: clamp(target < estimate ? down : target > estimate ? up : estimate, bounds),
    warm: warm && doubt === 0,
    saturated: full ? search.saturated + 1 : 0,
    doubt: doubt === 0 ? 0 : search.doubt + doubt
  }
}

/** So many standard errors are no accident. */
const surely = 3

/** Five doubtful rounds in a row ask for a probe, or two that are very doubtful. */
const tooDoubtful = 5

/** The step of an algorithm that listens to latency. */
export const listen = (search: Search, round: Report, judge: Judge, tuning: Tuning): Search => {
  if (round.dropped > 0) {
    const less = backOff(search, round, tuning)
    return search.warm && !less.warm ? startProbe(less, round, tuning, true) : less
  }
  if (search.probe !== undefined) return answer(search, search.probe, round, tuning)
  const baseline = Math.min(search.baseline ?? round.rtt, round.rtt + surely * round.error)
  const moved = { ...step(search, round, judge(round, baseline, search), tuning, tuning.smoothing), baseline }
  const cooled = search.warm && !moved.warm && moved.saturated > 0
  if (cooled || moved.doubt >= tooDoubtful) return startProbe(moved, round, tuning, true)
  return moved.saturated >= tuning.probeEvery ? startProbe(moved, round, tuning, false) : moved
}

const throughput = (round: Report): number => round.inFlight / round.rtt

/** Where the minimum leaves no load to take away, there is nothing to compare with: what is seen there is the baseline. */
const startProbe = (search: Search, round: Report, bounds: Bounds, doubted: boolean): Search => {
  const limit = Math.max(bounds.minimum, Math.floor(Math.min(search.estimate, round.inFlight) / 2))
  return limit > 0.75 * round.inFlight
    ? { ...search, ...calm, baseline: round.rtt }
    : { ...search, ...calm, probe: { limit, throughput: throughput(round), doubted, stragglers: 2 * round.peak } }
}

/**
 * A call that began before the probe is left out of it: with long ones among few it would decide. Where more come than can
 * have been in flight, nobody keeps to the limit, and the probe is given up.
 */
export const leaveOut = (search: Search, { stragglers, ...probe }: Probe): Search =>
  stragglers > 0 ? { ...search, probe: { ...probe, stragglers: stragglers - 1 } } : { ...search, ...calm }

const answer = (search: Search, probe: Probe, round: Report, bounds: Bounds): Search => {
  const known = search.baseline ?? round.rtt
  if (throughput(round) > 0.8 * probe.throughput) {
    // half of the calls had only waited: too many if latency was bad, or is much better now
    const better = round.rtt + surely * round.error < known
    if (!probe.doubted && !better) return { ...search, ...calm }
    return startProbe({ ...search, estimate: probe.limit }, round, bounds, true)
  }
  const differs = Math.abs(round.rtt - known) > surely * round.error
  return {
    ...search,
    ...calm,
    baseline: differs ? round.rtt : (known + round.rtt) / 2,
    // another server, as it were: its limit is sought anew
    warm: differs && round.rtt > 1.5 * known
  }
}
