/** Tenants that share a few workers: a budget for each, a total for all, and nobody remembered who is gone. */
import * as Effect from "effect/Effect"
import * as KeyedSemaphore from "heddle/KeyedSemaphore"

import { printed } from "./support/run.ts"

const jobs = ["acme", "acme", "acme", "acme", "acme", "acme", "bolt", "bolt", "cog"]

export const program = Effect.gen(function* () {
  const tenants = yield* KeyedSemaphore.make<string>({ permitsPerKey: 2, total: 3 })
  const order: Array<string> = []
  let most = 0

  const work = (tenant: string) =>
    Effect.gen(function* () {
      order.push(tenant)
      most = Math.max(most, (yield* KeyedSemaphore.stats(tenants, "acme")).taken)
      yield* Effect.sleep("5 millis")
    }).pipe(KeyedSemaphore.withPermit(tenants, tenant))

  yield* Effect.forEach(jobs, work, { concurrency: "unbounded", discard: true })

  // a key lives as long as somebody holds it or waits for it
  for (let visitor = 0; visitor < 10_000; visitor++) {
    yield* KeyedSemaphore.withPermit(tenants, `visitor ${visitor}`, Effect.void)
  }
  const { keys } = yield* KeyedSemaphore.stats(tenants)

  return [order.slice(0, jobs.length).join(", "), `at most ${most} of acme at once, ${keys} keys left of 10,003`]
})

if (import.meta.main) await printed(program)
