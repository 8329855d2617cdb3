/** Tasks that fork, and threads that steal what they have forked. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"

import * as ThreadPool from "../src/ThreadPool.ts"
import { careless, deadly, endless, faulty, quicksort, treeSum } from "./support/algorithms.ts"
import { double } from "./support/light.ts"
import { shared } from "./support/pools.ts"
import { until } from "./support/until.ts"
import { makeWords } from "./support/words.ts"

const pool = shared(3)

const random = (length: number) => {
  const data = new Float64Array(new SharedArrayBuffer(8 * length))
  let state = 42
  for (let index = 0; index < length; index++) data[index] = state = (state * 48_271) % 2_147_483_647
  return data
}

const defectOf = (exit: Exit.Exit<unknown, unknown>) =>
  Exit.isFailure(exit) ? (Cause.squash(exit.cause) as Error) : assert.fail("it succeeded")

describe("a task that forks", { concurrent: false }, () => {
  it.live("sorts what all threads share", () =>
    Effect.gen(function* () {
      const threads = yield* pool
      const data = random(500_000)
      const expected = data.slice().toSorted()
      yield* ThreadPool.run(threads, quicksort(data, 0, data.length))
      assert.deepStrictEqual(Buffer.compare(new Uint8Array(data.slice().buffer), new Uint8Array(expected.buffer)), 0)
    })
  )

  it.live("adds up what its forks have given, and others steal some of them", () =>
    Effect.gen(function* () {
      const threads = yield* pool
      const tree = new Int32Array(new SharedArrayBuffer(4 * 300_000)).fill(1)
      const before = (yield* ThreadPool.stats(threads)).steals
      // whether others come in time is up to the machine: one of several runs is enough
      for (let run = 0; run < 200; run++) {
        assert.strictEqual(yield* ThreadPool.run(threads, treeSum(tree, 0)), 300_000)
        if ((yield* ThreadPool.stats(threads)).steals > before) return
      }
      assert.fail("nobody has stolen anything")
    })
  )

  it.live("several at a time do not disturb each other, nor plain tasks", () =>
    Effect.gen(function* () {
      const threads = yield* pool
      const tree = new Int32Array(new SharedArrayBuffer(4 * 50_000)).fill(2)
      const sums = Array.from({ length: 5 }, () => ThreadPool.run(threads, treeSum(tree, 0)))
      const plain = Array.from({ length: 50 }, (_, n) => ThreadPool.run(threads, double(n)))
      const [totals, doubled] = yield* Effect.all(
        [Effect.all(sums, { concurrency: "unbounded" }), Effect.all(plain, { concurrency: "unbounded" })],
        { concurrency: 2 }
      )
      assert.deepStrictEqual(totals, [100_000, 100_000, 100_000, 100_000, 100_000])
      assert.deepStrictEqual(
        doubled,
        Array.from({ length: 50 }, (_, n) => 2 * n)
      )
    })
  )

  it.live("more forks than there are frames run at once", () =>
    Effect.gen(function* () {
      const threads = yield* pool
      assert.strictEqual(yield* ThreadPool.run(threads, faulty(-1, 12, 1)), 4_096)
    })
  )

  it.live("dies with what one of its forks has thrown, on whichever thread", () =>
    Effect.gen(function* () {
      const threads = yield* pool
      for (const place of [1, 2, 1_025, 2_047]) {
        const error = defectOf(yield* Effect.exit(ThreadPool.run(threads, faulty(place, 10, 1))))
        assert.strictEqual(error.message, `no ${place}`)
        assert.strictEqual(error.name, "RangeError")
      }
      assert.strictEqual(yield* ThreadPool.run(threads, faulty(-1, 3, 1)), 8)
    })
  )

  it.live("dies where it does not join what it has forked", () =>
    Effect.gen(function* () {
      const error = defectOf(yield* Effect.exit(ThreadPool.run(yield* pool, careless(undefined, 1))))
      assert.include(error.message, "has to join each fork once: 1 were not")
    })
  )

  it.live("stops on all threads when it is interrupted", () =>
    Effect.gen(function* () {
      const threads = yield* pool
      const began = makeWords(1)
      const fiber = yield* Effect.forkChild(ThreadPool.run(threads, endless(began, 1)))
      yield* until(began, 0)
      yield* Fiber.interrupt(fiber)
      // all are free again
      const all = yield* Effect.all(
        [1, 2, 3].map((n) => ThreadPool.run(threads, double(n))),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(all, [2, 4, 6])
      assert.strictEqual((yield* ThreadPool.stats(threads)).replaced, 0)
    })
  )

  it.live("fails with ThreadCrashed where a fork ends its thread, and the pool goes on", () =>
    Effect.gen(function* () {
      const threads = yield* pool
      for (let run = 0; run < 3; run++) {
        const error = yield* Effect.flip(ThreadPool.run(threads, deadly(undefined, 30)))
        assert.strictEqual(error._tag, "ThreadCrashed")
      }
      assert.strictEqual(yield* ThreadPool.run(threads, double(4)), 8)
    })
  )
})
