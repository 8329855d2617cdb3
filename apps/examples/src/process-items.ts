/** `for i := 0; i < workers; i++ { go worker(jobs, results) }`: a pool, with a bounded queue, and results that are not lost. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as WorkerPool from "heddle/WorkerPool"

import { printed } from "./support/run.ts"

class Rejected extends Data.TaggedError("Rejected")<{ readonly item: number }> {}

const process = (item: number) =>
  Effect.gen(function* () {
    yield* Effect.sleep("1 millis") // stands for a call
    return item % 100 === 99 ? yield* new Rejected({ item }) : item * item
  })

const processItems = (items: ReadonlyArray<number>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const pool = yield* WorkerPool.make({ workers: 50, capacity: 100, handle: process })
      const jobs = yield* WorkerPool.submitAll(pool, items)
      const results = yield* Effect.forEach(jobs, (job) => Effect.result(job.await))
      const { failed, succeeded } = yield* WorkerPool.stats(pool)
      return { results, failed, succeeded }
    })
  )

export const program = Effect.gen(function* () {
  const items = Array.from({ length: 500 }, (_, item) => item)
  const { failed, results, succeeded } = yield* processItems(items)
  const rejected = results.flatMap((result) => (result._tag === "Failure" ? [result.failure] : []))
  return [
    `${succeeded} of ${items.length} items, ${failed} rejected`,
    `rejected: ${rejected.map((error) => (error._tag === "Rejected" ? error.item : error._tag)).join(", ")}`
  ]
})

if (import.meta.main) await printed(program)
