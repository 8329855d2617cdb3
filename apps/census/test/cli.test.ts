import { fileURLToPath } from "node:url"

/** The program, as a process. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

import { ReportJson } from "../src/report.ts"
import { folderWith, shell } from "./support/folders.ts"
import { hasRead, main, run, runCensus, start } from "./support/process.ts"

const node = process.execPath

/** Thousands of files: a census of them takes seconds. */
const modules = fileURLToPath(new URL("../../../node_modules", import.meta.url))

/** A thousand files: long enough to be watched. */
const watchable = fileURLToPath(new URL("src", import.meta.resolve("effect/package.json")))

const slow = { timeout: 60_000 }

const decode = Schema.decodeEffect(ReportJson)

/** A command line of the shell, as `script` runs it. */
const quoted = (...args: ReadonlyArray<string>) => args.map((arg) => `'${arg}'`).join(" ")

describe("options", () => {
  it.effect(
    "--help says what there is",
    () =>
      Effect.gen(function* () {
        const { code, stdout } = yield* runCensus("--help")
        assert.strictEqual(code, 0)
        for (const option of ["[<dir>]", "--concurrency", "--max-bytes-in-flight", "--json", "--top", "--help"]) {
          assert.include(stdout, option)
        }
      }),
    slow
  )

  it.effect(
    "values that make no sense are refused by name, without a stack trace",
    () =>
      Effect.gen(function* () {
        const cases: ReadonlyArray<readonly [ReadonlyArray<string>, RegExp]> = [
          [["--concurrency", "0"], /--concurrency: "0". Expected: a whole number from 1 to 256/],
          [["--max-bytes-in-flight", "12x"], /--max-bytes-in-flight: "12x". Expected: a size of at least 64KiB/],
          [["--max-bytes-in-flight", "1KiB"], /--max-bytes-in-flight: "1KiB". Expected: a size of at least 64KiB/],
          [["--top", "many"], /--top: "many"/],
          [["--what"], /Unrecognized flag: --what/]
        ]
        yield* Effect.forEach(
          cases,
          ([args, message]) =>
            Effect.map(runCensus(...args), ({ code, stderr }) => {
              assert.strictEqual(code, 1)
              assert.match(stderr, message)
              assert.notMatch(stderr, /\n\s+at /)
            }),
          { concurrency: 2 }
        )
      }),
    slow
  )

  it.effect(
    "a root that is missing or a file: one line, exit code 2",
    () =>
      Effect.gen(function* () {
        const folder = yield* folderWith({ file: "x" })
        const missing = yield* runCensus(`${folder}/missing`)
        assert.deepStrictEqual(missing, {
          code: 2,
          signal: null,
          stdout: "",
          stderr: `census: ${folder}/missing: no such directory\n`
        })
        const file = yield* runCensus(`${folder}/file`, "--json")
        assert.deepStrictEqual(file, {
          code: 2,
          signal: null,
          stdout: "",
          stderr: `census: ${folder}/file: is a file, not a directory\n`
        })
      }),
    slow
  )
})

describe("output", () => {
  it.effect(
    "--json is the report; nothing else is printed, and nothing on standard error",
    () =>
      Effect.gen(function* () {
        const folder = yield* folderWith({ a: "one\n", b: { c: "two\n" } })
        const { code, stderr, stdout } = yield* runCensus(
          folder,
          "--json",
          "--max-bytes-in-flight",
          "1.5 MB",
          "--concurrency",
          "2"
        )
        const { partial, root, totals } = yield* decode(stdout)
        assert.deepStrictEqual([code, stderr, partial, root], [0, "", false, folder])
        assert.deepStrictEqual([totals.files, totals.directories, totals.bytes, totals.lines], [2, 2, 8, 2])
      }),
    slow
  )

  it.effect(
    "holds no character that acts on a terminal, whatever files and packages are called",
    () =>
      Effect.gen(function* () {
        const folder = yield* folderWith({
          "\u001B]0;title\u0007": "same",
          "\u001B[2J": "same",
          node_modules: {
            p: { "package.json": JSON.stringify({ name: "\u001B[31mred", version: "\u009B1", license: "\r" }) }
          }
        })
        shell(`mkfifo $'\\xff\\x1b[0m'`, folder)
        for (const args of [[folder], [folder, "--json"]]) {
          const { code, stdout } = yield* runCensus(...args)
          assert.strictEqual(code, 0)
          // eslint-disable-next-line no-control-regex
          assert.notMatch(stdout, /[\u0000-\u0009\u000B-\u001F\u007F-\u009F]/)
          assert.include(stdout, args.length === 1 ? "\\xff\\x1b[0m: is a FIFO" : "\\\\xff\\\\x1b[0m")
        }
      }),
    slow
  )

  it.effect(
    "files and folders that may not be read have a line each",
    () =>
      Effect.gen(function* () {
        const folder = yield* folderWith({ secret: "x", "secret folder": { inside: "y" }, open: "z", root: {} })
        shell("chmod 000 secret 'secret folder' root", folder)
        // root may read everything until it gives up the right to
        const asUser = process.getuid?.() === 0 ? ["--bounding-set=-dac_override,-dac_read_search"] : []
        const user = (...args: ReadonlyArray<string>) => run("setpriv", [...asUser, "--", node, main, ...args])
        const { code, stdout } = yield* user(folder)
        assert.strictEqual(code, 0)
        assert.match(stdout, /^1 file in /m)
        assert.include(stdout, "  secret: cannot be opened: permission denied\n")
        assert.include(stdout, "  secret folder: directory cannot be read: permission denied\n")
        const root = yield* user(`${folder}/root`)
        assert.deepStrictEqual([root.code, root.stderr], [2, `census: ${folder}/root: permission denied\n`])
        shell("chmod 700 'secret folder' root", folder)
      }),
    slow
  )

  it.effect(
    "into a pipe that nobody reads ends in silence",
    () =>
      Effect.gen(function* () {
        const folder = yield* folderWith(
          Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`${index}`, `${index}`]))
        )
        shell("for i in {1..3000}; do ln -s nowhere a-broken-link-with-a-long-name-$i; done", folder)
        for (const reader of ["head -1", "true"]) {
          const { code, stderr } = yield* run("bash", [
            "-c",
            `set -o pipefail; ${quoted(node, main, folder)} | ${reader}`
          ])
          assert.deepStrictEqual([code, stderr], [0, ""], reader)
        }
      }),
    slow
  )

  it.effect(
    "that cannot be written is an error",
    () =>
      Effect.gen(function* () {
        const folder = yield* folderWith({ a: "1" })
        const { code, stderr } = yield* run("bash", ["-c", `${quoted(node, main, folder)} > /dev/full`])
        assert.strictEqual(code, 2)
        assert.match(stderr, /^census: cannot write the output: .*no space left.*\n$/)
      }),
    slow
  )
})

