import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as TestClock from "effect/testing/TestClock"

import * as AdaptiveLimit from "../src/AdaptiveLimit.ts"
import * as AdaptiveLimiter from "../src/AdaptiveLimiter.ts"

const { classify, ConcurrencyLimited, make, makeUnsafe, stats, withPermit } = AdaptiveLimiter

/** A limit that does not move. */
const fixed = (limit: number) => AdaptiveLimit.aimd({ minimum: limit, maximum: limit })

/** One that moves with every two calls, when there is one at a time. */
const nimble = AdaptiveLimit.aimd({ initial: 4, samples: 1, window: 0 })

/** Forks and lets it run until it parks. */
const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

const settle = Effect.replicateEffect(Effect.yieldNow, 6, { discard: true })

const failureOf = <E>(exit: Exit.Exit<unknown, E>): E => {
  assert.isTrue(Exit.isFailure(exit), `expected a failure, got ${String(exit)}`)
  return Option.getOrThrow(Exit.findErrorOption(exit))
}

const refused = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.map(Effect.exit(effect), (exit) => {
    const error = failureOf(exit)
    assert.instanceOf(error, ConcurrencyLimited)
    const { inFlight, limit, waited, waiting } = error
    return { inFlight, limit, waiting, waited: Duration.toMillis(waited) }
  })

describe("the limit", () => {
  it.effect("AL-01: a call is in flight while it runs", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: fixed(2) })
      const inside = yield* withPermit(limiter, stats(limiter))
      const { inFlight, succeeded } = yield* stats(limiter)
      assert.deepStrictEqual([inside.inFlight, inFlight, succeeded], [1, 0, 1])
    })
  )

  it.effect(
    "AL-02, BH-03: over the limit a call fails at once, and does not run; when one has ended the next runs",
    () =>
      Effect.gen(function* () {
        const limiter = yield* make({ limit: fixed(1) })
        const gate = yield* Deferred.make<void>()
        const holder = yield* start(withPermit(limiter, Deferred.await(gate)))
        let ran = 0
        const call = withPermit(
          limiter,
          Effect.sync(() => ++ran)
        )
        assert.deepStrictEqual(yield* refused(call), { limit: 1, inFlight: 1, waiting: 0, waited: 0 })
        assert.strictEqual(ran, 0)
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.join(holder)
        assert.strictEqual(yield* call, 1)
        assert.strictEqual((yield* stats(limiter)).rejected, 1)
      })
  )

  it.effect("follows its calls, up and down, from minimum to maximum", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: nimble, minimum: 2, maximum: 6 })
      const rounds = (count: number, body: Effect.Effect<unknown, Cause.TimeoutError>) =>
        Effect.gen(function* () {
          const call = Effect.exit(withPermit(limiter, body))
          const fourAtATime = Effect.all([call, call, call, call], { concurrency: "unbounded" })
          const limits: Array<number> = []
          for (let round = 0; round < count; round++) {
            // four settle, and of the next four one is measured
            yield* Effect.andThen(fourAtATime, fourAtATime)
            limits.push((yield* stats(limiter)).limit)
          }
          return limits
        })
      const up = yield* rounds(3, Effect.yieldNow)
      assert.strictEqual(up.at(-1), 6)
      const down = yield* rounds(12, Effect.andThen(Effect.yieldNow, Effect.fail(new Cause.TimeoutError())))
      assert.strictEqual(down.at(-1), 2)
      assert.deepStrictEqual(
        down,
        down.toSorted((a, b) => b - a)
      )
    })
  )

  it.effect("that falls revokes nothing, and lets nobody in until there is room", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: nimble })
      const gate = yield* Deferred.make<void>()
      const holders = yield* Effect.replicateEffect(start(withPermit(limiter, Deferred.await(gate))), 3)
      // with three others it settles four, and then one is measured
      const drop = withPermit(limiter, Effect.fail(new Cause.TimeoutError()))
      yield* Effect.replicateEffect(Effect.exit(drop), 5)
      const { inFlight, limit } = yield* stats(limiter)
      assert.deepStrictEqual([limit, inFlight], [2, 3])
      assert.deepStrictEqual(yield* refused(drop), { limit: 2, inFlight: 3, waiting: 0, waited: 0 })
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.awaitAll(holders)
      assert.strictEqual((yield* stats(limiter)).inFlight, 0)
    })
  )

  it.effect("that rises serves those who wait", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: { ...nimble, initial: 1 }, maxWaiting: 10 })
      const gates = yield* Effect.replicateEffect(Deferred.make<void>(), 6)
      const calls = []
      for (const gate of gates) calls.push(yield* start(withPermit(limiter, Deferred.await(gate))))
      assert.deepInclude(yield* stats(limiter), { limit: 1, inFlight: 1, waiting: 5 })
      // one settles, one is measured: the limit doubles
      yield* Deferred.succeed(gates[0]!, undefined)
      yield* settle
      yield* Deferred.succeed(gates[1]!, undefined)
      yield* settle
      assert.deepInclude(yield* stats(limiter), { limit: 2, inFlight: 2, waiting: 2 })
      for (const gate of gates) yield* Deferred.succeed(gate, undefined)
      yield* Fiber.awaitAll(calls)
      assert.deepInclude(yield* stats(limiter), { inFlight: 0, waiting: 0, succeeded: 6 })
    })
  )
})

