/**
 * What a source hears of its elements.
 */
import { isReadonlyArrayNonEmpty, type NonEmptyReadonlyArray } from "effect/Array"
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Option from "effect/Option"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import type * as Pull from "effect/Pull"
import { Scheduler } from "effect/Scheduler"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

import { checkPositive, describe } from "../defect.ts"
import { described, type Description, type Pipeline } from "./description.ts"
import { type Acknowledgement, Ledger } from "./ledger.ts"
import { Positions } from "./positions.ts"
import { CurrentRun } from "./run.ts"
import { JointToken, noToken, SourceToken, Tracked } from "./tracked.ts"

/**
 * @since 0.1.0
 * @category models
 */
export interface Acknowledge<in A, out E = never, out R = never> {
  /**
   * These elements have left the pipeline. Called for one group at a time, in the order in which they left: whatever leaves
   * meanwhile makes the next group. A failure stops the pipeline as it is.
   */
  readonly acknowledge: (elements: NonEmptyReadonlyArray<A>) => Effect.Effect<unknown, E, R>
  /**
   * This element has failed and stopped the pipeline. Called at once, and for those too that failed while they were being
   * interrupted. Default: nothing is done.
   */
  readonly fail?: ((element: A, cause: Cause.Cause<unknown>) => Effect.Effect<unknown, E, R>) | undefined
  /** How many elements may have left without being acknowledged before the source has to wait: from 1 up. Default: 1024. */
  readonly maxPending?: number | undefined
}

/**
 * Has the source hear of its elements: each is acknowledged when it has left the last stage and the run's own function for
 * it has ended, or when `onError` has left it out (a dead letter when its sink has succeeded); it is failed at once when it
 * fails. An element that becomes several is acknowledged when all of them have left, one in a batch with its batch. The run
 * ends when everything that left has been acknowledged.
 *
 * What is in flight when a run is interrupted, or when the process dies, is neither acknowledged nor failed: a source that
 * gives such elements again loses nothing, and repeats at most what was in flight. `toStream` cannot see what becomes of its
 * elements: there they are acknowledged when the next chunk is asked for.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 * import * as Pipeline from "heddle/Pipeline"
 *
 * const messages = ["ok 1", "bad", "ok 2"]
 * const log: Array<string> = []
 * const program = Pipeline.from(Stream.fromIterable(messages)).pipe(
 *   Pipeline.acknowledge({
 *     acknowledge: (left) => Effect.sync(() => log.push(...left.map((message) => `acknowledged ${message}`))),
 *     fail: (message) => Effect.sync(() => log.push(`failed ${message}`))
 *   }),
 *   Pipeline.stage("handle", (message) => (message === "bad" ? Effect.fail("boom") : Effect.succeed(message))),
 *   Pipeline.runForEach((message) => Effect.sync(() => log.push(`stored ${message}`))),
 *   Effect.exit
 * )
 *
 * await Effect.runPromise(program).then(() => log.toSorted()) // => ["acknowledged ok 1", "failed bad", "stored ok 1"]
 * ```
 *
 * @since 0.1.0
 * @category delivery
 */
export const acknowledge =
  <A, E2, R2>({ acknowledge, fail, maxPending = 1024 }: Acknowledge<A, E2, R2>) =>
  <E, R>(self: Pipeline<A, E, R>): Pipeline<A, E | E2, R | R2> =>
    delivered(
      described(self),
      Effect.sync(() => {
        checkPositive("Pipeline.acknowledge", "maxPending", maxPending, "finite")
        return { acknowledge, fail, maxPending, mark: identity }
      })
    )

/**
 * What a checkpoint has stored cannot be understood, in any of its entries.
 *
 * @since 0.1.0
 * @category errors
 */
export class CheckpointError extends Schema.TaggedError<CheckpointError>()("CheckpointError", {
  key: Schema.String,
  entry: Schema.String
}) {
  override get message(): string {
    return `the checkpoint ${describe(this.key)} is unreadable: ${this.entry}`
  }
}

