import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"

import { contenders as keyed, contests, jain, p99 } from "../src/keyed.ts"
import { contenders, prebuilt, semaphore } from "../src/semaphore.ts"
import type { Body } from "../src/workers.ts"

const load = { permits: 3, workers: 12, executions: 5, keys: 4 }

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
  ["prebuilt", prebuilt],
  ["keyed", keyed]
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

const mean = (values: ReadonlyArray<number>) => values.reduce((sum, value) => sum + value, 0) / values.length

describe("semaphore", () => {
  it.effect("has the figures that the README quotes", () =>
    Effect.gen(function* () {
      const figures = yield* semaphore.figures
      assert.deepStrictEqual(
        figures.map(({ id, unit }) => `${id} ${unit}`),
        [
          "semaphore/uncontended ns/op",
          "semaphore/uncontended-prebuilt ns/op",
          "semaphore/fibers-100 ns/op",
          "semaphore/waiters-1000 ns/op",
          "semaphore/waiters-5000 ns/op",
          "semaphore/waiters-16000 ns/op",
          "semaphore/priority-off ns/op",
          "semaphore/priority-on-3 ns/op",
          "semaphore/priority-on-1000 ns/op",
          "keyed/keys-1 ns/op",
          "keyed/keys-100 ns/op",
          "keyed/keys-100000 ns/op",
          "keyed/waiters-1000 ns/op",
          "keyed/waiters-16000 ns/op",
          "keyed/jain index",
          "keyed/p99-wait permits"
        ]
      )
    })
  )

  it.effect.each(Object.entries(contests))(
    "%s hands out what was asked for, the same in every run",
    ([name, contest]) =>
      Effect.gen(function* () {
        const [shares, again] = [yield* contest, yield* contest]
        assert.deepStrictEqual(shares, again)
        assert.lengthOf(shares.received, 8)
        assert.isAtLeast(
          shares.received.reduce((sum, share) => sum + share, 0),
          100_000
        )
        assert.isAbove(p99(shares.waits.flat()), 0)
        if (name === "heddle") assert.isAtLeast(jain(shares), 0.999)
      })
  )

  it.effect(
    "a client waits as long as a fair share makes it: 16 times what it asks for, at an eighth of what is handed out",
    () =>
      Effect.gen(function* () {
        const { waits } = yield* contests["heddle"]!
        const fair = [1, 4.5, 4.5, 4.5, 4.5, 4.5, 4.5, 8].map((wanted) => 16 * wanted * 8)
        waits.forEach((those, client) => assert.closeTo(mean(those), fair[client]!, 0.06 * fair[client]!))
        // and the order of turns adds no more than three of the largest requests
        assert.isAtMost(Math.max(...waits.at(0)!), fair.at(0)! + 3 * 8)
        assert.isAtMost(Math.max(...waits.at(-1)!), fair.at(-1)! + 3 * 8)
      })
  )

  it("Jain's index is 1 if all have got the same, and 1/n if one has got it all", () => {
    assert.strictEqual(jain({ received: [3, 3, 3, 3], waits: [] }), 1)
    assert.strictEqual(jain({ received: [0, 5, 0, 0], waits: [] }), 0.25)
  })
})
