import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Ref from "effect/Ref"
import * as Semaphore from "effect/Semaphore"

import * as Explorer from "../src/Explorer.ts"

/** Both fibers read before either writes. */
export const lostUpdate = Effect.gen(function* () {
  const counter = yield* Ref.make(0)
  const increment = Effect.gen(function* () {
    yield* Explorer.step("read")
    const n = yield* Ref.get(counter)
    yield* Explorer.step("write")
    yield* Ref.set(counter, n + 1)
  })
  const fibers = [yield* Effect.forkChild(increment), yield* Effect.forkChild(increment)]
  yield* Fiber.joinAll(fibers)
  const total = yield* Ref.get(counter)
  return yield* total === 2 ? Effect.void : Effect.die(new Error("an update was lost"))
})

export const locksInBothOrders = Effect.gen(function* () {
  const a = yield* Semaphore.make(1)
  const b = yield* Semaphore.make(1)
  yield* Effect.all([a.withPermit(b.withPermit(Effect.void)), b.withPermit(a.withPermit(Effect.void))], {
    concurrency: "unbounded"
  })
})

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

export const run = <A, E>(effect: Effect.Effect<A, E>): Promise<A> => Effect.runPromise(effect)
