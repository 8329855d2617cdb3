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
    // by runs alone: sabotages have to be caught on a slow machine too
    { scenarios: 200, runs: 20, millis: 60_000 }
  )
  const priorityStep = 2

  interface Waiter extends Ask {
    readonly id: number
    readonly key: number
  }

  interface Prioritised {
    readonly taken: number
    readonly tickets: number
    readonly line: ReadonlyArray<Waiter>
  }

  const empty: Prioritised = { taken: 0, tickets: 0, line: [] }

  const goesBefore = (a: Pick<Waiter, "key" | "priority">, b: Pick<Waiter, "key" | "priority">) =>
    a.key === b.key ? a.priority > b.priority : a.key < b.key
  const first = ({ line }: Prioritised) =>
    line.reduce<Waiter | undefined>(
      (best, one) => (best === undefined || goesBefore(one, best) ? one : best),
      undefined
    )
  const keyOf = ({ tickets }: Prioritised, { priority }: Ask) => tickets + 1 - priority * priorityStep
  const leads = (model: Prioritised, ask: Ask) => {
    const head = first(model)
    return head === undefined || goesBefore({ ...ask, key: keyOf(model, ask) }, head)
  }
  /** One who is served as he comes has a ticket only if he overtakes others. */
  const served = (model: Prioritised, ask: Ask): Prioritised => ({
    ...model,
    taken: model.taken + ask.permits,
    tickets: model.tickets + (model.line.length > 0 ? 1 : 0)
  })
  const leave = (model: Prioritised, id: number) => ({ ...model, line: model.line.filter((one) => one.id !== id) })

  const Ask = Schema.Struct({
    permits: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 })),
    priority: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 }))
  })
  type Ask = typeof Ask.Type

  it.linearizable(
    "with priorities: take, takeIfAvailable, release and interruption",
    {
      make: make({ permits: 2, priorityStep }),
      model: empty,
      operations: {
        take: {
          input: Ask,
          run: (sem, { permits, priority }) => take(sem, permits, { priority }),
          // who is served as he comes is in the line for no time: he gets a ticket when he joins, and gives it back
          request: (model, ask, id) => {
            const passes = leads(model, ask) && model.taken + ask.permits <= 2 && model.line.length === 0
            const line = [...model.line, { ...ask, id, key: keyOf(model, ask) }]
            return { ...model, line, tickets: model.tickets + (passes ? 0 : 1) }
          },
          respond: (model, { permits }, id) =>
            first(model)?.id === id && model.taken + permits <= 2
              ? [undefined, { ...leave(model, id), taken: model.taken + permits }]
              : undefined,
          cancel: (model, _, id) => leave(model, id),
          undo: (model, { permits }) => ({ ...model, taken: model.taken - permits })
        },
        takeIfAvailable: {
          input: Ask,
          run: (sem, { permits, priority }) => takeIfAvailable(sem, permits, { priority }),
          respond: (model, ask) =>
            leads(model, ask) && model.taken + ask.permits <= 2 ? [true, served(model, ask)] : [false, model]
        },
        release: {
          input: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 })),
          run: (sem, permits) => Effect.map(Effect.exit(release(sem, permits)), Exit.isSuccess),
          respond: (model, permits) =>
            permits <= model.taken ? [true, { ...model, taken: model.taken - permits }] : [false, model],
          interrupted: "either"
        }
      }
    },
    { scenarios: 60, runs: 40 }
  )
})