/**
 * Resumes where the last run ended, whatever ended it: remembers in a `KeyValueStore` which elements have left the pipeline
 * (as `acknowledge` says), and leaves them out in the next run. The source has to give the same elements in the same order
 * each time; they are known by their places.
 *
 * A run that is killed repeats those elements that were in flight, and those whose going had not been stored yet. The entry
 * is small: the place up to which all have left, and the places beyond it that have, of which there are as many as are in
 * flight. There are two entries, `<key>/0` and `<key>/1`, which are written in turns, so that one that was torn by a
 * crash leaves the other. Remove both to begin again.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as KeyValueStore from "effect/persistence/KeyValueStore"
 * import * as Stream from "effect/Stream"
 * import * as Pipeline from "heddle/Pipeline"
 *
 * const written: Array<number> = []
 * const copy = (crashAt: number) =>
 *   Pipeline.from(Stream.range(1, 5)).pipe(
 *     Pipeline.checkpoint({ key: "copy" }),
 *     Pipeline.runForEach((n) => (n === crashAt ? Effect.die("crash") : Effect.sync(() => written.push(n)))),
 *     Effect.exit
 *   )
 *
 * const program = Effect.andThen(copy(4), copy(Infinity)).pipe(Effect.provide(KeyValueStore.layerMemory))
 * await Effect.runPromise(program).then(() => written) // => [1, 2, 3, 4, 5]
 * ```
 *
 * @since 0.1.0
 * @category delivery
 */
export const checkpoint =
  ({ key }: { readonly key: string }) =>
  <A, E, R>(
    self: Pipeline<A, E, R>
  ): Pipeline<A, E | KeyValueStore.KeyValueStoreError | CheckpointError, R | KeyValueStore.KeyValueStore> =>
    delivered(
      described(self),
      Effect.gen(function* () {
        const store = yield* KeyValueStore.KeyValueStore
        const entries = yield* Effect.forEach(entriesOf(key), (entry) => store.get(entry))
        const stored = yield* latest(key, entries)
        const positions = new Positions(stored.next, stored.beyond)
        let { revision } = stored
        let position = 0
        return {
          mark: () => (positions.has(position++) ? left : position - 1),
          maxPending: 1024,
          acknowledge: Effect.fnUntraced(function* (places: ReadonlyArray<number>) {
            for (const one of places) positions.add(one)
            revision++
            const entry = encodeEntry({ revision, next: positions.next, beyond: positions.ahead })
            yield* store.set(entriesOf(key)[revision % 2]!, entry)
          })
        }
      })
    )

// ---------------------------------------------------------------------------------------------------------------------
// machinery

const Entry = Schema.fromJsonString(
  Schema.Struct({ revision: Schema.Int, next: Schema.Int, beyond: Schema.Array(Schema.Int) })
)
const encodeEntry = Schema.encodeSync(Entry)
const decodeEntry = Schema.decodeUnknownOption(Entry)

const entriesOf = (key: string): ReadonlyArray<string> => [`${key}/0`, `${key}/1`]

const nothingLeft: typeof Entry.Type = { revision: 0, next: 0, beyond: [] }

/** What was stored last. If a first entry was torn, that is nothing; if both are unreadable, nobody knows. */
const latest = (
  key: string,
  entries: ReadonlyArray<string | undefined>
): Effect.Effect<typeof Entry.Type, CheckpointError> => {
  const present = entries.filter((entry) => entry !== undefined)
  const readable = present.flatMap((entry) => Option.toArray(decodeEntry(entry)))
  if (readable.length === 0 && present.length === 2) {
    return Effect.fail(new CheckpointError({ key, entry: present[0]!.slice(0, 200) }))
  }
  return Effect.succeed(
    readable.reduce((latest, entry) => (entry.revision > latest.revision ? entry : latest), nothingLeft)
  )
}

/** The mark of an element that is left out. */
const left = Symbol("left")

interface Books extends Acknowledgement<any, any, any> {
  /** What the source hears of an element. */
  readonly mark: (element: any) => unknown
}

const delivered = (self: Description, open: Effect.Effect<Books, any, any>): Pipeline<any, any, any> =>
  self.transformed(
    (stream) =>
      Stream.transformPull(stream, (upstream) =>
        Effect.gen(function* () {
          const books = yield* open
          const ledger = new Ledger<any, any, any>(books, yield* Effect.context<any>(), yield* Scheduler)
          const run = yield* CurrentRun
          run?.books.push(ledger)
          const track = (element: unknown): ReadonlyArray<Tracked<unknown>> => {
            const { token, value } = self.isTracked ? (element as Tracked<unknown>) : new Tracked(element, noToken)
            const mark = books.mark(value)
            if (mark !== left) {
              const own = new SourceToken(ledger, mark)
              return [new Tracked(value, self.isTracked ? new JointToken([own, token]) : own)]
            }
            token.settle()
            return []
          }
          const chunk: Pull.Pull<NonEmptyReadonlyArray<unknown>, any, void, any> = Effect.flatMap(
            upstream,
            (elements) => {
              const tracked = elements.flatMap(track)
              return isReadonlyArrayNonEmpty(tracked) ? Effect.succeed(tracked) : chunk
            }
          )
          return Effect.andThen(ledger.room, Effect.raceFirst(chunk, ledger.broken))
        })
      ),
    true
  )
