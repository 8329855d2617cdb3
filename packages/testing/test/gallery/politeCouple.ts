import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"

import * as Explorer from "../../src/Explorer.ts"
import type { Exhibit } from "./exhibit.ts"

type TakeBoth = (first: Semaphore.Semaphore, second: Semaphore.Semaphore) => Effect.Effect<unknown>

const politely: TakeBoth = Effect.fnUntraced(function* (first, second) {
  yield* Explorer.step("take one")
  yield* first.take(1)
  yield* Effect.yieldNow
  if (yield* second.takeIfAvailable(1)) return
  yield* Explorer.step("after you")
  yield* Effect.yieldNow
  yield* first.release(1)
  yield* Effect.yieldNow
  yield* politely(first, second)
})

const firmly: TakeBoth = Effect.fnUntraced(function* (first, second) {
  yield* first.take(1)
  yield* Effect.yieldNow
  yield* second.take(1)
})

const program = (hers: TakeBoth) =>
  Effect.gen(function* () {
    const [knife, fork] = [yield* Semaphore.make(1), yield* Semaphore.make(1)]
    const layDown = Effect.andThen(knife.release(1), fork.release(1))
    const she = Effect.andThen(hers(knife, fork), layDown)
    const he = Effect.andThen(politely(fork, knife), layDown)
    yield* Effect.all([she, he], { concurrency: "unbounded" })
  })

export const politeCouple: Exhibit = {
  bug: "Both hold one thing, find the other taken, lay theirs down and start again, in step, for ever.",
  broken: program(politely),
  // one of the two insists
  mended: program(firmly),
  verdict: "Livelock",
  weakestMode: "stock",
  options: { maxSteps: 1000 }
}
