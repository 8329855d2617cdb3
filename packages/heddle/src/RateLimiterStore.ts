/**
 * Where limits stand that are shared: by the processes of a service, or by the replicas of a worker.
 *
 * A store consumes, or answers "not before". It never books ahead and keeps nobody waiting; who waits, in what order and
 * for how long is up to the limiter before it (`RateLimiter.shared`), and holds per process. Its clock is its own. Any
 * implementation must pass `heddle/RateLimiterLaws`.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"

import { MemoryStore } from "./internal/limiter/memoryStore.ts"
import { Ticks } from "./internal/limiter/ticks.ts"
import type { RateLimit } from "./RateLimit.ts"

/**
 * A store could not be asked.
 *
 * @since 0.1.0
 * @category errors
 */
export class RateLimiterStoreError extends Schema.TaggedError<RateLimiterStoreError>()("RateLimiterStoreError", {
  message: Schema.String,
  cause: Schema.Defect()
}) {}

/**
 * Whose tokens, by what limit, and how many: at least zero, and no more than the limit's capacity.
 *
 * @since 0.1.0
 * @category models
 */
export interface Consumption {
  readonly key: string
  readonly limit: RateLimit
  readonly n: number
}

/**
 * `at` is when, by the store's clock: what `giveBack` wants to know. `retryAfter` counts from the answer, and is
 * `Duration.infinity` where the limit does not allow it ever.
 *
 * @since 0.1.0
 * @category models
 */
export type Answer =
  | { readonly _tag: "Taken"; readonly at: number }
  | { readonly _tag: "NotBefore"; readonly retryAfter: Duration.Duration }

/**
 * @since 0.1.0
 * @category models
 */
export interface Standing {
  /** What could be taken at once. */
  readonly available: number
  /** When `n` could be. */
  readonly retryAfter: Duration.Duration
}

/**
 * @since 0.1.0
 * @category services
 */
export class RateLimiterStore extends Context.Service<
  RateLimiterStore,
  {
    /**
     * Takes all or nothing. A key that was never heard of is fresh; one whose limit is another than last time goes on with
     * what `RateLimit.retune` keeps.
     */
    readonly take: (consumption: Consumption) => Effect.Effect<Answer, RateLimiterStoreError>
    /**
     * As if they had not been taken, as far as `RateLimit.giveBack` goes; nothing where the key has another limit by now.
     */
    readonly giveBack: (
      consumption: Consumption & { readonly at: number }
    ) => Effect.Effect<void, RateLimiterStoreError>
    /** Looks and takes nothing. */
    readonly peek: (consumption: Consumption) => Effect.Effect<Standing, RateLimiterStoreError>
    /** Nobody takes anything from a key for so long; never less than what was said before. */
    readonly penalize: (key: string, retryAfter: Duration.Duration) => Effect.Effect<void, RateLimiterStoreError>
  }
>()("heddle/RateLimiterStore") {}

/**
 * A store in memory, for one process and for tests. It forgets the keys that are as good as new, a few at each operation.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerStoreMemory: Layer.Layer<RateLimiterStore> = Layer.effect(
  RateLimiterStore,
  Clock.clockWith((clock) => Effect.sync(() => new MemoryStore(new Ticks(clock)).service))
)
