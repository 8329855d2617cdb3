/**
 * What runs between a source and a consumer: something that is asked for chunks and asks what is before it for chunks.
 *
 * An engine behind an engine is asked without a fiber in between: it gives what it has, or calls back when there is
 * something. Anything else that can be pulled, such as the source, is pulled in a fiber for each chunk.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import type * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Pull from "effect/Pull"
import type { Scheduler } from "effect/Scheduler"

import { type ReadyRing, readyRing } from "../readyRing.ts"

export type Chunk<A, E> = Exit.Exit<NonEmptyReadonlyArray<A>, E | Cause.Done>

type PullChunk<A, E> = Effect.Effect<NonEmptyReadonlyArray<A>, E | Cause.Done>

export type Upstream<A, E, R> = Engine<A, E> | Pull.Pull<NonEmptyReadonlyArray<A>, E, void, R>

export abstract class Engine<out A, out E> {
  private readonly ring: ReadyRing
  private consumer: ((pull: Effect.Effect<any, any>) => void) | undefined = undefined

  constructor(scheduler: Scheduler) {
    this.ring = readyRing(scheduler)
  }

  /** What a pull gives, if it need not wait. */
  abstract poll(): Chunk<A, E> | undefined

  /** Whether `poll` would give something, without any change. */
  protected abstract isReady(): boolean

  /** Interrupts whatever runs and waits for it. */
  abstract readonly close: Effect.Effect<void>

  /** Whether nothing comes before the event loop has had a turn, though nobody waits for anything. */
  isOutOfTurn(): boolean {
    return false
  }

  renewTurn(): void {}

  /** The next chunk. One consumer at a time. */
  readonly pull: PullChunk<A, E> = Effect.suspend(
    // the consumer takes its turn itself, so that what never suspends also runs under `Effect.runSync`
    () => this.poll() ?? (this.isOutOfTurn() ? this.pullAfterTurn : this.park)
  )

  private readonly pullAfterTurn: PullChunk<A, E> = Effect.flatMap(Effect.yieldNow, () => {
    this.renewTurn()
    return this.pull
  })

  private readonly park: PullChunk<A, E> = Effect.callback((resume) => {
    // a fiber may be preempted between the look and the park
    if (this.isReady()) return resume(this.pull)
    this.consumer = resume
    return Effect.sync(() => this.leave())
  })

  /** Has `resume` called once there is something, for a consumer that is no fiber. */
  whenReady(resume: () => void): void {
    this.consumer = resume
  }

  /** The consumer does not want it any more. */
  leave(): void {
    this.consumer = undefined
  }

  /** Through the ready ring, so that the consumer finds a chunk and not a single result. */
  protected wake(): void {
    const { consumer } = this
    if (consumer === undefined || !this.isReady()) return
    this.consumer = undefined
    this.ring.push(consumer, this.pull)
  }
}

/** The side of an engine on which it asks for chunks, one at a time. */
export class Inlet<A, E, R> {
  isPulling = false
  private puller: Fiber.Fiber<NonEmptyReadonlyArray<A>, E | Cause.Done> | undefined
  private readonly upstream: Upstream<A, E, R>
  private readonly fork: (pull: PullChunk<A, E>) => Fiber.Fiber<NonEmptyReadonlyArray<A>, E | Cause.Done>
  private readonly receive: (chunk: Chunk<A, E>) => void
  /** Called after a chunk came later than it was asked for, or may be asked for again. */
  private readonly goOn: () => void

  constructor(
    upstream: Upstream<A, E, R>,
    context: Context.Context<R>,
    receive: (chunk: Chunk<A, E>) => void,
    goOn: () => void
  ) {
    this.upstream = upstream
    this.fork = Effect.runForkWith(context) as Inlet<A, E, R>["fork"]
    this.receive = receive
    this.goOn = goOn
  }

  /** Asks for a chunk, which may come at once. */
  pull(): void {
    const { upstream } = this
    if (upstream instanceof Engine) {
      const chunk = upstream.poll()
      if (chunk !== undefined) return this.receive(chunk)
      this.isPulling = true
      upstream.whenReady(this.onReady)
      return
    }
    this.isPulling = true
    let isAsking = true
    const puller = this.fork(upstream as PullChunk<A, E>)
    this.puller = puller
    puller.addObserver((chunk) => {
      this.isPulling = false
      this.puller = undefined
      this.receive(chunk)
      if (!isAsking) this.goOn()
    })
    isAsking = false
  }

  private readonly onReady = (): void => {
    this.isPulling = false
    this.goOn()
  }

  /** Nobody wants the chunk any more. */
  stop(): void {
    this.puller?.interruptUnsafe()
    if (!this.isPulling || !(this.upstream instanceof Engine)) return
    this.upstream.leave()
    this.isPulling = false
  }

  /** Fibers that have to end before the engine has. */
  get fibers(): ReadonlyArray<Fiber.Fiber<unknown, unknown>> {
    return this.puller === undefined ? [] : [this.puller]
  }

  isOutOfTurn(): boolean {
    return this.upstream instanceof Engine && this.upstream.isOutOfTurn()
  }

  renewTurn(): void {
    if (this.upstream instanceof Engine) this.upstream.renewTurn()
  }
}
