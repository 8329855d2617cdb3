// explorations one after the other, each with the machine to itself
/* oxlint-disable eslint/no-await-in-loop */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scheduler from "effect/Scheduler"

import * as Explorer from "../src/Explorer.ts"
import * as Strategy from "../src/Strategy.ts"
import { run } from "./support.ts"

/** Resolves by a real timer. */
const later = (millis: number) => Effect.promise(() => new Promise<void>((resume) => void setTimeout(resume, millis)))
/** A promise that a real timer resolves, which the event loop need not hold. */
const timer = (millis: number, held = true) =>
  new Promise<void>((resume) => {
    const timer = setTimeout(resume, millis)
    if (!held) timer.unref()
  })
/** Nothing but a Deferred says that it is waited for. */
const deferredFor = (millis: number, held = true) =>
  Effect.flatMap(Deferred.make<void>(), (done) => {
    const timer = setTimeout(() => Deferred.doneUnsafe(done, Exit.void), millis)
    if (!held) timer.unref()
    return Deferred.await(done)
  })
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
      outcomes.map(({ result }) => result),
      ["deadlock", "ended"]
    )
    assert.strictEqual(outcomes[0]?.count, 1)
  })

  it("the trace of a failure after a real timer shows that failure", async () => {
    const fails = Effect.andThen(later(5), Effect.die(new Error("after a while")))
    const { failure } = await run(Explorer.explore(fails, { runs: 1, outside: "1 hour" }))
    assert.strictEqual(failure?.verdict._tag, "Failed")
    assert.match(failure!.trace, /^failed: Error: after a while/)
  })
})

describe("what is pending outside is never called a deadlock, however long it takes", () => {
  const defaults = async (make: () => Effect.Effect<unknown, unknown>, options: Explorer.Options = {}) =>
    await run(Explorer.explore(make(), { runs: 1, ...options }))

  const pending: Readonly<Record<string, () => Effect.Effect<unknown, unknown>>> = {
    "begun after a microtask": () =>
      Effect.promise(async () => {
        await Promise.resolve()
        await timer(120)
      }),
    "that the event loop does not hold": () => Effect.promise(() => timer(120, false)),
    "that the event loop does not hold, for a Deferred": () => deferredFor(120, false),
    "of a second": () => deferredFor(1000),
    "begun in a callback of an earlier one": () =>
      Effect.promise(async () => {
        await timer(60)
        await timer(60, false)
      }),
    "for a promise made before the run": () => {
      const begun = timer(120)
      return Effect.promise(() => begun)
    },
    "for a promise made before the run, that the event loop does not hold": () => {
      const begun = timer(120, false)
      return Effect.promise(() => begun)
    },
    "inside a virtual timeout that is longer": () =>
      Effect.timeout(
        Effect.promise(() => timer(120)),
        "1 second"
      ),
    "begun after a microtask, inside a virtual timeout": () =>
      Effect.timeout(
        Effect.promise(() => Promise.resolve().then(() => timer(120, false))),
        "1 second"
      )
  }
  for (const [name, make] of Object.entries(pending)) {
    it(`a timer ${name}: the run goes on`, async () => {
      const { failure, outside } = await defaults(make)
      assert.isUndefined(failure?.trace)
      assert.include(outside, "root")
    })
  }

  it("in a later run than the first", async () => {
    const either = Effect.flatMap(Explorer.choose(2), (n) =>
      n === 0 ? Effect.void : Effect.timeout(deferredFor(120, false), "1 second")
    )
    assert.isTrue((await defaults(() => either, { runs: 4 })).passed)
  })

  it("a virtual timeout that is shorter than the timer inside still fires", async () => {
    const { failure } = await defaults(() => Effect.timeout(deferredFor(300), "20 millis"))
    assert.match(failure?.trace ?? "", /^failed: TimeoutError/)
  })

  it("what takes longer than anybody waits is said to be outside, and so is a promise that nobody resolves", async () => {
    const forever = () => Effect.promise(() => new Promise<void>(() => {}))
    const late = () => deferredFor(60_000, false)
    const before = () => {
      const begun = timer(60_000, false)
      return Effect.promise(() => begun)
    }
    for (const make of [forever, late, before]) {
      assert.strictEqual((await defaults(make, { outside: 60 })).failure?.verdict._tag, "Outside")
    }
  })

  it("a deadlock after a promise has moved the run, or beside a timer that has ended, is one", async () => {
    const dead = { "after a microtask": soon, "after a timer": Effect.promise(() => timer(5)) }
    for (const [name, first] of Object.entries(dead)) {
      const { failure } = await defaults(() => Effect.andThen(first, Effect.never))
      assert.strictEqual(failure?.verdict._tag, "Deadlock", name)
    }
    const beside = Effect.andThen(
      Effect.sync(() => void setTimeout(() => {}, 20)),
      Effect.never
    )
    assert.strictEqual((await defaults(() => beside)).failure?.verdict._tag, "Deadlock")
  })

  it("fibers that sleep do not wait for a real thing for ever, however often they do", { timeout: 5000 }, async () => {
    const interval = Effect.acquireUseRelease(
      Effect.sync(() => setInterval(() => {}, 1)),
      () => Effect.replicateEffect(Effect.sleep("1 hour"), 300, { discard: true }),
      (interval) => Effect.sync(() => clearInterval(interval))
    )
    assert.isTrue((await defaults(() => interval, { outside: 30 })).passed)
  })
})
