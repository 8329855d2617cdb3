import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/testing/TestClock"

import * as Deadline from "../src/Deadline.ts"
import * as RetryBudget from "../src/RetryBudget.ts"

const { make, makeUnsafe, retry, stats, withAttemptIfAvailable, withExecution } = RetryBudget

const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

/** An effect that fails with the number of its attempt, so many times. */
const failing = (times: number, millis = 0) => {
  const attempts = { count: 0 }
  const effect = Effect.suspend(() => {
    const attempt = ++attempts.count
    const outcome = attempt <= times ? Effect.fail(attempt) : Effect.succeed(`attempt ${attempt}`)
    return millis === 0 ? outcome : Effect.andThen(Effect.sleep(millis), outcome)
  })
  return { attempts, effect }
}

const none = { ratio: 0, minConcurrency: 0 }

describe("the rule, as the cases of go.md 6.7", () => {
  const running = (budget: RetryBudget.RetryBudget) => start(Effect.never.pipe(withExecution(budget)))
  const further = (budget: RetryBudget.RetryBudget) => start(Effect.never.pipe(withAttemptIfAvailable(budget)))
  const isFurther = (fiber: Fiber.Fiber<unknown>) => fiber.pollUnsafe() === undefined

  it.effect("half of those in flight, at least one: 2 executions of which 1 further", () =>
    Effect.gen(function* () {
      const budget = yield* make({ ratio: 0.5, minConcurrency: 1 })
      yield* running(budget)
      yield* further(budget)
      const first = yield* further(budget)
      const second = yield* further(budget)
      assert.deepStrictEqual([isFurther(first), isFurther(second)], [true, false])
      assert.deepStrictEqual(yield* stats(budget), { executions: 3, extra: 2, granted: 2, refused: 1 })
      yield* Fiber.interrupt(first)
      assert.deepStrictEqual(yield* stats(budget), { executions: 2, extra: 1, granted: 2, refused: 1 })
      assert.deepStrictEqual([isFurther(yield* further(budget)), isFurther(yield* further(budget))], [true, false])
    })
  )

  it.effect("half of those in flight, at least two: 1 execution, which is a further one", () =>
    Effect.gen(function* () {
      const budget = yield* make({ ratio: 0.5, minConcurrency: 2 })
      yield* further(budget)
      assert.deepStrictEqual([isFurther(yield* further(budget)), isFurther(yield* further(budget))], [true, false])
    })
  )

  it.effect("by default a fifth, at least three", () =>
    Effect.gen(function* () {
      const budget = yield* make()
      const granted = function* () {
        let count = 0
        while (isFurther(yield* further(budget))) count++
        return count
      }
      assert.strictEqual(yield* Effect.gen(granted), 3)
      for (let i = 0; i < 17; i++) yield* running(budget)
      // 3 of 20, then 4 of 21, of which 4 / 21 is still below a fifth, then 5 of 22
      assert.strictEqual(yield* Effect.gen(granted), 2)
    })
  )

  it.effect("without traffic and without a least, nothing", () =>
    Effect.gen(function* () {
      assert.isFalse(isFurther(yield* further(yield* make({ ratio: 1, minConcurrency: 0 }))))
    })
  )

  it("a ratio that is none, and a least that is no count, die", () => {
    assert.throws(() => makeUnsafe({ ratio: 1.5 }), "RetryBudget.make: ratio must be from 0 to 1, got 1.5")
    assert.throws(() => makeUnsafe({ ratio: NaN, name: "db" }), 'RetryBudget.make on "db": ratio must be from 0 to 1')
    assert.throws(() => makeUnsafe({ minConcurrency: -1 }), "minConcurrency must be a non-negative integer or Infinity")
  })
})

