import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as MutableHashMap from "effect/MutableHashMap"
import * as Option from "effect/Option"
import * as TestClock from "effect/testing/TestClock"

import * as Deadline from "../src/Deadline.ts"
import * as SingleFlight from "../src/SingleFlight.ts"

const { forget, make, makeUnsafe, run, runShared, stats } = SingleFlight

const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

/** Lets every fiber that was woken resume. */
const settle = Effect.replicateEffect(Effect.yieldNow, 4, { discard: true })

const times = <A, E, R>(count: number, effect: Effect.Effect<A, E, R>) =>
  Effect.forEach(Array.from({ length: count }), () => start(effect))

/** An effect that waits until it is told how to end, and counts. */
const gated = Effect.fnUntraced(function* <A = string, E = never>() {
  const gate = yield* Deferred.make<A, E>()
  const count = { runs: 0, interrupted: 0 }
  const effect = Effect.suspend(() => {
    count.runs++
    return Effect.onInterrupt(Deferred.await(gate), () => Effect.sync(() => void count.interrupted++))
  })
  return { effect, gate, count }
})

const deathMessage = (exit: Exit.Exit<unknown, unknown> | undefined): string => {
  const defects = exit !== undefined && Exit.isFailure(exit) ? exit.cause.reasons.filter(Cause.isDieReason) : []
  assert.lengthOf(defects, 1, String(exit))
  return String(defects[0]!.defect)
}

