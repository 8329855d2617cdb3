/**
 * The engine of one stage of one running pipeline: chunks are pulled from upstream, elements run in a few workers, results
 * leave downstream as chunks.
 *
 * ```
 *   upstream ──chunk──▶ input ──element──▶ up to `concurrency` workers ──result──▶ results ──chunk──▶ pull
 *                         │  └─▶ lane ─▶ due ─┘      │                                │
 *                         │   its key is busy        └─ fails: recovered, or stops    └─ in flight + results
 *                         └─ the next pull when it is used up                            <= concurrency + room
 * ```
 *
 * Elements are claimed one at a time, whatever the size of the chunks, so that a chunk of a thousand does not become a
 * thousand fibers. (`Stream.mapEffect` moves every element through two queues and wakes two fibers for it.) A worker runs
 * one element after the other in its fiber and ends when there is none, or when an element has forked (see `forks`).
 *
 * **Order and failure.** An ordered stage gives what a sequential run would have given, up to the failure: when element
 * k fails, those after it are interrupted, and those before it still finish and leave. An unordered one interrupts all
 * others. Both deliver what was finished, then fail, when every fiber has ended. When upstream fails, all in flight came
 * before the failure and finish.
 */
import type * as Cause from "effect/Cause"
import { Clock } from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { Scheduler, SchedulerDispatcher } from "effect/Scheduler"

import { withoutDone } from "../cursor.ts"
import { type Chunk, Engine, type Upstream } from "./engine.ts"
import { expectWorker, hasForked, telling } from "./forks.ts"
import { Intake } from "./intake.ts"
import { BrokenKey, type Lane, type Lanes } from "./lanes.ts"
import { Shift } from "./meter.ts"
import { Outcomes } from "./outcomes.ts"
import type { Config } from "./stageConfig.ts"
import { type Crew, isFinished, Worker } from "./worker.ts"

/** How many elements may begin before the event loop gets its turn. */
const elementsPerTurn = 256

export class Stage<In, Out, Failed, E, R> extends Engine<Out, E> implements Crew<In, Out> {
  private readonly intake: Intake<In, E, R>
  private readonly config: Config<In, Out, Failed, E, R>
  private readonly dispatcher: SchedulerDispatcher
  private readonly forkWorker: <A, E2>(effect: Effect.Effect<A, E2, R>) => Fiber.Fiber<A, E2>
  /** An element that forks is noticed; where that is not certain, every element has a fiber of its own. */
  private readonly isTelling: boolean
  private readonly clock: Clock
  private shift: Shift | undefined
  private readonly elements: Outcomes<In, Out, Failed, E, R>

  private claimed = 0
  private readonly workers = new Set<Worker<In, Out>>()
  private readonly idle: Array<Worker<In, Out>> = []
  private starting = false
  private budget = elementsPerTurn
  private refillScheduled = false

  constructor(
    upstream: Upstream<In, E, R>,
    config: Config<In, Out, Failed, E, R>,
    context: Context.Context<R>,
    scheduler: Scheduler
  ) {
    super(scheduler)
    this.config = config
    this.intake = new Intake(upstream, context, this.goOn, this.onUpstreamEnd)
    const told = telling(context)
    this.isTelling = told !== undefined
    this.forkWorker = Effect.runForkWith(told ?? context)
    this.dispatcher = scheduler.makeDispatcher()
    this.clock = Context.get(context, Clock)
    this.elements = new Outcomes(config, this.clock, this.onCut)
  }

  poll(): Chunk<Out, E> | undefined {
    this.shift ??= this.config.meter.open(new Shift(this.clock, this.config.concurrency, this.workers))
    do {
      this.start()
      const chunk = this.elements.results.take()
      // what was taken, or passed over, made room
      this.start()
      if (chunk !== undefined) {
        this.config.meter.out += chunk.length
        this.config.meter.queued -= chunk.length
        return Exit.succeed(chunk)
      }
    } while (this.elements.results.isReady())
    return this.isOver() ? this.elements.end() : undefined
  }

  override isOutOfTurn(): boolean {
    return this.budget === 0 || this.intake.isOutOfTurn()
  }

  override renewTurn(): void {
    this.budget = elementsPerTurn
    this.intake.renewTurn()
  }

  /** Interrupts what runs and waits for it, until nothing does: an element may just be starting, or end with a result. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.elements.cutAt(-1)
    this.config.meter.queued -= this.elements.results.clear()
    const fibers: Array<Fiber.Fiber<unknown, unknown>> = [...this.intake.fibers]
    for (const { fiber } of this.workers) if (fiber !== undefined) fibers.push(fiber)
    if (fibers.length > 0) return Effect.andThen(Fiber.interruptAll(fibers), this.close)
    if (this.elements.active > 0 || this.intake.isPulling) return Effect.andThen(Effect.yieldNow, this.close)
    if (this.shift !== undefined) this.config.meter.close(this.shift)
    return this.elements.logLate()
  })

  protected isReady(): boolean {
    return this.elements.results.isReady() || this.isOver()
  }

  /** Starts as many elements as there is room for. Never nested: an inner call leaves the work to the outer loop. */
  private start(): void {
    if (this.starting) return
    this.starting = true
    let worker = this.idle.pop() ?? new Worker(this)
    while (this.claim(worker)) {
      this.begin(worker)
      worker = this.idle.pop() ?? new Worker(this)
    }
    this.idle.push(worker)
    this.starting = false
  }

  private scheduleRefill(): void {
    if (this.refillScheduled) return
    this.refillScheduled = true
    this.dispatcher.scheduleTask(this.refill, 0)
  }

