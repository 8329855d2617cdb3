// explorations one after the other, each with the machine to itself
/* oxlint-disable eslint/no-await-in-loop */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as TestClock from "effect/testing/TestClock"

import * as Explorer from "../src/Explorer.ts"
import { formatReplay, parseReplay } from "../src/internal/replayString.ts"
import * as Strategy from "../src/Strategy.ts"
import { lines, locksInBothOrders, lostUpdate, run } from "./support.ts"

describe("a run is a function of its seed and its choices", () => {
  for (const [name, program] of Object.entries({ lostUpdate, locksInBothOrders })) {
    for (const strategy of [Strategy.random(), Strategy.pct(), Strategy.exhaustive(), Strategy.portfolio()]) {
      it(`${name}, ${strategy.name}: the same seed finds the same failure in the same run, with the same trace`, async () => {
        const explore = () => run(Explorer.explore(program, { strategy, seed: 7 }))
        const [one, two] = [await explore(), await explore()]
        assert.isFalse(one.passed)
        assert.deepStrictEqual(
          [one.runs, one.failure?.trace, one.failure?.found],
          [two.runs, two.failure?.trace, two.failure?.found]
        )
      })

      it(`${name}, ${strategy.name}: the replay string fails in the same way, shrunk or as found`, async () => {
        const { failure } = await run(Explorer.explore(program, { strategy }))
        assert(failure !== undefined)
        for (const text of [failure.replay, failure.found, failure.weakestReplay]) {
          const again = await run(Explorer.explore(program, { strategy: Strategy.replay(text), shrink: false }))
          assert.strictEqual(again.failure?.verdict._tag, failure.verdict._tag)
          assert.strictEqual(again.failure?.replay, text)
        }
      })
    }
  }

  it("a replay string goes there and back", () => {
    for (const text of ["op:0:", "op3:1k:4.1,2.2", "stock:0::b3,o5", "resume:zz:0.1,1.z"]) {
      assert.strictEqual(formatReplay(parseReplay(text)!), text)
    }
    for (const text of ["", "op", "op:0", "fast:0:", "op:0:4", "op:0:4.1,"]) assert.isUndefined(parseReplay(text))
    assert.throws(() => Strategy.replay("op:0:4"), /"op:0:4" is not a replay string/)
  })

  it("an effect that is not a function of its choices is said not to be reproducible", async () => {
    let runs = 0
    const flaky = Effect.suspend(() => (++runs === 3 ? Effect.die(new Error("the third time")) : Effect.void))
    const { failure } = await run(Explorer.explore(flaky, { strategy: Strategy.random() }))
    assert.isFalse(failure?.reproducible)
    assert.include(failure?.trace, "NOT REPRODUCIBLE")
  })

  it("Random is a stream of the seed: the same for the same schedule, another in another run", async () => {
    const seen = new Map<string, Set<number>>()
    const draws = Effect.flatMap(Random.next, (n) => Effect.sync(() => seen.get("now")!.add(n)))
    seen.set("now", new Set())
    await run(Explorer.explore(draws, { strategy: Strategy.random(), runs: 10 }))
    assert.strictEqual(seen.get("now")!.size, 10)
    const first = [...seen.get("now")!]
    seen.set("now", new Set())
    await run(Explorer.explore(draws, { strategy: Strategy.random(), runs: 10 }))
    assert.deepStrictEqual([...seen.get("now")!], first)
  })

  it("time begins at 0 and moves only when nothing can run", async () => {
    const times = Effect.gen(function* () {
      const start = yield* Clock.currentTimeMillis
      const fiber = yield* Effect.forkChild(Effect.sleep("10 seconds"))
      yield* Effect.yieldNow
      const before = yield* Clock.currentTimeMillis
      yield* Fiber.join(fiber)
      return [start, before, yield* Clock.currentTimeMillis]
    })
    const { outcomes } = await run(Explorer.outcomes(times))
    assert.deepStrictEqual(
      outcomes.map(({ result }) => result),
      ["[0,0,10000]"]
    )
  })

  it("timers of one length fire in their order; of others that are due at one instant any may be first", async () => {
    const both = (...sleeps: ReadonlyArray<ReadonlyArray<number>>) =>
      Effect.gen(function* () {
        const log: Array<number> = []
        const lines = sleeps.map((line, index) =>
          Effect.andThen(
            Effect.forEach(line, (millis) => Effect.sleep(millis)),
            Effect.sync(() => log.push(index))
          )
        )
        yield* Effect.all(lines, { concurrency: "unbounded" })
        return log.join("")
      })
    const results = async (mode: Explorer.Mode, ...sleeps: ReadonlyArray<ReadonlyArray<number>>) =>
      (await run(Explorer.outcomes(both(...sleeps), { mode, runs: 2000 }))).outcomes.map(({ result }) => result)
    for (const mode of ["stock", "resume"] as const) {
      assert.deepStrictEqual(await results(mode, [5], [5]), ['"01"'])
      assert.deepStrictEqual(await results(mode, [6], [5]), ['"10"'])
      assert.deepStrictEqual(await results(mode, [2, 3], [5]), ['"01"', '"10"'])
      assert.deepStrictEqual(await results(mode, [5], [2, 3], [5]), ['"012"', '"021"', '"102"'])
    }
    assert.deepStrictEqual(await results("op", [5], [5]), ['"01"', '"10"'])
  })

  it("outcomes: a promise that a rare schedule awaits answers before its timeout", async () => {
    const program = Effect.gen(function* () {
      let first = ""
      const claim = (name: string) => Effect.sync(() => void (first ||= name))
      yield* Effect.all([claim("x"), claim("y")], { concurrency: 2 })
      if (first === "x") return "x"
      const answer = yield* Effect.timeoutOption(
        Effect.promise(() => Promise.resolve()),
        "1 second"
      )
      return answer._tag
    })
    const { outcomes } = await run(Explorer.outcomes(program, { runs: 300 }))
    assert.deepStrictEqual(
      outcomes.map(({ result }) => result),
      ['"Some"', '"x"']
    )
  })

  it("TestClock inside has its own time", async () => {
    const inside = Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(Effect.as(Effect.sleep("1 day"), "slept"))
      yield* TestClock.adjust("1 day")
      return yield* Fiber.join(fiber)
    }).pipe(Effect.provide(TestClock.layer()))
    const report = await run(Explorer.explore(inside, { runs: 30 }))
    assert.isUndefined(report.failure?.trace)
  })

  it("Explorer.choose is enumerated; outside of the explorer the probes do nothing", async () => {
    const pair = Effect.all([Explorer.choose(2), Explorer.choose(3)])
    const { exhausted, outcomes, runs } = await run(Explorer.outcomes(pair))
    assert.isTrue(exhausted)
    assert.strictEqual(runs, 6)
    assert.lengthOf(outcomes, 6)
    const { acquire, release } = Explorer.resource("x")
    const alone = Effect.andThen(Explorer.step("x"), Effect.andThen(acquire, Effect.andThen(release, pair)))
    assert.deepStrictEqual(await run(alone), [0, 0])
  })

  it("traces of long runs are cut in the middle, and lines stay within 100 columns", async () => {
    const fails = Effect.andThen(lines(20, 20, 20), Effect.die(new Error("end")))
    const { failure } = await run(Explorer.explore(fails, { strategy: Strategy.random(), shrink: false }))
    assert(failure !== undefined)
    for (const line of failure.trace.split("\n").slice(0, -1)) assert.isAtMost(line.length, 118)
  })
})
