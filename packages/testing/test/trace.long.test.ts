import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"

import * as Explorer from "../src/Explorer.ts"
import { run } from "./support.ts"

describe("a trace of many turns", () => {
  /** A fiber that goes on after each of its yields: a row for each, and one to end. */
  const rowsAfter = async (turns: number) => {
    const program = Effect.gen(function* () {
      for (let turn = 1; turn <= turns; turn++) yield* Effect.andThen(Explorer.step(`turn ${turn}`), Effect.yieldNow)
      return yield* Effect.die(new Error("end"))
    })
    const { failure } = await run(Explorer.explore(program, { mode: "stock", shrink: false }))
    return failure!.trace.split("\n\n")[1]!.split("\n").slice(2)
  }

  it("is told in full up to 60 of them", async () => {
    const rows = await rowsAfter(59)
    assert.lengthOf(rows, 60)
    assert.include(rows[30], "[turn 31]")
  })

  it("is read from both ends after that: the first 20, how many are left out, the last 30", async () => {
    const rows = await rowsAfter(99)
    assert.lengthOf(rows, 51)
    assert.include(rows[0], "[turn 1]")
    assert.include(rows[19], "[turn 20]")
    assert.strictEqual(rows[20], "… 50 more …")
    assert.include(rows[21], "[turn 71]")
    assert.include(rows[49], "[turn 99]")
  })
})