describe("the line", () => {
  it.effect("holds `maxWaiting` calls, first come, first served; who comes then fails", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: fixed(1), maxWaiting: 2 })
      const log: Array<string> = []
      const call = (name: string) =>
        withPermit(
          limiter,
          Effect.andThen(
            Effect.sync(() => log.push(name)),
            Effect.sleep("1 second")
          )
        )
      const calls = [yield* start(call("a")), yield* start(call("b")), yield* start(call("c"))]
      assert.deepStrictEqual(yield* refused(call("d")), { limit: 1, inFlight: 1, waiting: 2, waited: 0 })
      yield* TestClock.adjust("1 second")
      // a place is free, not a permit
      calls.push(yield* start(call("e")))
      assert.deepStrictEqual(yield* refused(call("f")), { limit: 1, inFlight: 1, waiting: 2, waited: 0 })
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.awaitAll(calls)
      assert.deepStrictEqual(log, ["a", "b", "c", "e"])
    })
  )

  it.effect("BH-02, DSEM-03: a call waits for `maxWait`, then fails and leaves no trace", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: fixed(1), maxWaiting: 5, maxWait: "100 millis" })
      const holder = yield* start(withPermit(limiter, Effect.sleep("1 second")))
      const waiter = yield* start(refused(withPermit(limiter, Effect.void)))
      yield* TestClock.adjust("99 millis")
      assert.deepInclude(yield* stats(limiter), { waiting: 1, rejected: 0 })
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* Fiber.join(waiter), { limit: 1, inFlight: 1, waiting: 0, waited: 100 })
      assert.deepInclude(yield* stats(limiter), { inFlight: 1, waiting: 0, rejected: 1 })
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(holder)
      assert.strictEqual(yield* withPermit(limiter, Effect.succeed(1)), 1)
      assert.deepInclude(yield* stats(limiter), { inFlight: 0, waiting: 0, succeeded: 2 })
    })
  )

  it.effect("BH-01: who is served in time runs as long as it takes", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: fixed(1), maxWaiting: 5, maxWait: "100 millis" })
      yield* start(withPermit(limiter, Effect.sleep("50 millis")))
      const waiter = yield* start(withPermit(limiter, Effect.as(Effect.sleep("1 second"), "done")))
      yield* TestClock.adjust("1050 millis")
      assert.strictEqual(yield* Fiber.join(waiter), "done")
    })
  )

  it.effect("BH-04: a free permit is taken at once, however short `maxWait` is", () =>
    Effect.gen(function* () {
      for (const maxWait of ["1 nano", 0] as const) {
        const limiter = yield* make({ limit: fixed(1), maxWaiting: 1, maxWait })
        assert.strictEqual(yield* withPermit(limiter, Effect.succeed(1)), 1)
      }
    })
  )

  it.effect("DSEM-03: who may not wait at all fails at once", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: fixed(1), maxWaiting: 5, maxWait: 0 })
      yield* start(withPermit(limiter, Effect.never))
      assert.deepStrictEqual(yield* refused(withPermit(limiter, Effect.void)), {
        limit: 1,
        inFlight: 1,
        waiting: 0,
        waited: 0
      })
    })
  )

  it.effect("a turn that comes as the time is up is not lost", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: fixed(1), maxWaiting: 5, maxWait: "100 millis" })
      yield* start(withPermit(limiter, Effect.sleep("100 millis")))
      let ran = 0
      const call = withPermit(
        limiter,
        Effect.sync(() => ran++)
      )
      const first = yield* start(Effect.exit(call))
      yield* TestClock.adjust("50 millis")
      const second = yield* start(Effect.exit(call))
      yield* TestClock.adjust("50 millis")
      yield* settle
      // the first ran or was refused; whichever it was, the second was served
      const exits = [yield* Fiber.join(first), yield* Fiber.join(second)]
      assert.isTrue(Exit.isSuccess(exits[1]!))
      assert.strictEqual(ran, exits.filter(Exit.isSuccess).length)
      assert.deepInclude(yield* stats(limiter), { inFlight: 0, waiting: 0 })
      assert.strictEqual(yield* withPermit(limiter, Effect.succeed(1)), 1)
    })
  )

  it.effect("BH-04: a timeout around a call that waits ends the wait; it does not run", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: fixed(1), maxWaiting: 1 })
      yield* start(withPermit(limiter, Effect.never))
      let ran = false
      const call = withPermit(
        limiter,
        Effect.sync(() => (ran = true))
      )
      const waiter = yield* start(Effect.exit(Effect.timeout(call, "20 millis")))
      assert.strictEqual((yield* stats(limiter)).waiting, 1)
      yield* TestClock.adjust("20 millis")
      assert.isTrue(Cause.isTimeoutError(failureOf(yield* Fiber.join(waiter))))
      assert.isFalse(ran)
      assert.deepInclude(yield* stats(limiter), { waiting: 0, ignored: 0, rejected: 0 })
    })
  )

  it.effect("a call's scope is that of its caller", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: fixed(1), maxWaiting: 1, maxWait: "1 second" })
      yield* start(withPermit(limiter, Effect.sleep("100 millis")))
      let open = true
      const acquire = Effect.acquireRelease(Effect.void, () => Effect.sync(() => (open = false)))
      const user = yield* start(
        Effect.scoped(
          Effect.gen(function* () {
            yield* withPermit(limiter, acquire)
            return open
          })
        )
      )
      yield* TestClock.adjust("100 millis")
      assert.isTrue(yield* Fiber.join(user))
      assert.isFalse(open)
    })
  )
})

