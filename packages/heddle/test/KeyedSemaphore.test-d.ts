import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { expectTypeOf, test } from "vitest"

import * as KeyedSemaphore from "../src/KeyedSemaphore.ts"

interface Tenant {
  readonly id: number
}

declare const sem: KeyedSemaphore.KeyedSemaphore<Tenant>
declare const tenant: Tenant
declare const effect: Effect.Effect<"a", "e", "r">

test("a guard leaves A, E and R alone, in every form", () => {
  expectTypeOf(effect.pipe(KeyedSemaphore.withPermits(sem, tenant, 2))).toEqualTypeOf<typeof effect>()
  expectTypeOf(KeyedSemaphore.withPermits(sem, tenant, 2, effect)).toEqualTypeOf<typeof effect>()
  expectTypeOf(effect.pipe(KeyedSemaphore.withPermit(sem, tenant))).toEqualTypeOf<typeof effect>()
  expectTypeOf(KeyedSemaphore.withPermit(sem, tenant, effect)).toEqualTypeOf<typeof effect>()
})

test("if available: an option, nothing else", () => {
  type Optional = Effect.Effect<Option.Option<"a">, "e", "r">
  expectTypeOf(effect.pipe(KeyedSemaphore.withPermitsIfAvailable(sem, tenant, 2))).toEqualTypeOf<Optional>()
  expectTypeOf(KeyedSemaphore.withPermitsIfAvailable(sem, tenant, 2, effect)).toEqualTypeOf<Optional>()
  expectTypeOf(KeyedSemaphore.takeIfAvailable(sem, tenant, 2)).toEqualTypeOf<Effect.Effect<boolean>>()
})

test("the key's type comes from a function of it, or is given", () => {
  expectTypeOf(KeyedSemaphore.make({ permitsPerKey: (key: Tenant) => key.id })).toEqualTypeOf<
    Effect.Effect<KeyedSemaphore.KeyedSemaphore<Tenant>>
  >()
  expectTypeOf(KeyedSemaphore.make<string>({ permitsPerKey: 1, total: 2 })).toEqualTypeOf<
    Effect.Effect<KeyedSemaphore.KeyedSemaphore<string>>
  >()
  // one for wider keys serves narrower ones
  expectTypeOf<KeyedSemaphore.KeyedSemaphore<unknown>>().toExtend<KeyedSemaphore.KeyedSemaphore<string>>()
})

test("taking, giving back, pausing, resizing and looking", () => {
  expectTypeOf(KeyedSemaphore.take(sem, tenant, 1)).toEqualTypeOf<Effect.Effect<void>>()
  expectTypeOf(sem.pipe(KeyedSemaphore.take(tenant, 1))).toEqualTypeOf<Effect.Effect<void>>()
  expectTypeOf(KeyedSemaphore.takeScoped(sem, tenant, 1)).toEqualTypeOf<Effect.Effect<void, never, Scope.Scope>>()
  expectTypeOf(KeyedSemaphore.release(sem, tenant, 1)).toEqualTypeOf<Effect.Effect<void>>()
  expectTypeOf(KeyedSemaphore.pause(sem, tenant)).toEqualTypeOf<Effect.Effect<void>>()
  expectTypeOf(sem.pipe(KeyedSemaphore.resume(tenant))).toEqualTypeOf<Effect.Effect<void>>()
  expectTypeOf(KeyedSemaphore.resize(sem, { permitsPerKey: ({ id }) => id })).toEqualTypeOf<Effect.Effect<void>>()
  expectTypeOf(KeyedSemaphore.stats(sem)).toEqualTypeOf<Effect.Effect<KeyedSemaphore.Stats>>()
  expectTypeOf(KeyedSemaphore.stats(sem, tenant)).toEqualTypeOf<Effect.Effect<KeyedSemaphore.KeyStats>>()
})

test("generic effects go through, and a key of no stated type is any", () => {
  const inGeneric = <A, E, R>(generic: Effect.Effect<A, E, R>) => generic.pipe(KeyedSemaphore.withPermit(sem, tenant))
  expectTypeOf(inGeneric(effect)).toEqualTypeOf<typeof effect>()
  expectTypeOf(KeyedSemaphore.make({ permitsPerKey: 1 })).toEqualTypeOf<
    Effect.Effect<KeyedSemaphore.KeyedSemaphore<unknown>>
  >()
})

test("misuse does not compile", () => {
  // @ts-expect-error permitsPerKey is required
  void KeyedSemaphore.make<string>({ total: 1 })
  // @ts-expect-error a key of another type
  void KeyedSemaphore.take(sem, "tenant", 1)
  // @ts-expect-error a key of another type
  void effect.pipe(KeyedSemaphore.withPermit(sem, 1))
  // @ts-expect-error a key of another type
  void sem.pipe(KeyedSemaphore.pause("tenant"))
  // @ts-expect-error a key of another type
  void KeyedSemaphore.stats(sem, "tenant")
  // @ts-expect-error a budget of other keys
  void KeyedSemaphore.resize(sem, { permitsPerKey: (key: string) => key.length })
  // @ts-expect-error no such limit
  void KeyedSemaphore.resize(sem, { permits: 1 })
  // @ts-expect-error an effect is no number of permits
  KeyedSemaphore.withPermits(sem, tenant, effect)
  // @ts-expect-error one for narrower keys does not serve wider ones
  const wider: KeyedSemaphore.KeyedSemaphore<unknown> = sem
  void wider
})
