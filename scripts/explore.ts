/** `pnpm explore`: the tests that explore, deep. `--help` says how. */
import { availableParallelism } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"

import type { Part } from "./explore/run.ts"
import { describe, summarise } from "./explore/summary.ts"

const usage = "usage: pnpm explore [words] [--runs N | --minutes M] [--cores K] [--seed S] [--include GLOB]"

const help = `${usage}

Runs tests that explore (it.explore, it.linearizable) with a large budget instead of their own. Each core does its part of
every test, with seeds of its own. Reports runs, distinct schedules, and failures with what replays them; exits with 1
when a test failed or none was found, with 2 when called wrongly. Interrupted, it reports the tests that are done.

  words           tests whose file or name contains one of them, as it is written; without words all
  --runs N        runs of each test, shared by the cores; 20,000 by default
  --minutes M     about so long in all: a core gives each of n tests M/n minutes
  --cores K       processes at a time; as many as the machine has cores by default
  --seed S        other schedules, for tests that state no seed; 0 by default
  --include GLOB  where tests are looked for; {packages,apps}/*/test/**/*.test.ts by default
`

const fail = (message: string): never => {
  process.stderr.write(`${message}\n${usage}\n`)
  process.exit(2)
}

const whole = (name: string, text: string | undefined, least: number): number | undefined => {
  if (text === undefined) return undefined
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= least) return value
  return fail(`--${name} has to be an integer of at least ${least}, and is ${text}`)
}

const positive = (name: string, text: string | undefined): number | undefined => {
  if (text === undefined) return undefined
  const value = Number(text)
  return value > 0 && Number.isFinite(value) ? value : fail(`--${name} has to be above 0, and is ${text}`)
}

const text = { type: "string" } as const
const parse = () => {
  try {
    const help = { type: "boolean", short: "h" } as const
    const options = { runs: text, minutes: text, cores: text, seed: text, include: text, help }
    return parseArgs({ allowPositionals: true, options })
  } catch (error) {
    return fail((error as Error).message)
  }
}

const { positionals: words, values } = parse()
if (values.help === true) {
  process.stdout.write(help)
  process.exit(0)
}
if (values.runs !== undefined && values.minutes !== undefined) fail("--runs and --minutes exclude each other")
const minutes = positive("minutes", values.minutes)
const runs = whole("runs", values.runs, 1) ?? (minutes === undefined ? 20_000 : undefined)

const cores = whole("cores", values.cores, 1) ?? availableParallelism()
const seed = whole("seed", values.seed, 0) ?? 0

const done: Array<Part> = []
process.once("SIGINT", () => {
  process.stdout.write(
    `${describe(summarise({ parts: done, errors: ["interrupted: these are the tests that were done"] }))}\n`
  )
  process.exit(130)
})

// not before it is needed: what is wrong with the options is said at once
const { explore } = await import("./explore/run.ts")
const explored = await explore({
  root: join(import.meta.dirname, ".."),
  include: values.include ?? "{packages,apps}/*/test/**/*.test.ts",
  words,
  runs,
  minutes,
  cores,
  seed,
  tell: (part) => void done.push(part)
})
const summary = summarise(explored)
process.stdout.write(`${describe(summary)}\n`)
process.exitCode = summary.failed || summary.tests.length === 0 ? 1 : 0
