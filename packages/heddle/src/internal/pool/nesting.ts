/**
 * A task that waits for another of its own pool. It has a worker, which perhaps nobody but the other needs, so it must not
 * just wait: what stands in the queue runs in its place meanwhile, one at a time. So a chain of tasks that wait for tasks
 * needs one worker and no more, and there are never more at work than there are workers.
 *
 * What cannot be taken out of the queue runs already, or stands behind what does; that ends without our help, unless it
 * waits for us. That is a cycle: it is found before it closes.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { Scheduler } from "effect/Scheduler"

import { readyRing } from "../readyRing.ts"
import type { Core } from "./core.ts"
import { allEnclosing, CurrentTask } from "./enclosing.ts"
import type { AnyEffect, AnyExit, Entry, Frame, Watcher } from "./entry.ts"

/** Waits for an entry inside a task, and gives its exit. */
export const waitInside = (core: Core, entry: Entry, inside: Frame): AnyEffect => {
  const park = (scheduler: Scheduler, resume: (effect: AnyEffect) => void) => {
    if (entry.state === "ended") return resume(entry.slot as AnyExit)
    const fiber = Fiber.getCurrent()!
    const { nested } = inside
    const ahead = core.backlog.ahead(entry, inside.worker)
    const isFree = nested.guest === undefined && inside.entry.state === "running"
    if (!(ahead.state === "queued" && isFree && core.lend(ahead, inside))) {
      const around = allEnclosing(core, fiber)
      if (waitsForOneOf(ahead, around)) return resume(core.config.circular(entry))
    }
    const ring = readyRing(scheduler)
    const watcher: Watcher = {
      mark: fiber.getRef(CurrentTask),
      wake: () => {
        forget()
        ring.push(resume, waitInside(core, entry, inside))
      }
    }
    const forget = () => {
      ahead.unwatch(watcher)
      entry.unwatch(watcher)
      nested.candidates.delete(watcher)
      nested.waitsFor.delete(watcher)
    }
    ahead.watch(watcher)
    entry.watch(watcher)
    nested.waitsFor.set(watcher, ahead)
    if (nested.guest !== undefined) nested.candidates.add(watcher)
    return Effect.sync(forget)
  }
  return Effect.callback<any, any>(function (this: Scheduler, resume) {
    return park(this, resume)
  })
}

/** Whether an entry can only end when one of these tasks has. */
const waitsForOneOf = (entry: Entry, frames: ReadonlySet<Frame>): boolean => {
  const reached = new Set([entry])
  for (const { frame } of reached) {
    if (frame === undefined) continue
    if (frames.has(frame)) return true
    for (const next of frame.nesting?.waitsFor.values() ?? []) reached.add(next)
  }
  return false
}
