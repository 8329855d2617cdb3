/**
 * A census of a directory tree: the stages, from the files to the report.
 *
 * ```
 *   discover ──▶ read ──────────────────────▶ analyse ──▶ tally
 *   (walk)       `concurrency` at a time,      (pure)      one report
 *                within `maxBytesInFlight`                    ▲
 *                  └───────────── skipped ────────────────────┘
 * ```
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Pipeline from "heddle/Pipeline"

import { analyse, wantedBytes } from "./analyse.ts"
import { Files } from "./files.ts"
import { display } from "./names.ts"
import { type Contents, makeReader } from "./read.ts"
import type { Report } from "./report.ts"
import { type Counted, Tally } from "./tally.ts"
import { type Found, type Skipped, walk } from "./walk.ts"

export interface Options {
  readonly root: Buffer | string
  /** Files read at a time: an integer from 1 up. Default: 16. */
  readonly concurrency?: number | undefined
  /** What the files being read may weigh together, a file weighing at most 8 MiB: from 1 up. Default: 64 MiB. */
  readonly maxBytesInFlight?: number | undefined
  /** Rows in each list of the report that can be long. Default: 10. */
  readonly top?: number | undefined
}

export const defaults = { concurrency: 16, maxBytesInFlight: 64 * 1024 * 1024, top: 10 }

/** The directory cannot be looked into at all. */
export class RootError extends Schema.TaggedError<RootError>()("RootError", {
  root: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `${this.root}: ${this.reason}`
  }
}

/** How far a census is. */
export interface Progress {
  readonly files: number
  readonly bytesRead: number
  readonly bytesInFlight: number
  readonly stages: ReadonlyArray<Pipeline.StageStats>
}

export interface Census {
  /** The results one by one, in no order: a pipeline that may be run instead of `run`. Counts as `run` does. */
  readonly results: Pipeline.Pipeline<Counted, never, Files>
  /** The whole census. To be run once. */
  readonly run: Effect.Effect<Report, never, Files>
  /** What has been counted so far, as a partial report. Also after an interruption. */
  readonly partial: Effect.Effect<Report>
  readonly progress: Effect.Effect<Progress>
}

const openRoot = Effect.fnUntraced(function* (given: Buffer): Effect.fn.Return<Buffer, RootError, Files> {
  const files = yield* Files
  const failure = ({ code, reason }: { readonly code: string; readonly reason: string }) =>
    new RootError({ root: display(given), reason: code === "ENOENT" ? "no such directory" : reason })
  return yield* Effect.gen(function* () {
    const { kind } = yield* files.stat(given)
    if (kind !== "directory") {
      return yield* Effect.fail({ code: "ENOTDIR", reason: `is a ${kind}, not a directory` })
    }
    yield* Effect.acquireUseRelease(files.openDirectory(given), () => Effect.void, files.closeDirectory)
    return yield* files.realPath(given)
  }).pipe(Effect.mapError(failure))
})

/** Looks at the root and sets the stages up; reads nothing yet. */
export const make = Effect.fnUntraced(function* (options: Options): Effect.fn.Return<Census, RootError, Files> {
  const {
    concurrency = defaults.concurrency,
    maxBytesInFlight = defaults.maxBytesInFlight,
    top = defaults.top
  } = options
  const root = yield* openRoot(Buffer.from(options.root))
  const reader = yield* makeReader({ root, maxBytesInFlight })
  const tally = new Tally()
  const started = yield* Clock.currentTimeNanos

  const read = (found: Found): Effect.Effect<Read | Passing, Skipped> => {
    if (found._tag === "Skipped") return Effect.fail(found)
    if (found._tag !== "File") return Effect.succeed(found)
    const { path } = found
    return Effect.map(reader.read(path, wantedBytes(path)), (contents) => ({ _tag: "Read", path, contents }))
  }

  const results = Pipeline.from(walk(root)).pipe(
    Pipeline.stage("read", read, {
      concurrency,
      ordered: false,
      onError: { deadLetter: ({ error }) => Effect.sync(() => tally.skip(error)) }
    }),
    Pipeline.stage("analyse", (done) =>
      Effect.sync((): Counted => (done._tag === "Read" ? analyse(root, done.path, done.contents) : done))
    )
  )

  const report = (partial: boolean) =>
    Effect.map(Clock.currentTimeNanos, (now) =>
      tally.report({
        root: display(root),
        partial,
        seconds: Number(now - started) / 1e9,
        bytesRead: reader.bytesRead(),
        top
      })
    )

  const run = Pipeline.runFold(
    results,
    () => tally,
    (state, counted) => {
      state.add(counted)
      return state
    }
  )

  const progress = Effect.gen(function* () {
    const bytesInFlight = yield* reader.bytesInFlight
    const stages = yield* Pipeline.stats(results)
    return { files: tally.files, bytesRead: reader.bytesRead(), bytesInFlight, stages }
  })

  return { results, run: Effect.andThen(run, report(false)), partial: report(true), progress }
})

/** The whole census, in one go. */
export const census = (options: Options): Effect.Effect<Report, RootError, Files> =>
  Effect.flatMap(make(options), ({ run }) => run)

// ---------------------------------------------------------------------------------------------------------------------
// machinery

interface Read {
  readonly _tag: "Read"
  readonly path: Buffer
  readonly contents: Contents
}

type Passing = Exclude<Found, Skipped | { readonly _tag: "File" }>
