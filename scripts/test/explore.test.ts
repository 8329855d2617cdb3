/** `pnpm explore`, as a person calls it, on tests that are written for the purpose. */
import { spawn } from "node:child_process"
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"

import { afterAll, assert, beforeAll, describe, it } from "vitest"

import { escaped, type Part } from "../explore/run.ts"
import { describe as describeSummary, summarise } from "../explore/summary.ts"

const root = join(import.meta.dirname, "../..")
// inside a package, so that its imports are found
const folder = "packages/testing/build/explore"

const sound = `
import { it } from "@heddle/testing/vitest"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"

it("does not explore", () => { throw new Error("ran all the same") })

it.explore("sound", Effect.gen(function* () {
  const ref = yield* Ref.make(0)
  const add = Effect.andThen(Effect.yieldNow, Ref.update(ref, (n) => n + 1))
  yield* Effect.all([add, add, add], { concurrency: "unbounded" })
}), { runs: 5 })
`

const model = `
import { it } from "@heddle/testing/vitest"
import * as Ref from "effect/Ref"

it.linearizable("model", {
  make: Ref.make(0),
  model: 0,
  operations: { next: { run: (ref) => Ref.getAndUpdate(ref, (n) => n + 1), respond: (n) => [n, n + 1], interrupted: "either" } }
})
`

/** Too rare for the budget of the test: seven choices have to be right. */
const rare = `
import { describe } from "vitest"
import * as Explorer from "@heddle/testing/Explorer"
import * as Strategy from "@heddle/testing/Strategy"
import { it } from "@heddle/testing/vitest"
import * as Effect from "effect/Effect"

describe("a (rare) thing", () => {
  it.explore("happens?", Effect.gen(function* () {
    for (let index = 0; index < 7; index++) if ((yield* Explorer.choose(2)) === 0) return
    return yield* Effect.die(new Error("all were right"))
  }), { runs: 5, strategy: Strategy.random() })
})
`

beforeAll(() => {
  mkdirSync(join(root, folder), { recursive: true })
  writeFileSync(join(root, folder, "sound.test.ts"), sound)
  writeFileSync(join(root, folder, "model.test.ts"), model)
  writeFileSync(join(root, folder, "rare.test.ts"), rare)
})
afterAll(() => rmSync(join(root, folder), { force: true, recursive: true }))

interface Ran {
  readonly status: number | null
  readonly out: string
}

const explore = (...options: ReadonlyArray<string>): Promise<Ran> =>
  run([join(root, "scripts/explore.ts"), "--include", `${folder}/*.test.ts`, ...options])

const run = (argv: ReadonlyArray<string>, environment: Readonly<Record<string, string>> = {}): Promise<Ran> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, argv, { cwd: root, env: { ...process.env, ...environment } })
    let out = ""
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (out += String(data)))
    child.on("error", reject)
    child.on("close", (status) => resolve({ status, out }))
  })

