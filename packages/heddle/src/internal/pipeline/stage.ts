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
import * as Cause from "effect/Cause"
import { Clock } from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { Scheduler, SchedulerDispatcher } from "effect/Scheduler"

import { withoutDone } from "../cursor.ts"
import { type Chunk, Engine, Inlet, type Upstream } from "./engine.ts"
import { combine, type Failure, isNoFailure, logLate } from "./failures.ts"
import { expectWorker, hasForked, telling } from "./forks.ts"
import { BrokenKey, type Lane, Lanes } from "./lanes.ts"
import { Shift } from "./meter.ts"
import { InArrivalOrder, InInputOrder, type Results } from "./results.ts"
import type { Config } from "./stageConfig.ts"
import { type Crew, isFinished, Worker } from "./worker.ts"

/** How many elements may begin before the event loop gets its turn. */
const elementsPerTurn = 256

export class Stage<In, Out, Failed, E, R> extends Engine<Out, E> implements Crew<In, Out> {
  private readonly inlet: Inlet<In, E, R>
  private readonly config: Config<In, Out, Failed, E, R>
  private readonly dispatcher: SchedulerDispatcher
  private readonly forkWorker: <A, E2>(effect: Effect.Effect<A, E2, R>) => Fiber.Fiber<A, E2>
  /** An element that forks is noticed; where that is not certain, every element has a fiber of its own. */
  private readonly isTelling: boolean
  private readonly clock: Clock
  private shift: Shift | undefined
  private readonly results: Results<Out>
  private readonly lanes: Lanes<In> | undefined

