// explorations one after the other, each with the machine to itself
/* oxlint-disable eslint/no-await-in-loop */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

import * as Explorer from "../src/Explorer.ts"
import * as Strategy from "../src/Strategy.ts"
import { handOver, lines, locksInBothOrders, lostUpdate, run } from "./support.ts"

const results = async (effect: Effect.Effect<unknown, unknown>, options: Explorer.Options = {}) => {
  const { exhausted, outcomes, runs } = await run(Explorer.outcomes(effect, options))
  return { exhausted, runs, results: outcomes.map(({ result }) => result) }
}

describe("exhaustive", () => {
  it("reaches every interleaving of straight lines, and nothing else: binomial coefficients", async () => {
    for (const [a, b, count] of [
      [1, 1, 2],
      [2, 1, 3],
      [2, 2, 6]
    ] as const) {
      const found = await results(lines(a, b), { runs: 100_000 })
      assert.isTrue(found.exhausted)
      assert.lengthOf(found.results, count)
    }
  })

  it("runs no schedule twice", async () => {
    const report = await run(Explorer.explore(lines(1, 1), { strategy: Strategy.exhaustive() }))
    assert.isTrue(report.exhausted)
    assert.strictEqual(report.distinctSchedules, report.runs)
  })

  it("takes no schedule further that changed nothing: whoever is woken and alone gives way to nobody", async () => {
    const woken = (length: number) =>
      Effect.gen(function* () {
        const { currentDispatcher } = yield* Effect.fiber
        yield* Effect.callback<void>((resume) => {
          // a task of a task, so that it is not taken for the fiber's own
          currentDispatcher.scheduleTask(() => currentDispatcher.scheduleTask(() => resume(Effect.void), 0), 0)
        })
        yield* Effect.replicateEffect(
          Effect.sync(() => {}),
          length,
          { discard: true }
        )
        yield* Effect.all([Effect.yieldNow, Effect.yieldNow], { concurrency: 2 })
      })
    const runs = async (length: number) => (await results(woken(length), { mode: "op3", runs: 5000 })).runs
    assert.strictEqual((await runs(8)) - (await runs(1)), 7)
  })

  it("does not choose between tasks that have nothing left to do", async () => {
    const interrupts = Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(
        Effect.replicateEffect(
          Effect.sync(() => {}),
          2,
          { discard: true }
        )
      )
      yield* Effect.yieldNow
      yield* Fiber.interrupt(fiber)
      const other = yield* Effect.forkChild(Effect.sync(() => {}))
      yield* Fiber.await(other)
    })
    const { exhausted, runs } = await results(interrupts, {
      runs: 50_000,
      strategy: Strategy.exhaustive({ preemptions: 1 })
    })
    assert.isTrue(exhausted)
    assert.isAtMost(runs, 36)
  })

  it("finds the fewest deviations first, and respects the bound", async () => {
    const strategy = (preemptions: number) => Strategy.exhaustive({ preemptions })
    const none = await run(Explorer.explore(lostUpdate, { strategy: strategy(0) }))
    assert.isTrue(none.passed && none.exhausted)
    const one = await run(Explorer.explore(lostUpdate, { strategy: strategy(1), shrink: false }))
    assert.strictEqual(one.failure?.deviations, 1)
  })

  it("is not exhausted when the budget ends it", async () => {
    const report = await run(Explorer.explore(lines(3, 3), { strategy: Strategy.exhaustive(), runs: 10 }))
    assert.isFalse(report.exhausted)
    assert.strictEqual(report.runs, 10)
  })
})

describe("modes", () => {
  it("each reaches what the weaker ones do", async () => {
    for (const effect of [lines(2, 2), handOver]) {
      let before: ReadonlyArray<string> = []
      for (const mode of ["stock", "resume", "op3", "op"] as const) {
        const { results: now } = await results(effect, { mode, runs: 5000 })
        assert.includeMembers([...now], [...before], mode)
        before = now
      }
    }
  })

  it("a fiber that is resumed on another's stack goes on later from `resume` on", async () => {
    assert.deepStrictEqual((await results(handOver, { mode: "stock" })).results, ['"waiter resumer"'])
    assert.deepStrictEqual((await results(handOver, { mode: "resume" })).results, [
      '"resumer waiter"',
      '"waiter resumer"'
    ])
  })

  it("the weakest mode is named", async () => {
    const order = Effect.flatMap(handOver, (log) =>
      log === "waiter resumer" ? Effect.void : Effect.die(new Error("the resumer was first"))
    )
    const { failure } = await run(Explorer.explore(order))
    assert.deepInclude(failure, { mode: "op", weakestMode: "resume" })
    assert.match(failure!.weakestReplay, /^resume:/)
  })
})

