import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Ref from "effect/Ref"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"

import * as WeightedSemaphore from "../src/WeightedSemaphore.ts"
import { deathMessage, settle, start } from "./support/fibers.ts"

const {
  make,
  makeUnsafe,
  release,
  resize,
  stats,
  take,
  takeIfAvailable,
  takeScoped,
  withPermit,
  withPermits,
  withPermitsIfAvailable
} = WeightedSemaphore

type Semaphore = WeightedSemaphore.WeightedSemaphore

/** A fiber that takes, logs its name once served, and holds. */
const holder = (sem: Semaphore, permits: number, name: string, log: Array<string>) =>
  start(
    Effect.andThen(
      take(sem, permits),
      Effect.sync(() => log.push(name))
    )
  )

describe("order", () => {
  it.effect("S1: first come, first served", () =>
    Effect.gen(function* () {
      const sem = yield* make({ permits: 1 })
      const log: Array<string> = []
      yield* take(sem, 1)
      for (const name of ["a", "b", "c", "d"]) yield* holder(sem, 1, name, log)
      for (let round = 0; round < 4; round++) {
        yield* release(sem, 1)
        yield* settle
      }
      assert.deepStrictEqual(log, ["a", "b", "c", "d"])
    })
  )

  it.effect("a heavy head blocks light ones that would fit, and is not overtaken", () =>
    Effect.gen(function* () {
      const sem = yield* make({ permits: 2 })
      const log: Array<string> = []
      yield* take(sem, 1)
      yield* holder(sem, 2, "heavy", log)
      yield* holder(sem, 1, "light", log)
      yield* settle
      assert.deepStrictEqual(log, [])
      assert.deepStrictEqual(yield* stats(sem), { permits: 2, taken: 1, available: 1, waiting: 2 })
      yield* release(sem, 1)
      yield* settle
      assert.deepStrictEqual(log, ["heavy"])
      yield* release(sem, 2)
      yield* settle
      assert.deepStrictEqual(log, ["heavy", "light"])
    })
  )

  it.effect("S2: one who waits is served at the instant at which there is room", () =>
    Effect.gen(function* () {
      const sem = yield* make({ permits: 2 })
      yield* start(withPermits(sem, 2, Effect.sleep("100 millis")))
      const servedAt = yield* start(withPermit(sem, Clock.currentTimeMillis))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(servedAt), 100)
    })
  )

  it.effect("one release serves all who fit, in order", () =>
    Effect.gen(function* () {
      const sem = yield* make({ permits: 5 })
      const log: Array<string> = []
      yield* take(sem, 5)
      for (const [name, permits] of [
        ["a", 2],
        ["b", 2],
        ["c", 2],
        ["d", 1]
      ] as const)
        yield* holder(sem, permits, name, log)
      yield* release(sem, 5)
      yield* settle
      assert.deepStrictEqual(log, ["a", "b"])
      assert.deepStrictEqual(yield* stats(sem), { permits: 5, taken: 4, available: 1, waiting: 2 })
    })
  )

  it.effect(
    "DSEM-01, DSEM-07: a released permit is never free while somebody waits: newcomers and *IfAvailable stand behind",
    () =>
      Effect.gen(function* () {
        const sem = yield* make({ permits: 1 })
        const log: Array<string> = []
        yield* take(sem, 1)
        yield* holder(sem, 1, "waiting", log)
        yield* release(sem, 1)
        // served, not yet resumed
        assert.deepStrictEqual(yield* stats(sem), { permits: 1, taken: 1, available: 0, waiting: 0 })
        assert.isFalse(yield* takeIfAvailable(sem, 1))
        yield* holder(sem, 1, "newcomer", log)
        yield* settle
        assert.deepStrictEqual(log, ["waiting"])
      })
  )

  it.effect("S19: *IfAvailable does not overtake a waiter, also where there is room for it", () =>
    Effect.gen(function* () {
      const sem = yield* make({ permits: 2 })
      yield* take(sem, 1)
      const heavy = yield* start(withPermits(sem, 2, Effect.succeed("heavy")))
      assert.isFalse(yield* takeIfAvailable(sem, 1))
      assert.isFalse(yield* takeIfAvailable(sem, 0))
      assert.isTrue(Option.isNone(yield* withPermitsIfAvailable(sem, 1, Effect.void)))
      yield* Fiber.interrupt(heavy)
      assert.isTrue(yield* takeIfAvailable(sem, 1))
    })
  )

  it.effect("zero permits wait for their turn and take nothing", () =>
    Effect.gen(function* () {
      const sem = yield* make({ permits: 1 })
      const log: Array<string> = []
      yield* take(sem, 0)
      yield* take(sem, 1)
      yield* holder(sem, 0, "at once: nobody waits", log)
      yield* holder(sem, 1, "one", log)
      yield* holder(sem, 0, "zero", log)
      yield* settle
      assert.deepStrictEqual(log, ["at once: nobody waits"])
      yield* release(sem, 1)
      yield* settle
      assert.deepStrictEqual(log, ["at once: nobody waits", "one", "zero"])
      yield* release(sem, 0)
      assert.deepStrictEqual(yield* stats(sem), { permits: 1, taken: 1, available: 0, waiting: 0 })
    })
  )

  it.effect("SEM-06: a heavy request is served although light ones come without end", () =>
    Effect.gen(function* () {
      const permits = 8
      const sem = yield* make({ permits })
      const running = yield* Ref.make(true)
      const light = Effect.whileLoop({
        while: () => running.ref.current,
        body: () => withPermit(sem, Effect.sleep("1 milli")),
        step: () => undefined
      })
      const fibers = yield* Effect.forEach(Array.from({ length: permits }), () => start(light))
      const heavy = yield* start(withPermits(sem, permits, Ref.set(running, false)))
      yield* TestClock.adjust("2 millis")
      yield* Fiber.join(heavy)
      yield* TestClock.adjust("2 millis")
      yield* Fiber.joinAll(fibers)
    })
  )

  it.effect("S6: a crowd: two loops of light ones, staggered, hold up a heavy one for two turns at most", () =>
    Effect.gen(function* () {
      const sem = yield* make({ permits: 2 })
      const loop = Effect.forever(withPermit(sem, Effect.sleep("10 millis")))
      yield* start(loop)
      yield* TestClock.adjust("5 millis")
      yield* start(loop)
      const heavy = yield* start(withPermits(sem, 2, Effect.void))
      yield* TestClock.adjust("20 millis")
      assert.isDefined(heavy.pollUnsafe())
    })
  )
})

