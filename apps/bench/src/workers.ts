/**
 * Workers that perform guarded executions: fibers, or async functions. All Effect subjects are one program with another
 * guard, and so are all promise subjects.
 */
import * as Effect from "effect/Effect"

import { type Figure, perOperation } from "./harness.ts"

/** What is executed under a permit, in either world. */
export interface Body {
  readonly effect: Effect.Effect<void>
  readonly promise: () => Promise<void>
}

export interface Load {
  readonly permits: number
  readonly workers: number
  /** Guarded executions of each worker. */
  readonly executions: number
}

/** Makes a guard, and says how to run a load under it. */
export type Contender<L extends Load = Load> = (load: L, body: Body) => () => Promise<void>

/** The next execution of a worker, which has so many left. */
type Next<A> = (worker: number, left: number) => A

export const inFibers = (
  { executions, workers }: Pick<Load, "executions" | "workers">,
  next: Next<Effect.Effect<void>>
): Effect.Effect<void> =>
  Effect.forEach(
    Array.from({ length: workers }, (_, worker) => worker),
    (worker) =>
      Effect.suspend(() => {
        let left = executions
        return Effect.whileLoop({ while: () => left-- > 0, body: () => next(worker, left), step: () => undefined })
      }),
    { concurrency: "unbounded", discard: true }
  )

export const inPromises = async (
  { executions, workers }: Pick<Load, "executions" | "workers">,
  next: Next<Promise<void>>
): Promise<void> => {
  await Promise.all(
    Array.from({ length: workers }, async (_, worker) => {
      // oxlint-disable-next-line no-await-in-loop -- one after the other is what a worker is
      for (let left = executions; left-- > 0;) await next(worker, left)
    })
  )
}

let executed = 0
const count = () => {
  executed++
}

export const counting: Body = { effect: Effect.sync(count), promise: async () => count() }

/** Gives way to the event loop once. */
export const yielding: Body = {
  effect: Effect.map(Effect.yieldNow, count),
  promise: () =>
    new Promise((resolve) => {
      setImmediate(() => {
        count()
        resolve()
      })
    })
}

/** Nanoseconds per execution, of batches that are run one after the other. */
export const executionsFigure = <L extends Load>(
  id: string,
  subjects: Readonly<Record<string, Contender<L>>>,
  load: L & { readonly body: Body; readonly batches: number }
): Figure => {
  const operations = load.batches * load.workers * load.executions
  return {
    id,
    unit: "ns/op",
    subjects: Object.fromEntries(
      Object.entries(subjects).map(([name, contender]) => [
        name,
        Effect.suspend(() => {
          const batch = contender(load, load.body)
          return perOperation(operations, async () => {
            executed = 0
            // oxlint-disable-next-line no-await-in-loop -- batches do not overlap
            for (let left = load.batches; left > 0; left--) await batch()
            if (executed !== operations) throw new Error(`executed ${executed} of ${operations}`)
          })
        })
      ])
    )
  }
}
