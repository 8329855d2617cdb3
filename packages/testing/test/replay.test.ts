// explorations one after the other, each with the machine to itself
/* oxlint-disable eslint/no-await-in-loop */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Ref from "effect/Ref"

import * as Explorer from "../src/Explorer.ts"
import { parseReplay } from "../src/internal/replayString.ts"
import * as Strategy from "../src/Strategy.ts"
import { run } from "./support.ts"

/** Fails for one of a hundred seeds. */
const unlucky = Effect.flatMap(Random.nextIntBetween(0, 100), (n) =>
  n === 42 ? Effect.die(new Error("unlucky")) : Effect.void
)

/** And needs a preemption besides. */
const unluckyAndLate = Effect.gen(function* () {
  const luck = yield* Random.nextIntBetween(0, 10)
  const counter = yield* Ref.make(0)
  const increment = Effect.flatMap(Ref.get(counter), (n) => Ref.set(counter, n + 1))
  yield* Effect.all([increment, increment], { concurrency: "unbounded" })
  return yield* luck === 7 && (yield* Ref.get(counter)) === 1 ? Effect.die(new Error("unlucky and late")) : Effect.void
})

describe("a replay string carries the seed that the program's Random had in that run", () => {
  it("that of explore, as it was found, shrunk, and in the weakest mode", async () => {
    for (const program of [unlucky, unluckyAndLate]) {
      for (const seed of [0, 9]) {
        const { failure } = await run(Explorer.explore(program, { strategy: Strategy.random(), seed, runs: 20_000 }))
        assert(failure !== undefined)
        for (const replay of [failure.replay, failure.found, failure.weakestReplay]) {
          assert.notStrictEqual(parseReplay(replay)?.seed, seed, replay)
          const again = await run(Explorer.explore(program, { strategy: Strategy.replay(replay), shrink: false }))
          assert.deepStrictEqual(again.failure?.verdict, failure.verdict, replay)
        }
      }
    }
  })

  it("that of outcomes", async () => {
    const { outcomes } = await run(
      Explorer.outcomes(Random.nextIntBetween(0, 5), { strategy: Strategy.random(), runs: 100 })
    )
    assert.lengthOf(outcomes, 6)
    for (const { replay, result } of outcomes) {
      const again = await run(Explorer.outcomes(Random.nextIntBetween(0, 5), { strategy: Strategy.replay(replay) }))
      assert.deepStrictEqual(
        again.outcomes.map((outcome) => outcome.result),
        [result]
      )
    }
  })

  it("that of linearizable; and what it replays is what it says, whatever else is asked for", async () => {
    const dice = (options: Explorer.LinearizableOptions) =>
      Explorer.linearizable(
        {
          make: Effect.void,
          model: 0,
          operations: {
            roll: {
              run: () => Effect.map(Random.nextIntBetween(0, 50), (n) => n === 42),
              respond: (n) => [false, n],
              interrupted: "either"
            }
          }
        },
        options
      )
    const strategy = Strategy.random()
    const { replay } = await run(Effect.flip(dice({ strategy, scenarios: 200 })))
    const few = { strategy, scenarios: 1, runs: 1 }
    await run(dice(few))
    const again = await run(Effect.flip(dice({ ...few, replay, seed: 5 })))
    assert.strictEqual(again.replay, replay)
    assert.strictEqual(again.runs, 1)
  })
})
