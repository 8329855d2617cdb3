import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"

import * as RateLimit from "../src/RateLimit.ts"
import { cases } from "../src/RateLimitCases.ts"
import * as RateLimiter from "../src/RateLimiter.ts"
import {
  deathMessage,
  delayOf,
  drained,
  failure,
  failureOf,
  type Log,
  looping,
  millis,
  perSecond,
  settle,
  start,
  taker,
  waitingIn
} from "./support/limiter.ts"

const { make, penalize, peek, reserve, setLimit, stats, take, takeIfAvailable, throttle, withLimit } = RateLimiter

describe("the table", () => {
  for (const { limit, name, rows } of cases) {
    it.effect(name, () =>
      Effect.gen(function* () {
        const limiter = yield* make({ limit })
        let now = 0
        for (const [index, [at, n, answer, left]] of rows.entries()) {
          // TestClock does not go back, and neither does a limiter's clock
          yield* TestClock.adjust(Duration.nanos(BigInt(Math.round(Math.max(0, at - now) * 1e6))))
          now = Math.max(now, at)
          const row = `row ${index + 1}`
          if (left !== undefined) assert.strictEqual((yield* stats(limiter)).available, left, row)
          const wait = Duration.toMillis(yield* peek(limiter, n))
          const exit = yield* Effect.exit(takeIfAvailable(limiter, n))
          if (n > RateLimit.capacity(limit)) assert.include(deathMessage(exit), "can never be taken at once", row)
          else assert.deepStrictEqual(exit, Exit.succeed(answer === true), row)
          if (answer === true) assert.strictEqual(wait, 0, row)
          else if (answer === Infinity) assert.strictEqual(wait, answer, row)
          else assert.closeTo(wait, answer - now, 1e-6 * Math.max(1, now / 1e9), row)
        }
      })
    )
  }
})

