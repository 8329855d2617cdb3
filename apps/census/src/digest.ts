import * as crypto from "node:crypto"
import * as zlib from "node:zlib"

/**
 * What is computed from the bytes of a file: SHA-256, the size under gzip (level 1; the output itself is thrown away), the
 * newlines, and whether it is binary.
 *
 * Compression runs in libuv's threads; hashing and counting run on this thread in the meantime. A call that has begun is
 * uninterruptible, since it reads a buffer that will be used again; it lasts as long as one chunk takes.
 *
 * A file of one chunk is compressed in one call, which costs a third of a stream. Rejected: one compressor for many files
 * with a `reset` in between. That saves 25 us per file, but zlib then gives a byte more or less depending on what it saw
 * before, so that no two runs would agree.
 */
import * as Effect from "effect/Effect"

export interface Digest {
  /** 32 characters, one per byte of the hash: half of what hexadecimal takes. */
  readonly sha256: string
  readonly gzipBytes: number
  /** 0 if the file is binary. */
  readonly newlines: number
  readonly binary: boolean
}

const level = 1
const maxOutputBytes = 64 * 1024

/** git's rule: a text has no NUL in its first bytes. */
const sniffBytes = 8000

const newline = 0x0a

const countNewlines = (bytes: Buffer): number => {
  let count = 0
  for (let index = 0; index < bytes.length; index++) if (bytes[index] === newline) count++
  return count
}

// zlib's native handle outlives its call by a major collection, and keeps the callback. Hence a callback that keeps nothing:
// otherwise the fiber of every file read would stay with it, and a census of many small files would take twice the memory.
const compress = (bytes: Buffer, done: (error: Error | null, gzipBytes: number) => void): void => {
  const waiting = [done]
  zlib.gzip(bytes, { level, chunkSize: Math.min(bytes.length + 64, maxOutputBytes) }, (error, output) =>
    waiting.pop()?.(error, output?.length)
  )
}

/** The digest of a whole file. */
export const digest = (bytes: Buffer): Effect.Effect<Digest> =>
  Effect.uninterruptible(
    Effect.callback<Digest>((resume) => {
      compress(bytes, (error, gzipBytes) =>
        resume(error === null ? Effect.succeed({ ...rest, gzipBytes }) : Effect.die(error))
      )
      const binary = bytes.subarray(0, sniffBytes).includes(0)
      const sha256 = crypto.hash("sha256", bytes, "binary")
      const rest = { sha256, newlines: binary ? 0 : countNewlines(bytes), binary }
    })
  )

/** The digest of a file that comes in chunks. `close` it, whatever happens. */
export class Digester {
  private readonly hash = crypto.createHash("sha256")
  private readonly gzip = zlib.createGzip({ level, chunkSize: maxOutputBytes })
  private bytes = 0
  private gzipBytes = 0
  private newlines = 0
  private binary = false

  constructor() {
    this.gzip.on("data", (output: Buffer) => {
      this.gzipBytes += output.length
    })
  }

  /** `chunk` is free again when this ends. */
  add(chunk: Buffer): Effect.Effect<void> {
    return Effect.uninterruptible(
      Effect.callback<void>((resume) => {
        this.gzip.write(chunk, (error) => resume(error ? Effect.die(error) : Effect.void))
        this.hash.update(chunk)
        if (this.bytes < sniffBytes) this.binary ||= chunk.subarray(0, sniffBytes - this.bytes).includes(0)
        if (!this.binary) this.newlines += countNewlines(chunk)
        this.bytes += chunk.length
      })
    )
  }

  readonly finish: Effect.Effect<Digest> = Effect.uninterruptible(
    Effect.callback<Digest>((resume) => {
      this.gzip.once("error", (error) => resume(Effect.die(error)))
      this.gzip.once("end", () => {
        const { binary, gzipBytes } = this
        const sha256 = this.hash.digest("binary")
        resume(Effect.succeed({ sha256, gzipBytes, newlines: binary ? 0 : this.newlines, binary }))
      })
      this.gzip.end()
    })
  )

  readonly close: Effect.Effect<void> = Effect.sync(() => {
    this.gzip.destroy()
  })
}
