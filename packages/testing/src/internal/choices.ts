/** The choice points of a run: asks the strategy, and keeps what it chose that is not the default. */
import type { FiberRecord } from "./fibers.ts"
import type { Deviation, PointKind } from "./model.ts"
import type { ReadyQueue } from "./readyQueue.ts"
import type { Point, Search } from "./search.ts"

export class Choices implements Point {
  kind: PointKind = "dispatch"
  points = 0
  digest = 0
  deviations: Array<Deviation> = []
  private search: Search = defaults
  /** Where a fiber could go on that runs: it, and after it the one on whose stack it does. */
  private running: FiberRecord | undefined = undefined
  private readonly ready: ReadyQueue

  constructor(ready: ReadyQueue) {
    this.ready = ready
  }

  begin(search: Search): void {
    this.search = search
    this.points = this.digest = 0
    this.deviations = []
  }

  decide(alternatives: number, kind: PointKind, running: FiberRecord | undefined, steps: number): number {
    this.kind = kind
    this.running = kind === "preemption" || kind === "resume" ? running : undefined
    this.digest = mix(mix(mix(this.digest, alternatives), kind.length), steps)
    const wanted = this.search.choose(alternatives, this)
    const point = this.points++
    // one that is not there was meant for another run
    if (!(wanted > 0 && wanted < alternatives)) return 0
    this.digest = mix(this.digest, wanted)
    this.deviations.push({ point, alternative: wanted })
    return wanted
  }

  get candidates(): number {
    return this.started + this.ready.alternatives()
  }
  keyOf(index: number): number {
    const { running, started } = this
    if (index >= started) return this.ready.at(index - started)?.key ?? 0
    return (index === 0 ? running : running?.below)?.key ?? 0
  }
  yieldsOf(index: number): number {
    const { started } = this
    return index < started ? 0 : (this.ready.at(index - started)?.yields ?? 0)
  }
  /** How many candidates need no task to go on. */
  private get started(): number {
    if (this.running === undefined) return 0
    return this.running.below === undefined ? 1 : 2
  }
}

/** FNV-1a, a number at a time. */
const mix = (digest: number, number: number): number => Math.imul(digest ^ number, 0x01000193)

const defaults: Search = { next: () => undefined, choose: () => 0, done: () => {} }
