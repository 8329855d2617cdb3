import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"

import * as Explorer from "../src/Explorer.ts"
import { DistinctSchedules, mostDistinct } from "../src/internal/distinct.ts"
import { RandomStream } from "../src/internal/seeded.ts"
import { exhaustiveSearch, type Order } from "../src/internal/strategies/exhaustive.ts"
import * as Strategy from "../src/Strategy.ts"
import { lines, run } from "./support.ts"

describe("what is kept of the runs is bounded", () => {
  it("different schedules are counted, not kept", () => {
    const distinct = new DistinctSchedules()
    const seen = new Set<string>()
    const stream = new RandomStream(1)
    for (let index = 0; index < 20_000; index++) {
      const schedule = Array.from({ length: stream.below(3) }, (_, at) => ({
        point: at * 1000 + stream.below(100),
        alternative: stream.below(2) === 0 ? 1 + stream.below(3) : 2 ** 40 + stream.below(3)
      }))
      distinct.add(schedule)
      seen.add(JSON.stringify(schedule))
    }
    assert.strictEqual(distinct.size, seen.size)
    for (let point = 0; point < mostDistinct + 10; point++) distinct.add([{ point, alternative: 1 }])
    assert.strictEqual(distinct.size, mostDistinct)
  })

  it("an exhaustive search keeps so many runs to continue, and does not claim to be complete then", () => {
    const all = (order: Order, most: number) => {
      const search = exhaustiveSearch(0, { order, most })
      const schedules = new Set<string>()
      let runs = 0
      while (search.next() !== undefined) {
        runs++
        const schedule = []
        for (let point = 0; point < 6; point++) {
          const alternative = search.choose(2, {
            kind: "dispatch",
            candidates: 2,
            keyOf: () => 0,
            yieldsOf: () => 0,
            digest: 0
          })
          if (alternative > 0) schedule.push({ point, alternative })
        }
        schedules.add(JSON.stringify(schedule))
        search.done({ points: 6, steps: 6, schedule, redundant: false, drawsRandom: false, digest: 0 })
      }
      assert.strictEqual(schedules.size, runs)
      return { runs, complete: search.complete?.() }
    }
    for (const order of ["preemptions", "deviations"] as const) {
      assert.deepStrictEqual(all(order, 100), { runs: 64, complete: true })
      assert.deepStrictEqual(all(order, 3), { runs: 16, complete: false })
    }
  })
})

describe("nothing is called complete that is not", () => {
  it("a choice of any size", async () => {
    const last = Effect.map(Explorer.choose(40_000), (n) => (n === 39_999 ? "last" : "other"))
    const { exhausted, outcomes, runs } = await run(Explorer.outcomes(last, { runs: 50_000 }))
    assert.isTrue(exhausted)
    assert.strictEqual(runs, 40_000)
    assert.deepStrictEqual(
      outcomes.map(({ count, result }) => [result, count]),
      [
        ['"last"', 1],
        ['"other"', 39_999]
      ]
    )
    const huge = await run(Explorer.outcomes(Explorer.choose(2 ** 40), { runs: 100 }))
    assert.isFalse(huge.exhausted)
    assert.lengthOf(huge.outcomes, 100)
  })

  it("a program that draws from Random, whatever its schedules", async () => {
    const unlucky = Effect.flatMap(Random.next, (n) => (n < 0.95 ? Effect.void : Effect.die(new Error("rare"))))
    const report = await run(Explorer.explore(unlucky, { runs: 500 }))
    assert.isFalse(report.passed)
    const { exhausted } = await run(Explorer.outcomes(Random.next))
    assert.isFalse(exhausted)
  })

  it("a bounded search, where the bound left something out", async () => {
    const strategy = (preemptions: number) => Strategy.portfolio([Strategy.exhaustive({ preemptions })])
    const bounded = await run(Explorer.explore(lines(1, 1), { strategy: strategy(1) }))
    assert.isFalse(bounded.exhausted)
    const free = await run(Explorer.explore(lines(1, 1), { strategy: strategy(20) }))
    assert.isTrue(free.exhausted)
    assert.strictEqual(bounded.distinctSchedules, bounded.runs)
    assert.strictEqual(free.distinctSchedules, free.runs)
  })

  describe("a program that is another one each time", () => {
    const perRun = (program: (run: number) => Effect.Effect<unknown, unknown>) => {
      let runs = 0
      return Effect.suspend(() => program(runs++))
    }
    const yields = (times: number) =>
      Effect.all([Effect.yieldNow, Effect.replicateEffect(Effect.yieldNow, times)], { concurrency: 2 })
    const programs: Readonly<Record<string, () => Effect.Effect<unknown, unknown>>> = {
      "in its first run only": () => perRun((run) => (run === 0 ? Effect.void : yields(1))),
      "in every other run": () => perRun((run) => yields(1 + (run % 2))),
      "from some run on": () => perRun((run) => yields(run < 5 ? 1 : 2)),
      "in how much it does at one go": () =>
        perRun((run) => Effect.andThen(yields(1), run === 3 ? Effect.void : Effect.yieldNow)),
      "by Math.random": () => Effect.suspend(() => yields(Math.random() < 0.5 ? 1 : 2)),
      "in one run of many": () => perRun((run) => (run === 40 ? Effect.andThen(Effect.void, yields(3)) : yields(3)))
    }
    for (const [name, make] of Object.entries(programs)) {
      it(name, async () => {
        const { exhausted, passed } = await run(
          Explorer.explore(make(), { strategy: Strategy.exhaustive(), runs: 5000 })
        )
        assert.isFalse(passed && exhausted)
      })
    }

    it("in what it answers", async () => {
      const { exhausted } = await run(Explorer.outcomes(perRun((run) => Effect.as(yields(1), run < 7))))
      assert.isFalse(exhausted)
    })

    it("and one that is not is exhausted", async () => {
      const { exhausted } = await run(
        Explorer.explore(
          perRun(() => yields(1)),
          { strategy: Strategy.exhaustive() }
        )
      )
      assert.isTrue(exhausted)
    })
  })
})
