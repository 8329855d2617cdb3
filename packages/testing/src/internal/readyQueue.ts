/**
 * The tasks that could run now, in the order in which Effect's own scheduler would take them: dispatchers first come,
 * first served; within one, by priority and then first in, first out. A dispatcher whose turn has come takes what it
 * has as one batch, and what is scheduled on it from then on waits for its next turn.
 */
import type { SchedulerDispatcher } from "effect/Scheduler"

import type { Continuation, FiberRecord } from "./fibers.ts"
import type { Mode } from "./model.ts"

export interface Task extends Continuation {
  readonly run: () => void
  readonly priority: number
  readonly turn: Turn
  /** Who scheduled it, and at which step of the run. */
  readonly owner: FiberRecord | undefined
  readonly step: number
  readonly order: number
  /** The label of its owner when it was scheduled. */
  readonly doing: string | undefined
  /** The scheduler made its fiber yield: two operations from now stand where one did then. */
  readonly forced: boolean
  key: number
  /** Where its fiber yielded of its own accord: how often it has by now. */
  yields: number
}

/** What one dispatcher runs at its next turn. */
class Turn {
  readonly dispatcher: Dispatcher
  readonly run: number
  size = 0
  constructor(dispatcher: Dispatcher, run: number) {
    this.dispatcher = dispatcher
    this.run = run
  }
}

/** Who takes what is scheduled. */
export interface Dispatching {
  readonly schedule: (dispatcher: Dispatcher, run: () => void, priority: number) => void
  readonly drain: (dispatcher: Dispatcher) => void
}

export class Dispatcher implements SchedulerDispatcher {
  /** The turn that still takes tasks. */
  open: Turn | undefined = undefined
  visited = 0
  /** The run that it was made in. */
  readonly epoch: number
  private readonly dispatching: Dispatching

  constructor(dispatching: Dispatching, epoch: number) {
    this.dispatching = dispatching
    this.epoch = epoch
  }
  scheduleTask(run: () => void, priority: number): void {
    this.dispatching.schedule(this, run, priority)
  }
  flush(): void {
    this.dispatching.drain(this)
  }
}

/**
 * Which tasks are alternatives of each other:
 * - `turns`: the dispatchers; the tasks of a turn stay together. All that Effect's scheduler can do under any
 *   `setImmediate`.
 * - `heads`: the first task of each dispatcher.
 * - `all`: every task.
 */
export type Eligible = "turns" | "heads" | "all"

export const eligibleIn: Readonly<Record<Mode, Eligible>> = { stock: "turns", resume: "turns", op3: "heads", op: "all" }

export class ReadyQueue {
  private readonly tasks: Array<Task> = []
  private readonly eligibility: Eligible
  /** The turn that has begun and not ended; only `turns` cares. */
  private current: Turn | undefined = undefined
  private visit = 0
  private run = 0

  constructor(eligibility: Eligible) {
    this.eligibility = eligibility
  }

  get size(): number {
    return this.tasks.length
  }

  clear(): void {
    this.tasks.length = 0
    this.current = undefined
    this.run++
  }

  /** The turn that a task joins which is scheduled on this dispatcher now. */
  turnOf(dispatcher: Dispatcher): Turn {
    if (dispatcher.open?.run !== this.run) dispatcher.open = new Turn(dispatcher, this.run)
    return dispatcher.open
  }

  add(task: Task): void {
    const { tasks } = this
    const { turn } = task
    let at = tasks.length
    if (turn.size++ > 0) {
      // Invariant: the tasks of a turn are neighbours.
      while (tasks[at - 1]!.turn !== turn) at--
      while (at > 0 && tasks[at - 1]!.turn === turn && tasks[at - 1]!.priority > task.priority) at--
    }
    if (at === tasks.length) tasks.push(task)
    else tasks.splice(at, 0, task)
  }

  /** How many alternatives there are. */
  alternatives(): number {
    const { length } = this.tasks
    if (length < 2 || this.eligibility === "all") return length
    if (this.eligibility === "turns" && this.current !== undefined) return 1
    let count = 0
    const visit = ++this.visit
    for (const { turn } of this.tasks) {
      if (turn.dispatcher.visited === visit) continue
      turn.dispatcher.visited = visit
      count++
    }
    return count
  }

  /** Alternative number `index`; it stays in the queue. */
  at(index: number): Task | undefined {
    if (this.eligibility === "all") return this.tasks[index]
    if (this.eligibility === "turns" && this.current !== undefined) {
      return this.tasks.find(({ turn }) => turn === this.current)
    }
    if (index === 0) return this.tasks[0]
    let left = index
    const visit = ++this.visit
    for (const task of this.tasks) {
      const { dispatcher } = task.turn
      if (dispatcher.visited === visit) continue
      dispatcher.visited = visit
      if (left-- === 0) return task
    }
    return undefined
  }

  /** Takes a task out, to be run: its turn has begun. False when it is no longer there. */
  begin(task: Task): boolean {
    if (!this.remove(task)) return false
    const { turn } = task
    if (turn.dispatcher.open === turn) turn.dispatcher.open = undefined
    this.current = turn.size > 0 ? turn : undefined
    return true
  }

  /** Takes a task out that is not to be run. */
  remove(task: Task): boolean {
    const at = this.tasks[0] === task ? 0 : this.tasks.indexOf(task)
    if (at < 0) return false
    if (at === 0) this.tasks.shift()
    else this.tasks.splice(at, 1)
    task.turn.size--
    if (task.turn.size === 0) {
      if (task.turn.dispatcher.open === task.turn) task.turn.dispatcher.open = undefined
      if (this.current === task.turn) this.current = undefined
    }
    return true
  }

  /**
   * A fiber was resumed in another way than by the task that would have continued it, which does nothing any more. It
   * is taken out where that changes no order: a dispatcher has its turn even so.
   */
  abandon(task: Task): void {
    task.fiber = undefined
    if (task.forced && this.eligibility !== "turns") this.remove(task)
  }

  /** Takes the task out that would call `run`, where there is one. */
  removeRun(run: () => void): void {
    const task = this.tasks.find((task) => task.run === run)
    if (task !== undefined) this.remove(task)
  }

  /** The number of the first task that was scheduled and has not run. */
  readonly oldest = (): number => this.tasks.reduce((least, { order }) => Math.min(least, order), Infinity)

  firstOf(dispatcher: Dispatcher): Task | undefined {
    return this.tasks.find(({ turn }) => turn.dispatcher === dispatcher)
  }
}
