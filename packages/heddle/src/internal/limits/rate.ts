/**
 * A rate as two whole numbers: a token is `weight` units, and a nanosecond brings `gain` of them. Sums of whole numbers are
 * exact, where the nanoseconds per token of 60 a second are not: a chain of takes and refunds ends where it began, and a
 * token is there at its nanosecond and not at the next.
 */
export interface Rate {
  readonly weight: number
  readonly gain: number
}

/** `limit` tokens every `interval` nanoseconds. */
export const rateOf = (limit: number, interval: number): Rate => {
  // as it is written in decimals: 0.1 is a tenth, not the double next to it
  const [digits = "", exponent] = limit.toExponential().split("e")
  const decimals = (digits.split(".")[1] ?? "").length - Number(exponent)
  const gain = decimals > 0 ? Number(digits.replace(".", "")) : limit
  const weight = decimals > 0 ? interval * 10 ** decimals : interval
  // 1e-10 a second, and the like: doubles, whose errors are a part in 10^16 of what is owed
  if (!Number.isSafeInteger(gain) || !Number.isSafeInteger(weight)) return { weight: interval, gain: limit }
  const divisor = greatestCommonDivisor(weight, gain)
  return { weight: weight / divisor, gain: gain / divisor }
}

const greatestCommonDivisor = (a: number, b: number): number => (b === 0 ? a : greatestCommonDivisor(b, a % b))
