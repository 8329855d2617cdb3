import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"

import * as Deadline from "../src/Deadline.ts"
import { nanosLeft } from "../src/internal/deadline.ts"
import { sleepingWith, withCountedSleeps } from "./support/clocks.ts"

const { at, DeadlineExceeded, fromHeader, remaining, shield, toHeader, within } = Deadline

class Tenant extends Context.Service<Tenant, string>()("test/Tenant") {}

const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

const exceeded = (deadline: Duration.Input, elapsed: Duration.Input = deadline) =>
  new DeadlineExceeded({
    deadline: Duration.fromInputUnsafe(deadline),
    elapsed: Duration.fromInputUnsafe(elapsed)
  })

/** Runs on the test clock, which moves on in steps of a millisecond, until the effect has ended. */
const ended = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Exit.Exit<A, E>, never, R> =>
  Effect.gen(function* () {
    const fiber = yield* start(effect)
    for (let millis = 0; fiber.pollUnsafe() === undefined; millis++) {
      assert.isBelow(millis, 10_000, "it never ended")
      yield* TestClock.adjust(1)
    }
    return fiber.pollUnsafe()!
  })

const deathMessage = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.map(Effect.exit(effect), (exit) => {
    const defects = Exit.isFailure(exit) ? exit.cause.reasons.filter(Cause.isDieReason) : []
    assert.lengthOf(defects, 1, String(exit))
    return String(defects[0]!.defect)
  })

const now = Clock.currentTimeMillis

const left = Effect.map(remaining, Option.map(Duration.toMillis))

describe("within", () => {
  it.effect("gives the result of what ends in time, and leaves no timer", () =>
    withCountedSleeps((sleepers) =>
      Effect.gen(function* () {
        assert.strictEqual(yield* Effect.succeed("at once").pipe(within("1 second")), "at once")
        assert.strictEqual(sleepers(), 0)
        const fiber = yield* start(Effect.as(Effect.sleep(999), "late").pipe(within("1 second")))
        assert.strictEqual(sleepers(), 2)
        yield* TestClock.adjust(999)
        assert.deepStrictEqual(fiber.pollUnsafe(), Exit.succeed("late"))
        assert.strictEqual(sleepers(), 0)
      })
    )
  )

  it.effect("passes failures and defects on as they are", () =>
    Effect.gen(function* () {
      const cause = Cause.combine(Cause.fail("a"), Cause.fail("b"))
      assert.deepStrictEqual(yield* ended(Effect.failCause(cause).pipe(within("1 second"))), Exit.failCause(cause))
      const dies = Effect.andThen(Effect.sleep(10), Effect.die("bug")).pipe(within("1 second"))
      assert.deepStrictEqual(yield* ended(dies), Exit.die("bug"))
      const stopped = yield* ended(Effect.andThen(Effect.sleep(10), Effect.interrupt).pipe(within("1 second")))
      assert.isTrue(Exit.hasInterrupts(stopped))
    })
  )

  it.effect("interrupts at its time, exactly, and says how long it had", () =>
    withCountedSleeps((sleepers) =>
      Effect.gen(function* () {
        const fiber = yield* start(Effect.never.pipe(within("1500 micros")))
        yield* TestClock.adjust("1499999 nanos")
        assert.isUndefined(fiber.pollUnsafe())
        yield* TestClock.adjust("1 nanos")
        assert.deepStrictEqual(fiber.pollUnsafe(), Exit.fail(exceeded("1500 micros")))
        assert.strictEqual(sleepers(), 0)
      })
    )
  )

  it.effect("waits for the finalizers, and counts their time", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const cleanup = Effect.andThen(
        Effect.sleep(200),
        Effect.sync(() => log.push("clean"))
      )
      const exit = yield* ended(Effect.never.pipe(Effect.ensuring(cleanup), within(100)))
      assert.deepStrictEqual(exit, Exit.fail(exceeded(100, 300)))
      assert.deepStrictEqual(log, ["clean"])
    })
  )

  it.effect("waits for what cannot be interrupted, and fails all the same", () =>
    Effect.gen(function* () {
      const exit = yield* ended(Effect.uninterruptible(Effect.sleep(300)).pipe(within(100)))
      assert.deepStrictEqual(exit, Exit.fail(exceeded(100, 300)))
    })
  )

  it.effect("is exceeded also when the effect makes something else of the interruption", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* ended(Effect.exit(Effect.never).pipe(within(100))), Exit.fail(exceeded(100)))
    })
  )

  it.effect("an effect that is over at the instant of its deadline is over in time, if it began to wait first", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* ended(Effect.sleep(100).pipe(within(100))), Exit.void)
    })
  )

  it.effect("does not fire early on a clock whose timers do", () =>
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      // as `setTimeout` does: whole milliseconds, and at least one
      const hasty = sleepingWith(clock, (duration) =>
        clock.sleep(Duration.millis(Math.max(1, Math.floor(Duration.toMillis(duration)))))
      )
      const fiber = yield* start(Effect.never.pipe(within("100900 micros"), Effect.provideService(Clock.Clock, hasty)))
      yield* TestClock.adjust("100900 micros")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("100 micros")
      assert.deepStrictEqual(fiber.pollUnsafe(), Exit.fail(exceeded("100900 micros", 101)))
    })
  )

  it.effect("keeps the clock on which it was set", () =>
    Effect.gen(function* () {
      const exit = yield* ended(TestClock.withLive(Effect.never).pipe(within(100)))
      assert.deepStrictEqual(exit, Exit.fail(exceeded(100)))
    })
  )

  it.effect("a caller that is interrupted interrupts the effect and waits for its finalizers", () =>
    withCountedSleeps((sleepers) =>
      Effect.gen(function* () {
        const log: Array<string> = []
        const cleanup = Effect.andThen(
          Effect.sleep(50),
          Effect.sync(() => log.push("clean"))
        )
        const fiber = yield* start(Effect.never.pipe(Effect.ensuring(cleanup), within("1 second")))
        const exit = yield* ended(Fiber.interrupt(fiber))
        assert.deepStrictEqual(exit, Exit.void)
        assert.strictEqual(yield* now, 50)
        assert.deepStrictEqual(log, ["clean"])
        assert.strictEqual(sleepers(), 0)
      })
    )
  )

  it.effect("a caller that is interrupted keeps what goes wrong in the finalizers of the effect", () =>
    Effect.gen(function* () {
      const fiber = yield* start(Effect.never.pipe(Effect.ensuring(Effect.die("bug")), within("1 second")))
      yield* Fiber.interrupt(fiber)
      const exit = fiber.pollUnsafe()!
      assert.isTrue(Exit.hasInterrupts(exit) && Exit.hasDies(exit))
    })
  )

  it.effect("the effect has the services of its caller", () =>
    Effect.gen(function* () {
      const program = Effect.flatMap(Tenant, Effect.succeed).pipe(within("1 second"))
      assert.strictEqual(yield* Effect.provideService(program, Tenant, "heddle"), "heddle")
    })
  )
})

