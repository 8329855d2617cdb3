/**
 * Who sleeps until the head of a line is due.
 *
 * No fiber of the limiter's own: it would outlive its users or need a scope. One of the fibers that wait, the keeper, has a
 * child that sleeps until the head is due, sees to it, and sleeps again, for all of them. When the keeper is served or
 * interrupted, the fiber that came last takes over: it waits longest, so that a line of ten thousand changes hands a few
 * times and not ten thousand times. When nobody waits nothing runs.
 *
 * ```
 *   parked ── asked to keep the time ──▶ awake ──▶ parked again, with a child that sleeps
 *     └──────── served ──▶ on the ring, behind those who were served before ──▶ goes on
 * ```
 */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { Scheduler } from "effect/Scheduler"

import { type ReadyRing, readyRing } from "../readyRing.ts"
import { Waiter, WaitLine } from "../waitLine.ts"
import type { Ticks } from "./ticks.ts"

export type Resume = (effect: Effect.Effect<any, any>) => void

/** A fiber that waits. */
export class Parked<P extends Parked<P>> extends Waiter<P> {
  /** What it goes on with; undefined while it waits. */
  outcome: Effect.Effect<void, unknown> | undefined = undefined
  /** Undefined while the fiber runs. */
  resume: Resume | undefined = undefined
  ring: ReadyRing | undefined = undefined
  isListed = false
  /** The child that sleeps, and until when, while this fiber keeps the time. */
  sleeper: Fiber.Fiber<unknown, unknown> | undefined = undefined
  sleepsUntil = 0
  /** On the ring, to sleep anew. */
  isAsked = false
}

/** What has to be done when, for those who wait. */
export interface Duty {
  readonly nextDue: () => number
  readonly attend: Effect.Effect<void>
}

export class Timekeeper<P extends Parked<P>> {
  private readonly ticks: Ticks
  private readonly duty: Duty
  private readonly parked = new WaitLine<P>()
  // Invariant: where a fiber is parked and waits, there is one, which sleeps until the head is due or is about to.
  private keeper: P | undefined = undefined

  constructor(ticks: Ticks, duty: Duty) {
    this.ticks = ticks
    this.duty = duty
  }

  /** The fiber stops here until it is served; or resumes to keep the time, and comes here again. */
  park(fiber: P, scheduler: Scheduler, resume: Resume): void {
    fiber.resume = resume
    fiber.ring = readyRing(scheduler)
    // it may have been served as it came, or while it was about to park again
    if (fiber.outcome !== undefined) return this.goOn(fiber, fiber.outcome)
    this.parked.join(fiber)
    fiber.isListed = true
    // also if it keeps the time itself: what it sleeps for may have changed while it was not parked
    this.check()
  }

  /** The fiber goes on with this, in its turn on the ring; one that is not parked, when it is. */
  serve(fiber: P, outcome: Effect.Effect<void, unknown>): void {
    fiber.outcome = outcome
    this.unlist(fiber)
    if (fiber.resume !== undefined) this.goOn(fiber, outcome)
  }

  /** The fiber was interrupted. */
  depart(fiber: P): void {
    this.unlist(fiber)
    fiber.resume = undefined
  }

  /**
   * Has somebody keep the time, who sleeps no longer than until the head is due. Called when those who are due have been
   * served, so that they wake before him.
   */
  check(): void {
    const keeper = (this.keeper ??= this.parked.tail)
    // one that is not parked checks when it is
    if (keeper?.resume === undefined || keeper.isAsked) return
    if (keeper.sleeper !== undefined && keeper.sleepsUntil <= this.duty.nextDue()) return
    keeper.isAsked = true
    const wake: Resume = (effect) => {
      keeper.isAsked = false
      // also if it has been served meanwhile: it parks again, and goes on in its turn, which is behind this on the ring
      this.wake(keeper, effect)
    }
    keeper.ring!.push(wake, this.keepTime(keeper))
  }

  private keepTime(keeper: P): Effect.Effect<void, any> {
    const parkAgain = parking((scheduler, resume) => this.park(keeper, scheduler, resume))
    return Effect.suspend(() => {
      keeper.sleeper?.interruptUnsafe()
      if (this.keeper !== keeper) return parkAgain
      const sleeping = Effect.whileLoop({
        while: () => this.keeper === keeper,
        body: () => this.sleep(keeper),
        step: () => undefined
      })
      return Effect.flatMap(Effect.forkChild(sleeping, { startImmediately: true }), (sleeper) => {
        keeper.sleeper = sleeper
        return parkAgain
      })
    })
  }

  private sleep(keeper: P): Effect.Effect<void> {
    return Effect.suspend(() => {
      const due = this.duty.nextDue()
      keeper.sleepsUntil = due
      // in any case long enough for the keeper to park
      const sleep = due > this.ticks.now() ? this.ticks.sleepUntil(due) : Effect.yieldNow
      return Effect.andThen(sleep, this.duty.attend)
    })
  }

  private goOn(fiber: P, outcome: Effect.Effect<void, unknown>): void {
    fiber.ring!.push((effect) => this.wake(fiber, effect), outcome)
  }

  private wake(fiber: P, effect: Effect.Effect<void, unknown>): void {
    const { resume } = fiber
    if (fiber.isListed) this.parked.leave(fiber)
    fiber.isListed = false
    fiber.resume = undefined
    resume?.(effect)
  }

  /** Keeps the time no more, and is not asked to. */
  private unlist(fiber: P): void {
    if (fiber.isListed) this.parked.leave(fiber)
    fiber.isListed = false
    if (this.keeper !== fiber) return
    this.keeper = undefined
    fiber.sleeper?.interruptUnsafe()
  }
}

/** `Effect.callback`, with the scheduler as an argument. */
export const parking = <E>(
  register: (scheduler: Scheduler, resume: Resume) => Effect.Effect<void> | undefined | void
): Effect.Effect<void, E> =>
  Effect.callback<void, E>(function (this: Scheduler, resume) {
    return register(this, resume)
  })