describe("one execution, whose exit is shared", () => {
  it.effect("SF-01: a result", () =>
    Effect.gen(function* () {
      const flight = yield* make<string, string>()
      assert.strictEqual(yield* run(flight, "key", Effect.succeed("bar")), "bar")
      assert.strictEqual(yield* Effect.succeed("bar").pipe(run(flight, "key")), "bar")
    })
  )

  it.effect("SF-02: a failure, the very same", () =>
    Effect.gen(function* () {
      const flight = yield* make<string, string, Error>()
      const error = new Error("some error")
      const { effect, gate } = yield* gated<string, Error>()
      const fibers = yield* times(2, run(flight, "key", effect))
      yield* Deferred.fail(gate, error)
      yield* settle
      for (const fiber of fibers) assert.strictEqual(yield* Effect.flip(Fiber.join(fiber)), error)
    })
  )

  it.effect("SF-03: ten callers, one execution", () =>
    Effect.gen(function* () {
      const flight = yield* make<string, string>()
      const { count, effect, gate } = yield* gated()
      const fibers = yield* times(10, run(flight, "key", effect))
      assert.deepStrictEqual(yield* stats(flight), { running: 1, waiting: 10, started: 1, joined: 9 })
      yield* Deferred.succeed(gate, "bar")
      assert.deepStrictEqual(
        yield* Fiber.joinAll(fibers),
        Array.from({ length: 10 }, () => "bar")
      )
      assert.strictEqual(count.runs, 1)
      assert.deepStrictEqual(yield* stats(flight), { running: 0, waiting: 0, started: 1, joined: 9 })
    })
  )

  it.effect("SF-05, SF-07: a defect reaches all, as it is", () =>
    Effect.gen(function* () {
      const flight = yield* make<string, never>()
      for (const defect of [new TypeError("broken"), "a string"]) {
        const fibers = yield* times(5, run(flight, "key", Effect.andThen(Effect.yieldNow, Effect.die(defect))))
        yield* settle
        assert.deepStrictEqual(
          fibers.map((fiber) => fiber.pollUnsafe()),
          fibers.map(() => Exit.die(defect))
        )
      }
    })
  )

  it.effect("SF-06: an interruption that nobody asked for reaches all", () =>
    Effect.gen(function* () {
      const flight = yield* make<string, never>()
      const fibers = yield* times(5, run(flight, "key", Effect.andThen(Effect.yieldNow, Effect.interrupt)))
      yield* settle
      for (const fiber of fibers) assert.isTrue(Exit.hasInterrupts(fiber.pollUnsafe() ?? Exit.void))
    })
  )

  it.effect("SF-08, SF-09: the one who began it dies: who joined gets the defect, and his effect does not run", () =>
    Effect.gen(function* () {
      const flight = yield* make<string, string>()
      let second = false
      const first = yield* start(run(flight, "key", Effect.andThen(Effect.yieldNow, Effect.die("invalid"))))
      const joined = yield* start(
        run(
          flight,
          "key",
          Effect.sync(() => {
            second = true
            return "never"
          })
        )
      )
      yield* settle
      assert.deepStrictEqual([first.pollUnsafe(), joined.pollUnsafe()], [Exit.die("invalid"), Exit.die("invalid")])
      assert.isFalse(second)
    })
  )

  it.effect("SF-10: whether it was shared", () =>
    Effect.gen(function* () {
      const flight = yield* make<string, string>()
      const { effect, gate } = yield* gated()
      const fibers = yield* times(2, runShared(flight, "key", effect))
      yield* Deferred.succeed(gate, "func 1")
      const both = { value: "func 1", shared: true }
      assert.deepStrictEqual(yield* Fiber.joinAll(fibers), [both, both])
      assert.deepStrictEqual(yield* runShared(flight, "key", effect), { value: "func 1", shared: false })
      const alone = Effect.as(Effect.yieldNow, "alone").pipe(runShared(flight, "key"))
      assert.deepStrictEqual(yield* alone, { value: "alone", shared: false })
    })
  )

  it.effect("not shared if all others have left", () =>
    Effect.gen(function* () {
      const flight = yield* make<string, string>()
      const { effect, gate } = yield* gated()
      const [first, second] = yield* times(2, runShared(flight, "key", effect))
      yield* Fiber.interrupt(first!)
      yield* Deferred.succeed(gate, "mine")
      assert.deepStrictEqual(yield* Fiber.join(second!), { value: "mine", shared: false })
    })
  )

  it.effect("failures are not marked, and stay as they are", () =>
    Effect.gen(function* () {
      const flight = yield* make<string, string, string>()
      assert.strictEqual(yield* Effect.flip(runShared(flight, "key", Effect.fail("no"))), "no")
    })
  )

  it.effect("what comes after the end starts anew", () =>
    Effect.gen(function* () {
      const flight = yield* make<string, number>()
      let runs = 0
      const count = Effect.sync(() => ++runs).pipe(run(flight, "key"))
      assert.deepStrictEqual([yield* count, yield* count], [1, 2])
    })
  )

  it.effect("other keys run beside", () =>
    Effect.gen(function* () {
      const flight = yield* make<string, string>()
      const { count, effect, gate } = yield* gated()
      const a = yield* start(run(flight, "a", effect))
      const b = yield* start(run(flight, "b", effect))
      assert.strictEqual(count.runs, 2)
      yield* Deferred.succeed(gate, "both")
      assert.deepStrictEqual(yield* Fiber.joinAll([a, b]), ["both", "both"])
    })
  )

  it.effect("wakes in the order in which they came, and nobody on the stack of the execution's end", () =>
    Effect.gen(function* () {
      const flight = yield* make<string, void>()
      const log: Array<string> = []
      let end: () => void = () => {}
      const effect = Effect.callback<void>((resume) => {
        end = () => resume(Effect.void)
      })
      const caller = (name: string) =>
        start(
          Effect.andThen(
            run(flight, "key", effect),
            Effect.sync(() => log.push(name))
          )
        )
      for (const name of ["a", "b", "c"]) yield* caller(name)
      end()
      assert.strictEqual((yield* stats(flight)).running, 0)
      assert.deepStrictEqual(log, [])
      yield* settle
      assert.deepStrictEqual(log, ["a", "b", "c"])
    })
  )

  it.effect("10,000 callers", () =>
    Effect.gen(function* () {
      const flight = yield* make<string, string>()
      const { count, effect, gate } = yield* gated()
      const fibers = yield* times(10_000, run(flight, "key", effect))
      yield* Deferred.succeed(gate, "bar")
      yield* Fiber.joinAll(fibers)
      assert.strictEqual(count.runs, 1)
      yield* Fiber.interruptAll(yield* times(10_000, run(flight, "key", Effect.never)))
      assert.deepStrictEqual(yield* stats(flight), { running: 0, waiting: 0, started: 2, joined: 19_998 })
    })
  )
})

/**
 * The first sleep on a fresh test clock arms its warning in an interruptible region: in the finalizer of an interrupted fiber
 * that ends the sleep at once. A clock that has been adjusted does not.
 */
const primed = TestClock.adjust(0)

