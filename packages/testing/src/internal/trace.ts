/**
 * A run as a person reads it: a column per fiber, a row for each time another one goes on. A row says what the fiber
 * did until it stopped: the steps it reached, its last operation, and why it stopped.
 */
import type * as Context from "effect/Context"
import type * as Tracer from "effect/Tracer"

import type { Engine } from "./engine.ts"
import { byName, fiberNames, type Names } from "./fiberNames.ts"
import type { AnyFiber, FiberRecord } from "./fibers.ts"
import { namingTracer } from "./operationName.ts"
import type { Trace } from "./runner.ts"
import { describeExit, describeWait, type Wait } from "./waiting.ts"

interface Stretch {
  readonly fiber: FiberRecord
  /** What it did, by the nearest names. */
  readonly labels: Array<string>
  operations: number
  /** What it did last; what it would have done next when it was preempted. */
  operation: string | undefined
  preempted: boolean
  wait: Wait | undefined
  readonly overtakes: Set<FiberRecord>
  /** What was done to it as it began. */
  remark: string
  /** The stretch of the same fiber that was preempted, as long as it is not known before which operation. */
  readonly interrupted: Stretch | undefined
}

export class TraceRecorder implements Trace {
  readonly atRest: "quiescent" | "outside"
  private readonly stretches: Array<Stretch> = []
  private readonly lastOf = new Map<FiberRecord, Stretch>()
  private readonly records = new Map<object, FiberRecord>()
  private readonly lastOperation = new Map<FiberRecord, string>()
  private readonly lastWait = new Map<FiberRecord, Wait>()

  constructor(atRest: "quiescent" | "outside") {
    this.atRest = atRest
  }

  tracer(base: Context.Context<never>): Tracer.Tracer {
    return namingTracer(base, this)
  }

  operationOf(record: FiberRecord): string | undefined {
    return this.lastOperation.get(record)
  }
  waitOf(record: FiberRecord): Wait | undefined {
    return this.lastWait.get(record)
  }

  enters(record: FiberRecord): void {
    this.records.set(record.fiber, record)
    const last = this.stretches.at(-1)
    if (last?.fiber === record && !last.preempted && last.operation !== "yield") return
    this.begin(record, "")
  }
  remarks(fiber: object, text: string): void {
    const record = this.records.get(fiber)
    const last = this.stretches.at(-1)
    if (last?.fiber === record && last?.operations === 0) last.remark = text
    else if (record !== undefined) this.begin(record, text)
  }
  private begin(record: FiberRecord, remark: string): void {
    const before = this.lastOf.get(record)
    const stretch: Stretch = {
      fiber: record,
      labels: [],
      operations: 0,
      operation: undefined,
      preempted: false,
      wait: undefined,
      overtakes: new Set(),
      remark,
      interrupted: remark === "" && before?.preempted === true ? before : undefined
    }
    this.stretches.push(stretch)
    this.lastOf.set(record, stretch)
  }
  preempted(record: FiberRecord): void {
    const last = this.stretches.at(-1)
    if (last?.fiber !== record) return
    last.preempted = true
    last.operation = undefined
    label(last)
  }
  steps(record: FiberRecord): void {
    const last = this.stretches.at(-1)
    if (last?.fiber === record) label(last)
  }
  overtakes(record: FiberRecord, others: ReadonlyArray<FiberRecord>): void {
    const last = this.stretches.at(-1)
    if (last?.fiber === record) for (const other of others) last.overtakes.add(other)
  }
  waits(fiber: object, what: string | undefined): void {
    const record = this.records.get(fiber)
    const last = this.stretches.at(-1)
    if (record === undefined) return
    const wait: Wait = { what, fibers: new Set() }
    this.lastWait.set(record, wait)
    if (last?.fiber === record) last.wait = wait
  }
  waitsFor(fiber: object, other: AnyFiber): void {
    const record = this.records.get(fiber)
    if (record !== undefined) this.lastWait.get(record)?.fibers.add(other)
  }
  operation(fiber: object, name: string): void {
    const record = this.records.get(fiber)
    if (record !== undefined) this.lastWait.delete(record)
    const last = this.stretches.at(-1)
    if (record === undefined || last?.fiber !== record || last.preempted) return
    label(last)
    const number = ++last.operations
    const { interrupted } = last
    // the end of the yield, and then what was postponed
    if (interrupted !== undefined && number === 1) return
    if (interrupted !== undefined && number === 2) interrupted.operation = name
    last.operation = name
    this.lastOperation.set(record, name)
  }

