/**
 * A rate limiter with a line: whoever asks for more than there is waits for his turn, first come, first served.
 *
 * - **Places, not debts.** Tokens leave only at the head of the line. Interrupting one who waits costs nothing and moves the
 *   later ones forward, at once; `setLimit` and `penalize` move all who wait.
 * - **The promise of the limit holds** for the times at which turns come, and a turn is never served before it comes. Timers
 *   are late; up to 20 ms that is not charged, so that an even spacing of a millisecond is one, on average. A longer stall
 *   is: after it nobody gets what has piled up.
 * - **Waits are bounded before they begin.** One that would take longer than `maxWait`, or than the `Deadline` that it is
 *   under, fails at once with `RateLimited`, which says when to try again. So does one that waits already when it becomes
 *   certain that its turn will come too late.
 * - **Cost.** Taking what is there is one evaluation. Joining, leaving and being served are O(log priorities), whatever the
 *   number of those who wait. One timer runs for all of them, in the fiber of one of them; when nobody waits nothing runs.
 *
 * The limiter reads the monotonic clock that it was made under. A request for more than the limit can ever give dies.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type * as Option from "effect/Option"
import * as Stream from "effect/Stream"

import { Account } from "./internal/limiter/accounts.ts"
import { checkedNanos } from "./internal/limiter/durations.ts"
import { RateLimited, RateLimiterFull } from "./internal/limiter/errors.ts"
import { type HeadersLike, readRetryAfter } from "./internal/limiter/headers.ts"
import { forKey, keyed, keyedShared, keyedStats } from "./internal/limiter/keyed.ts"
import {
  type AnyLimiter,
  asLimiter,
  isFirst,
  MemoryLimiter,
  rulesOf,
  SharedLimiter
} from "./internal/limiter/limiter.ts"
import { MemoryGate } from "./internal/limiter/memoryGate.ts"
import type {
  BoundedOptions,
  Keyed,
  KeyedStats,
  LineOptions,
  RateLimiter,
  Reservation,
  Stats,
  TakeOptions
} from "./internal/limiter/model.ts"
import { SharedGate } from "./internal/limiter/sharedGate.ts"
import { Only, OnlyInMemory } from "./internal/limiter/source.ts"
import { Ticks } from "./internal/limiter/ticks.ts"
import { checkCarry } from "./internal/limits/interpret.ts"
import type { Carry, RateLimit } from "./RateLimit.ts"
import { RateLimiterStore, type RateLimiterStoreError } from "./RateLimiterStore.ts"

export {
  /** @since 0.1.0 @category keys */
  forKey,
  /** @since 0.1.0 @category keys */
  keyed,
  /** @since 0.1.0 @category keys */
  keyedShared,
  /** @since 0.1.0 @category keys */
  keyedStats,
  /**
   * A request would take longer than it may, or its turn will not come at all by the limit of now. `retryAfter` counts those
   * who are in line.
   *
   * @since 0.1.0
   * @category errors
   */
  RateLimited,
  /**
   * As many wait as may, or this one was dropped for another.
   *
   * @since 0.1.0
   * @category errors
   */
  RateLimiterFull
}

export type {
  /** @since 0.1.0 @category models */
  BoundedOptions,
  /** @since 0.1.0 @category models */
  Keyed,
  /** @since 0.1.0 @category models */
  KeyedStats,
  /** @since 0.1.0 @category models */
  LineOptions,
  /** @since 0.1.0 @category models */
  RateLimiter,
  /** @since 0.1.0 @category models */
  Reservation,
  /** @since 0.1.0 @category models */
  Stats,
  /** @since 0.1.0 @category models */
  TakeOptions
}

/** What is wrong with a line cannot go wrong for those who do not stand in it. */
type Unlined<E> = Exclude<E, RateLimiterFull>

interface Priority {
  readonly priority?: number | undefined
}

interface CarryOption {
  readonly carry?: Carry | undefined
}

/**
 * Makes a limiter in memory.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as RateLimit from "heddle/RateLimit"
 * import * as RateLimiter from "heddle/RateLimiter"
 *
 * const program = Effect.gen(function* () {
 *   const limiter = yield* RateLimiter.make({
 *     limit: RateLimit.tokenBucket({ limit: 200, interval: "1 second", burst: 2 }),
 *     name: "api"
 *   })
 *   const call = (id: number) => Effect.succeed(`called ${id}`).pipe(RateLimiter.withLimit(limiter))
 *   return yield* Effect.forEach([1, 2, 3], call, { concurrency: "unbounded" })
 * })
 *
 * await Effect.runPromise(program) // => ["called 1", "called 2", "called 3"]
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: {
  (options: LineOptions & { readonly limit: RateLimit }): Effect.Effect<RateLimiter>
  (options: BoundedOptions & { readonly limit: RateLimit }): Effect.Effect<RateLimiter<RateLimiterFull>>
} = ({ limit, ...options }: BoundedOptions & { readonly limit: RateLimit }): Effect.Effect<any> =>
  Clock.clockWith((clock) =>
    Effect.sync(() => {
      const gate = new MemoryGate(rulesOf("RateLimiter.make", options), new Ticks(clock), new Account(limit), true)
      return new MemoryLimiter(new OnlyInMemory(gate.observed()))
    })
  )

/**
 * Makes a limiter whose limit is kept by the `RateLimiterStore`, where others may take from the same key.
 *
 * The order of the line and what interruptions give back hold per process. One question is on its way to the store at a
 * time: a line gets as many turns as the store answers. A store that cannot be asked fails the head of the line, and the
 * next one asks again. How long a question takes is up to the store: no `maxWait` counts that, but whoever is interrupted
 * does not wait for the answer, and what it gives him goes to the next or back.
 *
 * @since 0.1.0
 * @category constructors
 */
