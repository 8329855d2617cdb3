/**
 * Numbers and tables as text, 80 columns wide. Pure.
 */
import * as ByteSize from "effect/ByteSize"

const integer = new Intl.NumberFormat("en-US")

export const count = (value: number): string => integer.format(value)

/** `1,234 files`, `1 file`. */
export const counted = (value: number, one: string, many = `${one}s`): string =>
  `${count(value)} ${value === 1 ? one : many}`

export const bytes = (value: number): string =>
  ByteSize.format(ByteSize.bytes(value), {
    system: "decimal",
    precision: value < 1000 ? 0 : 1,
    trailingZeros: true
  })

export const seconds = (value: number): string => `${value.toFixed(1)} s`

export const perSecond = (value: number, duration: number): string =>
  `${bytes(Math.round(value / Math.max(duration, 0.001)))}/s`

export const width = 80

/** The end of a text that is too long, since the end of a path says more than its start. */
export const tail = (text: string, columns: number): string =>
  text.length <= columns ? text : `…${text.slice(text.length - columns + 1)}`

export const start = (text: string, columns: number): string =>
  text.length <= columns ? text : `${text.slice(0, columns - 1)}…`

const gap = "  "

/**
 * Rows under a heading. The first column is text and takes what room the others leave; the others are numbers, flush right.
 * `shorten` says which part of a text that is too long is kept.
 */
export const table = (
  heading: ReadonlyArray<string>,
  rows: ReadonlyArray<ReadonlyArray<string>>,
  shorten: (text: string, columns: number) => string
): ReadonlyArray<string> => {
  const widths = heading.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? "").length))
  )
  const numbers = widths.slice(1).reduce((sum, columns) => sum + columns + gap.length, 0)
  const room = Math.min(widths[0] ?? 0, width - numbers)
  return [heading, ...rows].map(([first = "", ...others]) =>
    [shorten(first, room).padEnd(room), ...others.map((cell, index) => cell.padStart(widths[index + 1] ?? 0))]
      .join(gap)
      .trimEnd()
  )
}

/** `head: a, b, c`, broken into lines. */
export const wrapped = (head: string, items: ReadonlyArray<string>): ReadonlyArray<string> => {
  const lines: Array<string> = []
  let line = head
  for (const [index, item] of items.entries()) {
    const piece = index === items.length - 1 ? item : `${item},`
    if (line.length + 1 + piece.length > width && line.trim() !== "") {
      lines.push(line)
      line = "   "
    }
    line = `${line} ${piece}`
  }
  return [...lines, line]
}
