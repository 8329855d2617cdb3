/** Runs the tests that explore, each on every core. */
import { globSync, readFileSync } from "node:fs"
import { join, relative } from "node:path"

import { createVitest, type TestCase, type TestModule, type Vitest } from "vitest/node"

export interface Plan {
  readonly root: string
  /** Where tests are looked for, below the root. */
  readonly include: string
  /** Part of a test's file or name; none is all. */
  readonly words: ReadonlyArray<string>
  readonly runs: number | undefined
  readonly minutes: number | undefined
  readonly cores: number
  readonly seed: number
  /** What a core saw of a test, as soon as it is done. */
  readonly tell: (part: Part) => void
}

/** What one core saw of one test. */
export interface Part {
  readonly file: string
  readonly name: string
  readonly runs: number
  readonly schedules: number
  readonly millis: number
  readonly replay: string | undefined
  readonly error: string | undefined
}

export interface Explored {
  readonly parts: ReadonlyArray<Part>
  /** What went wrong outside of tests. */
  readonly errors: ReadonlyArray<string>
}

/** How a test file gets at `it.explore` and `it.linearizable`. */
const mark = /["'](?:@heddle\/testing\/vitest|(?:\.\.\/)+src\/vitest\.ts)["']/

const filesOf = ({ include, root }: Plan): ReadonlyArray<string> =>
  globSync(include, { cwd: root })
    .filter((file) => mark.test(readFileSync(join(root, file), "utf8")))
    .toSorted()

/** The tests that explore, by file and full name. */
const testsOf = (modules: ReadonlyArray<TestModule>, root: string): ReadonlyArray<{ file: string; test: TestCase }> =>
  modules.flatMap((module) =>
    [...module.children.allTests()]
      .filter((test) => test.meta().explored !== undefined)
      .map((test) => ({ file: relative(root, module.moduleId), test }))
  )

const errorsOf = (modules: ReadonlyArray<TestModule>, errors: ReadonlyArray<{ readonly message?: string }>) =>
  [...errors, ...modules.flatMap((module) => module.errors())].map(({ message }) => message ?? "an unknown error")

/** A name as a pattern that Vitest finds it by, whichever way it joins the names of suites. */
export const escaped = (text: string): string =>
  text
    .replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
    .replaceAll(" > ", "(?: > | )")
    // on a command line it would be an option, or end the line
    .replace(/^-/, "[-]")
    .replaceAll(/\s*\n\s*/g, String.raw`\s+`)

const quiet = { config: false as const, watch: false, reporters: [{}], coverage: { enabled: false } }

/** `use` with a Vitest that is closed in the end. */
const withVitest = async <A>(options: Parameters<typeof createVitest>[1], use: (vitest: Vitest) => Promise<A>) => {
  const vitest = await createVitest("test", { ...quiet, ...options })
  try {
    return await use(vitest)
  } finally {
    await vitest.close()
  }
}

export const explore = async (plan: Plan): Promise<Explored> => {
  const { cores, minutes, root, runs, seed, tell, words } = plan
  const files = filesOf(plan)
  if (files.length === 0) return { parts: [], errors: [] }

  const collected = await withVitest({ root, include: [...files] }, async (vitest) => {
    const { testModules, unhandledErrors } = await vitest.collect([], { staticParse: false })
    const tests = testsOf(testModules, root).map(({ file, test }) => ({ file, name: test.fullName }))
    return { tests, errors: errorsOf(testModules, unhandledErrors as ReadonlyArray<Error>) }
  })
  const wanted = collected.tests.filter(
    ({ file, name }) => words.length === 0 || words.some((word) => file.includes(word) || name.includes(word))
  )
  if (collected.errors.length > 0 || wanted.length === 0) return { parts: [], errors: collected.errors }

  const names = [...new Set(wanted.map(({ name }) => `^${escaped(name)}$`))]
  const environment = {
    EXPLORE_RUNS: runs === undefined ? "" : String(runs),
    EXPLORE_MILLIS: minutes === undefined ? "" : String(Math.max(1, Math.round((minutes * 60_000) / wanted.length))),
    EXPLORE_SEED: String(seed),
    EXPLORE_REPLAY: ""
  }
  const include = [...new Set(wanted.map(({ file }) => file))]
  const shards = Array.from({ length: cores }, (_, shard) => ({
    extends: true as const,
    test: { name: `core ${shard}`, include, env: { ...environment, EXPLORE_SHARD: `${shard}/${cores}` } }
  }))
  const options = {
    root,
    projects: shards,
    reporters: [
      {
        onTestCaseResult: (test: TestCase) => {
          const part = partOf(relative(root, test.module.moduleId), test)
          if (part !== undefined) tell(part)
        }
      }
    ],
    testNamePattern: names.join("|"),
    maxWorkers: cores,
    sequence: { concurrent: false }
  }
  return await withVitest(options, async (vitest) => {
    const { testModules, unhandledErrors } = await vitest.start()
    const parts = testsOf(testModules, root).flatMap(({ file, test }) => partOf(file, test) ?? [])
    return { parts, errors: errorsOf(testModules, unhandledErrors as ReadonlyArray<Error>) }
  })
}

const partOf = (file: string, test: TestCase): Part | undefined => {
  const { errors, state } = test.result()
  const { explored } = test.meta()
  if (state === "skipped" || explored === undefined) return undefined
  const { millis, replay, runs, schedules } =
    explored === "not yet" ? { runs: 0, schedules: 0, millis: 0, replay: undefined } : explored
  return { file, name: test.fullName, runs, schedules, millis, replay, error: errors?.[0]?.message }
}
