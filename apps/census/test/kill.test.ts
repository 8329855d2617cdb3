import * as fs from "node:fs"

/** A run with a checkpoint that is killed, again and again. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"

import { folderWith, noise } from "./support/folders.ts"
import { main, start } from "./support/process.ts"
import { linesIn, record, sizeOf, startEnricher, until } from "./support/records.ts"

const kills = 20
const batch = 256
const batches = 150

/** Four requests at a time, and as many batches before and behind them. */
const inFlight = 8 * batch

const isBad = (line: number): boolean => line % 1000 === 0

it.effect(
  "killed at 20 random moments: what it has written is everything, and repeats at most what was in flight",
  () =>
    Effect.gen(function* () {
      const numbers = Array.from({ length: batch * batches }, (_, index) => index + 1)
      const folder = yield* folderWith({
        in: numbers.map((line) => (isBad(line) ? "?\n" : `${record(line)}\n`)).join("")
      })
      const { url } = yield* startEnricher(100_000)
      const [out, dead] = [`${folder}/out`, `${folder}/dead`]
      const begin = (rate: number) =>
        start(process.execPath, [
          main,
          "--ndjson",
          `${folder}/in`,
          "--out",
          out,
          "--dead-letters",
          dead,
          "--checkpoint",
          `${folder}/done`,
          "--enricher",
          url,
          "--rate",
          `${rate}`
        ])
      const whole = () => {
        const text = fs.existsSync(out) ? fs.readFileSync(out, "utf8") : ""
        return text.slice(0, text.lastIndexOf("\n") + 1).length
      }

      const starts: Array<number> = []
      const random = noise(2 * kills, 58)
      for (let round = 0; round < kills; round++) {
        const before = whole()
        starts.push(before)
        // the first goes further than what may be in flight: who began again from the start would repeat more
        const written = (round === 0 ? 20 : random[2 * round]! % 6) * batch * 80
        const { ended, process: child } = yield* begin(25)
        yield* until(() => sizeOf(out) > before + written || child.exitCode !== null)
        const delay = performance.now() + (random[2 * round + 1]! % 40)
        yield* until(() => performance.now() >= delay)
        child.kill("SIGKILL")
        const { signal } = yield* ended
        assert.strictEqual(signal, "SIGKILL", "it ended before it was killed")
      }
      starts.push(whole())
      const { code } = yield* Effect.flatMap(begin(10_000), ({ ended }) => ended)
      assert.strictEqual(code, 0)

      assert.deepStrictEqual(new Set(linesIn(out)), new Set(numbers.filter((line) => !isBad(line))))
      assert.deepStrictEqual(new Set(linesIn(dead)), new Set(numbers.filter(isBad)))
      const text = fs.readFileSync(out, "utf8")
      const seen = new Set<number>()
      for (const [index, from] of starts.entries()) {
        const lines = text
          .slice(from, starts[index + 1])
          .split("\n")
          .slice(0, -1)
        const run = lines.map((line): number => JSON.parse(line).line)
        const repeated = run.filter((line) => seen.has(line)).length
        assert.strictEqual(new Set(run).size, run.length, "one run wrote a record twice")
        assert.isTrue(repeated <= inFlight, `run ${index} repeated ${repeated} records`)
        for (const line of run) seen.add(line)
      }
    }),
  { timeout: 120_000 }
)
