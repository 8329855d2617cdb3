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

/** Options that are an object, and whose name is a string if there is one; says who speaks. */
export const checkOptions = (operation: string, options: object): string => {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`${operation}: the options must be an object, got ${describe(options)}`)
  }
  const { name } = options as { readonly name?: unknown }
  if (name === undefined || typeof name === "string") return labelOf(operation, name)
  throw new TypeError(`${operation}: name must be a string, got ${describe(name)}`)
}

/** A share or a percentage: a number within bounds, which a string is not. */
export const isWithin = (value: number, least: number, most: number): boolean =>
  typeof value === "number" && value >= least && value <= most

export const checkFunction = (operation: string, what: string, value: unknown): void => {
  if (typeof value !== "function")
    throw new TypeError(`${operation}: ${what} must be a function, got ${describe(value)}`)
}

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
  if (typeof value === "function") return "a function"
  if (value instanceof Error) return value.message
  if (value instanceof Date) return String(value)
  return typeof value === "object" && value !== null ? toStringUnknown(value, 0) : String(value)
}

const unitsOfDuration = new Set([
  "weeks",
  "days",
  "hours",
  "minutes",
  "seconds",
  "milliseconds",
  "microseconds",
  "nanoseconds"
])

/** Whether the parts of a duration are numbers and come to a sum. */
const addsUp = (parts: ReadonlyArray<unknown>): boolean =>
  parts.every((part) => typeof part === "number") && !Number.isNaN(parts.reduce((sum, part) => sum + part, 0))

/** `Duration` takes for zero what is `NaN`, also in a part, and an object that has no part that it knows. */
const isMisread = (input: unknown): boolean => {
  if (typeof input !== "object" || input === null || Duration.isDuration(input)) return Number.isNaN(input)
  if (Array.isArray(input)) return !addsUp(input)
  const parts = Object.entries(input).filter(([, part]) => part !== undefined)
  const known = parts.every(([unit]) => unitsOfDuration.has(unit))
  return parts.length === 0 || !known || !addsUp(parts.map(([, part]) => part))
}

/** A duration in any of its forms; what does not parse, or would be misread, is a caller bug. */
export const checkDuration = (operation: string, what: string, input: Duration.Input): Duration.Duration => {
  const duration = isMisread(input) ? Option.none() : Duration.fromInput(input)
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
