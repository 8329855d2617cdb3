import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { expectTypeOf, test } from "vitest"

import * as Hedge from "../src/Hedge.ts"
import type * as RetryBudget from "../src/RetryBudget.ts"

declare const effect: Effect.Effect<"a", "e", "r">
declare const budget: RetryBudget.RetryBudget
declare const either: "await" | "scope"
type Scoped = Effect.Effect<"a", "e", "r" | Scope.Scope>

test("a hedge changes no type", () => {
  expectTypeOf(effect.pipe(Hedge.hedge({ delay: 10, maxAttempts: 3, budget }))).toEqualTypeOf<typeof effect>()
  expectTypeOf(Hedge.hedge(effect, { delay: "10 millis", losers: "await" })).toEqualTypeOf<typeof effect>()
  expectTypeOf(effect.pipe(Hedge.run(Hedge.makeUnsafe({ percentile: 95 })))).toEqualTypeOf<typeof effect>()
  expectTypeOf(Hedge.run(Hedge.makeUnsafe({ percentile: 95, delay: 10 }), effect)).toEqualTypeOf<typeof effect>()
})

test("losers that go to the scope need one", () => {
  expectTypeOf(effect.pipe(Hedge.hedge({ delay: 10, losers: "scope" }))).toEqualTypeOf<Scoped>()
  expectTypeOf(Hedge.hedge(effect, { delay: 10, losers: "scope" })).toEqualTypeOf<Scoped>()
  expectTypeOf(Hedge.hedge(effect, { delay: 10, losers: either })).toEqualTypeOf<Scoped>()
  expectTypeOf(effect.pipe(Hedge.run(Hedge.makeUnsafe({ delay: 10, losers: "scope" })))).toEqualTypeOf<Scoped>()
  expectTypeOf(Hedge.run(Hedge.makeUnsafe({ percentile: 95, losers: "scope" }), effect)).toEqualTypeOf<Scoped>()
})

test("the rest", () => {
  expectTypeOf(Hedge.make({ delay: 10 })).toEqualTypeOf<Effect.Effect<Hedge.Hedge>>()
  expectTypeOf(Hedge.make({ delay: 10, losers: "scope" })).toEqualTypeOf<Effect.Effect<Hedge.Hedge<Scope.Scope>>>()
  expectTypeOf(Hedge.stats(Hedge.makeUnsafe({ delay: 10 }))).toEqualTypeOf<Effect.Effect<Hedge.Stats>>()
})

test("misuse does not compile", () => {
  // @ts-expect-error when to hedge is required
  void Hedge.make({ maxAttempts: 3 })
  // @ts-expect-error a percentile needs a handle, which sees the latencies
  void Hedge.hedge(effect, { percentile: 95 })
  // @ts-expect-error a handle cannot be made by hand
  void Hedge.stats({ delay: 10 })
})
