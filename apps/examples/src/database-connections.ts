/** Four connections and more queries than they can bear: some wait, for so long at most, and the others are told at once. */
import * as Effect from "effect/Effect"
import * as Bulkhead from "heddle/Bulkhead"

import { printed } from "./support/run.ts"

export const program = Effect.gen(function* () {
  const connections = yield* Bulkhead.make({
    concurrency: 4,
    maxWaiting: 8,
    maxWait: "150 millis",
    overflow: "dropLowestPriority"
  })

  const query = (priority: number) =>
    Effect.as(Effect.sleep("100 millis"), "served").pipe(
      Bulkhead.withPermit(connections, { priority }),
      Effect.catchTag("BulkheadFull", ({ waiting }) => Effect.succeed(`refused at once: ${waiting} waited`)),
      Effect.catchTag("WaitTimeout", () => Effect.succeed("timed out"))
    )

  const reports = Array.from({ length: 30 }, () => query(0))
  const answers = yield* Effect.all([...reports, query(1)], { concurrency: "unbounded" })

  const counts = new Map<string, number>()
  for (const answer of answers) counts.set(answer, (counts.get(answer) ?? 0) + 1)
  return [...Array.from(counts, ([answer, count]) => `${answer}: ${count}`), `the payment: ${answers.at(-1)}`]
})

if (import.meta.main) await printed(program)