describe("giving back", () => {
  it.effect("S9: however the effect ends", () =>
    Effect.gen(function* () {
      const sem = yield* make({ permits: 2 })
      const free = { permits: 2, taken: 0, available: 2, waiting: 0 }
      assert.strictEqual(yield* withPermits(sem, 2, Effect.succeed("done")), "done")
      assert.deepStrictEqual(yield* stats(sem), free)
      assert.strictEqual(yield* Effect.flip(withPermits(sem, 2, Effect.fail("failed"))), "failed")
      assert.deepStrictEqual(yield* stats(sem), free)
      assert.match(deathMessage(yield* Effect.exit(withPermits(sem, 2, Effect.die("died")))), /died/)
      assert.deepStrictEqual(yield* stats(sem), free)
      const fiber = yield* start(withPermits(sem, 2, Effect.never))
      assert.deepStrictEqual(yield* stats(sem), { permits: 2, taken: 2, available: 0, waiting: 0 })
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(yield* stats(sem), free)
    })
  )

  it.effect("S8: a scope gives back once, however often it is closed", () =>
    Effect.gen(function* () {
      const sem = yield* make({ permits: 3 })
      const scope = yield* Scope.make()
      yield* Scope.provide(takeScoped(sem, 2), scope)
      assert.strictEqual((yield* stats(sem)).taken, 2)
      yield* Scope.close(scope, Exit.void)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* stats(sem)).taken, 0)
    })
  )

  it.effect("by another fiber, and in other portions", () =>
    Effect.gen(function* () {
      const sem = yield* make({ permits: 4 })
      yield* take(sem, 3)
      yield* Fiber.join(yield* start(release(sem, 1)))
      yield* release(sem, 2)
      assert.strictEqual((yield* stats(sem)).taken, 0)
    })
  )

  it.effect("the same guarded effect, run many times at once", () =>
    Effect.gen(function* () {
      const sem = yield* make({ permits: 3 })
      let active = 0
      let peak = 0
      const guarded = withPermit(
        sem,
        Effect.suspend(() => {
          peak = Math.max(peak, ++active)
          return Effect.ensuring(
            Effect.yieldNow,
            Effect.sync(() => active--)
          )
        })
      )
      yield* Effect.all(
        Array.from({ length: 50 }, () => guarded),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(peak, 3)
      assert.deepStrictEqual(yield* stats(sem), { permits: 3, taken: 0, available: 3, waiting: 0 })
    })
  )

  it.effect("data first and data last", () =>
    Effect.gen(function* () {
      const sem = yield* make({ permits: 2 })
      const taken = Effect.map(stats(sem), (_) => _.taken)
      assert.strictEqual(yield* taken.pipe(withPermits(sem, 2)), 2)
      assert.strictEqual(yield* withPermits(sem, 2, taken), 2)
      assert.strictEqual(yield* taken.pipe(withPermit(sem)), 1)
      assert.strictEqual(yield* withPermit(sem, taken), 1)
      assert.deepStrictEqual(yield* taken.pipe(withPermitsIfAvailable(sem, 2)), Option.some(2))
      assert.deepStrictEqual(yield* withPermitsIfAvailable(sem, 2, taken), Option.some(2))
      yield* sem.pipe(take(2))
      yield* sem.pipe(release(1))
      assert.isTrue(yield* sem.pipe(takeIfAvailable(1)))
      yield* sem.pipe(resize(5))
      assert.deepStrictEqual(yield* stats(sem), { permits: 5, taken: 2, available: 3, waiting: 0 })
      yield* Effect.scoped(sem.pipe(takeScoped(3)))
    })
  )
})

