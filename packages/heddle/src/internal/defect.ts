/**
 * Caller bugs. They die with a message that names the operation, the value and the rule, and are never typed errors:
 * a program cannot recover from its own mistake, it can only be corrected.
 */

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

/** What stands in a message for a value of any type: `1.5`, `"2"`, `NaN`, `undefined`. */
export const describe = (value: unknown): string => (typeof value === "string" ? JSON.stringify(value) : String(value))
