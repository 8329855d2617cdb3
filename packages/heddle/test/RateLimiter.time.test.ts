/** Clocks and timers as they are: late, early, stalled, jumping, and counted from anywhere. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as TestClock from "effect/testing/TestClock"

import { CurrentDeadline } from "../src/internal/deadline.ts"
import * as RateLimit from "../src/RateLimit.ts"
import * as RateLimiter from "../src/RateLimiter.ts"
import { drained, failureOf, type Log, looping, millis, perSecond, settle, start, taker } from "./support/limiter.ts"

const { make, retryAfter, setLimit, stats, take, takeIfAvailable } = RateLimiter

/** A clock that is moved by hand, whose timers go off when and if the test says so. */
class HandClock implements Clock.Clock {
  nanos = 0n
  /** The durations of the sleeps that were begun, in milliseconds, and how they end. */
  sleeps: Array<{ readonly millis: number; readonly wake: () => void }> = []
  readonly currentTimeMillis = Effect.sync(() => this.currentTimeMillisUnsafe())
  readonly currentTimeNanos = Effect.sync(() => this.nanos)
  readonly monotonicTimeNanos = Effect.sync(() => this.nanos)

  currentTimeMillisUnsafe() {
    return Number(this.nanos) / 1e6
  }
  currentTimeNanosUnsafe() {
    return this.nanos
  }
  monotonicTimeNanosUnsafe() {
    return this.nanos
  }
  sleep(duration: Duration.Duration): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      const sleep = { millis: Duration.toMillis(duration), wake: () => resume(Effect.void) }
      this.sleeps.push(sleep)
      return Effect.sync(() => {
        this.sleeps = this.sleeps.filter((other) => other !== sleep)
      })
    })
  }
  /** Moves on, and then lets the timers go off that are set. */
  readonly passes = (millis: number) =>
    Effect.suspend(() => {
      this.nanos += BigInt(Math.round(millis * 1e6))
      const { sleeps } = this
      this.sleeps = []
      for (const { wake } of sleeps) wake()
      return settle
    })
}

const onHandClock = <A, E>(f: (clock: HandClock) => Effect.Effect<A, E>) =>
  Effect.suspend(() => {
    const clock = new HandClock()
    return Effect.provideService(f(clock), Clock.Clock, clock)
  })

/** White box. */
const gateOf = (limiter: object): object => Reflect.get(Reflect.get(limiter, "source"), "only")

/** Twenty who take again and again. */
const counter = <E>(limiter: RateLimiter.RateLimiter<E>) =>
  Effect.suspend(() => {
    const count = { served: 0 }
    const loop = looping(
      Effect.andThen(
        take(limiter),
        Effect.sync(() => count.served++)
      )
    )
    return Effect.as(Effect.andThen(Effect.replicateEffect(start(loop), 20), settle), count)
  })

