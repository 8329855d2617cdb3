/** Hedges against a model that reckons who wins, and under interruption at every step. */
import { assert, describe } from "@effect/vitest"
import * as Explorer from "@heddle/testing/Explorer"
import { it } from "@heddle/testing/vitest"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"

import * as Hedge from "../src/Hedge.ts"
import * as RetryBudget from "../src/RetryBudget.ts"

const outcomes = ["success", "failure", "defect"] as const

interface Attempt {
  readonly millis: number
  readonly outcome: (typeof outcomes)[number]
  readonly cleanup: number
}

interface End {
  readonly at: number
  readonly exit: Exit.Exit<number, number>
  readonly started: number
}

/** Attempts begin a delay apart while none has succeeded or died and one is still in flight. */
const reckon = (attempts: ReadonlyArray<Attempt>, delay: number): End => {
  const begins = attempts.map((_, index) => index * delay)
  const ends = attempts.map(({ millis }, index) => begins[index]! + millis)
  let started = 1
  for (;;) {
    const running = ends.slice(0, started)
    const decisive = running
      .map((at, index) => ({ at, index }))
      .filter(({ index }) => attempts[index]!.outcome !== "failure")
      .toSorted((a, b) => a.at - b.at)[0]
    const last = Math.max(...running)
    const next = started < attempts.length ? begins[started]! : Infinity
    if (next < (decisive?.at ?? last)) {
      started++
      continue
    }
    if (decisive === undefined) {
      const reasons = running.map((_, index) => Cause.makeFailReason(index + 1))
      return { at: last, exit: Exit.failCause(Cause.fromReasons(reasons)), started }
    }
    const losers = attempts.slice(0, started).filter((_, index) => ends[index]! > decisive.at)
    const at = Math.max(decisive.at, ...losers.map(({ cleanup }) => decisive.at + cleanup))
    const winner = attempts[decisive.index]!
    return { at, exit: winner.outcome === "success" ? Exit.succeed(decisive.index + 1) : Exit.die("bug"), started }
  }
}

const Shape = Schema.Struct({ millis: Schema.Int, outcome: Schema.Int, cleanup: Schema.Int })

describe("against its model", () => {
  for (const mode of ["stock", "op"] as const) {
    it.effect.prop(
      `who wins, when, and how many were sent (${mode})`,
      [Schema.Array(Shape), Schema.Int],
      ([shapes, delay]) => {
        // fractions of their own, so that no two things happen at the same instant
        const attempts = shapes.slice(0, 5).map(({ cleanup, millis, outcome }, index) => ({
          millis: (Math.abs(millis) % 12) + (index + 1) * 0.01,
          outcome: outcomes[Math.abs(outcome) % outcomes.length]!,
          cleanup: Math.abs(cleanup) % 4
        }))
        if (attempts.length === 0) return Effect.void
        const wait = (Math.abs(delay) % 6) + 0.5
        const expected = reckon(attempts, wait)
        const program = Effect.gen(function* () {
          const handle = yield* Hedge.make({ delay: wait, maxAttempts: attempts.length })
          let active = 0
          const call = Effect.flatMap(Hedge.CurrentAttempt, (number) => {
            const { cleanup, millis, outcome } = attempts[number - 1]!
            const result =
              outcome === "success"
                ? Effect.succeed(number)
                : outcome === "failure"
                  ? Effect.fail(number)
                  : Effect.die("bug")
            return Effect.acquireUseRelease(
              Effect.sync(() => active++),
              () => Effect.onInterrupt(Effect.andThen(Effect.sleep(millis), result), () => Effect.sleep(cleanup)),
              () => Effect.sync(() => active--)
            )
          })
          const exit = yield* Effect.exit(call.pipe(Hedge.run(handle)))
          const at = yield* Clock.currentTimeMillis
          assert.strictEqual(active, 0)
          assert.deepStrictEqual(exit, expected.exit, JSON.stringify({ attempts, wait }))
          assert.approximately(at, expected.at, 1e-6, JSON.stringify({ attempts, wait }))
          assert.strictEqual((yield* Hedge.stats(handle)).hedges, expected.started - 1)
        })
        return Explorer.check(program, { mode, runs: 6 })
      },
      { arbitrary: { runs: 200, size: 20 } }
    )
  }
})

/** A call whose attempts count themselves, the first slower than the rest. */
const makeCall = () => {
  const seen = { active: 0, begun: 0 }
  const call = Effect.flatMap(Hedge.CurrentAttempt, (attempt) =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        seen.active++
        seen.begun++
      }),
      () => Effect.as(Effect.sleep(attempt === 1 ? 30 : 5), attempt),
      () =>
        Effect.andThen(
          Effect.yieldNow,
          Effect.sync(() => seen.active--)
        )
    )
  )
  return { call, seen }
}

describe("interrupted everywhere", () => {
  for (const losers of ["await", "scope"] as const) {
    it.effect(`no attempt is left, and the budget is whole (losers: ${losers})`, () =>
      Effect.gen(function* () {
        const report = yield* Explorer.interruptEverywhere(
          Effect.gen(function* () {
            const budget = yield* RetryBudget.make()
            const { call, seen } = makeCall()
            const hedged = call.pipe(Hedge.hedge({ delay: 10, maxAttempts: 3, budget, losers }))
            return { budget, seen, target: Effect.scoped(hedged) }
          }),
          (_, { budget, seen }) =>
            Effect.map(RetryBudget.stats(budget), ({ executions, extra }) =>
              assert.deepStrictEqual([executions, extra, seen.active], [0, 0, 0])
            ),
          { budgets: [3, 4, 5, 64] }
        )
        assert.isAbove(report.interrupted, 50)
      })
    )
  }
})

describe("explored", () => {
  for (const mode of ["stock", "resume", "op3", "op"] as const) {
    it.explore(
      `attempts that end together, and a caller who goes at any time (${mode})`,
      Effect.gen(function* () {
        const { call, seen } = makeCall()
        const budget = yield* RetryBudget.make()
        const together = Effect.andThen(call, Effect.yieldNow)
        const fiber = yield* Effect.forkChild(together.pipe(Hedge.hedge({ delay: 25, maxAttempts: 3, budget })))
        const going = yield* Effect.forkChild(Effect.andThen(Effect.sleep(30), Fiber.interrupt(fiber)))
        yield* Fiber.awaitAll([fiber, going])
        const { executions, extra } = yield* RetryBudget.stats(budget)
        assert.deepStrictEqual([executions, extra, seen.active], [0, 0, 0])
      }),
      { mode }
    )
  }
})