describe("retry", () => {
  it.effect("is Effect.retry while there is room", () =>
    Effect.gen(function* () {
      const budget = yield* make()
      assert.strictEqual(yield* failing(2).effect.pipe(retry(budget, { times: 2 })), "attempt 3")
      assert.strictEqual(yield* failing(2).effect.pipe(retry(budget, Schedule.recurs(2))), "attempt 3")
      assert.strictEqual(yield* Effect.flip(retry(budget, Schedule.recurs(1), failing(2).effect)), 2)
      assert.strictEqual(yield* Effect.flip(retry(budget, { times: 1 }, failing(2).effect)), 2)
      assert.strictEqual(yield* Effect.flip(failing(9).effect.pipe(retry(budget, { while: (n) => n < 4 }))), 4)
      assert.strictEqual(yield* Effect.flip(failing(9).effect.pipe(retry(budget, { until: (n) => n === 3 }))), 3)
      const { executions, extra } = yield* stats(budget)
      assert.deepStrictEqual({ executions, extra }, { executions: 0, extra: 0 })
    })
  )

  it.effect("over the budget it fails at once with the failure that it has, after one execution", () =>
    Effect.gen(function* () {
      const budget = yield* make(none)
      const { attempts, effect } = failing(9)
      const fiber = yield* start(effect.pipe(retry(budget, Schedule.spaced("1 second"))))
      assert.deepStrictEqual(fiber.pollUnsafe(), Exit.fail(1))
      assert.strictEqual(attempts.count, 1)
      assert.deepStrictEqual(yield* stats(budget), { executions: 0, extra: 0, granted: 0, refused: 1 })
    })
  )

  it.effect("what the policy refuses is not asked of the budget", () =>
    Effect.gen(function* () {
      const budget = yield* make()
      const no = Effect.succeed(false)
      yield* Effect.exit(failing(9).effect.pipe(retry(budget, { times: 0 })))
      yield* Effect.exit(failing(9).effect.pipe(retry(budget, { while: () => no })))
      yield* Effect.exit(failing(9).effect.pipe(retry(budget, { until: () => Effect.succeed(true) })))
      yield* Effect.exit(failing(9).effect.pipe(retry(budget, Schedule.recurs(0))))
      assert.deepStrictEqual(yield* stats(budget), { executions: 0, extra: 0, granted: 0, refused: 0 })
    })
  )

  it.effect("holds room from before the backoff until the attempt has ended, one at a time", () =>
    Effect.gen(function* () {
      const budget = yield* make({ ratio: 0, minConcurrency: 1 })
      const { effect } = failing(2, 100)
      const fiber = yield* start(effect.pipe(retry(budget, Schedule.spaced(50))))
      const seen: Array<number> = []
      for (let i = 0; i < 8; i++) {
        seen.push((yield* stats(budget)).extra)
        yield* TestClock.adjust(50)
      }
      // attempts from 0 to 100, from 150 to 250 and from 300 to 400
      assert.deepStrictEqual(seen, [0, 0, 1, 1, 1, 1, 1, 1])
      assert.deepStrictEqual(fiber.pollUnsafe(), Exit.succeed("attempt 3"))
      assert.deepStrictEqual(yield* stats(budget), { executions: 0, extra: 0, granted: 2, refused: 0 })
    })
  )

  it.effect("what was taken goes back when it is interrupted, in the backoff and in the attempt", () =>
    Effect.gen(function* () {
      const budget = yield* make({ ratio: 0, minConcurrency: 1 })
      for (const millis of [120, 180]) {
        const fiber = yield* start(failing(2, 100).effect.pipe(retry(budget, Schedule.spaced(50))))
        yield* TestClock.adjust(millis)
        assert.strictEqual((yield* stats(budget)).extra, 1)
        yield* Fiber.interrupt(fiber)
        const { executions, extra } = yield* stats(budget)
        assert.deepStrictEqual({ executions, extra }, { executions: 0, extra: 0 })
      }
    })
  )

  it.effect("a defect is not retried", () =>
    Effect.gen(function* () {
      const budget = yield* make()
      const exit = yield* Effect.exit(Effect.die("bug").pipe(retry(budget, { times: 3 })))
      assert.deepStrictEqual(exit, Exit.die("bug"))
      assert.deepStrictEqual(yield* stats(budget), { executions: 0, extra: 0, granted: 0, refused: 0 })
    })
  )

  it.effect(
    "a backoff that the deadline would cut short is not begun: it fails at once with the failure that it has",
    () =>
      Effect.gen(function* () {
        const budget = yield* make()
        const within100 = (backoff: number) =>
          start(failing(1).effect.pipe(retry(budget, Schedule.spaced(backoff)), Deadline.within(100)))
        const late = yield* within100(100)
        const inTime = yield* within100(99)
        assert.deepStrictEqual(late.pollUnsafe(), Exit.fail(1))
        assert.deepStrictEqual(yield* stats(budget), { executions: 2, extra: 1, granted: 1, refused: 0 })
        yield* TestClock.adjust(99)
        assert.deepStrictEqual(inTime.pollUnsafe(), Exit.succeed("attempt 2"))
      })
  )

  it.effect("one retried execution can be run again, each time with room of its own", () =>
    Effect.gen(function* () {
      const budget = yield* make()
      const { effect } = failing(3)
      const retried = effect.pipe(retry(budget, { times: 1 }))
      assert.strictEqual(yield* Effect.flip(retried), 2)
      assert.strictEqual(yield* retried, "attempt 4")
    })
  )

  it.effect("a storm is bounded: of 100 callers whose calls fail, about a tenth may try again", () =>
    Effect.gen(function* () {
      const budget = yield* make({ ratio: 0.1, minConcurrency: 0 })
      let calls = 0
      const call = Effect.andThen(
        Effect.sync(() => calls++),
        Effect.andThen(Effect.sleep(10), Effect.fail("down"))
      )
      const callers = Effect.replicateEffect(Effect.exit(call.pipe(retry(budget, { times: 3 }))), 100, {
        concurrency: "unbounded"
      })
      const fiber = yield* start(callers)
      yield* TestClock.adjust(1_000)
      assert.isDefined(fiber.pollUnsafe())
      assert.isAtLeast(calls, 110)
      assert.isAtMost(calls, 140)
    })
  )
})

