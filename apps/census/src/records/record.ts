import { isUtf8 } from "node:buffer"

/**
 * What a record is, how it is checked, and what becomes of it. Pure.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

import { type Line, maxLineBytes } from "./lines.ts"

/** A file of a package. Other members are left out. */
const FileRecord = Schema.Struct({
  package: Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(214)),
  path: Schema.String,
  bytes: Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))
})

export interface Numbered {
  /** Where in the input it stands. */
  readonly line: number
  readonly record: typeof FileRecord.Type
}

export interface Enriched extends Numbered {
  readonly owner: string
}

/** A line that is no record, and why. */
export class Malformed extends Data.TaggedError("Malformed")<{ readonly reason: string }> {}

const decodeJson = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Unknown))
const decodeRecord = Schema.decodeUnknownResult(FileRecord)

const oneLine = (text: string): string => text.replaceAll(/\s+/g, " ")

const parse = ({ bytes, number, text }: Line): Result.Result<Numbered, string> => {
  if (bytes > maxLineBytes) return Result.fail(`is longer than 1 MiB: ${bytes} bytes`)
  if (!isUtf8(text)) return Result.fail("is not UTF-8")
  const json = decodeJson(text.toString())
  if (Option.isNone(json)) return Result.fail("is not JSON")
  return Result.mapBoth(decodeRecord(json.value), {
    onSuccess: (record) => ({ line: number, record }),
    onFailure: (error) => `is no record: ${oneLine(error.message).slice(0, 200)}`
  })
}

export const validate = (line: Line): Effect.Effect<Numbered, Malformed> =>
  Result.match(parse(line), {
    onSuccess: Effect.succeed,
    onFailure: (reason) => Effect.fail(new Malformed({ reason }))
  })

const sizeOf = (bytes: number): "small" | "medium" | "large" => {
  if (bytes < 10_000) return "small"
  return bytes < 1_000_000 ? "medium" : "large"
}

/** The line of the output. */
export const transform = ({ line, owner, record }: Enriched): string =>
  `${JSON.stringify({ line, ...record, owner, size: sizeOf(record.bytes) })}\n`
