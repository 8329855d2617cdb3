/** What a server says when it has had enough: `Retry-After`, RFC 9110, section 10.2.3. */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"

/** Any form in which clients have them: the Fetch API's, Effect's, Node's. */
export type HeadersLike =
  | { readonly get: (name: string) => string | null | undefined }
  | { readonly [name: string]: unknown }

/** Once, or several times where whoever sent it did not know better. */
const find = (headers: HeadersLike, wanted: string): ReadonlyArray<string> => {
  if (typeof headers["get"] === "function") return textsOf(headers["get"](wanted))
  const name = Object.keys(headers).find((name) => name.toLowerCase() === wanted)
  return name === undefined ? [] : textsOf((headers as { readonly [name: string]: unknown })[name])
}

const textsOf = (value: unknown): ReadonlyArray<string> =>
  [value].flat().filter((text): text is string => typeof text === "string")

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
const month = `(?<month>${months.join("|")})`
const time = "(?<hour>\\d\\d):(?<minute>\\d\\d):(?<second>\\d\\d)"

/** The one that is written today, and the two that are read for ever. */
const dates = [
  new RegExp(`^[A-Z][a-z]{2}, (?<day>\\d\\d) ${month} (?<year>\\d{4}) ${time} GMT$`),
  new RegExp(`^[A-Z][a-z]+, (?<day>\\d\\d)-${month}-(?<year>\\d\\d) ${time} GMT$`),
  new RegExp(`^[A-Z][a-z]{2} ${month} (?<day>[ \\d]\\d) ${time} (?<year>\\d{4})$`)
]

/** Not `Date.parse`, which takes "later 1" for the first of January 2001. */
const parseDate = (text: string, now: number): number | undefined => {
  const groups = dates.map((date) => date.exec(text)).find((match) => match !== null)?.groups
  if (groups === undefined) return undefined
  const { day, hour, minute, month = "", second, year = "" } = groups
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) return undefined
  const at = (year: number) =>
    Date.UTC(year, months.indexOf(month), Number(day), Number(hour), Number(minute), Number(second))
  // a day that its month has
  const isDay = (year: number) =>
    new Date(Date.UTC(year, months.indexOf(month), Number(day))).getUTCDate() === Number(day)
  const dated = (year: number) => (isDay(year) ? at(year) : undefined)
  if (year.length > 2) return dated(Number(year))
  // two digits are of the century that puts the date less than fifty years ahead
  const century = Math.floor(new Date(now).getUTCFullYear() / 100) * 100 + Number(year)
  return dated(at(century) > now + 50 * 365.25 * 86_400_000 ? century - 100 : century)
}

/** Whole by the standard; some servers are more precise. Several that a proxy has joined are read one by one. */
const seconds = /^\d+(\.\d+)?(, +\d+(\.\d+)?)*$/

const millisOf = (text: string, now: number): number | undefined => {
  if (seconds.test(text)) return 1000 * Math.max(...text.split(",").map(Number))
  const date = parseDate(text, now)
  return date === undefined ? undefined : Math.max(0, date - now)
}

/** How long to wait, at the time `now` of the wall clock in milliseconds: the longest of what it says. */
export const readRetryAfter = (headers: HeadersLike, now: number): Option.Option<Duration.Duration> => {
  const waits = find(headers, "retry-after").flatMap((text) => millisOf(text.trim(), now) ?? [])
  return waits.length === 0 ? Option.none() : Option.some(Duration.millis(Math.max(...waits)))
}
