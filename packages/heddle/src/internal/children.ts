/**
 * Fibers that work for a caller who waits for them: how they start, how they are stopped, and what becomes of that which
 * goes wrong meanwhile.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"

/** What is written on the interruptions in a cause, the first before the others: who asked for them, and why. */
export const annotationsOf = (cause: Cause.Cause<unknown>): Context.Context<never> =>
  cause.reasons
    .filter(Cause.isInterruptReason)
    .map(Cause.reasonAnnotations)
    .reduceRight((later, earlier) => Context.merge(later, earlier), Context.empty())

/**
 * For the finalizer of an effect that ended with `exit`: interrupts fibers that worked for it, with what is written on its own
 * interruption, and waits until all have ended. Their interruption was asked for; whatever else is in their causes is kept: it
 * fails the finalizer.
 */
export const stop = <A, E>(
  fibers: Iterable<Fiber.Fiber<A, E>>,
  exit: Exit.Exit<unknown, unknown>
): Effect.Effect<void, E> =>
  Effect.withFiber((parent) => {
    const annotations = exit._tag === "Failure" ? annotationsOf(exit.cause) : undefined
    for (const fiber of fibers) fiber.interruptUnsafe(parent.id, annotations)
    return Effect.flatMap(Fiber.awaitAll(fibers), (exits) => {
      const reasons = exits.flatMap((exit) => (exit._tag === "Failure" ? exit.cause.reasons : []))
      const rest = reasons.filter((reason) => !Cause.isInterruptReason(reason))
      return rest.length === 0 ? Effect.void : Effect.failCause(Cause.fromReasons(rest))
    })
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
