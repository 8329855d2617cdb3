import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Semaphore from "effect/Semaphore"

import * as Explorer from "../../src/Explorer.ts"
import { claim, type Exhibit } from "./exhibit.ts"

const program = (guard: (lock: Semaphore.Semaphore) => (body: Effect.Effect<void>) => Effect.Effect<void>) =>
  Effect.gen(function* () {
    const guarded = guard(yield* Semaphore.make(1))
    const [checking, savings] = [yield* Ref.make(100), yield* Ref.make(0)]
    const transfer = Effect.gen(function* () {
      yield* Explorer.step("withdraw")
      yield* Ref.update(checking, (n) => n - 10)
      yield* Explorer.step("deposit")
      yield* Ref.update(savings, (n) => n + 10)
    })
    const audit = Effect.gen(function* () {
      yield* Explorer.step("audit")
      const sum = (yield* Ref.get(checking)) + (yield* Ref.get(savings))
      yield* claim(sum === 100, `the accounts hold ${sum} of 100`)
    })
    yield* Effect.all([guarded(transfer), guarded(audit)], { concurrency: "unbounded" })
  })

export const tornRead: Exhibit = {
  bug: "A transfer is two updates, and a reader that comes between them finds money that is nowhere.",
  broken: program(() => (body) => body),
  mended: program(Semaphore.withPermit),
  verdict: "Failed",
  weakestMode: "op3"
}
