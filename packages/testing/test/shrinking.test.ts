// explorations one after the other, each with the machine to itself
/* oxlint-disable eslint/no-await-in-loop */
import { assert, describe, it, vi } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"

import * as Explorer from "../src/Explorer.ts"
import * as Strategy from "../src/Strategy.ts"
import { lines, locksInBothOrders, lostUpdate, run } from "./support.ts"

/** Fails in two ways, of which one takes more deviations. */
const either = (wanted: string, one: Effect.Effect<never, unknown>, other: Effect.Effect<never, unknown>) =>
  Effect.flatMap(lines(2, 2), (log) => (log === "aabb" ? Effect.void : log === wanted ? one : other))

describe("shrinking", () => {
  it("leaves the fewest deviations, whatever was found", async () => {
    for (let seed = 0; seed < 5; seed++) {
      for (const program of [lostUpdate, locksInBothOrders]) {
        const { failure } = await run(Explorer.explore(program, { strategy: Strategy.random(), seed }))
        assert.strictEqual(failure?.deviations, 1)
      }
    }
  })

  it("keeps the verdict", async () => {
    for (const [one, other] of [
      [Effect.die(new Error("wanted")), Effect.die(new Error("other"))],
      [Effect.die("no"), Effect.fail("no")],
      [Effect.never, Effect.fail("no")]
    ] as const) {
      for (let seed = 0; seed < 4; seed++) {
        const program = either("baba", one, other)
        const report = await run(Explorer.explore(program, { strategy: Strategy.random(), seed, outside: 0 }))
        const found = Strategy.replay(report.failure?.found ?? "")
        const again = await run(Explorer.explore(program, { strategy: found, shrink: false, outside: 0 }))
        assert.deepStrictEqual(again.failure?.verdict, report.failure?.verdict)
        const small = Strategy.replay(report.failure?.replay ?? "")
        const shrunk = await run(Explorer.explore(program, { strategy: small, shrink: false, outside: 0 }))
        assert.deepStrictEqual(shrunk.failure?.verdict, report.failure?.verdict)
      }
    }
  })

  it("leaves the lowest alternatives that do", async () => {
    const program = Effect.gen(function* () {
      const [one, other] = [yield* Explorer.choose(9), yield* Explorer.choose(9)]
      return yield* one >= 3 && other >= 2 ? Effect.die(new Error("too high")) : Effect.void
    })
    for (let seed = 0; seed < 4; seed++) {
      const { failure } = await run(Explorer.explore(program, { strategy: Strategy.random(), mode: "stock", seed }))
      assert.strictEqual(failure?.replay.split(":")[2], "0.3,1.2")
    }
  })

  it("does not look for fewer deviations or a weaker mode where it is told not to", async () => {
    const explore = (shrink: boolean) => run(Explorer.explore(lostUpdate, { strategy: Strategy.random(), shrink }))
    const [small, found] = [(await explore(true)).failure!, (await explore(false)).failure!]
    assert.deepInclude(small, { found: found.found, mode: "op", weakestMode: "op3" })
    assert.deepInclude(found, { replay: found.found, mode: "op", weakestMode: "op", weakestReplay: found.found })
  })

  it("spends its runs and no more, on a failure that cannot be shrunk", async () => {
    let runs = 0
    // each of the runs fails in its own way
    const program = Effect.flatMap(lines(3, 3, 3), (log) => {
      runs++
      return log.startsWith("abc") || log.startsWith("aaa") ? Effect.void : Effect.die(new Error(log))
    })
    const { failure } = await run(Explorer.explore(program, { strategy: Strategy.random(), seed: 5, mode: "op" }))
    assert.isAbove(failure!.deviations, 1)
    // 3000 to shrink, 3 x 300 in each of three weaker modes, a third of 3000 to shrink what was found there
    assert.isAtMost(runs, failure!.run + 3000 + 2700 + 1000 + 5)
  })

  it("looks for a weaker mode also at random and by priorities", async () => {
    /** Two fibers that take turns six times, where neither has to stop. */
    const zigzag = Effect.flatMap(lines(12, 12), (log) =>
      log.split("").filter((who, at) => who !== log[at - 1]).length > 6 ? Effect.die(new Error("zigzag")) : Effect.void
    )
    /** One fiber yields fourteen times while another stands still where it need not. */
    const asleep = Effect.gen(function* () {
      let turns = 0
      const racer = Effect.replicateEffect(
        Effect.andThen(
          Effect.sync(() => turns++),
          Effect.yieldNow
        ),
        14
      )
      const look = Effect.suspend(() => {
        const before = turns
        return Effect.suspend(() => (turns - before === 14 ? Effect.die(new Error("slept")) : Effect.void))
      })
      yield* Effect.all([racer, Effect.replicateEffect(look, 8)], { concurrency: "unbounded" })
    })
    for (const [program, strategy] of [
      [zigzag, Strategy.random()],
      [asleep, Strategy.pct()]
    ] as const) {
      const { failure } = await run(Explorer.explore(program, { strategy }))
      assert.deepInclude(failure, { mode: "op", weakestMode: "op3" })
    }
  })

  it("finds the same on a slow machine", async () => {
    const slow = Effect.gen(function* () {
      const counter = yield* Ref.make(0)
      const increment = Effect.flatMap(Ref.get(counter), (n) => Ref.set(counter, n + 1))
      yield* Effect.all([increment, increment, increment], { concurrency: "unbounded" })
      return yield* (yield* Ref.get(counter)) === 1 ? Effect.die(new Error("two were lost")) : Effect.void
    })
    const explore = () => run(Explorer.explore(slow, { strategy: Strategy.random(), seed: 1 }))
    const quick = await explore()
    let now = 0
    // every look at the clock takes a second
    const clock = vi.spyOn(performance, "now").mockImplementation(() => (now += 1000))
    const late = await explore().finally(() => clock.mockRestore())
    assert.isFalse(quick.passed)
    assert.strictEqual(late.failure?.trace, quick.failure?.trace)
  })
})