export const shared: {
  (
    options: LineOptions & { readonly key: string; readonly limit: RateLimit }
  ): Effect.Effect<RateLimiter<RateLimiterStoreError>, never, RateLimiterStore>
  (
    options: BoundedOptions & { readonly key: string; readonly limit: RateLimit }
  ): Effect.Effect<RateLimiter<RateLimiterStoreError | RateLimiterFull>, never, RateLimiterStore>
} = ({
  key,
  limit,
  ...options
}: BoundedOptions & { readonly key: string; readonly limit: RateLimit }): Effect.Effect<any, never, RateLimiterStore> =>
  Effect.gen(function* () {
    const store = yield* RateLimiterStore
    const clock = yield* Clock.Clock
    const rules = rulesOf("RateLimiter.shared", options)
    const gate = new SharedGate(rules, new Ticks(clock), store, key, limit)
    return new SharedLimiter(new Only(gate.observed()))
  })

/**
 * Takes `n` tokens, by default one, if a request would not have to wait for them; otherwise takes nothing and answers false.
 *
 * @since 0.1.0
 * @category taking
 */
export const takeIfAvailable: {
  (n?: number, options?: Priority): <E>(self: RateLimiter<E>) => Effect.Effect<boolean, Unlined<E>>
  <E>(self: RateLimiter<E>, n?: number, options?: Priority): Effect.Effect<boolean, Unlined<E>>
} = dual(isFirst, (self: AnyLimiter, n?: number, options?: TakeOptions) => self.takeIfAvailable(n, options))

/**
 * Takes `n` tokens, by default one, and waits for its turn. Zero are legal, wait for their turn too, and take nothing.
 *
 * An interruption of the wait leaves everything as if the request had never come. An `n` above what any limit so far could
 * ever give dies; one above what today's can fails with a `retryAfter` of `Duration.infinity`, also where it waits already
 * and the limit has been lowered when its turn comes.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as RateLimit from "heddle/RateLimit"
 * import * as RateLimiter from "heddle/RateLimiter"
 *
 * const program = Effect.gen(function* () {
 *   const limiter = yield* RateLimiter.make({ limit: RateLimit.tokenBucket({ limit: 1, interval: "1 hour" }) })
 *   yield* RateLimiter.take(limiter)
 *   const refused = yield* Effect.flip(RateLimiter.take(limiter, 1, { maxWait: "1 second" }))
 *   return refused._tag
 * })
 *
 * await Effect.runPromise(program) // => "RateLimited"
 * ```
 *
 * @since 0.1.0
 * @category taking
 */
export const take: {
  (n?: number, options?: TakeOptions): <E>(self: RateLimiter<E>) => Effect.Effect<void, RateLimited | E>
  <E>(self: RateLimiter<E>, n?: number, options?: TakeOptions): Effect.Effect<void, RateLimited | E>
} = dual(isFirst, (self: AnyLimiter, n?: number, options?: TakeOptions) => self.take(n, options))

/**
 * Runs an effect once `n` tokens, by default one, were taken for it. They are spent when it begins, however it ends.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withLimit: {
  <E>(
    self: RateLimiter<E>,
    n?: number,
    options?: TakeOptions
  ): <A, E2, R>(effect: Effect.Effect<A, E2, R>) => Effect.Effect<A, E2 | RateLimited | E, R>
  <E, A, E2, R>(
    self: RateLimiter<E>,
    n: number,
    effect: Effect.Effect<A, E2, R>
  ): Effect.Effect<A, E2 | RateLimited | E, R>
  <E, A, E2, R>(
    self: RateLimiter<E>,
    n: number,
    options: TakeOptions,
    effect: Effect.Effect<A, E2, R>
  ): Effect.Effect<A, E2 | RateLimited | E, R>
} = (self: RateLimiter<any>, n?: number, ...rest: ReadonlyArray<any>): any => {
  const effect: unknown = rest.at(-1)
  const options: TakeOptions | undefined = Effect.isEffect(rest[0]) ? undefined : rest[0]
  const guard = (effect: Effect.Effect<any, any, any>) => asLimiter(self).guard(effect, n, options)
  return Effect.isEffect(effect) ? guard(effect) : guard
}

/**
 * Passes the elements of a stream one by one, each at its turn; `cost` says how many tokens an element takes, by default one.
 *
 * @since 0.1.0
 * @category combinators
 */
