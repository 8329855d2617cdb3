/** Clients of a backend that nobody told how much it can take, and that loses most of its workers in the midst. */
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import * as AdaptiveLimit from "heddle/AdaptiveLimit"
import * as AdaptiveLimiter from "heddle/AdaptiveLimiter"
import * as WeightedSemaphore from "heddle/WeightedSemaphore"

import { printed } from "./support/run.ts"

/** So many calls at a time, 20 ms each; the others wait. */
const makeBackend = (workers: number) => WeightedSemaphore.makeUnsafe({ permits: workers })

const call = (backend: WeightedSemaphore.WeightedSemaphore) =>
  Effect.timeout(WeightedSemaphore.withPermit(backend, Effect.sleep("20 millis")), "1 second")

/** 32 clients; whoever is refused asks again a moment later. */
const clients = (limiter: AdaptiveLimiter.AdaptiveLimiter, backend: WeightedSemaphore.WeightedSemaphore) => {
  const guarded = call(backend).pipe(
    AdaptiveLimiter.withPermit(limiter),
    Effect.catchTag("ConcurrencyLimited", () => Effect.sleep("50 millis"))
  )
  return Effect.all(
    Array.from({ length: 32 }, () => Effect.forever(guarded)),
    { concurrency: "unbounded", discard: true }
  )
}

const seen = (limiter: AdaptiveLimiter.AdaptiveLimiter) =>
  Effect.map(AdaptiveLimiter.stats(limiter), ({ latency, limit }) => `limit ${limit}, p99 ${String(latency?.p99)}`)

const watch = (limit: AdaptiveLimit.AdaptiveLimit) =>
  Effect.gen(function* () {
    const limiter = yield* AdaptiveLimiter.make({ limit })
    const backend = makeBackend(8)
    yield* Effect.forkChild(clients(limiter, backend))
    yield* TestClock.adjust("5 seconds")
    const before = yield* seen(limiter)
    yield* WeightedSemaphore.resize(backend, 2)
    yield* TestClock.adjust("10 seconds")
    return `${before}; with 2 workers: ${yield* seen(limiter)}`
  }).pipe(Effect.provide(TestClock.layer()))

export const program = Effect.gen(function* () {
  return [
    `fixed: ${yield* watch(AdaptiveLimit.aimd({ minimum: 32, maximum: 32 }))}`,
    `vegas: ${yield* watch(AdaptiveLimit.vegas())}`,
    `gradient2: ${yield* watch(AdaptiveLimit.gradient2())}`
  ]
})

if (import.meta.main) await printed(program)
