import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"

import { KeyMap } from "../src/internal/limiter/keyMap.ts"
import * as RateLimit from "../src/RateLimit.ts"
import * as RateLimiter from "../src/RateLimiter.ts"
import { deathMessage, failureOf, type Log, millis, settle, start, taker } from "./support/limiter.ts"

const { forKey, keyed, keyedStats, penalize, peek, reserve, setLimit, stats, take, takeIfAvailable } = RateLimiter

const gcra = (limit: number, burst = 1) => RateLimit.gcra({ limit, interval: "1 second", burst })

describe("limits by key", () => {
  it.effect("R13 each key has its own, and an unknown one all that there is", () =>
    Effect.gen(function* () {
      const limits = yield* keyed({ limit: (key: string) => gcra(10, key === "large" ? 5 : 2) })
      const small = forKey(limits, "small")
      assert.strictEqual((yield* stats(small)).available, 2)
      assert.isTrue(yield* takeIfAvailable(small, 2))
      assert.isFalse(yield* takeIfAvailable(small))
      assert.isFalse(yield* limits.pipe(forKey("small"), takeIfAvailable()))
      assert.isTrue(yield* takeIfAvailable(forKey(limits, "large"), 5))
      assert.isTrue(yield* takeIfAvailable(forKey(limits, "other"), 2))
      assert.strictEqual((yield* stats(small)).available, 0)
      assert.include(deathMessage(yield* Effect.exit(take(small, 3))), "the largest capacity ever set is 2")
    })
  )

  it.effect("keys that are equal are the same", () =>
    Effect.gen(function* () {
      const limits = yield* keyed<object>({ limit: () => gcra(10) })
      const of = (tenant: string) => forKey(limits, { tenant, region: ["eu", 1] })
      assert.isTrue(yield* takeIfAvailable(of("a")))
      assert.isTrue(yield* takeIfAvailable(of("b")))
      assert.isFalse(yield* takeIfAvailable(of("a")))
      const log: Log = []
      yield* taker(of("a"), log, "first")
      yield* taker(of("a"), log, "second")
      assert.deepStrictEqual(yield* keyedStats(limits), { keys: 2, waiting: 2 })
      yield* millis(200)
      assert.deepStrictEqual(log, [
        ["first", 100],
        ["second", 200]
      ])
      yield* millis(200)
      assert.deepStrictEqual(yield* keyedStats(limits), { keys: 0, waiting: 0 })
    })
  )

  it.effect("each key has its own line, which outlives the view that one came by", () =>
    Effect.gen(function* () {
      const limits = yield* keyed<number>({ limit: () => gcra(10) })
      const log: Log = []
      for (const name of ["a", "b", "c"]) yield* taker(forKey(limits, 1), log, `one ${name}`)
      yield* millis(50)
      for (const name of ["a", "b"]) yield* taker(forKey(limits, 2), log, `two ${name}`)
      assert.deepStrictEqual(yield* keyedStats(limits), { keys: 2, waiting: 3 })
      assert.deepStrictEqual(yield* peek(forKey(limits, 1)), Duration.millis(250))
      yield* millis(500)
      assert.deepStrictEqual(log, [
        ["one a", 0],
        ["two a", 50],
        ["one b", 100],
        ["two b", 150],
        ["one c", 200]
      ])
    })
  )

  it.effect("interruption, cancellation, changes and penalties are those of a key", () =>
    Effect.gen(function* () {
      const limits = yield* keyed<string>({ limit: () => gcra(10) })
      const one = forKey(limits, "one")
      const two = forKey(limits, "two")
      const log: Log = []
      yield* take(one)
      yield* take(two)
      const first = yield* taker(one, log, "first")
      const reservation = yield* reserve(one)
      yield* taker(one, log, "second")
      yield* taker(two, log, "other")
      yield* Fiber.interrupt(first)
      yield* reservation.cancel
      yield* penalize(two, "1 second")
      yield* setLimit(one, gcra(20))
      yield* millis(1000)
      assert.deepStrictEqual(log, [
        ["second", 50],
        ["other", 1000]
      ])
    })
  )

  it.effect("a limit that was set for a key stays, as long as the limiter does", () =>
    Effect.gen(function* () {
      const limits = yield* keyed<string>({ limit: () => gcra(10, 2) })
      yield* setLimit(forKey(limits, "raised"), gcra(10, 5), { carry: "reset" })
      yield* millis(60_000)
      for (let key = 0; key < 100; key++) yield* takeIfAvailable(forKey(limits, String(key)))
      assert.strictEqual((yield* stats(forKey(limits, "raised"))).available, 5)
      assert.isTrue(yield* takeIfAvailable(forKey(limits, "raised"), 5))
    })
  )

  it.effect("bounds hold for each key", () =>
    Effect.gen(function* () {
      const limits = yield* keyed<string>({ limit: () => gcra(10), maxWaiting: 1, maxWait: "150 millis" })
      const one = forKey(limits, "one")
      yield* take(one)
      const first = yield* start(take(one))
      const second = yield* start(take(one, 1, { maxWait: Infinity }))
      assert.strictEqual((yield* failureOf(second))._tag, "RateLimiterFull")
      yield* take(forKey(limits, "two"))
      yield* start(take(forKey(limits, "two")))
      yield* millis(100)
      yield* Fiber.join(first)
    })
  )
})

