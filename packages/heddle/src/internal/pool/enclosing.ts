/** The tasks in which a fiber runs. They are in its context, where whatever it forks inherits them. */
import * as Context from "effect/Context"
import { Scope } from "effect/Scope"

import type { AnyFiber, Frame, Mark } from "./entry.ts"

/** The innermost task around a fiber, of whatever pool. */
export const CurrentTask = Context.Reference<Mark | undefined>("heddle/WorkerPool/CurrentTask", {
  defaultValue: () => undefined
})

const own = (pool: object, mark: Mark | undefined): Mark | undefined => {
  let at = mark
  while (at !== undefined && !(at.frame.entry.owner === pool && at.isOpen)) at = at.outer
  return at
}

/** The innermost task of a pool around a fiber. */
export const enclosing = (pool: object, fiber: AnyFiber | undefined): Frame | undefined =>
  own(pool, fiber?.getRef(CurrentTask))?.frame

/** All tasks of a pool around a fiber: those that cannot end before it goes on. */
export const allEnclosing = (pool: object, fiber: AnyFiber): ReadonlySet<Frame> => {
  const frames = new Set<Frame>()
  let mark = own(pool, fiber.getRef(CurrentTask))
  while (mark !== undefined) {
    frames.add(mark.frame)
    mark = own(pool, mark.outer)
  }
  return frames
}

/** What tasks need that run in the fibers of their callers: what the caller has comes first. */
export class CallerContexts {
  private readonly services: Context.Context<never>
  // nearly every run has the caller of the one before, or one with its context
  private caller: Context.Context<never> | undefined = undefined
  private merged: Context.Context<never> = Context.empty()

  constructor(services: Context.Context<never>) {
    this.services = services
  }

  inside(caller: Context.Context<never>, mark: Mark): Context.Context<never> {
    if (caller !== this.caller) {
      this.caller = caller
      const merged = Context.merge(this.services, caller)
      // what a task acquires is the pool's, as it is for a job
      const scope = Context.getOption(this.services, Scope)
      this.merged = scope._tag === "None" ? merged : Context.addUnsafe(merged, Scope.key, scope.value)
    }
    return Context.addUnsafe(this.merged, CurrentTask.key, mark)
  }
}
