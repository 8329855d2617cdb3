/** The orders of one customer one after the other, those of different customers at once, also while one is tried again. */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as WorkerPool from "heddle/WorkerPool"

import { printed } from "./support/run.ts"

interface Order {
  readonly customer: string
  readonly item: string
}

export const program = Effect.gen(function* () {
  const placed: Array<string> = []
  let isDown = true

  const place = ({ customer, item }: Order) =>
    Effect.suspend(() => {
      if (customer === "Ada" && isDown) {
        isDown = false
        return Effect.fail("try again")
      }
      placed.push(`${customer}: ${item}`)
      return Effect.void
    })

  const pool = yield* WorkerPool.make({
    workers: 2,
    distribute: { keyed: (order) => order.customer },
    retry: Schedule.spaced("20 millis"),
    handle: place
  })
  yield* WorkerPool.submitAll(pool, [
    { customer: "Ada", item: "warp" },
    { customer: "Ada", item: "weft" },
    { customer: "Grace", item: "loom" }
  ])
  yield* WorkerPool.drain(pool)

  return placed
}).pipe(Effect.scoped)

if (import.meta.main) await printed(program)
