/** `for _, item := range items { go processItem(item) }` with a huge list: the mistake, and its cure. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Pipeline from "heddle/Pipeline"

import { printed } from "./support/run.ts"

const items = 50_000

/** A service that takes 2 ms, and how many calls it has to bear at once. */
const makeService = () => {
  const calls = { now: 0, most: 0 }
  const processItem = (id: number) =>
    Effect.gen(function* () {
      calls.most = Math.max(calls.most, ++calls.now)
      yield* Effect.sleep("2 millis")
      calls.now--
      return id % 10
    })
  return { calls, processItem }
}

/** A fiber per item: the service gets all calls at once, and memory grows with the list. */
const mistake = Effect.gen(function* () {
  const { calls, processItem } = makeService()
  const ids = Array.from({ length: items }, (_, id) => id)
  yield* Effect.forEach(ids, processItem, { concurrency: "unbounded", discard: true })
  return `a fiber per item: ${calls.most} calls at once`
})

/** A stage: the list is read as it is needed, the service gets 500 calls at once, memory stays where it is. */
const cure = Effect.gen(function* () {
  const { calls, processItem } = makeService()
  const sum = yield* Pipeline.from(Stream.range(0, items - 1)).pipe(
    Pipeline.stage("process", processItem, { concurrency: 500, ordered: false }),
    Pipeline.runFold(
      () => 0,
      (total, digit) => total + digit
    )
  )
  return `a stage of 500: ${calls.most} calls at once, the digits add up to ${sum}`
})

export const program = Effect.all([mistake, cure])

if (import.meta.main) await printed(program)
