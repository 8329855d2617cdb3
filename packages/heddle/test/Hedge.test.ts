import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"

import * as Deadline from "../src/Deadline.ts"
import * as Hedge from "../src/Hedge.ts"
import * as RetryBudget from "../src/RetryBudget.ts"
import { withCountedSleeps } from "./support/clocks.ts"

const { CurrentAttempt, hedge, make, makeUnsafe, run, stats } = Hedge

const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

/** Runs on the test clock, which moves on in steps of a millisecond, until the effect has ended; and says when that was. */
const ended = Effect.fnUntraced(function* <A, E, R>(effect: Effect.Effect<A, E, R>) {
  yield* TestClock.adjust(0)
  const begun = yield* Clock.currentTimeMillis
  const fiber = yield* start(effect)
  for (let millis = 0; fiber.pollUnsafe() === undefined; millis++) {
    assert.isBelow(millis, 10_000, "it never ended")
    yield* TestClock.adjust(1)
  }
  return { exit: fiber.pollUnsafe()!, millis: (yield* Clock.currentTimeMillis) - begun }
})

type Attempt = Effect.Effect<string, string>

/** An attempt that takes so long and then succeeds with its number, or ends otherwise. */
const after = (
  millis: number,
  outcome: Attempt = Effect.map(CurrentAttempt, (attempt) => `attempt ${attempt}`)
): Attempt => Effect.andThen(Effect.sleep(millis), outcome)

/** Attempts one after the other, and what became of them. */
const service = (...attempts: ReadonlyArray<Attempt>) => {
  const seen = { started: 0, interrupted: 0 }
  const call = Effect.suspend(() => {
    const attempt = attempts[seen.started++] ?? Effect.die("one too many")
    return Effect.onInterrupt(attempt, () => Effect.sync(() => void seen.interrupted++))
  })
  return { call, seen }
}

const deathMessage = (exit: Exit.Exit<unknown, unknown>): string => {
  const defects = Exit.isFailure(exit) ? exit.cause.reasons.filter(Cause.isDieReason) : []
  assert.lengthOf(defects, 1, String(exit))
  return String(defects[0]!.defect)
}