describe("interruption", () => {
  it.effect("S16: of a waiter leaves no ghost: its permits go to the next", () =>
    Effect.gen(function* () {
      const sem = yield* make({ permits: 1 })
      const log: Array<string> = []
      yield* take(sem, 1)
      const first = yield* holder(sem, 1, "first", log)
      yield* holder(sem, 1, "second", log)
      yield* Fiber.interrupt(first)
      assert.strictEqual((yield* stats(sem)).waiting, 1)
      yield* release(sem, 1)
      yield* settle
      assert.deepStrictEqual(log, ["second"])
    })
  )

  it.effect("of a heavy head serves those behind it at once", () =>
    Effect.gen(function* () {
      const sem = yield* make({ permits: 3 })
      const log: Array<string> = []
      yield* take(sem, 1)
      const heavy = yield* holder(sem, 3, "heavy", log)
      yield* holder(sem, 1, "light 1", log)
      yield* holder(sem, 1, "light 2", log)
      yield* holder(sem, 1, "light 3", log)
      yield* Fiber.interrupt(heavy)
      yield* settle
      assert.deepStrictEqual(log, ["light 1", "light 2"])
      assert.deepStrictEqual(yield* stats(sem), { permits: 3, taken: 3, available: 0, waiting: 1 })
    })
  )

  it.effect("that races the grant puts the permits back and serves the next", () =>
    Effect.gen(function* () {
      const sem = yield* make({ permits: 1 })
      const log: Array<string> = []
      yield* take(sem, 1)
      const first = yield* holder(sem, 1, "first", log)
      yield* holder(sem, 1, "second", log)
      yield* release(sem, 1)
      // granted to the first, which has not resumed
      first.interruptUnsafe()
      yield* settle
      assert.deepStrictEqual(log, ["second"])
      assert.deepStrictEqual(yield* stats(sem), { permits: 1, taken: 1, available: 0, waiting: 0 })
    })
  )

  it.effect("SEM-03, SEM-04: by a timeout: the same answers with and without waiting", () =>
    Effect.gen(function* () {
      const script = (attempt: (sem: Semaphore) => Effect.Effect<boolean>) =>
        Effect.gen(function* () {
          const sem = yield* make({ permits: 2 })
          yield* take(sem, 1)
          const answers = [yield* attempt(sem), yield* attempt(sem)]
          yield* release(sem, 2)
          answers.push(yield* attempt(sem))
          yield* take(sem, 1)
          answers.push(yield* attempt(sem))
          assert.deepStrictEqual(yield* stats(sem), { permits: 2, taken: 2, available: 0, waiting: 0 })
          return answers
        })
      const withTimeout = (sem: Semaphore) =>
        Effect.gen(function* () {
          const fiber = yield* start(Effect.timeoutOption(take(sem, 1), "10 millis"))
          yield* TestClock.adjust("10 millis")
          return Option.isSome(yield* Fiber.join(fiber))
        })
      assert.deepStrictEqual(yield* script((sem) => takeIfAvailable(sem, 1)), [true, false, true, false])
      assert.deepStrictEqual(yield* script(withTimeout), [true, false, true, false])
    })
  )

  it.effect("of ten thousand waiters at once", () =>
    Effect.gen(function* () {
      const sem = yield* make({ permits: 1 })
      yield* take(sem, 1)
      const fibers = yield* Effect.forEach(Array.from({ length: 10_000 }), () => start(withPermit(sem, Effect.void)))
      assert.strictEqual((yield* stats(sem)).waiting, 10_000)
      yield* Fiber.interruptAll(fibers)
      assert.deepStrictEqual(yield* stats(sem), { permits: 1, taken: 1, available: 0, waiting: 0 })
    })
  )

  it.effect("waits uninterruptibly where the caller is uninterruptible", () =>
    Effect.gen(function* () {
      const sem = yield* make({ permits: 1 })
      yield* take(sem, 1)
      const fiber = yield* start(Effect.uninterruptible(withPermit(sem, Effect.succeed("ran"))))
      fiber.interruptUnsafe()
      yield* settle
      assert.isUndefined(fiber.pollUnsafe())
      yield* release(sem, 1)
      yield* Fiber.await(fiber)
      assert.deepStrictEqual(yield* stats(sem), { permits: 1, taken: 0, available: 1, waiting: 0 })
    })
  )
})

