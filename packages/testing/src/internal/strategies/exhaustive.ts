/**
 * Every schedule with at most so many preemptions, in one of two orders: those with the fewest preemptions first, and
 * among them those with the fewest deviations; or those with the fewest deviations, whatever they are. So the first
 * failure has the fewest. Where a fiber stops by itself, which one is next is no preemption, and not bounded.
 *
 * A schedule with one deviation more is one that was run, and a deviation at a later point than its last: no schedule
 * is run twice, and none is taken further whose last deviation changed nothing. Of a run nothing is kept but its last
 * deviation and which run it continues; how many alternatives a point has is learnt when it is reached again.
 */
import type { Deviation, Schedule } from "../model.ts"
import type { Search } from "../search.ts"

/** Runs that others continue are kept up to this number, in about 120 MB; what would continue later ones is left out. */
const mostRuns = 4_000_000

/** Which schedules come first. */
export type Order = "preemptions" | "deviations"

/** What is added to a run that is continued: a preemption, a deviation that is none (`free`), or whatever comes. */
type Kind = "preemption" | "free" | "any"

/** Runs, by their numbers, that are continued in one way. */
interface Walk {
  readonly adds: Kind
  readonly from: number
  readonly end: number
}

/** A growing table of runs, each with its last deviation. Run 0 has none. */
class Runs {
  size = 0
  private parents = new Int32Array(64)
  private points = new Int32Array(64)
  private freeEnds = new Int32Array(64)
  private preemptionEnds = new Int32Array(64)
  private preemptions = new Int32Array(64)
  private alternatives = new Float64Array(64)
  private digests = new Int32Array(64)

  add(parent: number, { alternative, point }: Deviation, open: Open, preemptions: number, digest: number): void {
    if (this.size === this.parents.length) this.grow()
    const run = this.size++
    this.parents[run] = parent
    this.points[run] = point
    this.alternatives[run] = alternative
    this.freeEnds[run] = open.free
    this.preemptionEnds[run] = open.preemption
    this.preemptions[run] = preemptions
    this.digests[run] = digest
  }
  /** The first point at which a deviation of this kind could continue a run, and the one behind the last. */
  rangeOf(run: number, kind: Kind): readonly [from: number, end: number] {
    const free = kind === "preemption" ? 0 : this.freeEnds[run]!
    const preemption = kind === "free" ? 0 : this.preemptionEnds[run]!
    return [this.points[run]! + 1, Math.max(free, preemption)]
  }
  preemptionsOf(run: number): number {
    return this.preemptions[run]!
  }
  /** That of the point behind its last deviation. */
  digestOf(run: number): number {
    return this.digests[run]!
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
    this.freeEnds = twice(Int32Array, this.freeEnds)
    this.preemptionEnds = twice(Int32Array, this.preemptionEnds)
    this.preemptions = twice(Int32Array, this.preemptions)
    this.digests = twice(Int32Array, this.digests)
    this.alternatives = twice(Float64Array, this.alternatives)
  }
}

/** The point behind the last where a run could be continued with a deviation of each kind; 0 where there is none. */
interface Open {
  free: number
  preemption: number
}

/** Each run is continued as soon as it is its turn. */
function* byDeviations(): Generator<Walk> {
  yield { adds: "any", from: 0, end: Infinity }
}

/**
 * Level by level of preemptions, and within a level by deviations: block `at` of a level has what one preemption makes
 * of that block of the level below, and one other deviation of the block before. A block is a range, for runs are added
 * in this order.
 */
function* byPreemptions(runs: Runs): Generator<Walk> {
  let below: ReadonlyArray<Omit<Walk, "adds">> = []
  for (let level = 0; level === 0 || below.length > 0; level++) {
    const blocks: Array<Omit<Walk, "adds">> = level === 0 ? [{ from: 0, end: runs.size }] : []
    for (let at = blocks.length; at < below.length || (blocks.at(-1)?.end ?? 0) > (blocks.at(-1)?.from ?? 0); at++) {
      const from = runs.size
      if (at < below.length) yield { adds: "preemption", ...below[at]! }
      if (at > 0) yield { adds: "free", ...blocks[at - 1]! }
      blocks.push({ from, end: runs.size })
    }
    below = blocks.some(({ end, from }) => end > from) ? blocks : []
  }
}

export const exhaustiveSearch = (
  seed: number,
  {
    most = mostRuns,
    order = "deviations",
    preemptions: bound = Infinity
  }: { readonly preemptions?: number; readonly order?: Order; readonly most?: number } = {}
): Search => {
  const runs = new Runs()
  const walks = order === "deviations" ? byDeviations() : byPreemptions(runs)
  let walk: Walk = { adds: "any", from: 0, end: 0 }
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
  /** The digests of its points from the first on that continues it: those who continue it come past the same ones. */
  let trail: Array<number> = []
  let from = 0

  // the run that is made
  let point = 0
  let taken = 0
  let deviated = false
  /** How many alternatives there are where it deviates. */
  let alternatives = 0
  const open: Open = { free: 0, preemption: 0 }
  /** The digest of the point behind the deviation. */
  let digestBehind = 0

  const nextParent = (): boolean => {
    while (at >= end) {
      parent++
      while (parent >= Math.min(walk.end, runs.size)) {
        const next = walks.next()
        if (next.done === true) return false
        walk = next.value
        parent = walk.from
      }
      ;[at, end] = runs.rangeOf(parent, walk.adds)
      from = at
      trail = [runs.digestOf(parent)]
      alternative = 1
      schedule = runs.scheduleOf(parent)
    }
    return true
  }

  const begin = (): void => {
    preemptions = parent < 0 ? 0 : runs.preemptionsOf(parent)
    point = taken = open.free = open.preemption = 0
    deviated = parent < 0
  }

  return {
    next: () => {
      over = started && !nextParent()
      if (over) return undefined
      started = true
      begin()
      return seed
    },
    choose: (count, { digest, kind }) => {
      const here = point++
      if (deviated && here === at + 1) digestBehind = digest
      if (!deviated && here >= from && digest !== (trail[here - from] ??= digest)) lost = true
      if (schedule[taken]?.point === here) return schedule[taken++]!.alternative
      if (here < at) return 0
      const preempts = kind === "preemption" || kind === "resume"
      if (preempts && preemptions >= bound) {
        cut = true
        return 0
      }
      const own = preempts ? "preemption" : "free"
      if (deviated) open[own] = point
      else if (walk.adds === "any" || walk.adds === own) {
        deviated = true
        // what stands before it is not to be added here
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
      if ((open.free > 0 || open.preemption > 0) && !redundant) {
        if (runs.size < most) runs.add(parent, { point: at, alternative }, open, preemptions, digestBehind)
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
