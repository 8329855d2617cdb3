/** What a server says when it has had enough: `Retry-After`, RFC 9110, section 10.2.3. */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"

/** Any form in which clients have them: the Fetch API's, Effect's, Node's. */
export type HeadersLike =
  | { readonly get: (name: string) => string | null | undefined }
  | { readonly [name: string]: unknown }

const find = (headers: HeadersLike, wanted: string): string | undefined => {
  if (typeof headers["get"] === "function") return headers["get"](wanted) ?? undefined
  for (const [name, value] of Object.entries(headers)) {
    if (name.toLowerCase() === wanted) return typeof value === "string" ? value : undefined
  }
  return undefined
}

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
  const at = (year: number) =>
    Date.UTC(year, months.indexOf(month), Number(day), Number(hour), Number(minute), Number(second))
  if (year.length > 2) return at(Number(year))
  // two digits are of the century that puts the date less than fifty years ahead
  const century = Math.floor(new Date(now).getUTCFullYear() / 100) * 100
  const here = at(century + Number(year))
  return here > now + 50 * 365.25 * 86_400_000 ? at(century - 100 + Number(year)) : here
}

/** How long to wait, at the time `now` of the wall clock in milliseconds. */
export const readRetryAfter = (headers: HeadersLike, now: number): Option.Option<Duration.Duration> => {
  const text = find(headers, "retry-after")?.trim() ?? ""
  // whole by the standard; some servers are more precise
  if (/^\d+(\.\d+)?$/.test(text)) return Option.some(Duration.millis(Number(text) * 1000))
  const date = parseDate(text, now)
  return date === undefined ? Option.none() : Option.some(Duration.millis(Math.max(0, date - now)))
}
