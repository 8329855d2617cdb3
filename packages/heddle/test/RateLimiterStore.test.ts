import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"

import { MemoryStore } from "../src/internal/limiter/memoryStore.ts"
import { Ticks } from "../src/internal/limiter/ticks.ts"
import * as RateLimit from "../src/RateLimit.ts"
import * as RateLimiter from "../src/RateLimiter.ts"
import { laws } from "../src/RateLimiterLaws.ts"
import {
  type Answer,
  type Consumption,
  layerStoreMemory,
  RateLimiterStore,
  RateLimiterStoreError
} from "../src/RateLimiterStore.ts"
import {
  deathMessage,
  delayOf,
  failureOf,
  type Log,
  millis,
  perSecond,
  settle,
  start,
  taker,
  waitingIn
} from "./support/limiter.ts"

const {
  forKey,
  keyedShared,
  keyedStats,
  penalize,
  peek,
  reserve,
  setLimit,
  shared,
  stats,
  take,
  takeIfAvailable,
  withLimit
} = RateLimiter

type Service = RateLimiterStore["Service"]

describe("the store in memory keeps the laws", () => {
  const advance = (millis: number) => TestClock.adjust(Duration.nanos(BigInt(Math.round(millis * 1e6))))
  for (const { check, name } of laws({ advance })) {
    it.effect(name, () => Effect.provide(check, layerStoreMemory))
  }

  it.effect("forgets keys that are as good as new", () =>
    Effect.gen(function* () {
      const store = new MemoryStore(new Ticks(yield* Clock.Clock))
      const limit = RateLimit.gcra({ limit: 1000, interval: "1 second", burst: 1 })
      // white box: how many keys its maps hold
      const held = () => [Reflect.get(store, "accounts").size, Reflect.get(store, "penalties").size]
      let most = 0
      for (let key = 0; key < 5_000; key++) {
        if (key % 10 === 0) yield* millis(1)
        yield* store.service.take({ key: String(key), limit, n: 1 })
        yield* store.service.penalize(String(key), Duration.millis(1))
        most = Math.max(most, ...held())
      }
      assert.isAtMost(most, 100)
    })
  )
})

/** Wrong in one way each. */
const wrong: Readonly<Record<string, (store: Service) => Partial<Service>>> = {
  "keeps one limit for all keys": ({ peek, take }) => ({
    take: (consumption) => take({ ...consumption, key: "all" }),
    peek: (consumption) => peek({ ...consumption, key: "all" })
  }),
  "takes as it looks": ({ peek, take }) => ({
    peek: (consumption) => Effect.tap(peek(consumption), take(consumption))
  }),
  "looks, and then takes": ({ peek, take }) => ({
    take: (consumption) =>
      Effect.flatMap(
        Effect.tap(peek(consumption), Effect.yieldNow),
        ({ retryAfter }): Effect.Effect<Answer, RateLimiterStoreError> =>
          Duration.toMillis(retryAfter) > 0
            ? Effect.succeed({ _tag: "NotBefore", retryAfter })
            : Effect.as(take(consumption), { _tag: "Taken", at: 0 } as const)
      )
  }),
  "takes what there is of what it refuses": ({ take }) => ({
    take: (consumption) =>
      Effect.tap(take(consumption), ({ _tag }) => (_tag === "Taken" ? Effect.void : take({ ...consumption, n: 1 })))
  }),
  "counts whole tokens only": ({ take }) => ({ take: ({ n, ...rest }) => take({ ...rest, n: Math.ceil(n) }) }),
  "says too early when to come again": ({ take }) => ({
    take: (consumption) =>
      Effect.map(take(consumption), (answer) =>
        answer._tag === "Taken" ? answer : { ...answer, retryAfter: Duration.times(answer.retryAfter, 0.5) }
      )
  }),
  "gives nothing back": () => ({ giveBack: () => Effect.void }),
  "gives back twice": ({ giveBack }) => ({
    giveBack: (consumption) => Effect.andThen(giveBack(consumption), giveBack(consumption))
  }),
  "gives back to its first window": ({ giveBack }) => ({
    giveBack: (consumption) => giveBack({ ...consumption, at: 0 })
  }),
  "gives back to its latest window": ({ giveBack, peek }) => ({
    giveBack: (consumption) => Effect.andThen(peek(consumption), giveBack({ ...consumption, at: 1e15 }))
  }),
  "gives back what time has paid back": ({ giveBack, take }) => {
    let latest = 0
    return {
      take: (consumption) =>
        Effect.tap(take(consumption), (answer) =>
          Effect.sync(() => {
            if (answer._tag === "Taken") latest = answer.at
          })
        ),
      giveBack: (consumption) => giveBack({ ...consumption, at: latest })
    }
  },
  "gives back by whatever limit": ({ giveBack, take }) => {
    const limits = new Map<string, RateLimit.RateLimit>()
    return {
      take: (consumption) => Effect.suspend(() => (limits.set(consumption.key, consumption.limit), take(consumption))),
      giveBack: (consumption) => giveBack({ ...consumption, limit: limits.get(consumption.key)! })
    }
  },
  "knows of no penalties": () => ({ penalize: () => Effect.void }),
  "lets nothing through while a penalty holds, but zero": ({ take }) => ({
    take: (consumption) => (consumption.n === 0 ? Effect.succeed({ _tag: "Taken", at: 0 }) : take(consumption))
  }),
  "begins anew when a limit changes": ({ take }) => ({
    take: (consumption) => take({ ...consumption, key: consumption.key + JSON.stringify(consumption.limit) })
  }),
  "goes on with a limit that has changed": ({ take }) => {
    const limits = new Map<string, RateLimit.RateLimit>()
    return {
      take: (consumption) => {
        const limit = limits.get(consumption.key) ?? consumption.limit
        limits.set(consumption.key, limit)
        return take({ ...consumption, limit })
      }
    }
  }
}

