/**
 * Interruption at every step. A scheduler owns every task of a run, so that a run is deterministic and takes
 * microseconds: the sweep interrupts the target once before each of its operations, and once between any two tasks
 * (while it is parked, or served but not yet resumed), for every yield budget.
 */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { Scheduler, SchedulerDispatcher } from "effect/Scheduler"

export class SteppingScheduler implements Scheduler {
  readonly executionMode = "async" as const
  private readonly tasks: Array<() => void> = []
  readonly budget: number
  /** Whether the fiber is to be preempted before its next operation. */
  beforeOperation: (fiber: Fiber.Fiber<unknown, unknown>) => boolean = () => false

  constructor(budget: number) {
    this.budget = budget
  }
  shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    return this.beforeOperation(fiber) || fiber.currentOpCount >= this.budget
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

export interface Scenario {
  /** Runs beside the target, started before it. */
  readonly before?: ReadonlyArray<Effect.Effect<unknown, unknown>>
  readonly target: Effect.Effect<unknown, unknown>
  /** Runs beside the target, started after it. */
  readonly after?: ReadonlyArray<Effect.Effect<unknown, unknown>>
  /** Looked at when nothing moves any more: throws what is wrong. */
  readonly check: (target: Exit.Exit<unknown, unknown>) => void
}

interface Outcome {
  readonly operations: number
  readonly tasks: number
}

/**
 * - `operation`: the fiber finds itself interrupted as it runs an operation; the operation still runs.
 * - `preemption`: the fiber is preempted before an operation, and interrupted while it is.
 * - `task`: the fiber is interrupted between two tasks of the scheduler, wherever it is.
 * - `pause`: the fiber is preempted before an operation, and not interrupted: what happens meanwhile must not be missed.
 */
export type Moment = "operation" | "preemption" | "task" | "pause"
type Interruption = { readonly at: Moment; readonly number: number } | { readonly at: "never" }

const runOnce = (make: () => Scenario, budget: number, interruption: Interruption): Outcome => {
  const scheduler = new SteppingScheduler(budget)
  const { after = [], before = [], check, target } = make()
  let operations = 0
  let tasks = 0
  let preempted = false
  const start = (effect: Effect.Effect<unknown, unknown>) => Effect.runFork(effect, { scheduler })
  const fibers = before.map(start)
  // the target starts with a yield, so that its fiber is known before its first operation
  const fiber = start(Effect.andThen(Effect.yieldNow, target))
  scheduler.beforeOperation = (current) => {
    if (current !== fiber) return false
    operations++
    if (interruption.at === "never" || interruption.number !== operations) return false
    if (interruption.at === "operation") fiber.interruptUnsafe()
    preempted = interruption.at === "preemption"
    return preempted || interruption.at === "pause"
  }
  fibers.push(...after.map(start))
  do {
    if (preempted || (interruption.at === "task" && interruption.number === tasks)) fiber.interruptUnsafe()
    preempted = false
    tasks++
  } while (scheduler.step())
  const stuck = [fiber, ...fibers].filter((one) => one.pollUnsafe() === undefined)
  if (stuck.length > 0) throw new Error(`${stuck.length} of ${fibers.length + 1} fibers never ended`)
  const failed = fibers.map((one) => one.pollUnsafe()!).find((exit) => exit._tag === "Failure")
  if (failed !== undefined) throw new Error(`a fiber beside the target failed: ${String(failed)}`)
  check(fiber.pollUnsafe()!)
  return { operations, tasks }
}

/** Runs the scenario with an interruption at every step; returns how many runs there were. */
export const interruptEverywhere = (
  make: () => Scenario,
  moments: ReadonlyArray<Moment> = ["operation", "preemption", "task", "pause"],
  budgets: ReadonlyArray<number> = allBudgets
): number => {
  let runs = 0
  for (const budget of budgets) {
    const once = (interruption: Interruption): Outcome => {
      runs++
      try {
        return runOnce(make, budget, interruption)
      } catch (cause) {
        throw new Error(`budget ${budget}, interrupted at ${JSON.stringify(interruption)}: ${String(cause)}`, { cause })
      }
    }
    const { operations, tasks } = once({ at: "never" })
    for (const at of moments) {
      for (let number = 0; number <= (at === "task" ? tasks : operations); number++) once({ at, number })
    }
  }
  return runs
}

/** Below 3 a fiber never gets on: a forced yield costs two operations of its next slice. */
const allBudgets = Array.from({ length: 62 }, (_, index) => index + 3)
