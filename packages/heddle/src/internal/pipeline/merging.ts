/**
 * The engine of `merge` and of branches that come together: whatever any of several sources gives, as it comes.
 *
 * A source is asked for its next chunk when its last one has been taken, so at most one chunk of each waits.
 * (`Stream.mergeAll` in this place came to a standstill under the explorer.)
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { Scheduler } from "effect/Scheduler"

import { withoutDone } from "../cursor.ts"
import { type Chunk, Engine, Inlet, type Upstream } from "./engine.ts"
import { combine, type Failure } from "./failures.ts"

interface Arm<A, E, R> {
  readonly inlet: Inlet<A, E, R>
  /** Its chunk has not been taken yet, or it has ended. */
  isResting: boolean
}

export class Merging<A, E, R> extends Engine<A, E> {
  private readonly arms: ReadonlyArray<Arm<A, E, R>>
  private readonly ready: Array<{ readonly arm: Arm<A, E, R>; readonly chunk: NonEmptyReadonlyArray<A> }> = []
  private readonly failures: Array<Failure<E>> = []
  private running: number
  private isStopped = false

  constructor(upstreams: ReadonlyArray<Upstream<A, E, R>>, context: Context.Context<R>, scheduler: Scheduler) {
    super(scheduler)
    this.running = upstreams.length
    this.arms = upstreams.map((upstream, index) => {
      const arm: Arm<A, E, R> = {
        inlet: new Inlet(upstream, context, (chunk) => this.receive(index, chunk), this.goOn),
        isResting: false
      }
      return arm
    })
  }

  poll(): Chunk<A, E> | undefined {
    this.ask()
    const next = this.ready.shift()
    if (next === undefined) return this.isOver() ? this.outcome() : undefined
    next.arm.isResting = false
    this.ask()
    return Exit.succeed(next.chunk)
  }

  protected isReady(): boolean {
    return this.ready.length > 0 || this.isOver()
  }

  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.stop()
    this.ready.length = 0
    return Fiber.interruptAll(this.arms.flatMap(({ inlet }) => inlet.fibers))
  })

  private ask(): void {
    for (const arm of this.arms) {
      if (!arm.isResting && !arm.inlet.isPulling && !this.isStopped) arm.inlet.pull()
    }
  }

  private receive(index: number, chunk: Chunk<A, E>): void {
    const arm = this.arms[index]!
    arm.isResting = true
    if (chunk._tag === "Success") {
      this.ready.push({ arm, chunk: chunk.value })
      return
    }
    this.running--
    const cause = withoutDone(chunk.cause)
    if (cause === undefined) return
    this.failures.push({ sequence: index, cause, late: this.isStopped })
    this.stop()
  }

  private readonly goOn = (): void => {
    this.ask()
    this.wake()
  }

  private stop(): void {
    if (this.isStopped) return
    this.isStopped = true
    for (const { inlet } of this.arms) inlet.stop()
  }

  private isOver(): boolean {
    return (
      this.ready.length === 0 &&
      !this.arms.some(({ inlet }) => inlet.isPulling) &&
      (this.isStopped || this.running === 0)
    )
  }

  private outcome(): Chunk<never, E> {
    return this.failures.length === 0 ? Exit.fail(Cause.Done()) : Exit.failCause(combine(this.failures))
  }
}
