import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

import * as Explorer from "../../src/Explorer.ts"
import type { Exhibit } from "./exhibit.ts"

const heartbeat = Effect.andThen(Explorer.step("heartbeat"), Effect.forever(Effect.sleep("1 second")))
const query = Effect.andThen(Explorer.step("query"), Effect.sleep("5 millis"))
const cached = Effect.andThen(Explorer.step("cached"), Effect.yieldNow)

const program = (queryWithHeartbeat: Effect.Effect<void>) =>
  Effect.race(cached, Effect.andThen(Explorer.step("fork"), queryWithHeartbeat))

export const leakedFiber: Exhibit = {
  bug: "The loser of a race is interrupted when it has forked a fiber, and has not yet said who is to stop it.",
  broken: program(
    Effect.gen(function* () {
      const beating = yield* Effect.forkDetach(heartbeat)
      yield* Effect.ensuring(query, Fiber.interrupt(beating))
    })
  ),
  // a child ends with its parent
  mended: program(Effect.andThen(Effect.forkChild(heartbeat), query)),
  verdict: "Leak",
  weakestMode: "op3"
}
