/** What the tests of pipelines share. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"

import * as Pipeline from "../../src/Pipeline.ts"

export const numbers = (length: number): Array<number> => Array.from({ length }, (_, index) => index)

export const source = (length: number) => Pipeline.from(Stream.fromIterable(numbers(length)))

export const sorted = (values: ReadonlyArray<number>): Array<number> => values.toSorted((a, b) => a - b)

export const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

export const settle = Effect.replicateEffect(Effect.yieldNow, 5, { discard: true })

/** Counts the elements that run, and how many did at most. */
export const gauge = () => {
  const seen = { active: 0, peak: 0, started: 0, ended: 0 }
  const around = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.suspend(() => {
      seen.started++
      seen.peak = Math.max(seen.peak, ++seen.active)
      return Effect.ensuring(
        effect,
        Effect.sync(() => {
          seen.active--
          seen.ended++
        })
      )
    })
  return { seen, around }
}

/** Runs it to its end in virtual time; gives the result and how long it took. */
export const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const fiber = yield* start(
      Effect.gen(function* () {
        const begun = yield* Clock.currentTimeMillis
        const result = yield* effect
        return { result, millis: (yield* Clock.currentTimeMillis) - begun }
      })
    )
    while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("1 minute")
    return yield* Fiber.join(fiber)
  })

/** Every order with every concurrency. */
export const matrix = [true, false].flatMap((ordered) => [1, 2, 5, 16].map((concurrency) => ({ ordered, concurrency })))
