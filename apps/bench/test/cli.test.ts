import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as ChildProcess from "effect/process/ChildProcess"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

import { Line } from "../src/harness.ts"

const main = `${import.meta.dirname}/../src/main.ts`

const bench = (...args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const spawner = yield* ChildProcessSpawner
    const child = yield* spawner.spawn(ChildProcess.make(process.execPath, ["--expose-gc", main, ...args]))
    const text = (bytes: typeof child.stdout) => Stream.mkString(Stream.decodeText(bytes))
    return yield* Effect.all(
      { exitCode: child.exitCode, stdout: text(child.stdout), stderr: text(child.stderr) },
      { concurrency: "unbounded" }
    )
  }).pipe(Effect.scoped)

const decodeLine = Schema.decodeUnknownEffect(Schema.fromJsonString(Line))

describe("the command line", () => {
  layer(NodeServices.layer)((it) => {
    it.effect("lists the benches without a name", () =>
      Effect.gen(function* () {
        const { exitCode, stdout } = yield* bench()
        assert.strictEqual(exitCode, 0)
        assert.match(stdout, /^semaphore: /m)
        assert.match(stdout, /^  pipeline\/c10-ordered$/m)
        assert.match(stdout, /^  census\/large-file-peak$/m)
      })
    )

    it.effect("refuses an unknown name with the list, before it runs the others", () =>
      Effect.gen(function* () {
        const { exitCode, stdout, stderr } = yield* bench("semaphore", "semaphor", "--json")
        assert.strictEqual(exitCode, 2)
        assert.strictEqual(stdout, "")
        assert.match(stderr, /no bench or figure named "semaphor"/)
        assert.match(stderr, /semaphore\/waiters-16000/)
      })
    )

    it.effect(
      "prints with --json a line per subject and nothing else",
      () =>
        Effect.gen(function* () {
          const name = "semaphore/uncontended-prebuilt"
          const { exitCode, stdout, stderr } = yield* bench(name, "--json", "--runs", "1")
          assert.strictEqual(exitCode, 0)
          assert.strictEqual(stderr, "")
          const lines = yield* Effect.forEach(stdout.trimEnd().split("\n"), (line) =>
            decodeLine(line, { onExcessProperty: "error" })
          )
          assert.deepStrictEqual(
            lines.map(({ bench, subject, unit }) => [bench, subject, unit]),
            ["heddle", "effect", "effect-partitioned", "none"].map((subject) => [name, subject, "ns/op"])
          )
          for (const { value } of lines) assert.isAbove(value, 0)
        }),
      30_000
    )
  })
})
