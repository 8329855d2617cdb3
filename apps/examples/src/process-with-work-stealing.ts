/** Tasks that make tasks, on workers that remember what they loaded last: what a worker makes stays with it until another has nothing. */
import * as Effect from "effect/Effect"
import * as WorkerPool from "heddle/WorkerPool"

import { printed } from "./support/run.ts"

/** A document, or when that has been cut up, one of its sections. */
interface Work {
  readonly document: number
  readonly section?: number
}

type Pool = WorkerPool.FiberPool<Work, void, WorkerPool.PoolClosed>

const documents = Array.from({ length: 60 }, (_, document): Work => ({ document }))
const sections = Array.from({ length: 16 }, (_, section) => section)

const processWithWorkStealing = (distribute: "shared" | "stealing") =>
  Effect.gen(function* () {
    let loads = 0
    let indexed = 0
    let longestQueue = 0
    let pool: Pool | undefined

    const handle = (work: Work, worker: { loaded: number }): Effect.Effect<void, WorkerPool.PoolClosed> =>
      Effect.gen(function* () {
        if (worker.loaded !== work.document) {
          worker.loaded = work.document
          loads++
          yield* Effect.sleep("2 millis") // stands for a download
        }
        if (work.section === undefined) {
          const parts = sections.map((section) => ({ ...work, section }))
          yield* WorkerPool.submitAll(pool!, parts, { discard: true })
          longestQueue = Math.max(longestQueue, (yield* WorkerPool.stats(pool!)).queued)
        } else {
          yield* Effect.yieldNow
          indexed++
        }
      })

    pool = yield* WorkerPool.make({
      workers: 4,
      distribute,
      init: Effect.sync(() => ({ loaded: -1 })),
      handle
    })
    yield* WorkerPool.submitAll(pool, documents, { discard: true })
    yield* WorkerPool.drain(pool)
    return { loads, indexed, longestQueue }
  }).pipe(Effect.scoped)

export const program = Effect.gen(function* () {
  const shared = yield* processWithWorkStealing("shared")
  const stealing = yield* processWithWorkStealing("stealing")
  return [
    `both indexed ${documents.length * sections.length} sections: ${shared.indexed === stealing.indexed}`,
    `a shared queue loads documents more than twice as often: ${shared.loads > 2 * stealing.loads}`,
    `and holds more than four times as many tasks: ${shared.longestQueue > 4 * stealing.longestQueue}`
  ]
})

if (import.meta.main) await printed(program)
