/**
 * Time that runs out everywhere at once: Go's `context.WithTimeout`, with structure.
 *
 * `within` gives an effect so long, and whatever the effect calls or forks knows how long is left. Of nested deadlines the
 * earliest holds. At its time the effect is interrupted; `within` waits for its finalizers and fails with
 * `DeadlineExceeded`, which nothing else adds.
 *
 * - **Waits.** One whose length is known beforehand (a limiter, a backoff, a hedge's delay) treats the time left as one
 *   more limit, and fails at once with the error that it has already. Any other wait is interrupted.
 * - **Cleanup.** A deadline that has passed never fails a wait, so finalizers work. They are not bounded either: a
 *   finalizer that may hang gets a `within` of its own.
 * - **Cost.** Under no deadline, nothing. `within` runs the effect in a fiber of its own, and has a timer while the effect
 *   is suspended; no timer outlives its effect.
 *
 * @since 0.1.0
 */
import type * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Option from "effect/Option"
import { hasProperty } from "effect/Predicate"
import * as Schema from "effect/Schema"

import { CurrentDeadline, nanosUntil } from "./internal/deadline.ts"
import { checkDuration, checkThat } from "./internal/defect.ts"
import * as grpcTimeout from "./internal/grpcTimeout.ts"
import { Region } from "./internal/region.ts"

/**
 * The time that a `within` or an `at` gave is over.
 *
 * @since 0.1.0
 * @category errors
 */
export class DeadlineExceeded extends Schema.TaggedError<DeadlineExceeded>()("DeadlineExceeded", {
  /** How long the effect had. Not positive where the deadline had passed before it began. */
  deadline: Schema.Duration,
  /** How long it took until it had ended, its finalizers included. Zero where it never began. */
  elapsed: Schema.Duration
}) {
  override get message(): string {
    return `had ${Duration.format(this.deadline)}, and was stopped after ${Duration.format(this.elapsed)}`
  }
}

/**
 * Gives an effect so long. What it calls and forks inherits the deadline, unless an enclosing one is earlier: then that
 * one holds inside, and is the one that is reported, by its own `within`. Of two that end at the same instant the outer is.
 *
 * At its time the effect is interrupted, also where its caller cannot be (to protect a part of it, use `shield` inside).
 * When its finalizers have run, `within` fails with `DeadlineExceeded`, whatever the effect made of the interruption.
 * Typed failures of finalizers stay in the cause behind it; their defects are logged, since in the cause they would keep
 * `Effect.catch` from seeing it.
 *
 * A duration that is zero or negative fails at once, and the effect does not begin; `Infinity` sets no deadline. What is no
 * duration dies, `NaN` included.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as Deadline from "heddle/Deadline"
 *
 * const lookup = Effect.as(Effect.sleep("2 seconds"), "from the database")
 * const program = lookup.pipe(
 *   Deadline.within("5 millis"),
 *   Effect.catchTag("DeadlineExceeded", () => Effect.succeed("from the cache"))
 * )
 *
 * await Effect.runPromise(program) // => "from the cache"
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const within: {
  (duration: Duration.Input): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | DeadlineExceeded, R>
  <A, E, R>(effect: Effect.Effect<A, E, R>, duration: Duration.Input): Effect.Effect<A, E | DeadlineExceeded, R>
} = dual(
  2,
  <A, E, R>(effect: Effect.Effect<A, E, R>, duration: Duration.Input): Effect.Effect<A, E | DeadlineExceeded, R> =>
    Effect.suspend(() => bounded(effect, checkDuration("Deadline.within", "the duration", duration)))
)

/**
 * `within` for an instant of the wall clock: epoch milliseconds, a `Date` or a `DateTime`. The time until then is counted
 * from the start of the effect; a wall clock that is set meanwhile does not move it.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as Deadline from "heddle/Deadline"
 *
 * const yesterday = Date.now() - 86_400_000
 * const program = Effect.succeed("done").pipe(
 *   Deadline.at(yesterday),
 *   Effect.catchTag("DeadlineExceeded", () => Effect.succeed("too late to begin"))
 * )
 *
 * await Effect.runPromise(program) // => "too late to begin"
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const at: {
  (instant: Instant): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | DeadlineExceeded, R>
  <A, E, R>(effect: Effect.Effect<A, E, R>, instant: Instant): Effect.Effect<A, E | DeadlineExceeded, R>
} = dual(2, <A, E, R>(effect: Effect.Effect<A, E, R>, instant: Instant): Effect.Effect<A, E | DeadlineExceeded, R> =>
  Effect.clockWith((clock) => {
    const millis = millisOf(instant)
    checkThat(!Number.isNaN(millis), "Deadline.at", "the instant", instant, "a point in time")
    return bounded(effect, Duration.millis(millis - clock.currentTimeMillisUnsafe()))
  })
)

/**
 * A point in time.
 *
 * @since 0.1.0
 * @category models
 */
