/** What users see of limiters: their options, handles and figures. `RateLimiter` exports them. */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Inspectable from "effect/Inspectable"
import type * as Pipeable from "effect/Pipeable"

import type { RateLimit } from "../limits/model.ts"
import type { RateLimited } from "./errors.ts"

export const TypeId = "~heddle/RateLimiter"

export const KeyedTypeId = "~heddle/RateLimiter/Keyed"

/**
 * A handle on a limit and its line. Opaque: the functions of this module are its behaviour. `E` is what can go wrong beside
 * `RateLimited`: `RateLimiterFull` where the line is bounded, `RateLimiterStoreError` where the limit is shared.
 *
 * @since 0.1.0
 * @category models
 */
export interface RateLimiter<out E = never> extends Pipeable.Pipeable, Inspectable.Inspectable {
  readonly [TypeId]: { readonly _E: () => E }
}

/**
 * @since 0.1.0
 * @category models
 */
export interface LineOptions {
  /**
   * Names the limiter in messages and errors, and shows it to whoever looks: its counts are gauges `heddle_rate_limiter_*`
   * (`available`, where this process knows it, and `waiting`), or `heddle_keyed_rate_limiter_*` (`keys` and `waiting`), with
   * the name as an attribute, read when the metrics are. Default: none.
   */
  readonly name?: string | undefined
  /** The longest that a request waits, where it does not say so itself. Default: for ever. */
  readonly maxWait?: Duration.Input | undefined
  /** What one level of priority is worth, in places: see `TakeOptions`. Default: 1,000. */
  readonly priorityStep?: number | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface BoundedOptions extends LineOptions {
  /** How many may stand in line. 0: nobody waits. Default: any number. */
  readonly maxWaiting?: number | undefined
  /**
   * Who fails when one more comes: the newcomer (`fail`, the default), who has waited longest, or the youngest of the lowest
   * priority (the newcomer, if its own is not higher).
   */
  readonly overflow?: "fail" | "dropOldest" | "dropLowestPriority" | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface TakeOptions {
  /** The longest to wait. A request that would wait longer fails before it does. Default: what the limiter says. */
  readonly maxWait?: Duration.Input | undefined
  /**
   * An integer; higher goes first, as if it had come `priorityStep` places earlier for each level. Default: 0.
   */
  readonly priority?: number | undefined
}

/**
 * What a limiter looks like at one instant.
 *
 * @since 0.1.0
 * @category models
 */
export interface Stats {
  readonly limit: RateLimit
  /** What the limit has left, whoever may be waiting for it. */
  readonly available: number
  /** How many stand in line, reservations included. */
  readonly waiting: number
  /** How long nobody is served because of a penalty. */
  readonly penalizedFor: Duration.Duration
}

/**
 * A place in line without a fiber.
 *
 * @since 0.1.0
 * @category models
 */
export interface Reservation<out E = never> {
  /** How long until its turn, as things stand now: others may leave, and those of a higher priority may come. */
  readonly delay: Effect.Effect<Duration.Duration>
  /** Waits for its turn. An interruption leaves the place where it is. */
  readonly await: Effect.Effect<void, RateLimited | E>
  /**
   * Gives the place up; those behind it move forward. After its turn it does nothing: an unclaimed reservation has spent its
   * tokens then.
   */
  readonly cancel: Effect.Effect<void>
}

/**
 * A limit per key, for any number of keys.
 *
 * @since 0.1.0
 * @category models
 */
export interface Keyed<in K, out E = never> extends Pipeable.Pipeable, Inspectable.Inspectable {
  readonly [KeyedTypeId]: {
    readonly forKey: (key: K) => RateLimiter<E>
    readonly stats: () => KeyedStats
  }
}

/**
 * @since 0.1.0
 * @category models
 */
export interface KeyedStats {
  /** How many keys are remembered here. Of limits that a store keeps: those for which somebody waits. */
  readonly keys: number
  /** How many stand in all lines. */
  readonly waiting: number
}
