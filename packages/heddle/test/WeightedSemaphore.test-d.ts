import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { expectTypeOf, test } from "vitest"

import * as WeightedSemaphore from "../src/WeightedSemaphore.ts"

declare const sem: WeightedSemaphore.WeightedSemaphore
declare const effect: Effect.Effect<"a", "e", "r">

test("a guard leaves A, E and R alone, in every form", () => {
  expectTypeOf(effect.pipe(WeightedSemaphore.withPermits(sem, 2))).toEqualTypeOf<typeof effect>()
  expectTypeOf(WeightedSemaphore.withPermits(sem, 2, effect)).toEqualTypeOf<typeof effect>()
  expectTypeOf(effect.pipe(WeightedSemaphore.withPermit(sem))).toEqualTypeOf<typeof effect>()
  expectTypeOf(WeightedSemaphore.withPermit(sem, effect)).toEqualTypeOf<typeof effect>()
})

test("a priority changes no type", () => {
  expectTypeOf(effect.pipe(WeightedSemaphore.withPermits(sem, 2, { priority: 1 }))).toEqualTypeOf<typeof effect>()
  expectTypeOf(WeightedSemaphore.withPermits(sem, 2, effect, { priority: 1 })).toEqualTypeOf<typeof effect>()
  expectTypeOf(effect.pipe(WeightedSemaphore.withPermit(sem, { priority: 1 }))).toEqualTypeOf<typeof effect>()
  expectTypeOf(WeightedSemaphore.withPermit(sem, effect, { priority: 1 })).toEqualTypeOf<typeof effect>()
  expectTypeOf(WeightedSemaphore.take(sem, 1, { priority: 1 })).toEqualTypeOf<Effect.Effect<void>>()
  expectTypeOf(sem.pipe(WeightedSemaphore.take(1, { priority: 1 }))).toEqualTypeOf<Effect.Effect<void>>()
  expectTypeOf(WeightedSemaphore.takeIfAvailable(sem, 1, { priority: 1 })).toEqualTypeOf<Effect.Effect<boolean>>()
})

test("if available: an option, nothing else", () => {
  type Optional = Effect.Effect<Option.Option<"a">, "e", "r">
  expectTypeOf(effect.pipe(WeightedSemaphore.withPermitsIfAvailable(sem, 2))).toEqualTypeOf<Optional>()
  expectTypeOf(WeightedSemaphore.withPermitsIfAvailable(sem, 2, effect)).toEqualTypeOf<Optional>()
  expectTypeOf(WeightedSemaphore.takeIfAvailable(sem, 2)).toEqualTypeOf<Effect.Effect<boolean>>()
})

test("taking, giving back and looking", () => {
  expectTypeOf(WeightedSemaphore.make({ permits: 1 })).toEqualTypeOf<
    Effect.Effect<WeightedSemaphore.WeightedSemaphore>
  >()
  expectTypeOf(WeightedSemaphore.take(sem, 1)).toEqualTypeOf<Effect.Effect<void>>()
  expectTypeOf(sem.pipe(WeightedSemaphore.take(1))).toEqualTypeOf<Effect.Effect<void>>()
  expectTypeOf(WeightedSemaphore.takeScoped(sem, 1)).toEqualTypeOf<Effect.Effect<void, never, Scope.Scope>>()
  expectTypeOf(WeightedSemaphore.release(sem, 1)).toEqualTypeOf<Effect.Effect<void>>()
  expectTypeOf(WeightedSemaphore.resize(sem, 1)).toEqualTypeOf<Effect.Effect<void>>()
  expectTypeOf(WeightedSemaphore.stats(sem)).toEqualTypeOf<Effect.Effect<WeightedSemaphore.Stats>>()
})

test("misuse does not compile", () => {
  // @ts-expect-error permits are required
  void WeightedSemaphore.make({})
  // @ts-expect-error the semaphore comes first
  WeightedSemaphore.withPermits(2, sem)
  // @ts-expect-error no such option
  WeightedSemaphore.withPermits(sem, 1, { urgency: 1 })
  // @ts-expect-error a release has no priority
  void WeightedSemaphore.release(sem, 1, { priority: 1 })
  // @ts-expect-error a handle cannot be made by hand
  void WeightedSemaphore.stats({ permits: 1 })
  // @ts-expect-error an effect is no number of permits
  WeightedSemaphore.withPermits(sem, effect)
  // @ts-expect-error one permit is one permit
  WeightedSemaphore.withPermit(sem, 2)
  // @ts-expect-error a priority is a number
  WeightedSemaphore.withPermit(sem, { priority: "high" })
  // @ts-expect-error options come once
  void WeightedSemaphore.withPermits(sem, 1, { priority: 1 }, { priority: 1 })
  // @ts-expect-error a release guards nothing
  void effect.pipe(WeightedSemaphore.release(sem))
})