describe("progress", () => {
  const clearLine = "\r\u001B[K"

  it.effect(
    "is drawn on a terminal, names the stages, and is gone before the report",
    () =>
      Effect.gen(function* () {
        const { code, stdout } = yield* run("script", ["-qec", quoted(node, main, watchable), "/dev/null"])
        assert.strictEqual(code, 0)
        const parts = stdout.split(clearLine)
        const drawn = parts.slice(1, -1)
        assert.isTrue(drawn.length > 0, "no progress was drawn")
        for (const line of drawn)
          assert.match(line, /files? · .* · [\d.]+ MB\/s · .* in flight · read \d+.* · analyse \d/)
        assert.match(parts.at(-1) ?? "", /^Census of /)
      }),
    slow
  )

  it.effect(
    "is not drawn when either output is no terminal, or for --json",
    () =>
      Effect.gen(function* () {
        const piped = yield* runCensus(watchable)
        assert.deepStrictEqual([piped.code, piped.stderr], [0, ""])
        const commands = [`${quoted(node, main, watchable)} | cat`, `${quoted(node, main, watchable)} --json`]
        for (const command of commands) {
          const { code, stdout } = yield* run("script", ["-qec", command, "/dev/null"])
          assert.strictEqual(code, 0)
          assert.notInclude(stdout, clearLine)
        }
      }),
    slow
  )
})

describe("a signal", () => {
  const enoughToBeInTheMidst = 80e6

  /** How long the process takes to end from the signal on, in milliseconds, and how it ended. */
  const interrupt = Effect.fnUntraced(function* (signal: NodeJS.Signals, ...args: ReadonlyArray<string>) {
    const census = yield* start(node, [main, ...args])
    yield* hasRead(census.process, enoughToBeInTheMidst)
    const sent = performance.now()
    census.process.kill(signal)
    const ended = yield* census.ended
    return { ...ended, took: performance.now() - sent }
  })

  it.effect(
    "SIGINT ends it within 100 ms, with the report so far and exit code 130",
    () =>
      Effect.gen(function* () {
        const took: Array<number> = []
        // the machine may be busy with something else for one of them
        for (let attempt = 0; attempt < 3; attempt++) {
          const { code, stderr, stdout, took: milliseconds } = yield* interrupt("SIGINT", modules)
          took.push(milliseconds)
          assert.deepStrictEqual([code, stderr], [130, ""])
          assert.match(stdout, /^Census of .*\nPARTIAL: /)
          const files = Number(/^([\d,]+) files in /m.exec(stdout)?.[1]?.replaceAll(",", ""))
          assert.isTrue(files > 100, stdout.slice(0, 300))
        }
        assert.isTrue(Math.min(...took) < 100, `ended after ${took.map(Math.round).join(", ")} ms`)
      }),
    slow
  )

  it.effect(
    "with --json the partial report is JSON; after SIGTERM the exit code is 143",
    () =>
      Effect.gen(function* () {
        const { code, stdout } = yield* interrupt("SIGTERM", modules, "--json")
        const { partial, totals } = yield* decode(stdout)
        assert.deepStrictEqual([code, partial], [143, true])
        assert.isTrue(totals.files > 100)
      }),
    slow
  )

  it.effect(
    "in the midst of one large file ends it too",
    () =>
      Effect.gen(function* () {
        const folder = yield* folderWith({})
        shell("truncate -s 100G sparse", folder)
        const { code, stdout, took } = yield* interrupt("SIGINT", folder)
        assert.strictEqual(code, 130)
        assert.match(stdout, /PARTIAL/)
        assert.isTrue(took < 1000, `${took} ms`)
      }),
    slow
  )
})
