import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"

import * as Explorer from "../../src/Explorer.ts"
import { claim, type Exhibit } from "./exhibit.ts"

/** Acts when it is possible; the latch is open while it is. */
type When = (possible: () => boolean, latch: Latch.Latch, act: () => void) => Effect.Effect<void>

const waitOnce: When = (possible, latch, act) =>
  Effect.suspend(() => (possible() ? Effect.void : latch.await)).pipe(Effect.andThen(Effect.sync(act)))

// whoever was woken checks again, and the check and the act are one step
const waitAgain: When = (possible, latch, act) =>
  Effect.suspend(() => {
    if (!possible()) return Effect.andThen(latch.await, waitAgain(possible, latch, act))
    act()
    return Effect.void
  })

const program = (when: When) =>
  Effect.gen(function* () {
    const buffer: Array<string> = []
    const capacity = 1
    const [notEmpty, notFull] = [yield* Latch.make(false), yield* Latch.make(true)]
    const set = (latch: Latch.Latch, open: boolean) => (open ? latch.openUnsafe() : latch.closeUnsafe())
    const changing =
      <A>(change: () => A) =>
      () => {
        const result = change()
        set(notEmpty, buffer.length > 0)
        set(notFull, buffer.length < capacity)
        return result
      }
    const put = (item: string) =>
      Effect.andThen(
        Explorer.step(`put ${item}`),
        when(
          () => buffer.length < capacity,
          notFull,
          changing(() => buffer.push(item))
        )
      )
    const take = Effect.gen(function* () {
      yield* Explorer.step("take")
      const taken: Array<string | undefined> = []
      yield* when(
        () => buffer.length > 0,
        notEmpty,
        changing(() => taken.push(buffer.shift()))
      )
      yield* claim(taken[0] !== undefined, "an empty buffer gave an element")
    })
    yield* Effect.all([Effect.andThen(put("x"), put("y")), take, take], { concurrency: "unbounded" })
  })

export const ifInsteadOfWhile: Exhibit = {
  bug: "A fiber that was woken trusts that what it waited for still holds, and another was faster.",
  broken: program(waitOnce),
  mended: program(waitAgain),
  verdict: "Failed",
  weakestMode: "op3"
}
