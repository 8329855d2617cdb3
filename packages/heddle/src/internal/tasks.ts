/**
 * Fibers that run for one group: how they start, how they are stopped together, and how somebody waits for the last.
 */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { Scheduler } from "effect/Scheduler"

import { wake } from "./stack.ts"
import type { StopReason, Tally } from "./tally.ts"

interface Waiter {
  readonly until: () => boolean
  readonly goOn: () => void
}

export abstract class Tasks<A, E> {
  readonly tally: Tally<A, E>
  readonly running = new Set<Fiber.Fiber<unknown, unknown>>()
  /** The fiber in whose name tasks are interrupted. */
  private readonly owner: number
  private readonly waiters = new Set<Waiter>()

  constructor(tally: Tally<A, E>, owner: Fiber.Fiber<unknown, unknown>) {
    this.tally = tally
    this.owner = owner.id
  }

  /** Nothing runs, and nothing will without somebody from outside. */
  protected abstract isOver(): boolean

  /** Calls `onExit` when the fiber has ended, which it may have already. */
  protected follow<B, E2>(fiber: Fiber.Fiber<B, E2>, onExit: (exit: Exit.Exit<B, E2>) => void): void {
    const exit = fiber.pollUnsafe()
    if (exit !== undefined) {
      onExit(exit)
      return this.settle()
    }
    this.running.add(fiber)
    fiber.addObserver((exit) => {
      this.running.delete(fiber)
      onExit(exit)
      this.settle()
    })
    // what it did so far may have stopped the group, which did not know of it yet
    if (this.tally.stopped !== undefined) this.interrupt(fiber)
  }

  protected interrupt(fiber: Fiber.Fiber<unknown, unknown>): void {
    fiber.interruptUnsafe(this.owner, this.tally.stopped)
  }

  protected record(task: number, exit: Exit.Exit<A, E>): void {
    if (this.tally.record(task, exit)) this.interruptAll()
  }

  halt(because: StopReason["Service"]["because"]): void {
    if (this.tally.stop(because)) this.interruptAll()
  }

  protected interruptAll(): void {
    for (const fiber of this.running) this.interrupt(fiber)
  }

  /** Wakes who waits for what has come. */
  protected settle(): void {
    for (const waiter of this.waiters) {
      if (!waiter.until()) continue
      this.waiters.delete(waiter)
      waiter.goOn()
    }
  }

  /** Waits until all is over, and goes on with `next`. */
  protected afterwards<B, E2, R>(
    next: Effect.Effect<B, E2, R>,
    options: {
      readonly begin?: () => void
      readonly until?: () => boolean
      readonly onInterrupt?: Effect.Effect<void>
    } = {}
  ): Effect.Effect<B, E2, R> {
    const { begin, onInterrupt = Effect.void, until = () => this.isOver() } = options
    const park = (scheduler: Scheduler, resume: (effect: Effect.Effect<B, E2, R>) => void) => {
      begin?.()
      if (until()) return resume(next)
      const waiter = { until, goOn: () => wake(scheduler, resume, next) }
      this.waiters.add(waiter)
      return Effect.suspend(() => {
        this.waiters.delete(waiter)
        return onInterrupt
      })
    }
    return Effect.callback<B, E2, R>(function (this: Scheduler, resume) {
      return park(this, resume)
    })
  }

  /**
   * Begins tasks and waits for all, as one step; an interruption stops them and waits likewise. What is beside the tasks is
   * cleaned up when the last has ended, in both cases.
   */
  protected block<B, E2, R>(
    begin: () => void,
    outcome: Effect.Effect<B, E2, R>,
    cleanup: Effect.Effect<void> = Effect.void
  ): Effect.Effect<B, E2, R> {
    let interrupted = false
    const onInterrupt = Effect.sync(() => void (interrupted = true))
    const over = this.afterwards(Effect.andThen(cleanup, outcome), { begin, onInterrupt })
    const stop = ({ cause }: Exit.Failure<unknown, unknown>) => {
      if (this.tally.interrupt(cause)) this.interruptAll()
      return this.afterwards(Effect.andThen(cleanup, this.tally.logSuppressed))
    }
    return Effect.onExitPrimitive(over, (exit) => (interrupted && exit._tag === "Failure" ? stop(exit) : undefined))
  }
}
