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
