/** A batcher in front of an API that takes many items in one call: callers ask one by one, and never notice. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Batcher from "heddle/Batcher"

import { printed } from "./support/run.ts"

const makeApi = () => {
  const calls: Array<number> = []
  const prices = (names: ReadonlyArray<string>) =>
    Effect.map(Effect.sleep("2 millis"), () => {
      calls.push(names.length)
      return names.map((name) => (name === "unobtainium" ? Exit.fail(`no ${name}`) : Exit.succeed(name.length)))
    })
  return { calls, prices }
}

export const program = Effect.gen(function* () {
  const { calls, prices } = makeApi()
  const price = yield* Batcher.make({ maxSize: 100, maxWait: "5 millis", dedupe: true, run: prices })

  const ask = (name: string) => Batcher.run(price, name).pipe(Effect.catch((error) => Effect.succeed(error)))
  const names = [...Array.from({ length: 250 }, (_, item) => `item ${item}`), "item 249", "unobtainium"]
  const answers = yield* Effect.forEach(names, ask, { concurrency: "unbounded" })

  return [
    `${answers.length} answers from ${calls.length} calls of ${calls.join(", ")} items`,
    `the last: ${answers.at(-1)}`
  ]
})

if (import.meta.main) await printed(program)
