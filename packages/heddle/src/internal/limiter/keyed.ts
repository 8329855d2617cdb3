/** Limits by key. `RateLimiter` exports them. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Inspectable from "effect/Inspectable"
import * as Pipeable from "effect/Pipeable"

import { RateLimiterStore, type RateLimiterStoreError } from "../../RateLimiterStore.ts"
import type { RateLimit } from "../limits/model.ts"
import type { RateLimiterFull } from "./errors.ts"
import type { Gate } from "./gate.ts"
import { type Gates, MemoryGates, SharedGates } from "./gates.ts"
import { type AnyLimiter, MemoryLimiter, rulesOf, SharedLimiter } from "./limiter.ts"
import {
  type BoundedOptions,
  type Keyed,
  type KeyedStats,
  KeyedTypeId,
  type LineOptions,
  type RateLimiter
} from "./model.ts"
import { OfKey, OfKeyInMemory } from "./source.ts"
import { Ticks } from "./ticks.ts"

class KeyedLimiter<K, G extends Gate> extends Inspectable.Class {
  readonly [KeyedTypeId]: { readonly forKey: (key: K) => AnyLimiter; readonly stats: Gates<K, G>["stats"] }
  private readonly gates: Gates<K, G>

  constructor(gates: Gates<K, G>, forKey: (key: K) => AnyLimiter) {
    super()
    this.gates = gates
    this[KeyedTypeId] = { forKey, stats: () => gates.stats() }
  }

  pipe() {
    return Pipeable.pipeArguments(this, arguments)
  }

  toJSON() {
    return { _id: "KeyedRateLimiter", name: this.gates.rules.name, ...this.gates.stats() }
  }
}

/**
 * Limits by key, in memory. `limit` is asked when a key is seen that is not remembered. A key is remembered until it is as
 * good as new, and no longer: an idle key costs nothing. Those that can go are found by the operations that follow, a few at
 * each, so nobody ever waits for a sweep. Keys are the same when Effect's `Equal` says so.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as RateLimit from "heddle/RateLimit"
 * import * as RateLimiter from "heddle/RateLimiter"
 *
 * const free = RateLimit.gcra({ limit: 1, interval: "1 minute" })
 * const paid = RateLimit.gcra({ limit: 100, interval: "1 minute" })
 *
 * const program = Effect.gen(function* () {
 *   const limits = yield* RateLimiter.keyed({ limit: (user: string) => (user === "ada" ? paid : free) })
 *   const calls = ["bob", "ada", "bob", "ada"]
 *   return yield* Effect.forEach(calls, (user) => RateLimiter.takeIfAvailable(RateLimiter.forKey(limits, user)))
 * })
 *
 * await Effect.runPromise(program) // => [true, true, false, true]
 * ```
 *
 * @since 0.1.0
 * @category keys
 */
export const keyed: {
  <K>(options: LineOptions & { readonly limit: (key: K) => RateLimit }): Effect.Effect<Keyed<K>>
  <K>(options: BoundedOptions & { readonly limit: (key: K) => RateLimit }): Effect.Effect<Keyed<K, RateLimiterFull>>
} = <K>({ limit, ...options }: BoundedOptions & { readonly limit: (key: K) => RateLimit }): Effect.Effect<any> =>
  Clock.clockWith((clock) =>
    Effect.sync(() => {
      const gates = new MemoryGates(rulesOf("RateLimiter.keyed", options), new Ticks(clock), limit).observed()
      return new KeyedLimiter(gates, (key: K) => new MemoryLimiter(new OfKeyInMemory(gates, key)))
    })
  )

/**
 * `keyed`, with limits that the `RateLimiterStore` keeps. Here only those keys cost anything for which somebody waits.
 *
 * @since 0.1.0
 * @category keys
 */
export const keyedShared: {
  (
    options: LineOptions & { readonly limit: (key: string) => RateLimit }
  ): Effect.Effect<Keyed<string, RateLimiterStoreError>, never, RateLimiterStore>
  (
    options: BoundedOptions & { readonly limit: (key: string) => RateLimit }
  ): Effect.Effect<Keyed<string, RateLimiterStoreError | RateLimiterFull>, never, RateLimiterStore>
} = ({
  limit,
  ...options
}: BoundedOptions & { readonly limit: (key: string) => RateLimit }): Effect.Effect<any, never, RateLimiterStore> =>
  Effect.gen(function* () {
    const store = yield* RateLimiterStore
    const clock = yield* Clock.Clock
    const gates = new SharedGates(
      rulesOf("RateLimiter.keyedShared", options),
      new Ticks(clock),
      store,
      limit
    ).observed()
    return new KeyedLimiter(gates, (key: string) => new SharedLimiter(new OfKey(gates, key)))
  })

/**
 * The limiter of a key, to be used as any other. It is a view: make one whenever it is needed.
 *
 * @since 0.1.0
 * @category keys
 */
export const forKey: {
  <K>(key: K): <E>(self: Keyed<K, E>) => RateLimiter<E>
  <K, E>(self: Keyed<K, E>, key: K): RateLimiter<E>
} = dual(2, <K, E>(self: Keyed<K, E>, key: K) => self[KeyedTypeId].forKey(key))

/**
 * How many keys are remembered, and how many wait. Of more than 1,000 keys some that are as good as new may be counted still,
 * and reservations whose turn came and went: it looks at so many, and never for long.
 *
 * @since 0.1.0
 * @category observing
 */
export const keyedStats = <K, E>(self: Keyed<K, E>): Effect.Effect<KeyedStats> =>
  Effect.sync(() => self[KeyedTypeId].stats())
