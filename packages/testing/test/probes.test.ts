import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"

import * as Explorer from "../src/Explorer.ts"
import * as Strategy from "../src/Strategy.ts"
import { run } from "./support.ts"

describe("Explorer.choose", () => {
  it("answers every number below n, and nothing else", async () => {
    const { exhausted, outcomes } = await run(Explorer.outcomes(Explorer.choose(4)))
    assert.isTrue(exhausted)
    assert.deepStrictEqual(
      outcomes.map(({ result }) => result),
      ["0", "1", "2", "3"]
    )
  })

  it("is 0 outside of the explorer", async () => {
    assert.strictEqual(await run(Explorer.choose(9)), 0)
  })

  for (const n of [0, -1, 1.5, NaN, Infinity, 2 ** 53]) {
    it(`dies of ${n}, within and outside of the explorer`, async () => {
      const message = `Explorer.choose takes a positive integer, and was given ${n}`
      assert.include(String(await Effect.runPromiseExit(Explorer.choose(n))), message)
      const { failure } = await run(Explorer.explore(Explorer.choose(n), { runs: 1 }))
      assert.include(failure?.trace, message)
    })
  }
})

describe("Explorer.resource", () => {
  const connection = Explorer.resource("connection")
  const verdictOf = async (effect: Effect.Effect<unknown, unknown>) =>
    (await run(Explorer.explore(effect, { strategy: Strategy.exhaustive() }))).failure?.trace.split("\n")[0]

  it("passes where it is released as often as acquired", async () => {
    assert.isUndefined(await verdictOf(Effect.scoped(connection.scoped)))
    assert.isUndefined(await verdictOf(Effect.replicateEffect(Effect.scoped(connection.scoped), 3)))
  })

  it("says how many were not released", async () => {
    const leak = Effect.andThen(connection.acquire, Effect.andThen(connection.acquire, connection.release))
    assert.strictEqual(await verdictOf(leak), "lost resource: connection (1 not released)")
  })

  it("dies when it is released more often than acquired, and only then", async () => {
    const message = 'failed: Error: the resource "connection" was released more often than acquired'
    assert.strictEqual(await verdictOf(connection.release), message)
    assert.strictEqual(await verdictOf(Effect.andThen(Effect.scoped(connection.scoped), connection.release)), message)
  })

  it("does nothing outside of the explorer", async () => {
    const all = Effect.all([connection.release, connection.acquire, Explorer.step("nowhere")])
    assert.deepStrictEqual(await run(all), [undefined, undefined, undefined])
  })
})