  private readonly refill = (): void => {
    this.refillScheduled = false
    this.budget = elementsPerTurn
    this.goOn()
  }

  /** Gives a worker the next element that has to be run. What is finished already is dealt with on the way. */
  claim(worker: Worker<In, Out>): boolean {
    while (this.assign(worker)) {
      const effect = this.effectOf(worker)
      if (!isFinished(effect)) {
        worker.effect = effect
        return true
      }
      if (effect._tag === "Success") this.elements.succeed(worker, effect.value)
      else if (this.elements.recovery(worker, effect.cause)) return true
    }
    return false
  }

  /** Gives a worker the next element that may begin, and a slot; false if there is none, or no room, or no turn left. */
  private assign(worker: Worker<In, Out>): boolean {
    const { elements, intake } = this
    const { lanes } = elements
    while (elements.active < this.config.concurrency) {
      const due = lanes?.oldest()
      if (due === undefined && elements.isCut) return false
      if (due === undefined && !intake.hasNext) {
        if (intake.isPulling || intake.ended !== undefined || !elements.hasRoom()) return false
        intake.pull()
        // it was stopped as it began
        if (elements.isCut) intake.stop()
        if (!intake.hasNext) return false
        continue
      }
      // all wait for this one, so that nothing leaves and no room is ever made unless it begins
      if (!elements.hasRoom() && (due === undefined || !elements.results.isAwaited(due.sequence))) return false
      if (this.budget === 0) {
        this.scheduleRefill()
        // a dispatcher may run its tasks at once
        if (this.budget === 0) return false
        continue
      }
      if (due !== undefined) {
        lanes?.shift()
        this.config.meter.waiting--
        this.occupy(worker, due.sequence, due.input, due.lane)
        return true
      }
      if (lanes === undefined) {
        this.occupy(worker, this.claimed++, intake.take(), undefined)
        return true
      }
      if (!this.passToLane(worker, lanes)) return false
      if (worker.isBusy) return true
    }
    return false
  }

  /** The next element begins if its key is idle, and waits in its lane if not; false if no more may wait. */
  private passToLane(worker: Worker<In, Out>, lanes: Lanes<In>): boolean {
    const { meter, readAhead } = this.config
    const input = this.intake.peek()
    const key = lanes.keyOf(input)
    const busy = lanes.busy(key)
    if (busy !== undefined && lanes.parked >= readAhead) return false
    this.intake.take()
    const sequence = this.claimed++
    if (busy === undefined) {
      this.occupy(worker, sequence, input, lanes.enter(key))
    } else {
      meter.waiting++
      lanes.park(busy, sequence, input)
    }
    return true
  }

  private occupy(worker: Worker<In, Out>, sequence: number, input: In, lane: Lane<In> | undefined): void {
    this.budget--
    this.elements.occupy(worker, sequence, input, lane)
  }

  private readonly goOn = (): void => {
    this.start()
    this.wake()
  }

  private readonly onUpstreamEnd = (ended: Cause.Cause<E | Cause.Done>): void => {
    const cause = withoutDone(ended)
    if (cause !== undefined) this.elements.failUpstream(cause)
  }

  private effectOf({ input, lane, sequence }: Worker<In, Out>): Effect.Effect<Out, Failed, R> {
    if (lane?.key instanceof BrokenKey) return Effect.die(lane.key.defect)
    try {
      const effect = this.config.run(input as In)
      // the function may have had another element fail, when nobody could interrupt this one yet
      return sequence > this.elements.cutoff ? Exit.interrupt() : effect
    } catch (defect) {
      return Effect.die(defect)
    }
  }

  /** Runs the worker in a fiber, from the effect that it has been given. */
  private begin(worker: Worker<In, Out>): void {
    this.workers.add(worker)
    if (this.isTelling) expectWorker()
    const fiber = this.forkWorker(worker.loop)
    if (fiber.pollUnsafe() === undefined) worker.fiber = fiber
    fiber.addObserver((exit) => this.onEnd(worker, exit))
  }

  onSuccess(worker: Worker<In, Out>, result: unknown): void {
    const { fiber, mark } = worker
    if (!this.isTelling || (fiber !== undefined && hasForked(fiber, mark))) worker.held = result as Out
    else this.elements.complete(worker, result as Out)
    // the consumer is woken after this one has claimed the next, and so finds as much as there is
    this.wake()
  }

  private onEnd(worker: Worker<In, Out>, exit: Exit.Exit<void, unknown>): void {
    const { held } = worker
    this.workers.delete(worker)
    worker.fiber = worker.held = undefined
    if (worker.isBusy) {
      if (exit._tag === "Success") this.elements.complete(worker, held as Out)
      else if (worker.recovers) this.elements.fail(worker, exit.cause as Cause.Cause<E>)
      else if (this.elements.recovery(worker, exit.cause as Cause.Cause<Failed>)) this.begin(worker)
    }
    if (!worker.isBusy && !worker.isDoomed) {
      worker.input = worker.lane = undefined
      worker.effect = Effect.void
      this.idle.push(worker)
    }
    this.start()
    this.wake()
  }

  private readonly onCut = (): void => {
    this.intake.stop()
    for (const worker of Array.from(this.workers)) {
      if (!worker.isBusy || worker.sequence <= this.elements.cutoff || worker.isDoomed) continue
      worker.isDoomed = true
      worker.fiber?.interruptUnsafe()
    }
  }

  private isOver(): boolean {
    const { active, isCut, lanes, results } = this.elements
    if (active > 0 || this.intake.isPulling) return false
    if ((lanes?.parked ?? 0) > 0) return false
    return isCut || (this.intake.isExhausted && results.size === 0)
  }
}
