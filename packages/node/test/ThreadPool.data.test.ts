/** One task over many elements. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

import * as ThreadPool from "../src/ThreadPool.ts"
import { add, double, list, meet, spin, upTo } from "./support/light.ts"
import { shared } from "./support/pools.ts"
import { half, mirror, Odd, Point } from "./support/tasks.ts"
import { makeWords } from "./support/words.ts"

const pool = shared(3)

const range = (length: number) => Array.from({ length }, (_, index) => index)

describe("over a typed array", { concurrent: false }, () => {
  it.live.each([0, 1, 2, 255, 256, 257, 100_003])("%i elements are done once each, in their places", (length) =>
    Effect.gen(function* () {
      const source = Float64Array.from(range(length))
      const doubled = yield* ThreadPool.map(yield* pool, double, source)
      assert.deepStrictEqual(
        Array.from(doubled),
        range(length).map((n) => 2 * n)
      )
      assert.instanceOf(doubled, Float64Array)
      assert.deepStrictEqual(Array.from(source), range(length))
    })
  )

  it.live("a result is shared, and of the type of the source", () =>
    Effect.gen(function* () {
      const source = new Uint8Array(new SharedArrayBuffer(3))
      source.set([1, 2, 200])
      const doubled = yield* ThreadPool.map(yield* pool, double, source)
      assert.instanceOf(doubled, Uint8Array)
      assert.instanceOf(doubled.buffer, SharedArrayBuffer)
      assert.deepStrictEqual(Array.from(doubled), [2, 4, 144])
    })
  )

  it.live("a failure stops all threads, and is that of the element", () =>
    Effect.gen(function* () {
      const threads = yield* pool
      const exit = yield* Effect.exit(ThreadPool.forEach(threads, upTo, Float64Array.from(range(100_000))))
      assert.isTrue(Exit.hasDies(exit))
      assert.strictEqual(Exit.isFailure(exit) ? (Cause.squash(exit.cause) as Error).message : "", "no 700")
      assert.strictEqual((yield* ThreadPool.stats(threads)).active, 0)
    })
  )

  it.live("a task that gives no number is told", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(ThreadPool.map(yield* pool, spin as never, new Float64Array([0])))
      assert.include(Exit.isFailure(exit) ? String(Cause.squash(exit.cause)) : "", "has to give a number, not done")
    })
  )

  it.live("an interruption ends it on all threads", () =>
    Effect.gen(function* () {
      const threads = yield* pool
      const before = yield* ThreadPool.stats(threads)
      yield* Effect.timeoutOption(ThreadPool.forEach(threads, spin, new Float64Array(100_000).fill(1)), 20)
      const { active, interrupted, replaced } = yield* ThreadPool.stats(threads)
      assert.deepStrictEqual([active, replaced], [0, before.replaced])
      assert.isAbove(interrupted, before.interrupted)
    })
  )
})

describe("over a list", { concurrent: false }, () => {
  it.live.each([0, 1, 2, 1_000])("%i elements give as many results, in their order", (length) =>
    Effect.gen(function* () {
      const source = range(length).map((n) => 2 * n)
      assert.deepStrictEqual(yield* ThreadPool.map(yield* pool, half, source), range(length))
    })
  )

  it.live("schemas are used for each element", () =>
    Effect.gen(function* () {
      const points = yield* ThreadPool.map(
        yield* pool,
        mirror,
        range(50).map((x) => new Point({ x, y: -1 }))
      )
      assert.deepStrictEqual(
        points.map(({ y }) => y),
        range(50)
      )
      assert.isTrue(points.every((point) => point instanceof Point))
    })
  )

  it.live("the first failure is that of the whole", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(ThreadPool.map(yield* pool, half, [2, 4, 5, 6]))
      assert.deepStrictEqual(error, new Odd({ n: 5 }))
    })
  )

  it.live("elements that take long are not sent together, so that all threads have some", () =>
    Effect.gen(function* () {
      const words = makeWords(1)
      const met = yield* ThreadPool.map(
        yield* pool,
        meet,
        range(60).map(() => ({ words, of: 3 }))
      )
      assert.deepStrictEqual(
        met,
        range(60).map(() => true)
      )
    })
  )
})

describe("a fold", { concurrent: false }, () => {
  it.live("is the same on any number of threads, in the order of the elements", () =>
    Effect.gen(function* () {
      const source = Float64Array.from(range(10_001), (n) => 1 / (n + 1))
      const onThree = yield* ThreadPool.reduce(yield* pool, add, source)
      const asList = yield* ThreadPool.reduce(yield* pool, add, Array.from(source))
      const onOne = yield* Effect.scoped(
        Effect.flatMap(ThreadPool.make({ threads: 1 }), (threads) => ThreadPool.reduce(threads, add, source))
      )
      assert.strictEqual(onThree, onOne)
      assert.strictEqual(asList, onOne)
      const words = range(1_000).map(String)
      assert.deepStrictEqual(yield* ThreadPool.reduce(yield* pool, list, words), words)
    })
  )

  it.live("of nothing is its beginning", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* ThreadPool.reduce(yield* pool, add, []), 0)
      assert.strictEqual(yield* ThreadPool.reduce(yield* pool, add, new Int8Array()), 0)
    })
  )
})
