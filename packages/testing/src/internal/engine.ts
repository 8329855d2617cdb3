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
import * as Tracer from "effect/Tracer"

import { Bypass } from "./bypass.ts"
import { Choices } from "./choices.ts"
import type { AnyFiber, FiberRecord } from "./fibers.ts"
import type { Mode, PointKind } from "./model.ts"
import { Dispatcher, type Dispatching, eligibleIn, ReadyQueue, type Task } from "./readyQueue.ts"
import { Resources } from "./resources.ts"
import type { EngineOptions, Intervention, Plan, Recorder, Stop } from "./run.ts"
import type { RunFacts } from "./search.ts"
import { RandomStream } from "./seeded.ts"
import { Slices } from "./slices.ts"
import { VirtualClock } from "./virtualClock.ts"

/** A fiber that gave way when nobody was ready: only what it runs inside of could go on. */
interface GaveWay {
  readonly record: FiberRecord
  readonly below: FiberRecord | undefined
  readonly steps: number
  /** That of the task which continues it. */
  readonly order: number
}

/** The run that a fiber takes part in. */
export class CurrentEngine extends Context.Reference<Engine | undefined>("@heddle/testing/CurrentEngine", {
  defaultValue: () => undefined
}) {}

/** The first operation of a slice that a mode may preempt. */
const firstPreemptible: Readonly<Record<Mode, number>> = { stock: Infinity, resume: Infinity, op3: 3, op: 1 }

/** In fair order a fiber is preempted after so many operations, and after so many tasks time passes: twice as much each time. */
const fairOperations = 32
const fairTasks = 64
/** So many tasks there are at least in fair order, as one may have 2,048 operations where nobody can be preempted. */
const leastFairTasks = 64
const leastFairSteps = 2048

export class Engine implements Scheduler.Scheduler, Dispatching {
  readonly executionMode = "async" as const
  readonly options: EngineOptions
  readonly resources = new Resources()
  readonly bypass: Bypass
  readonly clock: VirtualClock
  readonly random = new RandomStream(0)
  /** Something has moved since `advance` came back: a fiber that was resumed from outside, or what it has scheduled. */
  moved = false
  /** Called when it does. */
  onOutside: (() => void) | undefined = undefined
  /** Some fiber of the run was resumed from outside. */
  wasMoved = false
  /** Whether a run stops before time moves. */
  asksFirst = false
  recorder: Recorder | undefined = undefined

  readonly choices: Choices
  /** What a task threw. */
  thrown: { readonly error: unknown } | undefined = undefined
  root: Fiber.Fiber<unknown, unknown> | undefined = undefined

  private readonly ready: ReadyQueue
  readonly slices: Slices
  private readonly firstPreemptible: number
  private readonly resumes: boolean
  /** A fiber that is started by whoever forks it may be preempted before its first operation. */
  private readonly startsLater: boolean
  private intervention: Intervention | undefined = undefined
  private epoch = 0
  private stopped = false
  private tasks = 0
  private limit = 0
  private fair = false
  private abandoned = false
  private fairTurns = 0
  private looping = false
  /** Timers of one length, which fire in their order. */
  private readonly timers = new Map<number, Dispatcher>()
  /** Whom the preempted fiber was preempted for. */
  private target: Task | undefined = undefined
  private gaveWay: GaveWay | undefined = undefined
  /** The last deviation has changed nothing. */
  private redundant = false

  constructor(options: EngineOptions) {
    this.options = options
    this.ready = new ReadyQueue(eligibleIn[options.mode])
    this.choices = new Choices(this.ready)
    this.slices = new Slices(this.ready)
    this.bypass = new Bypass(options.maxBypass)
    this.firstPreemptible = firstPreemptible[options.mode]
    this.resumes = options.mode !== "stock"
    this.startsLater = this.firstPreemptible === 1
    this.clock = new VirtualClock({
      running: () => this.slices.recordOf(Fiber.getCurrent()),
      due: ({ fiber, millis, wake }) => {
        const timers = this.timersOf(millis)
        const task = this.slices.schedule(timers, wake, 0, undefined)
        // and each of them may fire in another turn of the event loop
        timers.open = undefined
        if (fiber !== undefined) this.slices.continues(task, fiber)
      },
      gone: ({ wake }) => this.ready.removeRun(wake)
    })
  }

