/** The part of a thread that needs Effect, which is loaded when the first task does: it triples the time to start. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"

import type { Schemas } from "./definition.ts"
import { Status } from "./lane.ts"
import type { Coders, Outcome } from "./outcome.ts"

export const isEffect = (value: unknown): value is Effect.Effect<unknown, unknown> => Effect.isEffect(value)

export const codersOf = ({ error, input, output }: Schemas): Partial<Coders> => ({
  ...(input === undefined ? {} : { decode: Schema.decodeUnknownSync(input) }),
  ...(output === undefined ? {} : { encode: Schema.encodeUnknownSync(output) }),
  ...(error === undefined ? {} : { encodeError: Schema.encodeUnknownSync(error) })
})

/** Runs an effect; `onStart` is told at once how to stop it. */
export const outcomeOf = async (
  effect: Effect.Effect<unknown, unknown>,
  onStart: (stop: () => void) => void
): Promise<Outcome> => {
  const fiber = Effect.runFork(effect)
  onStart(() => fiber.interruptUnsafe())
  const exit = await Effect.runPromise(Fiber.await(fiber))
  if (Exit.isSuccess(exit)) return { status: Status.success, value: exit.value }
  const { reasons } = exit.cause
  const failure = reasons.find(Cause.isFailReason)
  if (reasons.some(Cause.isDieReason)) return { status: Status.defect, value: Cause.squash(exit.cause) }
  if (failure !== undefined) return { status: Status.failure, value: failure.error }
  return { status: Status.interrupted, value: undefined }
}