describe("keys are forgotten", () => {
  it.effect("R11 once they are as good as new, and not before", () =>
    Effect.gen(function* () {
      const limits = yield* keyed<string>({ limit: () => gcra(10, 2) })
      yield* take(forKey(limits, "a"))
      yield* take(forKey(limits, "b"), 2)
      assert.strictEqual((yield* keyedStats(limits)).keys, 2)
      yield* millis(99)
      assert.strictEqual((yield* keyedStats(limits)).keys, 2)
      yield* millis(1)
      assert.strictEqual((yield* keyedStats(limits)).keys, 1)
      assert.strictEqual((yield* stats(forKey(limits, "b"))).available, 1)
      yield* millis(100)
      assert.deepStrictEqual(yield* keyedStats(limits), { keys: 0, waiting: 0 })
    })
  )

  it.effect("looking at a key, or being refused, does not make it known", () =>
    Effect.gen(function* () {
      const limits = yield* keyed<string>({ limit: () => RateLimit.gcra({ limit: 0, interval: "1 second" }) })
      const none = forKey(limits, "none")
      assert.isTrue(yield* takeIfAvailable(none))
      const others = yield* keyed<string>({ limit: () => gcra(10, 2) })
      const other = forKey(others, "other")
      yield* stats(other)
      yield* peek(other)
      yield* takeIfAvailable(other, 0)
      yield* penalize(other, 0)
      const fiber = yield* start(take(other, 2))
      yield* Fiber.join(fiber)
      yield* millis(200)
      assert.deepStrictEqual(yield* keyedStats(others), { keys: 0, waiting: 0 })
    })
  )

  it.effect("also those that were waited for, reserved or penalized", () =>
    Effect.gen(function* () {
      const limits = yield* keyed<string>({ limit: () => gcra(10) })
      const fibers = yield* Effect.forEach(["a", "b"], (key) =>
        start(Effect.andThen(take(forKey(limits, key)), take(forKey(limits, key))))
      )
      yield* take(forKey(limits, "c"))
      yield* reserve(forKey(limits, "c"))
      yield* penalize(forKey(limits, "d"), "150 millis")
      assert.deepStrictEqual(yield* keyedStats(limits), { keys: 4, waiting: 3 })
      yield* Fiber.interrupt(fibers[0]!)
      yield* millis(100)
      yield* settle
      // c has spent its reservation by now, b has had its second turn
      assert.deepStrictEqual(yield* keyedStats(limits), { keys: 3, waiting: 0 })
      yield* millis(100)
      assert.deepStrictEqual(yield* keyedStats(limits), { keys: 0, waiting: 0 })
    })
  )

  it.effect("a look at the numbers is bounded, however many there are", () =>
    Effect.gen(function* () {
      const limits = yield* keyed<number>({ limit: () => gcra(1000) })
      const keys = Array.from({ length: 5_000 }, (_, key) => key)
      yield* Effect.forEach(keys, (key) => take(forKey(limits, key)), { discard: true })
      yield* Effect.forEach(keys, (key) => reserve(forKey(limits, key)), { discard: true })
      assert.deepStrictEqual(yield* keyedStats(limits), { keys: 5_000, waiting: 5_000 })
      yield* millis(1000)
      let looks = 0
      while ((yield* keyedStats(limits)).keys > 0) looks++
      assert.isAbove(looks, 3)
      assert.isBelow(looks, 15)
      assert.deepStrictEqual(yield* keyedStats(limits), { keys: 0, waiting: 0 })
    })
  )

  it.effect("a line is gone when nobody stands in it, without anybody looking", () =>
    Effect.gen(function* () {
      const limits = yield* keyed<number>({ limit: () => gcra(10) })
      const fibers = yield* Effect.forEach([1, 2, 3, 4], (key) =>
        start(Effect.andThen(take(forKey(limits, key)), take(forKey(limits, key))))
      )
      // white box: keys that have a line
      const lines: KeyMap<unknown, unknown> = Reflect.get(Reflect.get(limits, "gates"), "gates")
      assert.strictEqual(lines.size, 4)
      yield* Fiber.interrupt(fibers[0]!)
      assert.strictEqual(lines.size, 3)
      yield* millis(100)
      assert.strictEqual(lines.size, 0)
    })
  )

  it.effect("by the operations of others, so that a million keys that come once never are many", () =>
    Effect.gen(function* () {
      const limits = yield* keyed<number>({ limit: () => gcra(100) })
      const perMilli = 100
      let most = 0
      for (let key = 0; key < 40_000; key++) {
        if (key % perMilli === 0) yield* millis(1)
        yield* takeIfAvailable(forKey(limits, key))
        // without the bounded look of `keyedStats`, which would forget some itself
        if (key % 1000 === 999) most = Math.max(most, remembered(limits))
      }
      // a key is as good as new after 10 ms, in which 1,000 come
      assert.isAtMost(most, 2 * 10 * perMilli)
    })
  )
})

