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
  private running: FiberRecord | undefined = undefined
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
    this.running = kind === "preemption" || kind === "resume" ? running : undefined
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

  keyOf(index: number): number {
    if (this.running === undefined) return this.ready.at(index)?.key ?? 0
    return index === 0 ? this.running.key : (this.ready.at(index - 1)?.key ?? 0)
  }
  hasYielded(index: number): boolean {
    if (this.running === undefined) return this.ready.at(index)?.yielded ?? false
    return index > 0 && (this.ready.at(index - 1)?.yielded ?? false)
  }
}

const defaults: Search = { next: () => undefined, choose: () => 0, done: () => {} }
