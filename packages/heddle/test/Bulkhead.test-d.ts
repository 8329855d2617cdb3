import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { expectTypeOf, test } from "vitest"

import * as Bulkhead from "../src/Bulkhead.ts"
import * as WeightedSemaphore from "../src/WeightedSemaphore.ts"

declare const bulkhead: Bulkhead.Bulkhead
declare const semaphore: WeightedSemaphore.WeightedSemaphore
declare const effect: Effect.Effect<"a", "e", "r">

type Error = Bulkhead.BulkheadFull | Bulkhead.WaitTimeout | Bulkhead.BulkheadClosed

test("a guard adds exactly the bulkhead's errors, in every form", () => {
  type Guarded = Effect.Effect<"a", "e" | Error, "r">
  expectTypeOf(effect.pipe(Bulkhead.withPermits(bulkhead, 2))).toEqualTypeOf<Guarded>()
  expectTypeOf(effect.pipe(Bulkhead.withPermits(bulkhead, 2, { priority: 1 }))).toEqualTypeOf<Guarded>()
  expectTypeOf(Bulkhead.withPermits(bulkhead, 2, effect)).toEqualTypeOf<Guarded>()
  expectTypeOf(Bulkhead.withPermits(bulkhead, 2, effect, { priority: 1 })).toEqualTypeOf<Guarded>()
  expectTypeOf(effect.pipe(Bulkhead.withPermit(bulkhead))).toEqualTypeOf<Guarded>()
  expectTypeOf(effect.pipe(Bulkhead.withPermit(bulkhead, { priority: 1 }))).toEqualTypeOf<Guarded>()
  expectTypeOf(Bulkhead.withPermit(bulkhead, effect, { priority: 1 })).toEqualTypeOf<Guarded>()
})

test("if available: neither full nor timed out, only closed", () => {
  type Optional = Effect.Effect<Option.Option<"a">, "e" | Bulkhead.BulkheadClosed, "r">
  expectTypeOf(effect.pipe(Bulkhead.withPermitsIfAvailable(bulkhead, 2))).toEqualTypeOf<Optional>()
  expectTypeOf(Bulkhead.withPermitsIfAvailable(bulkhead, 2, effect, { priority: 1 })).toEqualTypeOf<Optional>()
  expectTypeOf(Bulkhead.takeIfAvailable(bulkhead, 2)).toEqualTypeOf<Effect.Effect<boolean, Bulkhead.BulkheadClosed>>()
})

test("taking, giving back, closing and looking", () => {
  expectTypeOf(Bulkhead.make({ concurrency: 1, maxWaiting: 0 })).toEqualTypeOf<Effect.Effect<Bulkhead.Bulkhead>>()
  expectTypeOf(Bulkhead.take(bulkhead, 1)).toEqualTypeOf<Effect.Effect<void, Error>>()
  expectTypeOf(bulkhead.pipe(Bulkhead.take(1, { priority: 1 }))).toEqualTypeOf<Effect.Effect<void, Error>>()
  expectTypeOf(Bulkhead.takeScoped(bulkhead, 1)).toEqualTypeOf<Effect.Effect<void, Error, Scope.Scope>>()
  expectTypeOf(Bulkhead.release(bulkhead, 1)).toEqualTypeOf<Effect.Effect<void>>()
  expectTypeOf(Bulkhead.close(bulkhead)).toEqualTypeOf<Effect.Effect<void>>()
  expectTypeOf(Bulkhead.stats(bulkhead)).toEqualTypeOf<Effect.Effect<Bulkhead.Stats>>()
})

test("misuse does not compile", () => {
  // @ts-expect-error how many may wait is no default
  void Bulkhead.make({ concurrency: 1 })
  // @ts-expect-error no such overflow
  void Bulkhead.make({ concurrency: 1, maxWaiting: 1, overflow: "dropNewest" })
  // @ts-expect-error a semaphore is no bulkhead
  void Bulkhead.close({})
  // @ts-expect-error a semaphore is no bulkhead
  void Bulkhead.take(semaphore, 1)
  // @ts-expect-error nor is a bulkhead a semaphore
  void WeightedSemaphore.take(bulkhead, 1)
  // @ts-expect-error no such duration
  void Bulkhead.make({ concurrency: 1, maxWaiting: 1, maxWait: "5 parsecs" })
  // @ts-expect-error no such option
  Bulkhead.withPermit(bulkhead, { urgency: 1 })
})

test("what is caught leaves the type, and what is not stays", () => {
  const caught = Bulkhead.withPermit(bulkhead, effect).pipe(Effect.catchTag("BulkheadFull", () => Effect.void))
  expectTypeOf(caught).toEqualTypeOf<
    Effect.Effect<"a" | void, "e" | Bulkhead.WaitTimeout | Bulkhead.BulkheadClosed, "r">
  >()
})