describe("turns", () => {
  it.effect("first come, first served, each at its time", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10)
      const log: Log = []
      for (const name of ["a", "b", "c"]) yield* taker(limiter, log, name)
      yield* millis(99)
      assert.deepStrictEqual(log, [])
      yield* millis(901)
      assert.deepStrictEqual(log, [
        ["a", 100],
        ["b", 200],
        ["c", 300]
      ])
    })
  )

  it.effect("a heavy head is not overtaken by light ones that would fit", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10, 5)
      const log: Log = []
      yield* taker(limiter, log, "heavy", 5)
      yield* taker(limiter, log, "light")
      yield* millis(300)
      assert.isFalse(yield* takeIfAvailable(limiter, 1))
      assert.isFalse(yield* takeIfAvailable(limiter, 0))
      yield* millis(700)
      assert.deepStrictEqual(log, [
        ["heavy", 500],
        ["light", 600]
      ])
    })
  )

  it.effect("zero tokens wait for their turn and take nothing", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10)
      const log: Log = []
      assert.isTrue(yield* takeIfAvailable(limiter, 0))
      yield* taker(limiter, log, "at once: nobody waits", 0)
      yield* taker(limiter, log, "one")
      yield* taker(limiter, log, "zero", 0)
      yield* taker(limiter, log, "another")
      yield* millis(200)
      assert.deepStrictEqual(log, [
        ["at once: nobody waits", 0],
        ["one", 100],
        ["zero", 100],
        ["another", 200]
      ])
    })
  )

  it.effect("parts of tokens", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10)
      const log: Log = []
      yield* taker(limiter, log, "a quarter", 0.25)
      yield* taker(limiter, log, "three quarters", 0.75)
      yield* taker(limiter, log, "a tenth", 0.1)
      yield* millis(200)
      assert.deepStrictEqual(log, [
        ["a quarter", 25],
        ["three quarters", 100],
        ["a tenth", 110]
      ])
    })
  )

  it.effect("a newcomer stands behind those who are served and have not resumed", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10, 2)
      const log: Log = []
      for (const name of ["a", "b", "c"]) yield* taker(limiter, log, name)
      yield* millis(150)
      assert.isFalse(yield* takeIfAvailable(limiter))
      yield* taker(limiter, log, "d")
      yield* millis(250)
      assert.deepStrictEqual(log, [
        ["a", 100],
        ["b", 200],
        ["c", 300],
        ["d", 400]
      ])
    })
  )

  it.effect("nobody's body runs where another is served", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10)
      let ran = 0
      yield* start(
        withLimit(limiter)(
          Effect.sync(() => {
            ran++
          })
        )
      )
      yield* Effect.andThen(
        setLimit(limiter, RateLimit.unlimited),
        Effect.sync(() => assert.strictEqual(ran, 0))
      )
      yield* settle
      assert.strictEqual(ran, 1)
    })
  )

  it.effect("UB-01 without a limit a thousand take at once", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: RateLimit.unlimited })
      for (let round = 0; round < 1000; round++) yield* take(limiter, 1e6)
      assert.strictEqual((yield* stats(limiter)).waiting, 0)
    })
  )

  it.effect("UB-02 four loops at 100 a second: 100, 200 and 300 before one, two and three seconds", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: RateLimit.leakyBucket({ limit: 100, interval: "1 second" }) })
      let count = 0
      const loop = looping(
        Effect.andThen(
          take(limiter),
          Effect.sync(() => count++)
        )
      )
      const fibers = yield* Effect.replicateEffect(start(loop), 4)
      for (const expected of [100, 200, 300]) {
        yield* millis(999.999)
        assert.strictEqual(count, expected)
        yield* millis(0.001)
      }
      yield* Fiber.interruptAll(fibers)
    })
  )

  for (const slack of [0, 10]) {
    it.effect(`UB-05 three at once at 10 a second with a slack of ${slack}: 0, 100 and 200 ms`, () =>
      Effect.gen(function* () {
        const limit = RateLimit.leakyBucket({ limit: 10, interval: "1 second", slack })
        const limiter = yield* make({ limit })
        yield* millis(5000)
        const log: Log = []
        for (const name of ["a", "b", "c"]) yield* taker(limiter, log, name)
        yield* millis(1000)
        assert.deepStrictEqual(log, [
          ["a", 5000],
          ["b", 5100],
          ["c", 5200]
        ])
      })
    )
  }

  it.effect("UB-08 an idle time of 45 ms, then ten: three of the turns that were missed", () =>
    Effect.gen(function* () {
      const turns = Effect.fnUntraced(function* (slack: number) {
        const limit = RateLimit.leakyBucket({ limit: 100, interval: "1 second", slack })
        const limiter = yield* make({ limit })
        const begun = yield* Clock.currentTimeMillis
        yield* take(limiter)
        yield* millis(45)
        const log: Log = []
        const fibers = yield* Effect.forEach(Array.from({ length: 10 }), (_, name) => taker(limiter, log, name))
        yield* millis(200)
        yield* Fiber.joinAll(fibers)
        return log.map(([, at]) => at - begun)
      })
      assert.deepStrictEqual(yield* turns(10), [45, 45, 45, 45, 50, 60, 70, 80, 90, 100])
      assert.deepStrictEqual(yield* turns(0), [45, 55, 65, 75, 85, 95, 105, 115, 125, 135])
    })
  )

  it.effect("UB-09 an idle time of 4 s at one a second with a slack of 2, then eight", () =>
    Effect.gen(function* () {
      const limit = RateLimit.leakyBucket({ limit: 1, interval: "1 second", slack: 2 })
      const limiter = yield* make({ limit })
      yield* take(limiter)
      yield* millis(4000)
      const log: Log = []
      yield* Effect.forEach(Array.from({ length: 8 }), (_, name) => taker(limiter, log, name))
      yield* millis(10_000)
      assert.deepStrictEqual(
        log.map(([, at]) => at - 4000),
        [0, 0, 0, 1000, 2000, 3000, 4000, 5000]
      )
    })
  )

  it.effect("TestSlack of uber: a slow one in front earns the fast one its slack", () =>
    Effect.gen(function* () {
      for (const [slack, expected] of [
        [10, 130],
        [20, 140],
        [150, 270]
      ] as const) {
        const slow = yield* make({ limit: RateLimit.leakyBucket({ limit: 10, interval: "1 second" }) })
        const fast = yield* make({ limit: RateLimit.leakyBucket({ limit: 100, interval: "1 second", slack }) })
        let count = 0
        const loop = (...limiters: ReadonlyArray<RateLimiter.RateLimiter>) =>
          start(
            looping(
              Effect.andThen(
                Effect.forEach(limiters, (limiter) => take(limiter)),
                Effect.sync(() => count++)
              )
            )
          )
        const fibers = [yield* loop(slow, fast)]
        yield* millis(1999.999)
        assert.strictEqual(count, 20)
        yield* millis(0.001)
        fibers.push(yield* loop(fast), yield* loop(fast))
        yield* millis(999.999)
        assert.strictEqual(count, expected)
        yield* Fiber.interruptAll(fibers)
      }
    })
  )

  it.effect("FS-S4 ten a second, evenly, is one in 100 ms; R20 six of five a minute wait for 12 s", () =>
    Effect.gen(function* () {
      for (const limit of [
        RateLimit.leakyBucket({ limit: 10, interval: "1 second" }),
        RateLimit.leakyBucket({ limit: 1, interval: "100 millis" })
      ]) {
        const limiter = yield* make({ limit })
        yield* take(limiter)
        yield* Effect.replicateEffect(start(take(limiter)), 2)
        assert.deepStrictEqual(yield* peek(limiter), Duration.millis(300))
      }
      const limiter = yield* make({ limit: RateLimit.tokenBucket({ limit: 5, interval: "1 minute" }) })
      yield* take(limiter, 5)
      const log: Log = []
      const first = yield* taker(limiter, log, 6)
      const second = yield* taker(limiter, log, 7)
      yield* millis(60_000)
      yield* Fiber.joinAll([first, second])
      assert.deepStrictEqual(log, [
        [6, 12_000],
        [7, 24_000]
      ])
      assert.strictEqual((yield* stats(limiter)).available, 3)
    })
  )

  it.effect("R20 fixed windows of five a minute: five at once, five after a minute, the eleventh after two", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: RateLimit.fixedWindow({ limit: 5, interval: "1 minute" }) })
      const log: Log = []
      for (let name = 1; name <= 11; name++) yield* taker(limiter, log, name)
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(yield* peek(limiter), Duration.seconds(90))
      yield* taker(limiter, log, 12)
      yield* TestClock.adjust("45 seconds")
      assert.deepStrictEqual(yield* peek(limiter), Duration.seconds(45))
      yield* TestClock.adjust("45 seconds")
      assert.deepStrictEqual(
        log.map(([, at]) => at / 60_000),
        [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2]
      )
    })
  )

  it.effect("FS-B two a second, seven at once and more later, by fixed windows", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: RateLimit.fixedWindow({ limit: 2, interval: "1 second" }) })
      const log: Log = []
      const many = (names: ReadonlyArray<number>) => Effect.forEach(names, (name) => taker(limiter, log, name))
      yield* many([1, 2, 3, 4, 5, 6, 7])
      yield* millis(800)
      yield* many([8, 9, 10])
      yield* millis(1500)
      yield* many([11])
      yield* millis(5700)
      assert.deepStrictEqual(
        log.map(([, at]) => at),
        [0, 0, 1000, 1000, 2000, 2000, 3000, 3000, 4000, 4000, 5000]
      )
    })
  )

  it.effect("R10 two limiters in a row: both hold", () =>
    Effect.gen(function* () {
      const own = yield* make({ limit: perSecond(10) })
      const all = yield* make({ limit: perSecond(4, 2) })
      const log: Log = []
      const call = (name: number) =>
        Effect.map(Clock.currentTimeMillis, (at) => void log.push([name, at])).pipe(withLimit(all), withLimit(own))
      yield* Effect.forEach([1, 2, 3, 4], (name) => start(call(name)))
      yield* millis(2000)
      assert.deepStrictEqual(log, [
        [1, 0],
        [2, 100],
        [3, 250],
        [4, 500]
      ])
    })
  )
})

