import { assert, describe } from "@effect/vitest"
import * as Explorer from "@heddle/testing/Explorer"
import { it } from "@heddle/testing/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"

import * as RetryBudget from "../src/RetryBudget.ts"

const { make, makeUnsafe, retry, stats, withAttemptIfAvailable, withExecution } = RetryBudget

const Step = Schema.Struct({ what: Schema.Int, who: Schema.Int })

describe("a budget against its rule", () => {
  it.effect.prop(
    "random traffic: what is in flight is what was granted, and a grant never breaks the rule",
    [Schema.Array(Step), Schema.Int, Schema.Int],
    ([program, tenths, least]) =>
      Effect.gen(function* () {
        const ratio = (Math.abs(tenths) % 11) / 10
        const minConcurrency = Math.abs(least) % 4
        const budget = makeUnsafe({ ratio, minConcurrency })
        const running: Array<Fiber.Fiber<unknown>> = []
        const further: Array<Fiber.Fiber<unknown>> = []
        const start = (effect: Effect.Effect<unknown>) => Effect.forkChild(effect, { startImmediately: true })
        const remove = (from: Array<Fiber.Fiber<unknown>>, who: number) => {
          const [gone] = from.splice(Math.abs(who) % Math.max(1, from.length), 1)
          return gone === undefined ? Effect.void : Fiber.interrupt(gone)
        }
        for (const { what, who } of program) {
          const extra = further.length
          const executions = running.length + extra
          switch (Math.abs(what) % 4) {
            case 0:
              running.push(yield* start(Effect.never.pipe(withExecution(budget))))
              break
            case 1: {
              const fiber = yield* start(Effect.never.pipe(withAttemptIfAvailable(budget)))
              const room = extra < minConcurrency || (ratio > 0 && executions > 0 && extra / executions <= ratio)
              assert.strictEqual(fiber.pollUnsafe() === undefined, room)
              if (room) further.push(fiber)
              break
            }
            case 2:
              yield* remove(running, who)
              break
            default:
              yield* remove(further, who)
          }
          const seen = yield* stats(budget)
          assert.strictEqual(seen.extra, further.length)
          assert.strictEqual(seen.executions, running.length + further.length)
        }
      }),
    { arbitrary: { runs: 200, size: 60 } }
  )
})

describe("interrupted everywhere", () => {
  const idle = (budget: RetryBudget.RetryBudget) =>
    Effect.map(stats(budget), ({ executions, extra }) =>
      assert.deepStrictEqual({ executions, extra }, { executions: 0, extra: 0 })
    )
  const ways: Record<string, (budget: RetryBudget.RetryBudget) => Effect.Effect<unknown, unknown>> = {
    "a retry with a backoff": (budget) => {
      let attempts = 0
      const call = Effect.suspend(() =>
        Effect.andThen(Effect.yieldNow, ++attempts < 3 ? Effect.fail("no") : Effect.void)
      )
      return call.pipe(retry(budget, Schedule.spaced(10)))
    },
    "a further attempt": (budget) => Effect.yieldNow.pipe(withAttemptIfAvailable(budget)),
    "an execution": (budget) => Effect.yieldNow.pipe(withExecution(budget))
  }
  for (const [name, way] of Object.entries(ways)) {
    it.effect(`${name}: both counts go back`, () =>
      Effect.gen(function* () {
        const report = yield* Explorer.interruptEverywhere(
          Effect.gen(function* () {
            const budget = yield* make()
            return { budget, target: way(budget) }
          }),
          (_, { budget }) => idle(budget),
          { budgets: [3, 4, 5, 8, 64] }
        )
        assert.isAbove(report.interrupted, 50)
      })
    )
  }
})
