/** The time of a limiter: nanoseconds since it was made, on the monotonic clock that it was made under, never back. */
import type { Clock } from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

export class Ticks {
  /** The latest reading. */
  latest = 0
  private readonly clock: Clock
  private readonly origin: bigint

  constructor(clock: Clock) {
    this.clock = clock
    this.origin = clock.monotonicTimeNanosUnsafe()
  }

  now(): number {
    const now = Number(this.clock.monotonicTimeNanosUnsafe() - this.origin)
    if (now > this.latest) this.latest = now
    return this.latest
  }

  /** Timers are of milliseconds and may be early: whoever sleeps looks at the clock again. */
  sleepUntil(time: number): Effect.Effect<void> {
    const nanos = time - this.now()
    return nanos < Infinity ? this.clock.sleep(Duration.nanos(BigInt(Math.ceil(nanos)))) : Effect.never
  }
}
