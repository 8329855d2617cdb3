/**
 * One pass over one file: its digest, and the text of a package.json.
 *
 * Memory: a pass waits for permits worth `min(size, 8 MiB, the whole budget)` bytes, so that the files being read never
 * weigh more than the budget, and a file of any size passes. It reads at most 256 KiB at a time, and never more than its
 * permits, into a buffer that the next file uses again.
 *
 * A file is either counted whole or skipped with a reason. It must be of one size and one modification time from the first
 * look to the last; reading stops at the first byte beyond that size, so that a file that grows for ever is no trap.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as WeightedSemaphore from "heddle/WeightedSemaphore"

import { type Digest, digest, Digester } from "./digest.ts"
import { type FileError, type FileHandle, Files, type FilesService, type Info } from "./files.ts"
import { join } from "./names.ts"
import { Skipped } from "./walk.ts"

/** What a pass over a file tells. */
export interface Contents extends Digest {
  readonly bytes: number
  readonly device: bigint
  readonly inode: bigint
  /** The first bytes, as many as were asked for. */
  readonly head: Buffer
}

export interface Reader {
  /** `path` is relative to the root; `keep` is how many of the first bytes to hand on. */
  readonly read: (path: Buffer, keep: number) => Effect.Effect<Contents, Skipped>
  /** What the files being read weigh, as the budget counts them. */
  readonly bytesInFlight: Effect.Effect<number>
  /** All the bytes read so far, those of unfinished files included. */
  readonly bytesRead: () => number
}

export interface ReaderOptions {
  /** Absolute. */
  readonly root: Buffer
  /** At least 1. */
  readonly maxBytesInFlight: number
}

const chunkBytes = 256 * 1024
const maxWeight = 8 * 1024 * 1024

export const makeReader = Effect.fnUntraced(function* (options: ReaderOptions): Effect.fn.Return<Reader, never, Files> {
  const { maxBytesInFlight, root } = options
  const files = yield* Files
  const budget = yield* WeightedSemaphore.make({ permits: maxBytesInFlight, name: "bytes in flight" })
  const idle: Array<Buffer> = []
  let bytesRead = 0

  // A byte more than the permits: it tells that a file has grown.
  const lease = Effect.sync(() => idle.pop() ?? Buffer.allocUnsafeSlow(Math.min(chunkBytes, maxBytesInFlight + 1)))
  const giveBack = (buffer: Buffer) =>
    Effect.sync(() => {
      idle.push(buffer)
    })

  const pass = (handle: FileHandle, first: Info, keep: number) => {
    const weight = Math.min(first.size, maxWeight, maxBytesInFlight)
    const onBytes = (count: number) => {
      bytesRead += count
    }
    const run = (buffer: Buffer) =>
      new Pass(files, handle, first, buffer.subarray(0, weight + 1), keep, onBytes).contents
    return WeightedSemaphore.withPermits(budget, weight, Effect.acquireUseRelease(lease, run, giveBack))
  }

  const read = (path: Buffer, keep: number) =>
    Effect.acquireUseRelease(
      Effect.mapError(files.open(join(root, path)), openFailure),
      (handle) =>
        Effect.flatMap(files.info(handle), (first) =>
          first.kind === "file"
            ? pass(handle, first, keep)
            : Effect.fail(new Unread({ reason: `was replaced by a ${first.kind} before it was read` }))
        ),
      files.close
    ).pipe(Effect.mapError((error) => new Skipped({ path, reason: reasonOf(error) })))

  return {
    read,
    bytesInFlight: Effect.map(WeightedSemaphore.stats(budget), ({ taken }) => taken),
    bytesRead: () => bytesRead
  }
})

// ---------------------------------------------------------------------------------------------------------------------
// machinery

class Unread extends Data.TaggedError("Unread")<{ readonly reason: string }> {}

const reasonOf = (error: FileError | Unread): string =>
  error._tag === "FileError" ? `cannot be read: ${error.reason}` : error.reason

const openFailure = ({ code, reason }: FileError): Unread => {
  if (code === "ENOENT") return new Unread({ reason: "vanished before it was read" })
  if (code === "ELOOP") return new Unread({ reason: "was replaced by a symlink before it was read" })
  if (code === "ENXIO") return new Unread({ reason: "was replaced by a socket or device before it was read" })
  return new Unread({ reason: `cannot be opened: ${reason}` })
}

/** The pass over one open file. */
class Pass {
  private readonly files: FilesService
  private readonly handle: FileHandle
  private readonly first: Info
  private readonly buffer: Buffer
  private readonly keep: number
  private readonly onBytes: (count: number) => void
  private bytes = 0
  private readonly kept: Array<Buffer> = []

  constructor(
    files: FilesService,
    handle: FileHandle,
    first: Info,
    buffer: Buffer,
    keep: number,
    onBytes: (count: number) => void
  ) {
    this.files = files
    this.handle = handle
    this.first = first
    this.buffer = buffer
    this.keep = keep
    this.onBytes = onBytes
  }

  get contents(): Effect.Effect<Contents, FileError | Unread> {
    const { device, inode, size } = this.first
    return this.readChunk.pipe(
      Effect.flatMap((chunk) => (this.isLast(chunk) ? this.whole(chunk) : this.inChunks(chunk))),
      Effect.map((digest) => ({ ...digest, bytes: size, device, inode, head: Buffer.concat(this.kept) }))
    )
  }

  private readonly readChunk: Effect.Effect<Buffer, FileError | Unread> = Effect.suspend(() =>
    Effect.flatMap(this.files.read(this.handle, this.buffer), (count) => {
      const chunk = this.buffer.subarray(0, count)
      if (this.bytes < this.keep) this.kept.push(Buffer.from(chunk.subarray(0, this.keep - this.bytes)))
      this.bytes += count
      this.onBytes(count)
      return this.bytes > this.first.size ? Effect.fail(grew) : Effect.succeed(chunk)
    })
  )

  /** Less than was asked for, with all that there should be: the end, without asking once more. */
  private isLast(chunk: Buffer): boolean {
    return chunk.length === 0 || (this.bytes === this.first.size && chunk.length < this.buffer.length)
  }

  private whole(chunk: Buffer): Effect.Effect<Digest, FileError | Unread> {
    return Effect.andThen(this.unchanged, digest(chunk))
  }

  private inChunks(chunk: Buffer): Effect.Effect<Digest, FileError | Unread> {
    return Effect.acquireUseRelease(
      Effect.sync(() => new Digester()),
      (digester) => Effect.andThen(this.onwards(digester, chunk), digester.finish),
      (digester) => digester.close
    )
  }

  private onwards(digester: Digester, chunk: Buffer): Effect.Effect<void, FileError | Unread> {
    return Effect.flatMap(digester.add(chunk), () =>
      this.isLast(chunk) ? this.unchanged : Effect.flatMap(this.readChunk, (next) => this.onwards(digester, next))
    )
  }

  private readonly unchanged: Effect.Effect<void, FileError | Unread> = Effect.suspend(() =>
    Effect.flatMap(this.files.info(this.handle), ({ modified, size }) => {
      if (size > this.first.size) return Effect.fail(grew)
      if (size < this.first.size || this.bytes < this.first.size) return Effect.fail(shrank)
      return modified === this.first.modified ? Effect.void : Effect.fail(rewritten)
    })
  )
}

const grew = new Unread({ reason: "grew while it was read" })
const shrank = new Unread({ reason: "shrank while it was read" })
const rewritten = new Unread({ reason: "changed while it was read" })