describe("interruption", () => {
  it.effect("of one who waits moves the later ones forward, at once", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10)
      const log: Log = []
      const a = yield* taker(limiter, log, "a")
      const b = yield* taker(limiter, log, "b")
      yield* taker(limiter, log, "c")
      yield* millis(50)
      yield* Fiber.interrupt(b)
      assert.strictEqual(yield* waitingIn(limiter), 2)
      yield* Fiber.interrupt(a)
      yield* millis(50)
      assert.deepStrictEqual(log, [["c", 100]])
      assert.isFalse(yield* takeIfAvailable(limiter))
    })
  )

  it.effect("R21 the next waits no longer for one who has left", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: RateLimit.tokenBucket({ limit: 1, interval: "200 millis" }) })
      yield* take(limiter)
      const second = yield* start(take(limiter))
      yield* millis(5)
      yield* Fiber.interrupt(second)
      assert.deepStrictEqual(yield* peek(limiter), Duration.millis(195))
    })
  )

  it.effect("RATE-X2 of twenty of thirty who wait: the ten are served as if they had been alone", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10)
      const log: Log = []
      const fibers = yield* Effect.forEach(Array.from({ length: 30 }), (_, name) => taker(limiter, log, name))
      yield* Fiber.interruptAll(fibers.filter((_, name) => name % 3 !== 2))
      yield* millis(1000)
      assert.deepStrictEqual(
        log,
        Array.from({ length: 10 }, (_, place) => [3 * place + 2, 100 * (place + 1)] as const)
      )
    })
  )

  it.effect("of a heavy head serves those behind it who are due", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10, 10)
      const log: Log = []
      const heavy = yield* taker(limiter, log, "heavy", 10)
      for (const name of ["a", "b", "c", "d"]) yield* taker(limiter, log, name)
      yield* millis(250)
      yield* Fiber.interrupt(heavy)
      yield* settle
      yield* millis(150)
      assert.deepStrictEqual(log, [
        ["a", 250],
        ["b", 250],
        ["c", 300],
        ["d", 400]
      ])
    })
  )

  it.effect("that races the turn gives the tokens back and serves the next", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10)
      const log: Log = []
      const first = yield* taker(limiter, log, "first")
      yield* taker(limiter, log, "second")
      yield* setLimit(limiter, perSecond(0))
      yield* setLimit(limiter, perSecond(0), { carry: "reset" })
      // the first has been served, and has not resumed
      assert.strictEqual(yield* waitingIn(limiter), 1)
      first.interruptUnsafe()
      yield* settle
      assert.deepStrictEqual(log, [["second", 0]])
      assert.strictEqual((yield* stats(limiter)).available, 0)
    })
  )

  it.effect("of all ten thousand who wait, in any order, leaves an empty line", () =>
    Effect.gen(function* () {
      for (const order of [
        <A>(fibers: ReadonlyArray<A>) => fibers,
        <A>(fibers: ReadonlyArray<A>) => fibers.toReversed()
      ]) {
        const limiter = yield* drained(10)
        const fibers = yield* Effect.replicateEffect(start(take(limiter)), 10_000)
        assert.strictEqual(yield* waitingIn(limiter), 10_000)
        yield* Fiber.interruptAll(order(fibers))
        assert.strictEqual(yield* waitingIn(limiter), 0)
        yield* millis(100)
        assert.strictEqual((yield* stats(limiter)).available, 1)
        yield* take(limiter)
      }
    })
  )

  it.effect("WAIT-02 after a wait that was cancelled the tokens are there", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: perSecond(10, 3) })
      yield* take(limiter, 2)
      const cancelled = yield* start(take(limiter, 3))
      yield* millis(100)
      yield* Fiber.interrupt(cancelled)
      assert.strictEqual((yield* stats(limiter)).available, 2)
      assert.isTrue(yield* takeIfAvailable(limiter, 2))
    })
  )

  it.effect("where the caller cannot be interrupted, neither can the wait", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10)
      const fiber = yield* start(Effect.uninterruptible(take(limiter)))
      fiber.interruptUnsafe()
      yield* millis(50)
      assert.isUndefined(fiber.pollUnsafe())
      yield* millis(50)
      assert.isDefined(fiber.pollUnsafe())
    })
  )

  it.effect("Q7, Q8 five that are interrupted and one that is not: the one is served first", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: RateLimit.fixedWindow({ limit: 1, interval: "100 millis" }) })
      yield* take(limiter)
      const aborted = yield* Effect.replicateEffect(start(take(limiter)), 5)
      const log: Log = []
      yield* taker(limiter, log, "live")
      yield* Fiber.interruptAll(aborted)
      yield* millis(150)
      assert.deepStrictEqual(log, [["live", 100]])
    })
  )
})