describe("leaving", () => {
  it.effect("SF-11a: the one who began it leaves, and the others get their result", () =>
    Effect.gen(function* () {
      const flight = yield* make<string, string>()
      const { count, effect, gate } = yield* gated()
      const [first, ...others] = yield* times(3, run(flight, "key", effect))
      yield* Fiber.interrupt(first!)
      assert.strictEqual((yield* stats(flight)).waiting, 2)
      yield* Deferred.succeed(gate, "bar")
      assert.deepStrictEqual(yield* Fiber.joinAll(others), ["bar", "bar"])
      assert.deepStrictEqual(count, { runs: 1, interrupted: 0 })
    })
  )

  it.effect("SF-11b: one who joined leaves without waiting", () =>
    Effect.gen(function* () {
      const flight = yield* make<string, string>()
      const { count, effect } = yield* gated()
      const [, second] = yield* times(2, run(flight, "key", effect))
      yield* Fiber.interrupt(second!)
      assert.deepStrictEqual(count, { runs: 1, interrupted: 0 })
    })
  )

  it.effect("SF-11c: the last to leave interrupts the execution, and waits for its finalizers", () =>
    Effect.gen(function* () {
      yield* primed
      const flight = yield* make<string, never>()
      const log: Array<string> = []
      const effect = Effect.never.pipe(
        Effect.onInterrupt(() =>
          Effect.andThen(
            Effect.sleep(100),
            Effect.sync(() => log.push("clean"))
          )
        )
      )
      const [first, second] = yield* times(2, run(flight, "key", effect))
      yield* Fiber.interrupt(first!)
      const leaving = yield* start(Fiber.interrupt(second!))
      yield* TestClock.adjust(99)
      assert.isUndefined(leaving.pollUnsafe())
      assert.deepStrictEqual(yield* stats(flight), { running: 1, waiting: 0, started: 1, joined: 1 })
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(log, ["clean"])
      assert.isDefined(leaving.pollUnsafe())
      assert.deepStrictEqual(yield* stats(flight), { running: 0, waiting: 0, started: 1, joined: 1 })
    })
  )

  it.effect("SF-11d: after one has left, who comes joins the execution that runs", () =>
    Effect.gen(function* () {
      const flight = yield* make<string, string>()
      const { count, effect, gate } = yield* gated()
      const [first, second] = yield* times(2, run(flight, "key", effect))
      yield* Fiber.interrupt(first!)
      const third = yield* start(run(flight, "key", effect))
      yield* Deferred.succeed(gate, "bar")
      assert.deepStrictEqual(yield* Fiber.joinAll([second!, third]), ["bar", "bar"])
      assert.strictEqual(count.runs, 1)
    })
  )

  it.effect(
    "who comes after the last has left starts when the finalizers have run, and shares with who comes then",
    () =>
      Effect.gen(function* () {
        yield* primed
        const flight = yield* make<string, string>()
        const log: Array<string> = []
        const note = (text: string) => Effect.sync(() => void log.push(text))
        const slow = Effect.ensuring(Effect.never, Effect.andThen(Effect.sleep(100), note("first is clean")))
        const first = yield* start(run(flight, "key", slow))
        const leaving = yield* start(Fiber.interrupt(first))
        const again = Effect.as(note("second begins"), "second")
        const fibers = yield* times(2, run(flight, "key", again))
        yield* TestClock.adjust(99)
        assert.deepStrictEqual(log, [])
        assert.deepStrictEqual(yield* stats(flight), { running: 2, waiting: 2, started: 2, joined: 1 })
        yield* TestClock.adjust(1)
        assert.deepStrictEqual(log, ["first is clean", "second begins"])
        assert.deepStrictEqual(yield* Fiber.joinAll(fibers), ["second", "second"])
        yield* Fiber.join(leaving)
      })
  )

  it.effect("who leaves before his execution could begin leaves at once; the next waits for the same finalizers", () =>
    Effect.gen(function* () {
      yield* primed
      const flight = yield* make<string, string>()
      let clean = false
      const slow = Effect.ensuring(
        Effect.never,
        Effect.andThen(
          Effect.sleep(100),
          Effect.sync(() => (clean = true))
        )
      )
      const first = yield* start(run(flight, "key", slow))
      yield* start(Fiber.interrupt(first))
      const second = yield* start(run(flight, "key", Effect.succeed("second")))
      yield* Fiber.interrupt(second)
      const third = yield* start(
        run(
          flight,
          "key",
          Effect.sync(() => `clean: ${clean}`)
        )
      )
      yield* TestClock.adjust(99)
      assert.isUndefined(third.pollUnsafe())
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* Fiber.join(third), "clean: true")
    })
  )

  it.effect("the last to leave keeps what goes wrong in the finalizers, as for an effect of his own", () =>
    Effect.gen(function* () {
      const flight = yield* make<string, never>()
      const fiber = yield* start(run(flight, "key", Effect.ensuring(Effect.never, Effect.die("bug"))))
      yield* Fiber.interrupt(fiber)
      const exit = fiber.pollUnsafe()!
      assert.isTrue(Exit.hasInterrupts(exit))
      assert.strictEqual(deathMessage(exit), "bug")
    })
  )

  it.effect("one who has been given the exit and is interrupted before he resumes hurts nobody", () =>
    Effect.gen(function* () {
      const flight = yield* make<string, string>()
      const { effect, gate } = yield* gated()
      const [first, second] = yield* times(2, run(flight, "key", effect))
      yield* Deferred.succeed(gate, "bar")
      yield* Fiber.interrupt(first!)
      assert.strictEqual(yield* Fiber.join(second!), "bar")
      assert.deepStrictEqual(yield* stats(flight), { running: 0, waiting: 0, started: 1, joined: 1 })
    })
  )

  it.effect("nothing is kept of what has ended", () =>
    Effect.gen(function* () {
      const flight = yield* make<ReadonlyArray<number>, number>()
      for (let i = 0; i < 10; i++) {
        yield* run(flight, [i], Effect.succeed(i))
        const fiber = yield* start(run(flight, [i], Effect.never))
        yield* forget(flight, [i])
        yield* Fiber.interrupt(fiber)
        yield* Fiber.interrupt(yield* start(run(flight, [i], Effect.never)))
      }
      for (const field of ["calls", "ending"]) {
        const map = Reflect.get(flight, field) as MutableHashMap.MutableHashMap<unknown, unknown>
        assert.strictEqual(MutableHashMap.size(map), 0, field)
      }
    })
  )
})

