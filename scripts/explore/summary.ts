/** What the cores saw of each test, put together and made readable. */
import { escaped, type Explored, type Part } from "./run.ts"

interface Test {
  readonly file: string
  readonly name: string
  readonly runs: number
  /** Schedules that two cores ran both count twice. */
  readonly schedules: number
  /** Of the core that took longest. */
  readonly millis: number
  /** One for each trace. */
  readonly failures: ReadonlyArray<Part>
}

export interface Summary {
  readonly tests: ReadonlyArray<Test>
  readonly errors: ReadonlyArray<string>
  readonly failed: boolean
}

/** Failures with one trace are one, whichever run of whichever core came to it. */
const distinct = (failures: ReadonlyArray<Part>): ReadonlyArray<Part> => {
  const traces = failures.map(({ error }) => error!.split("\nfound by run ")[0])
  return failures.filter((_, index) => traces.indexOf(traces[index]) === index)
}

export const summarise = ({ errors, parts }: Explored): Summary => {
  const byTest = new Map<string, Array<Part>>()
  for (const part of parts) {
    const key = `${part.file}\n${part.name}`
    byTest.set(key, [...(byTest.get(key) ?? []), part])
  }
  const tests = [...byTest.values()].map((parts): Test => {
    const { file, name } = parts[0]!
    const sum = (of: (part: Part) => number) => parts.reduce((total, part) => total + of(part), 0)
    return {
      file,
      name,
      runs: sum(({ runs }) => runs),
      schedules: sum(({ schedules }) => schedules),
      millis: Math.max(...parts.map(({ millis }) => millis)),
      failures: distinct(parts.filter(({ error }) => error !== undefined))
    }
  })
  return { tests, errors, failed: errors.length > 0 || tests.some(({ failures }) => failures.length > 0) }
}

const count = (value: number): string => value.toLocaleString("en-US")

const oneLine = (text: string): string => text.replaceAll(/\s*\n\s*/g, " ")

const shell = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`

/** A table, then each failure with its trace and the command that runs it again. */
export const describe = ({ errors, tests }: Summary): string => {
  if (tests.length === 0 && errors.length === 0) return "no test that explores has such a file or name"
  const rows = tests.map(({ failures, file, millis, name, runs, schedules }) => [
    count(runs),
    count(schedules),
    `${(millis / 1000).toFixed(1)} s`,
    failures.length === 0 ? "passed" : "FAILED",
    `${file}: ${oneLine(name)}`
  ])
  const cells = [["runs", "schedules", "time", "", "test"], ...rows]
  const widths = [0, 1, 2, 3].map((column) => Math.max(...cells.map((row) => row[column]!.length)))
  const table = cells.map(([runs, schedules, time, result, test]) =>
    [
      runs!.padStart(widths[0]!),
      schedules!.padStart(widths[1]!),
      time!.padStart(widths[2]!),
      result!.padEnd(widths[3]!),
      test
    ].join("  ")
  )
  const failures = tests.flatMap(({ failures }) => failures).map(failure)
  const total = tests.reduce((sum, { runs }) => sum + runs, 0)
  return [...table, "", ...failures, ...errors, `${count(tests.length)} tests, ${count(total)} runs`].join("\n")
}

const failure = ({ error, file, name, replay }: Part): string => {
  const again =
    replay === undefined
      ? ""
      : `again: EXPLORE_REPLAY=${shell(replay)} npx -y pnpm@12 test ${file} -t ${shell(escaped(name))}\n`
  return `FAILED ${file}: ${oneLine(name)}\n${error ?? ""}\n${again}`
}