describe("changing the limit", () => {
  it.effect("RATE-X3 raising the rate shortens the waits", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(1)
      const log: Log = []
      for (const name of ["a", "b", "c"]) yield* taker(limiter, log, name)
      yield* millis(500)
      yield* setLimit(limiter, perSecond(10))
      yield* millis(1000)
      // half a token was there
      assert.deepStrictEqual(log, [
        ["a", 550],
        ["b", 650],
        ["c", 750]
      ])
    })
  )

  it.effect("lowering it makes them longer", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10)
      const log: Log = []
      yield* taker(limiter, log, "a")
      yield* millis(50)
      yield* setLimit(limiter, perSecond(1))
      yield* millis(499)
      assert.deepStrictEqual(log, [])
      yield* millis(1)
      assert.deepStrictEqual(log, [["a", 550]])
    })
  )

  it.effect("RATE-07, RATE-08 at a rate of nothing one waits for ever, until there is a rate", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: perSecond(0) })
      assert.isTrue(yield* takeIfAvailable(limiter))
      assert.isFalse(yield* takeIfAvailable(limiter))
      assert.deepStrictEqual(yield* peek(limiter), Duration.infinity)
      const log: Log = []
      yield* taker(limiter, log, "a")
      yield* TestClock.adjust("365 days")
      const year = yield* Clock.currentTimeMillis
      assert.deepStrictEqual(log, [])
      yield* setLimit(limiter, perSecond(10))
      yield* millis(99)
      assert.deepStrictEqual(log, [])
      yield* millis(1)
      assert.deepStrictEqual(log, [["a", year + 100]])
    })
  )

  it.effect("a window that gets a higher limit serves those who wait for its end", () =>
    Effect.gen(function* () {
      for (const window of [RateLimit.fixedWindow, RateLimit.slidingWindow, RateLimit.slidingLog]) {
        const limiter = yield* make({ limit: window({ limit: 2, interval: "1 minute" }) })
        yield* take(limiter, 2)
        const fibers = yield* Effect.replicateEffect(start(take(limiter)), 3)
        yield* setLimit(limiter, window({ limit: 4, interval: "1 minute" }))
        yield* settle
        assert.deepStrictEqual(
          fibers.map((fiber) => fiber.pollUnsafe() !== undefined),
          [true, true, false]
        )
        yield* Fiber.interruptAll(fibers)
      }
    })
  )

  it.effect("one who asks for more than fits now fails when his turn comes, and holds up nobody", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10, 10)
      const log: Log = []
      const large = yield* taker(limiter, log, "large", 8)
      yield* taker(limiter, log, "small", 2)
      yield* setLimit(limiter, perSecond(10, 5))
      const error = yield* failureOf(large)
      assert.strictEqual(error._tag, "RateLimited")
      assert.deepStrictEqual([error.n, error.retryAfter], [8, Duration.infinity])
      yield* millis(200)
      assert.deepStrictEqual(log, [["small", 200]])
      // a newcomer fails likewise, and dies only where no limit so far could have met it
      assert.deepStrictEqual((yield* Effect.flip(take(limiter, 8))).retryAfter, Duration.infinity)
      assert.deepStrictEqual((yield* Effect.flip(reserve(limiter, 8))).retryAfter, Duration.infinity)
      assert.isFalse(yield* takeIfAvailable(limiter, 8))
      assert.deepStrictEqual(yield* peek(limiter, 8), Duration.infinity)
      assert.include(deathMessage(yield* Effect.exit(take(limiter, 11))), "the largest capacity ever set is 10")
    })
  )

  it.effect("one behind the head survives a limit that was too small for a while", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10, 10)
      const log: Log = []
      yield* taker(limiter, log, "small", 2)
      yield* taker(limiter, log, "large", 8)
      yield* setLimit(limiter, perSecond(10, 5))
      yield* millis(100)
      yield* setLimit(limiter, perSecond(10, 10))
      yield* millis(900)
      assert.deepStrictEqual(log, [
        ["small", 200],
        ["large", 1000]
      ])
    })
  )

  it.effect("keeps, shares out or resets what is left", () =>
    Effect.gen(function* () {
      for (const [carry, left] of [
        ["keep", 6],
        ["proportional", 12],
        ["reset", 20]
      ] as const) {
        const limiter = yield* make({ limit: perSecond(10, 10) })
        yield* take(limiter, 4)
        yield* setLimit(limiter, perSecond(10, 20), { carry })
        assert.strictEqual((yield* stats(limiter)).available, left)
      }
    })
  )

  it.effect("resets what is left also where the limit stays the same", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10, 10)
      const { limit } = yield* stats(limiter)
      yield* setLimit(limiter, limit)
      assert.strictEqual((yield* stats(limiter)).available, 0)
      yield* setLimit(limiter, limit, { carry: "reset" })
      assert.strictEqual((yield* stats(limiter)).available, 10)
    })
  )

  it.effect("what was granted by a limit that has changed since does not go back to the new one", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10, 10)
      const waiting = yield* start(take(limiter, 10))
      const hourly = RateLimit.tokenBucket({ limit: 1, interval: "1 hour", burst: 10 })
      // granted, and not yet resumed
      yield* setLimit(limiter, hourly, { carry: "reset" })
      yield* setLimit(limiter, hourly, { carry: "reset" })
      assert.isTrue(yield* takeIfAvailable(limiter, 10))
      waiting.interruptUnsafe()
      yield* settle
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(waiting)))
      assert.strictEqual((yield* stats(limiter)).available, 0)
    })
  )

  it.effect("RES-06 the places of reservations move too", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(5, 2)
      const first = yield* reserve(limiter, 2)
      const second = yield* reserve(limiter, 1)
      assert.strictEqual(yield* delayOf(first), 400)
      assert.strictEqual(yield* delayOf(second), 600)
      yield* millis(200)
      yield* setLimit(limiter, perSecond(10, 2))
      assert.strictEqual(yield* delayOf(first), 100)
      assert.strictEqual(yield* delayOf(second), 200)
    })
  )
})

