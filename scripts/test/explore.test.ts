/** `pnpm explore`, as a person calls it, on tests that are written for the purpose. */
import { spawn } from "node:child_process"
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"

import { afterAll, assert, beforeAll, describe, it } from "vitest"

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

describe("pnpm explore", () => {
  it("runs the tests that explore with the budget, on every core, and no others", async () => {
    const { out, status } = await explore("sound", "--runs", "500", "--cores", "2")
    assert.match(out, /^ *500 +\d+ .* passed .*sound\.test\.ts: sound$/m)
    assert.include(out, "1 tests, 500 runs")
    assert.strictEqual(status, 0)
  })

  it("finds what the budget of the test is too small for, and says how to run it again", async () => {
    const { out, status } = await explore("--runs", "4000", "--cores", "2")
    assert.match(out, /FAILED .*rare\.test\.ts: a \(rare\) thing > happens\?/)
    assert.include(out, "failed: Error: all were right")
    const [, replay] =
      /again: EXPLORE_REPLAY='([^']+)' npx -y pnpm@12 test \S*rare\.test\.ts -t '[^']+'/.exec(out) ?? []
    assert.match(replay ?? "", /^op:/)
    assert.match(out, / passed .*sound\.test\.ts: sound/)
    assert.strictEqual(status, 1)
  })

  it("works for as long as it is told", async () => {
    const { out, status } = await explore("sound", "--minutes", "0.005", "--cores", "1")
    assert.match(out, /^ *[\d,]+ +[\d,]+ +\d+\.\d s +passed/m)
    assert.strictEqual(status, 0)
  })

  it("refuses what makes no sense", async () => {
    for (const [options, message] of [
      [["--runs", "0"], "--runs has to be an integer of at least 1, and is 0"],
      [["--seed", "1.5"], "--seed has to be an integer of at least 0, and is 1.5"],
      [["--minutes", "0"], "--minutes has to be above 0, and is 0"],
      [["--runs", "5", "--minutes", "1"], "--runs and --minutes exclude each other"],
      [["--fast"], "'--fast'"]
    ] as const) {
      // one process at a time
      // oxlint-disable-next-line eslint/no-await-in-loop
      const { out, status } = await explore(...options)
      assert.include(out, message)
      assert.strictEqual(status, 2)
    }
    const { out, status } = await explore("no such test")
    assert.include(out, "no test that explores has such a file or name")
    assert.strictEqual(status, 1)
  })

  it("a replayed schedule that is not of the test fails it; one that is runs once", async () => {
    const vitest = join(root, "node_modules/vitest/vitest.mjs")
    const test = (EXPLORE_REPLAY: string) =>
      run([vitest, "run", "--dir", folder, "-t", "^sound$"], { EXPLORE_REPLAY, NO_COLOR: "1" })
    const other = await test("op:0:zz.1")
    assert.include(other.out, "EXPLORE_REPLAY is not a schedule of this test as it is now")
    assert.strictEqual(other.status, 1)
    assert.strictEqual((await test("op:0:")).status, 0)
  })
})
