/** A pool on fibers: what its functions do. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

import { checkPositive, checkPriority, checkOptions } from "../defect.ts"
import { Handle } from "../handle.ts"
import type { Core } from "./core.ts"
import { allEnclosing, CallerContexts, enclosing } from "./enclosing.ts"
import type { AnyEffect, AnyFiber } from "./entry.ts"
import { QueuedJob } from "./job.ts"
import { type Engine, type FiberPool, FiberTypeId, type Stats, type SubmitOptions, TypeId } from "./model.ts"
import { type Options, partsOf } from "./options.ts"
import { Run } from "./run.ts"
import type { WorkerStates } from "./workerState.ts"

const keptRuns = 256

/** How many tasks are handed in without giving the event loop its turn, where they find room. */
const tasksPerOperation = 64

export class Pool extends Handle implements FiberPool<any, any, any, any> {
  readonly [FiberTypeId]: typeof FiberTypeId = FiberTypeId
  readonly [TypeId]: Engine<any, any, any, any>
  /**
   * When V8 collects garbage it forgets the hidden classes of which there is no instance at the moment, and throws away the
   * code that was optimised for them: after a collection that no pool survives, tasks would cost a third more. So one of
   * everything stays.
   */
  static readonly kept: unknown = Effect.runSync(
    Effect.withFiber((fiber) => {
      const handle = () => Effect.void
      const distributions = ["shared", "stealing", { keyed: () => 0 }] as const
      return Effect.forEach(distributions, (distribute) => {
        const pool = new Pool({ workers: 1, handle, distribute }, fiber)
        const jobs = Effect.andThen(pool.run(0, {}), pool.submitAll([0, 1], { discard: false }))
        return Effect.map(jobs, (jobs) => [pool, jobs])
      })
    })
  )

  private readonly core: Core
  private readonly states: WorkerStates | undefined
  private readonly contexts: CallerContexts
  private readonly idleRuns: Array<Run> = []

  constructor(options: Options, maker: AnyFiber) {
    const label = checkOptions("WorkerPool.make", options)
    super("WorkerPool", options.name)
    const { core, services, states } = partsOf(label, options, maker)
    this.core = core
    this.states = states
    this.contexts = new CallerContexts(services)
    this[TypeId] = {
      submit: (task, options) => this.submit(task, options),
      run: (task, options) => this.run(task, options),
      submitAll: (tasks, options) => this.submitAll(tasks, options),
      drain: this.drain,
      close: this.close,
      stats: Effect.sync(() => this.stats())
    }
  }

  stats(): Stats {
    return this.core.stats()
  }

  private submit(task: unknown, { priority }: SubmitOptions): AnyEffect {
    return Effect.suspend(() => new QueuedJob(this.core, task, this.checked("submit", priority)).submit())
  }

  private run(task: unknown, { priority }: SubmitOptions): AnyEffect {
    return Effect.suspend(() => {
      const run = this.idleRuns.pop() ?? new Run(this.core, this.contexts, this.recycle)
      run.frame.task = task
      run.priority = this.checked("run", priority)
      return run.effect
    })
  }

  private readonly recycle = (run: Run): void => {
    run.reset()
    if (this.idleRuns.length < keptRuns) this.idleRuns.push(run)
  }

  private submitAll(tasks: Iterable<unknown>, options: SubmitOptions & { readonly discard: boolean }): AnyEffect {
    return Effect.suspend(() => {
      const { core } = this
      const priority = this.checked("submitAll", options.priority)
      const refuses = core.config.overflow === "fail"
      const all = refuses ? Array.from(tasks) : tasks
      if (core.refuses()) return core.closedExit
      if (refuses && (all as ReadonlyArray<unknown>).length > core.room) {
        return core.turnAway((all as ReadonlyArray<unknown>).length)
      }
      const jobs: Array<QueuedJob> = []
      return Effect.as(this.handIn(all, priority, options.discard ? undefined : jobs), jobs)
    })
  }

  /** As many in one operation as find room. */
  private handIn(tasks: Iterable<unknown>, priority: number, jobs: Array<QueuedJob> | undefined): AnyEffect {
    const iterator = tasks[Symbol.iterator]()
    let waiting: AnyEffect = Effect.void
    const next = (): boolean => {
      waiting = Effect.void
      for (let left = tasksPerOperation; left > 0; left--) {
        const { done, value } = iterator.next()
        if (done === true) return false
        const outcome = new QueuedJob(this.core, value, priority).submit()
        if (Exit.isExit(outcome) && outcome._tag === "Success") jobs?.push(outcome.value as QueuedJob)
        else {
          waiting = outcome
          return true
        }
      }
      return true
    }
    const accept = (job: QueuedJob | void) => {
      if (job !== undefined) jobs?.push(job)
    }
    return Effect.whileLoop({ while: next, body: () => waiting, step: accept })
  }

  private checked(operation: string, priority: number | undefined): number {
    if (priority === undefined || priority === 0) return 0
    checkPriority(this.label(operation), priority)
    if (this.core.config.hasPriorities) return priority
    throw new RangeError(`${this.label(operation)}: a pool that steals has no priorities, got ${priority}`)
  }

  resize(workers: number): void {
    checkPositive(this.label("resize"), "workers", workers, this.core.config.isBounded ? "finite" : "or Infinity")
    this.core.resize(workers)
  }

  pause(): void {
    this.core.paused = this.core.phase === "open"
  }

  resume(): void {
    this.core.paused = false
    this.core.serve()
  }

  private readonly drain: Effect.Effect<void> = Effect.withFiber((fiber) => {
    const { core } = this
    if (enclosing(core, fiber) !== undefined) {
      throw new Error(`${this.label("drain")}: a task cannot wait for its own pool, which would wait for the task`)
    }
    if (core.phase === "open") core.phase = "draining"
    this.resume()
    return core.until(() => core.isOver)
  })

  private readonly close: Effect.Effect<void> = Effect.withFiber((fiber) => {
    const { core, states } = this
    const own = allEnclosing(core, fiber)
    if (core.phase !== "closed") core.halt(fiber.id, own)
    const allEnded = core.until(() => core.live <= own.size)
    return states === undefined ? allEnded : Effect.andThen(allEnded, states.closeAll)
  })
}
