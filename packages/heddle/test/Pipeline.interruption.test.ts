import { assert, describe, it } from "@effect/vitest"
import * as Explorer from "@heddle/testing/Explorer"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

import * as Pipeline from "../src/Pipeline.ts"

/** Every effect that was entered has left, every source that was opened is closed, nothing is in flight. */
const nothingStays = (
  name: string,
  make: (
    around: <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E>
  ) => Pipeline.Pipeline<number, Pipeline.StageError<string, string, number>>
) =>
  it.effect(name, () =>
    Effect.gen(function* () {
      const report = yield* Explorer.interruptEverywhere(
        Effect.sync(() => {
          const seen = { live: 0, entered: 0 }
          const around = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
            Effect.acquireUseRelease(
              Effect.sync(() => {
                seen.live++
                seen.entered++
              }),
              () => effect,
              () => Effect.sync(() => seen.live--)
            )
          const pipeline = make(around)
          return { seen, pipeline, target: Effect.exit(Pipeline.runCollect(pipeline)) }
        }),
        (_, { pipeline, seen }) =>
          Effect.gen(function* () {
            assert.strictEqual(seen.live, 0, `${seen.entered} were entered`)
            for (const { inFlight, queued } of yield* Pipeline.stats(pipeline)) {
              assert.deepStrictEqual([inFlight, queued], [0, 0])
            }
          }),
        { budgets: [3, 4, 7, 64] }
      )
      assert.isAbove(report.completed, 0)
      assert.isAbove(report.interrupted, 0)
    })
  )

const source = (around: <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E>) =>
  Pipeline.from(
    Stream.scoped(Stream.fromEffect(Effect.acquireRelease(around(Effect.void), () => Effect.void))).pipe(
      Stream.flatMap(() => Stream.range(1, 7, 2)),
      Stream.tap(() => around(Effect.yieldNow))
    )
  )

describe("interrupted before every operation and between any two tasks", () => {
  for (const ordered of [true, false]) {
    nothingStays(`two stages (ordered: ${ordered})`, (around) =>
      source(around).pipe(
        Pipeline.stage("a", (n) => around(Effect.as(Effect.yieldNow, n)), { concurrency: 3, buffer: 1, ordered }),
        Pipeline.stage("b", (n) => around(n % 2 === 0 ? Effect.as(Effect.yieldNow, n) : Effect.succeed(n)), {
          concurrency: 2,
          buffer: 0,
          ordered
        })
      )
    )

    nothingStays(`a failing element (ordered: ${ordered})`, (around) =>
      source(around).pipe(
        Pipeline.stage(
          "a",
          (n) => around(Effect.andThen(Effect.yieldNow, n === 4 ? Effect.fail("boom") : Effect.succeed(n))),
          { concurrency: 3, ordered }
        )
      )
    )

    nothingStays(`a dead-letter sink (ordered: ${ordered})`, (around) =>
      source(around).pipe(
        Pipeline.stage(
          "a",
          (n) => around(Effect.andThen(Effect.yieldNow, n % 3 === 0 ? Effect.fail("boom") : Effect.succeed(n))),
          { concurrency: 2, ordered, onError: { deadLetter: () => around(Effect.yieldNow) } }
        )
      )
    )
  }
})