export const throttle =
  <E, A = unknown>(self: RateLimiter<E>, options?: TakeOptions & { readonly cost?: (element: A) => number }) =>
  <B extends A, E2, R>(stream: Stream.Stream<B, E2, R>): Stream.Stream<B, E2 | RateLimited | E, R> =>
    Stream.mapEffect(stream, (element) => Effect.as(take(self, options?.cost?.(element), options), element))

/**
 * A place in line for `n` tokens, by default one, without a fiber that waits: for whoever wants to know how long it will be
 * before he decides. It is spent at its turn, claimed or not, unless it is cancelled before.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Duration from "effect/Duration"
 * import * as Effect from "effect/Effect"
 * import * as RateLimit from "heddle/RateLimit"
 * import * as RateLimiter from "heddle/RateLimiter"
 *
 * const program = Effect.gen(function* () {
 *   const limiter = yield* RateLimiter.make({ limit: RateLimit.tokenBucket({ limit: 1, interval: "1 hour" }) })
 *   yield* RateLimiter.take(limiter)
 *   const reservation = yield* RateLimiter.reserve(limiter)
 *   const delay = yield* reservation.delay
 *   if (Duration.toMinutes(delay) > 10) yield* reservation.cancel
 *   return yield* RateLimiter.stats(limiter)
 * })
 *
 * const { waiting } = await Effect.runPromise(program)
 * waiting // => 0
 * ```
 *
 * @since 0.1.0
 * @category taking
 */
export const reserve: {
  (n?: number, options?: TakeOptions): <E>(self: RateLimiter<E>) => Effect.Effect<Reservation<E>, RateLimited | E>
  <E>(self: RateLimiter<E>, n?: number, options?: TakeOptions): Effect.Effect<Reservation<E>, RateLimited | E>
} = dual(isFirst, (self: AnyLimiter, n?: number, options?: TakeOptions) => self.reserve(n, options))

/**
 * How long a request for `n` tokens, by default one, would wait if it came now. Takes nothing.
 *
 * Exact where nobody waits or all who do ask for one token of a bucket; otherwise it may turn out longer.
 *
 * @since 0.1.0
 * @category observing
 */
export const peek: {
  (n?: number, options?: Priority): <E>(self: RateLimiter<E>) => Effect.Effect<Duration.Duration, Unlined<E>>
  <E>(self: RateLimiter<E>, n?: number, options?: Priority): Effect.Effect<Duration.Duration, Unlined<E>>
} = dual(isFirst, (self: AnyLimiter, n?: number, options?: TakeOptions) => self.peek(n, options))

/**
 * Reads the limiter as it is at this instant.
 *
 * @since 0.1.0
 * @category observing
 */
export const stats = <E>(self: RateLimiter<E>): Effect.Effect<Stats, Unlined<E>> => asLimiter(self).stats()

/**
 * Exchanges the limit; `carry` says what becomes of what is left, as in `RateLimit.retune`. All who wait are served by the
 * new limit from now on: raising a rate shortens their waits. A shared limit is exchanged in this process.
 *
 * @since 0.1.0
 * @category limits
 */
export const setLimit: {
  (limit: RateLimit, options?: CarryOption): <E>(self: RateLimiter<E>) => Effect.Effect<void>
  <E>(self: RateLimiter<E>, limit: RateLimit, options?: CarryOption): Effect.Effect<void>
} = dual(isFirst, (self: AnyLimiter, limit: RateLimit, options?: CarryOption) =>
  Effect.suspend(() => self.setLimit(limit, checkCarry(self.label("setLimit"), options?.carry ?? "keep")))
)

/**
 * A server has said that it has had enough: nobody is served for so long, those in line included, and of a shared limit in
 * no process. Never less than what was said before. The limit itself goes on meanwhile.
 *
 * @since 0.1.0
 * @category limits
 */
export const penalize: {
  (retryAfter: Duration.Input): <E>(self: RateLimiter<E>) => Effect.Effect<void, Unlined<E>>
  <E>(self: RateLimiter<E>, retryAfter: Duration.Input): Effect.Effect<void, Unlined<E>>
} = dual(2, (self: AnyLimiter, retryAfter: Duration.Input) =>
  Effect.suspend(() => self.penalize(checkedNanos(self.label("penalize"), "retryAfter", retryAfter)))
)

/**
 * What the `Retry-After` of a response says, in seconds or as a date, which is compared with the wall clock; of several the
 * longest. A date that has passed is zero. `None` where there is none, or nothing that could be read.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Duration from "effect/Duration"
 * import * as Effect from "effect/Effect"
 * import * as Option from "effect/Option"
 * import * as RateLimiter from "heddle/RateLimiter"
 *
 * await Effect.runPromise(RateLimiter.retryAfter(new Headers({ "Retry-After": "120" }))) // => Option.some(Duration.minutes(2))
 * await Effect.runPromise(RateLimiter.retryAfter({ "retry-after": "soon" })) // => Option.none()
 * ```
 *
 * @since 0.1.0
 * @category headers
 */
export const retryAfter = (headers: HeadersLike): Effect.Effect<Option.Option<Duration.Duration>> =>
  Effect.map(Clock.currentTimeMillis, (now) => readRetryAfter(headers, now))
