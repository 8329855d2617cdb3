/**
 * `pnpm explore [words] [--runs N | --minutes M] [--cores K] [--seed S] [--include GLOB]`: the tests that explore, deep.
 *
 * `it.explore` and `it.linearizable` tests whose file or name contains one of the words (all, without words) run again
 * with that budget for each instead of their own, shared by the cores: each core does its part of every test, with seeds
 * of its own. Reports runs, distinct schedules and failures with what replays them.
 */
import { availableParallelism } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"

import { explore } from "./explore/run.ts"
import { describe, summarise } from "./explore/summary.ts"

const usage = "usage: pnpm explore [words] [--runs N | --minutes M] [--cores K] [--seed S] [--include GLOB]"

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
    const options = { runs: text, minutes: text, cores: text, seed: text, include: text }
    return parseArgs({ allowPositionals: true, options })
  } catch (error) {
    return fail((error as Error).message)
  }
}

const { positionals: words, values } = parse()
if (values.runs !== undefined && values.minutes !== undefined) fail("--runs and --minutes exclude each other")
const minutes = positive("minutes", values.minutes)
const runs = whole("runs", values.runs, 1) ?? (minutes === undefined ? 20_000 : undefined)

const explored = await explore({
  root: join(import.meta.dirname, ".."),
  include: values.include ?? "{packages,apps}/*/test/**/*.test.ts",
  words,
  runs,
  minutes,
  cores: whole("cores", values.cores, 1) ?? availableParallelism(),
  seed: whole("seed", values.seed, 0) ?? 0
})
const summary = summarise(explored)
process.stdout.write(`${describe(summary)}\n`)
process.exitCode = summary.failed || summary.tests.length === 0 ? 1 : 0
