import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"

import * as Explorer from "../../src/Explorer.ts"
import type { Exhibit } from "./exhibit.ts"

const program = (other: "the other order" | "the same order") =>
  Effect.gen(function* () {
    const [a, b] = [yield* Semaphore.make(1), yield* Semaphore.make(1)]
    const locked = (name: string, lock: Semaphore.Semaphore) => (body: Effect.Effect<void>) =>
      Effect.andThen(Explorer.step(`lock ${name}`), lock.withPermit(body))
    const move = Explorer.step("move")
    const forwards = move.pipe(locked("b", b), locked("a", a))
    const backwards = move.pipe(locked("a", a), locked("b", b))
    yield* Effect.all([forwards, other === "the other order" ? backwards : forwards], { concurrency: "unbounded" })
  })

export const lockOrder: Exhibit = {
  bug: "One fiber locks a and then b, another b and then a: each holds what the other waits for.",
  broken: program("the other order"),
  mended: program("the same order"),
  verdict: "Deadlock",
  weakestMode: "op3"
}