describe("the laws catch a store that", () => {
  const advance = (millis: number) => TestClock.adjust(Duration.nanos(BigInt(Math.round(millis * 1e6))))

  for (const [name, change] of Object.entries(wrong)) {
    it.effect(name, () =>
      Effect.gen(function* () {
        const broken: Array<string> = []
        for (const { check, name } of laws({ advance })) {
          const store: Service = new MemoryStore(new Ticks(yield* Clock.Clock)).service
          const checked = Effect.provideService(check, RateLimiterStore, { ...store, ...change(store) })
          if (Exit.isFailure(yield* Effect.exit(checked))) broken.push(name)
        }
        assert.isNotEmpty(broken)
      })
    )
  }
})

/** A store that is some milliseconds away, counts what it is asked, and can be out of reach. */
const remote = (delay: number) =>
  Effect.map(Clock.Clock, (clock) => {
    const near = new MemoryStore(new Ticks(clock)).service
    const seen = { takes: 0, giveBacks: 0, away: false, busy: 0, mostBusy: 0 }
    const asked = <A>(answer: Effect.Effect<A>) =>
      Effect.gen(function* () {
        seen.mostBusy = Math.max(seen.mostBusy, ++seen.busy)
        if (delay > 0) yield* Effect.sleep(delay)
        seen.busy--
        if (seen.away) return yield* new RateLimiterStoreError({ message: "out of reach", cause: undefined })
        return yield* answer
      })
    const service: RateLimiterStore["Service"] = {
      take: (consumption) => Effect.suspend(() => (seen.takes++, asked(near.take(consumption)))),
      giveBack: (consumption) => Effect.suspend(() => (seen.giveBacks++, asked(near.giveBack(consumption)))),
      peek: (consumption) => asked(near.peek(consumption)),
      penalize: (key, retryAfter) => asked(near.penalize(key, retryAfter))
    }
    return { seen, service, near }
  })

const withStore = (delay: number, limit: RateLimit.RateLimit, options: RateLimiter.BoundedOptions = {}) =>
  Effect.gen(function* () {
    const { near, seen, service } = yield* remote(delay)
    const limiter = yield* Effect.provideService(shared({ ...options, key: "k", limit }), RateLimiterStore, service)
    return { limiter, near, seen, service }
  })