describe("penalties", () => {
  it.effect("R23 move everybody, those in line included", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10)
      const log: Log = []
      for (const name of ["a", "b"]) yield* taker(limiter, log, name)
      yield* penalize(limiter, "1 second")
      yield* taker(limiter, log, "c")
      const { penalizedFor } = yield* stats(limiter)
      assert.deepStrictEqual(penalizedFor, Duration.seconds(1))
      assert.deepStrictEqual(yield* peek(limiter), Duration.millis(1300))
      yield* millis(500)
      assert.deepStrictEqual((yield* stats(limiter)).penalizedFor, Duration.millis(500))
      yield* millis(1000)
      assert.deepStrictEqual(log, [
        ["a", 1000],
        ["b", 1100],
        ["c", 1200]
      ])
    })
  )

  it.effect("hold what is there, also what costs nothing", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: perSecond(10, 10) })
      yield* penalize(limiter, "1 second")
      assert.isFalse(yield* takeIfAvailable(limiter))
      assert.isFalse(yield* takeIfAvailable(limiter, 0))
      const log: Log = []
      yield* taker(limiter, log, "a")
      yield* taker(limiter, log, "b", 0)
      yield* millis(1000)
      assert.deepStrictEqual(log, [
        ["a", 1000],
        ["b", 1000]
      ])
      assert.isTrue(yield* takeIfAvailable(limiter))
    })
  )

  it.effect("are never shortened by a later one, and zero is none", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: perSecond(10) })
      yield* penalize(limiter, "1 second")
      yield* penalize(limiter, "10 millis")
      yield* penalize(limiter, 0)
      assert.deepStrictEqual(yield* peek(limiter), Duration.seconds(1))
      yield* limiter.pipe(penalize("2 seconds"))
      assert.deepStrictEqual(yield* peek(limiter), Duration.seconds(2))
    })
  )

  it.effect("fail those at once who will not wait so long", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10)
      const log: Log = []
      const impatient = yield* taker(limiter, log, "impatient", 1, { maxWait: "1 second" })
      yield* taker(limiter, log, "patient", 1, { maxWait: "3 seconds" })
      yield* millis(50)
      yield* penalize(limiter, "2 seconds")
      const error = yield* failureOf(impatient)
      assert.strictEqual(error._tag, "RateLimited")
      assert.deepStrictEqual(error.retryAfter, Duration.millis(2100))
      yield* millis(2000)
      assert.deepStrictEqual(log, [["patient", 2050]])
    })
  )
})

