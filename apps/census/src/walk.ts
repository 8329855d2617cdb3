/**
 * What there is under a directory, as a stream. Symlinks are not followed.
 *
 * The walk goes in steps. A step reads one batch of entries from each of at most `maxOpenDirectories` directories at once;
 * a directory is closed when its last batch is read, before those below it are opened. So the number of open directories
 * does not depend on the depth of the tree, a folder of a million files is held a batch at a time, and the order is the
 * file system's own. What the walk does hold is the paths of the directories that it has yet to open.
 *
 * Rejected: a fiber per directory with a queue between (the order then depends on timing), and one batch of one directory
 * at a time (each call waits behind the compressions in libuv's threads, so that the walk would set the pace).
 */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

import { type DirectoryHandle, type Entry, type FileError, Files, type FilesService, batchSize } from "./files.ts"
import { contains, display, join } from "./names.ts"

/** Something that is not in the totals, and why. */
export class Skipped extends Data.TaggedError("Skipped")<{
  /** Relative to the root of the census. */
  readonly path: Buffer
  readonly reason: string
}> {
  override get message(): string {
    return `${display(this.path)}: ${this.reason}`
  }
}

/** What the walk comes upon. Paths are relative to the root. */
export type Found =
  | { readonly _tag: "File"; readonly path: Buffer }
  | { readonly _tag: "Directory"; readonly path: Buffer }
  | { readonly _tag: "Symlink"; readonly path: Buffer }
  | Skipped

/** `root` is absolute and free of symlinks. Ends with every directory closed, also when interrupted. */
export const walk = (
  root: Buffer,
  { maxOpenDirectories = 8 }: { readonly maxOpenDirectories?: number } = {}
): Stream.Stream<Found, never, Files> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const files = yield* Files
      const walker = new Walker(files, root, maxOpenDirectories)
      yield* Effect.addFinalizer(() => walker.close)
      return Stream.fromPull(Effect.succeed(walker.pull))
    })
  )

// ---------------------------------------------------------------------------------------------------------------------
// machinery

interface Visit {
  readonly path: Buffer
  handle: DirectoryHandle | undefined
}

class Walker {
  private readonly files: FilesService
  private readonly root: Buffer
  private readonly maxOpenDirectories: number
  // Invariant: at most maxOpenDirectories visits, and only visits have handles.
  private visits: ReadonlyArray<Visit> = []
  /** The directories yet to be visited, the next one last. */
  private readonly pending: Array<Buffer> = [Buffer.alloc(0)]

  constructor(files: FilesService, root: Buffer, maxOpenDirectories: number) {
    this.files = files
    this.root = root
    this.maxOpenDirectories = maxOpenDirectories
  }

  readonly pull: Effect.Effect<Arr.NonEmptyReadonlyArray<Found>, Cause.Done> = Effect.suspend(() => {
    const visits = [...this.visits]
    while (visits.length < this.maxOpenDirectories && this.pending.length > 0) {
      visits.push({ path: this.pending.pop()!, handle: undefined })
    }
    if (visits.length === 0) return Cause.done()
    this.visits = visits
    const step = Effect.forEach(visits, (visit) => this.advance(visit), { concurrency: "unbounded" })
    return Effect.flatMap(step, (results) => {
      this.visits = visits.filter(({ handle }) => handle !== undefined)
      const found = results.flat()
      for (const one of found.toReversed()) if (one._tag === "Directory") this.pending.push(one.path)
      return Arr.isReadonlyArrayNonEmpty(found) ? Effect.succeed(found) : this.pull
    })
  })

  readonly close: Effect.Effect<void> = Effect.suspend(() =>
    Effect.forEach(this.visits, (visit) => this.leave(visit), { discard: true })
  )

  /** Reads one batch of a directory, and closes it when that was the last. */
  private advance(visit: Visit): Effect.Effect<ReadonlyArray<Found>> {
    return this.enter(visit).pipe(
      Effect.flatMap(this.files.readDirectory),
      Effect.flatMap((entries) =>
        Effect.andThen(
          entries.length < batchSize ? this.leave(visit) : Effect.void,
          Effect.forEach(entries, (entry) => this.classify(visit.path, entry), { concurrency: 4 })
        )
      ),
      Effect.catch((error) => Effect.as(this.leave(visit), [unreadable(visit.path, error)]))
    )
  }

  private enter(visit: Visit): Effect.Effect<DirectoryHandle, FileError> {
    if (visit.handle !== undefined) return Effect.succeed(visit.handle)
    return Effect.uninterruptible(
      Effect.tap(this.files.openDirectory(join(this.root, visit.path)), (handle) =>
        Effect.sync(() => {
          visit.handle = handle
        })
      )
    )
  }

  private leave(visit: Visit): Effect.Effect<void> {
    return Effect.uninterruptible(
      Effect.suspend(() => {
        const { handle } = visit
        visit.handle = undefined
        return handle === undefined ? Effect.void : this.files.closeDirectory(handle)
      })
    )
  }

  private classify(directory: Buffer, { kind, name }: Entry): Effect.Effect<Found> {
    const path = join(directory, name)
    if (kind === "file") return Effect.succeed({ _tag: "File", path })
    if (kind === "directory") return Effect.succeed({ _tag: "Directory", path })
    if (kind === "symlink") return this.symlink(directory, path)
    return Effect.succeed(
      new Skipped({ path, reason: kind === "unknown" ? "is of a kind unknown here" : `is a ${kind}` })
    )
  }

  /** A symlink is left alone; but one that leads nowhere, or back to where it stands, is worth a line. */
  private symlink(directory: Buffer, path: Buffer): Effect.Effect<Found> {
    const link = join(this.root, path)
    return this.files.stat(link).pipe(
      Effect.flatMap(({ kind }) => (kind === "directory" ? this.files.realPath(link) : Effect.undefined)),
      Effect.map((target) =>
        target !== undefined && contains(target, join(this.root, directory))
          ? new Skipped({ path, reason: "symlink loop: leads back to a directory that contains it" })
          : { _tag: "Symlink" as const, path }
      ),
      Effect.catch((error) => Effect.succeed(new Skipped({ path, reason: symlinkReason(error) })))
    )
  }
}

const unreadable = (path: Buffer, { code, reason }: FileError): Skipped =>
  new Skipped({
    path,
    reason: code === "ENOENT" ? "directory vanished before it was read" : `directory cannot be read: ${reason}`
  })

const symlinkReason = ({ code, reason }: FileError): string => {
  if (code === "ENOENT" || code === "ENOTDIR") return "broken symlink: its target does not exist"
  return code === "ELOOP" ? "symlink loop: leads to itself" : `symlink that cannot be followed: ${reason}`
}