describe("real traffic", () => {
  it.effect("counts once, however many of the budget's own are nested", () =>
    Effect.gen(function* () {
      const budget = yield* make()
      const other = yield* make()
      const nested = stats(budget).pipe(
        withExecution(budget),
        retry(budget, { times: 1 }),
        withExecution(other),
        withExecution(budget)
      )
      assert.strictEqual((yield* nested).executions, 1)
      assert.strictEqual((yield* stats(other).pipe(withExecution(other), withExecution(budget))).executions, 1)
    })
  )

  it.effect("a further attempt gives its result, its failure, and its room back", () =>
    Effect.gen(function* () {
      const budget = yield* make({ ratio: 0, minConcurrency: 1 })
      assert.deepStrictEqual(yield* Effect.succeed(1).pipe(withAttemptIfAvailable(budget)), Option.some(1))
      assert.strictEqual(yield* Effect.flip(withAttemptIfAvailable(budget, Effect.fail("no"))), "no")
      const inner = Effect.void.pipe(withAttemptIfAvailable(budget))
      assert.deepStrictEqual(yield* inner.pipe(withAttemptIfAvailable(budget)), Option.some(Option.none()))
      assert.deepStrictEqual(yield* stats(budget), { executions: 0, extra: 0, granted: 3, refused: 1 })
    })
  )

  it("is shown", () => {
    const budget = makeUnsafe({ name: "db" })
    assert.deepStrictEqual(budget.toJSON(), {
      _id: "RetryBudget",
      name: "db",
      executions: 0,
      extra: 0,
      granted: 0,
      refused: 0
    })
    assert.strictEqual(
      budget.pipe((self) => self),
      budget
    )
  })
})
