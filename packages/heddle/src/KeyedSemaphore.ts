/**
 * A semaphore per key, with a limit on all of them together if you like: so many calls per tenant, per host, per account.
 *
 * - **Inside a key**, first come, first served: the head of a key's line blocks those behind it, and no other key.
 * - **Between keys**, if there is a `total`: keys whose heads fit their own budgets take turns, in a ring, and are served
 *   alike in permits (deficit round robin), so that a busy key cannot starve a quiet one, nor one of many small requests one
 *   of few large ones. The key whose turn it is holds up the others until its head fits the total.
 * - **Interruption.** Waiting is interruptible and costs nothing: those behind move up. Holding is never lost: an
 *   interruption that races the grant gives the permits back and serves the next.
 * - **Cost.** Every operation is O(1) in the number of keys and of waiters, but for `resize`, which looks at each key in use.
 *   A key that nobody holds, waits for or has paused takes no memory.
 *
 * Keys are the same when Effect's `Equal` says so: strings and numbers, and also `Data`, records and arrays by their content.
 * `NaN` is one key, 0 and -0 are the same, and so are `undefined` and no other. What is compared by its content must not change
 * while it is in use: a copy of what it was would be another key. Caller bugs die as in `WeightedSemaphore`. The error channel of a guarded effect is left alone.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type * as Inspectable from "effect/Inspectable"
import type * as Option from "effect/Option"
import type * as Pipeable from "effect/Pipeable"
import type * as Scope from "effect/Scope"
import type * as Types from "effect/Types"

import { type AnyEffect, effectLast } from "./internal/effectLast.ts"
import { KeyedPermits } from "./internal/keyedPermits.ts"
import type { Party } from "./internal/observer.ts"

const TypeId = "~heddle/KeyedSemaphore"

/**
 * A handle on permits per key. Opaque: the functions of this module are its behaviour.
 *
 * @since 0.1.0
 * @category models
 */
