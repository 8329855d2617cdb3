/** Images of very different sizes, decoded within 64 MB: golang.org/x/sync/semaphore, weighted by what each one costs. */
import * as Effect from "effect/Effect"
import * as WeightedSemaphore from "heddle/WeightedSemaphore"

import { printed } from "./support/run.ts"

const budget = 64
const megabytes = [48, 8, 8, 8, 40, 8, 8, 64, 8, 8]

export const program = Effect.gen(function* () {
  const memory = yield* WeightedSemaphore.make({ permits: budget, name: "memory" })
  const order: Array<number> = []
  let most = 0

  const decode = (size: number) =>
    Effect.gen(function* () {
      order.push(size)
      most = Math.max(most, (yield* WeightedSemaphore.stats(memory)).taken)
      yield* Effect.sleep("5 millis")
    }).pipe(WeightedSemaphore.withPermits(memory, size))

  yield* Effect.forEach(megabytes, decode, { concurrency: "unbounded", discard: true })

  // the semaphore is whole again after a decoder was interrupted in the midst
  yield* decode(64).pipe(Effect.timeoutOption("1 millis"))
  const { available } = yield* WeightedSemaphore.stats(memory)

  return [
    `decoded ${order.slice(0, megabytes.length).join(", ")} MB`,
    `at most ${most} MB at once, ${available} MB free at the end`
  ]
})

if (import.meta.main) await printed(program)
