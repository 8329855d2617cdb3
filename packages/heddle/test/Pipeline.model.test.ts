/** Under all interleavings that the budget affords, some with an interruption: nothing lost, nothing twice, nothing left. */
import { assert, describe } from "@effect/vitest"
import { it } from "@heddle/testing/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Order from "effect/Order"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"

import * as Pipeline from "../src/Pipeline.ts"
import { numbers, sorted } from "./support/pipeline.ts"

const length = 5

/** Counts who works. */
const workshop = () => {
  const live = { now: 0, most: 0 }
  const work = <A>(result: A, yields = true) =>
    Effect.acquireUseRelease(
      Effect.sync(() => (live.most = Math.max(live.most, ++live.now))),
      () => Effect.as(yields ? Effect.yieldNow : Effect.void, result),
      () => Effect.sync(() => live.now--)
    )
  return { live, work }
}

/** A source that says what is left of it: what was acknowledged, and what its stages still hold. */
const scenario = <A>(
  shape: (source: Pipeline.Pipeline<number>, work: (n: number) => Effect.Effect<number>) => Pipeline.Pipeline<A>,
  elementsOf: (result: A) => ReadonlyArray<number>,
  {
    drains = false,
    madeOf = (n) => [n]
  }: {
    /** Instead of an interruption. */
    readonly drains?: boolean
    /** What becomes of an element. */
    readonly madeOf?: (element: number) => ReadonlyArray<number>
  } = {}
) =>
  Effect.gen(function* () {
    const acknowledged: Array<number> = []
    const given: Array<number> = []
    const { live, work } = workshop()
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
      (n) => work(n, n % 2 === 0)
    )
    const fiber = yield* Effect.forkChild(
      Pipeline.runForEach(pipeline, (result) => Effect.sync(() => given.push(...elementsOf(result))))
    )
    const isStopped = yield* Random.nextBoolean
    if (isStopped) {
      yield* Effect.yieldNow
      if (drains) assert.isTrue(yield* Pipeline.drain(pipeline))
      else yield* Fiber.interrupt(fiber)
    }
    const exit = yield* Fiber.await(fiber)
    assert.strictEqual(live.now, 0)
    assert.isAtMost(live.most, 2)
    // each at most once, and acknowledged only if all of it was given
    assert.strictEqual(new Set(given).size, given.length)
    for (const one of acknowledged) assert.includeMembers(given, [...madeOf(one)])
    if (!isStopped || drains) {
      // all that has begun has ended, and without a drain everything has
      assert.isTrue(Exit.isSuccess(exit))
      const begun = isStopped ? acknowledged.length : length
      assert.deepStrictEqual(sorted(given), sorted(numbers(begun).flatMap(madeOf)))
      assert.deepStrictEqual(sorted(acknowledged), numbers(begun))
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
  it.explore(
    "a broadcast",
    scenario(
      (source, work) =>
        source.pipe(
          Pipeline.broadcast(
            [(n) => n.pipe(Pipeline.stage("a", work)), (n) => n.pipe(Pipeline.stage("b", (m) => work(m + 100)))],
            { buffer: 1 }
          )
        ),
      one,
      { madeOf: (n) => [n, n + 100] }
    )
  )
  it.explore(
    "a merge in order",
    Effect.suspend(() => {
      let last = -1
      return scenario(
        (source, work) =>
          Pipeline.mergeOrdered(
            source.pipe(Pipeline.stage("a", work, { concurrency: 2 })),
            Pipeline.from(Stream.rechunk(Stream.make(0.5, 1.5, 3.5), 1)),
            Order.Number
          ),
        (n) => {
          assert.isAbove(n, last)
          last = n
          return Number.isInteger(n) ? [n] : []
        }
      )
    })
  )
  it.explore(
    "a drain",
    scenario(
      (source, work) =>
        source.pipe(
          Pipeline.stage("a", work, { concurrency: 2, ordered: false, buffer: 0 }),
          Pipeline.stage("b", Effect.succeed)
        ),
      one,
      { drains: true }
    )
  )
  it.explore(
    "a reduction",
    Effect.gen(function* () {
      const { live, work } = workshop()
      const source = Pipeline.from(Stream.rechunk(Stream.fromIterable(numbers(length)), 2))
      const fiber = yield* Effect.forkChild(
        source.pipe(
          Pipeline.stage("print", (n) => Effect.succeed(String(n))),
          Pipeline.runReduce((left, right) => work(left + right, left.length === 1), { concurrency: 2 })
        )
      )
      const isStopped = yield* Random.nextBoolean
      if (isStopped) {
        yield* Effect.yieldNow
        yield* Fiber.interrupt(fiber)
      }
      const exit = yield* Fiber.await(fiber)
      assert.strictEqual(live.now, 0)
      assert.isAtMost(live.most, 2)
      if (!isStopped) assert.deepStrictEqual(exit, Exit.succeed(Option.some("01234")))
    })
  )
})
