import { afterEach, assert, beforeEach, describe, it, vi } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"

import * as Explorer from "../src/Explorer.ts"
import * as Strategy from "../src/Strategy.ts"
import { lines, run } from "./support.ts"

const counter = {
  make: Ref.make(0),
  model: 0 as number,
  operations: {
    next: {
      run: (ref: Ref.Ref<number>) => Ref.updateAndGet(ref, (n) => n + 1),
      respond: (n: number) => [n + 1, n + 1] as const,
      interrupted: "either"
    }
  }
} as const

// one at a time: the clock is everybody's
describe("an exploration ends when its time is over", { concurrent: false }, () => {
  let now = 0
  // every look at the clock takes 100 ms
  beforeEach(() => {
    now = 0
    vi.spyOn(performance, "now").mockImplementation(() => (now += 100))
  })
  afterEach(() => {
    vi.restoreAllMocks()
  })

  for (const strategy of [Strategy.random(), Strategy.pct(), Strategy.exhaustive(), Strategy.portfolio()]) {
    it(`explore: ${strategy.name}`, async () => {
      const runsIn = async (millis: number) => {
        const { exhausted, passed, runs } = await run(Explorer.explore(lines(3, 3), { strategy, millis, runs: 1000 }))
        assert.isTrue(passed && !exhausted)
        return runs
      }
      const [short, long] = [await runsIn(1000), await runsIn(10_000)]
      assert.isAbove(short, 0)
      assert.isBelow(short, 10)
      assert.isAbove(long, 2 * short)
      assert.isBelow(long, 100)
    })
  }

  it("outcomes", async () => {
    const { exhausted, runs } = await run(Explorer.outcomes(lines(3, 3), { millis: 1000 }))
    assert.isFalse(exhausted)
    assert.isBelow(runs, 10)
  })

  it("linearizable: no scenario is begun after it", async () => {
    const scenariosIn = async (millis: number | undefined) =>
      (await run(Explorer.linearizable(counter, { millis, scenarios: 40, runs: 3 }))).runs
    const all = await scenariosIn(undefined)
    const short = await scenariosIn(2000)
    assert.isAbove(short, 0)
    assert.isBelow(short, all / 2)
  })
})

describe("linearizable", () => {
  it("the seed decides which scenarios there are, and nothing else does", async () => {
    // whose schedules are the same for every seed
    const options = { strategy: Strategy.exhaustive(), scenarios: 30 }
    const runs = async (seed: number) => {
      const inputs: Array<number> = []
      const next = {
        ...counter.operations.next,
        run: (ref: Ref.Ref<number>) =>
          Effect.suspend(() => {
            inputs.push(1)
            return Ref.updateAndGet(ref, (n) => n + 1)
          })
      }
      const report = await run(Explorer.linearizable({ ...counter, operations: { next } }, { ...options, seed }))
      return { ...report, calls: inputs.length }
    }
    const [zero, one, again] = [await runs(0), await runs(1), await runs(0)]
    assert.deepStrictEqual(again, zero)
    assert.notDeepEqual(one, zero)
  })
})
