/**
 * What a run is made of. A run is a function of its seed and of what was chosen at its choice points; at each of them
 * there are at least two alternatives in a canonical order, and alternative 0 is what happens by default.
 */
import type * as Fiber from "effect/Fiber"

/** Which interleavings are explored, the weakest first; each mode has all schedules of those before it. */
export type Mode = "stock" | "resume" | "op3" | "op"

export const modes: ReadonlyArray<Mode> = ["stock", "resume", "op3", "op"]

/** `alternative` was taken at choice point number `point`; everywhere else the default. */
export interface Deviation {
  readonly point: number
  readonly alternative: number
}

export type Schedule = ReadonlyArray<Deviation>

/**
 * - `dispatch`: the running fiber has stopped by itself; which task is next?
 * - `preemption`: the running fiber could go on (alternative 0) or be preempted for another task.
 * - `resume`: a fiber was resumed on the stack of another: at once (alternative 0), or later.
 * - `value`: `Explorer.choose`.
 */
export type PointKind = "dispatch" | "preemption" | "resume" | "value"

export type AnyFiber = Fiber.Fiber<unknown, unknown>

/** What is known of a fiber, from its first operation on. */
export class FiberRecord {
  readonly fiber: AnyFiber
  readonly parent: FiberRecord | undefined
  /** Orders the children of one parent by when they were forked, whatever the order in which they first ran. */
  readonly forkedAt: number
  /** What the parent was doing when it forked this one. */
  readonly forkedIn: string | undefined
  /** Identifies the fiber to strategies with priorities: that of the task that started it. */
  readonly key: number
  /** Operations that are no choice point, because what could be chosen there has been chosen already. */
  skip = 0
  /** The scheduler made it yield; the task that continues it is about to be scheduled. */
  forced = false
  /** The task of its last slice, counted by the engine. */
  turn = 0
  /** This slice began on the stack of another fiber or of a task that resumes several. */
  resumed = false
  /** This slice runs on the stack of a fiber that goes on after it. */
  nested = false
  /** It started on the stack of the one that forked it, and this is still its first slice. */
  immediate = false
  /** The last `Explorer.step`. */
  step: string | undefined = undefined
  /** It was resumed from outside the run: by a real timer or promise. */
  outside = false

  constructor(
    fiber: AnyFiber,
    key: number,
    origin: {
      readonly parent: FiberRecord | undefined
      readonly forkedAt: number
      readonly forkedIn: string | undefined
    }
  ) {
    this.fiber = fiber
    this.key = key
    this.parent = origin.parent
    this.forkedAt = origin.forkedAt
    this.forkedIn = origin.forkedIn
  }

  get ended(): boolean {
    return this.fiber.pollUnsafe() !== undefined
  }

  /** The nearest name of what it does: its last step, else its span. */
  get doing(): string | undefined {
    return this.step ?? spanName(this.fiber)
  }
}

const spanName = (fiber: AnyFiber): string | undefined => {
  const span = fiber.cache.span
  return span?._tag === "Span" ? span.name : undefined
}

/** root, root.1, root.1.2: numbered in the order of the forks, so the same in every schedule. */
export const fiberNames = (records: ReadonlyArray<FiberRecord>): ReadonlyMap<FiberRecord, string> => {
  const names = new Map<FiberRecord, string>()
  const children = new Map<FiberRecord | undefined, Array<FiberRecord>>()
  for (const record of records) {
    const siblings = children.get(record.parent)
    if (siblings === undefined) children.set(record.parent, [record])
    else siblings.push(record)
  }
  const visit = (parent: FiberRecord | undefined): void => {
    const siblings = children.get(parent)?.toSorted((a, b) => a.forkedAt - b.forkedAt) ?? []
    for (const [index, record] of siblings.entries()) {
      names.set(record, nameOf(parent === undefined ? undefined : names.get(parent), index))
      visit(record)
    }
  }
  visit(undefined)
  return names
}

const nameOf = (parent: string | undefined, index: number): string => {
  if (parent !== undefined) return `${parent}.${index + 1}`
  return index === 0 ? "root" : `root'${index}`
}