describe("what is left in the cause once the deadline was exceeded", () => {
  const inside = <E>(finalizer: Effect.Effect<void, E>) =>
    ended(Effect.onExitPrimitive(Effect.never, () => finalizer).pipe(within(100)))

  it.effect("typed failures of finalizers, behind it", () =>
    Effect.gen(function* () {
      const exit = yield* inside(Effect.fail("cannot close"))
      const expected = Cause.combine(Cause.fail(exceeded(100)), Cause.fail("cannot close"))
      assert.deepStrictEqual(exit, Exit.failCause(expected))
    })
  )

  it.effect("not the defects of finalizers: they are logged, so that the failure can be caught", () =>
    Effect.gen(function* () {
      const logged: Array<unknown> = []
      const logger = Logger.make(({ cause }) => void logged.push(cause))
      const recovered = Effect.never.pipe(
        Effect.ensuring(Effect.die("bug")),
        within(100),
        Effect.catchTag("DeadlineExceeded", () => Effect.succeed("recovered"))
      )
      const exit = yield* ended(recovered.pipe(Effect.provide(Logger.layer([logger]))))
      assert.deepStrictEqual(exit, Exit.succeed("recovered"))
      assert.deepStrictEqual(logged, [Cause.die("bug")])
    })
  )
})

describe("nested deadlines", () => {
  const recovering = <A>(effect: Effect.Effect<A, Deadline.DeadlineExceeded>) =>
    Effect.catchTag(effect, "DeadlineExceeded", () => Effect.succeed("recovered inside"))

  it.effect("an earlier inner one is reported by the inner, and the outer goes on", () =>
    Effect.gen(function* () {
      const inner = recovering(Effect.never.pipe(within(100)))
      const exit = yield* ended(Effect.andThen(inner, left).pipe(within(300)))
      assert.deepStrictEqual(exit, Exit.succeed(Option.some(200)))
    })
  )

  it.effect("an earlier outer one holds inside a later inner one, and is reported by the outer", () =>
    Effect.gen(function* () {
      const seen: Array<unknown> = []
      const inner = Effect.tap(left, (left) => Effect.sync(() => seen.push(left))).pipe(Effect.andThen(Effect.never))
      const exit = yield* ended(recovering(inner.pipe(within(300))).pipe(within(100)))
      assert.deepStrictEqual(exit, Exit.fail(exceeded(100)))
      assert.deepStrictEqual(seen, [Option.some(100)])
    })
  )

  it.effect("of two that end at the same instant the outer is reported", () =>
    Effect.gen(function* () {
      const late = Effect.andThen(Effect.sleep(40), recovering(Effect.never.pipe(within(60))))
      assert.deepStrictEqual(yield* ended(late.pipe(within(100))), Exit.fail(exceeded(100)))
      const both = recovering(recovering(Effect.never.pipe(within(100))).pipe(within(100)))
      assert.deepStrictEqual(yield* ended(both.pipe(within(100))), Exit.fail(exceeded(100)))
    })
  )

  it.effect("of two that end at the same instant the outer is reported, also by timers that fire out of order", () =>
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      // the timer of 100 ms comes after the one of 60 ms that was set 40 ms later
      const lagging = sleepingWith(clock, (duration) => clock.sleep(Duration.millis(Duration.toMillis(duration) * 1.1)))
      const late = Effect.andThen(TestClock.adjust(40), recovering(Effect.never.pipe(within(60))))
      const exit = yield* ended(late.pipe(within(100), Effect.provideService(Clock.Clock, lagging)))
      assert.deepStrictEqual(exit, Exit.fail(exceeded(100, 106)))
    })
  )

  it.effect("forked fibers inherit", () =>
    Effect.gen(function* () {
      const child = Effect.flatMap(Effect.forkChild(left), Fiber.join)
      const daemon = Effect.flatMap(Effect.forkDetach(left), Fiber.join)
      const all = Effect.all([child, daemon, Effect.forEach([1], () => left, { concurrency: "unbounded" })])
      const expected = [Option.some(100), Option.some(100), [Option.some(100)]]
      assert.deepStrictEqual(yield* all.pipe(within(100)), expected)
    })
  )

  it.effect("a later one reaches what the earlier one does not: a daemon that was forked inside", () =>
    Effect.gen(function* () {
      const daemon = Effect.forkDetach(Effect.exit(Effect.never.pipe(within(300))))
      const fiber = yield* Effect.andThen(daemon, (fiber) => Effect.as(Effect.sleep(50), fiber)).pipe(
        within(100),
        ended,
        Effect.flatten
      )
      assert.deepStrictEqual(yield* ended(Fiber.join(fiber)), Exit.succeed(Exit.fail(exceeded(300))))
    })
  )

  it.effect("a later one reaches what the earlier one does not: a finalizer that had begun before", () =>
    Effect.gen(function* () {
      const log: Array<unknown> = []
      const cleanup = Effect.never.pipe(
        within(200),
        Effect.exit,
        Effect.flatMap((exit) => Effect.sync(() => log.push(exit)))
      )
      const body = Effect.ensuring(Effect.sleep(50), cleanup)
      assert.deepStrictEqual(yield* ended(body.pipe(within(100))), Exit.fail(exceeded(100, 250)))
      assert.deepStrictEqual(log, [Exit.fail(exceeded(200))])
    })
  )
})

