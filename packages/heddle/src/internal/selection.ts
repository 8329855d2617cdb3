/**
 * One run of a `Select.first`: the branches are tried in turn; while none has anything, each waits in a fiber of its own,
 * and the first that is ready ends the wait of all; then they are tried again.
 *
 * ```
 *   try each ── one has something ──▶ take it and go on with its handler, in one step
 *    ▲   └──── none ──▶ otherwise, or wait ──▶ one is ready: stop the others ─┐
 *    └────────────────────────────────────────────────────────────────────────┘
 * ```
 *
 * **Nothing is lost.** Waiting takes nothing, and when the fiber goes on from it nothing runs any more that would have to be
 * stopped. So what a branch takes it can hand over in the step that took it, see `branch`. (To keep the others waiting until
 * something is taken would keep their places in their lines when somebody else was faster, but needs a finalizer around the
 * taking, and so around the handler.)
 *
 * **Who is first.** A branch that is ready on a task of the scheduler, as the takers of a queue are, takes at once, so that it
 * is served in its place among them and leaves nothing for the next to be woken for. On somebody's stack it goes through
 * the ready ring, like every waiter.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { Random } from "effect/Random"
import type { Scheduler } from "effect/Scheduler"

import { logSuppressed, stop } from "./children.ts"
import { wake } from "./stack.ts"

type AnyEffect = Effect.Effect<any, any, any>
type AnyFiber = Fiber.Fiber<unknown, unknown>

/** A branch in one run. */
export interface Attempt {
  /**
   * An effect that takes what there is and goes on with it; `undefined` if there is nothing. `orElse` tries the branches
   * behind this one, for an effect that finds nothing any more.
   */
  attempt(orElse: () => AnyEffect): AnyEffect | undefined
  /**
   * Ends when there may be something to take, also what came since it was tried. One that stands in a line and gets what it
   * waited for calls `held` instead, from the fiber that holds it, with what to do; whatever becomes of that, the fiber is
   * interrupted behind it.
   */
  wait(held: (body: AnyEffect) => void): AnyEffect
}

type Waited = { readonly _tag: "ready" } | { readonly _tag: "done"; readonly value: unknown }

const ready: Effect.Effect<Waited> = Effect.succeed({ _tag: "ready" })

export class Selection {
  private readonly attempts: ReadonlyArray<Attempt>
  private readonly random: Random | undefined
  private readonly parent: AnyFiber

  constructor(attempts: ReadonlyArray<Attempt>, random: Random | undefined, parent: AnyFiber) {
    this.attempts = attempts
    this.random = random
    this.parent = parent
  }

  run(otherwise: AnyEffect | undefined): AnyEffect {
    const order = this.order()
    return this.tryFrom(order, 0, otherwise ?? this.waitAndRun(order))
  }

  private waitAndRun(order: ReadonlyArray<Attempt>): AnyEffect {
    return Effect.flatMap(this.wait(order), (waited) =>
      waited._tag === "done" ? Effect.succeed(waited.value) : this.run(undefined)
    )
  }

  /** Another one each time, unless the branches are tried as they are listed. */
  private order(): ReadonlyArray<Attempt> {
    const { attempts, random } = this
    if (random === undefined || attempts.length < 2) return attempts
    const order = [...attempts]
    for (let left = order.length; left > 1; left--) {
      const chosen = Math.min(left - 1, Math.floor(random.nextDoubleUnsafe() * left))
      const last = order[left - 1]!
      order[left - 1] = order[chosen]!
      order[chosen] = last
    }
    return order
  }

  private tryFrom(order: ReadonlyArray<Attempt>, first: number, instead: AnyEffect): AnyEffect {
    return Effect.suspend(() => {
      for (let at = first; at < order.length; at++) {
        const effect = order[at]!.attempt(() => this.tryFrom(order, at + 1, instead))
        if (effect !== undefined) return effect
      }
      return instead
    })
  }

  private wait(order: ReadonlyArray<Attempt>): Effect.Effect<Waited, any, any> {
    let cancelled: Wait | undefined
    const park = (scheduler: Scheduler, resume: Resume) => {
      const wait = new Wait(this.parent, scheduler, resume)
      wait.start(order)
      return Effect.sync(() => {
        cancelled = wait
        wait.cancel()
      })
    }
    const parked = Effect.callback<Waited, any, any>(function (this: Scheduler, resume) {
      return park(this, resume)
    })
    return Effect.onExitPrimitive(parked, (exit) => cancelled && stop(cancelled.fibers, exit))
  }
}

type Resume = (effect: Effect.Effect<Waited, any, any>) => void

/** The branches of one run while none has anything: the first that is ready ends it for all. */
class Wait {
  private readonly parent: AnyFiber
  private readonly scheduler: Scheduler
  private readonly resume: Resume
  readonly fibers: Array<AnyFiber> = []
  private starting = true
  private decided: { readonly next: Effect.Effect<Waited, any, any>; readonly winner: AnyFiber | undefined } | undefined

  constructor(parent: AnyFiber, scheduler: Scheduler, resume: Resume) {
    this.parent = parent
    this.scheduler = scheduler
    this.resume = resume
  }

  start(order: ReadonlyArray<Attempt>): void {
    // the parent's context has what the branches require
    const fork = Effect.runForkWith(this.parent.context as Context.Context<any>)
    for (const attempt of order) {
      if (this.decided !== undefined) break
      const fiber = fork(attempt.wait((body) => this.decideFor(Fiber.getCurrent()!, body)))
      this.fibers.push(fiber)
      fiber.addObserver((exit) => this.decide(exit._tag === "Success" ? ready : Effect.failCause(exit.cause), fiber))
    }
    this.starting = false
    if (this.decided !== undefined) this.conclude()
  }

  /** Nobody waits for a decision any more. */
  cancel(): void {
    this.decided ??= { next: ready, winner: undefined }
  }

  private decide(next: Effect.Effect<Waited, any, any>, winner?: AnyFiber): void {
    if (this.decided !== undefined) return
    this.decided = { next, winner }
    if (!this.starting) this.conclude()
  }

  private decideFor(holder: AnyFiber, body: AnyEffect): void {
    const letGo = () => Fiber.interrupt(holder)
    const held = Effect.map(Effect.onExit(body, letGo), (value) => ({ _tag: "done" as const, value }))
    this.decide(held, holder)
  }

  /** Nobody but who holds something outlives the wait. */
  private conclude(): void {
    const { next, winner } = this.decided!
    const others = this.fibers.filter((fiber) => fiber !== winner)
    for (const fiber of others) fiber.interruptUnsafe(this.parent.id)
    const effect = others.every(isClean) ? next : Effect.andThen(ended(others), next)
    wake(this.scheduler, this.resume, effect)
  }
}

/** Has ended, and left nothing to be told. */
const isClean = (fiber: AnyFiber): boolean => {
  const exit = fiber.pollUnsafe()
  return exit !== undefined && !(exit._tag === "Failure" && Cause.hasDies(exit.cause))
}

/** Waits for fibers that were interrupted, and logs what died in their cleanup. */
const ended = (fibers: ReadonlyArray<AnyFiber>): Effect.Effect<void> =>
  Effect.flatMap(Fiber.awaitAll(fibers), (exits) =>
    Effect.withFiber(({ context }) => {
      for (const exit of exits) logSuppressed(context, "Select.first stopped a wait", exit)
      return Effect.void
    })
  )