describe("forget", () => {
  it.effect("the next call starts anew, beside the one that runs; both end for those who wait for them", () =>
    Effect.gen(function* () {
      const flight = yield* make<string, string>()
      const old = yield* gated()
      const young = yield* gated()
      const first = yield* start(run(flight, "key", old.effect))
      yield* forget(flight, "key")
      const second = yield* start(run(flight, "key", young.effect))
      assert.deepStrictEqual([old.count.runs, young.count.runs], [1, 1])
      yield* Deferred.succeed(old.gate, "old")
      assert.strictEqual(yield* Fiber.join(first), "old")
      // the end of the forgotten call has not removed its successor
      const third = yield* start(run(flight, "key", young.effect))
      yield* Deferred.succeed(young.gate, "young")
      assert.deepStrictEqual(yield* Fiber.joinAll([second, third]), ["young", "young"])
      assert.strictEqual(young.count.runs, 1)
    })
  )

  it.effect("leaving a forgotten call interrupts that, and not its successor", () =>
    Effect.gen(function* () {
      const flight = yield* make<string, string>()
      const old = yield* gated()
      const young = yield* gated()
      const first = yield* start(run(flight, "key", old.effect))
      yield* forget(flight, "key")
      yield* start(run(flight, "key", young.effect))
      yield* Fiber.interrupt(first)
      assert.deepStrictEqual([old.count.interrupted, young.count.interrupted], [1, 0])
      yield* start(run(flight, "key", young.effect))
      assert.strictEqual(young.count.runs, 1)
    })
  )

  it.effect("a successor does not wait for the finalizers of a call that was forgotten", () =>
    Effect.gen(function* () {
      yield* primed
      const flight = yield* make<string, string>()
      const first = yield* start(run(flight, "key", Effect.ensuring(Effect.never, Effect.sleep(100))))
      yield* forget(flight, "key")
      yield* start(Fiber.interrupt(first))
      assert.strictEqual((yield* stats(flight)).running, 1)
      assert.strictEqual(yield* run(flight, "key", Effect.succeed("at once")), "at once")
      yield* TestClock.adjust(100)
      assert.strictEqual((yield* stats(flight)).running, 0)
    })
  )

  it.effect("of a key that has no call it does nothing", () =>
    Effect.gen(function* () {
      const flight = yield* make<string, string>()
      yield* flight.pipe(forget("key"))
      assert.deepStrictEqual(yield* stats(flight), { running: 0, waiting: 0, started: 0, joined: 0 })
    })
  )
})

