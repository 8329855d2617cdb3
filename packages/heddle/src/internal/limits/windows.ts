/** Windows: how much was taken in this one is counted, and in the one before. A window opens with what is taken first in it. */
import { type Algorithm, confirmed } from "./algorithm.ts"

export interface FixedWindowState {
  readonly start: number
  readonly used: number
}

export const fixedWindow = (limit: number, interval: number): Algorithm<FixedWindowState> => {
  const isOver = ({ start, used }: FixedWindowState, now: number): boolean => used === 0 || now >= start + interval
  const algorithm: Algorithm<FixedWindowState> = {
    capacity: limit,
    horizon: Infinity,
    initial: { start: 0, used: 0 },
    take(state, now, n) {
      const next = isOver(state, now) ? { start: now, used: n } : { start: state.start, used: state.used + n }
      return next.used <= limit ? next : undefined
    },
    notBefore(state, now, n, ahead) {
      if (n > limit) return Infinity
      const over = isOver(state, now)
      const end = (over ? now : state.start) + interval
      const excess = ahead + n - Math.max(0, limit - (over ? 0 : state.used))
      return excess <= 0 ? now : end + (Math.ceil(excess / limit) - 1) * interval
    },
    giveBack: ({ start, used }, at, n) => ({ start, used: at >= start ? Math.max(0, used - n) : used }),
    available: (state, now) => Math.max(0, limit - (isOver(state, now) ? 0 : state.used)),
    withAvailable: (now, available) => ({ start: now, used: limit - available }),
    scale: ({ start, used }, factor) => ({ start, used: used * factor }),
    isFresh: isOver,
    shift: ({ start, used }, by) => ({ start: start - by, used })
  }
  return algorithm
}

export interface SlidingWindowState {
  readonly start: number
  /** What was taken in this window. */
  readonly used: number
  /** What was taken in the one before: it counts by the share of it that the last `interval` still covers. */
  readonly before: number
}

export const slidingWindow = (limit: number, interval: number): Algorithm<SlidingWindowState> => {
  /** The state in the window that `now` is in. */
  const turned = (state: SlidingWindowState, now: number): SlidingWindowState => {
    const { before, start, used } = state
    if (used === 0 && before === 0) return { start: now, used, before }
    // the end belongs to the window, where the one before has ceased to count: else of a limit of 1 every other were lost
    if (now <= start + interval) return state
    if (now <= start + 2 * interval && used > 0) return { start: start + interval, used: 0, before: used }
    return { start: now, used: 0, before: 0 }
  }
  /** Exact where `limit * interval` is below 2^53: no division. */
  const fits = ({ before, start, used }: SlidingWindowState, now: number, n: number): boolean =>
    (used + n) * interval + before * (start + interval - Math.max(start, now)) <= limit * interval
  const dueIn = ({ before, start, used }: SlidingWindowState, n: number, ahead: number): number => {
    const end = start + interval
    const room = limit - used - ahead - n
    // in this window: the one before it counts for less and less
    if (room >= 0) return end - (room * interval) / before
    // in the next, before which this one then is, as far as those ahead fill it
    const filled = Math.max(used, Math.min(limit, used + ahead))
    const excess = used + ahead + n - filled
    if (excess <= limit) return Math.max(end, end + interval - ((limit - excess) * interval) / filled)
    // from a full window on the rate is steady
    return end + (excess * interval) / limit
  }
  const algorithm: Algorithm<SlidingWindowState> = {
    capacity: limit,
    horizon: Infinity,
    initial: { start: 0, used: 0, before: 0 },
    take(state, now, n) {
      const { before, start, used } = turned(state, now)
      return fits({ before, start, used }, now, n) ? { start, used: used + n, before } : undefined
    },
    notBefore(state, now, n, ahead) {
      if (n > limit) return Infinity
      const current = turned(state, now)
      if (fits(current, now, ahead + n)) return now
      const due = Math.max(now, Math.ceil(dueIn(current, n, ahead)))
      return ahead > 0 ? due : confirmed(algorithm, state, n, due)
    },
    giveBack: ({ before, start, used }, at, n) =>
      // a window's end is its own; its start is the end of the one before, if there is one
      at > start || (at === start && before === 0)
        ? { start, used: Math.max(0, used - n), before }
        : { start, used, before: at > start - interval ? Math.max(0, before - n) : before },
    available(state, now) {
      const { before, start, used } = turned(state, now)
      return Math.max(0, limit - used - (before * (start + interval - Math.max(start, now))) / interval)
    },
    withAvailable: (now, available) => ({ start: now, used: limit - available, before: 0 }),
    scale: ({ before, start, used }, factor) => ({ start, used: used * factor, before: before * factor }),
    isFresh(state, now) {
      const { before, used } = turned(state, now)
      return used === 0 && before === 0
    },
    shift: ({ before, start, used }, by) => ({ start: start - by, used, before })
  }
  return algorithm
}
