/** Under all interleavings that the budget affords, some with an interruption: nothing lost, nothing twice, nothing left. */
import { assert, describe } from "@effect/vitest"
import { it } from "@heddle/testing/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"

import * as Pipeline from "../src/Pipeline.ts"
import { numbers, sorted } from "./support/pipeline.ts"

/** A source of so many elements, which says what is left of it: what was acknowledged, and what its stages still hold. */
const scenario = <A>(
  shape: (source: Pipeline.Pipeline<number>, work: (n: number) => Effect.Effect<number>) => Pipeline.Pipeline<A>,
  elementsOf: (result: A) => ReadonlyArray<number>
) =>
  Effect.gen(function* () {
    const length = 5
    const acknowledged: Array<number> = []
    const given: Array<number> = []
    const live = { now: 0, most: 0 }
    const work = (n: number) =>
      Effect.acquireUseRelease(
        Effect.sync(() => (live.most = Math.max(live.most, ++live.now))),
        () => Effect.as(n % 2 === 0 ? Effect.yieldNow : Effect.void, n),
        () => Effect.sync(() => live.now--)
      )
    const pipeline = shape(
      Pipeline.from(Stream.rechunk(Stream.fromIterable(numbers(length)), 2)).pipe(
        Pipeline.acknowledge({
          acknowledge: (elements) =>
            Effect.andThen(
              Effect.yieldNow,
              Effect.sync(() => acknowledged.push(...elements))
            )
        })
      ),
      work
    )
    const fiber = yield* Effect.forkChild(
      Pipeline.runForEach(pipeline, (result) => Effect.sync(() => given.push(...elementsOf(result))))
    )
    const isInterrupted = yield* Random.nextBoolean
    if (isInterrupted) {
      yield* Effect.yieldNow
      yield* Fiber.interrupt(fiber)
    }
    yield* Fiber.await(fiber)
    assert.strictEqual(live.now, 0)
    assert.isAtMost(live.most, 2)
    // each at most once, and acknowledged only if it was given; without an interruption, all of them
    assert.strictEqual(new Set(given).size, given.length)
    for (const one of acknowledged) assert.include(given, one)
    if (!isInterrupted) {
      assert.deepStrictEqual(sorted(given), numbers(length))
      assert.deepStrictEqual(sorted(acknowledged), numbers(length))
    }
    for (const { inFlight, queued, waiting } of yield* Pipeline.stats(pipeline)) {
      assert.deepStrictEqual([inFlight, queued, waiting], [0, 0, 0])
    }
  })

const one = (n: number) => [n]

describe("explored", () => {
  for (const ordered of [true, false]) {
    it.explore(
      `stages (ordered: ${ordered})`,
      scenario(
        (source, work) =>
          source.pipe(
            Pipeline.stage("a", work, { concurrency: 2, ordered, buffer: 1 }),
            Pipeline.stage("b", (n) => Effect.succeed(n), { concurrency: 2, ordered, buffer: 0 })
          ),
        one
      )
    )
    it.explore(
      `keys (ordered: ${ordered})`,
      scenario(
        (source, work) =>
          source.pipe(
            Pipeline.stage("a", work, { concurrency: 2, ordered, buffer: 0, readAhead: 1, key: (n) => n % 2 })
          ),
        one
      )
    )
  }
  it.explore(
    "batches",
    scenario(
      (source, work) =>
        source.pipe(Pipeline.stage("a", work, { concurrency: 2 }), Pipeline.batch({ maxSize: 2, maxWait: 1 })),
      (batch) => batch
    )
  )
  it.explore(
    "a partition",
    scenario(
      (source, work) =>
        source.pipe(
          Pipeline.partition(
            (n) => (n % 2 === 0 ? "even" : "odd"),
            { even: (n) => n.pipe(Pipeline.stage("a", work)), odd: (n) => n.pipe(Pipeline.stage("b", work)) },
            { buffer: 1 }
          )
        ),
      one
    )
  )
  it.explore(
    "a merge",
    scenario(
      (source, work) =>
        Pipeline.merge(source.pipe(Pipeline.stage("a", work, { concurrency: 2 })), Pipeline.from(Stream.empty)),
      one
    )
  )
})
