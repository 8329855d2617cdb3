import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import { assert } from "vitest"

import * as Explorer from "../src/Explorer.ts"
import { it } from "../src/vitest.ts"

it.explore(
  "it.explore runs the effect under many schedules",
  Effect.gen(function* () {
    const counter = yield* Ref.make(0)
    const increment = Ref.update(counter, (n) => n + 1)
    yield* Effect.all([increment, increment], { concurrency: "unbounded" })
    assert.strictEqual(yield* Ref.get(counter), 2)
  })
)

it.linearizable("it.linearizable compares with a model", {
  make: Ref.make(0),
  model: 0,
  operations: {
    next: { run: (ref) => Ref.getAndUpdate(ref, (n) => n + 1), respond: (n) => [n, n + 1], interrupted: "either" }
  }
})

it.effect("it.effect is still there", () =>
  Effect.gen(function* () {
    const failure = yield* Effect.flip(Explorer.check(Effect.fail("no"), { runs: 1 }))
    assert.include(failure.message, "replay: op:0:")
  })
)