describe("outcomes", () => {
  class DeadlineExceeded extends Data.TaggedError("DeadlineExceeded")<{}> {}

  it("by default a timeout is dropped, another failure, a defect or an interruption is ignored", () => {
    assert.strictEqual(classify(Exit.succeed(1)), "success")
    assert.strictEqual(classify(Exit.fail(new Cause.TimeoutError())), "dropped")
    assert.strictEqual(classify(Exit.fail(new DeadlineExceeded())), "dropped")
    assert.strictEqual(classify(Exit.fail("not found")), "ignored")
    assert.strictEqual(classify(Exit.fail(undefined)), "ignored")
    assert.strictEqual(classify(Exit.die(new Cause.TimeoutError())), "ignored")
    assert.strictEqual(classify(Exit.interrupt()), "ignored")
    const both = Cause.combine(Cause.interrupt(), Cause.fail(new Cause.TimeoutError()))
    assert.strictEqual(classify(Exit.failCause(both)), "dropped")
  })

  it.effect("are counted, and the exit is the call's", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: fixed(5) })
      const exits = yield* Effect.forEach(
        [Effect.succeed(1), Effect.fail("no"), Effect.die("bug"), Effect.fail(new Cause.TimeoutError())],
        (call: Effect.Effect<unknown, unknown>) => Effect.exit(withPermit(limiter, call))
      )
      assert.deepStrictEqual(exits.slice(0, 3), [Exit.succeed(1), Exit.fail("no"), Exit.die("bug")])
      assert.isTrue(Exit.isFailure(exits[3]!))
      assert.deepInclude(yield* stats(limiter), { succeeded: 1, dropped: 1, ignored: 2, rejected: 0, inFlight: 0 })
    })
  )

  it.effect("the limit does not hear of what is ignored", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: nimble })
      yield* Effect.replicateEffect(Effect.exit(withPermit(limiter, Effect.fail("no"))), 50)
      assert.strictEqual((yield* stats(limiter)).limit, 4)
      assert.isUndefined((yield* stats(limiter)).latency)
    })
  )

  it.effect("an interrupted call is ignored and gives its permit back", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: { ...nimble, initial: 1 } })
      for (let call = 0; call < 10; call++) {
        const fiber = yield* start(withPermit(limiter, Effect.never))
        assert.strictEqual((yield* stats(limiter)).inFlight, 1)
        yield* Fiber.interrupt(fiber)
      }
      assert.deepInclude(yield* stats(limiter), { limit: 1, inFlight: 0, ignored: 10, succeeded: 0, dropped: 0 })
    })
  )

  it.effect("a timeout inside is heard, a timeout around is an interruption", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: fixed(9) })
      const inside = yield* start(Effect.exit(withPermit(limiter, Effect.timeout(Effect.never, "1 second"))))
      const around = yield* start(Effect.exit(Effect.timeout(withPermit(limiter, Effect.never), "1 second")))
      yield* TestClock.adjust("1 second")
      yield* Fiber.awaitAll([inside, around])
      assert.deepInclude(yield* stats(limiter), { dropped: 1, ignored: 1 })
    })
  )

  it.effect("by a classifier of one's own", () =>
    Effect.gen(function* () {
      const limiter = yield* make({
        limit: fixed(5),
        classify: (exit) => {
          if (Exit.isSuccess(exit)) return exit.value === 503 ? "dropped" : "success"
          return Exit.hasInterrupts(exit) ? "ignored" : "dropped"
        }
      })
      yield* Effect.exit(withPermit(limiter, Effect.fail("no")))
      yield* withPermit(limiter, Effect.succeed(503))
      yield* withPermit(limiter, Effect.succeed(200))
      assert.deepInclude(yield* stats(limiter), { succeeded: 1, dropped: 2, ignored: 0 })
    })
  )

  it.effect("a classifier that throws is a defect, and keeps no permit", () =>
    Effect.gen(function* () {
      const limiter = yield* make({
        limit: fixed(1),
        classify: () => {
          throw new Error("bug")
        }
      })
      for (let call = 0; call < 2; call++) {
        const exit = yield* Effect.exit(withPermit(limiter, Effect.void))
        assert.isTrue(Exit.hasDies(exit), String(exit))
      }
      assert.strictEqual((yield* stats(limiter)).inFlight, 0)
    })
  )
})

