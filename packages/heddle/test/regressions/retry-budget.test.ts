/** What attacks on `RetryBudget` have found. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

import * as RetryBudget from "../../src/RetryBudget.ts"

const { make, stats, withExecution } = RetryBudget

describe("traffic that outlives the execution that began it", () => {
  const executions = (budget: RetryBudget.RetryBudget) => Effect.map(stats(budget), (now) => now.executions)

  it.effect("counts anew when it calls again", () =>
    Effect.gen(function* () {
      const budget = yield* make()
      const gate = yield* Deferred.make<void>()
      const later = Effect.andThen(Deferred.await(gate), withExecution(budget, executions(budget)))
      const daemon = yield* withExecution(budget, Effect.forkDetach(later))
      assert.strictEqual(yield* executions(budget), 0)
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual(yield* Fiber.join(daemon), 1)
      assert.strictEqual(yield* executions(budget), 0)
    })
  )

  it.effect("stays counted, once, while a call that it had begun inside goes on", () =>
    Effect.gen(function* () {
      const budget = yield* make()
      const gate = yield* Deferred.make<void>()
      const twice = Effect.all(
        [withExecution(budget, Deferred.await(gate)), withExecution(budget, Deferred.await(gate))],
        {
          concurrency: 2
        }
      )
      const daemon = yield* withExecution(budget, Effect.forkDetach(twice, { startImmediately: true }))
      assert.strictEqual(yield* executions(budget), 1)
      yield* Fiber.interrupt(daemon)
      assert.strictEqual(yield* executions(budget), 0)
    })
  )

  it.effect("does not carry the executions that are over from daemon to daemon", () =>
    Effect.gen(function* () {
      const budgets = [yield* make(), yield* make()]
      const next = (left: number): Effect.Effect<number> => {
        if (left === 0) return Effect.map(Effect.fiber, ({ context }) => longest([...context.mapUnsafe.values()]))
        const daemon = Effect.forkDetach(Effect.suspend(() => next(left - 1)))
        const counted = budgets.reduce((effect, budget) => withExecution(budget, effect), daemon)
        return Effect.flatMap(counted, Fiber.join)
      }
      assert.isAtMost(yield* next(20), 2)
    })
  )
})

const longest = (values: ReadonlyArray<unknown>): number =>
  values.filter(Array.isArray).reduce((most, array) => Math.max(most, array.length), 0)
