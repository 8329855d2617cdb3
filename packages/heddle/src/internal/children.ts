/**
 * Fibers that work for a caller who waits for them: how they start, how they are stopped, and what becomes of that which
 * goes wrong meanwhile.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"

/**
 * Interrupts fibers and waits until all have ended. Their interruption was asked for; whatever else is in their causes is
 * kept: it fails the finalizer in which this stands.
 */
export const stop = <A, E>(fibers: ReadonlyArray<Fiber.Fiber<A, E>>): Effect.Effect<void, E> =>
  Effect.flatMap(Effect.andThen(Fiber.interruptAll(fibers), Fiber.awaitAll(fibers)), (exits) => {
    const reasons = exits.flatMap((exit) => (exit._tag === "Failure" ? exit.cause.reasons : []))
    const rest = reasons.filter((reason) => !Cause.isInterruptReason(reason))
    return rest.length === 0 ? Effect.void : Effect.failCause(Cause.fromReasons(rest))
  })

/**
 * Logs the defects of finalizers that ran when the outcome had been decided. In its cause they would turn a typed failure
 * into a defect, which `Effect.catch` misses.
 */
export const logSuppressed = (
  context: Context.Context<never>,
  what: string,
  exit: Exit.Exit<unknown, unknown>
): void => {
  const defects = exit._tag === "Failure" ? exit.cause.reasons.filter(Cause.isDieReason) : []
  if (defects.length === 0) return
  Effect.runForkWith(context)(Effect.logWarning(`${what}, and a cleanup died`, Cause.fromReasons(defects)))
}
