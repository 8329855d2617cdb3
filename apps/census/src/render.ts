/**
 * The report as text. Pure. Nothing that it prints can act on a terminal: names were made printable when they were counted.
 */
import type { Report } from "./report.ts"
import { bytes, count, counted, perSecond, seconds, start, table, tail, wrapped } from "./text.ts"

type Section = ReadonlyArray<string>

const summary = (report: Report): Section => {
  const { partial, root, symlinks, totals } = report
  const speed = `${seconds(report.seconds)}, ${perSecond(report.bytesRead, report.seconds)}`
  return [
    `Census of ${root}`,
    ...(partial ? ["PARTIAL: interrupted before the end; this is what was counted until then."] : []),
    "",
    `${counted(totals.files, "file")} in ${counted(totals.directories, "directory", "directories")}`,
    `${bytes(totals.bytes)}, ${bytes(totals.gzipBytes)} gzipped, ${counted(totals.lines, "line")} of text`,
    `symlinks: ${count(symlinks)}, not followed; skipped: ${count(report.skipped.length)}`,
    `time: ${speed}`
  ]
}

const kinds = ({ kinds }: Report): Section =>
  table(
    ["Kind", "files", "bytes", "gzipped", "lines"],
    kinds.map((row) => [row.kind, count(row.files), bytes(row.bytes), bytes(row.gzipBytes), count(row.lines)]),
    start
  )

const more = (total: number, shown: number): Section => (total > shown ? [`and ${count(total - shown)} more`] : [])

const packages = ({ outside, packages: { rows, total } }: Report): Section => [
  ...table(
    [`Largest of ${counted(total, "package")}`, "files", "bytes", "gzipped"],
    rows.map((row) => [
      row.version === undefined ? row.name : `${row.name} ${row.version}`,
      count(row.files),
      bytes(row.bytes),
      bytes(row.gzipBytes)
    ]),
    start
  ),
  ...(outside.files === 0 ? [] : [`outside of packages: ${counted(outside.files, "file")}, ${bytes(outside.bytes)}`])
]

const severalVersions = ({ severalVersions: { rows, total } }: Report): Section => [
  `Packages in several versions: ${count(total)}`,
  ...rows.flatMap(({ name, versions }) => wrapped(`  ${name}`, versions)),
  ...more(total, rows.length)
]

const identical = ({ identical: { contents, files, rows, sparedBytes, wastedBytes } }: Report): Section => [
  `Identical files: ${count(files)} have ${counted(contents, "content")}`,
  `copies waste ${bytes(wastedBytes)}, hard links spare ${bytes(sparedBytes)}`,
  ...(rows.length === 0
    ? []
    : table(
        ["  path of one of them", "files", "each", "wasted"],
        rows.map((row) => [`  ${row.path}`, count(row.files), bytes(row.bytes), bytes(row.wastedBytes)]),
        (text, columns) => (text.length <= columns ? text : `  ${tail(text.slice(2), columns - 2)}`)
      )),
  ...more(contents, rows.length)
]

const licences = ({ licences: { rows, total } }: Report): Section => [
  ...table(
    ["Licence", "packages"],
    rows.map(({ licence, packages }) => [licence, count(packages)]),
    start
  ),
  ...more(total, rows.length)
]

// Whatever is not in the totals has its line, however long.
const lines = (title: string, rows: Report["skipped"]): Section => [
  `${title}: ${count(rows.length)}`,
  ...rows.map(({ path, reason }) => `  ${path}: ${reason}`)
]

export const render = (report: Report): string => {
  const sections: ReadonlyArray<Section> = [
    summary(report),
    ...(report.kinds.length === 0 ? [] : [kinds(report)]),
    ...(report.packages.total === 0 ? [] : [packages(report), severalVersions(report), licences(report)]),
    ...(report.identical.contents === 0 ? [] : [identical(report)]),
    ...(report.skipped.length === 0 ? [] : [lines("Skipped", report.skipped)]),
    ...(report.notes.length === 0 ? [] : [lines("Notes", report.notes)])
  ]
  return sections.map((section) => `${section.join("\n")}\n`).join("\n")
}
