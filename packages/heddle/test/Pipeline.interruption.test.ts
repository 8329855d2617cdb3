import { assert, describe, it } from "@effect/vitest"
import * as Explorer from "@heddle/testing/Explorer"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

import * as Pipeline from "../src/Pipeline.ts"

/** Every effect that was entered has left, every source that was opened is closed, nothing is in flight. */
const nothingStays = (
  name: string,
  budgets: ReadonlyArray<number>,
  make: (around: <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E>) => Pipeline.Pipeline<unknown, unknown>
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
        { budgets }
      )
      assert.isAbove(report.completed, 0)
      assert.isAbove(report.interrupted, 0)
    })
  )

const source = (around: <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E>) =>
  Pipeline.from(
    Stream.scoped(Stream.fromEffect(Effect.acquireRelease(around(Effect.void), () => Effect.void))).pipe(
      Stream.flatMap(() => Stream.range(1, 4, 2)),
      Stream.tap(() => around(Effect.yieldNow))
    )
  )

// 3 and 4 preempt nearly everywhere, 64 nearly nowhere; the two orders of a scenario have different ones
const budgetsOf = (ordered: boolean, turn: 0 | 1 | 2): ReadonlyArray<number> =>
  [
    [3, 64],
    [5, 7],
    [4, 13]
  ][(turn + (ordered ? 0 : 1)) % 3]!

describe("interrupted before every operation and between any two tasks", () => {
  for (const ordered of [true, false]) {
    nothingStays(`two stages (ordered: ${ordered})`, budgetsOf(ordered, 0), (around) =>
      source(around).pipe(
        Pipeline.stage("a", (n) => around(Effect.as(Effect.yieldNow, n)), { concurrency: 3, buffer: 1, ordered }),
        Pipeline.stage("b", (n) => around(n % 2 === 0 ? Effect.as(Effect.yieldNow, n) : Effect.succeed(n)), {
          concurrency: 2,
          buffer: 0,
          ordered
        })
      )
    )

    nothingStays(`a failing element (ordered: ${ordered})`, budgetsOf(ordered, 1), (around) =>
      source(around).pipe(
        Pipeline.stage(
          "a",
          (n) => around(Effect.andThen(Effect.yieldNow, n === 3 ? Effect.fail("boom") : Effect.succeed(n))),
          { concurrency: 3, ordered }
        )
      )
    )

    nothingStays(`a dead-letter sink (ordered: ${ordered})`, budgetsOf(ordered, 2), (around) =>
      source(around).pipe(
        Pipeline.stage(
          "a",
          (n) => around(Effect.andThen(Effect.yieldNow, n % 2 === 0 ? Effect.fail("boom") : Effect.succeed(n))),
          { concurrency: 2, ordered, onError: { deadLetter: () => around(Effect.yieldNow) } }
        )
      )
    )

    nothingStays(`keys, and elements that fork (ordered: ${ordered})`, budgetsOf(ordered, 0), (around) =>
      source(around).pipe(
        Pipeline.stage(
          "a",
          (n) =>
            Effect.as(
              Effect.andThen(
                Effect.forkChild(around(Effect.never), { startImmediately: true }),
                around(Effect.yieldNow)
              ),
              n
            ),
          { concurrency: 3, ordered, key: (n) => n % 2 }
        )
      )
    )

    nothingStays(`branches (ordered: ${ordered})`, budgetsOf(ordered, 1), (around) =>
      source(around).pipe(
        Pipeline.partition((n) => (n % 2 === 0 ? "even" : "odd"), {
          even: (n) => n.pipe(Pipeline.stage("even", (m) => around(Effect.as(Effect.yieldNow, m)), { ordered })),
          odd: (n) => n
        })
      )
    )

    nothingStays(`batches in time (ordered: ${ordered})`, budgetsOf(ordered, 2), (around) =>
      source(around).pipe(
        Pipeline.batch({ maxSize: 2, maxWait: 1 }),
        Pipeline.stage("write", (batch) => around(Effect.as(Effect.sleep(2), batch)), { ordered })
      )
    )
  }
})