describe("hand-over", () => {
  it.effect("a release runs nobody's body", () =>
    Effect.gen(function* () {
      const sem = yield* make({ permits: 1 })
      let bodies = 0
      yield* take(sem, 1)
      yield* start(
        withPermit(
          sem,
          Effect.sync(() => bodies++)
        )
      )
      yield* release(sem, 1).pipe(Effect.andThen(Effect.sync(() => assert.strictEqual(bodies, 0))))
      yield* settle
      assert.strictEqual(bodies, 1)
    })
  )

  it.effect("50,000 waiters woken by one release, in order, 256 per task", () =>
    Effect.gen(function* () {
      const waiters = 50_000
      const sem = yield* make({ permits: waiters })
      const order: Array<number> = []
      yield* take(sem, waiters)
      const fibers = yield* Effect.forEach(
        Array.from({ length: waiters }, (_, index) => index),
        (index) =>
          start(
            Effect.andThen(
              take(sem, 1),
              Effect.sync(() => order.push(index))
            )
          )
      )
      yield* release(sem, waiters)
      assert.strictEqual(order.length, 0)
      yield* Effect.yieldNow
      yield* Effect.yieldNow
      assert.isAbove(order.length, 0)
      assert.isAtMost(order.length, 512)
      yield* Fiber.joinAll(fibers)
      assert.deepStrictEqual(
        order,
        Array.from({ length: waiters }, (_, index) => index)
      )
    })
  )

  it.effect("a chain through 5,000 different semaphores does not recurse", () =>
    Effect.gen(function* () {
      const length = 5_000
      const semaphores = Array.from({ length }, () => makeUnsafe({ permits: 1 }))
      for (const sem of semaphores) yield* take(sem, 1)
      const done = yield* Deferred.make<void>()
      for (const [index, sem] of semaphores.entries()) {
        const next = semaphores[index + 1]
        yield* start(withPermit(sem, next === undefined ? Deferred.succeed(done, undefined) : release(next, 1)))
      }
      yield* release(semaphores[0]!, 1)
      yield* Deferred.await(done)
    })
  )

  it.effect("a chain of 20,000 waiters on one semaphore, each handing over to the next", () =>
    Effect.gen(function* () {
      const sem = yield* make({ permits: 1 })
      yield* take(sem, 1)
      let bodies = 0
      const body = withPermit(
        sem,
        Effect.sync(() => bodies++)
      )
      const fibers = yield* Effect.forEach(Array.from({ length: 20_000 }), () => start(body))
      yield* release(sem, 1)
      yield* Fiber.joinAll(fibers)
      assert.strictEqual(bodies, 20_000)
    })
  )
})

