/**
 * The engine of `broadcast` and `partition`: one source, several branches.
 *
 * ```
 *                      ┌──▶ queue of branch 0 (at most `buffer`) ──▶ pull
 *   upstream ──chunk──▶┤
 *                      └──▶ queue of branch 1                    ──▶ pull
 * ```
 *
 * An element goes on when every branch that is to get it has room for it, so the slowest branch sets the pace once its
 * queue is full. A branch that has ended gets nothing any more and holds up nobody; what it does not get is not acknowledged.
 */
import { isReadonlyArrayNonEmpty } from "effect/Array"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { Scheduler } from "effect/Scheduler"

import { type Chunk, Engine, type Upstream } from "./engine.ts"
import { Intake } from "./intake.ts"

/** The branches that get an element. */
export type Route<A> = (element: A) => ReadonlyArray<number>

export interface SplitConfig<A> {
  readonly branches: number
  readonly buffer: number
  readonly route: Route<A>
  /** An element that so many branches get. */
  readonly shared: (element: A, branches: number) => void
}

export class Splitter<A, E, R> {
  readonly branches: ReadonlyArray<Branch<A, E>>
  private readonly config: SplitConfig<A>
  readonly intake: Intake<A, E, R>

  constructor(upstream: Upstream<A, E, R>, config: SplitConfig<A>, context: Context.Context<R>, scheduler: Scheduler) {
    this.config = config
    this.intake = new Intake(upstream, context, () => this.advance())
    this.branches = Array.from({ length: config.branches }, () => new Branch<A, E>(this, scheduler))
  }

  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.intake.end(Exit.interrupt())
    return Fiber.interruptAll(this.intake.fibers)
  })

  /** Hands on what there is room for, asks for more, and wakes those who got something. */
  advance(): void {
    while (this.distribute() && this.intake.ended === undefined && !this.intake.isPulling) {
      // nobody asks for what nobody has room for
      if (!this.branches.some((branch) => branch.hasRoom(this.config.buffer))) break
      this.intake.pull()
    }
    for (const branch of this.branches) branch.notice()
  }

  /** False if an element has to wait for room. */
  private distribute(): boolean {
    const { intake } = this
    while (intake.hasNext) {
      const element = intake.peek()
      let route: ReadonlyArray<number>
      try {
        route = this.config.route(element)
      } catch (defect) {
        intake.die(defect)
        return true
      }
      const receivers = route.map((index) => this.branches[index]!).filter((branch) => !branch.isGone)
      if (!receivers.every((branch) => branch.hasRoom(this.config.buffer))) return false
      intake.take()
      // also with a branch that has ended: nobody can say that it has done with the element
      this.config.shared(element, route.length)
      for (const branch of receivers) branch.queue.push(element)
    }
    return true
  }
}

export class Branch<A, E> extends Engine<A, E> {
  queue: Array<A> = []
  /** Nobody will ask again. */
  isGone = false
  private readonly splitter: Splitter<A, E, any>

  constructor(splitter: Splitter<A, E, any>, scheduler: Scheduler) {
    super(scheduler)
    this.splitter = splitter
  }

  hasRoom(buffer: number): boolean {
    return this.isGone || this.queue.length < Math.max(1, buffer)
  }

  poll(): Chunk<A, E> | undefined {
    if (this.queue.length === 0) this.splitter.advance()
    const { queue } = this
    if (isReadonlyArrayNonEmpty(queue)) {
      this.queue = []
      this.splitter.advance()
      return Exit.succeed(queue)
    }
    return this.isReady() ? this.splitter.intake.ended : undefined
  }

  protected isReady(): boolean {
    return this.queue.length > 0 || this.splitter.intake.isExhausted
  }

  override isOutOfTurn(): boolean {
    return this.splitter.intake.isOutOfTurn()
  }

  override renewTurn(): void {
    this.splitter.intake.renewTurn()
  }

  notice(): void {
    this.wake()
  }

  /** The branch has ended, perhaps before its source: what it would have got holds up nobody. */
  readonly close: Effect.Effect<void> = Effect.sync(() => {
    this.isGone = true
    this.queue = []
    this.splitter.advance()
  })
}
