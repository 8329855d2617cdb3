/** Lines fan out to parsers and fan in to one count per level, as Go does with a channel per stage. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Pipeline from "heddle/Pipeline"

import { printed } from "./support/run.ts"

class NotALogLine extends Data.TaggedError("NotALogLine")<{ readonly line: string }> {}

const levels = ["info", "warn", "error"]

const lines = Stream.range(1, 3_000).pipe(
  Stream.map((n) => (n % 1_000 === 0 ? `garbage ${n}` : `${levels[n % 3]} request ${n}`))
)

const parse = (line: string) =>
  Effect.gen(function* () {
    yield* Effect.yieldNow // stands for work that takes time
    const level = levels.find((level) => line.startsWith(level))
    return level === undefined ? yield* new NotALogLine({ line }) : level
  })

export const program = Effect.gen(function* () {
  const rejected: Array<string> = []

  const counts = yield* Pipeline.from(lines).pipe(
    Pipeline.stage("parse", parse, {
      concurrency: 16,
      ordered: false,
      onError: { deadLetter: ({ error }) => Effect.sync(() => rejected.push(error.line)) }
    }),
    Pipeline.runFold(
      () => new Map<string, number>(),
      (counts, level) => counts.set(level, (counts.get(level) ?? 0) + 1)
    )
  )

  return [
    levels.map((level) => `${level}: ${counts.get(level)}`).join(", "),
    `rejected: ${rejected.toSorted((a, b) => a.localeCompare(b)).join(", ")}`
  ]
})

if (import.meta.main) await printed(program)
