/** Under the explorer: callers that come, leave and are interrupted, in any order; each item in one batch, or in none. */
import { assert, describe } from "@effect/vitest"
import * as Explorer from "@heddle/testing/Explorer"
import { it } from "@heddle/testing/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"

import { make, run, stats } from "../src/Batcher.ts"

const turmoil = (dedupe: boolean) =>
  Effect.gen(function* () {
    const seen: Array<number> = []
    let running = 0
    const batcher = yield* make({
      maxSize: 2,
      maxWait: 1,
      concurrency: 1,
      dedupe,
      run: (items: ReadonlyArray<number>) =>
        Effect.gen(function* () {
          assert.isAtMost(++running, 1)
          seen.push(...items)
          yield* Effect.yieldNow
          return items.map((n) => Exit.succeed(n * 10))
        }).pipe(Effect.ensuring(Effect.sync(() => running--)))
    })
    const callers: Array<Fiber.Fiber<number>> = []
    for (const n of [1, 2, 2, 3]) callers.push(yield* Effect.forkChild(run(batcher, n)))
    yield* Fiber.interrupt(callers[yield* Explorer.choose(callers.length)]!)
    const exits = yield* Effect.forEach(callers, Fiber.await)
    for (const [index, exit] of exits.entries()) {
      if (Exit.isSuccess(exit)) assert.strictEqual(exit.value, [1, 2, 2, 3][index]! * 10)
    }
    assert.isAtLeast(exits.filter(Exit.isSuccess).length, 3)
    const copies = seen.filter((n) => n === 2).length
    assert.isAtMost(copies, 2)
    assert.deepInclude(yield* stats(batcher), { waiting: 0, due: 0, running: 0, items: seen.length })
  })

describe("Batcher, explored", () => {
  for (const dedupe of [false, true]) {
    it.explore(`an interruption among four callers${dedupe ? ", two of whom ask for the same" : ""}`, turmoil(dedupe), {
      runs: 300,
      millis: 400
    })
  }

  it.effect("a caller, interrupted everywhere, beside one of the same batch", () =>
    Effect.gen(function* () {
      const report = yield* Explorer.interruptEverywhere(
        Effect.gen(function* () {
          const batcher = yield* make({
            maxSize: 2,
            maxWait: 1,
            concurrency: 1,
            run: (items: ReadonlyArray<number>) =>
              Effect.as(
                Effect.yieldNow,
                items.map((n) => Exit.succeed(n))
              )
          })
          return { batcher, before: [run(batcher, 0)], target: run(batcher, 1), after: [run(batcher, 2)] }
        }),
        (_, { batcher }) =>
          Effect.map(stats(batcher), (counts) => assert.deepInclude(counts, { waiting: 0, due: 0, running: 0 })),
        { budgets: [3, 5, 64] }
      )
      assert.isAbove(report.interrupted, 20)
      assert.isAbove(report.completed, 0)
    })
  )
})
