// explorations one after the other, each with the machine to itself
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Scheduler from "effect/Scheduler"

import * as Explorer from "../src/Explorer.ts"
import * as Strategy from "../src/Strategy.ts"
import { run } from "./support.ts"

/** Resolves by a real timer. */
const later = (millis: number) => Effect.promise(() => new Promise<void>((resume) => void setTimeout(resume, millis)))
const soon = Effect.promise(() => Promise.resolve())

const traceOf = async (effect: Effect.Effect<unknown, unknown>, options: Explorer.Options = {}) => {
  const { failure } = await run(Explorer.explore(effect, { runs: 5, outside: "10 seconds", ...options }))
  return failure?.trace
}

describe("what a real promise, timer or microtask would move is not judged before it had its turn", () => {
  for (const [name, wait] of Object.entries({ "a microtask": soon, "a timer of 5 ms": later(5) })) {
    it(`${name}: no deadlock`, async () => {
      assert.isUndefined(await traceOf(wait))
    })
    it(`${name}: no leak`, async () => {
      assert.isUndefined(await traceOf(Effect.forkDetach(wait)))
    })
    it(`${name}: no livelock, whoever spins meanwhile`, async () => {
      const spins = Effect.suspend(() => {
        let done = false
        const waits = Effect.andThen(
          wait,
          Effect.sync(() => void (done = true))
        )
        const spin: Effect.Effect<void> = Effect.suspend(() =>
          done ? Effect.void : Effect.andThen(Effect.yieldNow, spin)
        )
        return Effect.andThen(Effect.forkChild(waits), spin)
      })
      assert.isUndefined(await traceOf(spins, { runs: 2, maxSteps: 500 }))
    })
    it(`${name}: no livelock, whoever's heart beats meanwhile`, async () => {
      const beats = Effect.andThen(Effect.forkChild(Effect.forever(Effect.sleep("1 second"))), wait)
      assert.isUndefined(await traceOf(beats, { runs: 2, maxSteps: 500 }))
    })
  }

  it("a timeout in virtual time waits for a microtask, also where that comes up in a late run only", async () => {
    assert.isUndefined(await traceOf(Effect.timeout(soon, "1 second")))
    const sometimes = Effect.flatMap(Explorer.choose(4), (n) =>
      n === 3 ? Effect.timeout(soon, "1 second") : Effect.void
    )
    assert.isUndefined(await traceOf(sometimes, { strategy: Strategy.exhaustive() }))
  })

  it("a nested runFork and runPromise", async () => {
    assert.isUndefined(await traceOf(Effect.promise(() => Effect.runPromise(Effect.yieldNow))))
    const forks = Effect.flatMap(Deferred.make<void>(), (done) => {
      Effect.runFork(Effect.andThen(Effect.yieldNow, Deferred.succeed(done, undefined)))
      return Deferred.await(done)
    })
    assert.isUndefined(await traceOf(forks))
  })

  it("a root that ends under a scheduler of its own", async () => {
    const elsewhere = Effect.provideService(
      Effect.andThen(Effect.yieldNow, Effect.yieldNow),
      Scheduler.Scheduler,
      new Scheduler.MixedScheduler()
    )
    assert.isUndefined(await traceOf(elsewhere))
  })

  it("a real timer, after a run of the same program that was dead", async () => {
    const either = Effect.flatMap(Explorer.choose(3), (n) => (n === 0 ? Effect.never : later(5)))
    const { outcomes } = await run(Explorer.outcomes(either, { outside: 100, render: () => "ended" }))
    assert.deepStrictEqual(
      outcomes.map(({ count, result }) => [result, count]),
      [
        ["deadlock", 1],
        ["ended", 2]
      ]
    )
  })

  it("the trace of a failure after a real timer shows that failure", async () => {
    const fails = Effect.andThen(later(5), Effect.die(new Error("after a while")))
    const { failure } = await run(Explorer.explore(fails, { runs: 1, outside: "10 seconds" }))
    assert.strictEqual(failure?.verdict._tag, "Failed")
    assert.match(failure!.trace, /^failed: Error: after a while/)
  })
})
