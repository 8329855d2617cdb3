import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Stream from "effect/Stream"
import { expectTypeOf, test } from "vitest"

import * as RateLimit from "../src/RateLimit.ts"
import * as RateLimiter from "../src/RateLimiter.ts"
import * as RateLimiterStore from "../src/RateLimiterStore.ts"

type RateLimited = RateLimiter.RateLimited
type Full = RateLimiter.RateLimiterFull
type Away = RateLimiterStore.RateLimiterStoreError

declare const limit: RateLimit.RateLimit
declare const plain: RateLimiter.RateLimiter
declare const bounded: RateLimiter.RateLimiter<Full>
declare const remote: RateLimiter.RateLimiter<Full | Away>
declare const effect: Effect.Effect<"a", "e", "r">
declare const stream: Stream.Stream<string, "e", "r">

test("making says what can go wrong later", () => {
  expectTypeOf(RateLimiter.make({ limit })).toEqualTypeOf<Effect.Effect<RateLimiter.RateLimiter>>()
  expectTypeOf(RateLimiter.make({ limit, maxWait: "1 second", name: "api" })).toEqualTypeOf<
    Effect.Effect<RateLimiter.RateLimiter>
  >()
  expectTypeOf(RateLimiter.make({ limit, maxWaiting: 5 })).toEqualTypeOf<Effect.Effect<RateLimiter.RateLimiter<Full>>>()
  expectTypeOf(RateLimiter.shared({ key: "k", limit })).toEqualTypeOf<
    Effect.Effect<RateLimiter.RateLimiter<Away>, never, RateLimiterStore.RateLimiterStore>
  >()
  expectTypeOf(RateLimiter.shared({ key: "k", limit, maxWaiting: 5, overflow: "dropOldest" })).toEqualTypeOf<
    Effect.Effect<RateLimiter.RateLimiter<Away | Full>, never, RateLimiterStore.RateLimiterStore>
  >()
})

test("standing in line can fail by the line, taking what is there cannot", () => {
  expectTypeOf(RateLimiter.take(plain)).toEqualTypeOf<Effect.Effect<void, RateLimited>>()
  expectTypeOf(RateLimiter.take(bounded, 2)).toEqualTypeOf<Effect.Effect<void, RateLimited | Full>>()
  expectTypeOf(remote.pipe(RateLimiter.take(2, { priority: 1 }))).toEqualTypeOf<
    Effect.Effect<void, RateLimited | Full | Away>
  >()
  expectTypeOf(RateLimiter.takeIfAvailable(plain)).toEqualTypeOf<Effect.Effect<boolean>>()
  expectTypeOf(RateLimiter.takeIfAvailable(bounded)).toEqualTypeOf<Effect.Effect<boolean>>()
  expectTypeOf(RateLimiter.takeIfAvailable(remote)).toEqualTypeOf<Effect.Effect<boolean, Away>>()
  expectTypeOf(RateLimiter.peek(bounded)).toEqualTypeOf<Effect.Effect<Duration.Duration>>()
  expectTypeOf(RateLimiter.stats(bounded)).toEqualTypeOf<Effect.Effect<RateLimiter.Stats>>()
  expectTypeOf(RateLimiter.stats(remote)).toEqualTypeOf<Effect.Effect<RateLimiter.Stats, Away>>()
  expectTypeOf(RateLimiter.penalize(plain, "1 second")).toEqualTypeOf<Effect.Effect<void>>()
  expectTypeOf(RateLimiter.setLimit(remote, limit)).toEqualTypeOf<Effect.Effect<void>>()
  expectTypeOf(RateLimiter.reserve(bounded)).toEqualTypeOf<
    Effect.Effect<RateLimiter.Reservation<Full>, RateLimited | Full>
  >()
})

test("a guard adds what a wait can fail with, and nothing else", () => {
  type Guarded = Effect.Effect<"a", "e" | RateLimited, "r">
  expectTypeOf(effect.pipe(RateLimiter.withLimit(plain))).toEqualTypeOf<Guarded>()
  expectTypeOf(effect.pipe(RateLimiter.withLimit(plain, 2, { maxWait: 5 }))).toEqualTypeOf<Guarded>()
  expectTypeOf(RateLimiter.withLimit(plain, 2, effect)).toEqualTypeOf<Guarded>()
  expectTypeOf(RateLimiter.withLimit(plain, 2, { priority: 1 }, effect)).toEqualTypeOf<Guarded>()
  expectTypeOf(stream.pipe(RateLimiter.throttle(bounded))).toEqualTypeOf<
    Stream.Stream<string, "e" | RateLimited | Full, "r">
  >()
  expectTypeOf(stream.pipe(RateLimiter.throttle(plain, { cost: (text: string) => text.length }))).toEqualTypeOf<
    Stream.Stream<string, "e" | RateLimited, "r">
  >()
})

test("keys are of the type that the limit is asked by", () => {
  const limitOf = (key: number) => RateLimit.gcra({ limit: key, interval: 1 })
  expectTypeOf(RateLimiter.keyed({ limit: limitOf })).toEqualTypeOf<Effect.Effect<RateLimiter.Keyed<number>>>()
  expectTypeOf(RateLimiter.keyed({ limit: limitOf, maxWaiting: 1 })).toEqualTypeOf<
    Effect.Effect<RateLimiter.Keyed<number, Full>>
  >()
  expectTypeOf(RateLimiter.forKey({} as RateLimiter.Keyed<number, Full>, 1)).toEqualTypeOf<
    RateLimiter.RateLimiter<Full>
  >()
})

test("states are those of their limits", () => {
  const gcra = RateLimit.gcra({ limit: 1, interval: "1 second" })
  expectTypeOf(RateLimit.initial(gcra)).toEqualTypeOf<number>()
  expectTypeOf(RateLimit.step(gcra)).toEqualTypeOf<
    (state: number, now: number, n: number) => readonly [RateLimit.Decision, number]
  >()
  expectTypeOf(RateLimit.retune(gcra, RateLimit.unlimited)).toEqualTypeOf<(state: number, now: number) => null>()
  expectTypeOf(RateLimiterStore.layerStoreMemory).toEqualTypeOf<Layer.Layer<RateLimiterStore.RateLimiterStore>>()
})

test("misuse does not compile", () => {
  // @ts-expect-error a limit is required
  void RateLimiter.make({ name: "api" })
  // @ts-expect-error the limiter comes first
  void RateLimiter.take(2, plain)
  // @ts-expect-error a handle cannot be made by hand
  void RateLimiter.stats({ limit })
  // @ts-expect-error the state of another limit
  RateLimit.step(RateLimit.tokenBucket({ limit: 1, interval: 1 }))(0, 0, 1)
})
