import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as TestClock from "effect/testing/TestClock"

/** Runs on the test clock, which moves on in steps of a millisecond, until the effect has ended; and says when that was. */
export const endedAt = Effect.fnUntraced(function* <A, E, R>(effect: Effect.Effect<A, E, R>) {
  const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
  let millis = 0
  while (fiber.pollUnsafe() === undefined) {
    if (millis === 10_000) return yield* Effect.die(new Error("it never ended"))
    yield* TestClock.adjust(1)
    millis++
  }
  return { exit: fiber.pollUnsafe() as Exit.Exit<A, E>, millis }
})

export const ended = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Exit.Exit<A, E>, never, R> =>
  Effect.map(endedAt(effect), ({ exit }) => exit)