describe("resize", () => {
  it.effect("DSEM-05: growing serves the line at once", () =>
    Effect.gen(function* () {
      const sem = yield* make({ permits: 1 })
      const log: Array<string> = []
      yield* take(sem, 1)
      yield* holder(sem, 1, "a", log)
      yield* holder(sem, 1, "b", log)
      yield* resize(sem, 3)
      assert.deepStrictEqual(yield* stats(sem), { permits: 3, taken: 3, available: 0, waiting: 0 })
      yield* settle
      assert.deepStrictEqual(log, ["a", "b"])
    })
  )

  it.effect("shrinking revokes nothing: later releases pay the debt", () =>
    Effect.gen(function* () {
      const sem = yield* make({ permits: 3 })
      const log: Array<string> = []
      yield* take(sem, 3)
      yield* resize(sem, 1)
      assert.deepStrictEqual(yield* stats(sem), { permits: 1, taken: 3, available: 0, waiting: 0 })
      yield* holder(sem, 1, "a", log)
      yield* release(sem, 2)
      yield* settle
      assert.deepStrictEqual(log, [])
      assert.deepStrictEqual(yield* stats(sem), { permits: 1, taken: 1, available: 0, waiting: 1 })
      yield* release(sem, 1)
      yield* settle
      assert.deepStrictEqual(log, ["a"])
    })
  )

  it.effect("to 0 pauses, and growing resumes in order", () =>
    Effect.gen(function* () {
      const sem = yield* make({ permits: 2 })
      const log: Array<string> = []
      yield* resize(sem, 0)
      for (const name of ["a", "b", "c"]) yield* holder(sem, 1, name, log)
      assert.isFalse(yield* takeIfAvailable(sem, 1))
      assert.isTrue(yield* takeIfAvailable(sem, 0))
      assert.deepStrictEqual(yield* stats(sem), { permits: 0, taken: 0, available: 0, waiting: 3 })
      yield* resize(sem, 2)
      yield* settle
      assert.deepStrictEqual(log, ["a", "b"])
      yield* release(sem, 1)
      yield* settle
      assert.deepStrictEqual(log, ["a", "b", "c"])
    })
  )

  it.effect("SEM-05: a request above today's capacity stands aside and holds up nobody", () =>
    Effect.gen(function* () {
      const sem = yield* make({ permits: 3 })
      const log: Array<string> = []
      yield* resize(sem, 2)
      yield* holder(sem, 3, "too large today", log)
      for (let round = 0; round < 6; round++) yield* withPermit(sem, Effect.void)
      assert.isTrue(yield* takeIfAvailable(sem, 2))
      assert.deepStrictEqual(yield* stats(sem), { permits: 2, taken: 2, available: 0, waiting: 1 })
      assert.deepStrictEqual(log, [])
      yield* release(sem, 2)
      yield* resize(sem, 3)
      yield* settle
      assert.deepStrictEqual(log, ["too large today"])
    })
  )

  it.effect("whoever stood aside comes back to its ticket's place", () =>
    Effect.gen(function* () {
      const sem = yield* make({ permits: 4 })
      const log: Array<string> = []
      yield* take(sem, 4)
      yield* holder(sem, 1, "a1", log)
      yield* holder(sem, 3, "b3", log)
      yield* holder(sem, 1, "c1", log)
      yield* holder(sem, 4, "d4", log)
      yield* holder(sem, 1, "e1", log)
      yield* resize(sem, 2) // nobody can be served, a1 is still the head
      yield* release(sem, 3) // taken 1 of 2: a1 is served, b3 stands aside, c1 waits for room
      yield* settle
      assert.deepStrictEqual(log, ["a1"])
      yield* holder(sem, 2, "f2", log)
      yield* resize(sem, 4) // b3 comes back ahead of c1
      yield* settle
      assert.deepStrictEqual(log, ["a1"])
      assert.deepStrictEqual(yield* stats(sem), { permits: 4, taken: 2, available: 2, waiting: 5 })
      yield* release(sem, 1)
      yield* settle
      assert.deepStrictEqual(log, ["a1", "b3"])
      yield* release(sem, 4)
      yield* settle
      assert.deepStrictEqual(log, ["a1", "b3", "c1"])
      yield* release(sem, 1)
      yield* settle
      assert.deepStrictEqual(log, ["a1", "b3", "c1", "d4"])
      yield* release(sem, 4)
      yield* settle
      assert.deepStrictEqual(log, ["a1", "b3", "c1", "d4", "e1", "f2"])
    })
  )

  it.effect("whoever stands aside can be interrupted", () =>
    Effect.gen(function* () {
      const sem = yield* make({ permits: 3 })
      yield* resize(sem, 1)
      const fiber = yield* start(withPermits(sem, 3, Effect.void))
      assert.strictEqual((yield* stats(sem)).waiting, 1)
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(yield* stats(sem), { permits: 1, taken: 0, available: 1, waiting: 0 })
      yield* resize(sem, 3)
      assert.strictEqual((yield* stats(sem)).taken, 0)
    })
  )

  it.effect("S12: never more start than the capacity at that moment", () =>
    Effect.gen(function* () {
      const sem = yield* make({ permits: 5 })
      let capacity = 5
      let running = 0
      yield* Effect.forEach(
        Array.from({ length: 100 }, (_, index) => index),
        (index) =>
          withPermit(
            sem,
            Effect.gen(function* () {
              assert.isAtMost(++running, capacity)
              yield* Effect.yieldNow
              running--
              if (index % 30 === 0 && capacity > 1) yield* resize(sem, --capacity)
            })
          ),
        { concurrency: "unbounded" }
      )
      assert.strictEqual((yield* stats(sem)).permits, 1)
    })
  )

  it.effect("S11: while it is used: nobody is stopped by a shrink, and a growth starts as many as it can at once", () =>
    Effect.gen(function* () {
      const sem = yield* make({ permits: 1 })
      let running = 0
      const body = Effect.acquireUseRelease(
        Effect.sync(() => running++),
        () => Effect.sleep("10 millis"),
        () => Effect.sync(() => running--)
      )
      yield* resize(sem, 0)
      for (let index = 0; index < 9; index++) yield* start(withPermit(sem, body))
      yield* resize(sem, 3)
      yield* resize(sem, 2)
      yield* settle
      assert.strictEqual(running, 3)
      yield* TestClock.adjust("10 millis")
      assert.strictEqual(running, 2)
      yield* resize(sem, 3)
      yield* settle
      assert.strictEqual(running, 3)
      yield* resize(sem, 1)
      assert.strictEqual(running, 3)
      yield* TestClock.adjust("10 millis")
      assert.strictEqual(running, 1)
    })
  )

  it.effect("to Infinity lifts the limit", () =>
    Effect.gen(function* () {
      const sem = yield* make({ permits: 1 })
      yield* resize(sem, Infinity)
      yield* take(sem, 1_000_000)
      assert.deepStrictEqual(yield* stats(sem), {
        permits: Infinity,
        taken: 1_000_000,
        available: Infinity,
        waiting: 0
      })
      yield* resize(sem, 1)
      assert.strictEqual((yield* stats(sem)).available, 0)
    })
  )
})

