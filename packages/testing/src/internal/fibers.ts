/** The fibers of a run: each is known from its first operation on. */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { Span } from "effect/Tracer"

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
  /** When its last slice began: after so many tasks. */
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
  /** How often it has yielded of its own accord. */
  yields = 0
  /** The time that it waits for. */
  wakesAt: number | undefined = undefined
  /** The last `Explorer.step`, and the span in which it was. */
  private step: string | undefined = undefined
  private stepSpan: object | undefined = undefined
  /** The span of whoever explores: it names nothing in the run. */
  outerSpan: object | undefined = undefined
  /** It was resumed from outside the run: by a real timer or promise. */
  outside = false

  constructor(
    fiber: AnyFiber,
    key: number,
    parent: FiberRecord | undefined,
    forkedAt: number,
    forkedIn: string | undefined
  ) {
    this.fiber = fiber
    this.key = key
    this.parent = parent
    this.forkedAt = forkedAt
    this.forkedIn = forkedIn
  }

  get ended(): boolean {
    return this.fiber.pollUnsafe() !== undefined
  }

  reach(step: string): void {
    this.step = step
    this.stepSpan = this.span
  }

  /** The nearest name of what it does: of the last step and the span that it is in, the one that came later. */
  get doing(): string | undefined {
    const { span, step } = this
    return span === undefined || (step !== undefined && span === this.stepSpan) ? step : span.name
  }

  private get span(): Span | undefined {
    const { span } = this.fiber.cache
    return span?._tag === "Span" && span !== this.outerSpan ? span : undefined
  }
}

export class Fibers {
  /** In the order of their first operations; the root comes first. */
  records: Array<FiberRecord> = []
  outerSpan: object | undefined = undefined
  private readonly byFiber = new Map<AnyFiber, FiberRecord>()

  reset(): void {
    this.records = []
    this.byFiber.clear()
  }
  get(fiber: AnyFiber): FiberRecord | undefined {
    return this.byFiber.get(fiber)
  }
  add(record: FiberRecord): void {
    record.outerSpan = this.outerSpan
    this.byFiber.set(record.fiber, record)
    this.records.push(record)
  }
  get haveEnded(): boolean {
    for (const { fiber } of this.records) if (fiber.pollUnsafe() === undefined) return false
    return true
  }
  /** Whether a fiber is of an earlier run: they have rising numbers, and the root is the first of its run. */
  predates(fiber: AnyFiber): boolean {
    const root = this.records[0]
    return root !== undefined && fiber.id < root.fiber.id
  }
}

/** Fibers have rising numbers: this is a later one than that of any fiber so far. */
export const nextFiberId = (): number => Effect.runFork(Effect.void).id