/** White box: how many keys are remembered, without a sweep. */
const remembered = (limits: object): number => {
  const map = Reflect.get(Reflect.get(limits, "gates"), "accounts")
  assert.instanceOf(map, KeyMap)
  return map.size
}

describe("a map that never pauses", () => {
  const Step = Schema.Struct({ what: Schema.Int, key: Schema.Int })

  it.prop(
    "is a map, of keys of any kind",
    [Schema.Array(Step)],
    ([program]) => {
      const map = new KeyMap<unknown, number>()
      const model = new Map<unknown, number>()
      // new ones each time
      const object = (id: number) => ({ id })
      for (const { key, what } of program) {
        const index = Math.abs(key) % 1000
        const kind = Math.abs(key) % 5
        const name = [index, `key ${index}`, index / 7, object(index % 50), BigInt(index)][kind]
        // a Map tells objects apart by what they are
        const same = typeof name === "object" ? JSON.stringify(name) : name
        if (Math.abs(what) % 4 === 3) {
          map.delete(name)
          model.delete(same)
        } else {
          map.set(name, what)
          model.set(same, what)
        }
        assert.strictEqual(map.get(name), model.get(same))
      }
      assert.strictEqual(map.size, model.size)
    },
    { arbitrary: { runs: 20, size: 200 } }
  )

  it("keeps 100,000 keys apart as it grows, and visits each once in a round", () => {
    const map = new KeyMap<string, number>()
    const count = 100_000
    for (let key = 0; key < count; key++) map.set(`tenant-${key}`, key)
    assert.strictEqual(map.size, count)
    for (let key = 0; key < count; key += 97) assert.strictEqual(map.get(`tenant-${key}`), key)
    const seen = new Set<number>()
    while (seen.size < count) map.visit(Math.min(1000, count - seen.size), (_, value) => seen.add(value))
    map.visit(Infinity, (key) => map.delete(key))
    assert.strictEqual(map.size, 0)
  })

  it("no insertion moves more than a small part", () => {
    const map = new KeyMap<unknown, number>()
    for (let key = 0; key < 100_000; key++) map.set(key, key)
    for (let key = 0; key < 10_000; key++) map.set({ key }, key)
    // white box: what a split goes through is one of these
    const buckets: ReadonlyArray<{ readonly size: number }> = Reflect.get(map, "buckets")
    assert.isBelow(Math.max(...buckets.map(({ size }) => size)), 2_000)
  })
})
