/**
 * Runs an effect under a scheduler and a clock that own every choice.
 *
 * A fiber gives up control only where it has to, or where the strategy preempts it: the decision is taken inside
 * `shouldYield`, so that what is not preempted costs next to nothing. One engine makes many runs, one after the other;
 * what is left of an earlier run (a fiber that a promise resumes too late) finds itself stopped at its next operation.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Scheduler from "effect/Scheduler"

import { Choices } from "./choices.ts"
import { type AnyFiber, FiberRecord, Fibers, nextFiberId } from "./fibers.ts"
import type { Intervention } from "./intervention.ts"
import type { Mode, PointKind } from "./model.ts"
import { Observations } from "./observations.ts"
import { Dispatcher, eligibleIn, ReadyQueue, type Task } from "./readyQueue.ts"
import type { RunFacts, Search } from "./search.ts"
import { RandomStream } from "./seeded.ts"
import { VirtualClock } from "./virtualClock.ts"

export interface EngineOptions {
  readonly mode: Mode
  /** Operations after which a run goes on in fair order; twice as many and it is given up. */
  readonly maxSteps: number
  readonly maxBypass: number | undefined
}

/** Listens to a run that is made once more for its trace. */
export interface Recorder {
  /** A fiber begins a slice, or goes on after those on its stack. */
  readonly enters: (record: FiberRecord) => void
  readonly preempted: (record: FiberRecord) => void
  readonly steps: (record: FiberRecord, name: string) => void
}

/** A fiber that gave way when nobody was ready: only what it runs inside of could go on. */
interface GaveWay {
  readonly record: FiberRecord
  readonly below: FiberRecord | undefined
  readonly steps: number
  /** That of the task which continues it. */
  readonly order: number
}

/** What a run is made from. */
export interface Plan {
  readonly search: Search
  readonly seed: number
  readonly intervention?: Intervention | undefined
}

/** Why a run cannot go on by itself; `asleep` where only time could move it, and that waits to be told. */
export type Stop = "ended" | "quiescent" | "asleep" | "steps" | "starved" | "thrown"

/** The run that a fiber takes part in. */
export class CurrentEngine extends Context.Reference<Engine | undefined>("@heddle/testing/CurrentEngine", {
  defaultValue: () => undefined
}) {}

/** The first operation of a slice that a mode may preempt. */
const firstPreemptible: Readonly<Record<Mode, number>> = { stock: Infinity, resume: Infinity, op3: 3, op: 1 }

/** In fair order a fiber is preempted after so many operations, and after so many tasks time passes: twice as much each time. */
const fairOperations = 32
const fairTasks = 64

export class Engine implements Scheduler.Scheduler {
  readonly executionMode = "async" as const
  readonly options: EngineOptions
  readonly observations = new Observations()
  readonly clock: VirtualClock
  readonly random = new RandomStream(0)
  /** Something has moved since `advance` came back: a fiber that was resumed from outside, or what it has scheduled. */
  moved = false
  /** Called when it does. */
  onOutside: (() => void) | undefined = undefined
  /** Whether a run stops before time moves. */
  asksFirst = false
  recorder: Recorder | undefined = undefined

  readonly choices: Choices
  steps = 0
  /** What a task threw. */
  thrown: { readonly error: unknown } | undefined = undefined
  root: Fiber.Fiber<unknown, unknown> | undefined = undefined
  current: FiberRecord | undefined = undefined

  private readonly ready: ReadyQueue
  private readonly fibers = new Fibers()
  private readonly firstPreemptible: number
  private readonly resumes: boolean
  /** A fiber that is started by whoever forks it may be preempted before its first operation. */
  private readonly startsLater: boolean
  private intervention: Intervention | undefined = undefined
  private epoch = 0
  private stopped = false
  private order = 0
  /** Tasks that were begun. */
  private turns = 0
  private tasks = 0
  private limit = 0
  private fair = false
  private fairTurns = 0
  private looping = false
  /** The task that runs; whether none of its slices has begun yet. */
  private task: Task | undefined = undefined
  private fresh = false
  /** Timers of one length, which fire in their order. */
  private readonly timers = new Map<number, Dispatcher>()
  private lastScheduled: Task | undefined = undefined
  /** The number of a fiber that was made when a task was scheduled last. */
  private newestScheduled = 0
  /** Whom the preempted fiber was preempted for. */
  private target: Task | undefined = undefined
  private gaveWay: GaveWay | undefined = undefined
  /** The last deviation has changed nothing. */
  private redundant = false

