/**
 * Who forks while it runs an element of a stage.
 *
 * A worker runs element after element in one fiber, at a third of what a fiber for each would cost. But what an element
 * forks with `Effect.forkChild` ends with the fiber that forked it, and has to end with the element. So a worker has to
 * know: if its element has forked, it runs no other, and ends before the element's result is handed on.
 *
 * Effect tells its `FiberRuntimeMetrics` of every fiber that begins, on the stack of the one who begins it. The service
 * is one for the whole program, so that a context captured in one stage and used in another tells the same.
 */
import * as Context from "effect/Context"
import * as Fiber from "effect/Fiber"
import { FiberRuntimeMetrics, type FiberRuntimeMetricsService } from "effect/Metric"

/** How many fibers have been forked where somebody listens, and who has forked one. */
let forks = 0
const forkers = new WeakSet<Fiber.Fiber<unknown, unknown>>()

/** The next fiber is a worker: nobody's child. */
let isWorker = false

const service: FiberRuntimeMetricsService = {
  recordFiberStart: () => {
    if (isWorker) {
      isWorker = false
      return
    }
    const parent = Fiber.getCurrent()
    if (parent === undefined) return
    forks++
    forkers.add(parent)
  },
  recordFiberEnd: () => {}
}

/** Called right before a worker is forked, whose fiber does not count. */
export const expectWorker = (): void => {
  isWorker = true
}

/** A mark in time for `hasForked`. */
export const forksSoFar = (): number => forks

/** Whether the fiber, which runs in a context that tells, has ever forked; cheap if nobody has since `mark`. */
export const hasForked = (fiber: Fiber.Fiber<unknown, unknown>, mark: number): boolean =>
  mark !== forks && forkers.has(fiber)

/**
 * A context that tells. Undefined where somebody else listens already: contexts that were captured beside the stage have
 * his service, would put it in the place of ours, and nobody could be sure of what an element has forked.
 */
export const telling = <R>(context: Context.Context<R>): Context.Context<R> | undefined => {
  const present = Context.get(context, FiberRuntimeMetrics)
  if (present === service) return context
  return present === undefined ? Context.add(context, FiberRuntimeMetrics, service) : undefined
}