describe("keys", () => {
  class Point extends Data.Class<{ readonly x: number; readonly y: number }> {}

  it.effect("SF-11e: are compared by what they are", () =>
    Effect.gen(function* () {
      const flight = yield* make<unknown, string>()
      const { count, effect, gate } = yield* gated()
      const keys: ReadonlyArray<() => unknown> = [
        () => [1, "a"],
        () => ({ x: 1, nested: { y: 2 } }),
        () => new Point({ x: 1, y: 2 }),
        () => Option.some("a"),
        () => NaN,
        () => undefined,
        () => null,
        () => "1",
        () => 1
      ]
      const fibers = yield* Effect.forEach([...keys, ...keys], (key) => start(run(flight, key(), effect)))
      assert.strictEqual(count.runs, keys.length)
      yield* Deferred.succeed(gate, "bar")
      yield* Fiber.joinAll(fibers)
    })
  )
})

describe("what the execution sees", () => {
  class Tenant extends Context.Service<Tenant, string>()("test/Tenant") {}

  it.effect("the services of the caller who began it, also when he has left", () =>
    Effect.gen(function* () {
      const flight = yield* make<string, string>()
      const who = Effect.andThen(Effect.sleep(100), Effect.flatMap(Tenant, Effect.succeed))
      const first = yield* start(Effect.provideService(run(flight, "key", who), Tenant, "first"))
      const second = yield* start(Effect.provideService(run(flight, "key", who), Tenant, "second"))
      yield* Fiber.interrupt(first)
      yield* TestClock.adjust(100)
      assert.strictEqual(yield* Fiber.join(second), "first")
    })
  )

  it.effect("no deadline: each caller bounds his own wait", () =>
    Effect.gen(function* () {
      const flight = yield* make<string, Option.Option<unknown>>()
      const slow = Effect.andThen(Effect.sleep(300), Deadline.remaining)
      const hasty = yield* start(run(flight, "key", slow).pipe(Deadline.within(100)))
      const patient = yield* start(run(flight, "key", slow).pipe(Deadline.within(500)))
      yield* TestClock.adjust(100)
      assert.isTrue(Exit.isFailure(hasty.pollUnsafe()!))
      yield* TestClock.adjust(200)
      assert.deepStrictEqual(patient.pollUnsafe(), Exit.succeed(Option.none()))
    })
  )

  it.effect("a scope of its own, which closes at its end and not when the caller who began it goes", () =>
    Effect.gen(function* () {
      const flight = yield* make<string, string>()
      const log: Array<string> = []
      const resource = Effect.acquireRelease(Effect.succeed("resource"), () => Effect.sync(() => log.push("released")))
      const using = Effect.tap(resource, () => Effect.sleep(100))
      const first = yield* start(Effect.scoped(run(flight, "key", using)))
      const second = yield* start(Effect.scoped(run(flight, "key", using)))
      yield* Fiber.interrupt(first)
      assert.deepStrictEqual(log, [])
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(log, ["released"])
      assert.strictEqual(yield* Fiber.join(second), "resource")
    })
  )

  it.effect("it can be interrupted where its caller cannot", () =>
    Effect.gen(function* () {
      const flight = yield* make<string, never>()
      const first = yield* start(
        Effect.uninterruptible(run(flight, "key", Effect.andThen(Effect.sleep(10), Effect.interrupt)))
      )
      yield* TestClock.adjust(10)
      assert.isTrue(Exit.hasInterrupts(first.pollUnsafe() ?? Exit.void))
    })
  )
})