describe("waits that are too long", () => {
  it.effect("WAIT-01 a simple wait", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: perSecond(10, 3) })
      const log: Log = []
      const fiber = yield* start(Effect.andThen(Effect.interrupt, take(limiter)))
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
      assert.include(deathMessage(yield* Effect.exit(take(limiter, 4))), "4 can never be taken at once")
      yield* taker(limiter, log, 2, 2)
      yield* taker(limiter, log, 3, 3)
      yield* millis(1000)
      assert.deepStrictEqual(log, [
        [2, 0],
        [3, 200]
      ])
    })
  )

  it.effect("WAIT-03 fail before they begin, take nothing, and say when to come again", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: perSecond(10, 3), name: "api" })
      yield* take(limiter, 2)
      const error = yield* Effect.flip(take(limiter, 3, { maxWait: "100 millis" }))
      assert.strictEqual(error._tag, "RateLimited")
      const { limiter: name, n, retryAfter, waiting } = error
      assert.deepStrictEqual([name, n, retryAfter, waiting], ["api", 3, Duration.millis(200), 0])
      assert.include(error.message, '3 of the rate limiter "api" would take longer than allowed: try again in 200ms')
      assert.strictEqual((yield* stats(limiter)).available, 1)
      const exact = yield* start(take(limiter, 3, { maxWait: "200 millis" }))
      yield* millis(200)
      yield* Fiber.join(exact)
    })
  )

  it.effect("WAIT-04 without a limit nothing is too long or too large", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: RateLimit.unlimited })
      yield* take(limiter, 3, { maxWait: 0 })
    })
  )

  it.effect("FS-S2 the wait counts those who are ahead", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: RateLimit.leakyBucket({ limit: 10, interval: "1 second" }) })
      yield* take(limiter, 1, { maxWait: "100 millis" })
      yield* start(take(limiter, 1, { maxWait: "1 second" }))
      const error = yield* Effect.flip(take(limiter, 1, { maxWait: "100 millis" }))
      assert.deepStrictEqual([error.retryAfter, error.waiting], [Duration.millis(200), 1])
    })
  )

  it.effect("a limiter's own bound, which a request may set aside", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: perSecond(10), maxWait: "150 millis" })
      yield* take(limiter)
      const first = yield* start(take(limiter))
      const refused = yield* Effect.flip(withLimit(limiter)(Effect.void))
      assert.deepStrictEqual(refused.retryAfter, Duration.millis(200))
      const patient = yield* start(take(limiter, 1, { maxWait: Infinity }))
      yield* millis(200)
      yield* Fiber.joinAll([first, patient])
    })
  )

  it.effect("one who was told that his turn would come in time fails when it will not any more", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10)
      const log: Log = []
      const first = yield* taker(limiter, log, "first", 1, { maxWait: "100 millis" })
      yield* millis(50)
      yield* setLimit(limiter, perSecond(5))
      assert.strictEqual((yield* failureOf(first))._tag, "RateLimited")
      assert.strictEqual(yield* waitingIn(limiter), 0)
    })
  )

  it.effect("also where those of a higher priority came before: not later than he was willing to wait", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10)
      const log: Log = []
      const low = yield* taker(limiter, log, "low", 1, { maxWait: "150 millis" })
      yield* taker(limiter, log, "high", 1, { priority: 1 })
      yield* millis(100)
      // the next turn is at 200 ms
      const error = yield* failureOf(low)
      assert.deepStrictEqual(error.retryAfter, Duration.millis(100))
      assert.deepStrictEqual(log, [["high", 100]])
      yield* millis(100)
      assert.strictEqual((yield* stats(limiter)).available, 1)
    })
  )
})

describe("a line that is full", () => {
  const bounded = Effect.fnUntraced(function* (
    maxWaiting: number,
    overflow?: "fail" | "dropOldest" | "dropLowestPriority"
  ) {
    const limiter = yield* make({ limit: perSecond(10), maxWaiting, overflow, name: "api" })
    yield* take(limiter)
    return limiter
  })

  it.effect("R13 fails the newcomer, with the facts", () =>
    Effect.gen(function* () {
      const limiter = yield* bounded(2)
      const log: Log = []
      yield* taker(limiter, log, "a")
      yield* taker(limiter, log, "b")
      const error = yield* Effect.flip(take(limiter))
      assert.strictEqual(error._tag, "RateLimiterFull")
      const { limiter: name, n, retryAfter, waiting } = error
      assert.deepStrictEqual([name, n, retryAfter, waiting], ["api", 1, Duration.millis(300), 2])
      assert.include(error.message, '2 wait for the rate limiter "api" already: try again in 300ms')
      yield* millis(200)
      assert.deepStrictEqual(log, [
        ["a", 100],
        ["b", 200]
      ])
    })
  )

  it.effect("of no length: nobody waits", () =>
    Effect.gen(function* () {
      for (const overflow of ["fail", "dropOldest", "dropLowestPriority"] as const) {
        const limiter = yield* bounded(0, overflow)
        assert.strictEqual((yield* Effect.flip(take(limiter)))._tag, "RateLimiterFull")
        assert.strictEqual((yield* Effect.flip(reserve(limiter)))._tag, "RateLimiterFull")
        yield* millis(100)
        yield* take(limiter)
      }
    })
  )

  it.effect("drops who has waited longest, whose tokens go to those behind", () =>
    Effect.gen(function* () {
      const limiter = yield* bounded(2, "dropOldest")
      const log: Log = []
      const oldest = yield* taker(limiter, log, "a", 1, { priority: 5 })
      yield* taker(limiter, log, "b")
      yield* taker(limiter, log, "c")
      assert.strictEqual((yield* failureOf(oldest))._tag, "RateLimiterFull")
      yield* millis(200)
      assert.deepStrictEqual(log, [
        ["b", 100],
        ["c", 200]
      ])
    })
  )

  it.effect("drops the youngest of the lowest priority, which may be the newcomer", () =>
    Effect.gen(function* () {
      const limiter = yield* bounded(3, "dropLowestPriority")
      const log: Log = []
      yield* taker(limiter, log, "a", 1, { priority: 1 })
      yield* taker(limiter, log, "b")
      const youngest = yield* taker(limiter, log, "c")
      const newcomer = yield* taker(limiter, log, "d")
      assert.strictEqual((yield* failureOf(newcomer))._tag, "RateLimiterFull")
      yield* taker(limiter, log, "e", 1, { priority: 1 })
      assert.strictEqual((yield* failureOf(youngest))._tag, "RateLimiterFull")
      yield* millis(1000)
      assert.deepStrictEqual(log, [
        ["a", 100],
        ["e", 200],
        ["b", 300]
      ])
    })
  )

  it.effect("does not matter to one who need not wait", () =>
    Effect.gen(function* () {
      const limiter = yield* bounded(1)
      const heavy = yield* make({ limit: perSecond(10, 5), maxWaiting: 1 })
      yield* take(heavy, 4)
      yield* start(take(heavy, 5))
      // one of a higher priority, which leads and fits
      assert.isTrue(yield* takeIfAvailable(heavy, 1, { priority: 1 }))
      yield* start(take(limiter))
      assert.isFalse(yield* takeIfAvailable(limiter))
    })
  )
})

