/** Every way into a bulkhead, interrupted everywhere, and under all interleavings that the budget affords. */
import { assert, describe } from "@effect/vitest"
import * as Explorer from "@heddle/testing/Explorer"
import { it } from "@heddle/testing/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"

import * as Bulkhead from "../src/Bulkhead.ts"
import { SteppingScheduler } from "./support/steppingScheduler.ts"

const {
  close,
  make,
  makeUnsafe,
  release,
  stats,
  take,
  takeIfAvailable,
  takeScoped,
  withPermits,
  withPermitsIfAvailable
} = Bulkhead

const yields = (count: number) => Effect.replicateEffect(Effect.yieldNow, count, { discard: true })

type Way = (bulkhead: Bulkhead.Bulkhead, permits: number, body: Effect.Effect<void>) => Effect.Effect<unknown, unknown>

const ways: Record<string, Way> = {
  withPermits: (bulkhead, permits, body) => withPermits(bulkhead, permits, body),
  withPermitsIfAvailable: (bulkhead, permits, body) => withPermitsIfAvailable(bulkhead, permits, body),
  "take inside a mask": (bulkhead, permits, body) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(restore(take(bulkhead, permits)), () => Effect.ensuring(restore(body), release(bulkhead, permits)))
    ),
  "takeIfAvailable inside a mask": (bulkhead, permits, body) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(restore(takeIfAvailable(bulkhead, permits)), (taken) =>
        taken ? Effect.ensuring(restore(body), release(bulkhead, permits)) : Effect.void
      )
    ),
  takeScoped: (bulkhead, permits, body) => Effect.scoped(Effect.andThen(takeScoped(bulkhead, permits), body))
}

/** Those who lose their place by the rules end well too. */
const orRefused = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<unknown> => Effect.ignore(effect)

const isWhole = Effect.fnUntraced(function* (bulkhead: Bulkhead.Bulkhead) {
  const { taken, waiting } = yield* stats(bulkhead)
  assert.deepStrictEqual({ taken, waiting }, { taken: 0, waiting: 0 })
})

// 3 and 4 preempt nearly everywhere, 64 nearly nowhere
const budgets = [3, 4, 5, 7, 11, 64]

describe("interrupted everywhere, a bulkhead is whole", () => {
  for (const [name, way] of Object.entries(ways)) {
    const moments: ReadonlyArray<Explorer.Moment> = name.endsWith("mask")
      ? ["preemption", "task", "pause"]
      : ["operation", "preemption", "task", "pause"]
    for (const overflow of ["fail", "dropOldest", "dropLowestPriority"] as const) {
      it.effect(`${name}, ${overflow}: behind a holder, with a timeout, before others who overflow the line`, () =>
        Explorer.interruptEverywhere(
          () => {
            const bulkhead = makeUnsafe({ concurrency: 2, maxWaiting: 1, maxWait: 5, overflow })
            return Effect.succeed({
              bulkhead,
              before: [withPermits(bulkhead, 1, yields(3))],
              target: orRefused(way(bulkhead, 2, Effect.yieldNow)),
              after: [
                orRefused(withPermits(bulkhead, 1, Effect.yieldNow, { priority: 1 })),
                orRefused(way(bulkhead, 1, Effect.yieldNow))
              ]
            })
          },
          (_, { bulkhead }) => isWhole(bulkhead),
          { moments, budgets }
        )
      )
    }

    it.effect(`${name}: while it waits for a turn that comes too late, and while the bulkhead is closed`, () =>
      Explorer.interruptEverywhere(
        () => {
          const bulkhead = makeUnsafe({ concurrency: 1, maxWaiting: 3, maxWait: 5 })
          return Effect.succeed({
            bulkhead,
            before: [withPermits(bulkhead, 1, Effect.sleep(10))],
            target: orRefused(way(bulkhead, 1, Effect.yieldNow)),
            after: [Effect.andThen(Effect.sleep(7), close(bulkhead)), orRefused(way(bulkhead, 1, Effect.void))]
          })
        },
        (_, { bulkhead }) => isWhole(bulkhead),
        { moments, budgets: [3, 5, 64] }
      )
    )
  }
})

describe("preempted between the attempt and the wait", () => {
  for (const [name, way] of Object.entries(ways).filter(([name]) => !name.includes("IfAvailable"))) {
    it(`${name}: takes the room that was made meanwhile, also where nobody may wait`, () => {
      let preempted = 0
      for (let operation = 1; operation < 12; operation++) {
        const scheduler = new SteppingScheduler(2048)
        const bulkhead = makeUnsafe({ concurrency: 1, maxWaiting: 0 })
        Effect.runSync(take(bulkhead, 1))
        let operations = 0
        scheduler.preempts = () => ++operations === operation
        const fiber = Effect.runFork(way(bulkhead, 1, Effect.void), { scheduler })
        // it has been refused by now
        if (Effect.runSync(stats(bulkhead)).refused > 0) break
        preempted++
        Effect.runSync(release(bulkhead, 1))
        scheduler.drain()
        assert.isTrue(Exit.isSuccess(fiber.pollUnsafe()!), `preempted before operation ${operation}`)
      }
      assert.isAbove(preempted, 2)
    })
  }
})

describe("explored", () => {
  const program = (overflow: "fail" | "dropOldest" | "dropLowestPriority") =>
    Effect.gen(function* () {
      const bulkhead = yield* make({ concurrency: 2, maxWaiting: 1, maxWait: 5, overflow })
      let held = 0
      const hold = (permits: number, priority: number) =>
        withPermits(
          bulkhead,
          permits,
          Effect.gen(function* () {
            held += permits
            assert.isAtMost(held, 2)
            assert.isAtMost((yield* stats(bulkhead)).waiting, 1)
            yield* Effect.yieldNow
            held -= permits
          }),
          { priority }
        )
      const fibers = yield* Effect.forEach([hold(1, 0), hold(2, 0), hold(1, 1), hold(2, 2)], (one) =>
        Effect.forkChild(Effect.result(one))
      )
      yield* Fiber.interrupt(fibers[1]!)
      yield* Fiber.awaitAll(fibers)
      yield* isWhole(bulkhead)
    })

  for (const overflow of ["fail", "dropOldest", "dropLowestPriority"] as const) {
    it.explore(`never above its bounds, and whole at the end: ${overflow}`, program(overflow))
  }

  it.explore(
    "close, a release and an interruption at once: nobody is stranded",
    Effect.gen(function* () {
      const bulkhead = yield* make({ concurrency: 1, maxWaiting: 5, maxWait: 5 })
      yield* take(bulkhead, 1)
      const waiters = yield* Effect.forEach([0, 1, 2], (priority) =>
        Effect.forkChild(Effect.exit(withPermits(bulkhead, 1, Effect.yieldNow, { priority })))
      )
      const closer = yield* Effect.forkChild(close(bulkhead))
      const releaser = yield* Effect.forkChild(release(bulkhead, 1))
      yield* Fiber.interrupt(waiters[1]!)
      yield* Fiber.awaitAll([...waiters, closer, releaser])
      yield* isWhole(bulkhead)
    })
  )
})
