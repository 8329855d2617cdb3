/** A task that was submitted: what waits in the queue, and the handle on it. */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Inspectable from "effect/Inspectable"
import * as Option from "effect/Option"
import type { Scheduler } from "effect/Scheduler"
import { ParentSpan } from "effect/Tracer"

import { readyRing } from "../readyRing.ts"
import { type Core, mustWait } from "./core.ts"
import { allEnclosing, CurrentTask, enclosing } from "./enclosing.ts"
import { type AnyEffect, type AnyExit, Entry, Frame, type Watcher } from "./entry.ts"
import { type Job, StopReason } from "./model.ts"
import { waitInside } from "./nesting.ts"

export class QueuedJob extends Entry implements Job<any, any> {
  declare readonly owner: Core

  get frame(): Frame | undefined {
    return this.slot instanceof Frame ? this.slot : undefined
  }

  get task(): unknown {
    return this.slot instanceof Frame ? this.slot.task : this.slot
  }

  framed(): Frame {
    return this.slot instanceof Frame ? this.slot : (this.slot = new Frame(this, this.slot))
  }

  /** Accepts it, or has the submitter wait until somebody can. */
  submit(): AnyEffect {
    if (this.owner.config.name !== undefined) this.framed().span = Fiber.getCurrent()?.cache.span
    const outcome = this.owner.offer(this)
    if (outcome === undefined) return Exit.succeed<unknown>(this)
    if (outcome === mustWait) return this.waitOutside()
    if (!this.owner.config.overflow.startsWith("drop") || outcome === this.owner.closedExit) return outcome
    this.state = "ended"
    this.settle(outcome)
    return Exit.succeed<unknown>(this)
  }

  private waitOutside(): AnyEffect {
    const park = (scheduler: Scheduler, resume: (effect: AnyEffect) => void) => {
      // a fiber may be preempted between the look and the park
      const outcome = this.owner.offer(this)
      if (outcome !== mustWait) return resume(outcome ?? Exit.succeed<unknown>(this))
      const fiber = Fiber.getCurrent()!
      const inside = enclosing(this.owner, fiber)
      if (inside !== undefined) return resume(this.submitInside(inside))
      const ring = readyRing(scheduler)
      const frame = this.framed()
      frame.wake = (instead) => ring.push(resume, instead ?? Exit.succeed<unknown>(this))
      this.owner.standOutside(frame)
      return Effect.sync(() => {
        // what has begun meanwhile was accepted
        if (frame.fiber === undefined) this.owner.end(this, Exit.interrupt(fiber.id))
      })
    }
    return Effect.callback<any, any>(function (this: Scheduler, resume) {
      return park(this, resume)
    })
  }

  /** Runs in the place of a task that waits for it, or in a worker that is free before. */
  runInside(inside: Frame): AnyEffect {
    const enter = Effect.suspend(() => {
      this.owner.standOutside(this.framed())
      return waitInside(this.owner, this, inside)
    })
    // nobody else knows of it
    return Effect.onExitPrimitive(enter, () => (this.isOver ? undefined : this.interrupt))
  }

  /** Where there is no room for what a task submits, it waits until that has ended. */
  private submitInside(inside: Frame): AnyEffect {
    return Effect.catchCause(this.runInside(inside), (cause) =>
      this.isOver ? Exit.succeed(this) : Effect.failCause(cause)
    ).pipe(Effect.as(this))
  }

  private get isOver(): boolean {
    return this.state === "ended"
  }

  toJSON() {
    return { _id: "Job", state: this.state }
  }

  override toString() {
    return `Job(${this.state})`
  }

  [Inspectable.NodeInspectSymbol]() {
    return this.toJSON()
  }

  accepted(): void {
    this.frame!.resume()
  }

  go(): void {
    const { frame, owner } = this
    if (frame!.wake === undefined) owner.starts.begin(this)
    else owner.starts.goOn(frame!)
  }

  begin(): void {
    if (this.state !== "granted") return
    const { owner } = this
    const { attempt, services } = owner.config
    const frame = this.frame!
    this.state = "running"
    const effect = attempt(frame)
    // what is finished already needs no fiber
    if (Exit.isExit(effect)) return owner.end(this, effect)
    const context = frame.span === undefined ? services : Context.addUnsafe(services, ParentSpan.key, frame.span)
    const fiber = Effect.runForkWith(Context.addUnsafe(context, CurrentTask.key, frame))(effect)
    const exit = fiber.pollUnsafe()
    if (exit !== undefined) return owner.end(this, exit)
    fiber.addObserver((exit) => owner.end(this, exit))
    frame.runsIn(fiber)
  }

  settle(exit: AnyExit): void {
    this.slot = this.owner.phase === "closed" ? withoutStop(exit, this.owner.closedExit) : exit
    this.tell("ended")
  }

  get await(): AnyEffect {
    if (this.state === "ended") return this.slot as AnyExit
    const park = (scheduler: Scheduler, resume: (effect: AnyEffect) => void) => {
      if (this.state === "ended") return resume(this.slot as AnyExit)
      const fiber = Fiber.getCurrent()!
      const inside = enclosing(this.owner, fiber)
      if (inside !== undefined) return resume(waitInside(this.owner, this, inside))
      const ring = readyRing(scheduler)
      const watcher: Watcher = {
        mark: fiber.getRef(CurrentTask),
        wake: (has) => {
          if (has === "ended") ring.push(resume, this.slot as AnyExit)
        }
      }
      this.watch(watcher)
      return Effect.sync(() => this.unwatch(watcher))
    }
    return Effect.callback<any, any>(function (this: Scheduler, resume) {
      return park(this, resume)
    })
  }

  get interrupt(): Effect.Effect<void> {
    return Effect.withFiber((fiber) => {
      const { frame } = this
      if (this.state === "ended") return Effect.void
      if (frame?.fiber === undefined && this.state !== "running") {
        this.owner.end(this, Exit.interrupt(fiber.id))
        return Effect.void
      }
      const own = allEnclosing(this.owner, fiber).has(frame!)
      frame!.interrupt(fiber.id)
      // whoever interrupts his own task cannot wait for it
      return own ? Effect.void : Effect.asVoid(Effect.exit(this.await))
    })
  }
}

/** Interruptions that the close of the pool caused are no part of a job's end. */
const withoutStop = (exit: AnyExit, closed: AnyExit): AnyExit => {
  if (exit._tag === "Success") return exit
  const isOurs = (reason: Cause.Reason<unknown>) =>
    Cause.isInterruptReason(reason) && Option.isSome(Context.getOption(Cause.reasonAnnotations(reason), StopReason))
  const rest = exit.cause.reasons.filter((reason) => !isOurs(reason))
  if (rest.length === exit.cause.reasons.length) return exit
  return rest.length === 0 ? closed : Exit.failCause(Cause.fromReasons(rest))
}
