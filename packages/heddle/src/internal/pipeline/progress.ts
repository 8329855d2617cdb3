/**
 * The figures of a pipeline on a terminal, or as lines of JSON.
 */
import { TerminalCapabilities } from "effect/cli/TerminalCapabilities"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { Terminal } from "effect/Terminal"

import { checkDuration } from "../defect.ts"
import type { StageStats } from "./model.ts"

/**
 * @since 0.1.0
 * @category models
 */
export interface ProgressOptions {
  /** How often. Default: every 100 milliseconds on a terminal, every second as JSON. */
  readonly interval?: Duration.Input | undefined
  /** Default: `"auto"`, which is `"terminal"` where the terminal can animate and has columns, and `"json"` otherwise. */
  readonly format?: "auto" | "terminal" | "json" | undefined
}

export interface Snapshot {
  readonly stages: ReadonlyArray<StageStats>
  readonly bottleneck: Option.Option<string>
}

export const display = (
  snapshot: () => Snapshot,
  { format = "auto", interval }: ProgressOptions
): Effect.Effect<void, never, Scope.Scope | Terminal> =>
  Effect.gen(function* () {
    const terminal = yield* Terminal
    const isTerminal = format === "auto" ? yield* isWatched(terminal) : format === "terminal"
    const pause = checkDuration("Pipeline.progress", "interval", interval ?? (isTerminal ? 100 : 1000))
    const begun = yield* Clock.currentTimeNanos
    let drawn = 0
    const text = (taken: Snapshot, seconds: number, width: number): string => {
      if (!isTerminal) return `${jsonLine(taken, seconds)}\n`
      const lines = table(taken, seconds, width)
      const over = drawn
      drawn = lines.length
      return frame(lines, over)
    }
    const show = Effect.gen(function* () {
      const now = yield* Clock.currentTimeNanos
      yield* terminal.display(text(snapshot(), Number(now - begun) / 1e9, yield* terminal.columns))
    })
    // the last figures come when the one that shows them from time to time has ended
    yield* Effect.addFinalizer(() => Effect.ignore(show))
    yield* Effect.forkScoped(Effect.ignore(Effect.forever(Effect.andThen(show, Effect.sleep(pause)))))
  })

const isWatched = (terminal: Terminal): Effect.Effect<boolean> =>
  Effect.gen(function* () {
    const { canAnimate } = yield* TerminalCapabilities
    return canAnimate && (yield* terminal.columns) > 0
  })

const millis = (duration: Duration.Duration): number => Math.round(Duration.toMillis(duration) * 1000) / 1000

const jsonLine = ({ bottleneck, stages }: Snapshot, seconds: number): string =>
  JSON.stringify({
    elapsed: Math.round(seconds * 1000) / 1000,
    bottleneck: Option.getOrNull(bottleneck),
    stages: stages.map(({ latency, utilisation, ...counts }) => ({
      ...counts,
      latency: { p50: millis(latency.p50), p99: millis(latency.p99) },
      utilisation: Math.round(utilisation * 1000) / 1000
    }))
  })

const columns = ["stage", "out", "/s", "failed", "retried", "running", "queued", "p50", "p99", "busy"]

/** A line per stage below a head, no line wider than the terminal. */
const table = ({ bottleneck, stages }: Snapshot, seconds: number, width: number): ReadonlyArray<string> => {
  const rows = stages.map((stage) => [
    `${Option.contains(bottleneck, stage.name) ? "▶" : " "} ${printable(stage.name)}`,
    stage.out.toLocaleString("en-US"),
    Math.round(seconds === 0 ? 0 : stage.out / seconds).toLocaleString("en-US"),
    String(stage.failed),
    String(stage.retried),
    String(stage.inFlight),
    String(stage.queued + stage.waiting),
    brief(stage.latency.p50),
    brief(stage.latency.p99),
    `${Math.round(stage.utilisation * 100)}%`
  ])
  const cells = [columns, ...rows]
  const widths = columns.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)))
  return cells.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join("  ")
      .slice(0, Math.max(1, width))
  )
}

// control characters in a name would reach the terminal
const printable = (name: string): string => name.replaceAll(/\p{Cc}/gu, "?")

const brief = (duration: Duration.Duration): string => {
  const ms = Duration.toMillis(duration)
  if (ms === 0) return "-"
  if (ms < 1) return `${Math.round(ms * 1000)}us`
  return ms < 10_000 ? `${ms < 10 ? ms.toFixed(1) : Math.round(ms)}ms` : `${Math.round(ms / 1000)}s`
}

/** Goes back to the first line that was drawn before, and clears what is overwritten. */
const frame = (lines: ReadonlyArray<string>, drawn: number): string =>
  `${drawn === 0 ? "" : `\u001B[${drawn}A`}${lines.map((line) => `\r\u001B[K${line}\n`).join("")}`
