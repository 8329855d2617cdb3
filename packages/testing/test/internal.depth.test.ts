import { assert, describe, it } from "@effect/vitest"

import type * as Explorer from "../src/Explorer.ts"
import {
  budgetOf,
  depthOf,
  explorePlan,
  isDeep,
  linearizablePlan,
  seedFor,
  strategyFor
} from "../src/internal/depth.ts"
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

  it("it.explore: the test's options, its budget by default, and what the environment says instead", () => {
    const plan = (environment: Record<string, string>, options: Explorer.Options = {}) =>
      explorePlan(depthOf(environment), options)
    assert.deepInclude(plan({}), { runs: 200, millis: 300, seed: 0, shrink: true })
    const options = { runs: 7, millis: 9, seed: 3, shrink: false, mode: "op3", maxSteps: 50 } as const
    assert.deepInclude(plan({}, options), options)
    const deep = { EXPLORE_RUNS: "500", EXPLORE_SEED: "8" }
    assert.deepInclude(plan(deep, { mode: "op3" }), { runs: 500, millis: Infinity, seed: 8, mode: "op3" })
    assert.deepInclude(plan({ EXPLORE_MILLIS: "70" }, options), { runs: Infinity, millis: 70, seed: 3 })
    const replayed = plan({ EXPLORE_REPLAY: "op3:5:1.1" }, { strategy: Strategy.exhaustive() })
    assert.deepInclude(replayed, { shrink: false })
    assert.deepInclude(replayed?.strategy, { name: "replay", mode: "op3" })
    assert.isUndefined(plan({ EXPLORE_SHARD: "1/2" }, { strategy: Strategy.exhaustive() }))
  })

  it("it.linearizable: likewise, with as many scenarios as schedules of each where it is deep", () => {
    const plan = (environment: Record<string, string>, options: Explorer.LinearizableOptions = {}) =>
      linearizablePlan(depthOf(environment), options)
    assert.deepInclude(plan({}), { runs: 30, scenarios: 30, millis: 1000, seed: 0, replay: undefined })
    const options = { runs: 7, scenarios: 4, millis: 9, seed: 3, replay: "own", fibers: 2, mode: "op3" } as const
    assert.deepInclude(plan({}, options), options)
    const deep = { EXPLORE_RUNS: "10000", EXPLORE_SEED: "8" }
    assert.deepInclude(plan(deep, { fibers: 2 }), { runs: 100, scenarios: 100, millis: Infinity, seed: 8, fibers: 2 })
    const timed = plan({ EXPLORE_MILLIS: "70" }, options)
    assert.deepInclude(timed, { runs: 1000, scenarios: Infinity, millis: 70, seed: 3 })
    assert.deepInclude(plan({ EXPLORE_REPLAY: "[] op:0:" }, options), { replay: "[] op:0:" })
    assert.isUndefined(plan({ EXPLORE_SHARD: "1/2" }, { strategy: Strategy.exhaustive() }))
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