describe("caller bugs die with the value and the rule", () => {
  const bad = [-1, 1.5, Number.NaN, -Infinity, 2 ** 53]

  it("S7: make", () => {
    for (const permits of bad) {
      const message = deathMessage(Effect.runSyncExit(make({ permits })))
      assert.include(message, "WeightedSemaphore.make: permits must be a non-negative integer or Infinity")
      assert.include(message, String(permits))
      assert.throws(() => makeUnsafe({ permits }), RangeError, "non-negative integer")
    }
  })

  it("values of other types, named as what they are", () => {
    const message = (permits: unknown) => deathMessage(Effect.runSyncExit(make({ permits: permits as number })))
    assert.include(message(1n), "got 1n")
    assert.include(message("2"), 'got "2"')
    assert.include(message([2]), "got [")
    assert.include(message(Object.create(null)), "got {")
    assert.include(message(undefined), "got undefined")
    assert.isTrue(Object.is(Effect.runSync(Effect.flatMap(make({ permits: -0 }), stats)).permits, 0))
  })

  it("requests, releases and resizes", () => {
    const sem = makeUnsafe({ permits: 2 })
    const operations = {
      take,
      takeIfAvailable,
      release,
      takeScoped: (sem: Semaphore, permits: number) => Effect.scoped(takeScoped(sem, permits)),
      withPermits: (sem: Semaphore, permits: number) => withPermits(sem, permits, Effect.void),
      withPermitsIfAvailable: (sem: Semaphore, permits: number) => withPermitsIfAvailable(sem, permits, Effect.void),
      resize
    }
    for (const [name, operation] of Object.entries(operations)) {
      for (const permits of name === "resize" ? bad : [...bad, Infinity]) {
        const message = deathMessage(Effect.runSyncExit(operation(sem, permits)))
        assert.include(message, `WeightedSemaphore.${name}: permits must be a non-negative integer`)
        assert.include(message, `got ${permits}`)
      }
    }
    assert.deepStrictEqual(Effect.runSync(stats(sem)), { permits: 2, taken: 0, available: 2, waiting: 0 })
  })

  it("SEM-05b, S17: a request above the largest capacity ever set, not one above today's", () => {
    const sem = makeUnsafe({ permits: 2, name: "db" })
    const message = deathMessage(Effect.runSyncExit(take(sem, 3)))
    assert.include(message, 'WeightedSemaphore.take on "db": a request for 3 permits can never be met')
    assert.include(message, "2")
    for (const exit of [
      Effect.runSyncExit(takeIfAvailable(sem, 3)),
      Effect.runSyncExit(withPermits(sem, 3, Effect.void)),
      Effect.runSyncExit(withPermitsIfAvailable(sem, 3, Effect.void)),
      Effect.runSyncExit(Effect.scoped(takeScoped(sem, 3)))
    ]) {
      assert.include(deathMessage(exit), "can never be met")
    }
    Effect.runSync(resize(sem, 5))
    Effect.runSync(resize(sem, 1))
    assert.isFalse(Effect.runSync(takeIfAvailable(sem, 5)))
    assert.include(deathMessage(Effect.runSyncExit(take(sem, 6))), "can never be met")
  })

  it.effect("SEM-02, S18: releasing more than was taken, also when guards hold permits", () =>
    Effect.gen(function* () {
      const sem = yield* make({ permits: 2 })
      assert.include(deathMessage(yield* Effect.exit(release(sem, 1))), "cannot release 1 permits, only 0 are held")
      yield* take(sem, 1)
      assert.include(deathMessage(yield* Effect.exit(release(sem, 2))), "cannot release 2 permits, only 1 are held")
      const stolen = yield* Effect.exit(withPermit(sem, release(sem, 2)))
      assert.include(deathMessage(stolen), "only 1 are held by take")
      assert.deepStrictEqual(yield* stats(sem), { permits: 2, taken: 1, available: 1, waiting: 0 })
    })
  )
})

