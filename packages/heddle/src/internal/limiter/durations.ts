/** Between durations and the nanoseconds that limiters count in. */
import * as Duration from "effect/Duration"

import { checkDuration } from "../defect.ts"

/** Rounded up to whole nanoseconds. In milliseconds where it can be, as everybody writes them. */
export const durationOf = (nanos: number): Duration.Duration => {
  if (nanos === Infinity) return Duration.infinity
  const whole = Math.ceil(Math.max(0, nanos))
  return whole % 1_000_000 === 0 ? Duration.millis(whole / 1_000_000) : Duration.nanos(BigInt(whole))
}

export const nanosOf = (duration: Duration.Duration): number =>
  Duration.isFinite(duration)
    ? Math.max(0, Number(Duration.toNanosUnsafe(duration)))
    : Duration.isNegative(duration)
      ? 0
      : Infinity

/** Negative ones count as zero. */
export const checkedNanos = (operation: string, what: string, input: Duration.Input): number =>
  nanosOf(checkDuration(operation, what, input))