describe("when a further attempt is made", () => {
  it.effect("HG-01: not when the first is fast, and no timer is left", () =>
    withCountedSleeps((sleepers) =>
      Effect.gen(function* () {
        const { call, seen } = service(after(10), after(10))
        const { exit, millis } = yield* ended(call.pipe(hedge({ delay: "1 second" })))
        assert.deepStrictEqual(exit, Exit.succeed("attempt 1"))
        assert.strictEqual(millis, 10)
        assert.deepStrictEqual(seen, { started: 1, interrupted: 0 })
        assert.strictEqual(yield* Effect.succeed("at once").pipe(hedge({ delay: 0 })), "at once")
        assert.strictEqual(sleepers(), 0)
      })
    )
  )

  it.effect("HG-02: after each delay, until there are as many as may be", () =>
    Effect.gen(function* () {
      const handle = yield* make({ delay: 10, maxAttempts: 3 })
      const { call, seen } = service(after(100), after(1_000), after(1_000))
      const { exit, millis } = yield* ended(call.pipe(run(handle)))
      assert.deepStrictEqual(exit, Exit.succeed("attempt 1"))
      assert.strictEqual(millis, 100)
      assert.deepStrictEqual(seen, { started: 3, interrupted: 2 })
      const { hedges, runs, wins } = yield* stats(handle)
      assert.deepStrictEqual({ hedges, runs, wins }, { hedges: 2, runs: 1, wins: 0 })
    })
  )

  it.effect("HG-03: all take as long, and the first is the first", () =>
    Effect.gen(function* () {
      const { call, seen } = service(after(100), after(100), after(100))
      const { exit } = yield* ended(call.pipe(hedge({ delay: 20, maxAttempts: 3 })))
      assert.deepStrictEqual(exit, Exit.succeed("attempt 1"))
      assert.strictEqual(seen.started, 3)
    })
  )

  it.effect("HG-04: without a delay, all at once, and the first success wins", () =>
    Effect.gen(function* () {
      const { call, seen } = service(after(50, Effect.fail("one")), after(90), after(70))
      const { exit, millis } = yield* ended(call.pipe(hedge({ delay: 0, maxAttempts: 3 })))
      assert.deepStrictEqual(exit, Exit.succeed("attempt 3"))
      assert.strictEqual(millis, 70)
      assert.deepStrictEqual(seen, { started: 3, interrupted: 1 })
    })
  )

  it.effect("HG-05: never, for a delay that is negative or infinite; what comes is the first attempt's", () =>
    withCountedSleeps((sleepers) =>
      Effect.gen(function* () {
        for (const delay of [-1, Infinity, "-1 seconds"] as const) {
          const { call, seen } = service(Effect.yieldNow.pipe(Effect.as("slow")))
          const fiber = yield* start(call.pipe(hedge({ delay, maxAttempts: 3 })))
          assert.strictEqual(sleepers(), 0)
          assert.strictEqual(yield* Fiber.join(fiber), "slow")
          assert.strictEqual(seen.started, 1)
        }
      })
    )
  )

  it.effect("never, for a single attempt", () =>
    Effect.gen(function* () {
      const { call, seen } = service(after(100))
      const { exit } = yield* ended(call.pipe(hedge({ delay: 10, maxAttempts: 1 })))
      assert.deepStrictEqual(exit, Exit.succeed("attempt 1"))
      assert.strictEqual(seen.started, 1)
    })
  )

  it.effect("not because an attempt has failed: that is for a retry", () =>
    Effect.gen(function* () {
      const { call, seen } = service(after(5, Effect.fail("one")), after(5))
      const { exit, millis } = yield* ended(call.pipe(hedge({ delay: 10 })))
      assert.deepStrictEqual(exit, Exit.fail("one"))
      assert.strictEqual(millis, 5)
      assert.strictEqual(seen.started, 1)
    })
  )

  it.effect("also when one has failed while another is slow", () =>
    Effect.gen(function* () {
      const { call, seen } = service(after(15, Effect.fail("one")), after(100), after(5))
      const { exit, millis } = yield* ended(call.pipe(hedge({ delay: 10, maxAttempts: 3 })))
      assert.deepStrictEqual(exit, Exit.succeed("attempt 3"))
      assert.strictEqual(millis, 25)
      assert.strictEqual(seen.started, 3)
    })
  )

  it.effect("two by default", () =>
    Effect.gen(function* () {
      const { call, seen } = service(after(100), after(100))
      yield* ended(hedge(call, { delay: 10 }))
      assert.strictEqual(seen.started, 2)
    })
  )
})

