/**
 * The engine of one stage of one running pipeline: chunks are pulled from upstream, every element runs in a fiber of its
 * own, results leave downstream as chunks.
 *
 * ```
 *   upstream ──chunk──▶ input ──element──▶ up to `concurrency` fibers ──result──▶ results ──chunk──▶ pull
 *                         │                                                         │
 *                         └─ the next pull when it is used up       in flight + results <= concurrency + buffer
 * ```
 *
 * Elements are claimed one at a time, whatever the size of the chunks, so that a chunk of a thousand does not become a
 * thousand fibers. (`Stream.mapEffect` moves every element through two queues and wakes two fibers for it.)
 *
 * **Order and failure.** An ordered stage gives what a sequential run would have given, up to the failure: when element
 * k fails, those after it are interrupted, and those before it still finish and leave. An unordered one interrupts all
 * others. Both deliver what was finished, then fail, when every fiber has ended. When upstream fails, all in flight came
 * before the failure and finish.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Pull from "effect/Pull"
import type { Scheduler, SchedulerDispatcher } from "effect/Scheduler"

import { withoutDone } from "./cursor.ts"
import { type ReadyRing, readyRing } from "./readyRing.ts"
import { InArrivalOrder, InInputOrder, type Results } from "./results.ts"

/**
 * The live counts of a stage. While no run has stopped, `in = out + inFlight + queued + failed and left out`: an element
 * fails when its dead-letter sink has ended.
 */
export interface Counters {
  in: number
  out: number
  failed: number
  inFlight: number
  queued: number
}

export interface Config<In, Out, Failed, E, R> {
  readonly run: (input: In) => Effect.Effect<Out, Failed, R>
  /** What a failure that stops the run looks like downstream. */
  readonly explain: (input: In, cause: Cause.Cause<Failed>) => Cause.Cause<E>
  /** What is done instead of stopping when an element fails in its error channel. Runs in the element's slot. */
  readonly recover: ((input: In, error: Failed) => Effect.Effect<unknown, E, R>) | undefined
  readonly concurrency: number
  readonly ordered: boolean
  readonly buffer: number
  readonly counters: Counters
}

interface Failure<E> {
  readonly sequence: number
  readonly cause: Cause.Cause<E>
  /** Came after the run had been stopped, from an element that was already interrupted. */
  readonly late: boolean
}

/** How many elements may end without suspending before the event loop gets its turn. */
const synchronousElements = 256

const isFinished = <A, E, R>(effect: Effect.Effect<A, E, R>): effect is Effect.Effect<A, E, R> & Exit.Exit<A, E> =>
  Exit.isExit(effect)

export class Stage<In, Out, Failed, E, R> {
  private readonly upstream: Pull.Pull<NonEmptyReadonlyArray<In>, E, void, R>
  private readonly config: Config<In, Out, Failed, E, R>
  private readonly ring: ReadyRing
  private readonly dispatcher: SchedulerDispatcher
  private readonly fork: <A, E2>(effect: Effect.Effect<A, E2, R>) => Fiber.Fiber<A, E2>
  private readonly results: Results<Out>

  private input: ReadonlyArray<In> = []
  private position = 0
  private claimed = 0
  private pulling = false
  private puller: Fiber.Fiber<NonEmptyReadonlyArray<In>, E | Cause.Done> | undefined
  private upstreamEnded = false
  /** Elements that have been started and have not left their slot, those that are just being started included. */
  private active = 0
  private readonly running = new Map<number, Fiber.Fiber<unknown, unknown>>()
  private readonly failures: Array<Failure<E>> = []
  /** Elements with a higher number are neither started nor delivered. */
  private cutoff = Infinity
  private consumer: ((pull: Effect.Effect<NonEmptyReadonlyArray<Out>, E | Cause.Done>) => void) | undefined
  private starting = false
  private budget = synchronousElements
  private refillScheduled = false

  constructor(
    upstream: Pull.Pull<NonEmptyReadonlyArray<In>, E, void, R>,
    config: Config<In, Out, Failed, E, R>,
    context: Context.Context<R>,
    scheduler: Scheduler
  ) {
    this.upstream = upstream
    this.config = config
    this.fork = Effect.runForkWith(context)
    this.ring = readyRing(scheduler)
    this.dispatcher = scheduler.makeDispatcher()
    this.results = config.ordered ? new InInputOrder() : new InArrivalOrder()
  }