  constructor(options: EngineOptions) {
    this.options = options
    this.ready = new ReadyQueue(eligibleIn[options.mode])
    this.choices = new Choices(this.ready)
    this.firstPreemptible = firstPreemptible[options.mode]
    this.resumes = options.mode !== "stock"
    this.startsLater = this.firstPreemptible === 1
    this.clock = new VirtualClock({
      running: () => this.recordOf(Fiber.getCurrent()),
      due: ({ fiber, millis, wake }) => {
        const timers = this.timersOf(millis)
        const task = this.enqueue(timers, wake, 0, undefined)
        // and each of them may fire in another turn of the event loop
        timers.open = undefined
        if (fiber !== undefined) this.continues(task, fiber)
      },
      gone: ({ wake }) => this.ready.removeRun(wake)
    })
  }

  /** The services of a run, on top of what the caller provides. */
  context(base: Context.Context<never>): Context.Context<never> {
    return base.pipe(
      Context.add(Clock.Clock, this.clock),
      Context.add(Random.Random, this.random),
      Context.add(Scheduler.Scheduler, this),
      // whoever explores may prevent yields for himself
      Context.add(Scheduler.PreventSchedulerYield, false),
      Context.add(CurrentEngine, this)
    )
  }

  /** Begins a run. `fork` is `Effect.runForkWith` of `context`. */
  start(
    fork: (effect: Effect.Effect<unknown, unknown>) => Fiber.Fiber<unknown, unknown>,
    effect: Effect.Effect<unknown, unknown>,
    plan: Plan
  ): void {
    this.stop()
    this.stopped = false
    this.ready.clear()
    this.clock.reset()
    if (this.timers.size > 0) this.timers.clear()
    this.random.reset(plan.seed)
    this.observations.reset()
    this.fibers.reset()
    this.choices.begin(plan.search)
    this.steps = this.tasks = this.order = this.turns = this.fairTurns = 0
    this.limit = this.options.maxSteps
    this.fair = this.redundant = false
    this.current = this.task = this.lastScheduled = this.target = this.gaveWay = this.root = this.thrown = undefined
    this.intervention = plan.intervention
    this.intervention?.begins()
    this.fresh = true
    this.looping = true
    this.guard(() => {
      this.root = fork(effect)
    })
    this.looping = false
  }

  /** Ends a run: whoever of it is still moved from outside stops at its next operation. */
  stop(): void {
    this.epoch++
    this.current = undefined
    this.stopped = true
  }

  /** Runs until nothing can. */
  advance(): Stop {
    this.rest()
    this.looping = true
    this.moved = false
    try {
      for (;;) {
        while (this.ready.size > 0) {
          if (this.thrown !== undefined) return "thrown"
          if (this.steps > this.limit || ++this.tasks > this.limit) {
            if (this.fair) return "steps"
            this.fair = true
            this.target = undefined
            this.limit += this.options.maxSteps
          }
          if (this.observations.starvation !== undefined) return "starved"
          if (this.fair && ++this.fairTurns % fairTasks === 0) this.clock.pass(2 ** (this.fairTurns / fairTasks))
          this.intervention?.betweenTasks()
          this.dispatch()
        }
        if (this.thrown !== undefined) return "thrown"
        if (this.exit !== undefined) return "ended"
        if (this.intervention?.betweenTasks() === true) continue
        if (this.asksFirst && this.clock.hasSleepers) return "asleep"
        if (!this.clock.advance()) return "quiescent"
      }
    } finally {
      this.looping = false
    }
  }

  /** Something outside has moved a fiber of the run. */
  movesFromOutside(): void {
    this.moved = true
    this.onOutside?.()
  }

  /** Moves time on to when somebody wakes. */
  passTime(): void {
    this.clock.advance()
  }

  /** A run that was given up goes on, with as many operations as one that begins. */
  extend(): void {
    this.fair = false
    this.steps = this.tasks = 0
    this.limit = this.options.maxSteps
  }

  get exit(): Exit.Exit<unknown, unknown> | undefined {
    return this.root?.pollUnsafe()
  }
  get records(): ReadonlyArray<FiberRecord> {
    return this.fibers.records
  }
  get facts(): RunFacts {
    const { deviations, points } = this.choices
    return { points, fibers: this.records.length, schedule: deviations, redundant: this.redundant }
  }