describe("how it ends", () => {
  it.effect("HG-07: losers are interrupted, and have ended when the result comes", () =>
    Effect.gen(function* () {
      const { call, seen } = service(Effect.ensuring(after(1_000), Effect.sleep(30)), after(10))
      const { exit, millis } = yield* ended(call.pipe(hedge({ delay: 10 })))
      assert.deepStrictEqual(exit, Exit.succeed("attempt 2"))
      assert.strictEqual(millis, 50)
      assert.strictEqual(seen.interrupted, 1)
    })
  )

  it.effect("when all have failed, with all failures in the order of the attempts", () =>
    Effect.gen(function* () {
      const { call } = service(
        after(30, Effect.fail("one")),
        after(5, Effect.fail("two")),
        after(15, Effect.fail("three"))
      )
      const { exit, millis } = yield* ended(call.pipe(hedge({ delay: 10, maxAttempts: 3 })))
      const reasons = ["one", "two", "three"].map((error) => Cause.makeFailReason(error))
      assert.deepStrictEqual(exit, Exit.failCause(Cause.fromReasons(reasons)))
      assert.strictEqual(millis, 35)
    })
  )

  it.effect("one that interrupts itself has failed like any other", () =>
    Effect.gen(function* () {
      const { call } = service(after(20, Effect.interrupt), after(20))
      assert.deepStrictEqual((yield* ended(call.pipe(hedge({ delay: 10 })))).exit, Exit.succeed("attempt 2"))
      const both = service(after(20, Effect.interrupt), after(5, Effect.fail("two")))
      const { exit } = yield* ended(both.call.pipe(hedge({ delay: 10 })))
      assert.isTrue(Exit.hasInterrupts(exit) && Exit.hasFails(exit))
    })
  )

  it.effect("a defect in one attempt wins at once", () =>
    Effect.gen(function* () {
      const { call, seen } = service(after(100), after(5, Effect.die("bug")))
      const { exit, millis } = yield* ended(call.pipe(hedge({ delay: 10 })))
      assert.deepStrictEqual(exit, Exit.die("bug"))
      assert.strictEqual(millis, 15)
      assert.strictEqual(seen.interrupted, 1)
      const late = service(after(15, Effect.fail("one")), after(10, Effect.die("bug")))
      assert.deepStrictEqual((yield* ended(late.call.pipe(hedge({ delay: 10 })))).exit, Exit.die("bug"))
    })
  )

  it.effect("defects of losers are logged", () =>
    Effect.gen(function* () {
      const logged: Array<unknown> = []
      const logger = Logger.make(({ cause }) => void logged.push(cause))
      const { call } = service(Effect.ensuring(after(1_000), Effect.die("bug")), after(10))
      const { exit } = yield* ended(call.pipe(hedge({ delay: 10 }), Effect.provide(Logger.layer([logger]))))
      assert.deepStrictEqual(exit, Exit.succeed("attempt 2"))
      assert.deepStrictEqual(logged, [Cause.die("bug")])
    })
  )

  it.effect("a caller that is interrupted interrupts all attempts, and waits for them", () =>
    withCountedSleeps((sleepers) =>
      Effect.gen(function* () {
        const { call, seen } = service(Effect.ensuring(after(1_000), Effect.sleep(30)), after(1_000))
        const fiber = yield* start(call.pipe(hedge({ delay: 10, maxAttempts: 3 })))
        yield* TestClock.adjust(15)
        const leaving = yield* start(Fiber.interrupt(fiber))
        yield* TestClock.adjust(29)
        assert.isUndefined(leaving.pollUnsafe())
        yield* TestClock.adjust(1)
        assert.isDefined(leaving.pollUnsafe())
        assert.deepStrictEqual(seen, { started: 2, interrupted: 2 })
        assert.strictEqual(sleepers(), 0)
      })
    )
  )

  it.effect("a caller that is interrupted while the losers end waits for them", () =>
    Effect.gen(function* () {
      const { call, seen } = service(Effect.ensuring(after(1_000), Effect.sleep(30)), after(10))
      const fiber = yield* start(call.pipe(hedge({ delay: 10 })))
      yield* TestClock.adjust(25)
      const leaving = yield* start(Fiber.interrupt(fiber))
      yield* TestClock.adjust(24)
      assert.isUndefined(leaving.pollUnsafe())
      yield* TestClock.adjust(1)
      assert.isDefined(leaving.pollUnsafe())
      assert.strictEqual(seen.interrupted, 1)
    })
  )

  it.effect(
    "a caller that is interrupted keeps what goes wrong in the attempts' finalizers, and nothing is logged",
    () =>
      Effect.gen(function* () {
        const logged: Array<unknown> = []
        const logger = Logger.make(({ cause }) => void logged.push(cause))
        const dying = (defect: string) => Effect.ensuring(after(1_000), Effect.die(defect))
        const { call } = service(dying("one"), dying("two"))
        const fiber = yield* start(call.pipe(hedge({ delay: 10 }), Effect.provide(Logger.layer([logger]))))
        yield* TestClock.adjust(10)
        yield* Fiber.interrupt(fiber)
        const exit = fiber.pollUnsafe()!
        const defects = Exit.isFailure(exit) ? exit.cause.reasons.filter(Cause.isDieReason) : []
        assert.deepStrictEqual(
          defects.map(({ defect }) => defect),
          ["one", "two"]
        )
        assert.deepStrictEqual(logged, [])
      })
  )

  it.effect("one whose first steps decide the race for another loses", () =>
    Effect.gen(function* () {
      let first: (attempt: Attempt) => void = () => {}
      let clean = false
      const cleanup = Effect.andThen(
        Effect.sleep(30),
        Effect.sync(() => (clean = true))
      )
      const call = Effect.flatMap(CurrentAttempt, (attempt) =>
        attempt === 1
          ? Effect.callback<string, string>((resume) => void (first = resume))
          : Effect.andThen(
              Effect.sync(() => first(Effect.succeed("first"))),
              Effect.ensuring(Effect.never, cleanup)
            )
      )
      const { exit } = yield* ended(call.pipe(hedge({ delay: 10 })))
      assert.deepStrictEqual(exit, Exit.succeed("first"))
      assert.isTrue(clean)
    })
  )
})

