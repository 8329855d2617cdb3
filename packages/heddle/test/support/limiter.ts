/** What the tests of limiters have in common. */
import { assert } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"

import * as RateLimit from "../../src/RateLimit.ts"
import * as RateLimiter from "../../src/RateLimiter.ts"

/** Forks and lets it run until it parks. */
export const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

/** For ever, and without a yield in between, for which TestClock would not wait. */
export const looping = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.whileLoop({ while: () => true, body: () => effect, step: () => undefined })

/** Lets every fiber that was served resume. */
export const settle = Effect.replicateEffect(Effect.yieldNow, 6, { discard: true })

export const perSecond = (limit: number, burst = 1): RateLimit.RateLimit =>
  RateLimit.tokenBucket({ limit, interval: "1 second", burst })

/** A bucket that is empty now. */
export const drained = Effect.fnUntraced(function* (limit: number, burst = 1) {
  const limiter = yield* RateLimiter.make({ limit: perSecond(limit, burst) })
  assert.isTrue(yield* RateLimiter.takeIfAvailable(limiter, burst))
  return limiter
})

/** Who had his turn, and when, in milliseconds. */
export type Log = Array<readonly [name: string | number, at: number]>

/** A fiber that waits for its turn and writes down when it came. */
export const taker = <E>(
  limiter: RateLimiter.RateLimiter<E>,
  log: Log,
  name: string | number,
  n = 1,
  options: RateLimiter.TakeOptions = {}
) =>
  start(
    Effect.andThen(
      RateLimiter.take(limiter, n, options),
      Effect.map(Clock.currentTimeMillis, (at) => void log.push([name, at]))
    )
  )

export const millis = (amount: number) => TestClock.adjust(Duration.millis(amount))

export const waitingIn = <E>(limiter: RateLimiter.RateLimiter<E>) =>
  Effect.map(RateLimiter.stats(limiter), ({ waiting }) => waiting)

export const delayOf = <E>(reservation: RateLimiter.Reservation<E>) => Effect.map(reservation.delay, Duration.toMillis)

export const failure = <A, E>(exit: Exit.Exit<A, E>): E => {
  const failures = Exit.isFailure(exit) ? exit.cause.reasons.filter(Cause.isFailReason) : []
  assert.lengthOf(failures, 1, `expected a failure, got ${String(exit)}`)
  return failures[0]!.error
}

export const failureOf = <A, E>(fiber: Fiber.Fiber<A, E>) => Effect.map(Fiber.await(fiber), failure)

export const deathMessage = (exit: Exit.Exit<unknown, unknown>): string => {
  const defects = Exit.isFailure(exit) ? exit.cause.reasons.filter(Cause.isDieReason) : []
  assert.lengthOf(defects, 1, `expected a defect, got ${String(exit)}`)
  return String(defects[0]!.defect)
}
