/**
 * What may happen on the stack of the moment. Effect begins and resumes fibers on it, and every fiber on top of another is
 * some twenty frames more: a task that begins the next one, or a block that ends inside of a block, would exhaust it.
 */
import type * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { Scheduler } from "effect/Scheduler"

import { readyRing } from "./readyRing.ts"

const deepest = 16
let depth = 0

/** Runs it here unless that would be too deep; says whether it did. */
export const deeper = (run: () => void): boolean => {
  if (depth >= deepest) return false
  depth++
  try {
    run()
  } finally {
    depth--
  }
  return true
}

/**
 * Resumes a fiber of this scheduler at once, where that is a task of the scheduler and on the stack of none of its fibers:
 * then it goes on before anybody can interrupt it, and in its turn among those who are woken by the same task. Everywhere
 * else it goes on the ready ring.
 */
export const wake = <A, E, R>(
  scheduler: Scheduler,
  resume: (effect: Effect.Effect<A, E, R>) => void,
  effect: Effect.Effect<A, E, R>
): void => {
  const isOnStack = Fiber.getCurrent()?.cache.scheduler === scheduler
  if (isOnStack || !deeper(() => resume(effect))) readyRing(scheduler).push(resume, effect)
}
