import * as fs from "node:fs"
import * as http from "node:http"
import type { AddressInfo } from "node:net"

/** Records from lines of JSON: the program and its enricher, as processes. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"

import { folderWith, shell } from "./support/folders.ts"
import { main, run, runCensus, start } from "./support/process.ts"
import { linesIn, record, recordLines, sizeOf, startEnricher, until } from "./support/records.ts"

const slow = { timeout: 60_000 }

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1)

/** An enricher that does as the test says: `respond` is told how many requests came before. */
const ownEnricher = (respond: (response: http.ServerResponse, before: number, packages: number) => void) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly url: string; readonly server: http.Server }>((resume) => {
      let before = 0
      const server = http.createServer((request, response) => {
        let body = ""
        request.setEncoding("utf8").on("data", (text: string) => {
          body += text
        })
        request.on("end", () => respond(response, before++, JSON.parse(body).length))
      })
      server.listen(0, "127.0.0.1", () => {
        const { port } = server.address() as AddressInfo
        resume(Effect.succeed({ server, url: `http://127.0.0.1:${port}` }))
      })
    }),
    ({ server }) =>
      Effect.sync(() => {
        server.close()
        server.closeAllConnections()
      })
  )

const giveOwners = (response: http.ServerResponse, packages: number) =>
  response.end(JSON.stringify(Array.from({ length: packages }, () => "weaver")))

/** What the system says of a process; nothing when it has ended. */
const statusOf = (id: number | undefined): string => {
  try {
    return fs.readFileSync(`/proc/${id}/status`, "utf8")
  } catch {
    return ""
  }
}

