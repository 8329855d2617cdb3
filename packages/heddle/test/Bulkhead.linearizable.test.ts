/** Against a sequential model: whatever runs at once, each caller is served or turned away as in some order. */
import { describe } from "@effect/vitest"
import { it } from "@heddle/testing/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"

import * as Bulkhead from "../src/Bulkhead.ts"

const { close, make, release, take, takeIfAvailable } = Bulkhead

const concurrency = 2
const maxWaiting = 1

interface Model {
  readonly taken: number
  readonly closed: boolean
  readonly line: ReadonlyArray<{ readonly id: number; readonly permits: number }>
  /** Those who were turned away and do not know yet. */
  readonly refused: ReadonlyMap<number, string>
}

const model: Model = { taken: 0, closed: false, line: [], refused: new Map() }

const leave = (model: Model, id: number): Model => ({
  ...model,
  line: model.line.filter((waiter) => waiter.id !== id),
  refused: new Map([...model.refused].filter(([other]) => other !== id))
})
const refuse = (model: Model, id: number, reason: string): Model => ({
  ...leave(model, id),
  refused: new Map([...model.refused, [id, reason]])
})
const fits = ({ taken }: Model, permits: number) => taken + permits <= concurrency

const permits = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: concurrency }))

const tag = <A, E extends { readonly _tag: string }>(effect: Effect.Effect<A, E>) =>
  Effect.match(effect, { onFailure: ({ _tag }) => _tag, onSuccess: (value) => value })

describe("Bulkhead is linearizable: take, takeIfAvailable, release, close and interruption", () => {
  for (const overflow of ["fail", "dropOldest"] as const) {
    it.linearizable(
      overflow,
      {
        make: make({ concurrency, maxWaiting, overflow }),
        model,
        operations: {
          take: {
            input: permits,
            run: (bulkhead, permits) => tag(take(bulkhead, permits)),
            request: (model, permits, id) => {
              const joined = { ...model, line: [...model.line, { id, permits }] }
              if (model.closed) return refuse(model, id, "BulkheadClosed")
              const waits = model.line.length > 0 || !fits(model, permits)
              if (!waits || model.line.length < maxWaiting) return joined
              return refuse(joined, overflow === "fail" ? id : model.line[0]!.id, "BulkheadFull")
            },
            respond: (model, permits, id) => {
              const reason = model.refused.get(id)
              if (reason !== undefined) return [reason, leave(model, id)]
              if (model.line[0]?.id !== id || !fits(model, permits)) return undefined
              return [undefined, { ...leave(model, id), taken: model.taken + permits }]
            },
            cancel: (model, _, id) => leave(model, id),
            undo: (model, permits, id) =>
              model.refused.has(id) ? leave(model, id) : { ...model, taken: model.taken - permits }
          },
          takeIfAvailable: {
            input: permits,
            run: (bulkhead, permits) => tag(takeIfAvailable(bulkhead, permits)),
            respond: (model, permits) => {
              // one that sees it open, and then closed, answers as if it were full
              if (model.closed) return ["BulkheadClosed", model]
              return model.line.length === 0 && fits(model, permits)
                ? [true, { ...model, taken: model.taken + permits }]
                : [false, model]
            }
          },
          release: {
            input: permits,
            // more than is taken dies
            run: (bulkhead, permits) => Effect.map(Effect.exit(release(bulkhead, permits)), Exit.isSuccess),
            respond: (model, permits) =>
              permits <= model.taken ? [true, { ...model, taken: model.taken - permits }] : [false, model],
            interrupted: "either"
          },
          close: {
            run: close,
            respond: (model) => [
              undefined,
              { ...model.line.reduce((model, { id }) => refuse(model, id, "BulkheadClosed"), model), closed: true }
            ],
            interrupted: "either"
          }
        }
      },
      { scenarios: 60, runs: 40 }
    )
  }
})
