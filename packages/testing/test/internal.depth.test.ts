import { assert, describe, it } from "@effect/vitest"

import { budgetOf, depthOf, isDeep, seedFor, strategyFor } from "../src/internal/depth.ts"
import * as Strategy from "../src/Strategy.ts"

const own = { runs: 200, millis: 300 }

describe("how deep a test explores", () => {
  it("without a word from the environment as its own budget says", () => {
    const depth = depthOf({ EXPLORE_RUNS: "", PATH: "x" })
    assert.isFalse(isDeep(depth))
    assert.deepStrictEqual(budgetOf(depth, own), own)
    assert.strictEqual(seedFor(depth, undefined), 0)
    assert.strictEqual(seedFor(depth, 7), 7)
  })

  it("runs are shared by the shards, time is not", () => {
    const shard = { EXPLORE_SHARD: "1/3" }
    assert.deepStrictEqual(budgetOf(depthOf({ ...shard, EXPLORE_RUNS: "1000" }), own), { runs: 334, millis: Infinity })
    assert.deepStrictEqual(budgetOf(depthOf({ ...shard, EXPLORE_MILLIS: "50" }), own), { runs: Infinity, millis: 50 })
  })

  it("every shard has a seed of its own, and the first that of the test", () => {
    const seeds = ["0/4", "1/4", "2/4", "3/4"].map((EXPLORE_SHARD) => seedFor(depthOf({ EXPLORE_SHARD }), 7))
    assert.strictEqual(seeds[0], 7)
    assert.strictEqual(new Set(seeds).size, 4)
    assert.strictEqual(seedFor(depthOf({ EXPLORE_SEED: "5" }), undefined), 5)
    assert.strictEqual(seedFor(depthOf({ EXPLORE_SEED: "5" }), 7), 7)
  })

  it("what ignores its seed is run once", () => {
    const first = depthOf({ EXPLORE_SHARD: "0/2" })
    const second = depthOf({ EXPLORE_SHARD: "1/2" })
    const portfolio = Strategy.portfolio()
    assert.strictEqual(strategyFor(first, portfolio), portfolio)
    assert.strictEqual(strategyFor(second, portfolio)?.name, "portfolio")
    assert.isUndefined(strategyFor(second, Strategy.exhaustive()))
    assert.isUndefined(strategyFor(second, Strategy.portfolio([Strategy.exhaustive()])))
    assert.strictEqual(strategyFor(second, Strategy.random())?.name, "random")
    assert.isUndefined(strategyFor(second, Strategy.random({ seed: 5 })))
    assert.isUndefined(strategyFor(second, Strategy.pct({ seed: 5 })))
  })

  it("odd values are refused by name", () => {
    for (const environment of [
      { EXPLORE_RUNS: "0" },
      { EXPLORE_RUNS: "many" },
      { EXPLORE_MILLIS: "1.5" },
      { EXPLORE_SEED: "-1" },
      { EXPLORE_SHARD: "2/2" },
      { EXPLORE_SHARD: "x" }
    ]) {
      const [[name, value] = []] = Object.entries(environment)
      assert.throws(() => depthOf(environment), new RegExp(`${name} has to be .* and is "${value}"`))
    }
  })
})
