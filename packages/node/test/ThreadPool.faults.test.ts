/** Threads that end before they should: whose task fails, and that nobody else's does. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

import * as ThreadPool from "../src/ThreadPool.ts"
import * as ThreadTask from "../src/ThreadTask.ts"
import { double, exit, gobble, here, identity, perilous, reject, thread, timeBomb } from "./support/light.ts"
import { until } from "./support/until.ts"
import { makeWords } from "./support/words.ts"

const range = (length: number) => Array.from({ length }, (_, index) => index)

describe("a task that ends its thread", { concurrent: false }, () => {
  it.live("fails with ThreadCrashed: `process.exit`, and a rejection that nobody handles (W10)", () =>
    Effect.gen(function* () {
      const threads = yield* ThreadPool.make({ threads: 1, name: "frail" })
      const left = yield* Effect.flip(ThreadPool.run(threads, exit(3)))
      assert.instanceOf(left, ThreadPool.ThreadCrashed)
      const { exitCode, module, pool, reason, task } = left
      assert.deepStrictEqual(
        { exitCode, module, pool, reason, task },
        {
          exitCode: 3,
          module: here,
          pool: "frail",
          reason: undefined,
          task: "exit"
        }
      )
      const rejected = yield* Effect.flip(ThreadPool.run(threads, reject("nobody")))
      assert.strictEqual(rejected._tag, "ThreadCrashed")
      assert.include(rejected.message, `the task "reject" of ${here} ended its thread with exit code 1: nobody`)
      assert.strictEqual(yield* ThreadPool.run(threads, double(1)), 2)
      assert.strictEqual((yield* ThreadPool.stats(threads)).replaced, 2)
    }).pipe(Effect.scoped)
  )

  it.live("fails with ThreadOutOfMemory where it needs more than the limit", () =>
    Effect.gen(function* () {
      const threads = yield* ThreadPool.make({
        threads: 1,
        resourceLimits: { maxOldGenerationSizeMb: 24, maxYoungGenerationSizeMb: 4 }
      })
      const [greedy, after] = yield* ThreadPool.submitAll(threads, [gobble(10_000), double(4)])
      const error = yield* Effect.flip(greedy!.await)
      assert.instanceOf(error, ThreadPool.ThreadOutOfMemory)
      assert.strictEqual(error.maxOldGenerationSizeMb, 24)
      assert.strictEqual(yield* after!.await, 8)
    }).pipe(Effect.scoped)
  )

  it.live(
    // each costs the start of a thread, so that one in three is one in three of the first 45
    "is the only one to fail: of a thousand tasks, one in three of which do at first, every other ends, once (W22)",
    () =>
      Effect.gen(function* () {
        const threads = yield* ThreadPool.make({ threads: 2 })
        const runs = makeWords(1_000)
        const ends = (id: number) => id < 45 && id % 3 === 1
        const exits = yield* Effect.forEach(
          range(1_000),
          (id) => Effect.exit(ThreadPool.run(threads, perilous({ id, ends: ends(id), runs }))),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(
          exits.map((exit) => (Exit.isSuccess(exit) ? exit.value : -1)),
          range(1_000).map((id) => (ends(id) ? -1 : id))
        )
        assert.isTrue(runs.every((times) => times === 1))
        const { failed, replaced, succeeded } = yield* ThreadPool.stats(threads)
        assert.deepStrictEqual([failed, replaced, succeeded], [15, 15, 985])
      }).pipe(Effect.scoped)
  )

  it.live("takes along no result that was finished before, however large", () =>
    Effect.gen(function* () {
      const threads = yield* ThreadPool.make({ threads: 1 })
      const values = [1, "small", { large: "x".repeat(5_000) }, new Uint8Array(4_000), "small again"]
      const jobs = yield* ThreadPool.submitAll(threads, values.map(identity))
      const crash = yield* ThreadPool.submit(threads, exit(1))
      const after = yield* ThreadPool.submitAll(threads, values.map(identity))
      assert.deepStrictEqual(yield* Effect.forEach(jobs, (job) => job.await), values)
      assert.strictEqual((yield* Effect.flip(crash.await))._tag, "ThreadCrashed")
      assert.deepStrictEqual(yield* Effect.forEach(after, (job) => job.await), values)
    }).pipe(Effect.scoped)
  )

  it.live("later, when nothing runs, fails nobody", () =>
    Effect.gen(function* () {
      const threads = yield* ThreadPool.make({ threads: 1 })
      const words = makeWords(1)
      assert.strictEqual(yield* ThreadPool.run(threads, timeBomb(words)), "planted")
      yield* until(words, 0)
      assert.strictEqual(yield* ThreadPool.run(threads, double(2)), 4)
    }).pipe(Effect.scoped)
  )

  it.live("whose input was moved to it and not begun fails too: nobody has that any more", () =>
    Effect.gen(function* () {
      const threads = yield* ThreadPool.make({ threads: 1 })
      const bytes = ThreadTask.move(new Uint8Array(8))
      const [first, second] = yield* ThreadPool.submitAll(threads, [exit(1), identity(bytes)])
      yield* Effect.exit(first!.await)
      // it is sent to an idle thread only, so here it is not lost
      assert.deepStrictEqual(yield* second!.await, new Uint8Array(8))
    }).pipe(Effect.scoped)
  )
})

describe("threads that are replaced", { concurrent: false }, () => {
  it.live("after so many tasks, between two of them", () =>
    Effect.gen(function* () {
      const threads = yield* ThreadPool.make({ threads: 1, recycle: { tasks: 3 } })
      const ids = yield* Effect.forEach(range(10), () => ThreadPool.run(threads, thread(undefined)))
      assert.isAtLeast(new Set(ids).size, 3)
      const { failed, replaced, succeeded } = yield* ThreadPool.stats(threads)
      assert.deepStrictEqual([failed, succeeded], [0, 10])
      assert.isAtLeast(replaced, 2)
    }).pipe(Effect.scoped)
  )

  it.live("when they are old, and when their heap is large (W16)", () =>
    Effect.gen(function* () {
      for (const recycle of [{ age: 1 }, { heap: 1 }]) {
        const threads = yield* ThreadPool.make({ threads: 1, recycle })
        const ids = yield* Effect.forEach(range(4), () => ThreadPool.run(threads, thread(undefined)))
        assert.isAtLeast(new Set(ids).size, 2)
      }
    }).pipe(Effect.scoped)
  )
})

describe("threads that cannot be started", { concurrent: false }, () => {
  it.live("are reported by `make`, once", () =>
    Effect.gen(function* () {
      const broken = ThreadTask.module<{ f: (n: number) => number }>(new URL("support/broken.ts", import.meta.url))("f")
      const error = yield* Effect.flip(Effect.scoped(ThreadPool.make({ threads: 2, preload: [broken] })))
      assert.strictEqual(error._tag, "ThreadStartFailed")
      assert.strictEqual(error.message, "a thread cannot be started: broken")
    })
  )

  it.live("again after they were lost are given up, and whoever waits for them is told", () =>
    Effect.gen(function* () {
      const flaky = ThreadTask.module<{ f: (n: number) => number }>(new URL("support/flaky.ts", import.meta.url))("f")
      process.env["HEDDLE_TEST_FLAKY"] = "1"
      const threads = yield* ThreadPool.make({ threads: 1, preload: [flaky] })
      process.env["HEDDLE_TEST_FLAKY"] = "2"
      const [crash, waiting] = yield* ThreadPool.submitAll(threads, [exit(1), double(1)])
      assert.strictEqual((yield* Effect.flip(crash!.await))._tag, "ThreadCrashed")
      assert.strictEqual((yield* Effect.flip(waiting!.await))._tag, "ThreadStartFailed")
      assert.strictEqual((yield* Effect.flip(ThreadPool.run(threads, double(1))))._tag, "ThreadStartFailed")
      yield* ThreadPool.drain(threads)
    }).pipe(Effect.scoped)
  )
})
