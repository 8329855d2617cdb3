// explorations one after the other, each with the machine to itself
/* oxlint-disable eslint/no-await-in-loop */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

import * as Explorer from "../src/Explorer.ts"
import { formatReplay, parseReplay } from "../src/internal/replayString.ts"
import { RandomStream } from "../src/internal/seeded.ts"
import * as Strategy from "../src/Strategy.ts"
import { lines, lostUpdate, run } from "./support.ts"

describe("a mistake dies with the value and the rule", () => {
  const mistakes: ReadonlyArray<readonly [options: object, message: string]> = [
    [{ runs: 0 }, "runs must be a positive integer or Infinity, got 0"],
    [{ runs: -1 }, "runs must be a positive integer or Infinity, got -1"],
    [{ runs: 2.5 }, "runs must be a positive integer or Infinity, got 2.5"],
    [{ runs: NaN }, "runs must be a positive integer or Infinity, got NaN"],
    [{ runs: "10" }, 'runs must be a positive integer or Infinity, got "10"'],
    [{ millis: NaN }, "millis must be a positive number of milliseconds, got NaN"],
    [{ millis: -1 }, "millis must be a positive number of milliseconds, got -1"],
    [{ maxSteps: 0 }, "maxSteps must be a positive integer, got 0"],
    [{ maxSteps: Infinity }, "maxSteps must be a positive integer, got Infinity"],
    [{ maxSteps: NaN }, "maxSteps must be a positive integer, got NaN"],
    [{ maxBypass: -1 }, "maxBypass must be a non-negative integer, got -1"],
    [{ maxBypass: 0.5 }, "maxBypass must be a non-negative integer, got 0.5"],
    [{ mode: "fast" }, 'mode must be one of "stock", "resume", "op3", "op", got "fast"'],
    [{ daemons: "some" }, 'daemons must be one of "forbid", "allow", got "some"'],
    [{ seed: -1 }, "seed must be an integer from 0 to 4294967295, got -1"],
    [{ seed: 1.5 }, "seed must be an integer from 0 to 4294967295, got 1.5"],
    [{ seed: NaN }, "seed must be an integer from 0 to 4294967295, got NaN"],
    [{ seed: 2 ** 32 }, "seed must be an integer from 0 to 4294967295, got 4294967296"],
    [{ outside: "soon" }, 'outside must be a duration of less than 2^31 milliseconds, got "soon"'],
    [{ outside: Infinity }, "outside must be a duration of less than 2^31 milliseconds, got Infinity"]
  ]
  for (const [options, message] of mistakes) {
    it(message, async () => {
      for (const explore of [Explorer.explore, Explorer.check, Explorer.outcomes]) {
        const exit = await run(Effect.exit(explore(Effect.void, options) as Effect.Effect<unknown>))
        assert.isTrue(Exit.hasDies(exit))
        assert.include(String(exit), message)
      }
    })
  }

  it("strategies throw at once", () => {
    const constructors: ReadonlyArray<readonly [make: () => unknown, message: string]> = [
      [
        () => Strategy.exhaustive({ preemptions: -1 }),
        "preemptions must be a non-negative integer or Infinity, got -1"
      ],
      [() => Strategy.exhaustive({ preemptions: NaN }), "got NaN"],
      [
        () => Strategy.exhaustive({ order: "runs" as "deviations" }),
        'order must be one of "preemptions", "deviations", got "runs"'
      ],
      [() => Strategy.pct({ depth: 0 }), "depth must be a positive integer, got 0"],
      [() => Strategy.pct({ depth: 1.5 }), "got 1.5"],
      [() => Strategy.pct({ seed: -1 }), "seed must be an integer from 0 to 4294967295, got -1"],
      [() => Strategy.random({ seed: NaN }), "seed must be an integer from 0 to 4294967295, got NaN"],
      [() => Strategy.portfolio([]), "the number of strategies must be a positive integer, got 0"],
      [() => Strategy.replay("nonsense"), '"nonsense" is not a replay string'],
      [() => Strategy.replay("stock:0::b3,t5"), "is a replay string of interruptEverywhere"]
    ]
    for (const [make, message] of constructors) assert.throws(make, message)
  })

  it("the limits of what is right are right", async () => {
    for (const seed of [0, 2 ** 32 - 1]) {
      for (const strategy of [undefined, Strategy.random({ seed }), Strategy.pct({ seed, depth: 1 })]) {
        const report = await run(Explorer.explore(lostUpdate, { seed, strategy, runs: 500, outside: 0 }))
        const replay = Strategy.replay(report.failure?.replay ?? "op:0:")
        const again = await run(Explorer.explore(lostUpdate, { strategy: replay, shrink: false }))
        assert.strictEqual(again.failure?.verdict._tag, report.failure?.verdict._tag)
      }
    }
    const { exhausted } = await run(
      Explorer.explore(lines(1), {
        strategy: Strategy.exhaustive({ preemptions: 0 }),
        runs: Infinity,
        maxBypass: undefined
      })
    )
    assert.isTrue(exhausted)
  })
})

describe("a replay string", () => {
  it("comes back as it was, or is none", () => {
    const stream = new RandomStream(7)
    const alphabet = "0123456789abzop.:,-+ E"
    for (let index = 0; index < 20_000; index++) {
      const noise = Array.from({ length: stream.below(14) }, () => alphabet[stream.below(alphabet.length)]).join("")
      const text = `op:${noise}`
      const parsed = parseReplay(text)
      if (parsed !== undefined) assert.strictEqual(formatReplay(parsed), text.trim())
    }
    for (let index = 0; index < 2000; index++) {
      let point = 0
      const schedule = Array.from({ length: stream.below(5) }, (_, at) => ({
        point: (point += (at === 0 ? 0 : 1) + stream.below(1000)),
        alternative: 1 + stream.below(2 ** 31)
      }))
      const replay = { mode: "resume", seed: stream.below(2 ** 32), schedule, extra: undefined } as const
      assert.deepStrictEqual(parseReplay(formatReplay(replay)), replay)
    }
  })

  it("is none with what no schedule has", () => {
    const none = [
      "op:0:0.0",
      "op:0:1.1,0.1",
      "op:0:01.1",
      "op:00:",
      "op:0:1.1.1",
      "op:0:.1",
      "op:0:1.",
      "OP:0:",
      "op:0:A.1"
    ]
    const huge = [
      "op:zzzzzzzz:",
      "op:1z141z4:",
      "op:0:zzzzzzzzzzzz.1",
      `op:0:1.${"z".repeat(500)}`,
      `op:${"1".repeat(99_999)}:`
    ]
    for (const text of [...none, ...huge]) assert.isUndefined(parseReplay(text), text.slice(0, 40))
  })

  it("that is not the program's is followed as far as that goes, and said not to be exhausted", async () => {
    for (const [text, followed] of [
      ["op:0:", true],
      ["op:0:zzzz.1", false],
      ["op:0:0.zz", false]
    ] as const) {
      const report = await run(Explorer.explore(lines(1), { strategy: Strategy.replay(text) }))
      assert.deepStrictEqual([report.passed, report.exhausted, report.runs], [true, followed, 1])
    }
  })
})
