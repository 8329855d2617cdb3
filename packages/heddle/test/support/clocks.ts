import { Clock } from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

/** A clock that sleeps in another way. */
export const sleepingWith = (clock: Clock, sleep: (duration: Duration.Duration) => Effect.Effect<void>): Clock =>
  Object.assign(Object.create(clock) as Clock, { sleep })

/** Runs an effect on a clock that knows how many sleep on it: zero at the end means that no timer was left. */
export const withCountedSleeps = <A, E, R>(
  f: (sleepers: () => number) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.flatMap(Clock, (clock) => {
    let sleepers = 0
    const enter = Effect.sync(() => void sleepers++)
    const leave = Effect.sync(() => void sleepers--)
    const sleep = (duration: Duration.Duration) =>
      Effect.acquireUseRelease(
        enter,
        () => clock.sleep(duration),
        () => leave
      )
    return Effect.provideService(
      f(() => sleepers),
      Clock,
      sleepingWith(clock, sleep)
    )
  })
