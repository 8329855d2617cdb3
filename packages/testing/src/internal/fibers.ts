/** The fibers of a run: each is known from its first operation on. */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"

export type AnyFiber = Fiber.Fiber<unknown, unknown>

/** What goes on with a fiber when its turn comes. */
export interface Continuation {
  /** The fiber that it continues, where that is known beforehand. */
  fiber: FiberRecord | undefined
}

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
  /** Where it has yielded, or its sleep is over: what continues it. */
  continuation: Continuation | undefined = undefined
  /** This slice is one of a fiber that was resumed, and not by what continues that fiber alone. */
  resumed = false
  /** This slice runs inside of something that goes on after it: the operation of another fiber, or a task. */
  nested = false
  /** The fiber whose operation that is, as far as one can tell: it may have been suspended in the same task. */
  below: FiberRecord | undefined = undefined
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

export class Fibers {
  /** In the order of their first operations; the root comes first. */
  records: Array<FiberRecord> = []
  private readonly byFiber = new Map<AnyFiber, FiberRecord>()

  reset(): void {
    this.records = []
    this.byFiber.clear()
  }
  get(fiber: AnyFiber): FiberRecord | undefined {
    return this.byFiber.get(fiber)
  }
  add(record: FiberRecord): void {
    this.byFiber.set(record.fiber, record)
    this.records.push(record)
  }
  /** Whether a fiber is of an earlier run: they have rising numbers, and the root is the first of its run. */
  predates(fiber: AnyFiber): boolean {
    const root = this.records[0]
    return root !== undefined && fiber.id < root.fiber.id
  }
}

/** Fibers have rising numbers: this is a later one than that of any fiber so far. */
export const nextFiberId = (): number => Effect.runFork(Effect.void).id