describe("timers", () => {
  it.effect("that are late by a millisecond or two cost nothing: 1,000 a second, evenly spaced, are 1,000", () =>
    onHandClock(
      Effect.fnUntraced(function* (clock) {
        const limiter = yield* make({ limit: RateLimit.leakyBucket({ limit: 1000, interval: "1 second" }) })
        const count = yield* counter(limiter)
        for (let round = 0; round < 400; round++) yield* clock.passes(round % 2 === 0 ? 2 : 3)
        assert.strictEqual(count.served, 1001)
      })
    )
  )

  it.effect("that are early are set again, and nobody is served before his time", () =>
    onHandClock(
      Effect.fnUntraced(function* (clock) {
        const limiter = yield* make({ limit: perSecond(30) })
        const count = yield* counter(limiter)
        assert.deepStrictEqual(
          clock.sleeps.map(({ millis }) => millis),
          [33.333334]
        )
        yield* clock.passes(33)
        assert.strictEqual(count.served, 1)
        assert.deepStrictEqual(
          clock.sleeps.map(({ millis }) => millis),
          [0.333334]
        )
        yield* clock.passes(0.333333)
        assert.strictEqual(count.served, 1)
        yield* clock.passes(0.000001)
        assert.strictEqual(count.served, 2)
      })
    )
  )

  it.effect("a turn that came late and goes back is worth what time has not paid back since", () =>
    onHandClock(
      Effect.fnUntraced(function* (clock) {
        for (const kind of [RateLimit.tokenBucket, RateLimit.gcra]) {
          const limiter = yield* make({ limit: kind({ limit: 1, interval: "10 millis", burst: 1 }) })
          assert.isTrue(yield* takeIfAvailable(limiter))
          const waiting = yield* start(take(limiter))
          clock.nanos += 20_000_000n
          // he is granted his turn of 10 ms ago, and there is one more
          assert.isTrue(yield* takeIfAvailable(limiter))
          waiting.interruptUnsafe()
          yield* settle
          assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(waiting)))
          assert.isFalse(yield* takeIfAvailable(limiter))
        }
      })
    )
  )

  it.effect("there is one, however many wait; and none when nobody does", () =>
    onHandClock(
      Effect.fnUntraced(function* (clock) {
        const limiter = yield* drained(10)
        const fibers = yield* Effect.replicateEffect(start(take(limiter)), 100)
        yield* settle
        assert.lengthOf(clock.sleeps, 1)
        yield* clock.passes(100)
        assert.lengthOf(clock.sleeps, 1)
        yield* Fiber.interruptAll(fibers)
        assert.lengthOf(clock.sleeps, 0)
      })
    )
  )

  it.effect("none is left behind by one who keeps the time no more, or sleeps anew", () =>
    onHandClock(
      Effect.fnUntraced(function* (clock) {
        const limiter = yield* drained(10)
        // they live on after their turns
        yield* Effect.replicateEffect(start(Effect.andThen(take(limiter), Effect.never)), 3)
        yield* settle
        yield* setLimit(limiter, perSecond(20))
        yield* settle
        assert.deepStrictEqual(
          clock.sleeps.map(({ millis }) => millis),
          [50]
        )
        yield* setLimit(limiter, RateLimit.unlimited)
        yield* settle
        assert.deepStrictEqual(clock.sleeps, [])
      })
    )
  )

  it.effect("the one who waits longest keeps the time: it does not change hands with every turn", () =>
    onHandClock(
      Effect.fnUntraced(function* (clock) {
        const limiter = yield* drained(10)
        yield* start(take(limiter))
        yield* Effect.replicateEffect(start(take(limiter)), 20)
        yield* settle
        const keepers = new Set<unknown>()
        for (let turn = 0; turn < 21; turn++) {
          // white box
          keepers.add(Reflect.get(Reflect.get(gateOf(limiter), "timekeeper"), "keeper"))
          yield* clock.passes(100)
        }
        assert.strictEqual(keepers.size, 2)
      })
    )
  )

  it.effect("whoever is due before anybody sleeps is served in the order of the line", () =>
    onHandClock(
      Effect.fnUntraced(function* (clock) {
        const limiter = yield* drained(1000, 3)
        const log: Log = []
        for (const name of ["a", "b", "c"]) yield* taker(limiter, log, name)
        clock.nanos += 10_000_000n
        yield* settle
        assert.deepStrictEqual(
          log.map(([name]) => name),
          ["a", "b", "c"]
        )
      })
    )
  )

  it.effect("that are late do not make a new limit count for the turns before it", () =>
    onHandClock(
      Effect.fnUntraced(function* (clock) {
        const limiter = yield* drained(10, 2)
        const fiber = yield* start(take(limiter, 2))
        yield* settle
        clock.nanos += 200_000_000n
        // it would be too large for this one
        yield* setLimit(limiter, perSecond(10, 1))
        yield* settle
        yield* Fiber.join(fiber)
      })
    )
  )

  it.effect("after a stall nobody gets what has piled up: the burst, and then one by one", () =>
    onHandClock(
      Effect.fnUntraced(function* (clock) {
        for (const [limit, burst] of [
          [RateLimit.leakyBucket({ limit: 1000, interval: "1 second" }), 1],
          [perSecond(1000, 5), 5],
          [RateLimit.gcra({ limit: 1000, interval: "1 second", burst: 5 }), 5]
        ] as const) {
          for (const stall of [22, 1000, 365 * 86_400_000]) {
            const limiter = yield* make({ limit })
            const fibers = yield* Effect.replicateEffect(start(take(limiter)), 100)
            yield* settle
            yield* clock.passes(stall)
            assert.strictEqual(100 - (yield* stats(limiter)).waiting, 2 * burst)
            yield* clock.passes(1)
            assert.strictEqual(100 - (yield* stats(limiter)).waiting, 2 * burst + 1)
            yield* Fiber.interruptAll(fibers)
          }
        }
      })
    )
  )
})

