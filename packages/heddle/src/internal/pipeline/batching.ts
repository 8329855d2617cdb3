/**
 * The engine of `batch`: collects elements until a batch is full, or its time is over.
 *
 * ```
 *   upstream ──▶ current ── full, due, or the last ──▶ closed (at most one) ──▶ pull
 *                  └─ its first element starts the clock
 * ```
 *
 * It collects while the batch before is being waited for, and then holds two batches at most. One whose time is over but
 * that cannot be closed yet goes on growing.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import { isReadonlyArrayNonEmpty } from "effect/Array"
import type * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { Scheduler } from "effect/Scheduler"

import { type Chunk, Engine, Inlet, type Upstream } from "./engine.ts"

export interface BatchConfig<A, B> {
  readonly maxSize: number
  readonly maxWeight: number
  readonly weight: (element: A) => number
  readonly maxWait: Duration.Duration | undefined
  readonly make: (batch: NonEmptyReadonlyArray<A>) => B
}

export class Batching<A, B, E, R> extends Engine<B, E> {
  private readonly config: BatchConfig<A, B>
  private readonly inlet: Inlet<A, E, R>
  private readonly fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  private input: ReadonlyArray<A> = []
  private position = 0
  private current: Array<A> = []
  private currentWeight = 0
  private timer: Fiber.Fiber<void> | undefined = undefined
  private isDue = false
  private closed: B | undefined = undefined
  private ended: Exit.Exit<never, E | Cause.Done> | undefined = undefined

  constructor(
    upstream: Upstream<A, E, R>,
    config: BatchConfig<A, B>,
    context: Context.Context<R>,
    scheduler: Scheduler
  ) {
    super(scheduler)
    this.config = config
    this.inlet = new Inlet(upstream, context, this.receive, this.goOn)
    this.fork = Effect.runForkWith(context)
  }

  poll(): Chunk<B, E> | undefined {
    this.collect()
    const { closed } = this
    if (closed === undefined) return this.isReady() ? this.ended : undefined
    this.closed = undefined
    this.collect()
    return Exit.succeed([closed])
  }

  protected isReady(): boolean {
    return this.closed !== undefined || (this.ended !== undefined && this.current.length === 0 && !this.hasInput())
  }

  override isOutOfTurn(): boolean {
    return this.inlet.isOutOfTurn()
  }

  override renewTurn(): void {
    this.inlet.renewTurn()
  }

  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.ended = Exit.interrupt()
    this.input = []
    this.current = []
    this.inlet.stop()
    const fibers = this.timer === undefined ? this.inlet.fibers : [...this.inlet.fibers, this.timer]
    return Fiber.interruptAll(fibers)
  })

  private hasInput(): boolean {
    return this.position < this.input.length
  }

  private readonly receive = (chunk: Chunk<A, E>): void => {
    if (chunk._tag === "Failure") this.ended = chunk as Exit.Exit<never, E | Cause.Done>
    else {
      this.input = chunk.value
      this.position = 0
    }
  }

  private readonly goOn = (): void => {
    this.collect()
    this.wake()
  }

  private collect(): void {
    while (true) {
      if (this.hasInput()) {
        if (!this.add(this.input[this.position] as A)) return
        this.position++
      } else if (this.ended !== undefined || this.inlet.isPulling) {
        if (this.isDue || (this.ended !== undefined && this.current.length > 0)) this.shut()
        return
      } else if (this.isFull() && !this.shut()) {
        return
      } else {
        this.inlet.pull()
      }
    }
  }

  /** False if there is no room for it. */
  private add(element: A): boolean {
    let weight: number
    try {
      weight = this.config.weight(element)
    } catch (defect) {
      // it stands in for the rest of the source: what came before it leaves first
      this.ended = Exit.die(defect)
      this.input = []
      this.inlet.stop()
      return true
    }
    const overflows = this.current.length > 0 && this.currentWeight + weight > this.config.maxWeight
    if ((overflows || this.isFull()) && !this.shut()) return false
    this.current.push(element)
    this.currentWeight += weight
    if (this.current.length === 1) this.startTimer()
    if (this.isFull()) this.shut()
    return true
  }

  private isFull(): boolean {
    return this.current.length >= this.config.maxSize || this.currentWeight >= this.config.maxWeight
  }

  /** Closes the current batch, if there is one and the one before has been taken. */
  private shut(): boolean {
    const { current } = this
    if (this.closed !== undefined) return false
    this.timer?.interruptUnsafe()
    this.timer = undefined
    this.isDue = false
    this.current = []
    this.currentWeight = 0
    if (isReadonlyArrayNonEmpty(current)) this.closed = this.config.make(current)
    return true
  }

  private startTimer(): void {
    const { maxWait } = this.config
    if (maxWait === undefined) return
    const timer = this.fork(Effect.sleep(maxWait))
    this.timer = timer
    timer.addObserver((exit) => {
      if (this.timer !== timer || exit._tag === "Failure") return
      this.timer = undefined
      this.isDue = true
      this.goOn()
    })
  }
}
