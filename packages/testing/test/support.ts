import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Semaphore from "effect/Semaphore"

import * as Explorer from "../src/Explorer.ts"
import { lockOrder } from "./gallery/lockOrder.ts"
import { lostUpdate as lostUpdateExhibit } from "./gallery/lostUpdate.ts"

export const lostUpdate = lostUpdateExhibit.broken
export const locksInBothOrders = lockOrder.broken

/** Fibers of straight lines of logged operations; answers the log. */
export const lines = (...lengths: ReadonlyArray<number>) =>
  Effect.gen(function* () {
    const log: Array<string> = []
    const fibers: Array<Fiber.Fiber<unknown>> = []
    for (const [index, length] of lengths.entries()) {
      const say = Effect.sync(() => log.push("abc"[index]!))
      let line: Effect.Effect<unknown> = say
      for (let more = 1; more < length; more++) line = Effect.andThen(line, say)
      fibers.push(yield* Effect.forkChild(line))
    }
    for (const fiber of fibers) yield* Fiber.await(fiber)
    return log.join("")
  })

/** One fiber resumes another on its own stack. */
export const handOver = Effect.gen(function* () {
  const log: Array<string> = []
  const ready = yield* Deferred.make<void>()
  const say = (text: string) => Effect.sync(() => log.push(text))
  const waiter = yield* Effect.forkChild(Effect.andThen(Deferred.await(ready), say("waiter")))
  yield* Effect.yieldNow
  yield* Deferred.succeed(ready, undefined)
  yield* say("resumer")
  yield* Fiber.join(waiter)
  return log.join(" ")
})

/** A request for two, which requests for one overtake. */
export const starvingRequest = Effect.gen(function* () {
  const semaphore = yield* Semaphore.make(2)
  const take = (permits: number) =>
    Effect.andThen(
      Explorer.step("take"),
      semaphore.withPermits(permits)(Effect.andThen(Explorer.step("have"), Effect.yieldNow))
    )
  const small = Effect.replicateEffect(take(1), 8, { discard: true })
  yield* Effect.all([small, take(2), small], { concurrency: "unbounded", discard: true })
})

export const run = <A, E>(effect: Effect.Effect<A, E>): Promise<A> => Effect.runPromise(effect)
