/** Against a sequential model: whatever runs at once, each request is served, refused or withdrawn as in some order. */
import { describe } from "@effect/vitest"
import { it } from "@heddle/testing/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"

import * as WeightedSemaphore from "../src/WeightedSemaphore.ts"

const { make, release, resize, stats, take, takeIfAvailable } = WeightedSemaphore

const capacity = 3

interface Model {
  readonly permits: number
  readonly taken: number
  readonly line: ReadonlyArray<{ readonly id: number; readonly permits: number }>
}

const model: Model = { permits: capacity, taken: 0, line: [] }

/** The first in the line who is not larger than the capacity of the moment. */
const head = ({ line, permits }: Model) => line.find((waiter) => waiter.permits <= permits)
const available = ({ permits, taken }: Model) => Math.max(0, permits - taken)
const without = ({ line }: Model, id: number) => line.filter((waiter) => waiter.id !== id)

const permits = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: capacity }))

describe("WeightedSemaphore is linearizable", () => {
  it.linearizable(
    "take, takeIfAvailable, release, resize, stats and interruption",
    {
      make: make({ permits: capacity }),
      model,
      operations: {
        take: {
          input: permits,
          run: (sem, permits) => take(sem, permits),
          request: (model, permits, id) => ({ ...model, line: [...model.line, { id, permits }] }),
          respond: (model, permits, id) =>
            head(model)?.id === id && permits <= available(model)
              ? [undefined, { ...model, taken: model.taken + permits, line: without(model, id) }]
              : undefined,
          cancel: (model, _, id) => ({ ...model, line: without(model, id) }),
          undo: (model, permits) => ({ ...model, taken: model.taken - permits })
        },
        takeIfAvailable: {
          input: permits,
          run: (sem, permits) => takeIfAvailable(sem, permits),
          respond: (model, permits) =>
            head(model) === undefined && permits <= available(model)
              ? [true, { ...model, taken: model.taken + permits }]
              : [false, model]
        },
        release: {
          input: permits,
          // more than is taken dies
          run: (sem, permits) => Effect.map(Effect.exit(release(sem, permits)), Exit.isSuccess),
          respond: (model, permits) =>
            permits <= model.taken ? [true, { ...model, taken: model.taken - permits }] : [false, model],
          interrupted: "either"
        },
        resize: {
          input: permits,
          run: (sem, permits) => resize(sem, permits),
          respond: (model, permits) => [undefined, { ...model, permits }],
          interrupted: "either"
        },
        stats: {
          run: stats,
          respond: (model) => {
            const { line, permits, taken } = model
            return [{ permits, taken, available: available(model), waiting: line.length }, model]
          }
        }
      }
    },
    { scenarios: 60, runs: 40 }
  )
})
