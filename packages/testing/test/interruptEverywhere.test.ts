// explorations one after the other, each with the machine to itself
/* oxlint-disable eslint/no-await-in-loop */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
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

  it("finds a grant that is lost between the grant and the resumption", async () => {
    const lock = (givesBack: boolean) => {
      let free = 1
      const line: Array<(effect: Effect.Effect<void>) => void> = []
      const take = Effect.callback<void>((resume) => {
        if (free > 0) {
          free--
          return resume(Effect.void)
        }
        line.push(resume)
        return Effect.sync(() => {
          const at = line.indexOf(resume)
          if (at >= 0) line.splice(at, 1)
          // it was granted already
          else if (givesBack) free++
        })
      })
      const release = Effect.withFiber(({ currentDispatcher }) => {
        const next = line.shift()
        if (next === undefined) free++
        else currentDispatcher.scheduleTask(() => next(Effect.void), 0)
        return Effect.void
      })
      const use = Effect.uninterruptibleMask((restore) =>
        Effect.andThen(restore(take), Effect.ensuring(restore(Effect.yieldNow), release))
      )
      return { before: [use], target: use, free: () => free }
    }
    const sweep = (givesBack: boolean, moments?: ReadonlyArray<Explorer.Moment>) =>
      Explorer.interruptEverywhere(
        Effect.sync(() => lock(givesBack)),
        (_, { free }) => (free() === 1 ? Effect.void : Effect.die(new Error("the grant was lost"))),
        { budgets: [4, 64], moments }
      )
    const failure = await run(Effect.flip(sweep(false, ["task"])))
    assert.include(failure.message, "the grant was lost")
    assert.include(failure.message, "interrupted")
    const { completed, interrupted } = await run(sweep(true, ["task"]))
    assert.isTrue(completed > 0 && interrupted > 0)
  })

  it("each moment is what it says, at every place", async () => {
    const sweepWith = async (moment: Explorer.Moment) => {
      const seen = new Set<string>()
      const report = await run(
        Explorer.interruptEverywhere(
          Effect.sync(() => {
            let steps = 0
            const step = Effect.sync(() => steps++)
            return { steps: () => steps, target: Effect.andThen(step, Effect.andThen(Effect.yieldNow, step)) }
          }),
          (exit, { steps }) =>
            Effect.sync(() => seen.add(`${steps()} ${Exit.isSuccess(exit) ? "ended" : "interrupted"}`)),
          { budgets: [64], moments: [moment] }
        )
      )
      return { seen: [...seen].toSorted((a, b) => a.localeCompare(b)), report }
    }
    // before it starts, at its yield, and not at all
    const task = await sweepWith("task")
    assert.deepStrictEqual(task.seen, ["0 interrupted", "1 interrupted", "2 ended"])
    const preemption = await sweepWith("preemption")
    assert.deepStrictEqual(preemption.seen, ["0 interrupted", "1 interrupted", "2 ended", "2 interrupted"])
    const operation = await sweepWith("operation")
    assert.deepStrictEqual(operation.seen, ["0 interrupted", "1 interrupted", "2 ended", "2 interrupted"])
    const pause = await sweepWith("pause")
    assert.deepStrictEqual(pause.seen, ["2 ended"])
    assert.strictEqual(pause.report.interrupted, 0)
    // a run for each of its operations, and one that nothing happens to, at once and queued
    assert.strictEqual(pause.report.runs, operation.report.runs)
    assert.strictEqual(preemption.report.runs, operation.report.runs)
  })

  it("sweeps budgets that nobody uses up once, and misses nothing by it", async () => {
    const seen = (budgets: ReadonlyArray<number>) => {
      const ends = new Set<string>()
      const scenario = () => {
        let steps = 0
        const step = Effect.sync(() => steps++)
        const target = Effect.andThen(Effect.replicateEffect(step, 4, { discard: true }), Effect.yieldNow)
        return Effect.succeed({ target: Effect.andThen(target, step), steps: () => steps })
      }
      const sweep = Explorer.interruptEverywhere(
        scenario,
        (exit, { steps }) => Effect.sync(() => ends.add(`${steps()} ${exit._tag}`)),
        { budgets }
      )
      return Effect.map(sweep, ({ runs }) => ({ runs, ends: [...ends].toSorted((a, b) => a.localeCompare(b)) }))
    }
    const budgets = Array.from({ length: 62 }, (_, index) => index + 3)
    const all = await run(seen(budgets))
    const oneByOne = await run(Effect.forEach(budgets, (budget) => seen([budget])))
    const ends = new Set(oneByOne.flatMap((one) => one.ends))
    assert.deepStrictEqual(new Set(all.ends), ends)
    // largest first: the first of them tells how many are alike
    const largestFirst = await run(seen(budgets.toReversed()))
    assert.deepStrictEqual(new Set(largestFirst.ends), ends)
    assert.strictEqual(largestFirst.runs, all.runs)
    const runsOf = (budget: number) => oneByOne[budgets.indexOf(budget)]!.runs
    const calm = budgets.filter((budget) => runsOf(budget) === runsOf(64))
    const total = oneByOne.reduce((sum, { runs }) => sum + runs, 0)
    assert.isBelow(all.runs, total - (calm.length - 2) * runsOf(64) + 1)
  })

  it("shows the calmest run of a failure, which the replay string shows again", async () => {
    const failure = await run(Effect.flip(sweep(true)))
    assert.match(failure.message, /^(operation|preemption|task) \d+, MaxOpsBeforeYield 64, resumed fibers at once$/m)
    assert.match(failure.replay!, /^stock:0::b1s,[opt]/)
    const again = await run(Effect.flip(sweep(true, { replay: failure.replay })))
    assert.strictEqual(again.message, failure.message)
  })

  it("finds what breaks only when a resumed fiber is queued first, and replays that", async () => {
    // whoever is resumed later than the one who resumes it finds the door closed again
    const sweep = (replay?: string) =>
      Explorer.interruptEverywhere(
        Effect.sync(() => {
          let open = false
          const gate = Deferred.makeUnsafe<void>()
          const before = Effect.andThen(
            Deferred.await(gate),
            Effect.suspend(() => (open ? Effect.void : Effect.die(new Error("the door is closed"))))
          )
          const target = Effect.gen(function* () {
            yield* Effect.yieldNow
            open = true
            yield* Effect.ensuring(Deferred.succeed(gate, undefined), Effect.void)
            open = false
          })
          return { before: [before], target: Effect.ensuring(target, Deferred.succeed(gate, undefined)) }
        }),
        () => Effect.void,
        { budgets: [64], moments: ["pause"], replay }
      )
    const failure = await run(Effect.flip(sweep()))
    assert.include(failure.message, "the door is closed")
    assert.include(failure.message, "resumed fibers queued")
    const again = await run(Effect.flip(sweep(failure.replay)))
    assert.strictEqual(again.message, failure.message)
  })

  it("what the scenario and the invariant require, the caller provides", async () => {
    class Config extends Context.Service<Config, { readonly permits: number }>()("test/Config") {}
    const sweep = Explorer.interruptEverywhere(
      Effect.gen(function* () {
        const { permits } = yield* Config
        const semaphore = yield* Semaphore.make(permits)
        const target = Effect.flatMap(Config, ({ permits }) => semaphore.withPermits(permits)(Effect.succeed(permits)))
        return { semaphore, target, after: [semaphore.withPermit(Config)] }
      }),
      (exit) => Effect.map(Config, ({ permits }) => assert.isTrue(Exit.isFailure(exit) || exit.value === permits)),
      { budgets: [3, 10] }
    )
    const { completed } = await run(Effect.provideService(sweep, Config, { permits: 3 }))
    assert.isAbove(completed, 0)
  })

  it("mistakes die with the value and the rule", async () => {
    for (const [options, message] of [
      [{ budgets: [2] }, "budget must be an integer from 3 up, got 2"],
      [{ budgets: [3.5] }, "budget must be an integer from 3 up, got 3.5"],
      [{ budgets: [] }, "the number of budgets must be a positive integer, got 0"],
      [{ moments: ["sometimes"] }, 'moment must be one of "operation", "preemption", "task", "pause", got "sometimes"'],
      [{ replay: "op:0:" }, '"op:0:" is not a replay string of interruptEverywhere'],
      [{ replay: "stock:0::b2,o5" }, '"stock:0::b2,o5" is not a replay string of interruptEverywhere']
    ] as const) {
      const exit = await run(Effect.exit(sweep(false, options as unknown as Explorer.InterruptOptions)))
      assert.include(String(exit), message)
      assert.isTrue(Exit.hasDies(exit))
    }
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

  it("what a scenario leaves to a scope ends with its run, also where the scope comes from outside", async () => {
    const log: Array<string> = []
    const scenario = Effect.gen(function* () {
      yield* Effect.addFinalizer(() =>
        Effect.andThen(
          Effect.yieldNow,
          Effect.sync(() => log.push("closed"))
        )
      )
      yield* Effect.forkScoped(Effect.forever(Effect.sleep("1 second")))
      return { target: Effect.yieldNow }
    })
    const sweep = Explorer.interruptEverywhere(scenario, () => Effect.void, { budgets: [3] })
    const { runs } = await Effect.runPromise(Effect.scoped(sweep))
    assert.strictEqual(log.length, runs)
    const explored = Explorer.check(
      Effect.flatMap(scenario, ({ target }) => target),
      { runs: 3 }
    )
    await Effect.runPromise(Effect.scoped(explored))
    assert.isAtLeast(log.length, runs + 1)
  })
})
