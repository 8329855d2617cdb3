/** Mistakes of the caller: they die with a message that names the value and the rule. */

/** A rule for numbers, and how it is said. */
interface Rule {
  readonly says: string
  readonly holds: (value: number) => boolean
}

const isCount = (least: number) => (value: number) => Number.isSafeInteger(value) && value >= least

export const rules = {
  count: { says: "a non-negative integer", holds: isCount(0) },
  countOrInfinity: {
    says: "a non-negative integer or Infinity",
    holds: (value) => value === Infinity || isCount(0)(value)
  },
  positive: { says: "a positive integer", holds: isCount(1) },
  positiveOrInfinity: {
    says: "a positive integer or Infinity",
    holds: (value) => value === Infinity || isCount(1)(value)
  },
  time: { says: "a positive number of milliseconds", holds: (value) => value > 0 },
  seed: { says: "an integer from 0 to 4294967295", holds: (value) => isCount(0)(value) && value < 2 ** 32 },
  // a forced yield costs two operations of the next slice, so with less a fiber never gets on
  budget: { says: "an integer from 3 up", holds: isCount(3) }
} satisfies Readonly<Record<string, Rule>>

export const check = (what: string, value: number, rule: Rule): void => {
  if (typeof value !== "number" || !rule.holds(value)) mistake(what, rule.says, value)
}

export const checkOneOf = (what: string, value: string, values: ReadonlyArray<string>): void => {
  if (!values.includes(value)) mistake(what, `one of ${values.map((one) => JSON.stringify(one)).join(", ")}`, value)
}

export const mistake = (what: string, rule: string, value: unknown): never => {
  throw new RangeError(
    `${what} must be ${rule}, got ${typeof value === "string" ? JSON.stringify(value) : String(value)}`
  )
}
