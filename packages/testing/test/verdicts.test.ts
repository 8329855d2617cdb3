// explorations one after the other, each with the machine to itself
/* oxlint-disable eslint/no-await-in-loop */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Ref from "effect/Ref"

import * as Explorer from "../src/Explorer.ts"
import * as Strategy from "../src/Strategy.ts"
import { locksInBothOrders, lostUpdate, run, starvingRequest } from "./support.ts"

const verdict = async (effect: Effect.Effect<unknown, unknown>, options: Explorer.Options = {}) => {
  const { failure } = await run(Explorer.explore(effect, options))
  return failure
}

describe("verdicts", () => {
  it("failed: an assertion that does not hold, with the message", async () => {
    const failure = await verdict(lostUpdate)
    assert.strictEqual(failure?.verdict._tag, "Failed")
    assert.include(failure?.trace, "an update was lost")
    assert.isTrue(failure?.reproducible)
  })

  it("deadlock: who waits, and who forked it", async () => {
    const failure = await verdict(locksInBothOrders)
    assert(failure?.verdict._tag === "Deadlock")
    assert.deepStrictEqual(
      failure.verdict.waiting.map(({ fiber, forkedBy, operation }) => [fiber, forkedBy, operation]),
      [
        ["root", undefined, "wait"],
        ["root.1", "root", "wait"],
        ["root.2", "root", "wait"]
      ]
    )
  })

  it("deadlock is not called where somebody sleeps", async () => {
    const failure = await verdict(Effect.all([Effect.sleep("1 hour"), Effect.sleep("365 days")], { concurrency: 2 }))
    assert.isUndefined(failure)
  })

  it("livelock: only when fair order does not help either", async () => {
    const spins = Effect.gen(function* () {
      const stop = yield* Ref.make(false)
      yield* Effect.forkChild(Ref.set(stop, true))
      while (!(yield* Ref.get(stop))) yield* Effect.yieldNow
    })
    assert.isUndefined(await verdict(spins, { runs: 300, maxSteps: 2000 }))
    const forEver = await verdict(Effect.forever(Effect.yieldNow), { runs: 2, maxSteps: 2000 })
    assert.strictEqual(forEver?.verdict._tag, "Livelock")
  })

  it("livelock: whoever spins without a yield is preempted in fair order, so that others get on", async () => {
    const spins = (turns: number) =>
      Effect.gen(function* () {
        const stop = yield* Ref.make(false)
        const others = Effect.replicateEffect(Effect.yieldNow, turns, { discard: true })
        yield* Effect.forkChild(Effect.andThen(others, Ref.set(stop, true)))
        yield* Effect.yieldNow
        while (!(yield* Ref.get(stop)));
      })
    for (const mode of ["op3", "op"] as const) {
      const options = { mode, maxSteps: 3000, runs: 5, strategy: Strategy.exhaustive({ preemptions: 0 }) }
      assert.isUndefined((await verdict(spins(40), options))?.trace, mode)
    }
    for (const mode of ["stock", "resume"] as const) {
      assert.isUndefined((await verdict(spins(8), { mode, maxSteps: 1000, runs: 5 }))?.trace, mode)
    }
  })

  it("livelock is not called where time would end the loop, however long it takes", async () => {
    for (const duration of ["20 millis", "1 hour", "10000 days"] as const) {
      const waits = Effect.gen(function* () {
        const done = yield* Ref.make(false)
        yield* Effect.forkChild(Effect.andThen(Effect.sleep(duration), Ref.set(done, true)))
        while (!(yield* Ref.get(done))) yield* Effect.yieldNow
      })
      assert.isUndefined(await verdict(waits, { runs: 3, maxSteps: 10_000 }), `a sleep of ${duration}`)
      const looks = Effect.gen(function* () {
        const end = Duration.toMillis(duration)
        while ((yield* Clock.currentTimeMillis) < end) yield* Effect.yieldNow
      })
      assert.isUndefined(await verdict(looks, { runs: 3, maxSteps: 10_000 }), `a look at the clock for ${duration}`)
    }
  })

  it("starvation: a large request that small ones overtake", async () => {
    const failure = await verdict(starvingRequest, { maxBypass: 4 })
    assert(failure?.verdict._tag === "Starvation")
    assert.deepInclude(failure.verdict, { step: "take", overtaken: 5 })
    assert.isUndefined(await verdict(starvingRequest, { maxBypass: 40, runs: 100 }))
  })

  it("leak: a fiber that outlives the root, unless daemons are allowed", async () => {
    const leaks = Effect.forkDetach(Effect.never)
    assert.strictEqual((await verdict(leaks))?.verdict._tag, "Leak")
    assert.isUndefined(await verdict(leaks, { daemons: "allow", runs: 20 }))
    assert.isUndefined(await verdict(Effect.forkChild(Effect.never), { runs: 20 }))
  })

  it("lost resource: a finalizer that did not run", async () => {
    const connection = Explorer.resource("connection")
    const careless = Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(
        Effect.andThen(connection.acquire, Effect.andThen(Effect.yieldNow, connection.release))
      )
      yield* Effect.yieldNow
      yield* Fiber.interrupt(fiber)
    })
    const failure = await verdict(careless)
    assert.deepStrictEqual(failure?.verdict, {
      _tag: "LostResource",
      resources: [{ name: "connection", lost: 1 }]
    })
    const careful = Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(Effect.scoped(Effect.andThen(connection.scoped, Effect.yieldNow)))
      yield* Effect.yieldNow
      yield* Fiber.interrupt(fiber)
    })
    assert.isUndefined(await verdict(careful, { runs: 500 }))
  })

  it("resumed from outside: the run goes on, and the fiber is named", async () => {
    const fetches = Effect.andThen(
      Explorer.step("fetch"),
      Effect.promise(() => Promise.resolve(1))
    )
    const report = await run(Explorer.explore(fetches, { runs: 2 }))
    assert.isTrue(report.passed)
    assert.deepStrictEqual(report.outside, ['root at "fetch"'])
  })

  it("waiting on something outside is no deadlock", async () => {
    const waits = Effect.callback<void>((resume) => {
      const timer = setTimeout(() => resume(Effect.void), 60_000)
      setTimeout(() => clearTimeout(timer), 200)
    })
    assert.strictEqual((await verdict(waits, { outside: 5 }))?.verdict._tag, "Outside")
    const nobody = Effect.flatMap(Deferred.make<void>(), Deferred.await)
    assert.strictEqual((await verdict(nobody, { outside: 5 }))?.verdict._tag, "Deadlock")
  })

  it("what is left of a run does not disturb the next", async () => {
    let runs = 0
    const late = Effect.gen(function* () {
      runs++
      const gate = Promise.resolve()
      yield* Effect.forkDetach(Effect.forever(Effect.promise(() => gate)))
    })
    const report = await run(Explorer.explore(late, { daemons: "allow", runs: 50, strategy: Strategy.random() }))
    assert.isTrue(report.passed)
    assert.strictEqual(runs, 50)
  })
})
