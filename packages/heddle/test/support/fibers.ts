/** Small things that behaviour tests have in common. */
import { assert } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

/** Forks and lets it run until it parks. */
export const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

/** Lets every fiber that was served resume. */
export const settle = Effect.replicateEffect(Effect.yieldNow, 4, { discard: true })

/** The one defect that an effect ends with. */
export const deathMessage = (exit: Exit.Exit<unknown, unknown>): string => {
  const defects = Exit.isFailure(exit) ? exit.cause.reasons.filter(Cause.isDieReason) : []
  assert.lengthOf(defects, 1, `expected a defect, got ${String(exit)}`)
  return String(defects[0]!.defect)
}