describe('losers: "scope"', () => {
  it.effect("the result does not wait for the losers; the scope does", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const slow = Effect.onInterrupt(after(1_000), () =>
        Effect.andThen(
          Effect.sync(() => log.push("interrupted")),
          Effect.andThen(
            Effect.sleep(30),
            Effect.sync(() => log.push("ended"))
          )
        )
      )
      const { call } = service(slow, after(10))
      const scoped = Effect.gen(function* () {
        log.push(yield* call.pipe(hedge({ delay: 10, losers: "scope" })))
        yield* Effect.sleep(5)
        log.push("the scope closes")
      })
      const { millis } = yield* ended(Effect.scoped(scoped))
      assert.deepStrictEqual(log, ["interrupted", "attempt 2", "the scope closes", "ended"])
      assert.strictEqual(millis, 50)
    })
  )

  it.effect("nothing is left in the scope when they have ended, and their defects are logged", () =>
    Effect.gen(function* () {
      const logged: Array<unknown> = []
      const logger = Logger.make(({ cause }) => void logged.push(cause))
      const scope = yield* Scope.make()
      const { call } = service(
        Effect.ensuring(after(1_000), Effect.andThen(Effect.sleep(30), Effect.die("bug"))),
        after(10)
      )
      const hedged = call.pipe(hedge({ delay: 10, losers: "scope" }), Scope.provide(scope))
      const { exit, millis } = yield* ended(hedged.pipe(Effect.provide(Logger.layer([logger]))))
      assert.deepStrictEqual([exit, millis], [Exit.succeed("attempt 2"), 20])
      yield* TestClock.adjust(30)
      assert.deepStrictEqual(logged, [Cause.die("bug")])
      assert.strictEqual((scope.state as { finalizers?: Map<unknown, unknown> }).finalizers?.size ?? 0, 0)
    })
  )

  it.effect("a caller that is interrupted still waits for all attempts", () =>
    Effect.gen(function* () {
      const { call, seen } = service(after(1_000), after(1_000))
      const fiber = yield* start(Effect.scoped(call.pipe(hedge({ delay: 10, losers: "scope" }))))
      yield* TestClock.adjust(15)
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(seen, { started: 2, interrupted: 2 })
    })
  )
})

describe("a percentile of observed latencies", () => {
  const feed = Effect.fnUntraced(function* (handle: Hedge.Hedge, count: number, millis: number) {
    const { call } = service(...Array.from({ length: count }, () => after(millis)))
    for (let i = 0; i < count; i++) yield* ended(call.pipe(run(handle)))
  })

  const delay = (handle: Hedge.Hedge) => Effect.map(stats(handle), (stats) => Duration.toMillis(stats.delay))

  it.effect("is not believed before it can be known: until then no hedge, or one after the given delay", () =>
    Effect.gen(function* () {
      const cold = yield* make({ percentile: 95 })
      const warm = yield* make({ percentile: 95, delay: 300 })
      yield* feed(cold, 19, 10)
      yield* feed(warm, 19, 10)
      assert.strictEqual(yield* delay(cold), Infinity)
      assert.strictEqual(yield* delay(warm), 300)
      yield* feed(cold, 1, 10)
      yield* feed(warm, 1, 10)
      assert.approximately(yield* delay(cold), 10, 1)
      assert.approximately(yield* delay(warm), 10, 1)
      const coarse = yield* make({ percentile: 50 })
      yield* feed(coarse, 9, 10)
      assert.strictEqual(yield* delay(coarse), Infinity)
      yield* feed(coarse, 1, 10)
      assert.approximately(yield* delay(coarse), 10, 1)
    })
  )

  it.effect("what is slower than it is hedged", () =>
    Effect.gen(function* () {
      const handle = yield* make({ percentile: 90 })
      yield* feed(handle, 20, 10)
      const { call, seen } = service(after(1_000), after(5))
      const { exit, millis } = yield* ended(call.pipe(run(handle)))
      assert.deepStrictEqual(exit, Exit.succeed("attempt 2"))
      assert.isAtMost(millis, 17)
      assert.strictEqual(seen.started, 2)
      assert.strictEqual((yield* stats(handle)).wins, 1)
    })
  )

  it.effect("stays where it is while the slow ones are overtaken: it does not sink from hedge to hedge", () =>
    Effect.gen(function* () {
      const handle = yield* make({ percentile: 90 })
      for (let i = 0; i < 400; i++) {
        const millis = 1 + ((i * 37) % 100) // each from 1 to 100 comes as often
        yield* ended(service(after(millis), after(1)).call.pipe(run(handle)))
      }
      assert.approximately(yield* delay(handle), 90, 6)
      const { hedges, runs } = yield* stats(handle)
      assert.isAtMost(hedges, runs / 9)
    })
  )

  it.effect("runs that are given up when a hedge was due count as slow: it does not sink while nothing answers", () =>
    Effect.gen(function* () {
      const handle = yield* make({ percentile: 50 })
      yield* feed(handle, 20, 10)
      for (let i = 0; i < 30; i++) {
        const { exit } = yield* ended(service(after(1_000), after(1_000)).call.pipe(run(handle), Deadline.within(50)))
        assert.isTrue(Exit.isFailure(exit))
      }
      assert.approximately(yield* delay(handle), 50, 4)
    })
  )

  it.effect("failures, and runs that are given up before, are no latencies", () =>
    Effect.gen(function* () {
      const handle = yield* make({ percentile: 50 })
      yield* feed(handle, 10, 10)
      for (let i = 0; i < 30; i++) {
        yield* ended(service(Effect.fail("at once")).call.pipe(run(handle)))
        const fiber = yield* start(service(after(1_000)).call.pipe(run(handle)))
        yield* Fiber.interrupt(fiber)
      }
      assert.approximately(yield* delay(handle), 10, 1)
    })
  )
})

