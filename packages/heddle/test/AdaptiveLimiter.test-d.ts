import type * as Effect from "effect/Effect"
import { expectTypeOf, test } from "vitest"

import * as AdaptiveLimit from "../src/AdaptiveLimit.ts"
import * as AdaptiveLimiter from "../src/AdaptiveLimiter.ts"

declare const limiter: AdaptiveLimiter.AdaptiveLimiter
declare const effect: Effect.Effect<"a", "e", "r">

const limit = AdaptiveLimit.aimd()

test("a call may also be refused, and is otherwise what it was, in every form", () => {
  type Called = Effect.Effect<"a", "e" | AdaptiveLimiter.ConcurrencyLimited, "r">
  expectTypeOf(effect.pipe(AdaptiveLimiter.withPermit(limiter))).toEqualTypeOf<Called>()
  expectTypeOf(AdaptiveLimiter.withPermit(limiter, effect)).toEqualTypeOf<Called>()
})

test("making and looking", () => {
  expectTypeOf(AdaptiveLimiter.make({ limit })).toEqualTypeOf<Effect.Effect<AdaptiveLimiter.AdaptiveLimiter>>()
  expectTypeOf(AdaptiveLimiter.stats(limiter)).toEqualTypeOf<Effect.Effect<AdaptiveLimiter.Stats>>()
})

test("misuse does not compile", () => {
  // @ts-expect-error the limit is required
  void AdaptiveLimiter.make({ maximum: 10 })
  // @ts-expect-error a limit is not a number
  void AdaptiveLimiter.make({ limit: 10 })
  // @ts-expect-error there are three outcomes
  void AdaptiveLimiter.make({ limit, classify: () => "failure" })
  // @ts-expect-error a handle cannot be made by hand
  void AdaptiveLimiter.stats({ limit: 1 })
  // @ts-expect-error a limit is no limiter
  AdaptiveLimiter.withPermit(limit)
  // @ts-expect-error a limiter counts calls, not permits
  void AdaptiveLimiter.withPermit(limiter, 2)
  // @ts-expect-error no such duration
  void AdaptiveLimiter.make({ limit, maxWait: "five" })
})
