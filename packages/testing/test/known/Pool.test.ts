import * as Effect from "effect-4.1.0/Effect"
import * as Pool from "effect-4.1.0/Pool"
import { describe } from "vitest"

import { finds, must } from "./known.ts"

/** Two users of a pool of one, whose first acquisition fails; then a look at it when nothing can run any more. */
const afterAFailure = (acquire: (attempt: number) => Effect.Effect<void, string>) =>
  Effect.gen(function* () {
    let attempts = 0
    const pool = yield* Pool.make({ acquire: Effect.suspend(() => acquire(++attempts)), size: 1 })
    for (let user = 0; user < 2; user++) yield* Effect.forkChild(Pool.use(pool, () => Effect.void))
    yield* Effect.sleep("1 minute")
    return yield* Pool.stats(pool)
  })

describe("Pool", () => {
  // Pool.ts:784: a waiter that was woken for nothing stays in line; before it sleeps again it looks for an item only
  // when the line is empty, which it never is. An item that came meanwhile woke nobody, for the waiter was "awake".
  finds("an item is free, and a user sleeps for ever", {
    program: Effect.scoped(
      Effect.gen(function* () {
        const { idle, pending } = yield* afterAFailure((attempt) =>
          attempt === 1 ? Effect.andThen(Effect.sleep(1), Effect.fail("refused")) : Effect.void
        )
        yield* must(idle === 0 || pending === 0, `${idle} idle, ${pending} waiting`)
      })
    ),
    weakestMode: "op3",
    runs: 100,
    trace: "Pool.lostWakeUp"
  })

  // Pool.ts:680-687: who finds an acquisition under way starts none of its own, and counts on being woken when it fails;
  // `wakeAll` (828) wakes those that are in line already. There is no item then, and none is being acquired.
  finds("nothing is being acquired, and a user sleeps for ever", {
    program: Effect.scoped(
      Effect.gen(function* () {
        const { idle, pending, used } = yield* afterAFailure((attempt) =>
          attempt === 1 ? Effect.andThen(Effect.yieldNow, Effect.fail("refused")) : Effect.void
        )
        yield* must(idle + used > 0 || pending === 0, `no item, ${pending} waiting`)
      })
    ),
    weakestMode: "op3",
    runs: 20,
    trace: "Pool.nothingAcquired"
  })

  // Pool.ts:1100-1107: an item that has expired is taken out of the pool, and closed one operation later. The fiber that
  // does it is interruptible there (1266, 1297), and the end of the pool interrupts it; `shutdown` no longer finds it.
  finds("an item that expires as the pool ends is never closed", {
    program: Effect.gen(function* () {
      let open = 0
      const acquire = Effect.acquireRelease(
        Effect.sync(() => void open++),
        () => Effect.sync(() => void open--)
      )
      const pool = { acquire, min: 1, max: 2, timeToLive: 10, timeToLiveStrategy: "creation" } as const
      yield* Effect.scoped(Effect.andThen(Pool.makeWithTTL(pool), Effect.sleep(10)))
      yield* must(open === 0, `${open} open after the end of the pool`)
    }),
    weakestMode: "op3",
    runs: 50,
    preemptions: 2,
    trace: "Pool.expiredAtTheEnd"
  })
})
