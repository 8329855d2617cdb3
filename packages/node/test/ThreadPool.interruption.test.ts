/** Tasks that are told to stop: those that look, those that are told, and those that do neither. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"

import * as ThreadPool from "../src/ThreadPool.ts"
import * as ThreadTask from "../src/ThreadTask.ts"
import { deaf, double, listening, spin, watchful } from "./support/light.ts"
import { shared } from "./support/pools.ts"
import { never } from "./support/tasks.ts"
import { until } from "./support/until.ts"
import { makeWords, set } from "./support/words.ts"

const pool = shared(2)

const interruptedWith = Effect.fnUntraced(function* (
  threads: ThreadPool.ThreadPool,
  call: ThreadTask.Call<unknown, unknown>,
  words: Int32Array
) {
  const fiber = yield* Effect.forkChild(ThreadPool.run(threads, call))
  yield* until(words, 0)
  const start = performance.now()
  yield* Fiber.interrupt(fiber)
  const took = performance.now() - start
  assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
  return took
})

describe("a task that looks", { concurrent: false }, () => {
  it.live.each(["interrupted", "aborted", "throwIfAborted"] as const)("ends at once by `%s` (W5)", (how) =>
    Effect.gen(function* () {
      const threads = yield* pool
      const { replaced } = yield* ThreadPool.stats(threads)
      // the best of several, because the machine may be doing something else
      let best = Infinity
      for (let run = 0; run < 100 && best >= 5; run++) {
        const words = makeWords(2)
        best = Math.min(best, yield* interruptedWith(threads, watchful({ how, words }), words))
      }
      assert.isBelow(best, 5)
      assert.strictEqual((yield* ThreadPool.stats(threads)).replaced, replaced)
    })
  )

  it.live("counts as interrupted, whatever it gives", () =>
    Effect.gen(function* () {
      const threads = yield* pool
      const words = makeWords(2)
      const before = yield* ThreadPool.stats(threads)
      const job = yield* ThreadPool.submit(threads, watchful({ how: "interrupted", words }))
      yield* until(words, 0)
      yield* job.interrupt
      assert.isTrue(Exit.hasInterrupts(yield* Effect.exit(job.await)))
      const after = yield* ThreadPool.stats(threads)
      assert.strictEqual(after.interrupted, before.interrupted + 1)
      assert.strictEqual(after.succeeded, before.succeeded)
    })
  )

  it.live("hears the signal's event, and an effect is interrupted as any other", () =>
    Effect.gen(function* () {
      const threads = yield* pool
      for (const task of [listening, never]) {
        const words = makeWords(2)
        yield* interruptedWith(threads, task(words), words)
        assert.strictEqual(words[1], 1)
      }
    })
  )

  it("outside of a pool nobody is told to stop", () => {
    assert.isFalse(ThreadTask.interrupted())
    assert.isFalse(ThreadTask.signal().aborted)
  })
})

describe("a task that has not begun", { concurrent: false }, () => {
  it.live("never does when it is interrupted, while its thread is busy", () =>
    Effect.gen(function* () {
      const threads = yield* ThreadPool.make({ threads: 1 })
      const words = makeWords(2)
      const [busy, never, job] = yield* ThreadPool.submitAll<unknown, never, never>(threads, [
        deaf(words),
        double(1),
        double(2)
      ])
      yield* until(words, 0)
      yield* never!.interrupt
      assert.isTrue(Exit.hasInterrupts(yield* Effect.exit(never!.await)))
      set(words, 1)
      assert.deepStrictEqual([yield* busy!.await, yield* job!.await], ["done", 4])
      const {
        threads: [thread]
      } = yield* ThreadPool.stats(threads)
      assert.strictEqual(thread!.tasks, 2)
    }).pipe(Effect.scoped)
  )

  it.live("a thousand that are interrupted as they are sent end once, and their slots are free", () =>
    Effect.gen(function* () {
      const threads = yield* pool
      yield* Effect.forEach(
        Array.from({ length: 1_000 }, (_, n) => n),
        (n) =>
          Effect.gen(function* () {
            const job = yield* ThreadPool.submit(threads, double(n))
            if (n % 2 === 0) yield* job.interrupt
            const exit = yield* Effect.exit(job.await)
            if (n % 2 === 1) assert.deepStrictEqual(exit, Exit.succeed(2 * n))
          }),
        { concurrency: 100, discard: true }
      )
      const { active, queued, submitted, succeeded, failed, interrupted } = yield* ThreadPool.stats(threads)
      assert.deepStrictEqual([active, queued, failed], [0, 0, 0])
      assert.strictEqual(submitted, succeeded + interrupted)
    })
  )
})

describe("a task that does not look", { concurrent: false }, () => {
  it.effect("is terminated with its thread after the grace, and the next one does not wait for it (W20)", () =>
    Effect.gen(function* () {
      const threads = yield* ThreadPool.make({ threads: 2, grace: "3 seconds" })
      const words = makeWords(2)
      const fiber = yield* Effect.forkChild(ThreadPool.run(threads, deaf(words)))
      yield* until(words, 0)
      // behind it, and sent to its thread already
      const jobs = yield* ThreadPool.submitAll(
        threads,
        Array.from({ length: 8 }, (_, n) => double(n))
      )
      let ended = false
      const interruption = yield* Effect.forkChild(
        Effect.andThen(
          Fiber.interrupt(fiber),
          Effect.sync(() => (ended = true))
        )
      )
      yield* Effect.yieldNow
      const results = yield* Effect.forEach(jobs, (job) => job.await)
      assert.deepStrictEqual(results, [0, 2, 4, 6, 8, 10, 12, 14])
      assert.isFalse(ended)
      assert.strictEqual((yield* ThreadPool.stats(threads)).active, 1)
      yield* TestClock.adjust("3 seconds")
      yield* Fiber.join(interruption)
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
      // and both threads work again
      const again = [makeWords(2), makeWords(2)]
      const both = yield* ThreadPool.submitAll(threads, again.map(deaf))
      yield* Effect.forEach(again, (words) => until(words, 0))
      for (const words of again) set(words, 1)
      assert.deepStrictEqual(yield* Effect.forEach(both, (job) => job.await), ["done", "done"])
      assert.strictEqual((yield* ThreadPool.stats(threads)).replaced, 1)
    }).pipe(Effect.scoped)
  )

  it.live("holds up the end of its pool for the grace and no longer", () =>
    Effect.gen(function* () {
      const words = makeWords(2)
      const job = yield* Effect.scoped(
        Effect.gen(function* () {
          const threads = yield* ThreadPool.make({ threads: 1, grace: 100 })
          const job = yield* ThreadPool.submit(threads, deaf(words))
          yield* until(words, 0)
          return job
        })
      )
      const error = yield* Effect.flip(job.await)
      assert.strictEqual(error._tag, "PoolClosed")
    })
  )

  it.live("that ends within the grace keeps its thread", () =>
    Effect.gen(function* () {
      const threads = yield* ThreadPool.make({ threads: 1, grace: "1 minute" })
      const words = makeWords(2)
      const job = yield* ThreadPool.submit(threads, deaf(words))
      yield* until(words, 0)
      const interruption = yield* Effect.forkChild(job.interrupt)
      yield* Effect.yieldNow
      set(words, 1)
      yield* Fiber.join(interruption)
      assert.strictEqual(yield* ThreadPool.run(threads, spin(0)), "done")
      assert.strictEqual((yield* ThreadPool.stats(threads)).replaced, 0)
    }).pipe(Effect.scoped)
  )
})