describe("once the deadline has passed", () => {
  const inFinalizer = <A, E>(effect: Effect.Effect<A, E>) =>
    Effect.gen(function* () {
      let seen: Exit.Exit<A, E> | undefined
      const finalizer = Effect.flatMap(Effect.exit(effect), (exit) => Effect.sync(() => (seen = exit)))
      yield* ended(Effect.never.pipe(Effect.ensuring(finalizer), within(100)))
      return seen
    })

  it.effect("nothing remains, and no wait is bounded", () =>
    Effect.gen(function* () {
      const wait = Effect.withFiber((fiber) => Effect.succeed(nanosLeft(fiber)))
      const seen = yield* inFinalizer(Effect.all([left, wait, Effect.andThen(Effect.sleep(10), left)]))
      assert.deepStrictEqual(seen, Exit.succeed([Option.some(0), Infinity, Option.some(0)]))
    })
  )

  it.effect("a finalizer gets a deadline of its own", () =>
    Effect.gen(function* () {
      const seen = yield* inFinalizer(
        Effect.andThen(left, (left) => Effect.as(Effect.sleep(10), left)).pipe(within(50))
      )
      assert.deepStrictEqual(seen, Exit.succeed(Option.some(50)))
      assert.deepStrictEqual(yield* inFinalizer(Effect.never.pipe(within(50))), Exit.fail(exceeded(50)))
    })
  )
})

