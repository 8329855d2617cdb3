/**
 * Caller bugs. They die with a message that names the operation, the value and the rule, and are never typed errors:
 * a program cannot recover from its own mistake, it can only be corrected.
 */

import * as Duration from "effect/Duration"
import { isEffect } from "effect/Effect"
import { toStringUnknown } from "effect/Inspectable"
import * as Option from "effect/Option"

/** A number of permits, slots or elements: a whole number from zero up. `Infinity` only where "no limit" makes sense. */
export const checkCount = (
  operation: string,
  what: string,
  value: number,
  unlimited: "finite" | "or Infinity"
): void => {
  if (Number.isSafeInteger(value) && value >= 0) return
  if (value === Infinity && unlimited === "or Infinity") return
  const rule = unlimited === "finite" ? "a non-negative integer" : "a non-negative integer or Infinity"
  throw new RangeError(`${operation}: ${what} must be ${rule}, got ${describe(value)}`)
}

/** Who speaks in a message: the operation, and the thing that it was done to where that has a name. */
export const labelOf = (operation: string, name: string | undefined): string =>
  name === undefined ? operation : `${operation} on ${JSON.stringify(name)}`

/** A number that is at least one: of tasks at a time, of results that are needed. */
export const checkPositive = (
  operation: string,
  what: string,
  value: number,
  unlimited: "finite" | "or Infinity"
): void => {
  checkCount(operation, what, value, unlimited)
  if (value === 0) throw new RangeError(`${operation}: ${what} must be at least 1, got 0`)
}

// Together they keep every key of a line (a ticket less priority times step) a whole number that is exact.
const highestPriority = 1_000_000_000
const largestStep = 1_000_000

export const checkPriority = (operation: string, priority: number): void => {
  if (Number.isSafeInteger(priority) && Math.abs(priority) <= highestPriority) return
  throw new RangeError(
    `${operation}: priority must be an integer from -${highestPriority} to ${highestPriority}, got ${describe(priority)}`
  )
}

/** How many places a level of priority is worth. */
export const checkPriorityStep = (operation: string, step: number): void => {
  if (Number.isSafeInteger(step) && step >= 1 && step <= largestStep) return
  throw new RangeError(`${operation}: priorityStep must be an integer from 1 to ${largestStep}, got ${describe(step)}`)
}

/** What stands in a message for a value of any type: `1.5`, `"2"`, `2n`, `NaN`, `{"_tag":"ParseError"}`. Never throws. */
export const describe = (value: unknown): string => {
  if (typeof value === "bigint") return `${value}n`
  if (typeof value === "string") return JSON.stringify(value)
  if (value instanceof Error) return value.message
  return typeof value === "object" && value !== null ? toStringUnknown(value, 0) : String(value)
}

/** A duration in any of its forms. `NaN` in it, which `Duration` takes for zero, and what does not parse are caller bugs. */
export const checkDuration = (operation: string, what: string, input: Duration.Input): Duration.Duration => {
  const parts: ReadonlyArray<unknown> = typeof input === "object" && input !== null ? Object.values(input) : [input]
  const duration = parts.some(Number.isNaN) ? Option.none() : Duration.fromInput(input)
  if (Option.isSome(duration)) return duration.value
  throw new RangeError(`${operation}: ${what} must be a duration such as "5 seconds", got ${describe(input)}`)
}

/** Any other rule, in words. */
export const checkThat = (holds: boolean, operation: string, what: string, value: unknown, rule: string): void => {
  if (!holds) throw new RangeError(`${operation}: ${what} must be ${rule}, got ${describe(value)}`)
}

/** What a caller's function gives where the types were not asked. Run as it is, it would end a fiber without finalizers. */
export const checkEffect = (operation: string, what: string, value: unknown): void => {
  if (!isEffect(value)) throw new TypeError(`${operation}: ${what} must be an Effect, got ${describe(value)}`)
}

/** `A`, `B` or `C`, as they stand in a type that the caller did not ask. */
export const checkOneOf = (operation: string, what: string, value: unknown, values: ReadonlyArray<string>): void => {
  if (values.includes(value as string)) return
  const rule = values.map((one) => JSON.stringify(one)).join(" or ")
  throw new TypeError(`${operation}: ${what} must be ${rule}, got ${describe(value)}`)
}