describe("caller bugs", () => {
  it.effect("regression: a classifier that answers something else dies, and counts nothing", () =>
    Effect.gen(function* () {
      const classify = () => "timeout" as AdaptiveLimiter.Outcome
      const limiter = yield* make({ limit: fixed(1), classify, name: "api" })
      const exit = yield* Effect.exit(withPermit(limiter, Effect.void))
      assert.isTrue(Exit.hasDies(exit))
      assert.match(
        String(exit),
        /AdaptiveLimiter.withPermit on "api": what classify answers must be one of success, dropped, ignored, got "timeout"/
      )
      const { dropped, ignored, inFlight, succeeded } = yield* stats(limiter)
      assert.deepStrictEqual([dropped, ignored, inFlight, succeeded], [0, 0, 0, 0])
    })
  )

  it.each([undefined, {}, { ...fixed(1), _tag: "fixed" }])(
    "regression: a limit that nobody made dies (%j)",
    (limit) => {
      const exit = Effect.runSyncExit(make({ limit: limit as AdaptiveLimit.AdaptiveLimit }))
      assert.match(String(exit), /limit must be what aimd, vegas, gradient2 made/)
    }
  )
})

describe("stats", () => {
  it.effect("latencies are those of the calls, without their wait", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: fixed(1), maxWaiting: Infinity })
      const calls = yield* Effect.forEach([10, 20, 30, 40], (millis) =>
        start(withPermit(limiter, Effect.sleep(millis)))
      )
      yield* TestClock.adjust("1 second")
      yield* Fiber.awaitAll(calls)
      const { latency } = yield* stats(limiter)
      assert.deepStrictEqual(latency, { p50: Duration.millis(20), p99: Duration.millis(40) })
    })
  )

  it.effect("by the monotonic clock, whatever happens to the time of day", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: fixed(1) })
      yield* TestClock.setTime(1_000_000)
      const done = yield* Deferred.make<void>()
      const call = yield* start(withPermit(limiter, Deferred.await(done)))
      yield* TestClock.adjust("20 millis")
      yield* TestClock.setTime(500_000)
      yield* Deferred.succeed(done, undefined)
      yield* Fiber.join(call)
      assert.deepStrictEqual((yield* stats(limiter)).latency?.p50, Duration.millis(20))
    })
  )

  it.effect("a clock that goes back all the same took no time", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: fixed(1) })
      const clock = yield* Clock.Clock
      let nanos = 5_000n
      const back: Clock.Clock = Object.assign(Object.create(clock), {
        monotonicTimeNanosUnsafe: () => (nanos -= 1_000n)
      })
      yield* Effect.provideService(withPermit(limiter, Effect.void), Clock.Clock, back)
      assert.strictEqual(Duration.toMillis((yield* stats(limiter)).latency!.p99), 0)
    })
  )

  it.effect("of the last 256 successes", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: fixed(1) })
      const call = (millis: number) =>
        Effect.gen(function* () {
          const fiber = yield* start(withPermit(limiter, Effect.sleep(millis)))
          yield* TestClock.adjust(millis)
          yield* Fiber.join(fiber)
        })
      const p = (stats: AdaptiveLimiter.Stats) => [stats.latency!.p50, stats.latency!.p99].map(Duration.toMillis)
      for (let millis = 1; millis <= 100; millis++) yield* call(millis)
      assert.deepStrictEqual(p(yield* stats(limiter)), [50, 99])
      yield* Effect.replicateEffect(call(7), 256)
      assert.deepStrictEqual(p(yield* stats(limiter)), [7, 7])
      yield* Effect.replicateEffect(call(9), 127)
      assert.deepStrictEqual(p(yield* stats(limiter)), [7, 9])
    })
  )

  it.effect("a drop has no latency", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: fixed(1) })
      yield* Effect.exit(withPermit(limiter, Effect.fail(new Cause.TimeoutError())))
      const { baseline, dropped, latency } = yield* stats(limiter)
      assert.deepStrictEqual([baseline, dropped, latency], [undefined, 1, undefined])
    })
  )

  it.effect("the baseline is what the limit learnt", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: AdaptiveLimit.vegas({ samples: 3, window: 0 }) })
      for (let call = 0; call < 4; call++) {
        const fiber = yield* start(withPermit(limiter, Effect.sleep("50 millis")))
        yield* TestClock.adjust("50 millis")
        yield* Fiber.join(fiber)
      }
      assert.deepStrictEqual((yield* stats(limiter)).baseline, Duration.millis(50))
    })
  )

  it("are in the JSON, with the name", () => {
    const limiter = makeUnsafe({ limit: fixed(3), name: "search" })
    assert.deepInclude(limiter.toJSON(), { _id: "AdaptiveLimiter", name: "search", limit: 3, inFlight: 0 })
    assert.strictEqual(limiter.pipe(Effect.succeed, Effect.runSync), limiter)
  })

  it.effect("a refusal says what it saw", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: fixed(1), maxWaiting: 1, maxWait: "5 seconds" })
      yield* start(withPermit(limiter, Effect.never))
      const waiter = yield* start(Effect.flip(withPermit(limiter, Effect.void)))
      const error = yield* Effect.flip(withPermit(limiter, Effect.void))
      assert.strictEqual(error.message, "over the limit of 1: 1 in flight, 1 waiting")
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual((yield* Fiber.join(waiter)).message, "over the limit of 1 after 5s: 1 in flight, 0 waiting")
    })
  )
})

