/** Reads from a server of which one answer in twenty takes long, with hedges and without. */
import { createServer } from "node:http"

import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Hedge from "heddle/Hedge"
import * as RetryBudget from "heddle/RetryBudget"

import { printed } from "./support/run.ts"

const reads = 100

/** A local server; it closes with the scope. */
const server = Effect.acquireRelease(
  Effect.callback<{ readonly url: string; readonly close: () => void }>((resume) => {
    let requests = 0
    const server = createServer((_, response) => {
      const slow = ++requests % 20 === 0
      setTimeout(() => response.end("ok"), slow ? 600 : 1)
    })
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      const close = () => {
        server.close()
        server.closeAllConnections()
      }
      resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, close }))
    })
  }),
  ({ close }) => Effect.sync(close)
)

const read = (url: string) =>
  Effect.tryPromise(async (signal) => {
    const response = await fetch(url, { signal })
    return response.text()
  })

/** The 99th percentile of the milliseconds that so many calls take, eight at a time. */
const p99 = <A, E, R>(call: Effect.Effect<A, E, R>) =>
  Effect.map(
    Effect.forEach(Array.from({ length: reads }), () => Effect.map(Effect.timed(call), ([took]) => took), {
      concurrency: 8
    }),
    (took) => took.map((took) => Duration.toMillis(took)).toSorted((a, b) => a - b)[Math.ceil(reads * 0.99) - 1]!
  )

export const program = Effect.gen(function* () {
  const { url } = yield* server

  const budget = yield* RetryBudget.make({ ratio: 0.2 })
  const hedge = yield* Hedge.make({ percentile: 90, delay: "25 millis", budget, name: "reads" })

  const plain = yield* p99(read(url))
  const hedged = yield* p99(read(url).pipe(Hedge.run(hedge)))
  const { hedges, runs, wins } = yield* Hedge.stats(hedge)

  return [
    `p99 of plain reads is that of the slow answers, over 500 ms: ${plain > 500}`,
    `p99 of hedged reads is less than half of it: ${hedged < plain / 2}`,
    `of ${runs} reads, some were won by a second request: ${wins > 0}; most had none: ${hedges < runs / 2}`
  ]
}).pipe(Effect.scoped)

if (import.meta.main) await printed(program)