  /** The next chunk of results. One consumer at a time. */
  readonly pull: Effect.Effect<NonEmptyReadonlyArray<Out>, E | Cause.Done> = Effect.suspend(() => {
    this.start()
    const chunk = this.results.take()
    // what was taken, or passed over, made room
    this.start()
    if (chunk !== undefined) {
      this.config.counters.out += chunk.length
      this.config.counters.queued -= chunk.length
      return Effect.succeed(chunk)
    }
    if (this.results.isReady()) return this.pull
    if (this.isOver()) return this.outcome()
    // the consumer takes its turn itself, so that what never suspends also runs under `Effect.runSync`
    return this.budget === 0 ? this.pullAfterTurn : this.park
  })

  private readonly pullAfterTurn = Effect.flatMap(Effect.yieldNow, () => {
    this.budget = synchronousElements
    return this.pull
  })

  private readonly park = Effect.callback<NonEmptyReadonlyArray<Out>, E | Cause.Done>((resume) => {
    // a fiber may be preempted between the look and the park
    if (this.results.isReady() || this.isOver()) return resume(this.pull)
    this.consumer = resume
    return Effect.sync(() => {
      this.consumer = undefined
    })
  })

  /**
   * Interrupts what runs and waits for it, until nothing does: an element may just be starting, or end with a result. What
   * died in a cleanup is logged, since it has nowhere else to go.
   */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.cutoff = -1
    this.config.counters.queued -= this.results.clear()
    const fibers: Array<Fiber.Fiber<unknown, unknown>> = [...this.running.values()]
    if (this.puller !== undefined) fibers.push(this.puller)
    if (fibers.length > 0) return Effect.andThen(Fiber.interruptAll(fibers), this.close)
    if (this.active > 0 || this.pulling) return Effect.andThen(Effect.yieldNow, this.close)
    const suppressed = this.failures
      .filter(({ late }) => late)
      .flatMap(({ cause }) => cause.reasons.filter(Cause.isDieReason))
    return suppressed.length === 0
      ? Effect.void
      : Effect.logWarning("A stage was stopped, and a cleanup died", Cause.fromReasons(suppressed))
  })

  /** Starts as many elements as there is room for. Never nested: an inner call leaves the work to the outer loop. */
  private start(): void {
    if (this.starting) return
    this.starting = true
    while (this.hasRoom()) {
      if (this.position === this.input.length) {
        if (this.pulling || this.upstreamEnded) break
        this.pullUpstream()
      } else if (this.budget > 0) {
        this.startElement(this.input[this.position++] as In)
      } else {
        this.scheduleRefill()
        // a dispatcher may run its tasks at once
        if (this.budget === 0) break
      }
    }
    this.starting = false
  }

  private scheduleRefill(): void {
    if (this.refillScheduled) return
    this.refillScheduled = true
    this.dispatcher.scheduleTask(this.refill, 0)
  }

  private readonly refill = (): void => {
    this.refillScheduled = false
    this.budget = synchronousElements
    this.start()
    this.wake()
  }

  private hasRoom(): boolean {
    const { buffer, concurrency } = this.config
    return (
      this.cutoff === Infinity && this.active < concurrency && this.active + this.results.size < concurrency + buffer
    )
  }

  private pullUpstream(): void {
    this.pulling = true
    const puller = this.fork(this.upstream)
    this.puller = puller
    puller.addObserver((exit) => {
      this.pulling = false
      this.puller = undefined
      if (exit._tag === "Success") {
        this.input = exit.value
        this.position = 0
      } else {
        this.upstreamEnded = true
        const cause = withoutDone(exit.cause)
        // it came after every element
        if (cause !== undefined) this.failures.push({ sequence: Infinity, cause, late: this.cutoff !== Infinity })
      }
      this.start()
      this.wake()
    })
    if (this.cutoff !== Infinity) puller.interruptUnsafe()
  }

  private startElement(input: In): void {
    const { counters } = this.config
    const sequence = this.claimed++
    this.active++
    counters.in++
    counters.inFlight++
    this.runInSlot(sequence, this.effectOf(input), (exit) => {
      if (exit._tag === "Failure") this.onFailure(sequence, input, exit.cause)
      else {
        this.leaveSlot()
        counters.queued++
        this.results.put(sequence, exit.value)
      }
    })
  }

  private leaveSlot(): void {
    this.active--
    this.config.counters.inFlight--
  }

  private effectOf(input: In): Effect.Effect<Out, Failed, R> {
    try {
      return this.config.run(input)
    } catch (defect) {
      return Effect.die(defect)
    }
  }

  /** A finished effect needs no fiber. */
  private runInSlot<A, E2>(
    sequence: number,
    effect: Effect.Effect<A, E2, R>,
    onExit: (exit: Exit.Exit<A, E2>) => void
  ): void {
    const fiber = isFinished(effect) ? undefined : this.fork(effect)
    const finished = isFinished(effect) ? effect : fiber?.pollUnsafe()
    if (finished !== undefined) {
      this.budget = Math.max(0, this.budget - 1)
      onExit(finished)
      return
    }
    if (fiber === undefined) return
    this.running.set(sequence, fiber)
    fiber.addObserver((exit) => {
      this.running.delete(sequence)
      onExit(exit)
      this.start()
      this.wake()
    })
    // what it did so far may have stopped the run
    if (sequence > this.cutoff) fiber.interruptUnsafe()
  }

  private onFailure(sequence: number, input: In, cause: Cause.Cause<Failed>): void {
    const { explain, recover } = this.config
    const late = sequence > this.cutoff
    if (recover === undefined) return this.fail(sequence, explain(input, cause), late)
    const failure = cause.reasons.find(Cause.isFailReason)
    // where failures are left out, they are not among the errors of the run either
    if (late || failure === undefined || Cause.hasDies(cause)) {
      return this.fail(sequence, Cause.fromReasons(cause.reasons.filter(isNoFailure)), late)
    }
    this.runInSlot(sequence, recover(input, failure.error), (exit) => {
      if (exit._tag === "Failure") return this.fail(sequence, exit.cause, sequence > this.cutoff)
      this.config.counters.failed++
      this.leaveSlot()
      this.results.skip(sequence)
    })
  }

  /** The element ends without a result, and the run with it. */
  private fail(sequence: number, cause: Cause.Cause<E>, late: boolean): void {
    this.leaveSlot()
    this.failures.push({ sequence, cause, late })
    if (late) return
    this.config.counters.failed++
    this.cutoff = this.config.ordered ? sequence : -1
    this.puller?.interruptUnsafe()
    for (const [other, fiber] of Array.from(this.running)) if (other > this.cutoff) fiber.interruptUnsafe()
  }

  private isOver(): boolean {
    if (this.active > 0 || this.pulling) return false
    if (this.cutoff !== Infinity) return true
    return this.upstreamEnded && this.position === this.input.length && this.results.size === 0
  }

  private outcome(): Effect.Effect<never, E | Cause.Done> {
    return this.failures.length === 0 ? Cause.done() : Effect.failCause(combine(this.failures))
  }

  private wake(): void {
    const { consumer } = this
    if (consumer === undefined || !(this.results.isReady() || this.isOver())) return
    this.consumer = undefined
    this.ring.push(consumer, this.pull)
  }
}

/**
 * In input order, the source last. A defect of an element's body or of the source wins over typed failures. Of those that
 * were interrupted by the stop only typed failures count: their interruption is our own doing, and a defect in their cleanup
 * must not hide a typed failure from `Effect.catch` (`close` logs it).
 */
const combine = <E>(failures: ReadonlyArray<Failure<E>>): Cause.Cause<E> => {
  const ordered = failures.toSorted((a, b) => (a.sequence < b.sequence ? -1 : 1))
  const reasons = (late: boolean) =>
    ordered.filter((failure) => failure.late === late).flatMap((failure) => failure.cause.reasons)
  const decisive = reasons(false)
  const defects = decisive.filter(Cause.isDieReason)
  return Cause.fromReasons(defects.length > 0 ? defects : [...decisive, ...reasons(true).filter(Cause.isFailReason)])
}

const isNoFailure = (reason: Cause.Reason<unknown>): reason is Cause.Die | Cause.Interrupt =>
  !Cause.isFailReason(reason)