export interface KeyedSemaphore<in K> extends Pipeable.Pipeable, Inspectable.Inspectable {
  readonly [TypeId]: { readonly _K: Types.Contravariant<K> }
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Limits<in K> {
  /**
   * How many permits each key has: a non-negative integer, or `Infinity`; or a function from the key to that, which is asked
   * whenever a key comes into use.
   */
  readonly permitsPerKey: number | ((key: K) => number)
  /** How many permits all keys have together: a non-negative integer, or `Infinity`. Default: `Infinity`. */
  readonly total?: number | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Options<in K> extends Limits<K> {
  /**
   * Names the semaphore in messages, and shows it to whoever looks: its counts are the gauges `heddle_keyed_semaphore_keys`,
   * `_total`, `_taken`, `_available` and `_waiting` with the name as an attribute. Default: none.
   */
  readonly name?: string | undefined
}

/**
 * What all keys look like together at one instant.
 *
 * @since 0.1.0
 * @category models
 */
export interface Stats {
  /** How many keys are held, waited for or paused. */
  readonly keys: number
  readonly total: number
  /** The sum of what is held. Above `total` while a shrink is being paid off. */
  readonly taken: number
  /** `max(0, total - taken)`. */
  readonly available: number
  /** How many requests wait. */
  readonly waiting: number
  /** Given, as those below, while an inspector is attached and the semaphore has a name. */
  readonly name?: string
  /** Who holds under which key: what was taken since the inspector was attached, in that order. */
  readonly holders?: ReadonlyArray<Party>
  /** Who waits for which key: those who came since the inspector was attached, in that order. */
  readonly waiters?: ReadonlyArray<Party>
}

/**
 * What one key looks like at one instant.
 *
 * @since 0.1.0
 * @category models
 */
export interface KeyStats {
  /** The key's own budget. */
  readonly permits: number
  readonly taken: number
  /** What is left of its own budget, `max(0, permits - taken)`. */
  readonly available: number
  readonly waiting: number
  readonly paused: boolean
}

class Keyed<K> extends KeyedPermits<K> {
  readonly [TypeId]: { readonly _K: Types.Contravariant<K> } = variance

  constructor({ name, permitsPerKey, total = Infinity }: Options<K>) {
    super("KeyedSemaphore", permitsPerKey, total, name)
  }
}

const variance: { readonly _K: Types.Contravariant<any> } = { _K: (key) => key }

/**
 * Makes a semaphore. Counts that are not non-negative integers or `Infinity` die.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as KeyedSemaphore from "heddle/KeyedSemaphore"
 *
 * const program = Effect.gen(function* () {
 *   const tenants = yield* KeyedSemaphore.make<string>({ permitsPerKey: 1, total: 10 })
 *   const order: Array<string> = []
 *   const job = (tenant: string, name: string) =>
 *     Effect.andThen(Effect.sync(() => order.push(name)), Effect.yieldNow).pipe(
 *       KeyedSemaphore.withPermit(tenants, tenant)
 *     )
 *   const jobs = [job("a", "a1"), job("a", "a2"), job("a", "a3"), job("b", "b1")]
 *   yield* Effect.all(jobs, { concurrency: "unbounded" })
 *   return order
 * })
 *
 * await Effect.runPromise(program) // => ["a1", "b1", "a2", "a3"]
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <K>(options: Options<K>): Effect.Effect<KeyedSemaphore<K>> => Effect.sync(() => makeUnsafe(options))

/**
 * `make` outside of Effect, for a module's top level. Throws where `make` dies.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeUnsafe = <K>(options: Options<K>): KeyedSemaphore<K> => new Keyed(options).observed()

/**
 * Runs an effect while it holds `permits` of a key: waits for its turn, runs, gives back however the effect ends. A request
 * for zero permits is legal and waits for its turn too. A request above what the key or the total has ever had dies (of a
 * key that is not in use, only what it would have now is known); one above what they have now stands aside, keeps its place
 * in the order, and holds up nobody.
 *
 * The wait can be interrupted where the caller can; the effect runs with the interruptibility of the caller.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as KeyedSemaphore from "heddle/KeyedSemaphore"
 *
 * const plan = (tenant: string) => (tenant.startsWith("pro-") ? 20 : 2)
 * const connections = KeyedSemaphore.makeUnsafe({ permitsPerKey: plan, total: 100 })
 *
 * const program = KeyedSemaphore.stats(connections, "pro-1").pipe(KeyedSemaphore.withPermits(connections, "pro-1", 5))
 *
 * await Effect.runPromise(program) // => { permits: 20, taken: 5, available: 15, waiting: 0, paused: false }
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const withPermits: {
  <K>(
    self: KeyedSemaphore<K>,
    key: K,
    permits: number
  ): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <K, A, E, R>(self: KeyedSemaphore<K>, key: K, permits: number, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R>
} = effectLast(4, (self: Keyed<unknown>, key: unknown, permits: number, effect: AnyEffect) =>
  self.withPermits(key, permits, effect)
)

/**
 * `withPermits(self, key, 1)`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withPermit: {
  <K>(self: KeyedSemaphore<K>, key: K): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <K, A, E, R>(self: KeyedSemaphore<K>, key: K, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R>
} = effectLast(3, (self: Keyed<unknown>, key: unknown, effect: AnyEffect) => self.withPermits(key, 1, effect))

/**
 * Runs an effect under `permits` of a key if a plain request would not wait, and gives its result as `Some`; otherwise
 * `None`, at once, and the effect does not run. Never overtakes anybody.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withPermitsIfAvailable: {
  <K>(
    self: KeyedSemaphore<K>,
    key: K,
    permits: number
  ): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<Option.Option<A>, E, R>
  <K, A, E, R>(
    self: KeyedSemaphore<K>,
    key: K,
    permits: number,
    effect: Effect.Effect<A, E, R>
  ): Effect.Effect<Option.Option<A>, E, R>
} = effectLast(4, (self: Keyed<unknown>, key: unknown, permits: number, effect: AnyEffect) =>
  self.withPermitsIfAvailable(key, permits, effect)
)

/**
 * Takes `permits` of a key, waiting for its turn, and leaves giving them back to the caller's `release`. Prefer
 * `withPermits` or `takeScoped`: they cannot forget. What `WeightedSemaphore.take` says of interruption holds here too.
 *
 * @since 0.1.0
 * @category taking
 */
export const take: {
  <K>(key: K, permits: number): (self: KeyedSemaphore<K>) => Effect.Effect<void>
  <K>(self: KeyedSemaphore<K>, key: K, permits: number): Effect.Effect<void>
} = dual(3, (self: Keyed<unknown>, key: unknown, permits: number) => self.take(key, permits))

/**
 * Takes `permits` of a key, waiting for its turn, and gives them back when the scope closes.
 *
 * @since 0.1.0
 * @category taking
 */
export const takeScoped: {
  <K>(key: K, permits: number): (self: KeyedSemaphore<K>) => Effect.Effect<void, never, Scope.Scope>
  <K>(self: KeyedSemaphore<K>, key: K, permits: number): Effect.Effect<void, never, Scope.Scope>
} = dual(3, (self: Keyed<unknown>, key: unknown, permits: number) => self.takeScoped(key, permits))

/**
 * Takes `permits` of a key and answers true if a plain request would not wait; otherwise takes nothing and answers false.
 *
 * @since 0.1.0
 * @category taking
 */
export const takeIfAvailable: {
  <K>(key: K, permits: number): (self: KeyedSemaphore<K>) => Effect.Effect<boolean>
  <K>(self: KeyedSemaphore<K>, key: K, permits: number): Effect.Effect<boolean>
} = dual(3, (self: Keyed<unknown>, key: unknown, permits: number) => self.takeIfAvailable(key, permits))

/**
 * Gives back permits of a key that `take` or `takeIfAvailable` took; any fiber may, and in other portions than they were
 * taken. More than they hold under that key dies. Serves and returns; those served resume later, in order.
 *
 * @since 0.1.0
 * @category taking
 */
export const release: {
  <K>(key: K, permits: number): (self: KeyedSemaphore<K>) => Effect.Effect<void>
  <K>(self: KeyedSemaphore<K>, key: K, permits: number): Effect.Effect<void>
} = dual(3, (self: Keyed<unknown>, key: unknown, permits: number) => Effect.sync(() => self.release(key, permits)))

/**
 * Serves nobody under a key until `resume`. Those who hold go on, requests wait in line, `*IfAvailable` says no, and no
 * other key is held up. A paused key is remembered until it is resumed. Pausing twice is pausing once.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as KeyedSemaphore from "heddle/KeyedSemaphore"
 *
 * const program = Effect.gen(function* () {
 *   const hosts = yield* KeyedSemaphore.make<string>({ permitsPerKey: 4 })
 *   yield* KeyedSemaphore.pause(hosts, "a.example")
 *   const during = yield* KeyedSemaphore.takeIfAvailable(hosts, "a.example", 1)
 *   yield* KeyedSemaphore.resume(hosts, "a.example")
 *   return [during, yield* KeyedSemaphore.takeIfAvailable(hosts, "a.example", 1)]
 * })
 *
 * await Effect.runPromise(program) // => [false, true]
 * ```
 *
 * @since 0.1.0
 * @category capacity
 */
export const pause: {
  <K>(key: K): (self: KeyedSemaphore<K>) => Effect.Effect<void>
  <K>(self: KeyedSemaphore<K>, key: K): Effect.Effect<void>
} = dual(2, (self: Keyed<unknown>, key: unknown) => Effect.sync(() => self.pause(key)))

/**
 * Undoes `pause`: serves the key again, those who wait first.
 *
 * @since 0.1.0
 * @category capacity
 */
export const resume: {
  <K>(key: K): (self: KeyedSemaphore<K>) => Effect.Effect<void>
  <K>(self: KeyedSemaphore<K>, key: K): Effect.Effect<void>
} = dual(2, (self: Keyed<unknown>, key: unknown) => Effect.sync(() => self.resume(key)))

/**
 * Sets the budget per key, the total, or both. Nothing that is held is revoked: after a shrink the debt is paid by the
 * releases that follow, after a growth the lines are served. Requests that are too large for the moment stand aside and come
 * back to their places. Looks at each key that is in use.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as KeyedSemaphore from "heddle/KeyedSemaphore"
 *
 * const program = Effect.gen(function* () {
 *   const tenants = yield* KeyedSemaphore.make<string>({ permitsPerKey: 2, total: 10 })
 *   yield* KeyedSemaphore.resize(tenants, { total: 5 })
 *   return yield* KeyedSemaphore.stats(tenants)
 * })
 *
 * await Effect.runPromise(program) // => { keys: 0, total: 5, taken: 0, available: 5, waiting: 0 }
 * ```
 *
 * @since 0.1.0
 * @category capacity
 */
export const resize: {
  <K>(limits: Partial<Limits<K>>): (self: KeyedSemaphore<K>) => Effect.Effect<void>
  <K>(self: KeyedSemaphore<K>, limits: Partial<Limits<K>>): Effect.Effect<void>
} = dual(2, (self: Keyed<unknown>, limits: Partial<Limits<unknown>>) => Effect.sync(() => self.resize(limits)))

/**
 * Reads all keys together, or one, as they are at this instant.
 *
 * @since 0.1.0
 * @category observing
 */
export const stats: {
  <K>(self: KeyedSemaphore<K>): Effect.Effect<Stats>
  <K>(self: KeyedSemaphore<K>, key: K): Effect.Effect<KeyStats>
} = (<K>(...args: [Keyed<K>] | [Keyed<K>, K]) =>
  Effect.sync(() => (args.length === 1 ? args[0].stats() : args[0].statsOf(args[1])))) as typeof stats
