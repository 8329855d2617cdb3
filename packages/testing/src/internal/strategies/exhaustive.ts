/**
 * Every schedule with at most so many preemptions, those with the fewest deviations first: so the first failure has the
 * fewest. Where a fiber stops by itself, which one is next is no preemption, and not bounded.
 *
 * A schedule with one deviation more is one that was run, and a deviation at a later point than its last: no schedule
 * is run twice, and none is taken further whose last deviation changed nothing. Of a run nothing is kept but its last
 * deviation and which run it continues; how many alternatives a point has is learnt when it is reached again.
 */
import type { Deviation, Schedule } from "../model.ts"
import type { Search } from "../search.ts"

/** Runs that others continue are kept up to this number, in about 100 MB; what would continue later ones is left out. */
const mostRuns = 4_000_000

/** A growing table of runs, each with its last deviation. Run 0 has none. */
class Runs {
  size = 0
  private parents = new Int32Array(64)
  private points = new Int32Array(64)
  private ends = new Int32Array(64)
  private preemptions = new Int32Array(64)
  private alternatives = new Float64Array(64)

  add(parent: number, { alternative, point }: Deviation, end: number, preemptions: number): void {
    if (this.size === this.parents.length) this.grow()
    const run = this.size++
    this.parents[run] = parent
    this.points[run] = point
    this.alternatives[run] = alternative
    this.ends[run] = end
    this.preemptions[run] = preemptions
  }
  /** The first point at which a deviation continues a run, and the one behind the last. */
  rangeOf(run: number): readonly [from: number, end: number] {
    return [this.points[run]! + 1, this.ends[run]!]
  }
  preemptionsOf(run: number): number {
    return this.preemptions[run]!
  }
  scheduleOf(last: number): Schedule {
    const schedule: Array<Deviation> = []
    for (let run = last; run > 0; run = this.parents[run]!) {
      schedule.push({ point: this.points[run]!, alternative: this.alternatives[run]! })
    }
    return schedule.toReversed()
  }
  private grow(): void {
    const twice = <A extends Int32Array | Float64Array>(make: new (length: number) => A, from: A): A => {
      const grown = new make(from.length * 2)
      grown.set(from)
      return grown
    }
    this.parents = twice(Int32Array, this.parents)
    this.points = twice(Int32Array, this.points)
    this.ends = twice(Int32Array, this.ends)
    this.preemptions = twice(Int32Array, this.preemptions)
    this.alternatives = twice(Float64Array, this.alternatives)
  }
}

export const exhaustiveSearch = (bound: number, seed: number, most = mostRuns): Search => {
  const runs = new Runs()
  let started = false
  let over = false
  /** Something was left out because of the bound. */
  let cut = false
  /** Something else was left out, or depends on more than the schedule: memory, chance, a program that differs. */
  let lost = false

  // the run to be continued, and how: alternative number `alternative` of point number `at`
  let parent = -1
  let schedule: Schedule = []
  let at = -1
  let end = 0
  let alternative = 1
  let preemptions = 0

  // the run that is made
  let point = 0
  let taken = 0
  let deviated = false
  /** How many alternatives there are where it deviates; the point behind the last where it could be continued. */
  let alternatives = 0
  let open = 0

  const nextParent = (): boolean => {
    while (at >= end) {
      parent++
      if (parent >= runs.size) return false
      ;[at, end] = runs.rangeOf(parent)
      alternative = 1
      schedule = runs.scheduleOf(parent)
    }
    return true
  }

  return {
    next: () => {
      over = started && !nextParent()
      if (over) return undefined
      started = true
      preemptions = parent < 0 ? 0 : runs.preemptionsOf(parent)
      point = taken = open = 0
      deviated = parent < 0
      return seed
    },
    choose: (count, { kind }) => {
      const here = point++
      if (schedule[taken]?.point === here) return schedule[taken++]!.alternative
      if (here < at) return 0
      const preempts = kind === "preemption" || kind === "resume"
      const allowed = !preempts || preemptions < bound
      if (!allowed) cut = true
      else if (deviated) open = point
      else {
        deviated = true
        // what stands before it was out of bounds
        if (here > at) alternative = 1
        at = here
        alternatives = count
        if (preempts) preemptions++
        return alternative
      }
      return 0
    },
    done: ({ drawsRandom, redundant }) => {
      if (drawsRandom) lost = true
      // the program was not what it had been
      if (!deviated) {
        lost = true
        at = end
        return
      }
      if (open > 0 && !redundant) {
        if (runs.size < most) runs.add(parent, { point: at, alternative }, open, preemptions)
        else lost = true
      }
      if (++alternative < alternatives) return
      at++
      alternative = 1
    },
    exhausted: () => over && !lost,
    complete: () => over && !lost && !cut
  }
}