describe("clocks", () => {
  it.effect("one that goes back is taken to stand still", () =>
    onHandClock(
      Effect.fnUntraced(function* (clock) {
        clock.nanos = 10n ** 18n
        const limiter = yield* make({ limit: RateLimit.gcra({ limit: 10, interval: "1 second", burst: 3 }) })
        clock.nanos += 100_000_000n
        assert.isTrue(yield* takeIfAvailable(limiter))
        for (const [time, expected] of [
          [0n, true],
          [-1_000_000_000n, true],
          [0n, false],
          [100_000_000n, false],
          [200_000_000n, true],
          [0n, false],
          [200_000_000n, false]
        ] as const) {
          clock.nanos = 10n ** 18n + time
          assert.strictEqual(yield* takeIfAvailable(limiter), expected)
        }
      })
    )
  )

  it.effect("10^9 a second stay exact after a year, also where states are one number", () =>
    onHandClock(
      Effect.fnUntraced(function* (clock) {
        for (const make of [RateLimit.tokenBucket, RateLimit.gcra]) {
          clock.nanos = 0n
          const limiter = yield* RateLimiter.make({ limit: make({ limit: 1e9, interval: "1 second", burst: 7 }) })
          yield* take(limiter, 7)
          clock.nanos += 365n * 86_400_000_000_000n
          for (let round = 0; round < 100; round++) {
            assert.isTrue(yield* takeIfAvailable(limiter, 7))
            assert.isFalse(yield* takeIfAvailable(limiter))
            // a double counts a year of nanoseconds by fours
            clock.nanos += 4n
            assert.isTrue(yield* takeIfAvailable(limiter, 4))
            assert.isFalse(yield* takeIfAvailable(limiter))
            clock.nanos += 8n
          }
        }
      })
    )
  )

  it.effect("the limiter keeps to the clock that it was made under", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10)
      const clock = new HandClock()
      const fiber = yield* start(Effect.provideService(take(limiter), Clock.Clock, clock))
      yield* millis(100)
      yield* Fiber.join(fiber)
    })
  )
})

describe("deadlines", () => {
  const within = <A, E, R>(nanos: bigint, effect: Effect.Effect<A, E, R>) =>
    Clock.clockWith((clock) =>
      Effect.provideService(effect, CurrentDeadline, { clock, at: clock.monotonicTimeNanosUnsafe() + nanos })
    )

  it.effect("the time left is one more longest wait", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10)
      const refused = yield* start(within(99_000_000n, take(limiter)))
      assert.deepStrictEqual((yield* failureOf(refused)).retryAfter, Duration.millis(100))
      const guarded = yield* start(within(99_000_000n, RateLimiter.withLimit(limiter)(Effect.void)))
      assert.strictEqual((yield* failureOf(guarded))._tag, "RateLimited")
      const shorter = yield* start(within(100_000_000n, take(limiter, 1, { maxWait: "1 milli" })))
      assert.strictEqual((yield* failureOf(shorter))._tag, "RateLimited")
      const exact = yield* start(within(100_000_000n, take(limiter, 1, { maxWait: "1 minute" })))
      yield* millis(100)
      yield* Fiber.join(exact)
    })
  )

  it.effect("one that has passed fails no wait, so that finalizers work", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10)
      const log: Log = []
      yield* within(-1n, taker(limiter, log, "finalizer"))
      yield* millis(100)
      assert.deepStrictEqual(log, [["finalizer", 100]])
    })
  )
})

