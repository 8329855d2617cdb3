/** Places without a fiber. The tables are those of golang.org/x/time/rate; where a place moves and a debt does not, ours are earlier. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"

import * as RateLimit from "../src/RateLimit.ts"
import * as RateLimiter from "../src/RateLimiter.ts"
import {
  deathMessage,
  delayOf,
  drained,
  failureOf,
  type Log,
  millis,
  perSecond,
  settle,
  start,
  taker,
  waitingIn
} from "./support/limiter.ts"

const { make, peek, reserve, setLimit, stats, take, takeIfAvailable } = RateLimiter

/** Tells time in tenths of a second, as the tables do. */
const table = Effect.fnUntraced(function* (limit: number, burst: number) {
  const limiter = yield* make({ limit: perSecond(limit, burst) })
  let now = 0
  const at = Effect.fnUntraced(function* (time: number) {
    yield* millis(100 * Math.max(0, time - now))
    now = Math.max(now, time)
  })
  return {
    limiter,
    at,
    /** Reserves, and says when its turn is. */
    reserves: Effect.fnUntraced(function* (time: number, n: number, turn: number) {
      yield* at(time)
      const reservation = yield* reserve(limiter, n)
      assert.strictEqual(now + (yield* delayOf(reservation)) / 100, turn)
      return reservation
    }),
    allows: Effect.fnUntraced(function* (time: number, available: number, n: number, expected: boolean) {
      yield* at(time)
      assert.strictEqual((yield* stats(limiter)).available, available)
      assert.strictEqual(yield* takeIfAvailable(limiter, n), expected)
    })
  }
})

