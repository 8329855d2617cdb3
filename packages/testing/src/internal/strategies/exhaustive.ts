/**
 * Every schedule with at most so many preemptions, those with the fewest deviations first: so the first failure has the
 * fewest. Where a fiber stops by itself, which one is next is no preemption, and not bounded.
 *
 * A schedule with one deviation more is one that was run, and a deviation at a later point than its last: no schedule
 * is run twice, and none is taken further whose last deviation changed nothing. What waits to be run is kept as the runs that it is made from, a byte for each of their points.
 */
import type { Deviation, Schedule } from "../model.ts"
import type { Search } from "../search.ts"

/** A run whose successors are still to be run. */
interface Parent {
  readonly schedule: Schedule
  readonly preemptions: number
  /** The point that `alternatives` begins with: the first after the last deviation. */
  readonly from: number
  /** How many alternatives each point had; negative where they are preemptions. */
  readonly alternatives: Int16Array
}

export const exhaustiveSearch = (bound: number, seed: number): Search => {
  let level: Array<Parent> = []
  let nextLevel: Array<Parent> = []
  let schedule: Schedule = []
  let preemptions = 0
  let started = false
  let over = false
  /** Something was left out because of the bound. */
  let cut = false
  // the next successor: of parent number `parent`, alternative number `alternative` of its point `at`
  let parent = 0
  let at = 0
  let alternative = 0

  let taken = 0
  let point = 0
  let seen: Array<number> = []

  const successor = (): Schedule | undefined => {
    for (;;) {
      const current = level[parent]
      if (current === undefined) {
        if (nextLevel.length === 0) return undefined
        level = nextLevel
        nextLevel = []
        parent = at = alternative = 0
        continue
      }
      const alternatives = current.alternatives[at]
      if (alternatives === undefined) {
        level[parent++] = spent
        at = alternative = 0
        continue
      }
      const preempts = alternatives < 0
      const outOfBounds = preempts && current.preemptions >= bound
      if (outOfBounds) cut = true
      if (outOfBounds || ++alternative >= Math.abs(alternatives)) {
        at++
        alternative = 0
        continue
      }
      preemptions = current.preemptions + (preempts ? 1 : 0)
      return [...current.schedule, { point: current.from + at, alternative } satisfies Deviation]
    }
  }

  return {
    next: () => {
      const next = started ? successor() : []
      started = true
      over = next === undefined
      if (next === undefined) return undefined
      schedule = next
      taken = point = 0
      seen = []
      return seed
    },
    choose: (alternatives, { kind }) => {
      const here = point++
      if (schedule[taken]?.point === here) return schedule[taken++]!.alternative
      if (taken === schedule.length) {
        seen.push(kind === "preemption" || kind === "resume" ? -alternatives : alternatives)
      }
      return 0
    },
    done: ({ redundant }) => {
      if (seen.length === 0 || redundant) return
      if (preemptions >= bound && seen.every((alternatives) => alternatives < 0)) {
        cut = true
        return
      }
      const from = schedule.length === 0 ? 0 : schedule.at(-1)!.point + 1
      nextLevel.push({ schedule, preemptions, from, alternatives: Int16Array.from(seen) })
    },
    exhausted: () => over,
    complete: () => over && !cut
  }
}

const spent: Parent = { schedule: [], preemptions: 0, from: 0, alternatives: new Int16Array() }
