/**
 * A run as a person reads it: a column per fiber, a row for each time another one goes on. A row says what the fiber
 * did until it stopped: the steps it reached, its last operation, and why it stopped.
 */
import type * as Context from "effect/Context"
import type * as Tracer from "effect/Tracer"

import { byName, fiberNames } from "./fiberNames.ts"
import type { FiberRecord } from "./fibers.ts"
import { namingTracer } from "./operationName.ts"
import type { Trace } from "./runner.ts"

interface Stretch {
  readonly fiber: FiberRecord
  readonly texts: Array<string>
  readonly counts: Map<string, number>
  /** What it did last, or would have done next when it was preempted. */
  operation: string | undefined
  preempted: boolean
}

export class TraceRecorder implements Trace {
  readonly atRest: "quiescent" | "outside"
  private readonly stretches: Array<Stretch> = []
  private readonly records = new Map<object, FiberRecord>()
  private readonly lastOperation = new Map<FiberRecord, string>()

  constructor(atRest: "quiescent" | "outside") {
    this.atRest = atRest
  }

  tracer(base: Context.Context<never>): Tracer.Tracer {
    return namingTracer(base, (fiber, name) => this.operation(fiber, name))
  }

  readonly nameOperation = (record: FiberRecord): string | undefined => this.lastOperation.get(record)

  enters(record: FiberRecord): void {
    this.records.set(record.fiber, record)
    const last = this.stretches.at(-1)
    if (last?.fiber === record && !last.preempted && last.operation !== "yield") return
    this.stretches.push({
      fiber: record,
      texts: [],
      counts: new Map(),
      operation: undefined,
      preempted: false
    })
  }
  preempted(record: FiberRecord): void {
    const last = this.stretches.at(-1)
    if (last?.fiber !== record) return
    last.preempted = true
  }
  steps(record: FiberRecord, name: string): void {
    const last = this.stretches.at(-1)
    if (last?.fiber === record) last.texts.push(`[${name}]`)
  }
  private operation(fiber: object, name: string): void {
    const record = this.records.get(fiber)
    const last = this.stretches.at(-1)
    if (record === undefined || last?.fiber !== record) return
    if (last.preempted) return
    last.operation = name
    this.lastOperation.set(record, name)
    last.counts.set(name, (last.counts.get(name) ?? 0) + 1)
  }

  render(all: ReadonlyArray<FiberRecord>): string {
    const names = fiberNames(all)
    const seen = new Set(this.stretches.map(({ fiber }) => fiber))
    const fibers = all.filter((record) => seen.has(record))
    fibers.sort((a, b) => byName(names.get(a)!, names.get(b)!))
    const last = new Map(this.stretches.map((stretch) => [stretch.fiber, stretch]))
    const rows = shorten(this.stretches, (stretch): Row => {
      const ends = last.get(stretch.fiber) === stretch && stretch.fiber.ended
      return [stretch.fiber, describe(stretch, ends)]
    })
    if (fibers.length > mostColumns) return list(rows, names)
    const natural = fibers.map((fiber) =>
      Math.max(names.get(fiber)!.length, ...rows.map(([owner, text]) => (owner === fiber ? text.length : 0)))
    )
    const widths = fit(natural, Math.max(pageWidth - 3 * (fibers.length - 1), 18 * fibers.length))
    const line = (cells: ReadonlyArray<string>) =>
      cells
        .map((cell, index) => clip(cell, widths[index]!).padEnd(widths[index]!))
        .join(" | ")
        .trimEnd()
    return [
      line(fibers.map((fiber) => names.get(fiber)!)),
      widths.map((width) => "-".repeat(width)).join("-+-"),
      ...rows.map(([owner, text]) =>
        owner === undefined ? text : line(fibers.map((fiber) => (fiber === owner ? text : "")))
      )
    ].join("\n")
  }
}

const describe = ({ counts, fiber, operation, preempted, texts }: Stretch, ends: boolean): string => {
  const doing = texts.length > 0 ? texts.slice(-2).join(" ") : fiber.doing === undefined ? "" : `[${fiber.doing}]`
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0)
  const count = total === 0 ? "" : `${total} op${total === 1 ? "" : "s"}:`
  const end = preempted
    ? `preempted at ${operation ?? "?"}`
    : ends
      ? "ends"
      : operation === "wait"
        ? "waits"
        : (operation ?? "")
  return [doing, count, end].filter((part) => part !== "").join(" ")
}

type Row = readonly [fiber: FiberRecord | undefined, text: string]

const pageWidth = 100

/** More fibers than these are told line by line, each with its name. */
const mostColumns = 6

const list = (rows: ReadonlyArray<Row>, names: ReadonlyMap<FiberRecord, string>): string => {
  const width = Math.max(...rows.map(([fiber]) => (fiber === undefined ? 0 : names.get(fiber)!.length)))
  const line = ([fiber, text]: Row) => (fiber === undefined ? text : `${names.get(fiber)!.padEnd(width)} | ${text}`)
  return rows.map((row) => clip(line(row), pageWidth)).join("\n")
}

/** Narrows the widest columns until all fit. */
const fit = (widths: ReadonlyArray<number>, total: number): ReadonlyArray<number> => {
  let cap = Math.max(...widths)
  while (widths.reduce((sum, width) => sum + Math.min(width, cap), 0) > total) cap--
  return widths.map((width) => Math.min(width, cap))
}

const clip = (text: string, width: number): string => (text.length <= width ? text : `${text.slice(0, width - 1)}…`)

/** Long runs are read from both ends. */
const shorten = (stretches: ReadonlyArray<Stretch>, toRow: (stretch: Stretch) => Row): ReadonlyArray<Row> =>
  stretches.length <= 60
    ? stretches.map(toRow)
    : [
        ...stretches.slice(0, 20).map(toRow),
        [undefined, `… ${stretches.length - 50} more …`],
        ...stretches.slice(-30).map(toRow)
      ]
