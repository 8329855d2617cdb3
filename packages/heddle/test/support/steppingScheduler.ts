/** A scheduler whose tasks a test runs one by one. */
import type * as Fiber from "effect/Fiber"
import type { Scheduler, SchedulerDispatcher } from "effect/Scheduler"

export class SteppingScheduler implements Scheduler {
  readonly executionMode = "async" as const
  private readonly tasks: Array<() => void> = []
  private readonly budget: number
  /** Whether a fiber is to be preempted before its next operation, whatever its budget. */
  preempts: () => boolean = () => false

  /** Its fibers yield after `budget` operations. */
  constructor(budget: number) {
    this.budget = budget
  }
  shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    return this.preempts() || fiber.currentOpCount >= this.budget
  }
  makeDispatcher(): SchedulerDispatcher {
    return { scheduleTask: (task) => void this.tasks.push(task), flush: () => this.drain() }
  }
  /** Runs one task; false when there is none. */
  step(): boolean {
    const task = this.tasks.shift()
    task?.()
    return task !== undefined
  }
  drain(): void {
    while (this.step());
  }
}
