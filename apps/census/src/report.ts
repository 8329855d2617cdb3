/**
 * The report, as data: `census --json` prints its encoded form.
 */
import * as Schema from "effect/Schema"

const Count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

const Totals = Schema.Struct({
  files: Count,
  directories: Count,
  bytes: Count,
  /** The sum of the files' sizes under gzip, each by itself. */
  gzipBytes: Count,
  /** Newlines in files that are not binary. */
  lines: Count
})

const Kind = Schema.Struct({
  kind: Schema.String,
  files: Count,
  bytes: Count,
  gzipBytes: Count,
  lines: Count
})
export type Kind = typeof Kind.Type

const Package = Schema.Struct({
  name: Schema.String,
  /** Absent if its package.json does not say. */
  version: Schema.optionalKey(Schema.String),
  directory: Schema.String,
  files: Count,
  bytes: Count,
  gzipBytes: Count
})
export type Package = typeof Package.Type

const Identical = Schema.Struct({
  /** One of the files that have these contents: the first by name. */
  path: Schema.String,
  files: Count,
  bytes: Count,
  /** What the copies take beyond the first. A hard link is no copy. */
  wastedBytes: Count
})
export type Identical = typeof Identical.Type

const Versions = Schema.Struct({ name: Schema.String, versions: Schema.Array(Schema.String) })
export type Versions = typeof Versions.Type

const Licence = Schema.Struct({ licence: Schema.String, packages: Count })
export type Licence = typeof Licence.Type

const Line = Schema.Struct({ path: Schema.String, reason: Schema.String })
export type Line = typeof Line.Type

/** A list that may have been cut: `total` is how many there are. */
const cut = <S extends Schema.Top>(row: S) => Schema.Struct({ total: Count, rows: Schema.Array(row) })

/**
 * What a census found. Paths are relative to `root`, and written so that any bytes can be printed. Lists are in a fixed
 * order, so that two censuses of the same files give the same report but for `seconds`.
 */
export const Report = Schema.Struct({
  root: Schema.String,
  /** Whether the census was interrupted before its end. */
  partial: Schema.Boolean,
  seconds: Schema.Finite,
  /** Of all files, those included that were skipped or not finished. */
  bytesRead: Count,
  totals: Totals,
  kinds: Schema.Array(Kind),
  packages: cut(Package),
  /** What belongs to no package. */
  outside: Schema.Struct({ files: Count, bytes: Count, gzipBytes: Count }),
  severalVersions: cut(Versions),
  identical: Schema.Struct({
    /** Files that have the contents of another one, that one included. */
    files: Count,
    /** Different contents among them. */
    contents: Count,
    wastedBytes: Count,
    /** What the hard links among them would take if they were copies. */
    sparedBytes: Count,
    rows: Schema.Array(Identical)
  }),
  licences: cut(Licence),
  /** Symlinks that lead somewhere. They are not followed. */
  symlinks: Count,
  skipped: Schema.Array(Line),
  notes: Schema.Array(Line)
})
export type Report = typeof Report.Type

/** The report as `--json` prints it. */
export const ReportJson = Schema.fromJsonString(Report, { space: 2 })
