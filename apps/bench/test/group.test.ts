import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"

import { type Body, contenders, group, liveBytes, stopping, unlimited } from "../src/group.ts"

/** A body that gives way in its midst, and what was seen of it. */
const observed = () => {
  const seen = { ran: 0, now: 0, most: 0 }
  const enter = () => {
    seen.most = Math.max(seen.most, ++seen.now)
  }
  const exit = () => {
    seen.now--
    seen.ran++
  }
  const body: Body = {
    effect: () => Effect.sync(enter).pipe(Effect.andThen(Effect.yieldNow), Effect.andThen(Effect.sync(exit))),
    promise: async () => {
      enter()
      await new Promise((resolve) => {
        setImmediate(resolve)
      })
      exit()
    }
  }
  return { seen, body }
}

describe("group", () => {
  it.effect.each(Object.entries(contenders))(
    "%s runs every element, as many at a time as it may",
    ([name, contender]) =>
      Effect.gen(function* () {
        const { body, seen } = observed()
        yield* Effect.promise(() => contender(new Set([1, 2, 3, 4, 5, 6, 7, 8]), 3, body))
        assert.deepStrictEqual(seen, { ran: 8, now: 0, most: unlimited.has(name) ? 8 : 3 })
      })
  )

  it.effect("what is stopped has been begun, and the time until all have ended is measured", () =>
    Effect.gen(function* () {
      const millis = yield* stopping((tasks) => Effect.all(tasks, { concurrency: "unbounded", discard: true }), 10)
      assert.isAtLeast(millis, 0)
      const failed = yield* Effect.flip(
        stopping((tasks) => Effect.all(tasks.slice(1), { concurrency: "unbounded" }), 10)
      )
      assert.include(failed.message, "of 10 tasks were begun")
    })
  )

  it.effect("live memory is looked at while elements are pulled and run", () =>
    Effect.gen(function* () {
      const kept: Array<Array<number>> = []
      const keeping = yield* liveBytes(
        async (elements) => {
          for (const n of elements) kept.push(Array.from({ length: 1000 }, () => n))
        },
        1000,
        1,
        100
      )
      assert.isAbove(keeping, 1_000_000)
    })
  )

  it.effect("has the figures of its issue", () =>
    Effect.gen(function* () {
      const figures = yield* group.figures
      assert.deepStrictEqual(
        figures.map(({ id, unit }) => [id, unit]),
        [
          ["group/trivial-100k", "ns/element"],
          ["group/trivial-100k-limit-10", "ns/element"],
          ["group/trivial-100k-bare", "ns/element"],
          ["group/trivial-100k-bare-limit-10", "ns/element"],
          ["group/finished-100k", "ns/element"],
          ["group/lazy-1M", "ns/element"],
          ["group/lazy-1M-bytes", "bytes"],
          ["group/stop-10k", "ms"]
        ]
      )
      for (const { subjects } of figures) assert.containsAllKeys(subjects, ["heddle", "effect"])
    })
  )
})
