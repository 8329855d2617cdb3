import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as PartitionedSemaphore from "effect/PartitionedSemaphore"
import * as Semaphore from "effect/Semaphore"

import * as Explorer from "../src/Explorer.ts"
import { run } from "./support.ts"

const guarded = (leaky: boolean) => {
  let free = 1
  const body = Effect.yieldNow
  const take = Effect.sync(() => free--)
  const release = Effect.sync(() => free++)
  const target = leaky
    ? Effect.andThen(take, Effect.ensuring(body, release))
    : Effect.acquireUseRelease(
        take,
        () => body,
        () => release
      )
  return { target, free: () => free }
}

const sweep = (leaky: boolean, options: Explorer.InterruptOptions = {}) =>
  Explorer.interruptEverywhere(
    Effect.sync(() => guarded(leaky)),
    (_, { free }) =>
      Effect.suspend(() => (free() === 1 ? Effect.void : Effect.die(new Error(`${free()} free instead of 1`)))),
    { budgets: [3, 4, 5, 64], ...options }
  )

describe("interruptEverywhere", () => {
  it("passes what gives back, in runs that got through and in runs that were interrupted", async () => {
    const report = await run(sweep(false))
    assert.isAbove(report.completed, 0)
    assert.isAbove(report.interrupted, 100)
  })

  it("finds a release that is installed one operation late, and replays it", async () => {
    const failure = await run(Effect.flip(sweep(true)))
    assert.include(failure.message, "0 free instead of 1")
    const again = await run(Effect.flip(sweep(true, { replay: failure.replay })))
    assert.strictEqual(again.replay, failure.replay)
    assert.include(again.message, "0 free instead of 1")
    const { runs } = await run(sweep(false, { replay: failure.replay }))
    assert.strictEqual(runs, 1)
  })

  it("interrupts a sleeper whose time has come, when nothing else is ready", async () => {
    const report = await run(
      Explorer.interruptEverywhere(Effect.succeed({ target: Effect.sleep(10) }), () => Effect.void, {
        budgets: [3, 64]
      })
    )
    assert.isAbove(report.interrupted, 0)
  })

  it("Semaphore.withPermit loses nothing", async () => {
    const report = await run(
      Explorer.interruptEverywhere(
        Effect.gen(function* () {
          const semaphore = yield* Semaphore.make(1)
          const guarded = semaphore.withPermit(Effect.yieldNow)
          return { semaphore, before: [guarded], target: guarded, after: [guarded] }
        }),
        (_, { semaphore }) =>
          Effect.gen(function* () {
            const free = yield* semaphore.withPermitsIfAvailable(1)(Effect.void)
            return yield* free._tag === "Some" ? Effect.void : Effect.die(new Error("a permit was lost"))
          }),
        { budgets: [3, 4, 5, 6, 7, 8, 16] }
      )
    )
    assert.isAbove(report.interrupted, 100)
  })

  it("PartitionedSemaphore.withPermits of Effect 4.1 loses a permit", async () => {
    const failure = await run(
      Effect.flip(
        Explorer.interruptEverywhere(
          Effect.gen(function* () {
            const semaphore = yield* PartitionedSemaphore.make<string>({ permits: 1 })
            return { semaphore, target: semaphore.withPermits("key", 1)(Effect.yieldNow) }
          }),
          (_, { semaphore }) =>
            Effect.flatMap(semaphore.available, (available) =>
              available === 1 ? Effect.void : Effect.die(new Error(`${available} of 1 permit`))
            )
        )
      )
    )
    assert.include(failure.message, "0 of 1 permit")
  })

  it("fails when no run gets through", async () => {
    const failure = await run(
      Effect.flip(
        Explorer.interruptEverywhere(Effect.succeed({ target: Effect.fail("always") }), () => Effect.void, {
          budgets: [3]
        })
      )
    )
    assert.include(failure.message, "no run got through")
  })

  it("a fiber that is stranded by the interruption is a deadlock", async () => {
    const failure = await run(
      Effect.flip(
        Explorer.interruptEverywhere(
          Effect.gen(function* () {
            const lock = yield* Semaphore.make(1)
            const target = Effect.andThen(lock.take(1), Effect.andThen(Effect.yieldNow, lock.release(1)))
            return { target, after: [lock.withPermit(Effect.void)] }
          }),
          () => Effect.void,
          { budgets: [64] }
        )
      )
    )
    assert.include(failure.message, "deadlock")
  })
})
