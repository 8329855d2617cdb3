/**
 * Against a sequential model. With one permit at a time nobody is held up by a larger request, so a request waits exactly
 * while its key is paused, or its key or the total is used up; the order between keys is `KeyedSemaphore.model.test.ts`'s.
 */
import { describe } from "@effect/vitest"
import { it } from "@heddle/testing/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"

import * as KeyedSemaphore from "../src/KeyedSemaphore.ts"

const { make, pause, release, resume, stats, take, takeIfAvailable } = KeyedSemaphore

const permitsPerKey = 2
const total = 3

type Key = "a" | "b"

interface Account {
  readonly taken: number
  readonly paused: boolean
  /** Those who wait, in order. */
  readonly line: ReadonlyArray<number>
}

type Model = Readonly<Record<Key, Account>>

const empty: Account = { taken: 0, paused: false, line: [] }
const model: Model = { a: empty, b: empty }

const change = (model: Model, key: Key, account: Partial<Account>): Model => ({
  ...model,
  [key]: { ...model[key], ...account }
})
const leave = (model: Model, key: Key, id: number) =>
  change(model, key, { line: model[key].line.filter((other) => other !== id) })
const fits = (model: Model, key: Key) =>
  !model[key].paused && model[key].taken < permitsPerKey && model.a.taken + model.b.taken < total
const hold = (model: Model, key: Key, by: number) => change(model, key, { taken: model[key].taken + by })

const key = Schema.Literals(["a", "b"])

describe("KeyedSemaphore is linearizable", () => {
  it.linearizable(
    "take, takeIfAvailable, release, pause, resume, stats and interruption",
    {
      make: make<Key>({ permitsPerKey, total }),
      model,
      operations: {
        take: {
          input: key,
          run: (sem, key) => take(sem, key, 1),
          request: (model, key, id) => change(model, key, { line: [...model[key].line, id] }),
          respond: (model, key, id) =>
            model[key].line[0] === id && fits(model, key)
              ? [undefined, hold(leave(model, key, id), key, 1)]
              : undefined,
          cancel: leave,
          undo: (model, key) => hold(model, key, -1)
        },
        takeIfAvailable: {
          input: key,
          run: (sem, key) => takeIfAvailable(sem, key, 1),
          respond: (model, key) =>
            model[key].line.length === 0 && fits(model, key) ? [true, hold(model, key, 1)] : [false, model]
        },
        release: {
          input: key,
          // more than is taken dies
          run: (sem, key) => Effect.map(Effect.exit(release(sem, key, 1)), Exit.isSuccess),
          respond: (model, key) => (model[key].taken > 0 ? [true, hold(model, key, -1)] : [false, model]),
          interrupted: "either"
        },
        pause: {
          input: key,
          run: (sem, key) => pause(sem, key),
          respond: (model, key) => [undefined, change(model, key, { paused: true })],
          interrupted: "either"
        },
        resume: {
          input: key,
          run: (sem, key) => resume(sem, key),
          respond: (model, key) => [undefined, change(model, key, { paused: false })],
          interrupted: "either"
        },
        stats: {
          input: key,
          run: (sem, key) => stats(sem, key),
          respond: (model, key) => {
            const { line, paused, taken } = model[key]
            const available = permitsPerKey - taken
            return [{ permits: permitsPerKey, taken, available, waiting: line.length, paused }, model]
          }
        }
      }
    },
    { scenarios: 400, runs: 10, perFiber: 4 }
  )
})
