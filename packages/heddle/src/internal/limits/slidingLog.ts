/**
 * The exact one: remembers when how much was taken, for as long as it counts.
 *
 * The log is an array of pages, so that a step copies a page and the list of pages and not the log: with a limit of 10,000
 * that is 160 references and 128 numbers at most. A page is times and amounts in turn.
 */
import type { Algorithm } from "./algorithm.ts"

type Page = ReadonlyArray<number>

export interface SlidingLogState {
  readonly pages: ReadonlyArray<Page>
  /** How many entries of the first page do not count any more. */
  readonly skip: number
  readonly entries: number
  readonly used: number
}

const pageLength = 128

const empty: SlidingLogState = { pages: [], skip: 0, entries: 0, used: 0 }

/** Visits what was taken when, the oldest first, until told to stop. */
const visit = ({ pages, skip }: SlidingLogState, each: (at: number, n: number) => boolean): void => {
  let index = 2 * skip
  for (const page of pages) {
    for (; index < page.length; index += 2) if (!each(page[index]!, page[index + 1]!)) return
    index = 0
  }
}

const append = ({ entries, pages, skip, used }: SlidingLogState, at: number, n: number): SlidingLogState => {
  const last = pages.at(-1)
  const opened = last === undefined || last.length === pageLength
  return {
    pages: opened ? [...pages, [at, n]] : [...pages.slice(0, -1), [...last, at, n]],
    skip,
    entries: entries + 1,
    used: used + n
  }
}

/** Adds to the latest entry, which is then as late as this one. */
const enlarge = ({ entries, pages, skip, used }: SlidingLogState, at: number, n: number): SlidingLogState => {
  const last = pages.at(-1)!
  return {
    pages: [...pages.slice(0, -1), [...last.slice(0, -2), at, last.at(-1)! + n]],
    skip,
    entries,
    used: used + n
  }
}

/** The same with other entries; those of nothing go. */
const mapped = (state: SlidingLogState, f: (at: number, n: number) => readonly [at: number, n: number]) => {
  let next = empty
  visit(state, (at, n) => {
    const entry = f(at, n)
    if (entry[1] > 0) next = append(next, entry[0], entry[1])
    return true
  })
  return next
}

export const slidingLog = (limit: number, interval: number): Algorithm<SlidingLogState> => {
  const mostEntries = Math.max(1, Math.ceil(limit))
  const current = (state: SlidingLogState, now: number): SlidingLogState => {
    let gone = 0
    let freed = 0
    visit(state, (at, n) => {
      if (now < at + interval) return false
      gone++
      freed += n
      return true
    })
    if (gone === 0) return state
    if (gone === state.entries) return empty
    const skip = state.skip + gone
    const pages = Math.floor((2 * skip) / pageLength)
    return {
      pages: state.pages.slice(pages),
      skip: skip - (pages * pageLength) / 2,
      entries: state.entries - gone,
      used: state.used - freed
    }
  }
  /** When `excess` of what is in the log will not count any more. */
  const freed = (log: SlidingLogState, now: number, excess: number): number => {
    let missing = excess
    let due = now
    visit(log, (at, n) => {
      if (missing <= 0) return false
      missing -= n
      due = at + interval
      return true
    })
    return due
  }
  return {
    capacity: limit,
    horizon: Infinity,
    initial: empty,
    take(state, now, n) {
      const log = current(state, now)
      if (log.used + n > limit) return undefined
      const latest = log.pages.at(-1)?.at(-2) ?? -Infinity
      // Invariant: no more entries than tokens, also when tokens are taken by the thousandth: then what was taken last
      // counts as long as what is taken now
      const enlarges = latest >= now || log.entries >= mostEntries
      return enlarges ? enlarge(log, Math.max(latest, now), n) : append(log, now, n)
    },
    notBefore(state, now, n, ahead) {
      if (n > limit) return Infinity
      const log = current(state, now)
      // whoever comes a whole limit later comes an interval later
      const rounds = Math.max(0, Math.ceil((ahead + n) / limit) - 1)
      return freed(log, now, log.used + ahead + n - (rounds + 1) * limit) + rounds * interval
    },
    giveBack(state, takenAt, n) {
      let left = n
      return mapped(state, (at, taken) => {
        const back = at === takenAt ? Math.min(left, taken) : 0
        left -= back
        return [at, taken - back]
      })
    },
    available: (state, now) => Math.max(0, limit - current(state, now).used),
    withAvailable: (now, available) => (available >= limit ? empty : append(empty, now, limit - available)),
    scale: (state, factor) => mapped(state, (at, n) => [at, n * factor]),
    isFresh: (state, now) => current(state, now) === empty,
    shift: (state, by) => mapped(state, (at, n) => [at - by, n])
  }
}
