import * as fs from "node:fs"
import * as path from "node:path"

import * as NodeStream from "@effect/platform-node/NodeStream"
/**
 * Records, one per line, from an input to an output: the stages.
 *
 * ```
 *   lines ──▶ validate ──▶ batches ──▶ enrich ─────────────▶ transform ──▶ output
 *                │                     `concurrency` requests     (pure)
 *                │                     at a time, paced
 *                └──────── dead letters ──┘
 * ```
 *
 * A line is checked off in the checkpoint when its record is in the output, or its letter among the dead ones. Whatever
 * ends a run, the next one begins with the first line that is not checked off.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import type * as Stream from "effect/Stream"
import * as Pipeline from "heddle/Pipeline"

import { type OutputError, writeData } from "../output.ts"
import * as Enricher from "./enricher.ts"
import { open, type Write } from "./lineFile.ts"
import { type Line, lines } from "./lines.ts"
import { type Enriched, type Numbered, transform, validate } from "./record.ts"

export interface Options extends Enricher.Options {
  /** A file, or `-` for standard input. */
  readonly input: string
  /** Default: standard output. */
  readonly output?: string | undefined
  /** Where dead letters go, one per line. Default: they are counted. */
  readonly deadLetters?: string | undefined
  /** Where is kept what is done. Default: nowhere. */
  readonly checkpoint?: string | undefined
  /** Requests at a time: an integer from 1 up. */
  readonly concurrency: number
}

/** The input cannot be read. */
export class InputError extends Data.TaggedError("InputError")<{ readonly reason: string }> {
  override get message(): string {
    return `cannot read the input: ${this.reason}`
  }
}

export interface Counts {
  written: number
  dead: number
}

/** Runs until the input has ended, and counts meanwhile. */
export const run = Effect.fnUntraced(function* (options: Options, counts: Counts) {
  const { checkpoint, concurrency, input } = options
  const files = { resumed: checkpoint !== undefined }
  const write: Write = options.output === undefined ? writeData : yield* open(options.output, files)
  const writeDead: Write =
    options.deadLetters === undefined ? () => Effect.void : yield* open(options.deadLetters, files)
  const { limiter, owners, retry } = yield* Enricher.make(options)

  const bury = (line: number, reason: string, text: string): Effect.Effect<void, OutputError> =>
    Effect.tap(writeDead(`${JSON.stringify({ line, reason, text })}\n`), () => Effect.sync(() => counts.dead++))

  const enrich = (batch: ReadonlyArray<Numbered>) =>
    Effect.map(owners(batch.map(({ record }) => record.package)), (owners) =>
      batch.map((numbered, index) => ({ ...numbered, owner: owners[index] ?? null }))
    )

  const finish = Effect.fnUntraced(function* (batch: ReadonlyArray<Numbered & { readonly owner: string | null }>) {
    const known = batch.filter((one): one is Enriched => one.owner !== null)
    for (const { line, owner, record } of batch) {
      if (owner === null) yield* bury(line, "is of a package that the enricher does not know", JSON.stringify(record))
    }
    return { records: known.length, text: known.map(transform).join("") }
  })

  const source = Pipeline.from(lines(bytesOf(input)))
  const tracked = checkpoint === undefined ? source : Pipeline.checkpoint({ key: path.basename(checkpoint) })(source)
  const records = tracked.pipe(
    Pipeline.stage("validate", validate, {
      onError: {
        deadLetter: ({ error, input }: Pipeline.StageError<"validate", { readonly reason: string }, Line>) =>
          bury(input.number, error.reason, input.text.toString("utf8", 0, shown))
      }
    }),
    Pipeline.batch({ maxSize: Enricher.maxPackages, maxWait: "100 millis" }),
    // a small buffer: what is in flight is what a run that was killed does again
    Pipeline.stage("enrich", enrich, { concurrency, buffer: 1, limiter, retry }),
    Pipeline.stage("transform", finish, { buffer: 0 })
  )
  const store =
    checkpoint === undefined
      ? KeyValueStore.layerMemory
      : KeyValueStore.layerFileSystem(path.dirname(path.resolve(checkpoint)))
  const all = Pipeline.runForEach(records, ({ records, text }) =>
    Effect.tap(records === 0 ? Effect.void : write(text), () =>
      Effect.sync(() => {
        counts.written += records
      })
    )
  )
  // what stopped it says enough without the name of the stage
  yield* Effect.provide(all, store).pipe(Effect.catchTag("StageError", ({ error }) => Effect.fail(error)))
}, Effect.scoped)

// ---------------------------------------------------------------------------------------------------------------------
// machinery

/** How much of a line is in its dead letter. */
const shown = 1000

const bytesOf = (input: string): Stream.Stream<Uint8Array, InputError> =>
  NodeStream.fromReadable<Uint8Array, InputError>({
    evaluate: () => (input === "-" ? process.stdin : fs.createReadStream(input)),
    onError: (error) => new InputError({ reason: error instanceof Error ? error.message : String(error) })
  })
