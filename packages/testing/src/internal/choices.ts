/** The choice points of a run: asks the strategy, and keeps what it chose that is not the default. */
import type { FiberRecord } from "./fibers.ts"
import type { Deviation, PointKind } from "./model.ts"
import type { ReadyQueue } from "./readyQueue.ts"
import type { Point, Search } from "./search.ts"

export class Choices implements Point {
  kind: PointKind = "dispatch"
  points = 0
  deviations: Array<Deviation> = []
  /** A deviation could not be taken: the run was not what its schedule was made from. */
  diverged = false
  private search: Search = defaults
  /** Those that could go on without a task: the running fiber, and the one on whose stack it runs. */
  private readonly running: Array<FiberRecord> = []
  private readonly ready: ReadyQueue

  constructor(ready: ReadyQueue) {
    this.ready = ready
  }

  begin(search: Search): void {
    this.search = search
    this.points = 0
    this.deviations = []
    this.diverged = false
  }

  decide(alternatives: number, kind: PointKind, running: FiberRecord | undefined): number {
    this.kind = kind
    this.running.length = 0
    if (running !== undefined && (kind === "preemption" || kind === "resume")) {
      this.running.push(running)
      if (running.below !== undefined) this.running.push(running.below)
    }
    const wanted = this.search.choose(alternatives, this)
    const point = this.points++
    if (wanted <= 0) return 0
    if (wanted >= alternatives) {
      this.diverged = true
      return 0
    }
    this.deviations.push({ point, alternative: wanted })
    return wanted
  }

  get candidates(): number {
    return this.running.length + this.ready.alternatives()
  }
  keyOf(index: number): number {
    return this.running[index]?.key ?? this.ready.at(index - this.running.length)?.key ?? 0
  }
  yieldsOf(index: number): number {
    return index < this.running.length ? 0 : (this.ready.at(index - this.running.length)?.yields ?? 0)
  }
}

const defaults: Search = { next: () => undefined, choose: () => 0, done: () => {} }
