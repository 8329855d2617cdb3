import { assert, describe } from "@effect/vitest"
import { it } from "@heddle/testing/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"

import { CurrentDeadline, nanosLeft, nanosUntil } from "../src/internal/deadline.ts"

const left = Effect.withFiber((fiber) => Effect.succeed(nanosLeft(fiber)))

const under = (nanos: bigint) =>
  Effect.provideServiceEffect(
    CurrentDeadline,
    Effect.map(Clock.Clock, (clock) => ({ clock, at: clock.monotonicTimeNanosUnsafe() + nanos }))
  )

describe("the time left", () => {
  it.effect("is Infinity without a deadline", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* left, Infinity)
    })
  )

  it.effect("is exact to the nanosecond, and inherited by forked fibers", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("1 nanos")
      const seen = Effect.gen(function* () {
        const atOnce = yield* left
        yield* TestClock.adjust("300 micros")
        const forked = yield* Fiber.join(yield* Effect.forkChild(left))
        return [atOnce, forked]
      })
      assert.deepStrictEqual(yield* seen.pipe(under(1_000_001n)), [1_000_001, 700_001])
    })
  )

  it.effect("binds nobody any more from its instant on", () =>
    Effect.gen(function* () {
      const seen = Effect.gen(function* () {
        const deadline = (yield* CurrentDeadline)!
        yield* TestClock.adjust("999999 nanos")
        const before = [yield* left, nanosUntil(deadline)]
        yield* TestClock.adjust("1 nanos")
        const at = [yield* left, nanosUntil(deadline)]
        yield* TestClock.adjust("1 nanos")
        return [before, at, [yield* left, nanosUntil(deadline)]]
      })
      assert.deepStrictEqual(yield* seen.pipe(under(1_000_000n)), [
        [1, 1],
        [Infinity, 0],
        [Infinity, -1]
      ])
    })
  )

  it.effect("is measured on the clock that it was set on", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* TestClock.withLive(left).pipe(under(5_000n)), 5_000)
    })
  )

  it.explore(
    "is exact under the explorer's clock",
    Effect.gen(function* () {
      const seen = Effect.andThen(Effect.sleep("1500 micros"), left)
      assert.strictEqual(yield* seen.pipe(under(2_000_000n)), 500_000)
    })
  )
})