describe("Retry-After", () => {
  const noon = Date.UTC(2026, 10, 24, 12, 0, 0)
  const seconds = (headers: Parameters<typeof retryAfter>[0]) =>
    Effect.map(retryAfter(headers), (duration) => Option.getOrUndefined(Option.map(duration, Duration.toSeconds)))
  const read = (value: string) => seconds({ "retry-after": value })

  it.effect("in seconds", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* read("120"), 120)
      assert.strictEqual(yield* read(" 0 "), 0)
      assert.strictEqual(yield* read("1.5"), 1.5)
    })
  )

  it.effect("as a date, in the form of today and in those of former times, against the wall clock", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(noon)
      assert.strictEqual(yield* read("Tue, 24 Nov 2026 12:01:30 GMT"), 90)
      assert.strictEqual(yield* read("Tuesday, 24-Nov-26 12:01:30 GMT"), 90)
      assert.strictEqual(yield* read("Tue Nov 24 12:01:30 2026"), 90)
      assert.strictEqual(yield* read("Wed Dec  2 12:00:00 2026"), 8 * 86_400)
      assert.strictEqual(yield* read("Tue, 29 Feb 2028 12:00:00 GMT"), 462 * 86_400)
      // a leap second
      assert.strictEqual(yield* read("Tue, 24 Nov 2026 12:00:60 GMT"), 60)
      // in the past: at once
      assert.strictEqual(yield* read("Tue, 24 Nov 2026 11:59:59 GMT"), 0)
      assert.strictEqual(yield* read("Sunday, 06-Nov-94 08:49:37 GMT"), 0)
    })
  )

  it.effect("whatever the form of the headers", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* seconds(new Headers({ "Retry-After": "7" })), 7)
      assert.strictEqual(yield* seconds(new Map([["retry-after", "7"]])), 7)
      assert.strictEqual(yield* seconds({ "Retry-After": "7" }), 7)
      assert.strictEqual(yield* seconds({}), undefined)
      assert.strictEqual(yield* seconds(new Headers()), undefined)
      assert.strictEqual(yield* seconds({ "retry-after": undefined }), undefined)
      assert.strictEqual(yield* seconds({ "retry-after": 7 }), undefined)
    })
  )

  it.effect("of several the longest", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* seconds({ "retry-after": ["1", "soon", "2"] }), 2)
      const twice = new Headers({ "Retry-After": "9" })
      twice.append("Retry-After", "1")
      assert.strictEqual(yield* seconds(twice), 9)
    })
  )

  it.effect("nothing of what cannot be read", () =>
    Effect.gen(function* () {
      for (const garbage of [
        "",
        "soon",
        "later 1",
        "-1",
        "+5",
        "1e3",
        "0x10",
        "5s",
        "NaN",
        "Infinity",
        "1,5",
        "2026-11-24T12:00:00Z",
        "Tue, 24 Foo 2026 12:00:00 GMT",
        "Tue, 24 Nov 2026 12:00:00 PST",
        "Tue, 24 Nov 2026 12:00 GMT",
        "1, soon",
        // days and times that there are not
        "Tue, 31 Nov 2026 12:00:00 GMT",
        "Tue, 00 Nov 2026 12:00:00 GMT",
        "Mon, 29 Feb 2027 12:00:00 GMT",
        "Tue, 24 Nov 2026 24:00:00 GMT",
        "Tue, 24 Nov 2026 12:60:00 GMT",
        "Tuesday, 24-Nov-26 12:00:61 GMT"
      ]) {
        assert.isUndefined(yield* read(garbage), garbage)
      }
    })
  )
})
