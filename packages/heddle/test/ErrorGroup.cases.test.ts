/** Cases of others' groups (errgroup, conc, Effection) that are none of the rules of the other files. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"

import * as Deadline from "../src/Deadline.ts"
import * as ErrorGroup from "../src/ErrorGroup.ts"
import { ended, endedAt } from "./support/ended.ts"
import { after, reasonsOf, start } from "./support/group.ts"

const { all, collectAll, forEach, go, make, run, stats, wait } = ErrorGroup

describe("errgroup", () => {
  for (const [name, tasks, outcome] of [
    ["no task", [], "succeeded"],
    ["a success", [Effect.void], "succeeded"],
    ["a failure", [Effect.fail("doom")], "doom"],
    ["a failure and a success", [Effect.fail("doom"), Effect.void], "doom"]
  ] as const) {
    it.effect(`EG-02: after ${name} nothing of the group goes on`, () =>
      Effect.gen(function* () {
        const forked: Array<Fiber.Fiber<never>> = []
        const forks = Effect.map(Effect.forkChild(Effect.never), (fiber) => void forked.push(fiber))
        const block = run<string>({})((group) =>
          Effect.andThen(
            forks,
            Effect.forEach(tasks, (task) => go(group, Effect.andThen(forks, task)))
          )
        )
        assert.deepStrictEqual(reasonsOf(yield* ended(block)), [outcome])
        assert.isAbove(forked.length, 0)
        for (const fiber of forked) assert.isDefined(fiber.pollUnsafe())
      })
    )
  }
})

describe("conc", () => {
  it.effect("CO-02, CO-07: the limit is in the statistics, and may be set also after a wait", () =>
    Effect.gen(function* () {
      const group = yield* make({ concurrency: 42 })
      assert.strictEqual((yield* stats(group)).concurrency, 42)
      yield* go(group, Effect.void)
      yield* wait(group)
      yield* ErrorGroup.setConcurrency(group, 7)
      assert.strictEqual((yield* stats(group)).concurrency, 7)
    }).pipe(Effect.scoped)
  )

  it.effect("CO-13: each run has its own results", () =>
    Effect.gen(function* () {
      let runs = 0
      const program = all([Effect.sync(() => ++runs)])
      assert.deepStrictEqual([yield* program, yield* program], [[1], [2]])
    })
  )

  it.effect(
    "CO-15: of several defects all are kept, the first submitted first; an Error is the same, a string a string",
    () =>
      Effect.gen(function* () {
        const error = new Error("50")
        const tasks = Array.from({ length: 100 }, (_, n) => (n === 50 ? Effect.die(error) : Effect.void))
        const exit = yield* ended(all([...tasks, Effect.die("later")], { policy: collectAll() }))
        const reasons = Exit.isFailure(exit) ? exit.cause.reasons.filter(Cause.isDieReason) : []
        assert.deepStrictEqual(
          reasons.map(({ defect }) => defect),
          [error, "later"]
        )
      })
  )

  it.effect("CO-16: results in the order of the elements, whatever their time", () =>
    Effect.gen(function* () {
      const sleeps = [20, 52, 16, 45, 4, 80]
      const options = { concurrency: 5, collect: true } as const
      const { exit, millis } = yield* endedAt(forEach(sleeps, (sleep) => after(sleep, Effect.succeed(sleep)), options))
      assert.deepStrictEqual(exit, Exit.succeed(sleeps))
      // the sixth begins when the first, of four milliseconds, has ended
      assert.strictEqual(millis, 84)
    })
  )

  it.effect("CO-X1: a failure leaves the results of the others where they are", () =>
    Effect.gen(function* () {
      const policy: ErrorGroup.Own<number, string, ReadonlyArray<Option.Option<number>>, never> = {
        onExit: () => "continue",
        result: ({ exits }) => Effect.succeed(exits.map(({ exit }) => Exit.getSuccess(exit)))
      }
      const program = all([after(3, Effect.succeed(1)), Effect.fail("x"), Effect.succeed(3)], { policy })
      assert.deepStrictEqual(yield* ended(program), Exit.succeed([Option.some(1), Option.none(), Option.some(3)]))
    })
  )
})

describe("Effection", () => {
  it.effect("G1: the results of children are there", () =>
    Effect.gen(function* () {
      const program = Effect.map(all([after(2, Effect.succeed(12)), after(1, Effect.succeed(55))]), ([a, b]) => a + b)
      assert.deepStrictEqual(yield* ended(program), Exit.succeed(67))
    })
  )

  it.effect("G1: a child is stopped when its parent fails or is stopped, and its failure is its parent's", () =>
    Effect.gen(function* () {
      let stopped = 0
      const child = Effect.onInterrupt(Effect.never, () => Effect.sync(() => stopped++))
      const parent = run<string>({})((group) => Effect.andThen(go(group, child), after(5, Effect.fail("parent"))))
      assert.deepStrictEqual(reasonsOf(yield* ended(parent)), ["parent"])
      const halted = yield* start(run({})((group) => go(group, child)))
      yield* Fiber.interrupt(halted)
      assert.strictEqual(stopped, 2)
      const failing = run<string>({})((group) =>
        Effect.andThen(go(group, after(5, Effect.fail("child"))), Effect.never)
      )
      assert.deepStrictEqual(reasonsOf(yield* ended(failing)), ["child"])
    })
  )

  it.effect("G3: the signal of a promise is aborted when the group stops, and not before", () =>
    Effect.gen(function* () {
      const seen: Array<boolean> = []
      const promised = Effect.promise<never>(
        (signal) =>
          new Promise(() => {
            seen.push(signal.aborted)
            signal.addEventListener("abort", () => seen.push(signal.aborted))
          })
      )
      yield* ended(all([promised, after(5, Effect.fail("boom"))]))
      assert.deepStrictEqual(seen, [false, true])
    })
  )
})

it.effect("CX-03: what stands outside sees what the inside made of it: fallback(group(deadline(retry)))", () =>
  Effect.gen(function* () {
    let attempts = 0
    const fn = after(
      60,
      Effect.suspend(() => Effect.fail(`attempt ${++attempts}`))
    )
    const guarded = Effect.retry(fn, { times: 5 }).pipe(Deadline.within("150 millis"))
    const program = all([guarded]).pipe(Effect.catchTag("DeadlineExceeded", () => Effect.succeed("fallback")))
    const { exit, millis } = yield* endedAt(program)
    assert.deepStrictEqual([exit, millis, attempts], [Exit.succeed("fallback"), 150, 2])
  })
)
