/**
 * A task that runs in its caller's fiber. It owns the effects that wait, run and give back, and is used again when it has
 * ended, so that a run builds none of them.
 *
 * The finalizer stands around the taking, so no mask is needed: whenever an interruption comes, the state says what has to
 * go back.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { Scheduler } from "effect/Scheduler"

import { readyRing } from "../readyRing.ts"
import { type Core, mustWait } from "./core.ts"
import { type CallerContexts, CurrentTask, enclosing } from "./enclosing.ts"
import { type AnyEffect, type AnyFiber, Entry, Frame, type Mark } from "./entry.ts"
import { QueuedJob } from "./job.ts"

/** Of one run. The frame is used again, this is not. */
class RunMark implements Mark {
  readonly frame: Frame
  isOpen = true
  /** The context of the caller. */
  readonly around: Context.Context<never>

  constructor(frame: Frame, around: Context.Context<never>) {
    this.frame = frame
    this.around = around
  }

  get outer(): Mark | undefined {
    return Context.get(this.around, CurrentTask)
  }
}

export class Run extends Entry {
  declare readonly owner: Core
  readonly effect: AnyEffect
  readonly frame: Frame
  private readonly contexts: CallerContexts
  private mark: RunMark | undefined = undefined

  constructor(owner: Core, contexts: CallerContexts, recycle: (run: Run) => void) {
    super(owner, undefined, 0)
    this.contexts = contexts
    this.frame = new Frame(this, undefined)
    const body = Effect.withFiber((fiber) => this.enter(fiber))
    const wait = this.wait(body)
    const begin = Effect.withFiber((fiber) => {
      if (owner.refuses()) return owner.closedExit
      if (owner.beginsAtOnce(this)) return this.enter(fiber)
      const inside = enclosing(owner, fiber)
      if (inside === undefined) return wait
      return new QueuedJob(owner, this.frame.task, this.priority).runInside(inside)
    })
    this.effect = Effect.onExitPrimitive(begin, (exit) => {
      const { mark } = this
      if (mark !== undefined) {
        mark.isOpen = false
        this.frame.fiber!.setContext(mark.around)
      }
      owner.end(this, exit)
      recycle(this)
      return undefined
    })
  }

  get task(): unknown {
    return this.frame.task
  }

  framed(): Frame {
    return this.frame
  }

  /** Makes it as good as new. */
  reset(): void {
    const { frame } = this
    this.state = "new"
    this.mark = undefined
    frame.mark = frame
    frame.task = frame.fiber = frame.wake = frame.nesting = undefined
    frame.live = frame.outside = false
    frame.since = -1
  }

  private enter(fiber: AnyFiber): AnyEffect {
    const { frame, owner } = this
    // the pool may have been closed since it was granted
    if (this.state !== "granted") return owner.closedExit
    this.state = "running"
    const mark = (this.mark = frame.mark = new RunMark(frame, fiber.context))
    fiber.setContext(this.contexts.inside(mark.around, mark))
    frame.runsIn(fiber)
    return owner.config.attempt(frame)
  }

  private wait(body: AnyEffect): AnyEffect {
    const { frame, owner } = this
    const park = (scheduler: Scheduler, resume: (effect: AnyEffect) => void) => {
      const ring = readyRing(scheduler)
      frame.wake = (instead) => ring.push(resume, instead ?? body)
      const outcome = owner.offer(this)
      if (outcome === mustWait) owner.standOutside(frame)
      else if (outcome !== undefined) resume(outcome)
    }
    return Effect.callback<any, any>(function (this: Scheduler, resume) {
      park(this, resume)
    })
  }

  accepted(): void {}

  go(): void {
    this.owner.starts.goOn(this.frame)
  }

  settle(): void {
    this.tell("ended")
  }
}
