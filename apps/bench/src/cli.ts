/** `pnpm bench [name ...] [--json] [--runs N]` */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

import { adaptive } from "./adaptive.ts"
import { census } from "./census.ts"
import { explorer } from "./explorer.ts"
import { group } from "./group.ts"
import { type Bench, encodeLine, type Figure, measure, table, UnknownBench } from "./harness.ts"
import { pipeline } from "./pipeline.ts"
import { pool } from "./pool.ts"
import { ratelimit } from "./ratelimit.ts"
import { semaphore } from "./semaphore.ts"
import { threads } from "./threads.ts"

const benches: ReadonlyArray<Bench> = [semaphore, adaptive, pipeline, pool, group, census, explorer, ratelimit, threads]

const names = Argument.String("name").pipe(
  Argument.variadic(),
  Argument.withDescription("Benches (semaphore) or single figures (semaphore/uncontended) to run; none lists them")
)

const json = Flag.Boolean("json").pipe(
  Flag.withDefault(false),
  Flag.withDescription("Print one JSON object per subject and figure, a line each, and nothing else")
)

const runs = Flag.Int("runs").pipe(
  Flag.withSchema(Schema.Int.check(Schema.isGreaterThan(0))),
  Flag.withDefault(10),
  Flag.withDescription("Rounds per subject, of which the minimum is reported (default 10)")
)

const list = Effect.fnUntraced(function* () {
  const sections = yield* Effect.forEach(benches, ({ name, description, figures }) =>
    Effect.map(figures, (figures) => [`${name}: ${description}`, ...figures.map(({ id }) => `  ${id}`)].join("\n"))
  )
  return sections.join("\n")
})

/** The figures that were asked for, in the order of the names, each once. */
const select = Effect.fnUntraced(function* (names: ReadonlyArray<string>) {
  const all = yield* Effect.forEach(benches, ({ name, figures }) =>
    Effect.map(figures, (figures) => figures.map((figure) => ({ bench: name, figure })))
  )
  const selected = new Set<Figure>()
  for (const name of names) {
    const found = all.flat().filter(({ bench, figure }) => bench === name || figure.id === name)
    if (found.length === 0) return yield* new UnknownBench({ name, known: yield* list() })
    for (const { figure } of found) selected.add(figure)
  }
  return [...selected]
})

const run = Effect.fnUntraced(function* (names: ReadonlyArray<string>, options: { json: boolean; runs: number }) {
  const figures = yield* select(names)
  if (globalThis.gc === undefined)
    yield* Console.error("Without `node --expose-gc` a subject pays for others' garbage.")
  if (!options.json)
    yield* Console.log("The last column is a subject's value divided by heddle's: 2.00 is twice as much.")
  for (const figure of figures) {
    const lines = yield* measure(figure, { runs: options.runs })
    if (options.json) yield* Effect.forEach(lines, (line) => Console.log(encodeLine(line)))
    else yield* Console.log(`\n${table(lines)}`)
  }
})

export const command = Command.make("bench", { names, json, runs }, ({ names, json, runs }) =>
  names.length === 0 ? Effect.flatMap(list(), Console.log) : run(names, { json, runs })
).pipe(Command.withDescription("Takes the figures that the README quotes"))
