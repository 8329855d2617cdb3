import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"

import * as Explorer from "../../src/Explorer.ts"
import type { Exhibit } from "./exhibit.ts"

/** Lets nobody pass before all have arrived, round after round. */
type Barrier = (parties: number) => Effect.Effect<void>

/** Closed by the first to arrive, opened by the last. */
const oneLatch: Barrier = (parties) => {
  const latch = Latch.makeUnsafe()
  let arrived = 0
  return Effect.gen(function* () {
    if (arrived === 0) yield* latch.close
    if (++arrived === parties) {
      arrived = 0
      yield* latch.open
    }
    yield* latch.await
  })
}

const latchPerRound: Barrier = (parties) => {
  let latch = Latch.makeUnsafe()
  let arrived = 0
  return Effect.suspend(() => {
    const mine = latch
    if (++arrived === parties) {
      arrived = 0
      latch = Latch.makeUnsafe()
      mine.openUnsafe()
    }
    return mine.await
  })
}

const program = (make: Barrier) =>
  Effect.suspend(() => {
    const barrier = make(2)
    const round = (n: number) => Effect.andThen(Explorer.step(`round ${n}`), barrier)
    const party = Effect.andThen(round(1), round(2))
    return Effect.all([party, party], { concurrency: "unbounded" })
  })

export const reusedBarrier: Exhibit = {
  bug: "A fast fiber begins the next round of a barrier, and closes it, when a slow one is still on its way out of the last.",
  broken: program(oneLatch),
  mended: program(latchPerRound),
  verdict: "Deadlock",
  weakestMode: "op3"
}
