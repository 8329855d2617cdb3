// explorations one after the other, each with the machine to itself
/* oxlint-disable eslint/no-await-in-loop */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Semaphore from "effect/Semaphore"

import * as Explorer from "../src/Explorer.ts"
import * as Strategy from "../src/Strategy.ts"
import { run } from "./support.ts"

const starved = async (effect: Effect.Effect<unknown, unknown>, options: Explorer.Options) => {
  const { failure } = await run(Explorer.explore(effect, { runs: 500, shrink: false, ...options }))
  assert.isTrue(failure === undefined || failure.verdict._tag === "Starvation", failure?.trace)
  return failure
}

/** A lock that hands itself over in order; whoever was served is resumed by a task. */
const fairLock = () => {
  let held = false
  const line: Array<(effect: Effect.Effect<void>) => void> = []
  const take = Effect.callback<void>((resume) => {
    if (held) line.push(resume)
    else {
      held = true
      resume(Effect.void)
    }
  })
  const release = Effect.withFiber(({ currentDispatcher }) => {
    const next = line.shift()
    if (next === undefined) held = false
    else currentDispatcher.scheduleTask(() => next(Effect.void), 0)
    return Effect.void
  })
  return { take, release }
}

describe("starvation", () => {
  it("a large request that small ones overtake, again and again", async () => {
    const semaphoreStarves = Effect.suspend(() => {
      const semaphore = Semaphore.makeUnsafe(2)
      const take = (permits: number) =>
        Effect.andThen(
          Explorer.step("take"),
          semaphore.withPermits(permits)(Effect.andThen(Explorer.step("have"), Effect.yieldNow))
        )
      const small = Effect.replicateEffect(take(1), 8, { discard: true })
      return Effect.all([small, take(2), small], { concurrency: "unbounded", discard: true })
    })
    for (const strategy of [Strategy.random(), Strategy.exhaustive({ preemptions: 0 })]) {
      const failure = await starved(semaphoreStarves, { maxBypass: 4, strategy })
      assert(failure?.verdict._tag === "Starvation")
      assert.strictEqual(failure.verdict.step, "take")
      assert.isAtLeast(failure.verdict.overtaken, 5)
    }
    assert.isUndefined(await starved(semaphoreStarves, { maxBypass: 40 }))
  })

  it("nobody is overtaken who has been served, however late he is resumed", async () => {
    const door = Effect.suspend(() => {
      let open = false
      const line: Array<(effect: Effect.Effect<void>) => void> = []
      const pass = Effect.callback<void>((resume) => {
        if (open) resume(Effect.void)
        else line.push(resume)
      })
      const opens = Effect.withFiber(({ currentDispatcher }) => {
        open = true
        currentDispatcher.scheduleTask(() => {
          for (const resume of line) resume(Effect.void)
        }, 0)
        return Effect.void
      })
      const visit = Effect.andThen(Explorer.step("before"), Effect.andThen(pass, Explorer.step("behind")))
      const often = Effect.replicateEffect(visit, 5, { discard: true })
      return Effect.all([visit, opens, often], { concurrency: "unbounded", discard: true })
    })
    for (const mode of ["stock", "resume", "op3", "op"] as const) {
      assert.isUndefined((await starved(door, { maxBypass: 0, mode, runs: 2000 }))?.trace)
    }
    const one = Effect.suspend(() => {
      const lock = fairLock()
      const use = Effect.andThen(
        Explorer.step("take"),
        Effect.andThen(lock.take, Effect.andThen(Explorer.step("have"), lock.release))
      )
      const line = Effect.replicateEffect(use, 3, { discard: true })
      return Effect.all([line, line, line], { concurrency: "unbounded", discard: true })
    })
    for (const mode of ["stock", "resume", "op3", "op"] as const) {
      const failure = await starved(one, { maxBypass: 1, mode, runs: 2000 })
      assert.isUndefined(failure?.trace)
    }
  })

  it("nobody is overtaken who sleeps, or runs the one who overtakes on his own stack", async () => {
    const sleeper = Effect.suspend(() => {
      const visit = (millis: number) => Effect.andThen(Explorer.step("in"), Effect.sleep(millis))
      return Effect.all(
        [visit(100), Effect.andThen(Effect.yieldNow, Effect.replicateEffect(visit(1), 5, { discard: true }))],
        { concurrency: 2 }
      )
    })
    assert.isUndefined((await starved(sleeper, { maxBypass: 0 }))?.trace)
    const resumer = Effect.gen(function* () {
      const gates = yield* Effect.replicateEffect(Deferred.make<void>(), 3)
      yield* Effect.forkChild(
        Effect.forEach(gates, (gate) => Effect.andThen(Deferred.await(gate), Explorer.step("in"))).pipe(
          Effect.andThen(Explorer.step("out"))
        )
      )
      yield* Effect.yieldNow
      yield* Explorer.step("in")
      yield* Effect.forEach(gates, (gate) => Deferred.succeed(gate, undefined))
      yield* Fiber.join(yield* Effect.forkChild(Effect.yieldNow))
    })
    assert.isUndefined((await starved(resumer, { maxBypass: 0, mode: "stock" }))?.trace)
  })

  it("a bound without a step is a mistake; a run that fails before its first step is a failure", async () => {
    const none = await run(Effect.exit(Explorer.explore(Effect.void, { maxBypass: 3 })))
    assert.isTrue(Exit.hasDies(none))
    assert.include(String(none), "maxBypass: 3 counts who is overtaken at an Explorer.step")
    const early = Effect.andThen(Effect.die(new Error("early")), Explorer.step("late"))
    const { failure } = await run(Explorer.explore(early, { maxBypass: 3 }))
    assert.include(failure?.trace, "failed: Error: early")
  })
})
