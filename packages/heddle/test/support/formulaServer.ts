/**
 * A server as a formula: up to the knee a call takes `service` milliseconds, beyond it as much longer as there are more calls
 * than `cores`. Every call that ends makes room for the next, so as many are in flight as the limit and the demand allow.
 */
import * as AdaptiveLimit from "../../src/AdaptiveLimit.ts"

export interface Load {
  readonly cores: number
  /** In milliseconds. */
  readonly service: number
  /** How many would be in flight at once without a limit. Default: as many as may. */
  readonly demand?: number
  /** In milliseconds: who takes longer is dropped then. Default: nobody. */
  readonly timeout?: number
}

export interface Driven {
  readonly state: AdaptiveLimit.State
  /** The limits after each call. */
  readonly limits: ReadonlyArray<number>
}

/** So many calls, one after the other, from a state on. */
export const drive = (
  limit: AdaptiveLimit.AdaptiveLimit,
  load: Load,
  calls: number,
  from: AdaptiveLimit.State = AdaptiveLimit.initial(limit),
  startMillis = 0
): Driven => {
  const { cores, demand = Infinity, service, timeout = Infinity } = load
  const update = AdaptiveLimit.update(limit)
  const limits: Array<number> = []
  let state = from
  let now = startMillis
  for (let call = 0; call < calls; call++) {
    const inFlight = Math.min(state.limit, demand)
    const took = service * Math.max(1, inFlight / cores)
    const dropped = took > timeout
    const millis = dropped ? timeout : took
    now += millis / inFlight
    state = update(state, { rtt: millis * 1e6, inFlight, dropped, now: now * 1e6 })
    limits.push(state.limit)
  }
  return { state, limits }
}

/** The last so many. */
export const last = (numbers: ReadonlyArray<number>, count: number): ReadonlyArray<number> => numbers.slice(-count)
