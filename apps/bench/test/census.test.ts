import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"

import { census, costOf, costOfCensus, folderWithRoom, writeLargeFile, writeSmallFiles } from "../src/census.ts"

const MiB = 1024 ** 2
const noRoom = { bytes: 0, files: 0 }

describe("census", () => {
  layer(NodeServices.layer, { excludeTestServices: true })((it) => {
    it.effect("has a peak and a time for either folder", () =>
      Effect.gen(function* () {
        const figures = yield* census.figures
        assert.deepStrictEqual(
          figures.map(({ id, unit }) => [id, unit]),
          [
            ["census/small-files-peak", "bytes"],
            ["census/small-files-time", "s"],
            ["census/large-file-peak", "bytes"],
            ["census/large-file-time", "s"]
          ]
        )
      })
    )

    it.effect("writes as many small files as it says, no two alike", () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const directory = yield* folderWithRoom(noRoom)
        yield* writeSmallFiles(directory, { count: 45, perFolder: 20 })
        assert.deepStrictEqual((yield* fs.readDirectory(directory)).toSorted(), ["folder-0", "folder-1", "folder-2"])
        const files = (yield* fs.readDirectory(directory, { recursive: true })).filter((name) => name.endsWith(".bin"))
        assert.strictEqual(files.length, 45)
        const contents = yield* Effect.forEach(files, (name) => fs.readFile(`${directory}/${name}`))
        for (const { length } of contents) assert.isTrue(length >= 256 && length <= 4096)
        const beginnings = contents.map((bytes) => Buffer.from(bytes.subarray(0, 256)).toString("base64"))
        assert.strictEqual(new Set(beginnings).size, 45)
      })
    )

    it.effect("writes a large file of exactly the size that it says, not sparse", () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const directory = yield* folderWithRoom(noRoom)
        yield* writeLargeFile(directory, { bytes: 150 * MiB + 7 })
        const { size, blocks } = yield* fs.stat(`${directory}/large.bin`)
        assert.strictEqual(Number(size), 150 * MiB + 7)
        assert.isTrue(blocks._tag === "Some" && Number(blocks.value) * 512 >= 150 * MiB)
      })
    )

    it.effect("deletes the folder when the scope ends", () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const directory = yield* Effect.scoped(
          Effect.tap(folderWithRoom(noRoom), (directory) => writeSmallFiles(directory, { count: 3, perFolder: 2 }))
        )
        assert.isFalse(yield* fs.exists(directory))
      })
    )

    it.effect("says how much room there is and how much is needed", () =>
      Effect.gen(function* () {
        const failure = yield* Effect.flip(folderWithRoom({ bytes: 1024 ** 6, files: 1 }))
        assert.strictEqual(failure._tag, "BenchFailed")
        assert.match(failure.message, /has room for .* but 1073741824\.0 GiB and 1 files are needed; set TMPDIR/)
      })
    )

    it.effect("measures the peak of the program itself, whatever the process that starts it holds", () =>
      Effect.gen(function* () {
        // more than the program has: a figure that survives `exec` would report these
        const held = Buffer.alloc(400 * MiB, 1)
        const small = yield* costOf(["--eval", "0"])
        const large = yield* costOf(["--eval", "Buffer.alloc(150 * 1024 ** 2, 1)"])
        assert.isBelow(small.peakBytes, 150 * MiB)
        assert.isAbove(large.peakBytes, 150 * MiB)
        assert.isBelow(large.peakBytes, held.length)
        assert.isAbove(small.seconds, 0)
      })
    )

    it.effect("takes no figure from a census that did not see every file", () =>
      Effect.gen(function* () {
        const bytes = 3000
        const measured = (files: number) =>
          costOfCensus((directory) => writeLargeFile(directory, { bytes }), {
            needed: noRoom,
            written: { files, bytes }
          })
        const { peakBytes, seconds } = yield* measured(1)
        assert.isTrue(peakBytes > 0 && seconds > 0)
        const failure = yield* Effect.flip(measured(2))
        assert.strictEqual(failure.message, "census saw 1 files of 3000 bytes where there are 2 files of 3000 bytes")
      })
    )

    it.effect("fails with what the program complained about", () =>
      Effect.gen(function* () {
        const failure = yield* Effect.flip(costOf(["--eval", "console.error('out of luck'); process.exit(3)"]))
        assert.strictEqual(failure._tag, "BenchFailed")
        assert.match(failure.message, /exited with 3: out of luck/)
      })
    )
  })
})