  /** The services of a run, on top of what the caller provides. */
  context(base: Context.Context<never>): Context.Context<never> {
    this.slices.fibers.outerSpan = Context.getOrUndefined(base as Context.Context<Tracer.ParentSpan>, Tracer.ParentSpan)
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
    this.resources.reset()
    this.bypass.reset()
    this.slices.reset()
    this.choices.begin(plan.search)
    this.tasks = this.fairTurns = 0
    this.limit = this.options.maxSteps
    this.fair = this.abandoned = this.redundant = this.wasMoved = false
    this.target = this.gaveWay = this.root = this.thrown = undefined
    this.intervention = plan.intervention
    this.intervention?.begins()
    this.looping = true
    this.slices.begin(undefined)
    this.guard(() => {
      this.root = fork(effect)
    })
    this.looping = false
  }

  /** Ends a run: whoever of it is still moved from outside stops at its next operation. */
  stop(): void {
    this.epoch++
    this.slices.current = undefined
    this.stopped = true
  }

  /** Runs until nothing can. */
  advance(): Stop {
    this.slices.rest()
    this.looping = true
    this.moved = false
    try {
      for (;;) {
        while (this.ready.size > 0) {
          if (this.thrown !== undefined) return "thrown"
          if (this.slices.steps > this.limit || ++this.tasks > this.limit) {
            if (this.fairTurns >= leastFairTasks) return "steps"
            this.limit = Math.max(this.limit, this.slices.steps) + (this.fair ? leastFairSteps : this.options.maxSteps)
            this.fair = true
            this.target = undefined
          }
          this.bypass.hasRun(this.ready.oldest, this.slices.isParked)
          if (this.bypass.starvation !== undefined) return "starved"
          if (this.fair && ++this.fairTurns % fairTasks === 0) this.clock.pass(2 ** (this.fairTurns / fairTasks))
          this.intervention?.betweenTasks()
          // whom that interrupted may have been the last that was ready
          if (this.ready.size > 0) this.dispatch()
        }
        if (this.thrown !== undefined) return "thrown"
        if (this.exit !== undefined && !(this.abandoned && this.clock.hasSleepers)) {
          return this.slices.fibers.haveEnded ? "ended" : "left"
        }
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

  /** Whether it has ended with all of its fibers, none of them moved from outside, and left nothing to be done. */
  get isFinished(): boolean {
    return this.root === undefined || (!this.wasMoved && this.ready.size === 0 && this.slices.fibers.haveEnded)
  }

  /** Interrupts all fibers; they end in the default order, however long that takes. */
  abandon(): void {
    this.extend()
    this.fair = this.abandoned = true
    this.asksFirst = false
    this.intervention = undefined
    for (const { fiber } of this.records) fiber.interruptUnsafe()
  }

  /** A run that was given up goes on, with as many operations as one that begins. */
  extend(): void {
    this.fair = false
    this.slices.steps = this.tasks = this.fairTurns = 0
    this.limit = this.options.maxSteps
  }

  get exit(): Exit.Exit<unknown, unknown> | undefined {
    return this.root?.pollUnsafe()
  }
  get records(): ReadonlyArray<FiberRecord> {
    return this.slices.fibers.records
  }
  get steps(): number {
    return this.slices.steps
  }
  get facts(): RunFacts {
    const { deviations, digest, points } = this.choices
    const { random, redundant, steps } = this
    return { points, steps, schedule: deviations, redundant, drawsRandom: random.drawn, digest }
  }

  /** A choice between `alternatives` values, by the strategy. */
  chooseValue(alternatives: number): number {
    return alternatives < 2 ? 0 : this.decide(alternatives, "value")
  }

  /** A fiber has come to an `Explorer.step`. */
  reachStep(fiber: AnyFiber, name: string): void {
    const record = this.slices.recordOf(fiber)
    if (record === undefined) return
    record.reach(name)
    this.recorder?.steps(record)
    const overtaken = this.bypass.arrives(record, name, this.slices.order, this.slices.isParked)
    this.recorder?.overtakes(record, overtaken)
  }

  shouldYield(fiber: AnyFiber): boolean {
    const { slices } = this
    const operation = fiber.currentOpCount
    let record = slices.current
    if (operation === 1 || record === undefined || record.fiber !== fiber) {
      record = this.enter(fiber, operation)
      if (record === undefined) return true
    }
    slices.steps++
    if (this.intervention !== undefined && this.intervention.beforeOperation(record)) return this.preempt(record)
    if (operation >= fiber.cache.maxOpsBeforeYield) return this.preempt(record)
    if (record.skip > 0) {
      record.skip--
      return false
    }
    if (slices.steps > this.limit) return this.preempt(record)
    const postponable = record.resumed && operation === 1 && this.resumes
    if (!postponable && operation < this.firstPreemptible) return false
    if (this.fair) return operation >= fairOperations && this.preempt(record)
    const others = this.ready.alternatives()
    if (record.nested) {
      // what it runs inside of goes on first, and may make others ready: who is next is another choice
      if (this.decide(2, postponable ? "resume" : "preemption") === 0) return false
      if (others === 0) this.gaveWay = { record, below: record.below, steps: slices.steps, order: slices.order + 1 }
    } else {
      if (others === 0) return false
      const choice = this.decide(others + 1, "preemption")
      if (choice === 0) return false
      this.target = this.ready.at(choice - 1)
    }
    return this.preempt(record)
  }

  makeDispatcher(): Dispatcher {
    return new Dispatcher(this, this.epoch)
  }

  schedule(dispatcher: Dispatcher, run: () => void, priority: number): void {
    const { slices } = this
    const running = Fiber.getCurrent()
    const scheduler = running?.cache.scheduler
    // a dispatcher that was kept serves whoever uses it
    if (scheduler !== this && scheduler instanceof Engine) return running!.currentDispatcher.scheduleTask(run, priority)
    const owner = slices.recordOf(running)
    // what is left of an earlier run stays where it is; a dispatcher that was kept serves this one
    if (owner === undefined && (dispatcher.epoch !== this.epoch || this.isStale(running))) return
    const task = slices.schedule(dispatcher, run, priority, owner)
    if (this.startsLater && !task.forced) slices.noteNewest()
    if (!this.looping) this.movesFromOutside()
  }

  drain(dispatcher: Dispatcher): void {
    for (let task = this.ready.firstOf(dispatcher); task !== undefined; task = this.ready.firstOf(dispatcher)) {
      this.ready.begin(task)
      task.run()
    }
  }

  private isStale(fiber: AnyFiber | undefined): boolean {
    return fiber !== undefined && fiber.cache.scheduler === this && this.slices.fibers.predates(fiber)
  }

  private enter(fiber: AnyFiber, operation: number): FiberRecord | undefined {
    const record = this.stopped ? undefined : this.slices.enter(fiber, operation)
    if (record === undefined) return undefined
    if (!this.looping && operation === 1) {
      record.outside = this.wasMoved = true
      this.movesFromOutside()
    }
    this.recorder?.enters(record)
    return record
  }

  private timersOf(millis: number): Dispatcher {
    let timers = this.timers.get(millis)
    if (timers === undefined) this.timers.set(millis, (timers = this.makeDispatcher()))
    return timers
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
    this.slices.begin(task)
    this.guard(task.run)
  }

  /** What Effect does not catch, such as an observer that throws, would end the process. */
  private guard(run: () => void): void {
    try {
      run()
    } catch (error) {
      this.thrown = { error }
    }
    this.slices.rest()
  }

  /** A fiber gave way, and is next: as if it had not, where nothing has happened since. */
  private noteRedundant({ below, order, record, steps }: GaveWay, task: Task): void {
    this.gaveWay = undefined
    if (task.fiber !== record || this.slices.order !== order || this.slices.steps !== steps) return
    if (below?.ended !== true) this.redundant = true
  }

  private decide(alternatives: number, kind: PointKind): number {
    return this.fair ? 0 : this.choices.decide(alternatives, kind, this.slices.current, this.slices.steps)
  }

  private preempt(record: FiberRecord): true {
    record.forced = true
    this.recorder?.preempted(record)
    return true
  }
}
