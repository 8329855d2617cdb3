// explorations one after the other, each with the machine to itself
/* oxlint-disable eslint/no-await-in-loop */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"

import * as Explorer from "../src/Explorer.ts"
import { RandomStream } from "../src/internal/seeded.ts"
import { makeClock, naive } from "./naive.ts"
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

/** For several tests, each of which looks at the same programs in another way. */
const memo = <A>(make: (seed: number, mode: Explorer.Mode) => A) => {
  const known = new Map<string, A>()
  return (seed: number, mode: Explorer.Mode): A => {
    const key = `${seed} ${mode}`
    if (!known.has(key)) known.set(key, make(seed, mode))
    return known.get(key)!
  }
}
const reachedOf = memo((seed, mode) => reached(() => smallProgram(seed), mode))
const naiveOf = memo((seed) => naive(() => smallProgram(seed), 800))

describe("op reaches what preempting before every operation does", () => {
  it("random small programs, against a naive explorer", async () => {
    let compared = 0
    for (let seed = 0; seed < 120; seed++) {
      const expected = naiveOf(seed, "op")
      if (expected === undefined) continue
      compared++
      assert.sameMembers([...(await reachedOf(seed, "op"))], [...expected], `program ${seed}`)
    }
    assert.isAbove(compared, 20)
  })

  it("each mode reaches what the weaker ones do, on random small programs", async () => {
    for (let seed = 0; seed < 60; seed++) {
      if (naive(() => smallProgram(seed), 300) === undefined) continue
      let before: ReadonlyArray<string> = []
      for (const mode of ["stock", "resume", "op3", "op"] as const) {
        const now = await reachedOf(seed, mode)
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

/** A run under Effect's own scheduler, with immediates in a random order and with this yield budget. */
const withBudget = (program: Effect.Effect<string>, budget: number, stream: RandomStream): string => {
  const time = makeClock()
  const immediates: Array<() => void> = []
  const scheduler = new Scheduler.MixedScheduler("async", (fire) => {
    immediates.push(fire)
    return () => void immediates.splice(immediates.indexOf(fire), 1)
  })
  const context = Context.make(Clock.Clock, time.clock).pipe(
    Context.add(Scheduler.Scheduler, scheduler),
    Context.add(Scheduler.MaxOpsBeforeYield, budget)
  )
  const fiber = Effect.runForkWith(context)(program)
  for (;;) {
    if (immediates.length > 0) immediates.splice(stream.below(immediates.length), 1)[0]!()
    else if (fiber.pollUnsafe() === undefined && time.asleep()) immediates.push(...time.advance())
    else break
  }
  const exit = fiber.pollUnsafe()
  return exit === undefined ? "stuck" : Exit.isSuccess(exit) ? exit.value : "failed"
}

describe("op3 reaches what Effect's own scheduler does with any budget from 3 up", () => {
  it("random small programs", async () => {
    let compared = 0
    for (let seed = 0; seed < 60; seed++) {
      const make = () => smallProgram(seed)
      if (naiveOf(seed, "op") === undefined) continue
      const theirs = new Set<string>()
      for (let budget = 3; budget <= 64; budget = budget < 16 ? budget + 1 : budget * 2) {
        for (let index = 0; index < 30; index++) theirs.add(withBudget(make(), budget, new RandomStream(index)))
      }
      assert.includeMembers([...(await reachedOf(seed, "op3"))], [...theirs], `program ${seed}`)
      compared++
    }
    assert.isAbove(compared, 10)
  })
})
