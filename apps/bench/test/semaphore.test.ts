import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"

import { type Body, contenders, prebuilt, semaphore } from "../src/semaphore.ts"

const load = { permits: 3, workers: 12, executions: 5 }

/** A body that gives way in its midst, and what was seen of it. */
const observed = () => {
  const seen = { executed: 0, active: 0, mostActive: 0 }
  const enter = () => {
    seen.mostActive = Math.max(seen.mostActive, ++seen.active)
  }
  const exit = () => {
    seen.active--
    seen.executed++
  }
  const body: Body = {
    effect: Effect.sync(enter).pipe(Effect.andThen(Effect.yieldNow), Effect.andThen(Effect.sync(exit))),
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

const unguarded = new Set(["none", "none-promise"])

describe.each([
  ["contenders", contenders],
  ["prebuilt", prebuilt]
])("semaphore: %s", (_, subjects) => {
  it.effect.each(Object.entries(subjects))("%s executes every body, as many at a time as it may", ([name, contender]) =>
    Effect.gen(function* () {
      const { seen, body } = observed()
      const batch = contender(load, body)
      yield* Effect.promise(batch)
      const allowed = unguarded.has(name) ? load.workers : load.permits
      assert.deepStrictEqual(seen, { executed: 60, active: 0, mostActive: allowed })
      yield* Effect.promise(batch)
      assert.deepStrictEqual(seen, { executed: 120, active: 0, mostActive: allowed })
    })
  )
})

describe("semaphore", () => {
  it.effect("has the figures that the README quotes, in nanoseconds per operation", () =>
    Effect.gen(function* () {
      const figures = yield* semaphore.figures
      assert.deepStrictEqual(
        figures.map(({ id, unit }) => [id, unit]),
        ["uncontended", "uncontended-prebuilt", "fibers-100", "waiters-1000", "waiters-5000", "waiters-16000"].map(
          (name) => [`semaphore/${name}`, "ns/op"]
        )
      )
    })
  )
})