  render({ bypass, records: all }: Engine): string {
    const names = fiberNames(all)
    const starved = bypass.starvation?.fiber
    const seen = new Set(this.stretches.map(({ fiber }) => fiber))
    const fibers = all.filter((record) => seen.has(record))
    fibers.sort((a, b) => byName(names.get(a)!, names.get(b)!))
    const rows = shorten(this.stretches, (stretch): Row => {
      const ends = this.lastOf.get(stretch.fiber) === stretch && stretch.fiber.ended
      const overtakes = starved !== undefined && stretch.overtakes.has(starved) ? `overtakes ${names.get(starved)}` : ""
      return [stretch.fiber, describe(stretch, ends ? endOf(stretch.fiber, names) : stopOf(stretch, names), overtakes)]
    })
    if (fibers.length > mostColumns) return list(rows, names)
    /** The widths that leave room for the n-th texts. */
    const widthsFor = (n: number) =>
      fibers.map((fiber) =>
        Math.max(names.get(fiber)!.length, ...rows.map(([owner, texts]) => (owner === fiber ? texts[n]!.length : 0)))
      )
    const total = Math.max(pageWidth - 3 * (fibers.length - 1), 18 * fibers.length)
    const widths = fit(widthsFor(1), widthsFor(0), total)
    const line = (cells: ReadonlyArray<ReadonlyArray<string>>) =>
      cells
        .map((texts, index) => clip(texts, widths[index]!).padEnd(widths[index]!))
        .join(" | ")
        .trimEnd()
    return [
      line(fibers.map((fiber) => [names.get(fiber)!])),
      widths.map((width) => "-".repeat(width)).join("-+-"),
      ...rows.map(([owner, texts]) =>
        owner === undefined ? texts.join("") : line(fibers.map((fiber) => (fiber === owner ? texts : [""])))
      )
    ].join("\n")
  }
}

/** The name of what a fiber does, where it is another one than before. */
const label = ({ fiber, labels }: Stretch): void => {
  const { doing } = fiber
  if (doing !== undefined && labels.at(-1) !== doing) labels.push(doing)
}

/** Why a fiber stopped, in full and in short. */
type End = readonly [full: string, short: string]

const endOf = (fiber: FiberRecord, names: Names): End => {
  const full = describeExit(fiber, names)
  return [full, full.replace(/(:| by ).*/, "")]
}

const stopOf = ({ operation, preempted, wait }: Stretch, names: Names): End => {
  if (operation === "wait" && !preempted) {
    const what = describeWait(wait, names, () => true)
    return [what === undefined ? "waits" : `waits in ${what}`, "waits"]
  }
  const stop = preempted
    ? `preempted before ${operation ?? "its next"}`
    : operation === undefined
      ? ""
      : operation === "yield"
        ? "yields"
        : `at ${operation}`
  return [stop, stop]
}

/** The same in fewer and fewer words. */
const describe = (
  { interrupted, labels, operations, remark }: Stretch,
  [full, short]: End,
  overtakes: string
): ReadonlyArray<string> => {
  const total = interrupted === undefined ? operations : Math.max(0, operations - 1)
  const count = total === 0 ? "" : `${total} op${total === 1 ? "" : "s"}:`
  const inWords = (most: number, end: string) =>
    [remark, ...labels.slice(-most).map((label) => `[${label}]`), overtakes, count, end]
      .filter((part) => part !== "")
      .join(" ")
  const least =
    overtakes === "" ? inWords(1, short) : [...labels.slice(-1).map((label) => `[${label}]`), overtakes].join(" ")
  return [inWords(3, full), inWords(3, short), inWords(2, short), least]
}

/** What a fiber did, the longest text first; or a remark of no fiber. */
type Row = readonly [fiber: FiberRecord | undefined, texts: ReadonlyArray<string>]

const pageWidth = 110

/** More fibers than these are told line by line, each with its name. */
const mostColumns = 6

const list = (rows: ReadonlyArray<Row>, names: Names): string => {
  const width = Math.max(...rows.map(([fiber]) => (fiber === undefined ? 0 : names.get(fiber)!.length)))
  const line = ([fiber, texts]: Row) =>
    fiber === undefined ? texts.join("") : `${names.get(fiber)!.padEnd(width)} | ${clip(texts, pageWidth - 3 - width)}`
  return rows.map(line).join("\n")
}

/** Narrows the widest columns until all fit; where they do, widens as many as there is room for. */
const fit = (widths: ReadonlyArray<number>, wanted: ReadonlyArray<number>, total: number): ReadonlyArray<number> => {
  let left = total - widths.reduce((sum, width) => sum + width, 0)
  const widest = [...wanted]
  const byNeed = widths.map((width, index) => [index, Math.max(0, wanted[index]! - width)] as const)
  byNeed.sort(([, a], [, b]) => a - b)
  for (const [index, need] of byNeed) {
    if (need <= left) left -= need
    else widest[index] = widths[index]!
  }
  let cap = Math.max(...widest)
  while (widest.reduce((sum, width) => sum + Math.min(width, cap), 0) > total) cap--
  return widest.map((width) => Math.min(width, cap))
}

/** The first text that fits, else what fits of the last. */
const clip = (texts: ReadonlyArray<string>, width: number): string => {
  const fits = texts.find((text) => text.length <= width)
  return fits ?? `${texts.at(-1)!.slice(0, width - 1)}…`
}

/** Long runs are read from both ends. */
const shorten = (stretches: ReadonlyArray<Stretch>, toRow: (stretch: Stretch) => Row): ReadonlyArray<Row> =>
  stretches.length <= 60
    ? stretches.map(toRow)
    : [
        ...stretches.slice(0, 20).map(toRow),
        [undefined, [`… ${stretches.length - 50} more …`]],
        ...stretches.slice(-30).map(toRow)
      ]