describe("a budget", () => {
  it.effect("over it no hedge is sent, and the first attempt's result still comes (failsafe-go#141)", () =>
    Effect.gen(function* () {
      const budget = yield* RetryBudget.make({ ratio: 0, minConcurrency: 0 })
      const handle = yield* make({ delay: 10, maxAttempts: 3, budget })
      const { call, seen } = service(after(100))
      const { exit, millis } = yield* ended(call.pipe(run(handle)))
      assert.deepStrictEqual([exit, millis], [Exit.succeed("attempt 1"), 100])
      assert.strictEqual(seen.started, 1)
      const { hedges, refused } = yield* stats(handle)
      assert.deepStrictEqual({ hedges, refused }, { hedges: 0, refused: 2 })
    })
  )

  it.effect("a refusal at a delay of zero does not ask for ever", () =>
    Effect.gen(function* () {
      const budget = yield* RetryBudget.make({ ratio: 0, minConcurrency: 0 })
      const { call } = service(after(20))
      const { exit } = yield* ended(call.pipe(hedge({ delay: 0, maxAttempts: 4, budget })))
      assert.deepStrictEqual(exit, Exit.succeed("attempt 1"))
      assert.strictEqual((yield* RetryBudget.stats(budget)).refused, 3)
    })
  )

  it.effect("counts a run while it lasts", () =>
    Effect.gen(function* () {
      const budget = yield* RetryBudget.make()
      const { call } = service(after(5))
      yield* start(call.pipe(hedge({ delay: 10, budget })))
      assert.strictEqual((yield* RetryBudget.stats(budget)).executions, 1)
      yield* TestClock.adjust(5)
      assert.strictEqual((yield* RetryBudget.stats(budget)).executions, 0)
    })
  )

  it.effect("counts the run once and each further attempt, until it has ended", () =>
    Effect.gen(function* () {
      const budget = yield* RetryBudget.make()
      const { call } = service(Effect.ensuring(after(1_000), Effect.sleep(30)), after(40))
      const fiber = yield* start(call.pipe(hedge({ delay: 10, budget }), RetryBudget.retry(budget, { times: 2 })))
      const counts = Effect.map(RetryBudget.stats(budget), ({ executions, extra }) => [executions, extra])
      assert.deepStrictEqual(yield* counts, [1, 0])
      yield* TestClock.adjust(10)
      assert.deepStrictEqual(yield* counts, [2, 1])
      yield* TestClock.adjust(40)
      assert.deepStrictEqual(yield* counts, [1, 0])
      yield* TestClock.adjust(30)
      assert.deepStrictEqual(fiber.pollUnsafe(), Exit.succeed("attempt 2"))
      assert.deepStrictEqual(yield* counts, [0, 0])
    })
  )

  it.effect("is shared with retries: what one holds the other does not get", () =>
    Effect.gen(function* () {
      const budget = yield* RetryBudget.make({ ratio: 0, minConcurrency: 1 })
      const retried = yield* start(after(0, Effect.fail("down")).pipe(RetryBudget.retry(budget, Schedule.spaced(50))))
      const { call, seen } = service(after(100), after(100), after(100))
      const hedged = yield* start(call.pipe(hedge({ delay: 10, budget })))
      yield* TestClock.adjust(10)
      assert.strictEqual(seen.started, 1)
      yield* Fiber.interrupt(retried)
      yield* start(call.pipe(hedge({ delay: 10, budget })))
      yield* TestClock.adjust(10)
      assert.strictEqual(seen.started, 3)
      yield* Fiber.interrupt(hedged)
    })
  )
})

