import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"

import * as Explorer from "../../src/Explorer.ts"
import type { Exhibit } from "./exhibit.ts"

type Line = Array<Deferred.Deferred<void>>

/** A buffer for one element, on one condition: those who put and those who take wait in the same line. */
const program = (served: (line: Line) => Line) =>
  Effect.gen(function* () {
    const line: Line = []
    let full = false
    const change = (from: boolean, to: boolean): Effect.Effect<void> =>
      Effect.suspend(() => {
        if (full === from) {
          full = to
          return Effect.forEach(served(line), (turn) => Deferred.succeed(turn, undefined), { discard: true })
        }
        const turn = Deferred.makeUnsafe<void>()
        line.push(turn)
        return Effect.andThen(Deferred.await(turn), change(from, to))
      })
    const put = Effect.andThen(Explorer.step("put"), change(false, true))
    const take = Effect.andThen(Explorer.step("take"), change(true, false))
    yield* Effect.all([take, take, put, put], { concurrency: "unbounded" })
  })

export const wrongWaiter: Exhibit = {
  bug: "Of several kinds of waiters in one line the first is woken, cannot use it, and whoever could sleeps for ever.",
  broken: program((line) => line.splice(0, 1)),
  mended: program((line) => line.splice(0)),
  verdict: "Deadlock",
  weakestMode: "resume"
}
