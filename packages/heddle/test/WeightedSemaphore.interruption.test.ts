import { assert, describe, it } from "@effect/vitest"
import * as Explorer from "@heddle/testing/Explorer"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

import * as WeightedSemaphore from "../src/WeightedSemaphore.ts"

const yields = (count: number) => Effect.replicateEffect(Effect.yieldNow, count, { discard: true })

/** Whatever was interrupted where: all permits are back, nobody waits, and at least one run got through. */
const allBack = (
  name: string,
  make: (sem: WeightedSemaphore.WeightedSemaphore, body: Effect.Effect<void>) => Explorer.Scenario,
  moments?: ReadonlyArray<Explorer.Moment>
) =>
  it.effect(name, () =>
    Effect.gen(function* () {
      let bodies = 0
      const report = yield* Explorer.interruptEverywhere(
        Effect.sync(() => {
          const sem = WeightedSemaphore.makeUnsafe({ permits: 3 })
          const body = Effect.andThen(
            Effect.sync(() => bodies++),
            Effect.yieldNow
          )
          return { sem, ...make(sem, body) }
        }),
        (exit, { sem }) =>
          Effect.gen(function* () {
            assert.isTrue(Exit.isSuccess(exit) || Exit.hasInterrupts(exit), `unexpected end: ${String(exit)}`)
            const stats = yield* WeightedSemaphore.stats(sem)
            assert.deepStrictEqual(stats, { permits: 3, taken: 0, available: 3, waiting: 0 })
            // and no hold is left that a release could give back
            assert.isTrue(Exit.hasDies(yield* Effect.exit(release(sem, 1))))
            assert.isTrue(yield* takeIfAvailable(sem, 3))
          }),
        { moments }
      )
      assert.isAbove(report.completed, 0)
      assert.isAbove(report.interrupted, 0)
      assert.isAbove(bodies, 0)
    })
  )

const { release, resize, take, takeIfAvailable, takeScoped, withPermits, withPermitsIfAvailable } = WeightedSemaphore
type Semaphore = WeightedSemaphore.WeightedSemaphore

/** The documented way to use `take`: inside a mask. */
const taking = (sem: Semaphore, permits: number, body: Effect.Effect<void>) =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(restore(take(sem, permits)), () => Effect.ensuring(restore(body), release(sem, permits)))
  )

const takingIfAvailable = (sem: Semaphore, permits: number, body: Effect.Effect<void>) =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(restore(takeIfAvailable(sem, permits)), (taken) =>
      taken ? Effect.ensuring(restore(body), release(sem, permits)) : Effect.void
    )
  )

const scoped = (sem: Semaphore, permits: number, body: Effect.Effect<void>) =>
  Effect.scoped(Effect.andThen(takeScoped(sem, permits), body))

type Way = (sem: Semaphore, permits: number, body: Effect.Effect<void>) => Effect.Effect<unknown>

const ways: Record<string, Way> = {
  withPermits: (sem, permits, body) => withPermits(sem, permits, body),
  withPermitsIfAvailable: (sem, permits, body) => withPermitsIfAvailable(sem, permits, body),
  "take inside a mask": taking,
  "takeIfAvailable inside a mask": takingIfAvailable,
  takeScoped: scoped
}

describe("interrupted before every operation and between any two tasks, for yield budgets 3..64", () => {
  for (const [name, way] of Object.entries(ways)) {
    // What runs in an interruptible region and ends can always find itself interrupted as it does: a bare take has no
    // guard to undo it then. Outside a test's scheduler nothing interrupts a fiber while it takes.
    const moments: ReadonlyArray<Explorer.Moment> = name.endsWith("mask")
      ? ["preemption", "task", "pause"]
      : ["operation", "preemption", "task", "pause"]
    const check = (scenario: string, make: Parameters<typeof allBack>[1]) => allBack(scenario, make, moments)
    describe(name, () => {
      check("uncontended", (sem, body) => ({ target: way(sem, 2, body) }))
      check("behind a holder, before another", (sem, body) => ({
        before: [withPermits(sem, 2, yields(3))],
        target: way(sem, 2, body),
        after: [withPermits(sem, 1, body)]
      }))
      check("a heavy head with light ones behind it", (sem, body) => ({
        before: [withPermits(sem, 1, yields(4))],
        target: way(sem, 3, body),
        after: [withPermits(sem, 1, body), taking(sem, 1, body), scoped(sem, 2, body)]
      }))
      check("while the capacity shrinks and grows", (sem, body) => ({
        before: [
          withPermits(sem, 2, yields(2)),
          Effect.andThen(yields(1), Effect.andThen(resize(sem, 1), Effect.andThen(yields(3), resize(sem, 3))))
        ],
        target: way(sem, 2, body),
        after: [withPermits(sem, 1, body)]
      }))
    })
  }

  allBack("nested guards of two sizes", (sem, body) => ({
    before: [withPermits(sem, 1, yields(2))],
    target: withPermits(sem, 1, withPermits(sem, 1, body)),
    after: [withPermits(sem, 1, body)]
  }))

  allBack("a holder that is interrupted hands over to those behind it", (sem, body) => ({
    target: withPermits(sem, 3, yields(3)),
    after: [withPermits(sem, 2, body), withPermits(sem, 2, body)]
  }))
})
