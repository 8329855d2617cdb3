/** What a server says, and what becomes of those who asked it: the cases of rate-limiter-flexible, BullMQ and Effect. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"

import * as RateLimit from "../src/RateLimit.ts"
import * as RateLimiter from "../src/RateLimiter.ts"
import { RateLimiterStore, RateLimiterStoreError } from "../src/RateLimiterStore.ts"
import * as WeightedSemaphore from "../src/WeightedSemaphore.ts"
import { deathMessage, drained, type Log, millis, perSecond, settle, start, taker } from "./support/limiter.ts"

const { forKey, keyed, keyedStats, make, penalize, peek, reserve, setLimit, shared, stats, take, takeIfAvailable } =
  RateLimiter

class TooMany extends Data.TaggedError("TooMany")<{ readonly retryAfter: string }> {}

/** As a client does: everybody waits for what the server says, and who was refused asks again in his turn. */
const inTurn = <A>(limiter: RateLimiter.RateLimiter, request: Effect.Effect<A, TooMany>) =>
  request.pipe(
    RateLimiter.withLimit(limiter),
    Effect.tapError((error) =>
      Effect.gen(function* () {
        if (error._tag !== "TooMany") return
        const wait = yield* RateLimiter.retryAfter({ "retry-after": error.retryAfter })
        if (Option.isSome(wait)) yield* penalize(limiter, wait.value)
      })
    ),
    Effect.retry({ while: (error) => error._tag === "TooMany" })
  )

describe("a penalty", () => {
  it.effect("R17 of two seconds: requests meanwhile do not make it longer, and then it is over", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: RateLimit.fixedWindow({ limit: 1, interval: "1 second" }) })
      assert.isTrue(yield* takeIfAvailable(limiter))
      assert.isFalse(yield* takeIfAvailable(limiter))
      yield* penalize(limiter, "2 seconds")
      assert.deepStrictEqual(yield* peek(limiter), Duration.seconds(2))
      yield* millis(1200)
      for (let time = 0; time < 10; time++) assert.isFalse(yield* takeIfAvailable(limiter))
      assert.deepStrictEqual(yield* peek(limiter), Duration.millis(800))
      yield* millis(800)
      assert.isTrue(yield* takeIfAvailable(limiter))
    })
  )

  it.effect(
    "R18 of a key is that key's; more than was taken goes with a request of its own, and comes back by resetting",
    () =>
      Effect.gen(function* () {
        const limit = RateLimit.slidingLog({ limit: 3, interval: "1 minute" })
        const limits = yield* keyed<string>({ limit: () => limit })
        const available = (key: string) => Effect.map(stats(forKey(limits, key)), ({ available }) => available)
        assert.strictEqual(yield* available("unknown"), 3)
        assert.deepStrictEqual(yield* keyedStats(limits), { keys: 0, waiting: 0 })
        yield* take(forKey(limits, "a"))
        yield* take(forKey(limits, "a"))
        assert.strictEqual(yield* available("a"), 1)
        // a reward
        yield* setLimit(forKey(limits, "a"), RateLimit.slidingLog({ limit: 3, interval: "1 minute" }), {
          carry: "reset"
        })
        assert.strictEqual(yield* available("a"), 3)
        // a block
        yield* penalize(forKey(limits, "a"), "5 seconds")
        assert.isFalse(yield* takeIfAvailable(forKey(limits, "a")))
        assert.isTrue(yield* takeIfAvailable(forKey(limits, "b")))
      })
  )

  it.effect("R25 of nothing, or less, is none; one that was said before is not forgotten", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: perSecond(10, 2) })
      for (const nothing of [0, -5, "-1 seconds"] as const) {
        yield* penalize(limiter, nothing)
        assert.deepStrictEqual(yield* peek(limiter), Duration.zero)
      }
      yield* penalize(limiter, "3 seconds")
      yield* penalize(limiter, 0)
      yield* millis(2999)
      assert.isFalse(yield* takeIfAvailable(limiter))
      yield* millis(1)
      assert.isTrue(yield* takeIfAvailable(limiter))
    })
  )

  it.effect("without an end holds until the limiter is made anew, and refuses those who will not wait for ever", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: perSecond(10) })
      yield* penalize(limiter, Infinity)
      const refused = yield* Effect.flip(take(limiter, 1, { maxWait: "365 days" }))
      assert.strictEqual(refused.retryAfter, Duration.infinity)
      const waiting = yield* start(take(limiter))
      yield* millis(1e10)
      assert.isUndefined(waiting.pollUnsafe())
      yield* Fiber.interrupt(waiting)
      assert.strictEqual((yield* stats(limiter)).waiting, 0)
    })
  )
})

