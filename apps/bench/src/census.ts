/**
 * What census costs on two folders that no program may hold in memory: 100,000 small files, and one file of 4 GiB.
 *
 * The folder is made, census runs on it once as a process of its own, as a user would start it, and the folder is
 * deleted, also on failure and on Ctrl-C. Peak and time come from that one run, whatever `--runs` says: a run takes
 * minutes, and the second would find nothing that the first did not. The files were written a moment before, so as far
 * as the memory of the machine goes they are read from the page cache: the time is that of census, not of the disk.
 * `TMPDIR` says where the folder is made.
 */
import { randomBytes } from "node:crypto"
import { statfs } from "node:fs/promises"
import { fileURLToPath } from "node:url"

import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type { PlatformError } from "effect/PlatformError"
import * as ChildProcess from "effect/process/ChildProcess"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as Schema from "effect/Schema"
import type { Scope } from "effect/Scope"
import * as Stream from "effect/Stream"

import { type Bench, BenchFailed, type Subject } from "./harness.ts"

const MiB = 1024 ** 2
const GiB = 1024 ** 3

const smallFiles = { count: 100_000, perFolder: 1000 }
const largeFile = { bytes: 4 * GiB }

const smallFileBytes = (index: number): number => 256 + ((index * 997) % 3841)

/** Files of 256 bytes to 4 KiB, no two alike, in sub-folders. */
export const writeSmallFiles = Effect.fnUntraced(function* (
  directory: string,
  { count, perFolder }: typeof smallFiles
): Effect.fn.Return<void, PlatformError, FileSystem.FileSystem> {
  const fs = yield* FileSystem.FileSystem
  const noise = randomBytes(4096)
  const file = (index: number) => {
    const bytes = Buffer.from(noise.subarray(0, smallFileBytes(index)))
    bytes.writeUInt32LE(index)
    return fs.writeFile(`${directory}/${folder(index)}/${index}.bin`, bytes)
  }
  const folder = (index: number) => `folder-${Math.floor(index / perFolder)}`
  for (let index = 0; index < count; index += perFolder) yield* fs.makeDirectory(`${directory}/${folder(index)}`)
  yield* Effect.forEach(numbers(count), file, { concurrency: 16, discard: true })
})

/** One file that neither compresses nor is sparse: a block of noise again and again, each time with its number in it. */
export const writeLargeFile = Effect.fnUntraced(function* (
  directory: string,
  { bytes }: typeof largeFile
): Effect.fn.Return<void, PlatformError, FileSystem.FileSystem> {
  const fs = yield* FileSystem.FileSystem
  const block = randomBytes(Math.min(64 * MiB, bytes))
  yield* Effect.scoped(
    Effect.gen(function* () {
      const file = yield* fs.open(`${directory}/large.bin`, { flag: "wx" })
      for (let written = 0; written < bytes; written += block.length) {
        block.writeUInt32LE(written / block.length)
        yield* file.writeAll(block.subarray(0, bytes - written))
      }
    })
  )
})

const numbers = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, index) => index)

const sum = (terms: ReadonlyArray<number>): number => terms.reduce((total, term) => total + term, 0)

interface Content {
  readonly files: number
  readonly bytes: number
}

/** A temporary folder with this much room, gone with the scope. */
export const folderWithRoom = (
  needed: Content
): Effect.Effect<string, BenchFailed | PlatformError, FileSystem.FileSystem | Scope> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const directory = yield* fs.makeTempDirectoryScoped({ prefix: "heddle-bench-" })
    const disk = yield* Effect.promise(() => statfs(directory))
    const bytes = disk.bavail * disk.bsize
    // `files` is 0 where the file system has no fixed number of inodes.
    const files = disk.files === 0 ? Infinity : disk.ffree
    if (bytes < needed.bytes || files < needed.files) {
      const room = (bytes: number, files: number) => `${(bytes / GiB).toFixed(1)} GiB and ${files} files`
      return yield* new BenchFailed({
        message:
          `the folder of the temporary files has room for ${room(bytes, files)}, ` +
          `but ${room(needed.bytes, needed.files)} are needed; set TMPDIR to a folder with more`
      })
    }
    return directory
  })

export interface Cost {
  readonly peakBytes: number
  readonly seconds: number
}

