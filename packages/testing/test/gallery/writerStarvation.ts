import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Semaphore from "effect/Semaphore"

import * as Explorer from "../../src/Explorer.ts"
import type { Exhibit } from "./exhibit.ts"

/** How a turnstile is used by whoever comes in. */
type Through = (turnstile: Semaphore.Semaphore) => <A>(enter: Effect.Effect<A>) => Effect.Effect<A>

/** A readers-writer lock: the first reader takes the room from the writers, and the last one gives it back. */
const program = (through: Through) =>
  Effect.gen(function* () {
    const readers = yield* Ref.make(0)
    const [counting, room, turnstile] = [yield* Semaphore.make(1), yield* Semaphore.make(1), yield* Semaphore.make(1)]
    const enter = Ref.updateAndGet(readers, (n) => n + 1).pipe(
      Effect.tap((n) => (n === 1 ? room.take(1) : Effect.void)),
      Semaphore.withPermit(counting)
    )
    const leave = Ref.updateAndGet(readers, (n) => n - 1).pipe(
      Effect.tap((n) => (n === 0 ? room.release(1) : Effect.void)),
      Semaphore.withPermit(counting)
    )
    const read = Effect.gen(function* () {
      yield* Explorer.step("enter")
      yield* through(turnstile)(enter)
      yield* Explorer.step("read")
      yield* Effect.yieldNow
      yield* leave
    })
    const write = Effect.gen(function* () {
      yield* Explorer.step("enter")
      yield* through(turnstile)(room.withPermit(Explorer.step("write")))
    })
    const visits = Effect.replicateEffect(read, 4, { discard: true })
    yield* Effect.all([visits, visits, write], { concurrency: "unbounded" })
  })

export const writerStarvation: Exhibit = {
  bug: "A reader may always join another reader, and as long as their visits overlap no writer gets in.",
  broken: program(() => (enter) => enter),
  // a writer that waits stands in the turnstile, and so before every reader that comes later
  mended: program(Semaphore.withPermit),
  verdict: "Starvation",
  weakestMode: "stock",
  options: { maxBypass: 3 }
}