describe("records", () => {
  it.effect(
    "are written in their order; what is none is a dead letter, a line of 100 MB too, which is not held",
    () =>
      Effect.gen(function* () {
        const folder = yield* folderWith({})
        const { url } = yield* startEnricher(1000)
        const bad = [
          "{",
          "[]",
          `{"package":"heddle","path":"x","bytes":-1}`,
          `{"package":"heddle","path":"x","bytes":"1"}`,
          `{"package":"no such package","path":"x","bytes":1}`
        ]
        fs.writeFileSync(`${folder}/in`, `${record(1)}\r\n\n\r\n${bad.join("\n")}\n\xff\n`, "latin1")
        shell("head -c 100000000 /dev/zero | tr '\\0' x >> in; printf '\\n' >> in", folder)
        // the last line has no end, and the input stops in the midst of it
        fs.appendFileSync(`${folder}/in`, `${record(11)}\n${record(12).slice(0, -1)}`)
        const census = yield* start(process.execPath, [
          main,
          "--ndjson",
          `${folder}/in`,
          "--enricher",
          url,
          "--dead-letters",
          `${folder}/dead`
        ])
        let peak = 0
        const sampling = until(() => {
          const status = statusOf(census.process.pid)
          peak = Math.max(peak, Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0))
          return false
        })
        const { code, stderr, stdout } = yield* Effect.raceFirst(census.ended, sampling as Effect.Effect<never>)
        assert.deepStrictEqual([code, stderr], [0, "census: 2 records written, 8 dead letters\n"])
        assert.deepStrictEqual(
          stdout
            .trim()
            .split("\n")
            .map((line): unknown => JSON.parse(line)),
          [
            { line: 1, package: "heddle", path: "src/1.ts", bytes: 1, owner: "npm", size: "small" },
            { line: 11, package: "heddle", path: "src/11.ts", bytes: 11, owner: "npm", size: "small" }
          ]
        )
        const dead = fs.readFileSync(`${folder}/dead`, "utf8").trim().split("\n")
        assert.deepStrictEqual(new Set(linesIn(`${folder}/dead`)), new Set([4, 5, 6, 7, 8, 9, 10, 12]))
        assert.isTrue(dead.every((line) => line.length < 1200))
        for (const reason of [
          /"line":4,"reason":"is not JSON","text":"{"/,
          /"line":5,"reason":"is no record: /,
          /"line":6,.*at \[\\"bytes\\"\]/,
          /"line":8,"reason":"is of a package that the enricher does not know"/,
          /"line":9,"reason":"is not UTF-8"/,
          /"line":10,"reason":"is longer than 1 MiB: 100000000 bytes","text":"x{1000}"/
        ]) {
          assert.isTrue(
            dead.some((line) => reason.test(line)),
            `${reason} in ${dead.join("\n").slice(0, 3000)}`
          )
        }
        assert.isTrue(peak > 0 && peak < 400_000, `${peak} kB`)
      }),
    slow
  )

  it.effect(
    "the enricher says when to come again, and nobody comes before",
    () =>
      Effect.gen(function* () {
        const folder = yield* folderWith({ in: recordLines(1024) })
        const came: Array<number> = []
        const started = performance.now()
        const { url } = yield* ownEnricher((response, before, packages) => {
          came.push(performance.now())
          if (before === 1) response.writeHead(429, { "retry-after": "1" }).end()
          else giveOwners(response, packages)
        })
        const { code, stderr } = yield* runCensus(
          "--ndjson",
          `${folder}/in`,
          "--out",
          `${folder}/out`,
          "--enricher",
          url,
          "--rate",
          "2",
          "--concurrency",
          "1"
        )
        assert.deepStrictEqual([code, stderr], [0, "census: 1,024 records written, 0 dead letters\n"])
        assert.deepStrictEqual(linesIn(`${folder}/out`), upTo(1024))
        const [, second = 0, third = 0, , last = 0] = came
        assert.strictEqual(came.length, 5)
        assert.isTrue(third - second > 900, `after what the enricher said: ${third - second} ms`)
        // two per second, a whole second's pause between them
        assert.isTrue(last - started > 2400, `at its own pace: ${last - started} ms`)
      }),
    slow
  )

  it.effect(
    "serve-enricher refuses what comes too fast, and what it does not understand",
    () =>
      Effect.gen(function* () {
        const { url } = yield* startEnricher(1)
        const ask = (body: string) => Effect.promise(() => fetch(url, { method: "POST", body }))
        assert.strictEqual((yield* ask("no JSON")).status, 400)
        const { headers, status } = yield* ask(`["heddle"]`)
        assert.deepStrictEqual([status, headers.get("retry-after")], [429, "1"])
      }),
    slow
  )

  it.effect(
    "an enricher that is killed and comes back: nothing is lost, nothing twice",
    () =>
      Effect.gen(function* () {
        const folder = yield* folderWith({ in: recordLines(5120) })
        const first = yield* startEnricher(1000)
        const census = yield* start(process.execPath, [
          main,
          "--ndjson",
          `${folder}/in`,
          "--out",
          `${folder}/out`,
          "--enricher",
          first.url,
          "--rate",
          "30"
        ])
        yield* until(() => sizeOf(`${folder}/out`) > 0)
        yield* first.kill
        yield* startEnricher(1000, new URL(first.url).port)
        const { code, stderr } = yield* census.ended
        assert.deepStrictEqual([code, stderr], [0, "census: 5,120 records written, 0 dead letters\n"])
        assert.deepStrictEqual(linesIn(`${folder}/out`), upTo(5120))
      }),
    slow
  )

  it.effect(
    "an enricher that stays away ends the run, and the next one goes on where it ended",
    () =>
      Effect.gen(function* () {
        const folder = yield* folderWith({ in: recordLines(1024) })
        let isThere = true
        const { url } = yield* ownEnricher((response, before, packages) => {
          if (before === 2) isThere = false
          if (isThere) giveOwners(response, packages)
          else response.destroy()
        })
        const args = ["--ndjson", `${folder}/in`, "--out", `${folder}/out`, "--checkpoint", `${folder}/done`].concat([
          "--dead-letters",
          `${folder}/dead`
        ])
        const once = runCensus(...args, "--enricher", url, "--patience", "0", "--concurrency", "1")
        const away = yield* once
        assert.strictEqual(away.code, 2)
        assert.strictEqual(
          away.stderr,
          `census: 512 records written, 0 dead letters\ncensus: the enricher at ${url} cannot be reached, and gave no answer for 0 s\n`
        )
        assert.deepStrictEqual(linesIn(`${folder}/out`), upTo(512))
        isThere = true
        const back = yield* once
        assert.deepStrictEqual([back.code, back.stderr], [0, "census: 512 records written, 0 dead letters\n"])
        assert.deepStrictEqual(linesIn(`${folder}/out`), upTo(1024))
      }),
    slow
  )

  it.effect(
    "a reader that goes away, a disk that is full, an input that is not there: one line, exit code 2",
    () =>
      Effect.gen(function* () {
        const folder = yield* folderWith({ in: recordLines(4000) })
        const { url } = yield* startEnricher(1000)
        const command = `'${process.execPath}' '${main}' --enricher ${url} --ndjson`
        const shellOf = (text: string) => run("bash", ["-c", `set -o pipefail; ${text}`])
        const gone = yield* shellOf(`${command} - < '${folder}/in' | true`)
        assert.deepStrictEqual([gone.code, gone.stdout], [2, ""])
        assert.match(gone.stderr, /^census: .*\ncensus: cannot write the output: nobody reads it any more\n$/)
        const full = yield* shellOf(`${command} '${folder}/in' --out /dev/full`)
        assert.strictEqual(full.code, 2)
        assert.match(full.stderr, /census: cannot write the output: .*no space left.*\n$/)
        const missing = yield* shellOf(`${command} '${folder}/missing'`)
        assert.strictEqual(missing.code, 2)
        assert.match(missing.stderr, /census: cannot read the input: .*ENOENT.*\n$/)
      }),
    slow
  )

  it.effect(
    "options that need others are refused",
    () =>
      Effect.gen(function* () {
        const alone = yield* runCensus("--checkpoint", "done")
        assert.deepStrictEqual(
          [alone.code, alone.stderr],
          [1, "census: --checkpoint, --dead-letters and --out need --ndjson\n"]
        )
        const torn = yield* runCensus("--ndjson", "in", "--checkpoint", "done")
        assert.strictEqual(torn.code, 1)
        assert.match(torn.stderr, /^census: --checkpoint needs --out: /)
        const passedOver = yield* runCensus("--ndjson", "in", "--checkpoint", "done", "--out", "out")
        assert.strictEqual(passedOver.code, 1)
        assert.match(passedOver.stderr, /^census: --checkpoint needs --dead-letters: /)
      }),
    slow
  )
})