describe("a client", () => {
  it.effect("R24 a job that was refused goes back to wait, and none fails, with four at a time", () =>
    Effect.gen(function* () {
      const server = { limit: RateLimit.fixedWindow({ limit: 3, interval: "1 second" }), refused: 0, busy: 0, most: 0 }
      const step = RateLimit.step(server.limit)
      let state = RateLimit.initial(server.limit)
      const request = (id: number) =>
        Effect.gen(function* () {
          const now = Number(yield* Clock.monotonicTimeNanos)
          server.most = Math.max(server.most, ++server.busy)
          yield* Effect.sleep(5)
          server.busy--
          const [decision, next] = step(state, now, 1)
          state = next
          if (decision._tag === "Taken") return id
          server.refused++
          return yield* new TooMany({ retryAfter: ((decision.at - now) / 1e9).toFixed(3) })
        })
      const limiter = yield* make({ limit: RateLimit.tokenBucket({ limit: 1000, interval: "1 second", burst: 10 }) })
      const atOnce = yield* WeightedSemaphore.make({ permits: 4 })
      const jobs = Array.from({ length: 10 }, (_, id) => id)
      const running = yield* start(
        Effect.forEach(jobs, (id) => inTurn(limiter, request(id).pipe(WeightedSemaphore.withPermit(atOnce))), {
          concurrency: "unbounded"
        })
      )
      yield* millis(60_000)
      assert.deepStrictEqual(yield* Fiber.join(running), jobs)
      assert.isAbove(server.refused, 0)
      assert.strictEqual(server.most, 4)
    })
  )

  it.effect("R19 where the store cannot be asked a limiter of one's own decides", () =>
    Effect.gen(function* () {
      const away = new RateLimiterStoreError({ message: "out of reach", cause: undefined })
      const store = { take: away, giveBack: away, peek: away, penalize: away }
      const everywhere = yield* Effect.provideService(
        shared({ key: "k", limit: perSecond(100, 50) }),
        RateLimiterStore,
        {
          take: () => store.take,
          giveBack: () => store.giveBack,
          peek: () => store.peek,
          penalize: () => store.penalize
        }
      )
      const here = yield* drained(10, 1)
      const insured = Effect.catchTag(take(everywhere), "RateLimiterStoreError", () => take(here))
      const waiting = yield* start(insured)
      yield* millis(99)
      assert.isUndefined(waiting.pollUnsafe())
      yield* millis(1)
      yield* Fiber.join(waiting)
    })
  )

  it.effect("R7 who takes again from within what he was let through for stands in the same line", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: RateLimit.fixedWindow({ limit: 2, interval: "1 second" }) })
      const log: Log = []
      const nested = RateLimiter.withLimit(limiter)(taker(limiter, log, "nested"))
      yield* start(nested)
      yield* start(nested)
      yield* settle
      yield* millis(1000)
      assert.deepStrictEqual(
        log.map(([, at]) => at),
        // with the one around it, two in each window
        [0, 1000]
      )
    })
  )

  it.effect("R22 more than there can ever be takes nothing, waiting or not", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: RateLimit.tokenBucket({ limit: 4, interval: "400 millis" }) })
      for (const much of [take(limiter, 6), takeIfAvailable(limiter, 6), reserve(limiter, 6)] as ReadonlyArray<
        Effect.Effect<unknown, unknown>
      >) {
        assert.include(deathMessage(yield* Effect.exit(much)), "6 can never be taken at once")
      }
      assert.strictEqual((yield* stats(limiter)).available, 4)
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(take(limiter, 4))))
    })
  )
})