  /** A choice between `alternatives` values, by the strategy. */
  chooseValue(alternatives: number): number {
    return alternatives < 2 ? 0 : this.decide(alternatives, "value")
  }

  /** A fiber has come to an `Explorer.step`. */
  reachStep(fiber: AnyFiber, name: string): void {
    const record = this.recordOf(fiber)
    if (record === undefined) return
    record.step = name
    this.recorder?.steps(record, name)
    this.observations.arrives(record, name, this.options.maxBypass, (other) => !other.ended && !this.isReady(other))
  }

  shouldYield(fiber: AnyFiber): boolean {
    const operation = fiber.currentOpCount
    let record = this.current
    if (operation === 1 || record === undefined || record.fiber !== fiber) {
      record = this.enter(fiber, operation)
      if (record === undefined) return true
    }
    this.steps++
    if (this.intervention !== undefined && this.intervention.beforeOperation(record)) return this.preempt(record)
    if (record.skip > 0) {
      record.skip--
      return false
    }
    if (operation >= fiber.cache.maxOpsBeforeYield || this.steps > this.limit) return this.preempt(record)
    const postponable = record.resumed && operation === 1 && this.resumes
    if (!postponable && operation < this.firstPreemptible) return false
    if (this.fair) return operation >= fairOperations && this.preempt(record)
    const others = this.ready.alternatives()
    if (record.nested) {
      // what it runs inside of goes on first, and may make others ready: who is next is another choice
      if (this.decide(2, postponable ? "resume" : "preemption") === 0) return false
      if (others === 0) this.gaveWay = { record, below: record.below, steps: this.steps, order: this.order + 1 }
    } else {
      if (others === 0) return false
      const choice = this.decide(others + 1, "preemption")
      if (choice === 0) return false
      this.target = this.ready.at(choice - 1)
    }
    return this.preempt(record)
  }

  makeDispatcher(): Dispatcher {
    const { epoch } = this
    return new Dispatcher(
      (dispatcher, run, priority) => {
        const owner = this.recordOf(Fiber.getCurrent())
        // what is left of an earlier run stays where it is; a dispatcher that was kept serves this one
        if (owner === undefined && (epoch !== this.epoch || this.isStale(Fiber.getCurrent()))) return
        const task = this.enqueue(dispatcher, run, priority, owner)
        if (this.startsLater && !task.forced) this.newestScheduled = nextFiberId()
        if (!this.looping) this.movesFromOutside()
      },
      (dispatcher) => {
        for (let task = this.ready.firstOf(dispatcher); task !== undefined; task = this.ready.firstOf(dispatcher)) {
          this.ready.begin(task)
          task.run()
        }
      }
    )
  }

  /** Whether a fiber waits for nothing but its turn. */
  isReady(record: FiberRecord): boolean {
    return record.continuation !== undefined
  }
  /** Whether a fiber is certain to be suspended: it has run, waits for more than its turn, and stands on nobody's stack. */
  isParked(fiber: AnyFiber): boolean {
    const record = this.recordOf(fiber)
    return record !== undefined && !record.ended && record.turn !== this.turns && !this.isReady(record)
  }
  recordOf(fiber: AnyFiber | undefined): FiberRecord | undefined {
    if (fiber === undefined) return undefined
    return this.current?.fiber === fiber ? this.current : this.fibers.get(fiber)
  }

  private isStale(fiber: AnyFiber | undefined): boolean {
    return fiber !== undefined && fiber.cache.scheduler === this && this.fibers.predates(fiber)
  }

  private timersOf(millis: number): Dispatcher {
    let timers = this.timers.get(millis)
    if (timers === undefined) this.timers.set(millis, (timers = this.makeDispatcher()))
    return timers
  }

  private enqueue(dispatcher: Dispatcher, run: () => void, priority: number, owner: FiberRecord | undefined): Task {
    const forced = owner?.forced === true
    const order = ++this.order
    const task: Task = {
      run,
      priority,
      turn: this.ready.turnOf(dispatcher),
      owner,
      step: this.steps,
      order,
      doing: owner?.step,
      fiber: undefined,
      forced,
      key: order,
      yielded: false
    }
    this.ready.add(task)
    this.lastScheduled = task
    if (forced) {
      owner.forced = false
      this.continues(task, owner)
    }
    return task
  }

  private continues(task: Task, record: FiberRecord): void {
    task.fiber = record
    task.key = record.key
    record.continuation = task
  }

