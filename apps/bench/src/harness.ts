/**
 * The harness: what a figure is, how it is taken, how it is printed.
 *
 * All subjects of a figure run in one process and take turns, round by round and in rotating order, so that a slow spell
 * of the machine or a heap grown by another subject falls on all of them alike. Garbage is collected before each
 * measurement. The minimum over the rounds is reported: noise only ever adds. A subject so slow that it would hold up
 * the others takes part in fewer rounds, which can only make its figure larger, by the noise of one long run.
 */
import * as CliError from "effect/cli/CliError"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import type { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"

/** One measurement of one subject, in the unit of its figure. */
export type Subject<R = Services> = Effect.Effect<number, BenchFailed, R>

type Services = FileSystem.FileSystem | ChildProcessSpawner

export interface Figure<R = Services> {
  /** `bench/figure`, unique among all benches. */
  readonly id: string
  readonly unit: string
  /** A measurement gives the same value every time, so one is taken. Default: false. */
  readonly exact?: boolean
  readonly subjects: Readonly<Record<string, Subject<R>>>
}

export interface Bench {
  readonly name: string
  readonly description: string
  /** Builds the figures; costs nothing until a subject runs. */
  readonly figures: Effect.Effect<ReadonlyArray<Figure>>
}

/** A subject could not be measured. */
export class BenchFailed extends Schema.TaggedError<BenchFailed>()("BenchFailed", { message: Schema.String }) {
  override get [CliError.userMessage]() {
    return this.message
  }
}

/** A name on the command line is neither a bench nor a figure. */
export class UnknownBench extends Schema.TaggedError<UnknownBench>()("UnknownBench", {
  name: Schema.String,
  known: Schema.String
}) {
  override readonly [Runtime.errorExitCode] = 2
  override get message() {
    return `There is no bench or figure named ${JSON.stringify(this.name)}. There are:\n${this.known}`
  }
  override get [CliError.userMessage]() {
    return this.message
  }
}

/** What `--json` prints, a line each. */
export const Line = Schema.Struct({
  bench: Schema.NonEmptyString,
  subject: Schema.NonEmptyString,
  value: Schema.Finite,
  unit: Schema.NonEmptyString
})
export type Line = typeof Line.Type

export const encodeLine = Schema.encodeSync(Schema.fromJsonString(Line))

/** Nanoseconds per operation of `work`, which performs `operations` of them each time it is called. */
export const perOperation = (operations: number, work: () => Promise<void>): Subject<never> =>
  Effect.tryPromise({
    try: async () => {
      // A turn of the event loop first, so that nothing that an earlier subject left behind is paid for here.
      await new Promise((resolve) => setImmediate(resolve))
      globalThis.gc?.()
      const start = performance.now()
      await work()
      return ((performance.now() - start) * 1e6) / operations
    },
    catch: (cause) => new BenchFailed({ message: cause instanceof Error ? cause.message : String(cause) })
  })

/**
 * Bytes that an operation of `work` allocates. It must be so few of them that nothing is collected meanwhile: where
 * something is, the measurement fails rather than say less.
 */
export const bytesPerOperation = (operations: number, work: () => Promise<void>): Subject<never> =>
  Effect.tryPromise({
    try: async () => {
      await new Promise((resolve) => setImmediate(resolve))
      globalThis.gc?.()
      const before = process.memoryUsage().heapUsed
      await work()
      const bytes = process.memoryUsage().heapUsed - before
      if (bytes < 0) throw new Error(`garbage was collected within ${operations} operations`)
      return bytes / operations
    },
    catch: (cause) => new BenchFailed({ message: cause instanceof Error ? cause.message : String(cause) })
  })

export interface MeasureOptions {
  /** Rounds per subject. */
  readonly runs: number
  /** How long a subject is warmed up, at least once. */
  readonly warmUpMillis?: number
  /** A subject that has taken this long is left out of the further rounds. */
  readonly budgetMillis?: number
}

/** The warm-up's one measurement is the figure. */
const single: MeasureOptions = { runs: 0, warmUpMillis: 0, budgetMillis: 0 }

/** Every subject's minimum, in the order in which the figure names them. */
export const measure = Effect.fnUntraced(function* <R>(figure: Figure<R>, options: MeasureOptions) {
  const { runs, warmUpMillis = 300, budgetMillis = 10_000 } = figure.exact === true ? single : options
  const subjects = Object.entries(figure.subjects).map(([name, subject]) => ({
    name,
    subject,
    spent: 0,
    best: Infinity
  }))

  const once = Effect.fnUntraced(function* (entry: (typeof subjects)[number]) {
    const start = yield* Clock.currentTimeMillis
    const value = yield* Effect.mapError(
      entry.subject,
      ({ message }) => new BenchFailed({ message: `${figure.id}, ${entry.name}: ${message}` })
    )
    entry.spent += (yield* Clock.currentTimeMillis) - start
    return value
  })

  for (const entry of subjects) {
    let value = yield* once(entry)
    while (entry.spent < warmUpMillis) value = yield* once(entry)
    // One that used up its budget in warming up has long compiled all its code: this run is its figure.
    if (entry.spent >= budgetMillis) entry.best = value
  }

  for (let round = 0; round < runs; round++) {
    for (let turn = 0; turn < subjects.length; turn++) {
      const entry = subjects[(round + turn) % subjects.length]!
      if (entry.spent < budgetMillis) entry.best = Math.min(entry.best, yield* once(entry))
    }
  }

  return subjects.map(({ name, best }): Line => ({
    bench: figure.id,
    subject: name,
    value: rounded(best),
    unit: figure.unit
  }))
})

/** A tenth, or four digits of what is smaller than a thousand tenths. */
const rounded = (value: number): number =>
  Math.abs(value) >= 100 ? Math.round(value * 10) / 10 : Number(value.toPrecision(4))

/** A figure as a table, each subject beside the one the others are compared with: `heddle` where it takes part. */
export const table = (lines: ReadonlyArray<Line>): string => {
  const [first] = lines
  if (first === undefined) return ""
  const reference = lines.find(({ subject }) => subject === "heddle") ?? first
  const rows = lines.map(({ subject, value }) => [
    subject,
    value.toLocaleString("en-US"),
    reference.value === 0 ? "" : (value / reference.value).toFixed(2)
  ])
  const cells = [["", first.unit, `/ ${reference.subject}`], ...rows]
  const widths = [0, 1, 2].map((column) => Math.max(...cells.map((row) => row[column]!.length)))
  const body = cells.map(
    ([subject, value, ratio]) =>
      `  ${subject!.padEnd(widths[0]!)}  ${value!.padStart(widths[1]!)}  ${ratio!.padStart(widths[2]!)}`
  )
  return [first.bench, ...body].join("\n")
}