describe("reservations", () => {
  it.effect("RES-01 simple ones", () =>
    Effect.gen(function* () {
      const { reserves } = yield* table(10, 2)
      yield* reserves(0, 2, 0)
      yield* reserves(0, 2, 2)
      yield* reserves(3, 2, 4)
    })
  )

  it.effect("RES-02 mixed with others: what is left is never negative", () =>
    Effect.gen(function* () {
      const { allows, limiter, reserves } = yield* table(10, 2)
      assert.include(deathMessage(yield* Effect.exit(reserve(limiter, 3))), "3 can never be taken at once")
      yield* reserves(0, 2, 0)
      yield* allows(1, 1, 2, false)
      yield* reserves(1, 2, 2)
      yield* allows(1, 1, 1, false)
      yield* allows(3, 1, 1, true)
    })
  )

  it.effect("RES-03, RES-04, RES-05 cancelled at no time, in time, and too late", () =>
    Effect.gen(function* () {
      const early = yield* table(10, 2)
      yield* early.reserves(0, 2, 0)
      const inTime = yield* early.reserves(0, 2, 2)
      yield* early.at(1)
      yield* inTime.cancel
      yield* early.reserves(1, 2, 2)
      const late = yield* table(10, 2)
      yield* late.reserves(0, 2, 0)
      const tooLate = yield* late.reserves(0, 2, 2)
      yield* late.at(3)
      yield* tooLate.cancel
      yield* late.reserves(3, 2, 4)
      // again does nothing
      yield* tooLate.cancel
      yield* inTime.cancel
    })
  )

  it.effect("RES-07, RES-08 a cancelled one moves those behind it forward (Go: they stay)", () =>
    Effect.gen(function* () {
      const one = yield* table(10, 2)
      yield* one.reserves(0, 2, 0)
      const first = yield* one.reserves(0, 1, 1)
      const second = yield* one.reserves(0, 1, 2)
      yield* first.cancel
      assert.strictEqual(yield* delayOf(second), 100)
      yield* one.reserves(0, 1, 2)

      const many = yield* table(10, 4)
      yield* many.reserves(0, 4, 0)
      const a = yield* many.reserves(0, 3, 3)
      const b = yield* many.reserves(0, 1, 4)
      const c = yield* many.reserves(0, 1, 5)
      yield* many.at(1)
      yield* c.cancel
      yield* a.cancel
      assert.strictEqual(yield* delayOf(b), 0)
      yield* many.reserves(1, 3, 4)
    })
  )

  it.effect("RES-09 a clock that stands still instead of going back; what is refused changes nothing", () =>
    Effect.gen(function* () {
      const { at, limiter, reserves } = yield* table(10, 2)
      yield* reserves(1, 2, 1)
      yield* reserves(0, 1, 2)
      yield* reserves(2, 2, 4)
      yield* at(2)
      assert.isTrue(Exit.hasDies(yield* Effect.exit(reserve(limiter, 3))))
      yield* reserves(2, 1, 5)
      assert.strictEqual((yield* Effect.flip(reserve(limiter, 2, { maxWait: "100 millis" })))._tag, "RateLimited")
      yield* reserves(2, 1, 6)
    })
  )

  it.effect("FS-S3 with a longest wait", () =>
    Effect.gen(function* () {
      const limit = RateLimit.leakyBucket({ limit: 1, interval: "100 millis" })
      const limiter = yield* make({ limit })
      const reserved = (maxWait: number) =>
        Effect.matchEffect(reserve(limiter, 1, { maxWait }), {
          onSuccess: delayOf,
          onFailure: () => Effect.succeed(-1)
        })
      assert.deepStrictEqual(yield* Effect.forEach([1, 10, 100, 200, 100], reserved), [0, -1, 100, 200, -1])
    })
  )

  for (const rate of [7, 30, 60, 100, 333]) {
    it.effect(`RATE-X1 three at ${rate} a second, cancelled in reverse at once: as if they had not been`, () =>
      Effect.gen(function* () {
        const limiter = yield* make({ limit: perSecond(rate) })
        const reservations = [yield* reserve(limiter), yield* reserve(limiter), yield* reserve(limiter)]
        for (const reservation of reservations.toReversed()) yield* reservation.cancel
        assert.strictEqual((yield* stats(limiter)).available, 1)
        assert.isTrue(yield* takeIfAvailable(limiter))
        assert.isFalse(yield* takeIfAvailable(limiter))
      })
    )
  }

  it.effect("one that nobody claims spends at its turn, not when somebody looks", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10, 5)
      yield* reserve(limiter, 5)
      yield* reserve(limiter, 5)
      yield* millis(1600)
      // taken at 500 ms and at 1000 ms
      assert.strictEqual((yield* stats(limiter)).available, 5)
      yield* take(limiter, 5)
      yield* millis(100)
      assert.strictEqual((yield* stats(limiter)).available, 1)
    })
  )

  it.effect("is a turn like others: those who wait stand before it and behind it", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10)
      const log: Log = []
      yield* taker(limiter, log, "before")
      const reservation = yield* reserve(limiter)
      yield* taker(limiter, log, "behind")
      assert.strictEqual(yield* waitingIn(limiter), 3)
      yield* millis(1000)
      assert.deepStrictEqual(log, [
        ["before", 100],
        ["behind", 300]
      ])
      assert.strictEqual(yield* delayOf(reservation), 0)
      yield* reservation.await
    })
  )

  it.effect("await is its turn, for any number of fibers", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10)
      const reservation = yield* reserve(limiter)
      const fibers = yield* Effect.replicateEffect(start(reservation.await), 3)
      yield* millis(99)
      assert.isTrue(fibers.every((fiber) => fiber.pollUnsafe() === undefined))
      yield* millis(1)
      yield* Fiber.joinAll(fibers)
      yield* reservation.await
      // claimed: too late to give it up, also at this instant
      yield* reservation.cancel
      assert.isFalse(yield* takeIfAvailable(limiter))
    })
  )

  it.effect("an interrupted await leaves the place, and others may still wait for it", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10)
      const reservation = yield* reserve(limiter)
      const first = yield* start(reservation.await)
      const second = yield* start(reservation.await)
      const third = yield* start(reservation.await)
      yield* Fiber.interrupt(second)
      yield* Fiber.interrupt(first)
      assert.strictEqual(yield* waitingIn(limiter), 1)
      yield* millis(100)
      yield* Fiber.join(third)
      const next = yield* reserve(limiter)
      const only = yield* start(next.await)
      yield* Fiber.interrupt(only)
      yield* millis(250)
      assert.strictEqual((yield* stats(limiter)).available, 1)
    })
  )

  it.effect("given up while somebody waits for it, it dies there", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10)
      const reservation = yield* reserve(limiter)
      const fiber = yield* start(reservation.await)
      yield* reservation.cancel
      assert.include(deathMessage(yield* Fiber.await(fiber)), "this reservation was cancelled")
      assert.include(deathMessage(yield* Effect.exit(reservation.await)), "this reservation was cancelled")
      assert.strictEqual(yield* waitingIn(limiter), 0)
    })
  )

  it.effect("is dropped from a full line, and fails whoever waits for it", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: perSecond(10), maxWaiting: 1, overflow: "dropOldest" })
      yield* take(limiter)
      const reservation = yield* reserve(limiter)
      const fiber = yield* start(reservation.await)
      const newcomer = yield* start(take(limiter))
      assert.strictEqual((yield* failureOf(fiber))._tag, "RateLimiterFull")
      assert.strictEqual((yield* Effect.flip(reservation.await))._tag, "RateLimiterFull")
      yield* millis(100)
      yield* Fiber.join(newcomer)
    })
  )

  it.effect("has its own longest wait", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10)
      const reservation = yield* reserve(limiter, 1, { maxWait: "100 millis" })
      yield* setLimit(limiter, perSecond(1))
      assert.strictEqual((yield* Effect.flip(reservation.await))._tag, "RateLimited")
      assert.strictEqual(yield* delayOf(reservation), 0)
    })
  )

  it.effect("its delay counts those before it, of its own and of higher priority", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10, 5)
      yield* reserve(limiter, 2)
      const second = yield* reserve(limiter, 1)
      yield* reserve(limiter, 5)
      assert.strictEqual(yield* delayOf(second), 300)
      const high = yield* reserve(limiter, 3, { priority: 1 })
      assert.strictEqual(yield* delayOf(high), 300)
      assert.strictEqual(yield* delayOf(second), 600)
      assert.deepStrictEqual(yield* peek(limiter), Duration.millis(1200))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* delayOf(second), 0)
    })
  )

  it.effect("behind a heavy one that leaves, its turn is then and not before", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: RateLimit.slidingLog({ limit: 2, interval: "1 second" }) })
      yield* take(limiter)
      const heavy = yield* start(take(limiter, 2))
      yield* millis(100)
      yield* reserve(limiter)
      yield* millis(800)
      yield* Fiber.interrupt(heavy)
      yield* millis(300)
      // taken at 900 ms, so it counts until 1900 ms
      assert.strictEqual((yield* stats(limiter)).available, 1)
    })
  )

  it.effect("somebody else keeps the time when the one who did waits no more", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10)
      const first = yield* reserve(limiter)
      const second = yield* reserve(limiter)
      const keeper = yield* start(first.await)
      yield* settle
      const other = yield* start(second.await)
      yield* Fiber.interrupt(keeper)
      yield* millis(200)
      yield* Fiber.join(other)
    })
  )
})