describe("under a deadline", () => {
  it.effect("no hedge is prepared that could not be sent before it", () =>
    withCountedSleeps((sleepers) =>
      Effect.gen(function* () {
        const { call, seen } = service(after(40))
        const fiber = yield* start(call.pipe(hedge({ delay: 50 }), Deadline.within(50)))
        // the attempt's own, and the deadline's
        assert.strictEqual(sleepers(), 2)
        yield* TestClock.adjust(40)
        assert.deepStrictEqual(fiber.pollUnsafe(), Exit.succeed("attempt 1"))
        assert.strictEqual(seen.started, 1)
      })
    )
  )

  it.effect("as many as there is time for", () =>
    Effect.gen(function* () {
      const { call, seen } = service(after(500), after(500))
      const { exit, millis } = yield* ended(call.pipe(hedge({ delay: 50, maxAttempts: 5 }), Deadline.within(90)))
      assert.isTrue(Exit.isFailure(exit))
      assert.strictEqual(millis, 90)
      assert.deepStrictEqual(seen, { started: 2, interrupted: 2 })
    })
  )
})

describe("what an attempt sees", () => {
  class Tenant extends Context.Service<Tenant, string>()("test/Tenant") {}

  it.effect("its number, the services of the caller, and the deadline", () =>
    Effect.gen(function* () {
      const seen: Array<unknown> = []
      const call = Effect.gen(function* () {
        const left = yield* Effect.map(Deadline.remaining, (left) => String(left))
        seen.push([yield* CurrentAttempt, yield* Tenant, left])
        yield* Effect.sleep(100)
      })
      yield* ended(call.pipe(hedge({ delay: 10 }), Effect.provideService(Tenant, "heddle"), Deadline.within(200)))
      assert.deepStrictEqual(seen, [
        [1, "heddle", "some(200000000 nanos)"],
        [2, "heddle", "some(190000000 nanos)"]
      ])
      assert.strictEqual(yield* CurrentAttempt, 1)
    })
  )
})

describe("options that make no sense die", () => {
  const messages: ReadonlyArray<readonly [Hedge.Options, string]> = [
    [{ delay: NaN }, 'Hedge.make: delay must be a duration such as "5 seconds", got NaN'],
    [{ percentile: 0.95 }, "Hedge.make: percentile must be from 1 to 99.9, such as 95, got 0.95"],
    [{ percentile: 100 }, "percentile must be from 1 to 99.9"],
    [{ percentile: NaN }, "percentile must be from 1 to 99.9"],
    [{ delay: 1, maxAttempts: 0 }, "Hedge.make: maxAttempts must be at least 1, got 0"],
    [
      { delay: 1, maxAttempts: 1.5, name: "reads" },
      'Hedge.make on "reads": maxAttempts must be a non-negative integer'
    ],
    [{} as never, "Hedge.make: needs a delay or a percentile"]
  ]
  for (const [options, message] of messages) {
    it(message, () => assert.throws(() => makeUnsafe(options), message))
  }

  it.effect("in an effect they are defects", () =>
    Effect.gen(function* () {
      assert.include(deathMessage(yield* Effect.exit(make({ percentile: 0.95 }))), "Hedge.make: percentile")
      assert.include(deathMessage(yield* Effect.exit(Effect.void.pipe(hedge({ delay: NaN })))), "Hedge.hedge: delay")
    })
  )
})

describe("the handle", () => {
  it("is shown", () => {
    const handle = makeUnsafe({ delay: 50, name: "reads" })
    const shown = { _id: "Hedge", name: "reads", delay: Duration.millis(50), runs: 0, hedges: 0, wins: 0, refused: 0 }
    assert.deepStrictEqual(handle.toJSON(), shown)
    assert.strictEqual(
      handle.pipe((self) => self),
      handle
    )
  })
})
