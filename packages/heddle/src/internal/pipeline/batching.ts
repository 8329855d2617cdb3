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
import type * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { Scheduler } from "effect/Scheduler"

import { type Chunk, Engine, type Upstream } from "./engine.ts"
import { Intake } from "./intake.ts"

export interface BatchConfig<A, B> {
  readonly maxSize: number
  readonly maxWeight: number
  readonly weight: (element: A) => number
  readonly maxWait: Duration.Duration | undefined
  readonly make: (batch: NonEmptyReadonlyArray<A>) => B
}

export class Batching<A, B, E, R> extends Engine<B, E> {
  private readonly config: BatchConfig<A, B>
  private readonly intake: Intake<A, E, R>
  private readonly fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  private current: Array<A> = []
  private currentWeight = 0
  private timer: Fiber.Fiber<void> | undefined = undefined
  private isDue = false
  private closed: B | undefined = undefined

  constructor(
    upstream: Upstream<A, E, R>,
    config: BatchConfig<A, B>,
    context: Context.Context<R>,
    scheduler: Scheduler
  ) {
    super(scheduler)
    this.config = config
    this.intake = new Intake(upstream, context, this.goOn)
    this.fork = Effect.runForkWith(context)
  }

  poll(): Chunk<B, E> | undefined {
    this.collect()
    const { closed } = this
    if (closed === undefined) return this.isReady() ? this.intake.ended : undefined
    this.closed = undefined
    this.collect()
    return Exit.succeed([closed])
  }

  protected isReady(): boolean {
    return this.closed !== undefined || (this.intake.isExhausted && this.current.length === 0)
  }

  override isOutOfTurn(): boolean {
    return this.intake.isOutOfTurn()
  }

  override renewTurn(): void {
    this.intake.renewTurn()
  }

  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.current = []
    this.intake.end(Exit.interrupt())
    const fibers = this.timer === undefined ? this.intake.fibers : [...this.intake.fibers, this.timer]
    return Fiber.interruptAll(fibers)
  })

  private readonly goOn = (): void => {
    this.collect()
    this.wake()
  }

  private collect(): void {
    const { intake } = this
    while (true) {
      if (intake.hasNext) {
        if (!this.add(intake.peek())) return
        intake.take()
      } else if (intake.ended !== undefined || intake.isPulling) {
        if (this.isDue || (intake.ended !== undefined && this.current.length > 0)) this.shut()
        return
      } else if (this.isFull() && !this.shut()) {
        return
      } else {
        intake.pull()
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
      this.intake.die(defect)
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