/** Runs a Node.js program to its end. One that does not exit with 0 fails with what it wrote to stderr. */
export const costOf = (
  args: ReadonlyArray<string>
): Effect.Effect<Cost & { readonly output: string }, BenchFailed | PlatformError, ChildProcessSpawner> =>
  Effect.gen(function* () {
    const spawner = yield* ChildProcessSpawner
    const preload = new URL("reportPeak.ts", import.meta.url).href
    const [duration, { exitCode, peak, complaint, output }] = yield* Effect.timed(
      Effect.gen(function* () {
        const child = yield* spawner.spawn(
          ChildProcess.make(process.execPath, ["--import", preload, ...args], {
            stdin: "ignore",
            additionalFds: { fd3: { type: "output" } }
          })
        )
        return yield* Effect.all(
          {
            exitCode: child.exitCode,
            peak: Stream.mkString(Stream.decodeText(child.getOutputFd(3))),
            complaint: Stream.mkString(Stream.decodeText(child.stderr)),
            output: Stream.mkString(Stream.decodeText(child.stdout))
          },
          { concurrency: "unbounded" }
        )
      })
    )
    if (exitCode !== 0 || peak === "") {
      return yield* new BenchFailed({ message: `${args.join(" ")} exited with ${exitCode}: ${complaint.slice(-2000)}` })
    }
    return { peakBytes: Number(peak), seconds: Duration.toSeconds(duration), output }
  }).pipe(Effect.scoped)

const program = fileURLToPath(new URL("../../census/src/main.ts", import.meta.url))

const decodeReport = Schema.decodeUnknownEffect(
  Schema.fromJsonString(Schema.Struct({ totals: Schema.Struct({ files: Schema.Int, bytes: Schema.Int }) }))
)

/** Census on a folder that `write` fills. Figures of a run that left files out would be figures of another task. */
export const costOfCensus = (
  write: (directory: string) => Effect.Effect<void, PlatformError, FileSystem.FileSystem>,
  { needed, written }: { readonly needed: Content; readonly written: Content }
): Effect.Effect<Cost, BenchFailed, FileSystem.FileSystem | ChildProcessSpawner> =>
  Effect.gen(function* () {
    const directory = yield* folderWithRoom(needed)
    yield* write(directory)
    const { output, ...cost } = yield* costOf([program, directory, "--json"])
    const { totals } = yield* decodeReport(output)
    if (totals.files !== written.files || totals.bytes !== written.bytes) {
      const counted = ({ files, bytes }: Content) => `${files} files of ${bytes} bytes`
      return yield* new BenchFailed({ message: `census saw ${counted(totals)} where there are ${counted(written)}` })
    }
    return cost
  }).pipe(
    Effect.scoped,
    Effect.catchTag(["PlatformError", "SchemaError"], ({ message }) => Effect.fail(new BenchFailed({ message })))
  )

export const census: Bench = {
  name: "census",
  description: "apps/census over 100,000 small files, and over one file of 4 GiB",
  figures: Effect.gen(function* () {
    const { count } = smallFiles
    const small = yield* Effect.cached(
      costOfCensus((directory) => writeSmallFiles(directory, smallFiles), {
        // A file of a few KiB takes a block of 4 KiB on most disks, and its share of a folder.
        needed: { files: count + count / smallFiles.perFolder + 1, bytes: count * 5 * 1024 },
        written: { files: count, bytes: sum(numbers(count).map(smallFileBytes)) }
      })
    )
    const { bytes } = largeFile
    const large = yield* Effect.cached(
      costOfCensus((directory) => writeLargeFile(directory, largeFile), {
        needed: { files: 2, bytes: bytes + GiB },
        written: { files: 1, bytes }
      })
    )
    return [...figuresOf("small-files", small), ...figuresOf("large-file", large)]
  })
}

const figuresOf = (
  folder: string,
  cost: Effect.Effect<Cost, BenchFailed, FileSystem.FileSystem | ChildProcessSpawner>
) => {
  const subjects = (value: (cost: Cost) => number): Readonly<Record<string, Subject>> => ({
    heddle: Effect.map(cost, value)
  })
  return [
    { id: `census/${folder}-peak`, unit: "bytes", subjects: subjects(({ peakBytes }) => peakBytes) },
    { id: `census/${folder}-time`, unit: "s", subjects: subjects(({ seconds }) => seconds) }
  ]
}
