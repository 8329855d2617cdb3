// explorations one after the other, each with the machine to itself
/* oxlint-disable eslint/no-await-in-loop */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"

import * as Explorer from "../src/Explorer.ts"
import { naive } from "./naive.ts"
import { smallProgram } from "./programs.ts"
import { run } from "./support.ts"

const reached = async (make: () => Effect.Effect<string>, mode: Explorer.Mode = "op") => {
  const { exhausted, outcomes } = await run(
    Explorer.outcomes(make, {
      mode,
      runs: 50_000,
      daemons: "allow",
      outside: 0,
      render: (exit) => (Exit.isSuccess(exit) ? exit.value : "failed")
    })
  )
  assert.isTrue(exhausted)
  return outcomes.map(({ result }) => (result === "deadlock" ? "stuck" : result))
}

describe("op reaches what preempting before every operation does", () => {
  it("random small programs, against a naive explorer", async () => {
    let compared = 0
    for (let seed = 0; seed < 120; seed++) {
      const make = () => smallProgram(seed)
      const expected = naive(make, 800)
      if (expected === undefined) continue
      compared++
      assert.sameMembers(await reached(make), [...expected], `program ${seed}`)
    }
    assert.isAbove(compared, 20)
  })

  it("each mode reaches what the weaker ones do, on random small programs", async () => {
    for (let seed = 0; seed < 60; seed++) {
      if (naive(() => smallProgram(seed), 300) === undefined) continue
      let before: ReadonlyArray<string> = []
      for (const mode of ["stock", "resume", "op3", "op"] as const) {
        const now = await reached(() => smallProgram(seed), mode)
        assert.includeMembers([...now], [...before], `program ${seed}, ${mode}`)
        before = now
      }
    }
  })

  it("fibers that start at once may be overtaken before their first operation", async () => {
    const both = Effect.suspend(() => {
      const log: Array<string> = []
      const say = (text: string) => Effect.sync(() => log.push(text))
      return Effect.map(Effect.all([say("a"), say("b")], { concurrency: 2 }), () => log.join(""))
    })
    assert.deepStrictEqual(await reached(() => both), ["ab", "ba"])
    for (const mode of ["stock", "resume", "op3"] as const)
      assert.deepStrictEqual(await reached(() => both, mode), ["ab"])
  })

  it("a fiber that is interrupted before it has started never starts", async () => {
    const make = () =>
      Effect.suspend(() => {
        let ran = false
        const child = Effect.sync(() => void (ran = true))
        return Effect.flatMap(Effect.forkChild(child), (fiber) =>
          Effect.flatMap(
            Effect.andThen(Fiber.interrupt(fiber), Effect.andThen(Effect.yieldNow, Fiber.await(fiber))),
            (exit) => Effect.succeed(Exit.isSuccess(exit) === ran ? "right" : "ran though it was interrupted")
          )
        )
      })
    assert.deepStrictEqual(await reached(make), ["right"])
  })

  it("what a task wakes may be overtaken by the rest of the task, and before it goes on by others", async () => {
    const make = () =>
      Effect.suspend(() => {
        const log: Array<string> = []
        const say = (text: string) => Effect.sync(() => log.push(text))
        const woken = Effect.flatMap(Effect.fiber, ({ currentDispatcher }) => {
          let resume: (effect: Effect.Effect<void>) => void = () => {}
          currentDispatcher.scheduleTask(() => {
            log.push("wakes")
            resume(Effect.void)
            log.push("done")
          }, 0)
          return Effect.andThen(
            Effect.callback<void>((callback) => {
              resume = callback
            }),
            Effect.andThen(say("a1"), say("a2"))
          )
        })
        return Effect.flatMap(Effect.forkChild(say("b")), (fiber) =>
          Effect.map(Effect.andThen(woken, Fiber.await(fiber)), () => log.join(" "))
        )
      })
    const all = await reached(make)
    assert.includeMembers(all, ["wakes a1 done a2 b", "wakes a1 done b a2", "b wakes a1 a2 done", "wakes done b a1 a2"])
  })
})
