import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"

import * as Explorer from "../../src/Explorer.ts"
import type { Exhibit } from "./exhibit.ts"

type WithPermit = (semaphore: Semaphore.Semaphore, body: Effect.Effect<void>) => Effect.Effect<void>

const program = (withPermit: WithPermit) =>
  Effect.gen(function* () {
    const semaphore = yield* Semaphore.make(1)
    const work = Effect.andThen(Explorer.step("take"), withPermit(semaphore, Explorer.step("work")))
    const giveUp = Effect.andThen(Effect.yieldNow, Explorer.step("give up"))
    yield* Effect.race(work, giveUp)
    yield* work
  })

export const leakingSemaphore: Exhibit = {
  bug: "There is a yield between taking a permit and installing its release, and a fiber can be interrupted at a yield.",
  broken: program((semaphore, body) =>
    Effect.andThen(semaphore.take(1), Effect.andThen(Effect.yieldNow, Effect.ensuring(body, semaphore.release(1))))
  ),
  mended: program((semaphore, body) => semaphore.withPermit(Effect.andThen(Effect.yieldNow, body))),
  verdict: "Deadlock",
  weakestMode: "stock"
}
