import * as fs from "node:fs"

/**
 * The file system, as census needs it: the only module that touches `node:fs`.
 *
 * Paths are bytes, since a name need not be UTF-8. Every call is uninterruptible and short: libuv cannot take back a call
 * that a thread has begun, and a descriptor must not be closed under it. An interruption takes effect between two calls.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"

/** A call that the file system refused. `reason` says it in plain words. */
export class FileError extends Schema.TaggedError<FileError>()("FileError", {
  code: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return this.reason
  }
}

type Kind = "file" | "directory" | "symlink" | "FIFO" | "socket" | "character device" | "block device" | "unknown"

/** An entry of a directory. */
export interface Entry {
  readonly name: Buffer
  readonly kind: Kind
}

/** What the file system says about a file. */
export interface Info {
  readonly kind: Kind
  readonly size: number
  readonly device: bigint
  readonly inode: bigint
  /** Nanoseconds since 1970. */
  readonly modified: bigint
}

/** An open file. */
export interface FileHandle {
  readonly descriptor: number
}

/** An open directory. */
export interface DirectoryHandle {
  readonly directory: fs.Dir
}

/** How many entries one call reads from a directory, and how many are held of it at a time. */
export const batchSize = 256

export interface FilesService {
  /** What a path leads to, symlinks followed. */
  readonly stat: (path: Buffer) => Effect.Effect<Info, FileError>
  /** The path without symlinks. */
  readonly realPath: (path: Buffer) => Effect.Effect<Buffer, FileError>
  readonly openDirectory: (path: Buffer) => Effect.Effect<DirectoryHandle, FileError>
  /** The next entries: fewer than `batchSize` at the end, and only there. */
  readonly readDirectory: (handle: DirectoryHandle) => Effect.Effect<ReadonlyArray<Entry>, FileError>
  readonly closeDirectory: (handle: DirectoryHandle) => Effect.Effect<void>
  /** Opens a file to read it. A symlink is refused; a FIFO without a writer does not block. */
  readonly open: (path: Buffer) => Effect.Effect<FileHandle, FileError>
  readonly info: (handle: FileHandle) => Effect.Effect<Info, FileError>
  /** Reads the next bytes into `buffer` and says how many. 0 is the end of the file. */
  readonly read: (handle: FileHandle, buffer: Buffer) => Effect.Effect<number, FileError>
  readonly close: (handle: FileHandle) => Effect.Effect<void>
}

/** A service, so that a test can act between two calls. */
export class Files extends Context.Service<Files, FilesService>()("@heddle/census/Files") {
  static readonly layer = Layer.sync(Files, () => nodeFiles)
}

// ---------------------------------------------------------------------------------------------------------------------
// node:fs

const reasons: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EBUSY: "in use by the system",
  EINVAL: "cannot be read: the system calls it invalid",
  EIO: "input/output error",
  EISDIR: "is a directory now",
  ELOOP: "too many levels of symlinks",
  EMFILE: "too many open files in this process",
  ENAMETOOLONG: "the path is longer than the system allows",
  ENFILE: "too many open files on this machine",
  ENODEV: "no such device",
  ENOENT: "does not exist",
  ENOMEM: "the system has no memory left for it",
  ENOTDIR: "is not a directory",
  ENXIO: "no such device, or a socket",
  EPERM: "permission denied",
  ESTALE: "the file server has forgotten it"
}

const fileError = (error: NodeJS.ErrnoException): FileError => {
  const code = error.code ?? "UNKNOWN"
  return new FileError({ code, reason: reasons[code] ?? `the system refused it with ${code}` })
}

type Done<A> = (error: NodeJS.ErrnoException | null, value: A) => void

const call = <A, B>(start: (done: Done<A>) => void, f: (value: A) => B): Effect.Effect<B, FileError> =>
  Effect.uninterruptible(
    Effect.callback<B, FileError>((resume) => {
      start((error, value) => resume(error === null ? Effect.succeed(f(value)) : Effect.fail(fileError(error))))
    })
  )

// A close that fails leaves nothing to do: the descriptor is gone, and nothing was written through it.
const close = (start: (done: () => void) => void): Effect.Effect<void> =>
  Effect.uninterruptible(Effect.callback<void>((resume) => start(() => resume(Effect.void))))

const kindOf = (entry: fs.Dirent | fs.BigIntStats): Kind => {
  if (entry.isFile()) return "file"
  if (entry.isDirectory()) return "directory"
  if (entry.isSymbolicLink()) return "symlink"
  if (entry.isFIFO()) return "FIFO"
  if (entry.isSocket()) return "socket"
  if (entry.isCharacterDevice()) return "character device"
  return entry.isBlockDevice() ? "block device" : "unknown"
}

const infoOf = (stats: fs.BigIntStats): Info => ({
  kind: kindOf(stats),
  size: Number(stats.size),
  device: stats.dev,
  inode: stats.ino,
  modified: stats.mtimeNs
})

// The types of Node.js lack the encoding "buffer" here; `entryOf` checks what it gives.
const byName = { encoding: "buffer", bufferSize: batchSize } as unknown as fs.OpenDirOptions

const entryOf = (dirent: fs.Dirent): Entry => {
  const name: unknown = dirent.name
  return { name: Buffer.isBuffer(name) ? name : Buffer.from(dirent.name), kind: kindOf(dirent) }
}

const readBatch = (directory: fs.Dir, done: Done<ReadonlyArray<Entry>>): void => {
  const entries: Array<Entry> = []
  const next = (): void => directory.read(take)
  const take = (error: NodeJS.ErrnoException | null, dirent: fs.Dirent | null): void => {
    if (error !== null) return done(error, entries)
    if (dirent === null) return done(null, entries)
    if (entries.push(entryOf(dirent)) === batchSize) return done(null, entries)
    next()
  }
  next()
}

const readable = fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK

const nodeFiles: FilesService = {
  stat: (path) => call((done) => fs.stat(path, { bigint: true }, done), infoOf),
  realPath: (path) => call((done) => fs.realpath.native(path, { encoding: "buffer" }, done), identity<Buffer>),
  openDirectory: (path) =>
    call(
      (done) => fs.opendir(path, byName, done),
      (directory: fs.Dir) => ({ directory })
    ),
  readDirectory: ({ directory }) => call((done) => readBatch(directory, done), identity<ReadonlyArray<Entry>>),
  closeDirectory: ({ directory }) => close((done) => directory.close(done)),
  open: (path) =>
    call(
      (done) => fs.open(path, readable, done),
      (descriptor: number) => ({ descriptor })
    ),
  info: ({ descriptor }) => call((done) => fs.fstat(descriptor, { bigint: true }, done), infoOf),
  read: ({ descriptor }, buffer) =>
    call((done) => fs.read(descriptor, buffer, 0, buffer.length, null, done), identity<number>),
  close: ({ descriptor }) => close((done) => fs.close(descriptor, done))
}