describe("shield", () => {
  it.effect("there is no deadline inside, and none stops it", () =>
    Effect.gen(function* () {
      const log: Array<unknown> = []
      const commit = Effect.gen(function* () {
        yield* Effect.sleep(200)
        log.push(yield* remaining)
      })
      const exit = yield* ended(shield(commit).pipe(within(100)))
      assert.deepStrictEqual(exit, Exit.fail(exceeded(100, 200)))
      assert.deepStrictEqual(log, [Option.none()])
    })
  )

  it.effect("within it, a deadline counts afresh", () =>
    Effect.gen(function* () {
      const log: Array<unknown> = []
      const commit = Effect.never.pipe(
        within(300),
        Effect.exit,
        Effect.flatMap((exit) => Effect.sync(() => log.push(exit)))
      )
      assert.deepStrictEqual(yield* ended(shield(commit).pipe(within(100))), Exit.fail(exceeded(100, 300)))
      assert.deepStrictEqual(log, [Exit.fail(exceeded(300))])
    })
  )

  it.effect("the deadline holds again behind it", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* Effect.andThen(shield(Effect.void), left).pipe(within(100)), Option.some(100))
    })
  )
})

describe("durations at the edge", () => {
  it.effect("zero and less fail at once, and the effect does not begin", () =>
    Effect.gen(function* () {
      let begun = false
      const effect = Effect.sync(() => (begun = true))
      for (const duration of [0, -1, "-1 seconds", Duration.negativeInfinity] as const) {
        assert.deepStrictEqual(yield* Effect.exit(effect.pipe(within(duration))), Exit.fail(exceeded(duration, 0)))
      }
      assert.isFalse(begun)
    })
  )

  it.effect("Infinity sets no deadline, and leaves the enclosing one", () =>
    withCountedSleeps((sleepers) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* left.pipe(within(Infinity)), Option.none())
        assert.deepStrictEqual(yield* left.pipe(within("Infinity"), within(100)), Option.some(100))
        yield* start(Effect.never.pipe(within(Infinity)))
        assert.strictEqual(sleepers(), 0)
      })
    )
  )

  it.effect("NaN, and what is no duration, die with the value and the rule", () =>
    Effect.gen(function* () {
      const rule = 'RangeError: Deadline.within: the duration must be a duration such as "5 seconds", got '
      assert.strictEqual(yield* deathMessage(Effect.void.pipe(within(NaN))), `${rule}NaN`)
      assert.strictEqual(yield* deathMessage(Effect.void.pipe(within("soon" as never))), `${rule}"soon"`)
    })
  )
})

describe("at", () => {
  it.effect("counts the time until an instant: a number, a Date, a DateTime", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_000_000)
      for (const instant of [1_000_100, new Date(1_000_100), DateTime.makeUnsafe(1_000_100)]) {
        assert.deepStrictEqual(yield* left.pipe(at(instant)), Option.some(100))
      }
      assert.deepStrictEqual(yield* ended(Effect.never.pipe(at(1_000_100))), Exit.fail(exceeded(100)))
      assert.deepStrictEqual(yield* left.pipe(at(Infinity)), Option.none())
    })
  )

  it.effect("an instant that has passed fails at once, and says for how long it has", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_000_000)
      assert.deepStrictEqual(yield* ended(at(Effect.never, 999_000)), Exit.fail(exceeded(-1000, 0)))
    })
  )

  it.effect("no point in time dies", () =>
    Effect.gen(function* () {
      const message = yield* deathMessage(at(Effect.void, new Date("no date")))
      assert.strictEqual(message, "RangeError: Deadline.at: the instant must be a point in time, got Invalid Date")
    })
  )
})

