/**
 * The value of a `grpc-timeout` header: one to eight digits and a unit, as gRPC over HTTP/2 specifies it.
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"

/** Nanoseconds per unit, the finest first. */
const units = {
  n: 1n,
  u: 1_000n,
  m: 1_000_000n,
  S: 1_000_000_000n,
  M: 60_000_000_000n,
  H: 3_600_000_000_000n
}

const mostDigits = 99_999_999n
const longest = mostDigits * units.H

const valid = /^(\d{1,8})([HMSmun])$/

/** In the finest unit in which it has eight digits, rounded down: never longer than the duration. */
export const encode = (duration: Duration.Duration): string => {
  if (Duration.isNegative(duration)) return "0n"
  const nanos = Duration.isFinite(duration) ? Duration.toNanosUnsafe(duration) : longest
  const [unit, size] = Object.entries(units).find(([, size]) => nanos / size <= mostDigits) ?? ["H", nanos / mostDigits]
  return `${nanos / size}${unit}`
}

export const decode = (header: unknown): Option.Option<Duration.Duration> => {
  const [, digits, unit] = (typeof header === "string" ? valid.exec(header) : null) ?? []
  if (digits === undefined) return Option.none()
  return Option.some(Duration.nanos(BigInt(digits) * units[unit as keyof typeof units]))
}