// one after the other: each waits for processes
describe("pnpm explore", { concurrent: false }, () => {
  it("runs the tests that explore with the budget, on every core, and no others", async () => {
    const { out, status } = await explore("--runs", "500", "--cores", "2")
    assert.match(out, /^ *500 +\d+ .* passed .*sound\.test\.ts: sound$/m)
    assert.notInclude(out, "does not explore")
    // what the budget of the test is too small for, and how to run it again
    assert.match(out, /FAILED .*rare\.test\.ts: a \(rare\) thing > happens\?/)
    assert.include(out, "failed: Error: all were right")
    const [, replay] =
      /again: EXPLORE_REPLAY='([^']+)' npx -y pnpm@12 test \S*rare\.test\.ts -t '[^']+'/.exec(out) ?? []
    assert.match(replay ?? "", /^op:/)
    assert.match(out, /^3 tests, [\d,]+ runs$/m)
    assert.strictEqual(status, 1)
  })

  it("runs the tests that are named, for as long as it is told", async () => {
    const { out, status } = await explore("sound", "--minutes", "0.005", "--cores", "1")
    assert.match(out, /^ *[\d,]+ +[\d,]+ +\d+\.\d s +passed/m)
    assert.match(out, /^1 tests, /m)
    assert.strictEqual(status, 0)
  })

  it("refuses what makes no sense", async () => {
    const refused: ReadonlyArray<readonly [options: ReadonlyArray<string>, message: string]> = [
      [["--runs", "0"], "--runs has to be an integer of at least 1, and is 0"],
      [["--seed", "1.5"], "--seed has to be an integer of at least 0, and is 1.5"],
      [["--cores", "x"], "--cores has to be an integer of at least 1, and is x"],
      [["--minutes", "0"], "--minutes has to be above 0, and is 0"],
      [["--runs", "5", "--minutes", "1"], "--runs and --minutes exclude each other"],
      [["--fast"], "'--fast'"]
    ]
    const ran = refused.map(async ([options, message]) => {
      const { out, status } = await explore(...options)
      assert.include(out, message)
      assert.include(out, "usage: pnpm explore [words]")
      assert.strictEqual(status, 2)
    })
    await Promise.all(ran)
  })

  it("says how it is called", async () => {
    const { out, status } = await explore("--help")
    assert.match(out, /^usage: pnpm explore \[words\]/)
    assert.match(out, /--minutes M +about so long in all/)
    assert.strictEqual(status, 0)
  })

  it("a name without a test is no success", async () => {
    const { out, status } = await explore("no such 'test' [.*")
    assert.include(out, "no test that explores has such a file or name")
    assert.strictEqual(status, 1)
  })

  it("a replayed schedule that is not of the test fails it; one that is runs once", async () => {
    const vitest = join(root, "node_modules/vitest/vitest.mjs")
    const test = (name: string, EXPLORE_REPLAY: string) =>
      run([vitest, "run", "--dir", folder, "-t", name], { EXPLORE_REPLAY, NO_COLOR: "1" })
    const other = await test("^(sound|model)$", "op:0:zz.1")
    assert.include(other.out, "EXPLORE_REPLAY is not a schedule of this test as it is now")
    assert.include(other.out, 'replay must be a replay string of linearizable, got "op:0:zz.1"')
    assert.strictEqual(other.status, 1)
    assert.strictEqual((await test("^sound$", "op:0:")).status, 0)
  })
})

describe("what pnpm explore says", () => {
  const part = (core: number, error?: string): Part => ({
    file: "a.test.ts",
    name: "it's\n(odd) > -x",
    runs: 10,
    schedules: 5,
    millis: 1000 * core,
    replay: error === undefined ? undefined : `op:${core}:1.1`,
    error
  })
  const failure = (core: number, reason: string) =>
    part(core, `failed: ${reason}\n\nfound by run ${core} with seed ${core}`)

  it("adds up what the cores ran, and tells every failure once, whichever core found it", () => {
    const parts = [part(1), failure(2, "one"), failure(3, "other"), failure(4, "one")]
    const summary = summarise({ parts, errors: [] })
    assert.isTrue(summary.failed)
    assert.lengthOf(summary.tests, 1)
    const text = describeSummary(summary)
    assert.match(text, /^ *40 +20 +4\.0 s +FAILED +a\.test\.ts: it's \(odd\) > -x$/m)
    assert.deepStrictEqual(text.match(/^failed: .*$/gm), ["failed: one", "failed: other"])
    assert.deepStrictEqual(text.match(/EXPLORE_REPLAY='[^']*'/g), [
      "EXPLORE_REPLAY='op:2:1.1'",
      "EXPLORE_REPLAY='op:3:1.1'"
    ])
  })

  it("a name is a pattern that finds it, quoted for a shell", () => {
    const text = describeSummary(summarise({ parts: [failure(0, "it")], errors: [] }))
    assert.include(text, String.raw`-t 'it'\''s\s+\(odd\)(?: > | )-x'`)
    for (const name of [
      "a|b ^c$ *? {1} [x] \\\\d+",
      "suite > test",
      "-t",
      "two\n  lines",
      'it\'s "quoted" `id` $HOME'
    ]) {
      const pattern = new RegExp(`^${escaped(name)}$`)
      assert.match(name, pattern)
      assert.match(name.replaceAll(" > ", " "), pattern)
      assert.notMatch(`${name}.`, pattern)
    }
    assert.notMatch(escaped("-t"), /^-/)
  })
})
