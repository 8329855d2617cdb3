/** Under the explorer: small programs, every interleaving that the budget affords, in all four modes. */
import { assert, describe } from "@effect/vitest"
import * as Explorer from "@heddle/testing/Explorer"
import * as Strategy from "@heddle/testing/Strategy"
import { it } from "@heddle/testing/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

import * as WeightedSemaphore from "../src/WeightedSemaphore.ts"

const { make, release, resize, stats, take, withPermits } = WeightedSemaphore

const modes: ReadonlyArray<Explorer.Options["mode"]> = ["stock", "resume", "op3", "op"]

/**
 * Three fibers of different weights, each twice: never more than the capacity, and all back at the end. In tens of
 * thousands of runs it counts what a check costs: these are plain comparisons.
 */
const holders = Effect.gen(function* () {
  const sem = yield* make({ permits: 3 })
  let held = 0
  const hold = (permits: number) =>
    withPermits(
      sem,
      permits,
      Effect.suspend(() => {
        held += permits
        if (held > 3) return Effect.die(new Error(`${held} held of 3`))
        return Effect.map(Effect.yieldNow, () => {
          held -= permits
        })
      })
    )
  const twice = (permits: number) => Effect.andThen(hold(permits), hold(permits))
  yield* Effect.all([twice(1), twice(2), twice(3)], { concurrency: "unbounded" })
  const { permits, taken, waiting } = yield* stats(sem)
  if (permits !== 3 || taken !== 0 || waiting !== 0) throw new Error("not all is back")
})

/** A heavy waiter that is interrupted while others take, release and resize. */
const turmoil = Effect.gen(function* () {
  const sem = yield* make({ permits: 2 })
  const heavy = yield* Effect.forkChild(withPermits(sem, 2, Effect.yieldNow))
  const light = yield* Effect.forkChild(
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(restore(take(sem, 1)), () => Effect.ensuring(restore(Effect.yieldNow), release(sem, 1)))
    )
  )
  const resizer = yield* Effect.forkChild(Effect.andThen(resize(sem, 1), resize(sem, 3)))
  yield* Fiber.interrupt(heavy)
  yield* Fiber.awaitAll([light, resizer])
  assert.deepStrictEqual(yield* stats(sem), { permits: 3, taken: 0, available: 3, waiting: 0 })
})

const twoPreemptions = Strategy.exhaustive({ preemptions: 2 })

describe("WeightedSemaphore, explored", () => {
  for (const mode of modes) {
    it.effect(`three holders of different weights: every schedule with at most two preemptions (${mode})`, () =>
      Effect.gen(function* () {
        const { exhausted } = yield* Explorer.check(holders, { mode, strategy: twoPreemptions, runs: 50_000 })
        assert.isTrue(exhausted)
      })
    )
    it.explore(`three holders of different weights, at random (${mode})`, holders, {
      mode,
      strategy: Strategy.random(),
      runs: 1000,
      millis: 10_000
    })
    it.explore(`three holders of different weights (${mode})`, holders, { mode, runs: 500, millis: 2_000 })
    it.explore(`an interruption, a release and a resize at once (${mode})`, turmoil, { mode, runs: 500, millis: 2_000 })
  }
})
