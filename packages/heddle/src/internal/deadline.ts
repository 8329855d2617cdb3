/**
 * The time left, as fibers carry it.
 *
 * `Deadline.within` puts the earliest deadline into the context, where forked fibers inherit it. Whoever is about to wait
 * for a time that is known beforehand asks `nanosLeft` on that path, and treats the answer as one more `maxWait`. Nobody
 * else asks: a fiber under no deadline pays nothing, and a wait of unknown length relies on being interrupted.
 */
import type { Clock } from "effect/Clock"
import * as Context from "effect/Context"
import type { Fiber } from "effect/Fiber"

/** An instant of the clock that it was set on: a fiber that swaps its clock still keeps to it. */
export interface Deadline {
  readonly clock: Clock
  /** In nanoseconds of the monotonic clock. A bigint: as a number it would lose its last digits 104 days after a boot. */
  readonly at: bigint
}

/** The earliest deadline that encloses the fiber. */
export const CurrentDeadline = Context.Reference<Deadline | undefined>("heddle/CurrentDeadline", {
  defaultValue: () => undefined
})

/** Nanoseconds until a deadline; zero at it, negative behind it. */
export const nanosUntil = (deadline: Deadline): number =>
  Number(deadline.at - deadline.clock.monotonicTimeNanosUnsafe())

/**
 * How many nanoseconds a wait of known length may take. `Infinity` without a deadline, and once it has passed: then the
 * fiber is cleaning up, or cannot be interrupted, and a wait that failed would only break its finalizers.
 */
export const nanosLeft = (fiber: Fiber<unknown, unknown>): number => {
  const deadline = fiber.getRef(CurrentDeadline)
  if (deadline === undefined) return Infinity
  const left = nanosUntil(deadline)
  return left > 0 ? left : Infinity
}