describe("a limiter before a store", () => {
  it.effect("serves in order, and asks again when the store has said so", () =>
    Effect.gen(function* () {
      const { limiter, seen } = yield* withStore(0, perSecond(10))
      const log: Log = []
      for (const name of ["a", "b", "c"]) yield* taker(limiter, log, name)
      yield* settle
      yield* millis(1000)
      assert.deepStrictEqual(log, [
        ["a", 0],
        ["b", 100],
        ["c", 200]
      ])
      // one question for each turn, one more for each that had to wait
      assert.strictEqual(seen.takes, 5)
      assert.strictEqual(seen.giveBacks, 0)
    })
  )

  it.effect("asks one question at a time, however long the answers take", () =>
    Effect.gen(function* () {
      const { limiter, seen } = yield* withStore(5, RateLimit.unlimited)
      const log: Log = []
      for (const name of ["a", "b", "c", "d"]) yield* taker(limiter, log, name)
      yield* millis(20)
      assert.deepStrictEqual(log, [
        ["a", 5],
        ["b", 10],
        ["c", 15],
        ["d", 20]
      ])
      assert.strictEqual(seen.mostBusy, 1)
    })
  )

  it.effect("shares the limit with others who take from the key", () =>
    Effect.gen(function* () {
      const { limiter, service } = yield* withStore(0, perSecond(10, 2))
      const other = yield* Effect.provideService(
        shared({ key: "k", limit: perSecond(10, 2) }),
        RateLimiterStore,
        service
      )
      assert.isTrue(yield* takeIfAvailable(limiter))
      assert.isTrue(yield* takeIfAvailable(other))
      assert.isFalse(yield* takeIfAvailable(limiter))
      assert.deepStrictEqual(yield* peek(other), Duration.millis(100))
      assert.strictEqual((yield* stats(other)).available, 0)
      const log: Log = []
      yield* taker(limiter, log, "a")
      yield* taker(other, log, "b")
      yield* millis(200)
      assert.deepStrictEqual(log, [
        ["a", 100],
        ["b", 200]
      ])
    })
  )

  it.effect("who is interrupted as he is asked for gives the answer to the next, or back", () =>
    Effect.gen(function* () {
      const { limiter, near, seen } = yield* withStore(10, perSecond(10))
      const log: Log = []
      const first = yield* taker(limiter, log, "first")
      yield* taker(limiter, log, "second")
      yield* millis(5)
      first.interruptUnsafe()
      yield* millis(20)
      assert.deepStrictEqual(log, [["second", 10]])
      assert.strictEqual(seen.mostBusy, 1)
      yield* millis(100)
      const alone = yield* taker(limiter, log, "alone")
      yield* millis(5)
      alone.interruptUnsafe()
      yield* millis(50)
      assert.isDefined(alone.pollUnsafe())
      assert.strictEqual(seen.giveBacks, 1)
      assert.strictEqual((yield* near.peek({ key: "k", limit: perSecond(10), n: 1 })).available, 1)
    })
  )

  it.effect("what a slow store gives in vain does not come twice when it is given back", () =>
    Effect.gen(function* () {
      const { limiter, near, seen } = yield* withStore(1000, perSecond(10, 5))
      const mine = { key: "k", limit: perSecond(10, 5), n: 5 }
      const asking = yield* start(takeIfAvailable(limiter, 5))
      yield* millis(500)
      asking.interruptUnsafe()
      // taken at 1000; what takes it back arrives at 2000, when the bucket has been full and is empty again
      yield* millis(1400)
      assert.strictEqual((yield* near.take(mine))._tag, "Taken")
      yield* millis(100)
      assert.strictEqual(seen.giveBacks, 1)
      assert.strictEqual((yield* near.peek(mine)).available, 1)
    })
  )

  it.effect("takeIfAvailable that is interrupted as it asks gives back what the store gives", () =>
    Effect.gen(function* () {
      const { limiter, near, seen } = yield* withStore(10, perSecond(10))
      const asking = yield* start(takeIfAvailable(limiter))
      yield* millis(5)
      asking.interruptUnsafe()
      yield* millis(20)
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(asking)))
      assert.strictEqual(seen.giveBacks, 1)
      assert.strictEqual((yield* near.peek({ key: "k", limit: perSecond(10), n: 1 })).available, 1)
    })
  )

  it.effect("a store that never answers holds nobody who is interrupted, in whatever he does", () =>
    Effect.gen(function* () {
      const { service } = yield* remote(0)
      const silent = { ...service, take: () => Effect.never, giveBack: () => Effect.never }
      const limiterOf = (store: RateLimiterStore["Service"]) =>
        Effect.provideService(shared({ key: "k", limit: perSecond(10) }), RateLimiterStore, store)
      const ways: ReadonlyArray<(limiter: RateLimiter.RateLimiter<any>) => Effect.Effect<unknown, unknown>> = [
        (limiter) => take(limiter),
        (limiter) => takeIfAvailable(limiter),
        (limiter) => withLimit(limiter)(Effect.void),
        (limiter) => Effect.andThen(start(take(limiter)), take(limiter))
      ]
      for (const way of ways) {
        const fiber = yield* start(way(yield* limiterOf(silent)))
        yield* settle
        fiber.interruptUnsafe()
        yield* settle
        assert.isTrue(Exit.hasInterrupts(fiber.pollUnsafe()!))
      }
      // also as his turn goes back
      for (let steps = 0; steps < 12; steps++) {
        const granted = yield* start(take(yield* limiterOf({ ...service, giveBack: () => Effect.never })))
        yield* Effect.replicateEffect(Effect.yieldNow, steps)
        granted.interruptUnsafe()
        yield* settle
        assert.isDefined(granted.pollUnsafe())
        yield* millis(100)
      }
    })
  )

  it.effect("a store that throws, dies or answers nonsense fails the one who asks, and the line goes on", () =>
    Effect.gen(function* () {
      const { service } = yield* remote(0)
      const wrong: Readonly<Record<string, () => unknown>> = {
        thrown: () => {
          throw new Error("thrown")
        },
        died: () => Effect.die("died"),
        "undefined is no answer": () => Effect.undefined,
        '{"_tag":"Taken"} is no answer': () => Effect.succeed({ _tag: "Taken" }),
        '{"_tag":"NotBefore","retryAfter":5} is no answer': () => Effect.succeed({ _tag: "NotBefore", retryAfter: 5 }),
        "5 is no answer": () => 5
      }
      for (const [message, answer] of Object.entries(wrong)) {
        let isWrong = true
        const sometimes = {
          ...service,
          take: (consumption: Consumption) => (isWrong ? (answer() as never) : service.take(consumption))
        }
        const made = shared({ key: message, limit: perSecond(10) })
        const limiter = yield* Effect.provideService(made, RateLimiterStore, sometimes)
        const first = yield* start(RateLimiter.take(limiter))
        yield* settle
        assert.include(deathMessage(yield* Fiber.await(first)), message)
        isWrong = false
        yield* take(limiter)
        yield* millis(100)
        assert.isTrue(yield* takeIfAvailable(limiter))
      }
    })
  )

  it.effect("a store that refuses, and says at once, is asked again after a millisecond", () =>
    Effect.gen(function* () {
      const { service } = yield* remote(0)
      for (const again of [Duration.zero, Duration.millis(-5)]) {
        let takes = 0
        const take = () => Effect.sync(() => (takes++, { _tag: "NotBefore", retryAfter: again } as const))
        const made = shared({ key: "k", limit: perSecond(10) })
        const limiter = yield* Effect.provideService(made, RateLimiterStore, { ...service, take })
        const fiber = yield* start(RateLimiter.take(limiter))
        yield* millis(10)
        yield* Fiber.interrupt(fiber)
        assert.isAtMost(takes, 11)
      }
    })
  )

  it.effect("an answer for another number of tokens is no answer for the next", () =>
    Effect.gen(function* () {
      const { limiter, near, seen } = yield* withStore(10, perSecond(10, 2))
      const log: Log = []
      const first = yield* taker(limiter, log, "one")
      yield* taker(limiter, log, "two", 2)
      yield* millis(5)
      first.interruptUnsafe()
      yield* millis(30)
      assert.deepStrictEqual(log, [["two", 20]])
      assert.strictEqual(seen.giveBacks, 1)
      const { available } = yield* near.peek({ key: "k", limit: perSecond(10, 2), n: 1 })
      assert.closeTo(available, 0.15, 1e-9)
    })
  )

  it.effect("a store that cannot be asked fails the one who asks, and the next asks again", () =>
    Effect.gen(function* () {
      const { limiter, seen } = yield* withStore(5, perSecond(10))
      const log: Log = []
      seen.away = true
      const first = yield* taker(limiter, log, "first")
      yield* taker(limiter, log, "second")
      yield* millis(7)
      const error = yield* failureOf(first)
      assert.strictEqual(error._tag, "RateLimiterStoreError")
      seen.away = false
      yield* millis(3)
      assert.deepStrictEqual(log, [["second", 10]])
      seen.away = true
      for (const operation of [takeIfAvailable(limiter), peek(limiter), stats(limiter), penalize(limiter, 1)]) {
        const fiber = yield* start(Effect.flip(operation as Effect.Effect<unknown, RateLimiterStoreError>))
        yield* millis(5)
        assert.strictEqual((yield* Fiber.join(fiber))._tag, "RateLimiterStoreError")
      }
    })
  )

  it.effect("penalties hold in every process", () =>
    Effect.gen(function* () {
      const { limiter, service } = yield* withStore(0, perSecond(10))
      const other = yield* Effect.provideService(shared({ key: "k", limit: perSecond(10) }), RateLimiterStore, service)
      const log: Log = []
      yield* penalize(limiter, "1 second")
      yield* taker(limiter, log, "a")
      yield* taker(other, log, "b")
      assert.isFalse(yield* takeIfAvailable(limiter))
      assert.isFalse(yield* takeIfAvailable(other))
      yield* millis(1100)
      assert.deepStrictEqual(log, [
        ["a", 1000],
        ["b", 1100]
      ])
    })
  )

  it.effect("waits are bounded, as far as the store has said how long they are", () =>
    Effect.gen(function* () {
      const { limiter } = yield* withStore(0, perSecond(10), { maxWaiting: 2, maxWait: "150 millis" })
      yield* take(limiter)
      const first = yield* start(take(limiter))
      const second = yield* start(take(limiter, 1, { maxWait: "50 millis" }))
      assert.strictEqual((yield* failureOf(second))._tag, "RateLimited")
      const third = yield* start(take(limiter, 1, { maxWait: "1 minute" }))
      assert.strictEqual((yield* Effect.flip(take(limiter)))._tag, "RateLimiterFull")
      yield* millis(200)
      yield* Fiber.joinAll([first, third])
    })
  )

  it.effect("a limit that is exchanged counts from the next question", () =>
    Effect.gen(function* () {
      const { limiter } = yield* withStore(0, perSecond(10, 10))
      yield* take(limiter, 10)
      const log: Log = []
      const large = yield* taker(limiter, log, "large", 8)
      yield* taker(limiter, log, "small", 2)
      yield* setLimit(limiter, perSecond(10, 5))
      assert.strictEqual((yield* failureOf(large))._tag, "RateLimited")
      yield* millis(100)
      yield* setLimit(limiter, perSecond(100, 5))
      yield* millis(10)
      assert.deepStrictEqual(log, [["small", 110]])
      assert.include(deathMessage(yield* Effect.exit(take(limiter, 11))), "11 can never be taken at once")
      assert.isFalse(yield* takeIfAvailable(limiter, 8))
      assert.strictEqual((yield* Effect.flip(take(limiter, 8)))._tag, "RateLimited")
    })
  )

  it.effect("a rate of nothing is waited out, until there is a rate", () =>
    Effect.gen(function* () {
      const { limiter } = yield* withStore(0, perSecond(0))
      yield* take(limiter)
      const fiber = yield* start(take(limiter))
      yield* millis(1e6)
      assert.isUndefined(fiber.pollUnsafe())
      yield* setLimit(limiter, perSecond(10))
      yield* millis(100)
      yield* Fiber.join(fiber)
    })
  )

  it.effect("reservations are places here too", () =>
    Effect.gen(function* () {
      const { limiter } = yield* withStore(0, perSecond(10))
      yield* take(limiter)
      const first = yield* reserve(limiter)
      const second = yield* reserve(limiter)
      assert.strictEqual(yield* waitingIn(limiter), 2)
      yield* first.cancel
      const fiber = yield* start(second.await)
      yield* settle
      assert.strictEqual(yield* delayOf(second), 100)
      yield* millis(100)
      yield* Fiber.join(fiber)
      yield* second.cancel
      assert.isFalse(yield* takeIfAvailable(limiter))
    })
  )

  it.effect("by key: only those for which somebody waits cost anything here", () =>
    Effect.gen(function* () {
      const limits = yield* keyedShared({ limit: (key) => perSecond(key === "fast" ? 100 : 10) })
      const log: Log = []
      for (const key of ["fast", "slow"]) {
        const limiter = forKey(limits, key)
        yield* take(limiter)
        yield* taker(limiter, log, key)
      }
      assert.deepStrictEqual(yield* keyedStats(limits), { keys: 2, waiting: 2 })
      yield* millis(100)
      assert.deepStrictEqual(yield* keyedStats(limits), { keys: 0, waiting: 0 })
      assert.deepStrictEqual(log, [
        ["fast", 10],
        ["slow", 100]
      ])
    }).pipe(Effect.provide(Layer.fresh(layerStoreMemory)))
  )

  it.effect("prints its name, its limit and its line", () =>
    Effect.gen(function* () {
      const { limiter } = yield* withStore(0, RateLimit.unlimited, { name: "api" })
      assert.deepStrictEqual(JSON.parse(String(limiter)), {
        _id: "RateLimiter",
        name: "api",
        limit: { _tag: "Unlimited" },
        waiting: 0
      })
    })
  )
})