describe("priorities", () => {
  it.effect("higher goes first, and of one priority who came first", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10)
      const log: Log = []
      yield* taker(limiter, log, "low", 1, { priority: -1 })
      yield* taker(limiter, log, "plain 1")
      yield* taker(limiter, log, "high 1", 1, { priority: 2 })
      yield* taker(limiter, log, "plain 2")
      yield* taker(limiter, log, "high 2", 1, { priority: 2 })
      yield* millis(500)
      assert.deepStrictEqual(
        log.map(([name]) => name),
        ["high 1", "high 2", "plain 1", "plain 2", "low"]
      )
    })
  )

  it.effect("a light one that comes before a heavy head has its turn at its own time", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10, 10)
      const log: Log = []
      yield* taker(limiter, log, "heavy", 10)
      yield* millis(50)
      yield* taker(limiter, log, "light", 1, { priority: 1 })
      yield* millis(1050)
      assert.deepStrictEqual(log, [
        ["light", 100],
        ["heavy", 1100]
      ])
    })
  )

  it.effect("a level is worth so many places: nobody is overtaken for ever", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: perSecond(10), priorityStep: 3 })
      yield* take(limiter)
      const log: Log = []
      yield* taker(limiter, log, "low")
      for (const name of [1, 2, 3, 4, 5]) yield* taker(limiter, log, name, 1, { priority: 1 })
      yield* millis(1000)
      assert.deepStrictEqual(
        log.map(([name]) => name),
        [1, 2, 3, "low", 4, 5]
      )
    })
  )

  it.effect("the wait of a priority counts those of its own and of higher ones", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10)
      yield* Effect.replicateEffect(start(take(limiter)), 3)
      yield* Effect.replicateEffect(start(take(limiter, 1, { priority: 1 })), 2)
      assert.deepStrictEqual(yield* peek(limiter), Duration.millis(600))
      assert.deepStrictEqual(yield* peek(limiter, 1, { priority: 1 }), Duration.millis(300))
      assert.deepStrictEqual(yield* peek(limiter, 1, { priority: 2 }), Duration.millis(100))
      assert.deepStrictEqual(
        yield* Effect.flip(take(limiter, 1, { priority: 1, maxWait: "200 millis" })).pipe(
          Effect.map(({ retryAfter }) => retryAfter)
        ),
        Duration.millis(300)
      )
    })
  )
})

describe("guards and streams", () => {
  it.effect("a guarded effect runs at its turn, and keeps its result and its failure", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10, 2)
      const ok = yield* start(Effect.succeed("done").pipe(withLimit(limiter)))
      const bad = yield* start(Effect.fail("failed" as const).pipe(withLimit(limiter, 2, { maxWait: "1 minute" })))
      yield* millis(300)
      assert.strictEqual(yield* Fiber.join(ok), "done")
      assert.strictEqual(failure(yield* Fiber.await(bad)), "failed")
    })
  )

  it.effect("a stream is passed element by element, not chunk by chunk", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: perSecond(10, 2) })
      const log: Log = []
      const fiber = yield* start(
        Stream.fromIterable(["a", "b", "c", "d"]).pipe(
          throttle(limiter),
          Stream.runForEach((name) => Effect.map(Clock.currentTimeMillis, (at) => void log.push([name, at])))
        )
      )
      yield* millis(1000)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(log, [
        ["a", 0],
        ["b", 0],
        ["c", 100],
        ["d", 200]
      ])
    })
  )

  it.effect("elements have their costs, and one that would take too long fails the stream", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: perSecond(10, 5) })
      const log: Log = []
      const stream = Stream.make(3, 2, 1, 5).pipe(
        throttle(limiter, { cost: (element: number) => element, maxWait: "300 millis" }),
        Stream.runForEach((n) => Effect.map(Clock.currentTimeMillis, (at) => void log.push([n, at])))
      )
      const fiber = yield* start(stream)
      yield* millis(1000)
      assert.strictEqual((yield* failureOf(fiber))._tag, "RateLimited")
      assert.deepStrictEqual(log, [
        [3, 0],
        [2, 0],
        [1, 100]
      ])
    })
  )

  it.effect("data first and data last", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: perSecond(10, 100) })
      assert.isTrue(yield* limiter.pipe(takeIfAvailable()))
      assert.isTrue(yield* limiter.pipe(takeIfAvailable(2, { priority: 1 })))
      yield* limiter.pipe(take())
      yield* limiter.pipe(take(3, { maxWait: 0 }))
      assert.strictEqual(yield* limiter.pipe(peek(10), Effect.map(Duration.toMillis)), 0)
      const reservation = yield* limiter.pipe(reserve(4))
      yield* reservation.await
      yield* limiter.pipe(setLimit(perSecond(10, 50)))
      yield* limiter.pipe(penalize(0))
      assert.deepStrictEqual(yield* stats(limiter), {
        limit: perSecond(10, 50),
        available: 50,
        waiting: 0,
        penalizedFor: Duration.zero
      })
    })
  )

  it("prints its name and how it stands", () => {
    const limiter = Effect.runSync(make({ limit: perSecond(10), name: "api" }))
    const shown = JSON.parse(String(limiter))
    assert.strictEqual(shown._id, "RateLimiter")
    assert.strictEqual(shown.name, "api")
    assert.strictEqual(shown.available, 1)
    assert.strictEqual(shown.waiting, 0)
  })
})

