/** Divide and conquer: each worker keeps what it made near what it has at hand, and takes from others when it has nothing. */
import * as Effect from "effect/Effect"
import * as WorkerPool from "heddle/WorkerPool"

import { printed } from "./support/run.ts"

interface Range {
  readonly from: number
  readonly size: number
}

type Pool = WorkerPool.FiberPool<Range, void, WorkerPool.PoolClosed>

/** A worker's cache of the page it read last. */
const newCache = Effect.sync(() => ({ page: -1 }))

const processWithWorkStealing = (distribute: "shared" | "stealing", size: number) =>
  Effect.scoped(
    Effect.gen(function* () {
      let reads = 0
      let sum = 0
      let pool: Pool | undefined
      const handle = ({ from, size }: Range, cache: { page: number }): Effect.Effect<void, WorkerPool.PoolClosed> =>
        Effect.gen(function* () {
          if (size > 1) {
            const half = size / 2
            const halves = [
              { from, size: half },
              { from: from + half, size: half }
            ]
            return yield* WorkerPool.submitAll(pool!, halves, { discard: true })
          }
          const page = Math.floor(from / 16)
          if (cache.page !== page) {
            cache.page = page
            reads++
          }
          sum += from
          yield* Effect.yieldNow
        })
      pool = yield* WorkerPool.make({ workers: 4, capacity: size, distribute, init: newCache, handle })
      yield* WorkerPool.submit(pool, { from: 0, size })
      yield* WorkerPool.drain(pool)
      return { reads, sum }
    })
  )

export const program = Effect.gen(function* () {
  const shared = yield* processWithWorkStealing("shared", 1024)
  const stealing = yield* processWithWorkStealing("stealing", 1024)
  return [
    `both add up: ${shared.sum === stealing.sum}`,
    `a shared queue reads pages more than ten times as often: ${shared.reads > 10 * stealing.reads}`
  ]
})

if (import.meta.main) await printed(program)
