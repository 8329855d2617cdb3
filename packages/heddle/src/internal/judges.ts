/** What the algorithms that listen to latency make of a round. */
import type { Report } from "./round.ts"
import { type Judge, reached, tested } from "./search.ts"

/** Large limits move, and let wait, by more than one: a few requests of a thousand are noise. */
const unitOf = (limit: number): number => Math.max(1, limit / 30)

/** Little's law: as much of the latency as is above the baseline is spent waiting, and so are as many of those in flight. */
const queueOf = (inFlight: number, baseline: number, rtt: number): number => inFlight * (1 - baseline / rtt)

export const vegas =
  ({ alpha, beta }: { readonly alpha: number; readonly beta: number }): Judge =>
  (round, baseline, { estimate, warm }) => {
    const used = tested(estimate, round)
    const unit = unitOf(used)
    const queue = queueOf(used, baseline, round.rtt)
    if (queueOf(used, baseline, atLeast(round)) > beta * unit) {
      const target = warm && reached(estimate, round) ? used - queue + alpha * unit : used - unit
      return { doubt: queue > used / 2 ? 3 : 1, target }
    }
    if (queue > alpha * unit) return { doubt: warm ? 1 : 0, target: estimate }
    return { doubt: 0, target: estimate + unit }
  }

/** The queue that is looked for is small beside the noise: what may be noise is no congestion. */
const atLeast = ({ error, rtt }: Report): number => Math.max(1, rtt - error)

/** The headroom is added only where there is no congestion: else it outweighs a small excess, and the limit climbs. */
export const gradient2 =
  ({ headroom, tolerance }: { readonly headroom: number; readonly tolerance: number }): Judge =>
  (round, baseline, { estimate }) => {
    const gradient = (tolerance * baseline) / round.rtt
    if (gradient >= 1) return { doubt: 0, target: estimate + headroom * unitOf(estimate) }
    const used = tested(estimate, round)
    if (queueOf(used, baseline, round.rtt) <= headroom * unitOf(used)) return { doubt: 0, target: estimate }
    return { doubt: gradient < 0.5 ? 3 : 1, target: used * Math.max(0.5, gradient) }
  }
