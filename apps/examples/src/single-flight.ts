/** A thousand requests for the same user: golang.org/x/sync/singleflight, where a caller may leave. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as SingleFlight from "heddle/SingleFlight"

import { printed } from "./support/run.ts"

const makeDatabase = () => {
  const seen = { queries: 0, stopped: 0 }
  const query = (id: number) =>
    Effect.gen(function* () {
      const number = ++seen.queries
      yield* Effect.sleep("20 millis").pipe(Effect.onInterrupt(() => Effect.sync(() => void seen.stopped++)))
      return `user ${id} by query ${number}`
    })
  return { query, seen }
}

/** The caller has asked when this returns. */
const start = Effect.forkChild({ startImmediately: true })

export const program = Effect.gen(function* () {
  const { query, seen } = makeDatabase()
  const users = yield* SingleFlight.make<number, string>({ name: "users" })

  const load = (id: number) => query(id).pipe(SingleFlight.run(users, id))

  const all = yield* Effect.replicateEffect(load(42), 1_000, { concurrency: "unbounded" })

  // the one who began the query gives up, and the other gets his answer
  const [leader, joiner] = [yield* start(load(7)), yield* start(load(7))]
  yield* Fiber.interrupt(leader)
  const answer = yield* Fiber.join(joiner)

  // both give up: the query has nobody left to answer
  const both = [yield* start(load(8)), yield* start(load(8))]
  yield* Fiber.interruptAll(both)

  return [
    `${all.length} requests, different answers: ${new Set(all).size}`,
    `the first caller left, and the second has ${answer}`,
    `queries: ${seen.queries}, stopped when nobody was left: ${seen.stopped}`
  ]
})

if (import.meta.main) await printed(program)