describe("shapes", () => {
  it.effect("SEM-09: (capacity, size, N): N takes of a size, then N releases", () =>
    Effect.gen(function* () {
      for (const [capacity, size, count] of [
        [1, 1, 1],
        [2, 1, 1],
        [16, 1, 1],
        [128, 1, 1],
        [2, 2, 1],
        [16, 2, 8],
        [128, 2, 64],
        [2, 1, 2],
        [16, 8, 2],
        [128, 64, 2]
      ] as const) {
        const sem = yield* make({ permits: capacity })
        for (let round = 0; round < count; round++) yield* take(sem, size)
        for (let round = 0; round < count; round++) yield* release(sem, size)
        for (let round = 0; round < count; round++) assert.isTrue(yield* takeIfAvailable(sem, size))
        assert.strictEqual((yield* stats(sem)).taken, size * count)
      }
    })
  )

  it.effect("SEM-01: a hammer: 8 fibers of weights 0 to 7 on 8 permits, with random pauses", () =>
    Effect.gen(function* () {
      const size = 8
      const sem = yield* make({ permits: size })
      const fibers = yield* Effect.forEach(
        Array.from({ length: size }, (_, weight) => weight),
        (weight) =>
          start(
            Effect.replicateEffect(
              withPermits(
                sem,
                weight,
                Effect.flatMap(Random.nextIntBetween(0, 1000), (micros) =>
                  Effect.sleep(Duration.micros(BigInt(micros)))
                )
              ),
              100,
              { discard: true }
            )
          )
      )
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.joinAll(fibers)
      assert.deepStrictEqual(yield* stats(sem), { permits: size, taken: 0, available: size, waiting: 0 })
    })
  )

  it.effect("SEM-10: taking the whole capacity is a barrier (Collatz step counts of 1 to 32)", () =>
    Effect.gen(function* () {
      const workers = 4
      const sem = yield* make({ permits: workers })
      const out: Array<number> = []
      const steps = (start: number) => {
        let count = 0
        for (let n = start; n > 1; count++) n = n % 2 === 0 ? n / 2 : 3 * n + 1
        return count
      }
      for (let index = 0; index < 32; index++) {
        yield* take(sem, 1)
        const work = Effect.andThen(
          Effect.yieldNow,
          Effect.sync(() => (out[index] = steps(index + 1)))
        )
        yield* start(Effect.ensuring(work, release(sem, 1)))
      }
      yield* take(sem, workers)
      assert.deepStrictEqual(
        out,
        [
          0, 1, 7, 2, 5, 8, 16, 3, 19, 6, 14, 9, 9, 17, 17, 4, 12, 20, 20, 7, 7, 15, 15, 10, 23, 10, 111, 18, 18, 18,
          106, 5
        ]
      )
    })
  )
})

