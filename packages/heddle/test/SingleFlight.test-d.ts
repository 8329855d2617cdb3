// @effect-diagnostics missingEffectError:off
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { expectTypeOf, test } from "vitest"

import * as SingleFlight from "../src/SingleFlight.ts"

declare const flight: SingleFlight.SingleFlight<readonly [string, number], "a", "e" | "f">
declare const effect: Effect.Effect<"a", "e", "r" | Scope.Scope>
declare const failing: Effect.Effect<"a", "g">
declare const key: readonly [string, number]

test("a run may fail with all that the flight may, needs what the effect needs, and no scope", () => {
  type Run = Effect.Effect<"a", "e" | "f", "r">
  expectTypeOf(SingleFlight.run(flight, key, effect)).toEqualTypeOf<Run>()
  expectTypeOf(effect.pipe(SingleFlight.run(flight, key))).toEqualTypeOf<Run>()
})

test("runShared says more", () => {
  type Run = Effect.Effect<SingleFlight.Shared<"a">, "e" | "f", "r">
  expectTypeOf(SingleFlight.runShared(flight, key, effect)).toEqualTypeOf<Run>()
  expectTypeOf(effect.pipe(SingleFlight.runShared(flight, key))).toEqualTypeOf<Run>()
})

test("the rest", () => {
  expectTypeOf(SingleFlight.make<string, number>()).toEqualTypeOf<
    Effect.Effect<SingleFlight.SingleFlight<string, number>>
  >()
  expectTypeOf(SingleFlight.forget(flight, key)).toEqualTypeOf<Effect.Effect<void>>()
  expectTypeOf(flight.pipe(SingleFlight.forget(key))).toEqualTypeOf<Effect.Effect<void>>()
  expectTypeOf(SingleFlight.stats(flight)).toEqualTypeOf<Effect.Effect<SingleFlight.Stats>>()
})

test("misuse does not compile", () => {
  const strings = SingleFlight.makeUnsafe<string, number>()
  // @ts-expect-error a key of another type
  void SingleFlight.run(strings, 1)
  // @ts-expect-error a result of another type
  void SingleFlight.run(flight, key, {} as Effect.Effect<"b">)
  // @ts-expect-error an error that the flight does not have cannot be erased
  void failing.pipe(SingleFlight.run(flight, key))
  // @ts-expect-error a handle cannot be made by hand
  void SingleFlight.stats({})
})
