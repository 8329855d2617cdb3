import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

import * as Explorer from "../src/Explorer.ts"
import * as Strategy from "../src/Strategy.ts"
import { lostUpdate, run } from "./support.ts"

const table = async (effect: Effect.Effect<unknown, unknown>, options: Explorer.Options = {}) =>
  (await run(Explorer.outcomes(effect, options))).outcomes.map(({ count, result }) => [result, count])

describe("outcomes", () => {
  it("tells results apart whatever they are", async () => {
    const cyclic: Record<string, unknown> = {}
    cyclic["self"] = cyclic
    const values = [
      1,
      "1",
      1n,
      [1],
      { a: 1 },
      new Set([1]),
      new Map([[1, 1]]),
      NaN,
      null,
      undefined,
      Option.some(1),
      cyclic
    ]
    const results = await table(Effect.map(Explorer.choose(values.length), (n) => values[n]))
    assert.lengthOf(results, values.length)
    assert.deepInclude(results, ['{"a":1}', 1])
    assert.deepInclude(results, ["1n", 1])
  })

  it("has the failure, the defect or the verdict of what did not end well", async () => {
    const ways: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
      Effect.succeed("well"),
      Effect.fail("typed"),
      Effect.die(new TypeError("defect")),
      Effect.interrupt,
      Effect.never,
      Effect.forkDetach(Effect.never),
      Effect.forever(Effect.yieldNow),
      Effect.withFiber(({ currentDispatcher }) => {
        currentDispatcher.scheduleTask(() => {
          throw new Error("thrown")
        }, 0)
        return Effect.yieldNow
      })
    ]
    const program = Effect.flatMap(Explorer.choose(ways.length), (n) => ways[n]!)
    assert.deepStrictEqual(await table(program, { outside: 0, maxSteps: 500, mode: "stock" }), [
      ['"well"', 1],
      ["Error: thrown", 1],
      ["Error: typed", 1],
      ["TypeError: defect", 1],
      ["deadlock", 1],
      ["interrupted", 1],
      ["leak", 1],
      ["livelock", 1]
    ])
  })

  it("has a schedule for each", async () => {
    const strategy = Strategy.exhaustive({ preemptions: 1 })
    const { exhausted, outcomes } = await run(Explorer.outcomes(lostUpdate, { strategy }))
    assert.isTrue(exhausted)
    const lost = outcomes.find(({ result }) => result === "Error: an update was lost")
    const { failure } = await run(Explorer.explore(lostUpdate, { strategy: Strategy.replay(lost?.replay ?? "") }))
    assert.strictEqual(failure?.verdict._tag, "Failed")
  })
})