describe("composed with retries and fallbacks, as the cases of go.md 6.8", () => {
  const attempts = (millis: ReadonlyArray<number>, outcome: Effect.Effect<string, string>) => {
    const runs = { count: 0 }
    const effect = Effect.suspend(() => Effect.andThen(Effect.sleep(millis[runs.count++] ?? 0), outcome))
    return { runs, effect }
  }

  it.effect("TO-01: a deadline per attempt", () =>
    Effect.gen(function* () {
      const { effect, runs } = attempts([100, 100], Effect.succeed("done"))
      assert.deepStrictEqual(yield* ended(effect.pipe(within(50), Effect.retry({ times: 5 }))), Exit.succeed("done"))
      assert.strictEqual(runs.count, 3)
      assert.strictEqual(yield* now, 100)
    })
  )

  it.effect("TO-02: a deadline around the attempts", () =>
    Effect.gen(function* () {
      const { effect, runs } = attempts([60, 60, 60, 60], Effect.fail("down"))
      assert.deepStrictEqual(
        yield* ended(effect.pipe(Effect.retry({ times: 5 }), within(150))),
        Exit.fail(exceeded(150))
      )
      assert.strictEqual(runs.count, 3)
    })
  )

  it.effect("TO-03: a deadline in the middle of a backoff", () =>
    Effect.gen(function* () {
      const { effect, runs } = attempts([0], Effect.fail("down"))
      const retried = effect.pipe(Effect.retry(Schedule.spaced("1 second")), within(100))
      assert.deepStrictEqual(yield* ended(retried), Exit.fail(exceeded(100)))
      assert.strictEqual(runs.count, 1)
    })
  )

  it.effect("TO-04: a fallback inside the deadline is skipped, one around it runs", () =>
    Effect.gen(function* () {
      const fallback = Effect.orElseSucceed(() => "fallback")
      assert.deepStrictEqual(yield* ended(Effect.never.pipe(fallback, within(100))), Exit.fail(exceeded(100)))
      assert.deepStrictEqual(yield* ended(Effect.never.pipe(within(100), fallback)), Exit.succeed("fallback"))
    })
  )
})

describe("grpc-timeout", () => {
  const nanos = Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })))
  const header = Schema.TemplateLiteral([
    Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 99_999_999 }))),
    Schema.Literals(["H", "M", "S", "m", "u", "n"])
  ])

  it.prop(
    "is at most eight digits and a unit, never longer than the time left, and off by less than a hundred thousandth",
    [nanos],
    ([nanos]) => {
      const header = toHeader(Duration.nanos(BigInt(nanos)))
      assert.match(header, /^\d{1,8}[HMSmun]$/)
      const read = Number(Duration.toNanosUnsafe(Option.getOrThrow(fromHeader(header))))
      assert.isAtMost(read, nanos)
      assert.isBelow(nanos - read, Math.max(1, nanos / 1e5))
    },
    { arbitrary: { runs: 500 } }
  )

  it.prop(
    "what was read is written as the same duration",
    [header],
    ([header]) => {
      const read = Option.getOrThrow(fromHeader(header))
      assert.deepStrictEqual(fromHeader(toHeader(read)), Option.some(read))
    },
    { arbitrary: { runs: 500 } }
  )

  it("uses the finest unit that has room", () => {
    const written = ["1 nanos", "99999999 nanos", "100 millis", "100 seconds", "2 days", "10 weeks", Infinity] as const
    assert.deepStrictEqual(
      written.map((duration) => toHeader(duration)),
      ["1n", "99999999n", "100000u", "100000m", "172800S", "6048000S", "99999999H"]
    )
  })

  it("says 0n when nothing is left", () => {
    assert.deepStrictEqual(
      [0, -1, "-Infinity" as const].map((left) => toHeader(left)),
      ["0n", "0n", "0n"]
    )
    assert.deepStrictEqual(fromHeader("0n"), Option.some(Duration.zero))
  })

  it("reads nothing else", () => {
    const invalid = ["", "n", "1", "123456789n", "1h", "-1n", "1.5S", " 1n", "1n ", "1n\n", "1nn", "٣n", "1e3n", "0x1n"]
    for (const header of invalid) assert.deepStrictEqual(fromHeader(header), Option.none(), JSON.stringify(header))
  })
})