  private dispatch(): void {
    let task = this.target
    this.target = undefined
    if (task === undefined || !this.ready.begin(task)) {
      const alternatives = this.ready.alternatives()
      task = this.ready.at(alternatives < 2 ? 0 : this.decide(alternatives, "dispatch"))!
      this.ready.begin(task)
    }
    if (this.gaveWay !== undefined) this.noteRedundant(this.gaveWay, task)
    this.task = task
    this.turns++
    this.fresh = true
    this.guard(task.run)
  }

  /** What Effect does not catch, such as an observer that throws, would end the process. */
  private guard(run: () => void): void {
    try {
      run()
    } catch (error) {
      this.thrown = { error }
    }
    this.rest()
  }

  /** A fiber gave way, and is next: as if it had not, where nothing has happened since. */
  private noteRedundant({ below, order, record, steps }: GaveWay, task: Task): void {
    this.gaveWay = undefined
    if (task.fiber !== record || this.order !== order || this.steps !== steps) return
    if (below?.ended !== true) this.redundant = true
  }

  /** No fiber runs. */
  private rest(): void {
    this.settle()
    this.task = this.current = undefined
    this.fresh = false
  }

  private decide(alternatives: number, kind: PointKind): number {
    return this.fair ? 0 : this.choices.decide(alternatives, kind, this.current)
  }

  private preempt(record: FiberRecord): true {
    record.forced = true
    this.recorder?.preempted(record)
    return true
  }

  /** A slice has ended: a task that its last operation scheduled is the fiber itself, which has yielded. */
  private settle(): void {
    const { current, lastScheduled: task } = this
    if (task === undefined || task.fiber !== undefined || current === undefined) return
    if (task.owner !== current || task.step !== this.steps || current.ended) return
    this.continues(task, current)
    task.yielded = true
  }

  /** A fiber begins a slice (at its first operation), or goes on after another on its stack. */
  private enter(fiber: AnyFiber, operation: number): FiberRecord | undefined {
    if (this.stopped) return undefined
    this.settle()
    const known = this.fibers.get(fiber)
    const record = operation === 1 || known === undefined ? this.beginSlice(fiber, known) : known
    if (record === undefined) return undefined
    this.current = record
    record.turn = this.turns
    this.recorder?.enters(record)
    return record
  }

  private beginSlice(fiber: AnyFiber, known: FiberRecord | undefined): FiberRecord | undefined {
    if (known === undefined && this.isStale(fiber)) return undefined
    const { current, fresh: started, task } = this
    this.fresh = false
    const record = known ?? this.register(fiber, started ? task : undefined, started ? task?.owner : parentOf(current))
    const direct = started && (known === undefined || task?.fiber === record)
    record.immediate = known === undefined && !started
    record.resumed = known !== undefined && !direct
    record.nested = !direct
    record.below = current === record || current?.ended === true ? undefined : current
    record.forced = false
    // to switch away from a fiber that was switched to this instant is another choice of what to switch to
    record.skip = direct ? (task?.forced === true ? 2 : 1) : record.immediate && !this.startsHere(fiber) ? 1 : 0
    const { continuation } = record
    record.continuation = undefined
    if (continuation !== undefined && continuation !== task) this.ready.abandon(continuation as Task)
    if (!this.looping) {
      record.outside = true
      this.movesFromOutside()
    }
    return record
  }

  /**
   * Whether a fiber that was not seen before, and that no task has started, is started by whoever forked it. If not, it
   * is interrupted before its start, and must not yield before it ends: the task that would have started it is still
   * in the queue, and would start it then. A fork that does not start at once schedules that task right after it made
   * the fiber.
   */
  private startsHere(fiber: AnyFiber): boolean {
    return fiber.id > this.newestScheduled
  }

  private register(fiber: AnyFiber, task: Task | undefined, parent: FiberRecord | undefined): FiberRecord {
    const record = new FiberRecord(fiber, task?.key ?? ++this.order, {
      parent: parent ?? (this.records.length > 0 ? this.task?.owner : undefined),
      forkedAt: task?.order ?? this.order,
      forkedIn: task === undefined ? parent?.step : task.doing
    })
    this.fibers.add(record)
    return record
  }
}

/**
 * Who forked a fiber that started at once. One that started at once itself just before has most likely been suspended
 * since: `Effect.all` and its like start their fibers one after the other within one operation.
 */
const parentOf = (below: FiberRecord | undefined): FiberRecord | undefined =>
  below?.immediate === true ? below.parent : below