  private input: ReadonlyArray<In> = []
  private position = 0
  private claimed = 0
  private upstreamEnded = false
  /** Slots in use. */
  private active = 0
  private readonly workers = new Set<Worker<In, Out>>()
  private readonly idle: Array<Worker<In, Out>> = []
  private readonly failures: Array<Failure<E>> = []
  /** Elements with a higher number are neither started nor delivered. */
  private cutoff = Infinity
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
    this.inlet = new Inlet(upstream, context, this.receive, this.goOn)
    const told = telling(context)
    this.isTelling = told !== undefined
    this.forkWorker = Effect.runForkWith(told ?? context)
    this.dispatcher = scheduler.makeDispatcher()
    this.clock = Context.get(context, Clock)
    this.results = config.ordered ? new InInputOrder() : new InArrivalOrder()
    this.lanes = config.key === undefined ? undefined : new Lanes(config.key)
  }

  poll(): Chunk<Out, E> | undefined {
    this.shift ??= this.config.meter.open(new Shift(this.clock, this.config.concurrency, this.workers))
    do {
      this.start()
      const chunk = this.results.take()
      // what was taken, or passed over, made room
      this.start()
      if (chunk !== undefined) {
        this.config.meter.out += chunk.length
        this.config.meter.queued -= chunk.length
        return Exit.succeed(chunk)
      }
    } while (this.results.isReady())
    return this.isOver() ? this.outcome() : undefined
  }

  override isOutOfTurn(): boolean {
    return this.budget === 0 || this.inlet.isOutOfTurn()
  }

  override renewTurn(): void {
    this.budget = elementsPerTurn
    this.inlet.renewTurn()
  }

  /**
   * Interrupts what runs and waits for it, until nothing does: an element may just be starting, or end with a result. What
   * died in a cleanup is logged, since it has nowhere else to go.
   */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.cutAt(-1)
    this.config.meter.queued -= this.results.clear()
    const fibers: Array<Fiber.Fiber<unknown, unknown>> = [...this.inlet.fibers]
    for (const { fiber } of this.workers) if (fiber !== undefined) fibers.push(fiber)
    if (fibers.length > 0) return Effect.andThen(Fiber.interruptAll(fibers), this.close)
    if (this.active > 0 || this.inlet.isPulling) return Effect.andThen(Effect.yieldNow, this.close)
    if (this.shift !== undefined) this.config.meter.close(this.shift)
    return logLate(this.failures)
  })

  protected isReady(): boolean {
    return this.results.isReady() || this.isOver()
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
      if (effect._tag === "Success") this.succeed(worker, effect.value)
      else if (this.recovery(worker, effect.cause)) return true
    }
    return false
  }

  /** Gives a worker the next element that may begin, and a slot; false if there is none, or no room, or no turn left. */
  private assign(worker: Worker<In, Out>): boolean {
    while (this.active < this.config.concurrency) {
      const due = this.lanes?.oldest()
      if (due === undefined && this.cutoff !== Infinity) return false
      if (due === undefined && this.position === this.input.length) {
        if (this.inlet.isPulling || this.upstreamEnded || !this.hasRoom()) return false
        this.inlet.pull()
        // it was stopped as it began
        if (this.cutoff !== Infinity) this.inlet.stop()
        if (this.position === this.input.length) return false
        continue
      }
      // all wait for this one, so that nothing leaves and no room is ever made unless it begins
      if (!this.hasRoom() && (due === undefined || !this.results.isAwaited(due.sequence))) return false
      if (this.budget === 0) {
        this.scheduleRefill()
        // a dispatcher may run its tasks at once
        if (this.budget === 0) return false
        continue
      }
      if (due !== undefined) {
        this.lanes?.shift()
        this.config.meter.waiting--
        this.occupy(worker, due.sequence, due.input, due.lane)
        return true
      }
      if (this.lanes === undefined) {
        this.occupy(worker, this.claimed++, this.input[this.position++] as In, undefined)
        return true
      }
      if (!this.passToLane(worker, this.lanes)) return false
      if (worker.isBusy) return true
    }
    return false
  }

  /** The next element begins if its key is idle, and waits in its lane if not; false if no more may wait. */
  private passToLane(worker: Worker<In, Out>, lanes: Lanes<In>): boolean {
    const { meter, readAhead } = this.config
    const input = this.input[this.position] as In
    const key = lanes.keyOf(input)
    const busy = lanes.busy(key)
    if (busy !== undefined && lanes.parked >= readAhead) return false
    this.position++
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
    const { meter } = this.config
    this.budget--
    this.active++
    meter.in++
    meter.inFlight++
    worker.sequence = sequence
    worker.input = input
    worker.lane = lane
    worker.isBusy = true
    worker.recovers = false
    meter.begin(this.clock, worker)
  }

  /** The element is over, and its slot is free. */
  private vacate(worker: Worker<In, Out>): void {
    const { meter } = this.config
    worker.isBusy = false
    this.active--
    meter.inFlight--
    meter.end(this.clock, worker)
    if (worker.lane !== undefined) this.lanes?.leave(worker.lane)
  }

  private hasRoom(): boolean {
    const { buffer, concurrency, ordered, readAhead } = this.config
    const room = ordered && !this.results.isReady() ? readAhead : buffer
    return this.active + this.results.size < concurrency + room
  }

  private readonly goOn = (): void => {
    this.start()
    this.wake()
  }

  private readonly receive = (exit: Chunk<In, E>): void => {
    if (exit._tag === "Success") {
      this.input = exit.value
      this.position = 0
      return
    }
    this.upstreamEnded = true
    const cause = withoutDone(exit.cause)
    // it came after every element
    if (cause !== undefined) this.failures.push({ sequence: Infinity, cause, late: this.cutoff !== Infinity })
  }

  private effectOf({ input, lane, sequence }: Worker<In, Out>): Effect.Effect<Out, Failed, R> {
    if (lane?.key instanceof BrokenKey) return Effect.die(lane.key.defect)
    try {
      const effect = this.config.run(input as In)
      // the function may have had another element fail, when nobody could interrupt this one yet
      return sequence > this.cutoff ? Exit.interrupt() : effect
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
    else this.complete(worker, result as Out)
    // the consumer is woken after this one has claimed the next, and so finds as much as there is
    this.wake()
  }

  private complete(worker: Worker<In, Out>, result: Out): void {
    if (worker.recovers) this.leaveOut(worker)
    else this.succeed(worker, result)
  }

  private succeed(worker: Worker<In, Out>, result: Out): void {
    const { fate, meter } = this.config
    this.vacate(worker)
    meter.queued++
    this.results.put(worker.sequence, fate.succeeded(worker.input as In, result))
  }

  private leaveOut(worker: Worker<In, Out>): void {
    const { fate, meter } = this.config
    meter.failed++
    this.vacate(worker)
    this.results.skip(worker.sequence)
    fate.leftOut(worker.input as In)
  }

  private onEnd(worker: Worker<In, Out>, exit: Exit.Exit<void, unknown>): void {
    const { held } = worker
    this.workers.delete(worker)
    worker.fiber = worker.held = undefined
    if (worker.isBusy) {
      if (exit._tag === "Success") this.complete(worker, held as Out)
      else if (worker.recovers) this.fail(worker, exit.cause as Cause.Cause<E>)
      else if (this.recovery(worker, exit.cause as Cause.Cause<Failed>)) this.begin(worker)
    }
    if (!worker.isBusy && !worker.isDoomed) {
      worker.input = worker.lane = undefined
      worker.effect = Effect.void
      this.idle.push(worker)
    }
    this.start()
    this.wake()
  }

  /** The worker's element has failed. True if its recovery has to be run. */
  private recovery(worker: Worker<In, Out>, cause: Cause.Cause<Failed>): boolean {
    const { explain, recover } = this.config
    const input = worker.input as In
    const late = worker.sequence > this.cutoff
    if (recover === undefined) {
      this.fail(worker, explain(input, cause))
      return false
    }
    const failure = cause.reasons.find(Cause.isFailReason)
    // where failures are left out, they are not among the errors of the run either
    if (late || failure === undefined || Cause.hasDies(cause)) {
      this.fail(worker, Cause.fromReasons(cause.reasons.filter(isNoFailure)))
      return false
    }
    worker.recovers = true
    worker.effect = recover(input, failure.error)
    if (!isFinished(worker.effect)) return true
    if (worker.effect._tag === "Success") this.leaveOut(worker)
    else this.fail(worker, worker.effect.cause)
    return false
  }

  /** The element ends without a result, and the run with it. */
  private fail(worker: Worker<In, Out>, cause: Cause.Cause<E>): void {
    const { fate, meter, ordered } = this.config
    const { sequence } = worker
    const late = sequence > this.cutoff
    this.vacate(worker)
    this.failures.push({ sequence, cause, late })
    if (!late || !Cause.hasInterruptsOnly(cause)) fate.failed(worker.input as In, cause)
    if (late) return
    meter.failed++
    this.cutAt(ordered ? sequence : -1)
  }

  /** Stops all that comes behind. */
  private cutAt(sequence: number): void {
    const { meter } = this.config
    this.cutoff = Math.min(this.cutoff, sequence)
    if (this.lanes !== undefined) {
      meter.waiting -= this.lanes.parked
      this.lanes.dropBehind(this.cutoff)
      meter.waiting += this.lanes.parked
    }
    this.inlet.stop()
    for (const worker of Array.from(this.workers)) {
      if (!worker.isBusy || worker.sequence <= this.cutoff || worker.isDoomed) continue
      worker.isDoomed = true
      worker.fiber?.interruptUnsafe()
    }
  }

  private isOver(): boolean {
    if (this.active > 0 || this.inlet.isPulling) return false
    if ((this.lanes?.parked ?? 0) > 0) return false
    if (this.cutoff !== Infinity) return true
    return this.upstreamEnded && this.position === this.input.length && this.results.size === 0
  }

  private outcome(): Exit.Exit<never, E | Cause.Done> {
    return this.failures.length === 0 ? Exit.fail(Cause.Done()) : Exit.failCause(combine(this.failures))
  }
}