describe("inside its own execution", () => {
  const ways: Record<string, (inner: Effect.Effect<string>) => Effect.Effect<string>> = {
    "in its fiber": (inner) => inner,
    "in a fiber that it forked": (inner) => Effect.flatMap(Effect.forkChild(inner), Fiber.join),
    "under a timeout": (inner) => inner.pipe(Effect.timeout(1_000), Effect.orDie),
    "inside the execution for another key": (inner) => run(makeUnsafe<string, string>(), "other", inner)
  }
  for (const [name, way] of Object.entries(ways)) {
    it.effect(`a run for its key would wait for ever, and dies: ${name}`, () =>
      Effect.gen(function* () {
        const flight = yield* make<string, string>({ name: "users" })
        const effect: Effect.Effect<string> = Effect.suspend(() => way(run(flight, "key", Effect.succeed("never"))))
        const message = deathMessage(yield* Effect.exit(run(flight, "key", effect)))
        const where = name.includes("another") ? 'the execution for "other", which it needs,' : "its own execution"
        assert.strictEqual(
          message,
          `Error: SingleFlight.run on "users": a run for "key" inside ${where} would never end`
        )
      })
    )
  }

  it.effect("executions that wait for each other would wait for ever: the run that closes the cycle dies", () =>
    Effect.gen(function* () {
      const flight = yield* make<string, string>()
      const needs = (key: string, other: string): Effect.Effect<string> =>
        Effect.andThen(
          Effect.yieldNow,
          Effect.suspend(() => run(flight, other, load(other)))
        ).pipe(run(flight, key))
      const load = (key: string) => Effect.succeed(`${key} was not running`)
      const all = yield* Effect.forEach(["ab", "bc", "ca"], ([key = "", other = ""]) => start(needs(key, other)))
      yield* settle
      const message =
        'Error: SingleFlight.run: a run for "a" inside the execution for "c", which it needs, would never end'
      for (const fiber of all) assert.strictEqual(deathMessage(fiber.pollUnsafe()), message)
    })
  )

  it.effect("a wait that has been given up does not count", () =>
    Effect.gen(function* () {
      const flight = yield* make<string, string>()
      const b = yield* gated()
      const inB = Effect.andThen(b.effect, run(flight, "a", Effect.die("a was not running")))
      const waiting = yield* start(run(flight, "b", inB))
      const inA = run(flight, "b", inB).pipe(
        Effect.timeoutOrElse({ duration: 100, orElse: () => Effect.as(Effect.sleep(100), "a without b") })
      )
      const a = yield* start(run(flight, "a", inA))
      yield* TestClock.adjust(100)
      yield* Deferred.succeed(b.gate, "go on")
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(yield* Fiber.joinAll([a, waiting]), ["a without b", "a without b"])
    })
  )

  it.effect("a run for another key, or of another flight, is fine", () =>
    Effect.gen(function* () {
      const flight = yield* make<string, string>()
      const other = yield* make<string, string>()
      const effect = Effect.all([run(flight, "b", Effect.succeed("b")), run(other, "a", Effect.succeed("a"))])
      assert.strictEqual(
        yield* run(
          flight,
          "a",
          Effect.map(effect, (both) => both.join(" "))
        ),
        "b a"
      )
    })
  )

  it.effect("a fiber that outlives the execution may run for its key", () =>
    Effect.gen(function* () {
      const flight = yield* make<string, string>()
      const later = Effect.andThen(Effect.sleep(10), run(flight, "key", Effect.as(Effect.yieldNow, "later")))
      const forked = yield* Deferred.make<Fiber.Fiber<string>>()
      const effect = Effect.as(
        Effect.flatMap(Effect.forkDetach(later), (fiber) => Deferred.succeed(forked, fiber)),
        "now"
      )
      assert.strictEqual(yield* run(flight, "key", effect), "now")
      yield* TestClock.adjust(10)
      assert.strictEqual(yield* Fiber.join(yield* Deferred.await(forked)), "later")
    })
  )

  it.effect("executions that begin one another are not bounded by the stack", () =>
    Effect.gen(function* () {
      const flight = yield* make<number, number>()
      const sum = (n: number): Effect.Effect<number> =>
        run(flight, n, n === 0 ? Effect.succeed(0) : Effect.suspend(() => Effect.map(sum(n - 1), (rest) => n + rest)))
      assert.strictEqual(yield* sum(5_000), 12_502_500)
    })
  )
})

describe("the handle", () => {
  it("is shown", () => {
    const flight = makeUnsafe<string, string>({ name: "users" })
    const shown = { _id: "SingleFlight", name: "users", running: 0, waiting: 0, started: 0, joined: 0 }
    assert.deepStrictEqual(flight.toJSON(), shown)
    assert.strictEqual(
      flight.pipe((self) => self),
      flight
    )
  })
})
