import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"

import * as Explorer from "../../src/Explorer.ts"
import { claim, type Exhibit } from "./exhibit.ts"

const program = (increment: (counter: Ref.Ref<number>) => Effect.Effect<void>) =>
  Effect.gen(function* () {
    const counter = yield* Ref.make(0)
    yield* Effect.all([increment(counter), increment(counter)], { concurrency: "unbounded" })
    yield* claim((yield* Ref.get(counter)) === 2, "an update was lost")
  })

export const lostUpdate: Exhibit = {
  bug: "Both fibers read the counter before either writes it, so one of the updates is gone.",
  broken: program(
    Effect.fnUntraced(function* (counter) {
      yield* Explorer.step("read")
      const n = yield* Ref.get(counter)
      yield* Explorer.step("write")
      yield* Ref.set(counter, n + 1)
    })
  ),
  mended: program((counter) =>
    Effect.andThen(
      Explorer.step("update"),
      Ref.update(counter, (n) => n + 1)
    )
  ),
  verdict: "Failed",
  weakestMode: "op3"
}
