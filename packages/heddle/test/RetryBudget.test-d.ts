import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Schedule from "effect/Schedule"
import { expectTypeOf, test } from "vitest"

import * as RetryBudget from "../src/RetryBudget.ts"

declare const budget: RetryBudget.RetryBudget
declare const effect: Effect.Effect<"a", "e" | "f", "r">
declare const schedule: Schedule.Schedule<number>
declare const picky: Schedule.Schedule<number, "e" | "f", "schedule error", "schedule service">
declare const check: (error: "e" | "f") => Effect.Effect<boolean, "check error", "check service">

test("a retry changes no type, as Effect.retry", () => {
  expectTypeOf(effect.pipe(RetryBudget.retry(budget, schedule))).toEqualTypeOf<typeof effect>()
  expectTypeOf(RetryBudget.retry(budget, schedule, effect)).toEqualTypeOf<typeof effect>()
  expectTypeOf(effect.pipe(RetryBudget.retry(budget, { times: 3 }))).toEqualTypeOf<typeof effect>()
  expectTypeOf(effect.pipe(RetryBudget.retry(budget, { schedule, times: 3 }))).toEqualTypeOf<typeof effect>()
  expectTypeOf(RetryBudget.retry(budget, { while: (error) => error === "e" }, effect)).toEqualTypeOf<
    Effect.Effect<"a", "f", "r">
  >()
})

test("what the policy itself may fail with or need is added", () => {
  type Picky = Effect.Effect<"a", "e" | "f" | "schedule error", "r" | "schedule service">
  expectTypeOf(effect.pipe(RetryBudget.retry(budget, picky))).toEqualTypeOf<Picky>()
  expectTypeOf(effect.pipe(RetryBudget.retry(budget, { schedule: picky }))).toEqualTypeOf<Picky>()
  expectTypeOf(effect.pipe(RetryBudget.retry(budget, { while: check }))).toEqualTypeOf<
    Effect.Effect<"a", "e" | "f" | "check error", "r" | "check service">
  >()
})

test("traffic and further attempts", () => {
  expectTypeOf(effect.pipe(RetryBudget.withExecution(budget))).toEqualTypeOf<typeof effect>()
  expectTypeOf(RetryBudget.withExecution(budget, effect)).toEqualTypeOf<typeof effect>()
  type Optional = Effect.Effect<Option.Option<"a">, "e" | "f", "r">
  expectTypeOf(effect.pipe(RetryBudget.withAttemptIfAvailable(budget))).toEqualTypeOf<Optional>()
  expectTypeOf(RetryBudget.withAttemptIfAvailable(budget, effect)).toEqualTypeOf<Optional>()
  expectTypeOf(RetryBudget.stats(budget)).toEqualTypeOf<Effect.Effect<RetryBudget.Stats>>()
  expectTypeOf(RetryBudget.make()).toEqualTypeOf<Effect.Effect<RetryBudget.RetryBudget>>()
})

test("misuse does not compile", () => {
  // @ts-expect-error the budget comes first
  void RetryBudget.retry(effect, budget, { times: 3 })
  // @ts-expect-error a handle cannot be made by hand
  void RetryBudget.stats({ ratio: 1 })
})
