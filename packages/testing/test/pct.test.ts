// explorations one after the other, each with the machine to itself
/* oxlint-disable eslint/no-await-in-loop */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Semaphore from "effect/Semaphore"

import * as Explorer from "../src/Explorer.ts"
import { pctSearch } from "../src/internal/strategies/pct.ts"
import * as Strategy from "../src/Strategy.ts"
import { handOver, lines, run } from "./support.ts"

/** Whether each of these results comes up as often as it has to by the bound, but for what chance does to 10,000 runs. */
const keeps = async (
  effect: Effect.Effect<string>,
  wanted: ReadonlyArray<string>,
  depth: number,
  options: Explorer.Options = {}
) => {
  const found = new Map<string, number>()
  const counts = Effect.map(effect, (log) => void found.set(log, (found.get(log) ?? 0) + 1))
  const { probability, runs } = await run(
    Explorer.explore(counts, { strategy: Strategy.pct({ depth }), runs: 10_000, ...options })
  )
  return wanted.every((log) => (found.get(log) ?? 0) / runs >= 0.9 * probability!)
}

/** The points that a bound is made from. */
const pointsOf = async (effect: Effect.Effect<unknown, unknown>, threads: number) => {
  const { probability } = await run(Explorer.explore(effect, { strategy: Strategy.pct({ depth: 2 }), runs: 200 }))
  return 1 / (threads * probability!)
}

describe("pct keeps to its bound", () => {
  it("two lines, in every order", async () => {
    assert.isTrue(await keeps(lines(2, 2), ["aabb", "bbaa"], 1))
    assert.isTrue(await keeps(lines(2, 2), ["abba"], 2))
    assert.isTrue(await keeps(lines(2, 2), ["abab"], 3))
  })

  it("whoever falls first may stay below the one who falls later", () => {
    const search = pctSearch(3, 0)
    const runs = 10_000
    let found = 0
    for (let index = 0; index < runs; index++) {
      search.next()
      const left = ["aa", "bb", "c"]
      let log = ""
      let points = 0
      while (left.some((line) => line !== "")) {
        const ready = [0, 1, 2].filter((thread) => left[thread] !== "")
        const candidates = ready.length
        const point = {
          kind: "dispatch",
          candidates,
          keyOf: (at: number) => ready[at]!,
          yieldsOf: () => 0,
          digest: 0
        } as const
        const thread = ready[candidates === 1 ? 0 : search.choose(candidates, point)]!
        if (candidates > 1) points++
        log += left[thread]![0]!
        left[thread] = left[thread]!.slice(1)
      }
      if (log === "abcba") found++
      search.done({ points, steps: 5, schedule: [], redundant: false, drawsRandom: false, digest: 0 })
    }
    // the one order of the priorities, and two changes, at their points and in their order
    assert.approximately(found / runs, 1 / (6 * 4 * 3), 0.003)
    assert.strictEqual(search.probability!(), 1 / (3 * 4 ** 2))
  })

  it("whoever is resumed on another's stack has no precedence", async () => {
    for (const mode of ["resume", "op"] as const) {
      assert.isTrue(await keeps(handOver, ["resumer waiter", "waiter resumer"], 1, { mode }))
    }
  })

  it("whoever yields may go on at once", async () => {
    const yields = Effect.gen(function* () {
      const log: Array<string> = []
      const say = (text: string) => Effect.sync(() => log.push(text))
      const first = yield* Effect.forkChild(Effect.andThen(Effect.yieldNow, say("a")))
      const second = yield* Effect.forkChild(say("b"))
      yield* Fiber.awaitAll([first, second])
      return log.join("")
    })
    assert.isTrue(await keeps(yields, ["ab", "ba"], 1))
    // and whoever waits in a loop lets the others go on after a while
    let most = 0
    const spins = Effect.suspend(() => {
      let done = false
      let spun = 0
      const spin: Effect.Effect<void> = Effect.suspend(() => {
        most = Math.max(most, ++spun)
        return done ? Effect.void : Effect.andThen(Effect.yieldNow, spin)
      })
      return Effect.andThen(Effect.forkChild(Effect.sync(() => void (done = true))), spin)
    })
    await run(Explorer.explore(spins, { strategy: Strategy.pct(), runs: 500 }))
    assert.isAbove(most, 10)
    assert.isBelow(most, 30)
  })

  it("a request that small ones overtake: tasks that wake are threads", async () => {
    const overtakes = Effect.gen(function* () {
      const log: Array<string> = []
      const semaphore = yield* Semaphore.make(1)
      const use = (name: string) => semaphore.withPermit(Effect.sync(() => log.push(name)))
      const fibers = [yield* Effect.forkChild(use("a")), yield* Effect.forkChild(use("b"))]
      yield* semaphore.withPermit(Effect.andThen(Effect.yieldNow, Effect.yieldNow))
      yield* Fiber.awaitAll(fibers)
      return log.join("")
    })
    assert.isTrue(await keeps(overtakes, ["ba", "ab"], 1))
  })

  it("points are those at which a change can be placed, threads those that compete", async () => {
    const plain = await pointsOf(lines(1, 1), 3)
    assert.approximately(plain, Math.round(plain), 1e-6)
    const values = Effect.replicateEffect(Explorer.choose(3), 10, { discard: true })
    assert.approximately(await pointsOf(Effect.andThen(values, lines(1, 1)), 3), plain, 1e-6)
  })
})