describe("without a limit", () => {
  it.effect("holds never add up to more than can be counted", () =>
    Effect.gen(function* () {
      const sem = yield* make({ permits: Infinity })
      yield* take(sem, Number.MAX_SAFE_INTEGER)
      assert.isFalse(yield* takeIfAvailable(sem, 2))
      const fiber = yield* start(withPermits(sem, 2, Effect.void))
      yield* release(sem, Number.MAX_SAFE_INTEGER)
      yield* Fiber.join(fiber)
      yield* resize(sem, 5)
      assert.deepStrictEqual(yield* stats(sem), { permits: 5, taken: 0, available: 5, waiting: 0 })
    })
  )
})

describe("under Effect.runSync", () => {
  it("a release by the root fiber serves within the run, as Effect's own semaphore does", () => {
    const result = Effect.runSync(
      Effect.gen(function* () {
        const sem = yield* make({ permits: 1 })
        yield* take(sem, 1)
        const fiber = yield* start(withPermit(sem, Effect.succeed(7)))
        yield* release(sem, 1)
        return yield* Fiber.join(fiber)
      })
    )
    assert.strictEqual(result, 7)
  })
})

describe("memory", () => {
  it.effect("requests that are kept to be used again hold nothing of those who used them", () =>
    Effect.gen(function* () {
      const sem = yield* make({ permits: 1 })
      yield* take(sem, 1)
      const served = yield* start(withPermit(sem, Effect.sleep("1 second")))
      const interrupted = yield* start(withPermit(sem, Effect.sleep("1 second")))
      yield* Fiber.interrupt(interrupted)
      yield* release(sem, 1)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(served)
      const requests: ReadonlyArray<object> = Reflect.get(sem, "idleRequests")
      assert.lengthOf(requests, 2)
      for (const request of requests) {
        assert.isUndefined(Reflect.get(request, "resume"))
        assert.strictEqual(Reflect.get(request, "effect"), Effect.void)
      }
    })
  )
})

describe("seen from outside", () => {
  it("prints its name and its state, not its machinery", () => {
    const sem = makeUnsafe({ permits: 2, name: "db" })
    Effect.runSync(take(sem, 1))
    const shown = { _id: "WeightedSemaphore", name: "db", permits: 2, taken: 1, available: 1, waiting: 0 }
    assert.deepStrictEqual(JSON.parse(JSON.stringify(sem)), shown)
    assert.deepStrictEqual(JSON.parse(String(sem)), shown)
  })
})
