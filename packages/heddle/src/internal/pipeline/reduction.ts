/**
 * The engine of `runReduce`: combines neighbours until one is left.
 *
 * ```
 *   1 ─ 2 ─ 3 ─ 4 ─ 5 ...       any two neighbours that nobody works on may be combined, several pairs at a time;
 *   └─3─┘   └─7─┘               the result takes their place, so the order is kept
 * ```
 *
 * At most two elements per slot are held, besides one chunk of the source.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import type * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as Pull from "effect/Pull"
import type { Scheduler } from "effect/Scheduler"

import { withoutDone } from "../cursor.ts"
import { type ReadyRing, readyRing } from "../readyRing.ts"
import { Inlet } from "./engine.ts"
import { combine, type Failure } from "./failures.ts"

/** One element, or what several have been combined to. */
interface Part<A> {
  value: A
  readonly sequence: number
  isBusy: boolean
  previous: Part<A> | undefined
  next: Part<A> | undefined
}

/** How many pairs may be combined in a row without leaving the event loop its turn. */
const pairsPerTurn = 256

export class Reduction<A, E, R> {
  private readonly combineTwo: (left: A, right: A) => Effect.Effect<A, E, R>
  private readonly concurrency: number
  private readonly ring: ReadyRing
  private readonly inlet: Inlet<A, E, R>
  private readonly fork: <B>(effect: Effect.Effect<B, E, R>) => Fiber.Fiber<B, E>
  private readonly running = new Map<Fiber.Fiber<A, E>, number>()
  private readonly failures: Array<Failure<E>> = []
  private input: ReadonlyArray<A> = []
  private position = 0
  private claimed = 0
  private first: Part<A> | undefined
  private last: Part<A> | undefined
  private parts = 0
  private active = 0
  private hasEnded = false
  private isStopped = false
  private isStarting = false
  private budget = pairsPerTurn
  private waiter: ((outcome: Effect.Effect<Option.Option<A>, E>) => void) | undefined

  constructor(
    upstream: Pull.Pull<NonEmptyReadonlyArray<A>, E, void, R>,
    combineTwo: (left: A, right: A) => Effect.Effect<A, E, R>,
    concurrency: number,
    context: Context.Context<R>,
    scheduler: Scheduler
  ) {
    this.ring = readyRing(scheduler)
    this.combineTwo = combineTwo
    this.concurrency = concurrency
    this.fork = Effect.runForkWith(context) as Reduction<A, E, R>["fork"]
    this.inlet = new Inlet(upstream, context, this.receive, this.goOn)
  }

  readonly run: Effect.Effect<Option.Option<A>, E> = Effect.suspend(() => {
    this.start()
    if (this.isOver()) return this.outcome()
    return this.budget === 0 ? this.runAfterTurn : this.park
  })

  private readonly runAfterTurn: Effect.Effect<Option.Option<A>, E> = Effect.flatMap(Effect.yieldNow, () => {
    this.budget = pairsPerTurn
    return this.run
  })

  private readonly park: Effect.Effect<Option.Option<A>, E> = Effect.callback((resume) => {
    if (this.isOver()) return resume(this.outcome())
    this.waiter = resume
    return Effect.sync(() => {
      this.waiter = undefined
    })
  })

  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.stop()
    const fibers = [...this.running.keys(), ...this.inlet.fibers]
    if (fibers.length > 0) return Effect.andThen(Fiber.interruptAll(fibers), this.close)
    return this.active > 0 ? Effect.andThen(Effect.yieldNow, this.close) : Effect.void
  })

  private readonly receive = (exit: Exit.Exit<NonEmptyReadonlyArray<A>, E | Cause.Done>): void => {
    if (exit._tag === "Success") {
      this.input = exit.value
      this.position = 0
      return
    }
    this.hasEnded = true
    const cause = withoutDone(exit.cause)
    if (cause === undefined) return
    this.failures.push({ sequence: Infinity, cause, late: this.isStopped })
    this.stop()
  }

  private readonly goOn = (): void => {
    this.start()
    const { waiter } = this
    if (waiter === undefined || !(this.isOver() || this.budget === 0)) return
    this.waiter = undefined
    this.ring.push(waiter, this.run)
  }

  private start(): void {
    if (this.isStarting) return
    this.isStarting = true
    while (!this.isStopped && this.active < this.concurrency && this.budget > 0) {
      const left = this.pair()
      if (left !== undefined) this.combine(left)
      else if (this.parts < 2 * this.concurrency && this.position < this.input.length) this.append()
      else if (this.position < this.input.length || this.hasEnded || this.inlet.isPulling) break
      else this.inlet.pull()
    }
    this.isStarting = false
  }

  /** The left one of the first two neighbours that are free. */
  private pair(): Part<A> | undefined {
    for (let part = this.first; part?.next !== undefined; part = part.next) {
      if (!part.isBusy && !part.next.isBusy) return part
    }
    return undefined
  }

  private append(): void {
    const part: Part<A> = {
      value: this.input[this.position++] as A,
      sequence: this.claimed++,
      isBusy: false,
      previous: this.last,
      next: undefined
    }
    if (this.last === undefined) this.first = part
    else this.last.next = part
    this.last = part
    this.parts++
  }

  private combine(left: Part<A>): void {
    const right = left.next!
    left.isBusy = right.isBusy = true
    this.active++
    const fiber = this.fork(Effect.suspend(() => this.combineTwo(left.value, right.value)))
    const finished = fiber.pollUnsafe()
    if (finished !== undefined) {
      this.budget--
      this.onEnd(left, right, finished)
      return
    }
    this.running.set(fiber, left.sequence)
    fiber.addObserver((exit) => {
      this.running.delete(fiber)
      this.onEnd(left, right, exit)
      this.goOn()
    })
    if (this.isStopped) fiber.interruptUnsafe()
  }

  private onEnd(left: Part<A>, right: Part<A>, exit: Exit.Exit<A, E>): void {
    this.active--
    if (exit._tag === "Failure") {
      this.failures.push({ sequence: left.sequence, cause: exit.cause, late: this.isStopped })
      this.stop()
      return
    }
    left.value = exit.value
    left.isBusy = false
    left.next = right.next
    if (right.next === undefined) this.last = left
    else right.next.previous = left
    this.parts--
  }

  private stop(): void {
    if (this.isStopped) return
    this.isStopped = true
    this.inlet.stop()
    for (const fiber of Array.from(this.running.keys())) fiber.interruptUnsafe()
  }

  private isOver(): boolean {
    if (this.active > 0 || this.inlet.isPulling) return false
    return this.isStopped || (this.hasEnded && this.position >= this.input.length && this.parts < 2)
  }

  private outcome(): Effect.Effect<Option.Option<A>, E> {
    if (this.failures.length > 0) return Effect.failCause(combine(this.failures))
    return Effect.succeed(this.first === undefined ? Option.none() : Option.some(this.first.value))
  }
}
