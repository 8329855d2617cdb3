/** What a branch of `Select` builds on: standing in line, and giving back what came when another branch was chosen. */
import { assert, describe, it } from "@effect/vitest"
import * as Explorer from "@heddle/testing/Explorer"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"

import { ifAvailable, inTurn } from "../src/internal/limiter/branch.ts"
import * as RateLimit from "../src/RateLimit.ts"
import * as RateLimiter from "../src/RateLimiter.ts"
import { drained, failureOf, type Log, millis, settle, start, taker, waitingIn } from "./support/limiter.ts"

const { make, stats, take, takeIfAvailable } = RateLimiter

describe("a branch", () => {
  it.effect("takes at once if nobody waits", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10)
      assert.deepStrictEqual(yield* ifAvailable(limiter, 1)(Effect.succeed("taken")), Option.none())
      yield* millis(100)
      assert.deepStrictEqual(yield* ifAvailable(limiter, 1)(Effect.succeed("taken")), Option.some("taken"))
      assert.isFalse(yield* takeIfAvailable(limiter))
    })
  )

  it.effect("stands in line, and leaves it when another is chosen", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10)
      const log: Log = []
      const branch = yield* start(inTurn(limiter, 1, () => false)(Effect.never))
      yield* taker(limiter, log, "behind")
      yield* Fiber.interrupt(branch)
      assert.strictEqual(yield* waitingIn(limiter), 1)
      yield* millis(100)
      assert.deepStrictEqual(log, [["behind", 100]])
    })
  )

  it.effect("gives back what it was given when another is chosen, and those behind are served with it", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10)
      const log: Log = []
      const branch = yield* start(inTurn(limiter, 1, () => false)(Effect.never))
      yield* taker(limiter, log, "behind")
      yield* millis(130)
      assert.deepStrictEqual(log, [])
      yield* Fiber.interrupt(branch)
      yield* settle
      assert.deepStrictEqual(log, [["behind", 130]])
    })
  )

  it.effect("keeps it when it is the one, however its body ends", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10)
      let chosen = false
      const body = Effect.andThen(
        Effect.sync(() => (chosen = true)),
        Effect.never
      )
      const branch = yield* start(inTurn(limiter, 1, () => chosen)(body))
      yield* millis(100)
      yield* Fiber.interrupt(branch)
      assert.strictEqual((yield* stats(limiter)).available, 0)
    })
  )

  it.effect("fails where a request would", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10)
      const branch = yield* start(inTurn(limiter, 1, () => false, { maxWait: "50 millis" })(Effect.void))
      assert.strictEqual((yield* failureOf(branch as Fiber.Fiber<void, { _tag: string }>))._tag, "RateLimited")
    })
  )

  it.effect("takes nothing, wherever it is interrupted", () =>
    Effect.gen(function* () {
      const scenario = Effect.gen(function* () {
        const limit = RateLimit.tokenBucket({ limit: 1, interval: "10 millis" })
        const limiter = yield* make({ limit })
        yield* take(limiter)
        // what a branch requires is what its body does
        const target = inTurn(limiter, 1, () => false)(Effect.yieldNow) as Effect.Effect<unknown, unknown>
        return { limiter, target }
      })
      yield* Explorer.interruptEverywhere(
        scenario,
        (_, { limiter }) =>
          Effect.gen(function* () {
            assert.strictEqual((yield* stats(limiter)).waiting, 0)
            yield* Effect.sleep("10 millis")
            assert.isTrue(yield* takeIfAvailable(limiter))
          }),
        { budgets: [3, 4, 5, 8, 32] }
      )
    })
  )
})