export type Instant = number | Date | DateTime.DateTime

/** Of the epoch; `NaN` for what is no instant. */
const millisOf = (instant: unknown): number => {
  if (typeof instant === "number") return instant
  if (instant instanceof Date) return instant.getTime()
  return hasProperty(instant, "epochMilliseconds") ? Number(instant.epochMilliseconds) : Number.NaN
}

const bounded = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  deadline: Duration.Duration
): Effect.Effect<A, E | DeadlineExceeded, R> => {
  if (Duration.isNegative(deadline) || Duration.isZero(deadline)) {
    return new DeadlineExceeded({ deadline, elapsed: Duration.zero })
  }
  if (!Duration.isFinite(deadline)) return effect
  const exceeded = (elapsed: Duration.Duration) => new DeadlineExceeded({ deadline, elapsed })
  return Effect.withFiber((fiber) =>
    new Region<A, E, DeadlineExceeded>(fiber, Duration.toNanosUnsafe(deadline), exceeded).run(effect)
  )
}

/**
 * How long is left until the earliest enclosing deadline: none without one, zero once it has passed.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as Option from "effect/Option"
 * import * as Deadline from "heddle/Deadline"
 *
 * await Effect.runPromise(Deadline.remaining) // => Option.none()
 * ```
 *
 * @since 0.1.0
 * @category observing
 */
export const remaining: Effect.Effect<Option.Option<Duration.Duration>> = Effect.map(CurrentDeadline, (deadline) =>
  deadline === undefined ? Option.none() : Option.some(Duration.nanos(BigInt(Math.max(0, nanosUntil(deadline)))))
)

/**
 * Runs an effect to its end whatever the time: nothing interrupts it from outside, and there is no deadline inside, so that
 * it may wait, and a `within` counts afresh. For a commit that must not be torn, and for cleanup that deserves its own time:
 * `Deadline.shield(flush.pipe(Deadline.within("2 seconds")))`.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as Deadline from "heddle/Deadline"
 *
 * const log: Array<string> = []
 * const commit = Effect.andThen(Effect.sleep("20 millis"), Effect.sync(() => log.push("committed")))
 * const program = Effect.exit(Deadline.shield(commit).pipe(Deadline.within("5 millis")))
 *
 * await Effect.runPromise(Effect.as(program, log)) // => ["committed"]
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const shield = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.uninterruptible(Effect.provideService(effect, CurrentDeadline, undefined))

/**
 * A duration as the value of a `grpc-timeout` header: at most eight digits and a unit, rounded down, so that the one who
 * is called never has longer than the caller. `0n` when nothing is left. The longest is 99,999,999 hours.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as Option from "effect/Option"
 * import * as Deadline from "heddle/Deadline"
 *
 * const headers = Effect.map(
 *   Deadline.remaining,
 *   Option.match({ onNone: () => ({}), onSome: (left) => ({ "grpc-timeout": Deadline.toHeader(left) }) })
 * )
 *
 * await Effect.runPromise(headers) // => {}
 * Deadline.toHeader("1500 millis") // => "1500000u"
 * ```
 *
 * @since 0.1.0
 * @category headers
 */
export const toHeader = (timeLeft: Duration.Input): string =>
  grpcTimeout.encode(checkDuration("Deadline.toHeader", "the time left", timeLeft))

/**
 * Reads the value of a `grpc-timeout` header; none if it is not one. It comes from outside, so it never throws, whatever it is.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Duration from "effect/Duration"
 * import * as Option from "effect/Option"
 * import * as Deadline from "heddle/Deadline"
 *
 * Deadline.fromHeader("250m") // => Option.some(Duration.millis(250))
 * Deadline.fromHeader("soon") // => Option.none()
 * ```
 *
 * @since 0.1.0
 * @category headers
 */
export const fromHeader: (header: string) => Option.Option<Duration.Duration> = grpcTimeout.decode
