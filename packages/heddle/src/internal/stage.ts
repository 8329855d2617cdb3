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

import { type ReadyRing, readyRing } from "./readyRing.ts"
import { InArrivalOrder, InInputOrder, type Results } from "./results.ts"

/** The live counts of a stage. At any time `in = out + skipped by onError + inFlight + queued`, unless a run stopped early. */
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
  readonly recover: ((input: In, cause: Cause.Cause<Failed>) => Effect.Effect<unknown, E, R>) | undefined
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
  private puller: Fiber.Fiber<NonEmptyReadonlyArray<In>, E | Cause.Done> | undefined
  private upstreamEnd: Exit.Exit<never, E | Cause.Done> | undefined
  private readonly running = new Map<number, Fiber.Fiber<unknown, unknown>>()
  private readonly failures: Array<Failure<E>> = []
  /** Elements beyond this one are neither started nor delivered. */
  private last = Infinity
  private consumer: ((pull: Effect.Effect<NonEmptyReadonlyArray<Out>, E | Cause.Done>) => void) | undefined
  private starting = false
  private countedInFlight = 0
  private countedQueued = 0
  private budget = synchronousElements

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
    if (chunk !== undefined) this.config.counters.out += chunk.length
    // what was taken, or passed over, made room
    this.start()
    if (chunk !== undefined) return Effect.succeed(chunk)
    if (this.results.isReady()) return this.pull
    return this.isOver() ? this.outcome() : this.park
  })

  private readonly park = Effect.callback<NonEmptyReadonlyArray<Out>, E | Cause.Done>((resume) => {
    // a fiber may be preempted between the look and the park
    if (this.results.isReady() || this.isOver()) return resume(this.pull)
    this.consumer = resume
    return Effect.sync(() => {
      this.consumer = undefined
    })
  })

  /** Interrupts what runs and waits for it, until nothing does: an element may just be starting, or end with a result. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.last = -1
    this.results.clear()
    this.count()
    const fibers: Array<Fiber.Fiber<unknown, unknown>> = [...this.running.values()]
    if (this.puller !== undefined) fibers.push(this.puller)
    if (fibers.length > 0) return Effect.andThen(Fiber.interruptAll(fibers), this.close)
    return this.starting ? Effect.andThen(Effect.yieldNow, this.close) : Effect.void
  })

  /** Starts as many elements as there is room for. Never nested: an inner call leaves the work to the outer loop. */
  private start(): void {
    if (this.starting) return
    this.starting = true
    while (this.hasRoom()) {
      if (this.position === this.input.length) {
        if (this.puller !== undefined || this.upstreamEnd !== undefined) break
        this.pullUpstream()
      } else if (this.budget > 0) {
        this.startElement(this.input[this.position++] as In)
      } else {
        this.dispatcher.scheduleTask(this.startAgain, 0)
        break
      }
    }
    this.starting = false
    this.count()
  }

  private readonly startAgain = (): void => {
    this.budget = synchronousElements
    this.start()
    this.wake()
  }

  private hasRoom(): boolean {
    const { buffer, concurrency } = this.config
    const inFlight = this.running.size
    return this.last === Infinity && inFlight < concurrency && inFlight + this.results.size < concurrency + buffer
  }

  private pullUpstream(): void {
    const puller = this.fork(this.upstream)
    this.puller = puller
    puller.addObserver((exit) => {
      this.puller = undefined
      if (exit._tag === "Success") {
        this.input = exit.value
        this.position = 0
      } else {
        this.upstreamEnd = Exit.failCause(exit.cause)
      }
      this.start()
      this.wake()
    })
    if (this.last !== Infinity) puller.interruptUnsafe()
  }

  private startElement(input: In): void {
    const sequence = this.claimed++
    this.config.counters.in++
    this.runElement(sequence, this.effectOf(input), (exit) => {
      if (exit._tag === "Failure") this.onFailure(sequence, input, exit.cause)
      else this.results.put(sequence, exit.value)
    })
  }

  private effectOf(input: In): Effect.Effect<Out, Failed, R> {
    try {
      return this.config.run(input)
    } catch (defect) {
      return Effect.die(defect)
    }
  }

  /** A finished effect needs no fiber. */
  private runElement<A, E2>(
    sequence: number,
    effect: Effect.Effect<A, E2, R>,
    onExit: (exit: Exit.Exit<A, E2>) => void
  ): void {
    if (isFinished(effect)) {
      this.budget--
      onExit(effect)
      return
    }
    const fiber = this.fork(effect)
    const exit = fiber.pollUnsafe()
    if (exit !== undefined) {
      this.budget--
      onExit(exit)
      return
    }
    this.running.set(sequence, fiber)
    fiber.addObserver((exit) => {
      this.running.delete(sequence)
      onExit(exit)
      this.start()
      this.wake()
    })
    // what it did so far may have stopped the run
    if (sequence > this.last) fiber.interruptUnsafe()
  }

  private onFailure(sequence: number, input: In, cause: Cause.Cause<Failed>): void {
    const late = sequence > this.last
    const { counters, explain, recover } = this.config
    if (!late) counters.failed++
    if (recover === undefined || !Cause.hasFails(cause) || Cause.hasDies(cause)) {
      this.stop(sequence, explain(input, cause), late)
      return
    }
    // the run has failed already, and this failure is not among its errors
    if (late) return
    this.runElement(sequence, recover(input, cause), (exit) => {
      if (exit._tag === "Failure") this.stop(sequence, exit.cause, sequence > this.last)
      else this.results.skip(sequence)
    })
  }

  private stop(sequence: number, cause: Cause.Cause<E>, late: boolean): void {
    this.failures.push({ sequence, cause, late })
    if (late) return
    this.last = this.config.ordered ? sequence : -1
    this.puller?.interruptUnsafe()
    for (const [other, fiber] of Array.from(this.running)) if (other > this.last) fiber.interruptUnsafe()
  }

  private isOver(): boolean {
    if (this.running.size > 0) return false
    if (this.last !== Infinity) return this.puller === undefined
    return this.upstreamEnd !== undefined && this.position === this.input.length && this.results.size === 0
  }

  private outcome(): Effect.Effect<never, E | Cause.Done> {
    if (this.failures.length === 0) return this.upstreamEnd ?? Cause.done()
    const { cause, suppressed } = combine(this.failures)
    const failure = Effect.failCause(cause)
    return suppressed === undefined
      ? failure
      : Effect.andThen(
          Effect.logWarning("A stage was stopped, and the cleanup of an element died", suppressed),
          failure
        )
  }

  private wake(): void {
    const { consumer } = this
    if (consumer === undefined || !(this.results.isReady() || this.isOver())) return
    this.consumer = undefined
    this.ring.push(consumer, this.pull)
  }

  /** Several runs of one pipeline add up. */
  private count(): void {
    const { counters } = this.config
    counters.inFlight += this.running.size - this.countedInFlight
    counters.queued += this.results.size - this.countedQueued
    this.countedInFlight = this.running.size
    this.countedQueued = this.results.size
  }
}

/**
 * In input order. A defect of an element's body wins over typed failures. Of those that were interrupted by the stop only
 * typed failures count: their interruption is our own doing, and a defect in their cleanup must not hide a typed failure
 * from `Effect.catch`.
 */
const combine = <E>(failures: ReadonlyArray<Failure<E>>) => {
  const ordered = failures.toSorted((a, b) => a.sequence - b.sequence)
  const decisive = ordered.filter((failure) => !failure.late).flatMap((failure) => failure.cause.reasons)
  const defects = decisive.filter(Cause.isDieReason)
  const late = ordered.filter((failure) => failure.late).flatMap((failure) => failure.cause.reasons)
  const suppressed = late.filter(Cause.isDieReason)
  return {
    cause: Cause.fromReasons(defects.length > 0 ? defects : [...decisive, ...late.filter(Cause.isFailReason)]),
    suppressed: suppressed.length > 0 ? Cause.fromReasons(suppressed) : undefined
  }
}
