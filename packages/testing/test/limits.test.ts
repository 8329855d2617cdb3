// explorations one after the other, each with the machine to itself
/* oxlint-disable eslint/no-await-in-loop */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"

import * as Explorer from "../src/Explorer.ts"
import { lostUpdate, run } from "./support.ts"

const verdict = async (effect: Effect.Effect<unknown, unknown>, options: Explorer.Options = {}) =>
  (await run(Explorer.explore(effect, { runs: 1, maxSteps: 2000, ...options }))).failure

const spin = Effect.forever(
  Effect.sync(() => {}),
  { disableYield: true }
)

describe("every run ends", () => {
  const endless: Record<string, Effect.Effect<unknown>> = {
    "Effect.forever(Effect.void)": Effect.forever(Effect.void),
    "a loop that never yields": spin,
    "a loop with an endless yield budget": Effect.provideService(spin, Scheduler.MaxOpsBeforeYield, Infinity),
    "a loop of yields that the scheduler is not asked about": Effect.provideService(
      Effect.forever(Effect.yieldNow),
      Scheduler.PreventSchedulerYield,
      true
    ),
    "a task that schedules itself": Effect.withFiber(({ currentDispatcher }) => {
      const again = (): void => currentDispatcher.scheduleTask(again, 0)
      again()
      return Effect.never
    }),
    "a fiber that yields after every two operations, as in Effect": Effect.provideService(
      Effect.andThen(Effect.void, Effect.void),
      Scheduler.MaxOpsBeforeYield,
      2
    ),
    "forks without end": Effect.forever(Effect.forkDetach(Effect.never)),
    "a fiber that forks a fiber that forks a fiber": Effect.suspend(function chain(): Effect.Effect<never> {
      return Effect.andThen(Effect.forkDetach(Effect.suspend(chain)), Effect.never)
    }),
    "sleeps without end": Effect.forever(Effect.sleep("1 hour"))
  }
  for (const [name, effect] of Object.entries(endless)) {
    for (const mode of ["stock", "op"] as const) {
      it(`${name} is a livelock (${mode})`, async () => {
        const failure = await verdict(effect, { mode })
        assert.strictEqual(failure?.verdict._tag, "Livelock")
        assert.isBelow(failure!.trace.length, 20_000)
      })
    }
  }

  it("Effect.never and an endless sleep are deadlocks", async () => {
    for (const effect of [Effect.never, Effect.sleep(Infinity)]) {
      assert.strictEqual((await verdict(effect, { outside: 1 }))?.verdict._tag, "Deadlock")
    }
  })

  it("a callback that resumes twice goes on once, and a nested runSync is one operation", async () => {
    let went = 0
    const twice = Effect.callback<void>((resume) => {
      resume(Effect.sync(() => went++))
      resume(Effect.sync(() => went++))
    })
    const nested = Effect.sync(() =>
      Effect.runSync(
        Effect.andThen(
          Effect.yieldNow,
          Effect.sync(() => went++)
        )
      )
    )
    const failure = await verdict(Effect.andThen(twice, nested), { mode: "op" })
    assert.isUndefined(failure?.trace)
    assert.strictEqual(went, 2)
  })

  it("whoever asks from where yields are prevented is explored even so", async () => {
    const { passed } = await run(
      Effect.provideService(Explorer.explore(lostUpdate), Scheduler.PreventSchedulerYield, true)
    )
    assert.isFalse(passed)
  })
})

describe("time", () => {
  it("has no end: the longest sleep ends, and the clock can be read", async () => {
    for (const millis of [2 ** 31, 8.64e15, Number.MAX_SAFE_INTEGER, Number.MAX_VALUE]) {
      const reads = Effect.gen(function* () {
        yield* Effect.sleep(Duration.millis(millis))
        yield* Effect.sleep(1)
        const nanos = yield* Clock.currentTimeNanos
        return [yield* Clock.currentTimeMillis, nanos / 1_000_000n] as const
      })
      const failure = await verdict(
        Effect.flatMap(reads, ([ms, fromNanos]) =>
          BigInt(ms) === fromNanos && !Number.isNaN(new Date(ms).getTime())
            ? Effect.void
            : Effect.die(new Error(`${ms}`))
        )
      )
      assert.isUndefined(failure?.trace, `${millis}`)
    }
  })
})

describe("what throws where Effect cannot catch it is a failed run", () => {
  it("an observer of a fiber", async () => {
    const observed = Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(Effect.yieldNow)
      fiber.addObserver(() => {
        throw new Error("the observer threw")
      })
      yield* Fiber.await(fiber)
    })
    const failure = await verdict(observed, { mode: "stock" })
    assert.include(failure?.trace, "failed: Error: the observer threw")
    assert.isTrue(failure?.reproducible)
  })

  it("a task", async () => {
    const failure = await verdict(
      Effect.withFiber(({ currentDispatcher }) => {
        currentDispatcher.scheduleTask(() => {
          throw new Error("the task threw")
        }, 0)
        return Effect.yieldNow
      })
    )
    assert.include(failure?.trace, "failed: Error: the task threw")
  })

  it("what makes the program", async () => {
    const { failure } = await run(
      Explorer.explore(
        () => {
          throw new Error("make threw")
        },
        { runs: 1 }
      )
    )
    assert.include(failure?.trace, "failed: Error: make threw")
  })
})
