import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Ref from "effect/Ref"

import * as Explorer from "../../src/Explorer.ts"
import type { Exhibit } from "./exhibit.ts"

const program = (signal: (changed: Latch.Latch) => Effect.Effect<unknown>) =>
  Effect.gen(function* () {
    const ready = yield* Ref.make(false)
    const changed = yield* Latch.make()
    const consume = Effect.gen(function* () {
      yield* Explorer.step("check")
      if (yield* Ref.get(ready)) return
      yield* Explorer.step("wait")
      yield* changed.await
    })
    const produce = Effect.gen(function* () {
      yield* Ref.set(ready, true)
      yield* Explorer.step("signal")
      yield* signal(changed)
    })
    yield* Effect.all([consume, produce], { concurrency: "unbounded" })
  })

export const missedSignal: Exhibit = {
  bug: "A signal wakes only those who wait already; it comes between the check and the wait, and the fiber sleeps for ever.",
  broken: program(Latch.release),
  // an open latch lets in whoever comes later, too
  mended: program(Latch.open),
  verdict: "Deadlock",
  weakestMode: "op3"
}
