/** What the program of a run tells about itself: its steps and its resources; and who is overtaken. */
import type { FiberRecord } from "./fibers.ts"

export interface Resource {
  readonly name: string
  acquired: number
  released: number
}

export interface Starvation {
  readonly fiber: FiberRecord
  readonly step: string
  readonly overtaken: number
}

/** A fiber's time at one step. */
interface Visit {
  readonly step: string
  /** Who was parked at the step when the fiber arrived. */
  readonly before: ReadonlyArray<Visit>
  readonly fiber: FiberRecord
  overtaken: number
}

export class Observations {
  readonly resources = new Map<string, Resource>()
  starvation: Starvation | undefined = undefined
  private steps = 0
  private readonly at = new Map<FiberRecord, Visit>()

  reset(): void {
    if (this.resources.size > 0) this.resources.clear()
    if (this.at.size > 0) this.at.clear()
    this.starvation = undefined
    this.steps = 0
  }

  resource(name: string): Resource {
    let resource = this.resources.get(name)
    if (resource === undefined) this.resources.set(name, (resource = { name, acquired: 0, released: 0 }))
    return resource
  }

  get lost(): ReadonlyArray<Resource> {
    return [...this.resources.values()].filter(({ acquired, released }) => acquired > released)
  }

  get hasSteps(): boolean {
    return this.steps > 0
  }

  /**
   * A fiber arrives at a step, and so has passed the one before: whoever was parked there when it came, and still is,
   * has been overtaken.
   */
  arrives(
    fiber: FiberRecord,
    step: string,
    limit: number | undefined,
    isParked: (record: FiberRecord) => boolean
  ): void {
    this.steps++
    if (limit === undefined) return
    for (const waiting of this.at.get(fiber)?.before ?? []) {
      if (this.at.get(waiting.fiber) !== waiting || !isParked(waiting.fiber) || ++waiting.overtaken <= limit) continue
      this.starvation ??= { fiber: waiting.fiber, step: waiting.step, overtaken: waiting.overtaken }
    }
    const before = [...this.at.values()].filter((visit) => visit.step === step && isParked(visit.fiber))
    this.at.set(fiber, { step, before, fiber, overtaken: 0 })
  }
}