describe("caller bugs die", () => {
  const limiter = Effect.runSync(make({ limit: perSecond(10, 2), name: "api" }))
  const message = (effect: Effect.Effect<unknown, unknown>) => deathMessage(Effect.runSyncExit(effect))

  it("numbers of tokens that are none", () => {
    for (const n of [-1, NaN, Infinity, -Infinity, "1" as unknown as number]) {
      for (const [name, operation] of Object.entries<Effect.Effect<unknown, unknown>>({
        take: take(limiter, n),
        takeIfAvailable: takeIfAvailable(limiter, n),
        reserve: reserve(limiter, n),
        peek: peek(limiter, n),
        withLimit: withLimit(limiter, n)(Effect.void)
      })) {
        assert.include(message(operation), `RateLimiter.${name} on "api": n must be a finite number`)
      }
    }
  })

  it("more than there can ever be", () => {
    for (const operation of [
      take(limiter, 3),
      takeIfAvailable(limiter, 3),
      reserve(limiter, 3),
      withLimit(limiter, 3)(Effect.void)
    ] as ReadonlyArray<Effect.Effect<unknown, unknown>>) {
      assert.include(message(operation), "3 can never be taken at once, the largest capacity ever set is 2")
    }
  })

  it("options that are none", () => {
    const limit = perSecond(1)
    assert.include(message(make({ limit, maxWaiting: -1 })), "RateLimiter.make: maxWaiting must be")
    assert.include(message(make({ limit, maxWait: NaN })), "RateLimiter.make: maxWait must be a duration")
    assert.include(message(make({ limit, priorityStep: 0.5 })), "RateLimiter.make: priorityStep must be")
    const overflow = "drop" as "fail"
    assert.include(message(make({ limit, overflow })), "RateLimiter.make: overflow must be one of fail, dropOldest")
    assert.include(message(make({} as { limit: RateLimit.RateLimit })), "undefined is no limit")
    assert.include(message(setLimit(limiter, undefined as never)), "undefined is no limit")
    assert.include(message(setLimit(limiter, limit, { carry: "all" as "keep" })), 'setLimit on "api": carry must be')
    assert.include(message(take(limiter, 1, { priority: 0.5 })), 'take on "api": priority must be an integer')
    assert.include(message(penalize(limiter, NaN)), 'penalize on "api": retryAfter must be a duration')
    assert.include(message(take(limiter, 1, { maxWait: NaN })), 'take on "api": maxWait must be a duration')
  })

  it("durations that are none in a part, or have no part that is known", () => {
    const limit = perSecond(1)
    const none: ReadonlyArray<Duration.Input> = [
      NaN,
      [NaN, 0],
      [Infinity, -Infinity],
      { seconds: NaN },
      { seconds: 1, millis: 5 } as Duration.Input,
      {},
      "soon" as Duration.Input
    ]
    for (const duration of none) {
      for (const [name, effect] of Object.entries<Effect.Effect<unknown, unknown>>({
        "make: maxWait": make({ limit, maxWait: duration }),
        "keyed: maxWait": RateLimiter.keyed({ limit: () => limit, maxWait: duration }),
        'take on "api": maxWait': take(limiter, 1, { maxWait: duration }),
        'takeIfAvailable on "api": maxWait': takeIfAvailable(limiter, 1, { maxWait: duration } as object),
        'reserve on "api": maxWait': reserve(limiter, 1, { maxWait: duration }),
        'withLimit on "api": maxWait': withLimit(limiter, 1, { maxWait: duration })(Effect.void),
        'penalize on "api": retryAfter': penalize(limiter, duration)
      })) {
        assert.include(message(effect), `RateLimiter.${name} must be a duration`)
      }
      assert.throws(
        () => RateLimit.gcra({ limit: 1, interval: duration }),
        "RateLimit.gcra: interval must be a duration"
      )
    }
  })
})
