/**
 * Who is overtaken while it waits. A fiber waits at its last `Explorer.step` as long as it is parked; another one that
 * comes to the same step later, and gets to its next step sooner, has overtaken it.
 *
 * Whoever has been served already waits for the scheduler only, and that is not the fault of the line it stood in. Who
 * that is cannot be seen from here: so an overtaking counts as soon as everything has had its turn that was ready when
 * it happened, and the fiber is still parked.
 */
import type { FiberRecord } from "./fibers.ts"

export interface Starvation {
  readonly fiber: FiberRecord
  readonly step: string
  readonly overtaken: number
}

/** A fiber's time at one step. */
interface Visit {
  readonly step: string
  readonly fiber: FiberRecord
  /** Who was parked at the step when the fiber arrived. */
  readonly before: ReadonlyArray<Visit>
  /** How many tasks there had been when it was overtaken, each time. */
  readonly overtaken: Array<number>
}

export class Bypass {
  starvation: Starvation | undefined = undefined
  hasSteps = false
  private readonly limit: number
  private readonly at = new Map<FiberRecord, Visit>()
  /** Those that have been overtaken more often than they may, if all of it counts. */
  private readonly suspects = new Set<Visit>()

  constructor(limit: number | undefined) {
    this.limit = limit ?? Infinity
  }

  reset(): void {
    this.starvation = undefined
    this.hasSteps = false
    if (this.at.size > 0) this.at.clear()
    if (this.suspects.size > 0) this.suspects.clear()
  }

  /** A fiber arrives at a step, and so has passed the one before, when there have been so many tasks; answers whom it has overtaken. */
  arrives(
    fiber: FiberRecord,
    step: string,
    tasks: number,
    isParked: (record: FiberRecord) => boolean
  ): ReadonlyArray<FiberRecord> {
    this.hasSteps = true
    if (this.limit === Infinity) return nobody
    const overtaken: Array<FiberRecord> = []
    for (const visit of this.at.get(fiber)?.before ?? []) {
      if (this.at.get(visit.fiber) !== visit || !isParked(visit.fiber)) continue
      visit.overtaken.push(tasks)
      overtaken.push(visit.fiber)
      if (visit.overtaken.length > this.limit) this.suspects.add(visit)
    }
    const before = [...this.at.values()].filter((visit) => visit.step === step && isParked(visit.fiber))
    this.at.set(fiber, { step, before, fiber, overtaken: [] })
    return overtaken
  }

  /** Every task but the last ones, from number `oldest` on, has run. */
  hasRun(oldest: () => number, isParked: (record: FiberRecord) => boolean): void {
    if (this.suspects.size === 0) return
    const first = oldest()
    for (const visit of this.suspects) {
      if (this.at.get(visit.fiber) !== visit || !isParked(visit.fiber)) this.suspects.delete(visit)
      const overtaken = visit.overtaken.filter((tasks) => tasks < first).length
      if (overtaken <= this.limit || !this.suspects.has(visit)) continue
      this.starvation ??= { fiber: visit.fiber, step: visit.step, overtaken }
    }
  }
}

const nobody: ReadonlyArray<FiberRecord> = []