describe("use", () => {
  it.effect("a guarded effect can be run many times, also at once", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: fixed(2) })
      const call = Effect.sleep("1 second").pipe(withPermit(limiter))
      const both = yield* start(Effect.all([call, call], { concurrency: 2 }))
      assert.strictEqual((yield* stats(limiter)).inFlight, 2)
      assert.strictEqual((yield* refused(call)).inFlight, 2)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(both)
      assert.deepInclude(yield* stats(limiter), { inFlight: 0, succeeded: 2, rejected: 1 })
    })
  )

  it.effect.each<[string, Partial<AdaptiveLimiter.Options>, RegExp]>([
    ["maxWaiting", { maxWaiting: -1 }, /AdaptiveLimiter.make: maxWaiting must be .* got -1/],
    ["maxWaiting", { maxWaiting: Number.NaN }, /maxWaiting must be .* got NaN/],
    ["maxWait", { maxWait: Number.NaN }, /AdaptiveLimiter.make: maxWait must be a duration .* got NaN/],
    ["minimum", { minimum: 0 }, /minimum must be at least 1, got 0/],
    ["maximum", { minimum: 5, maximum: 4 }, /maximum must be not below the minimum, which is 5, got 4/]
  ])("%s: %o dies", ([, options, message]) =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(make({ limit: AdaptiveLimit.aimd(), ...options }))
      assert.isTrue(Exit.hasDies(exit))
      assert.match(String(exit), message)
    })
  )
})