describe("random, pct and portfolio", () => {
  for (const strategy of [Strategy.random(), Strategy.pct({ depth: 2 }), Strategy.portfolio()]) {
    for (const [name, program] of Object.entries({ lostUpdate, locksInBothOrders })) {
      it(`${strategy.name} finds ${name} within 200 runs from any seed`, async () => {
        for (let seed = 0; seed < 10; seed++) {
          const report = await run(Explorer.explore(program, { strategy, seed, runs: 200, shrink: false }))
          assert.isFalse(report.passed, `seed ${seed}`)
        }
      })
    }
  }

  it("pct reports 1 / (n k^(d-1)), and keeps to it", async () => {
    // three fibers
    const report = await run(Explorer.explore(lines(1, 1), { strategy: Strategy.pct({ depth: 2 }), runs: 100 }))
    const points = 1 / (3 * report.probability!)
    assert.approximately(points, Math.round(points), 1e-6)
    let found = 0
    const runs = 2000
    const missed = Effect.flatMap(lines(2, 2), (log) => Effect.sync(() => void (log === "abba" && found++)))
    const { probability } = await run(
      Explorer.explore(missed, { strategy: Strategy.pct({ depth: 3 }), runs, shrink: false })
    )
    assert.isAtLeast(found / runs, probability!)
  })

  it("the portfolio's members take turns, however long a run of each is, until one has nothing left", () => {
    const turns: Array<string> = []
    const member = (name: string, runs: number): Strategy.Strategy => ({
      name,
      seeded: () => undefined,
      search: () => ({
        next: () => (runs-- > 0 ? turns.push(name) : undefined),
        choose: () => 0,
        done: () => {}
      })
    })
    const search = Strategy.portfolio([member("a", 3), member("b", 1), member("c", 9)]).search(0)
    for (let run = 0; run < 9; run++) search.next()
    assert.strictEqual(turns.join(""), "abcacaccc")
  })

  it("where nothing is said, exhaustion goes by deviations: in the portfolio and in outcomes", async () => {
    const exhaustive = (order: "preemptions" | "deviations") => Strategy.exhaustive({ order })
    const schedules = async (strategy?: Strategy.Strategy) =>
      (await run(Explorer.explore(lines(3, 3), { strategy, runs: 500 }))).distinctSchedules
    const portfolio = (order: "preemptions" | "deviations") =>
      Strategy.portfolio([exhaustive(order), Strategy.random(), Strategy.pct()])
    assert.strictEqual(await schedules(), await schedules(portfolio("deviations")))
    assert.notStrictEqual(await schedules(), await schedules(portfolio("preemptions")))
    const counts = async (strategy?: Strategy.Strategy) =>
      (await run(Explorer.outcomes(lines(2, 2), { strategy, runs: 100 }))).outcomes
    assert.deepStrictEqual(await counts(), await counts(exhaustive("deviations")))
    assert.notDeepEqual(await counts(), await counts(exhaustive("preemptions")))
  })

  it("the portfolio has the probability of its member that has one", async () => {
    const probability = async (strategy: Strategy.Strategy, runs: number) =>
      (await run(Explorer.explore(lines(1, 1), { strategy, runs }))).probability
    const pct = await probability(Strategy.pct({ depth: 2 }), 20)
    assert.isAbove(pct!, 0)
    const strategy = Strategy.portfolio([Strategy.random(), Strategy.pct({ depth: 2 })])
    assert.strictEqual(await probability(strategy, 40), pct)
    assert.isUndefined(await probability(Strategy.portfolio([Strategy.random()]), 20))
  })

  it("the portfolio ends when one of its members has run everything", async () => {
    const report = await run(Explorer.explore(lines(1), { runs: 10_000 }))
    assert.isTrue(report.passed && report.exhausted)
    assert.isBelow(report.runs, 1000)
  })
})
