import { assert, describe, it } from "@effect/vitest"
import { Clock } from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"

import * as Bulkhead from "../src/Bulkhead.ts"
import { deathMessage, settle, start } from "./support/fibers.ts"

const {
  BulkheadClosed,
  BulkheadFull,
  close,
  make,
  makeUnsafe,
  release,
  stats,
  take,
  takeIfAvailable,
  takeScoped,
  WaitTimeout,
  withPermit,
  withPermits,
  withPermitsIfAvailable
} = Bulkhead

/** How a caller fared: what it got, or the error that it was told. */
const outcomes = <A, E>(fibers: ReadonlyArray<Fiber.Fiber<A, E>>) =>
  Effect.forEach(fibers, (fiber) => Effect.map(Effect.result(Fiber.join(fiber)), Result.merge))

/** The tags of those who failed, "waits" for those who still wait, "served" for the others. */
const states = (fibers: ReadonlyArray<Fiber.Fiber<unknown, { readonly _tag: string }>>) =>
  Effect.forEach(fibers, (fiber) =>
    fiber.pollUnsafe() === undefined
      ? Effect.succeed("waits")
      : Effect.match(Fiber.join(fiber), { onFailure: ({ _tag }) => _tag, onSuccess: () => "served" })
  )

describe("the bound", () => {
  it.effect("BH-01: two at a time; a third waits for one of them", () =>
    Effect.gen(function* () {
      const bulkhead = yield* make({ concurrency: 2, maxWaiting: 10 })
      const fibers = yield* Effect.forEach([1, 2, 3], () => start(withPermit(bulkhead, Effect.sleep("200 millis"))))
      yield* TestClock.adjust("200 millis")
      assert.deepStrictEqual(yield* states(fibers), ["served", "served", "waits"])
      yield* TestClock.adjust("200 millis")
      assert.deepStrictEqual(yield* states(fibers), ["served", "served", "served"])
    })
  )

  it.effect("BH-03: takeIfAvailable until it is full, and again as room is made", () =>
    Effect.gen(function* () {
      const bulkhead = yield* make({ concurrency: 2, maxWaiting: 0 })
      const tries = (count: number) => Effect.replicateEffect(takeIfAvailable(bulkhead, 1), count)
      assert.deepStrictEqual(yield* tries(3), [true, true, false])
      yield* release(bulkhead, 1)
      assert.deepStrictEqual(yield* tries(2), [true, false])
      yield* release(bulkhead, 2)
      assert.deepStrictEqual(yield* tries(3), [true, true, false])
    })
  )

  it.effect("DSEM-04: room for one more while one of two is held, and none when both are", () =>
    Effect.gen(function* () {
      const bulkhead = yield* make({ concurrency: 2, maxWaiting: 0 })
      const seen: Array<readonly [taken: boolean, isFull: boolean]> = []
      for (let held = 0; held <= 2; held++) {
        const isFull = (yield* stats(bulkhead)).available === 0
        seen.push([yield* takeIfAvailable(bulkhead, 1), isFull])
      }
      assert.deepStrictEqual(seen, [
        [true, false],
        [true, false],
        [false, true]
      ])
    })
  )

  it.effect("BH-04: the caller beyond the bound fails at once, with the facts, and its effect never runs", () =>
    Effect.gen(function* () {
      const bulkhead = yield* make({ concurrency: 1, maxWaiting: 2, name: "search" })
      let executions = 0
      const call = withPermit(
        bulkhead,
        Effect.andThen(
          Effect.sync(() => executions++),
          Effect.never
        )
      )
      const fibers = yield* Effect.forEach([1, 2, 3, 4], () => start(call))
      assert.deepStrictEqual(yield* states(fibers), ["waits", "waits", "waits", "BulkheadFull"])
      const error = yield* Effect.flip(call)
      assert.deepStrictEqual(error, new BulkheadFull({ bulkhead: "search", waiting: 2, maxWaiting: 2 }))
      assert.strictEqual(error.message, 'the bulkhead "search" is full: 2 callers wait, and 2 may')
      assert.strictEqual(executions, 1)
      const { refused, waiting } = yield* stats(bulkhead)
      assert.deepStrictEqual({ refused, waiting }, { refused: 2, waiting: 2 })
    })
  )

  it.effect("W3, B6: with maxWaiting 0 nobody waits, ever", () =>
    Effect.gen(function* () {
      const bulkhead = yield* make({ concurrency: 1, maxWaiting: 0 })
      const first = yield* start(withPermit(bulkhead, Effect.never))
      const error = yield* Effect.flip(withPermit(bulkhead, Effect.void))
      assert.deepStrictEqual(error, new BulkheadFull({ waiting: 0, maxWaiting: 0 }))
      for (const refused of [
        take(bulkhead, 1),
        Effect.scoped(takeScoped(bulkhead, 1)),
        withPermits(bulkhead, 1, Effect.void, { priority: 9 })
      ]) {
        assert.strictEqual((yield* Effect.flip(refused))._tag, "BulkheadFull")
      }
      yield* Fiber.interrupt(first)
      assert.strictEqual(yield* withPermit(bulkhead, Effect.succeed("in")), "in")
    })
  )

  it.effect("callers are counted, not permits; a heavy head holds up light ones, in order", () =>
    Effect.gen(function* () {
      const bulkhead = yield* make({ concurrency: 4, maxWaiting: 3 })
      yield* take(bulkhead, 3)
      const order: Array<string> = []
      const visit = (permits: number, name: string) =>
        start(
          withPermits(
            bulkhead,
            permits,
            Effect.sync(() => order.push(name))
          )
        )
      const fibers = [
        yield* visit(4, "heavy"),
        yield* visit(1, "light"),
        yield* visit(1, "light too"),
        yield* visit(1, "no")
      ]
      assert.deepStrictEqual(yield* states(fibers), ["waits", "waits", "waits", "BulkheadFull"])
      assert.isFalse(yield* takeIfAvailable(bulkhead, 1))
      yield* release(bulkhead, 3)
      yield* settle
      assert.deepStrictEqual(order, ["heavy", "light", "light too"])
    })
  )

  it.effect("a waiter that is interrupted makes room in the line", () =>
    Effect.gen(function* () {
      const bulkhead = yield* make({ concurrency: 1, maxWaiting: 1 })
      yield* take(bulkhead, 1)
      const waiter = yield* start(take(bulkhead, 1))
      assert.strictEqual((yield* Effect.flip(take(bulkhead, 1)))._tag, "BulkheadFull")
      yield* Fiber.interrupt(waiter)
      const next = yield* start(take(bulkhead, 1))
      yield* release(bulkhead, 1)
      yield* Fiber.join(next)
    })
  )

  it.effect("DSEM-02, B3: an interrupted wait changes nothing, at once", () =>
    Effect.gen(function* () {
      const bulkhead = yield* make({ concurrency: 1, maxWaiting: 5, maxWait: "1 second" })
      yield* take(bulkhead, 1)
      const before = yield* stats(bulkhead)
      yield* Fiber.interrupt(yield* start(take(bulkhead, 1)))
      assert.deepStrictEqual(yield* stats(bulkhead), before)
    })
  )
})

describe("overflow", () => {
  const line = Effect.fnUntraced(function* (
    overflow: "fail" | "dropOldest" | "dropLowestPriority",
    priorities: ReadonlyArray<number>
  ) {
    const bulkhead = yield* make({ concurrency: 1, maxWaiting: 2, overflow })
    yield* take(bulkhead, 1)
    const fibers = yield* Effect.forEach(priorities, (priority) => start(take(bulkhead, 1, { priority })))
    yield* settle
    const found = yield* states(fibers)
    assert.strictEqual((yield* stats(bulkhead)).refused, priorities.length - 2)
    // nobody is stranded: those who are left are served, one by one
    for (let left = 0; left < 3; left++) {
      yield* release(bulkhead, 1)
      yield* settle
    }
    assert.notInclude(yield* states(fibers), "waits")
    return found
  })

  it.effect("fail: the newcomer", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* line("fail", [0, 0, 5]), ["waits", "waits", "BulkheadFull"])
    })
  )

  it.effect("dropOldest: whoever has waited longest, whatever its priority", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* line("dropOldest", [0, 0, 0, 0]), [
        "BulkheadFull",
        "BulkheadFull",
        "waits",
        "waits"
      ])
      assert.deepStrictEqual(yield* line("dropOldest", [9, 0, 0]), ["BulkheadFull", "waits", "waits"])
    })
  )

  it.effect("dropLowestPriority: the youngest of the lowest, the newcomer among them", () =>
    Effect.gen(function* () {
      const full = "BulkheadFull"
      assert.deepStrictEqual(yield* line("dropLowestPriority", [0, 0, 0]), ["waits", "waits", full])
      assert.deepStrictEqual(yield* line("dropLowestPriority", [0, 0, 1]), ["waits", full, "waits"])
      assert.deepStrictEqual(yield* line("dropLowestPriority", [0, 1, -1]), ["waits", "waits", full])
      assert.deepStrictEqual(yield* line("dropLowestPriority", [2, 1, 3, 3]), [full, full, "waits", "waits"])
    })
  )

  it.effect("whoever is dropped is told what the line was like", () =>
    Effect.gen(function* () {
      const bulkhead = yield* make({ concurrency: 1, maxWaiting: 1, overflow: "dropOldest" })
      yield* take(bulkhead, 1)
      const dropped = yield* start(take(bulkhead, 1))
      yield* start(take(bulkhead, 1))
      assert.deepStrictEqual(yield* outcomes([dropped]), [new BulkheadFull({ waiting: 1, maxWaiting: 1 })])
    })
  )

  it.effect("a heavy head that is dropped makes way for those behind it", () =>
    Effect.gen(function* () {
      const bulkhead = yield* make({ concurrency: 2, maxWaiting: 2, overflow: "dropOldest" })
      yield* take(bulkhead, 1)
      const heavy = yield* start(take(bulkhead, 2))
      const light = yield* start(take(bulkhead, 1))
      const newcomer = yield* start(take(bulkhead, 1))
      yield* settle
      assert.deepStrictEqual(yield* states([heavy, light, newcomer]), ["BulkheadFull", "served", "waits"])
    })
  )

  it.effect("with nobody to drop the newcomer fails", () =>
    Effect.gen(function* () {
      for (const overflow of ["dropOldest", "dropLowestPriority"] as const) {
        const bulkhead = yield* make({ concurrency: 1, maxWaiting: 0, overflow })
        yield* take(bulkhead, 1)
        assert.strictEqual((yield* Effect.flip(take(bulkhead, 1, { priority: 1 })))._tag, "BulkheadFull")
      }
    })
  )
})

describe("maxWait", () => {
  it.effect("BH-02: a wait that takes too long fails, and leaves no ghost", () =>
    Effect.gen(function* () {
      const bulkhead = yield* make({ concurrency: 1, maxWaiting: 10, maxWait: "100 millis", name: "db" })
      yield* take(bulkhead, 1)
      const first = yield* start(take(bulkhead, 1))
      yield* TestClock.adjust("60 millis")
      const second = yield* start(take(bulkhead, 1))
      yield* TestClock.adjust("39 millis")
      assert.deepStrictEqual(yield* states([first, second]), ["waits", "waits"])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* states([first, second]), ["WaitTimeout", "waits"])
      const [error] = yield* outcomes([first])
      assert.deepStrictEqual(error, new WaitTimeout({ bulkhead: "db", waited: Duration.millis(100) }))
      assert.strictEqual((error as Error).message, 'waited 100ms for the bulkhead "db" in vain')
      yield* release(bulkhead, 1)
      yield* Fiber.join(second)
      const { taken, timedOut, waiting } = yield* stats(bulkhead)
      assert.deepStrictEqual({ taken, timedOut, waiting }, { taken: 1, timedOut: 1, waiting: 0 })
    })
  )

  it.effect("DSEM-03: a wait of no time at all fails at once; a free permit needs no wait (BH-04)", () =>
    Effect.gen(function* () {
      for (const maxWait of ["0 millis", "1 nano"] as const) {
        const bulkhead = yield* make({ concurrency: 1, maxWaiting: 10, maxWait })
        yield* take(bulkhead, 1)
        for (let round = 0; round < 2; round++) {
          const waiter = yield* start(take(bulkhead, 1))
          yield* TestClock.adjust("1 milli")
          assert.deepStrictEqual(yield* states([waiter]), ["WaitTimeout"])
        }
        const { taken, waiting } = yield* stats(bulkhead)
        assert.deepStrictEqual({ taken, waiting }, { taken: 1, waiting: 0 })
      }
    })
  )

  it.effect("those who came later are served and time out at their own times, with priorities too", () =>
    Effect.gen(function* () {
      const bulkhead = yield* make({ concurrency: 1, maxWaiting: 10, maxWait: "10 millis" })
      yield* take(bulkhead, 1)
      const fibers: Array<Fiber.Fiber<void, Bulkhead.BulkheadError>> = []
      for (const priority of [0, 5, 1, 5]) {
        fibers.push(yield* start(take(bulkhead, 1, { priority })))
        yield* TestClock.adjust("3 millis")
      }
      // 12 ms: the first is over since 10, the second will be at 13
      assert.deepStrictEqual(yield* states(fibers), ["WaitTimeout", "waits", "waits", "waits"])
      yield* TestClock.adjust("1 milli")
      assert.deepStrictEqual(yield* states(fibers), ["WaitTimeout", "WaitTimeout", "waits", "waits"])
      yield* release(bulkhead, 1)
      yield* settle
      assert.deepStrictEqual(yield* states(fibers), ["WaitTimeout", "WaitTimeout", "waits", "served"])
      yield* TestClock.adjust("3 millis")
      assert.deepStrictEqual(yield* states(fibers), ["WaitTimeout", "WaitTimeout", "WaitTimeout", "served"])
    })
  )

  it.effect("a heavy head that times out makes way for those behind it", () =>
    Effect.gen(function* () {
      const bulkhead = yield* make({ concurrency: 2, maxWaiting: 10, maxWait: "10 millis" })
      yield* take(bulkhead, 1)
      const heavy = yield* start(take(bulkhead, 2))
      yield* TestClock.adjust("5 millis")
      const light = yield* start(take(bulkhead, 1))
      yield* TestClock.adjust("5 millis")
      yield* settle
      assert.deepStrictEqual(yield* states([heavy, light]), ["WaitTimeout", "served"])
    })
  )

  it.effect("what holds is not timed: only the wait is", () =>
    Effect.gen(function* () {
      const bulkhead = yield* make({ concurrency: 1, maxWaiting: 1, maxWait: "10 millis" })
      yield* take(bulkhead, 1)
      const waiter = yield* start(withPermit(bulkhead, Effect.as(Effect.sleep("1 minute"), "done")))
      yield* TestClock.adjust("9 millis")
      yield* release(bulkhead, 1)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* Fiber.join(waiter), "done")
    })
  )

  it.effect.each([
    ["stands still", () => 5_000n],
    ["goes back", (time: bigint) => 1_000_000_000_000n - 3n * time]
  ] as const)("regression: a monotonic clock that %s makes nobody wait longer", ([, distort]) =>
    Effect.gen(function* () {
      const clock = yield* Clock
      const broken: Clock = Object.assign(Object.create(clock) as Clock, {
        monotonicTimeNanosUnsafe: () => distort(clock.monotonicTimeNanosUnsafe())
      })
      const bulkhead = yield* make({ concurrency: 1, maxWaiting: 10, maxWait: "10 millis" })
      yield* take(bulkhead, 1)
      const wait = start(Effect.provideService(take(bulkhead, 1), Clock, broken))
      const waiters = [yield* wait, yield* wait]
      yield* TestClock.adjust("10 millis")
      assert.deepStrictEqual(yield* states(waiters), ["WaitTimeout", "WaitTimeout"])
      const later = yield* wait
      yield* TestClock.adjust("9 millis")
      assert.deepStrictEqual(yield* states([later]), ["waits"])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* outcomes([later]), [new WaitTimeout({ waited: Duration.millis(10) })])
    })
  )

  it.effect("an outer timeout that comes first wins, and the line is as before", () =>
    Effect.gen(function* () {
      const bulkhead = yield* make({ concurrency: 1, maxWaiting: 1, maxWait: "1 second" })
      yield* take(bulkhead, 1)
      const waiter = yield* start(Effect.timeoutOption(take(bulkhead, 1), "10 millis"))
      yield* TestClock.adjust("10 millis")
      assert.isTrue(Option.isNone(yield* Fiber.join(waiter)))
      assert.strictEqual((yield* stats(bulkhead)).waiting, 0)
    })
  )
})

describe("close", () => {
  it.effect("S14: turns away those who wait and those who come; those who hold go on, and can give back", () =>
    Effect.gen(function* () {
      const bulkhead = yield* make({ concurrency: 1, maxWaiting: 5, maxWait: "1 second", name: "db" })
      const holder = yield* start(withPermit(bulkhead, Effect.as(Effect.sleep("1 minute"), "done")))
      const waiters = yield* Effect.forEach([0, 1, 2], (priority) => start(take(bulkhead, 1, { priority })))
      yield* close(bulkhead)
      yield* close(bulkhead)
      yield* settle
      const closed = new BulkheadClosed({ bulkhead: "db" })
      assert.deepStrictEqual(yield* outcomes(waiters), [closed, closed, closed])
      for (const refused of [
        take(bulkhead, 1),
        take(bulkhead, 0),
        takeIfAvailable(bulkhead, 1),
        withPermit(bulkhead, Effect.void),
        withPermitsIfAvailable(bulkhead, 1, Effect.void),
        Effect.scoped(takeScoped(bulkhead, 1))
      ]) {
        assert.deepStrictEqual(yield* Effect.flip(refused), closed)
      }
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* Fiber.join(holder), "done")
      const { closed: isClosed, refused, taken, timedOut } = yield* stats(bulkhead)
      assert.deepStrictEqual(
        { isClosed, refused, taken, timedOut },
        { isClosed: true, refused: 0, taken: 0, timedOut: 0 }
      )
      // also with room
      assert.deepStrictEqual(yield* Effect.flip(withPermit(bulkhead, Effect.void)), closed)
    })
  )

  it.effect("what was taken before can be released after", () =>
    Effect.gen(function* () {
      const bulkhead = yield* make({ concurrency: 2, maxWaiting: 0 })
      const scope = yield* Scope.make()
      yield* take(bulkhead, 1)
      yield* Scope.provide(takeScoped(bulkhead, 1), scope)
      yield* close(bulkhead)
      yield* release(bulkhead, 1)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* stats(bulkhead)).taken, 0)
    })
  )
})

describe("shape", () => {
  it.effect("S9: results, failures and defects pass through, and the permits go back", () =>
    Effect.gen(function* () {
      const bulkhead = yield* make({ concurrency: 3, maxWaiting: 0 })
      assert.strictEqual(yield* Effect.succeed(1).pipe(withPermits(bulkhead, 2)), 1)
      assert.strictEqual(yield* Effect.flip(Effect.fail("no").pipe(withPermit(bulkhead, { priority: 1 }))), "no")
      assert.include(deathMessage(yield* Effect.exit(withPermit(bulkhead, Effect.die("dead")))), "dead")
      assert.deepStrictEqual(yield* withPermitsIfAvailable(bulkhead, 3)(Effect.succeed(1)), Option.some(1))
      const full = withPermitsIfAvailable(bulkhead, 1, Effect.void)
      assert.deepStrictEqual(yield* withPermits(bulkhead, 3, full), Option.none())
      assert.strictEqual((yield* stats(bulkhead)).taken, 0)
    })
  )

  it("errors are data that can be sent, and say what they are of", () => {
    const full = new BulkheadFull({ waiting: 1, maxWaiting: 1 })
    const json = Schema.encodeSync(Schema.toCodecJson(BulkheadFull))(full)
    assert.deepStrictEqual(json, { _tag: "BulkheadFull", waiting: 1, maxWaiting: 1 })
    assert.strictEqual(full.message, "the bulkhead is full: 1 callers wait, and 1 may")
    assert.strictEqual(new BulkheadClosed({}).message, "the bulkhead is closed")
  })

  it.effect("a refusal takes no stack, and leaves that of others alone", () =>
    Effect.gen(function* () {
      const bulkhead = yield* make({ concurrency: 1, maxWaiting: 0 })
      const limit = Error.stackTraceLimit
      const refusal = yield* withPermit(bulkhead, Effect.flip(withPermit(bulkhead, Effect.void)))
      assert.notInclude(refusal.stack, "\n    at ")
      assert.strictEqual(Error.stackTraceLimit, limit)
    })
  )

  it("prints its name and its state", () => {
    const bulkhead = makeUnsafe({ concurrency: 2, maxWaiting: 3, name: "db" })
    assert.deepStrictEqual(JSON.parse(JSON.stringify(bulkhead)), {
      _id: "Bulkhead",
      name: "db",
      concurrency: 2,
      taken: 0,
      available: 2,
      waiting: 0,
      maxWaiting: 3,
      refused: 0,
      timedOut: 0,
      closed: false
    })
  })

  it.effect("S17, S18: a request above the concurrency dies, and so does a release of what was not taken", () =>
    Effect.gen(function* () {
      const bulkhead = yield* make({ concurrency: 2, maxWaiting: 3, name: "db" })
      const message = deathMessage(yield* Effect.exit(withPermits(bulkhead, 3, Effect.void)))
      assert.include(message, 'Bulkhead.withPermits on "db": a request for 3 permits can never be met')
      assert.include(deathMessage(yield* Effect.exit(release(bulkhead, 1))), "Bulkhead.release")
    })
  )

  it("options that break a rule die with the value and the rule", () => {
    const die = (options: Partial<Record<keyof Bulkhead.Options, unknown>>) =>
      deathMessage(Effect.runSyncExit(make({ concurrency: 1, maxWaiting: 1, ...options } as Bulkhead.Options)))
    assert.include(die({ concurrency: 0 }), "Bulkhead.make: concurrency must be at least 1, got 0")
    assert.include(die({ concurrency: 1.5 }), "concurrency must be a non-negative integer or Infinity, got 1.5")
    assert.include(die({ maxWaiting: -1 }), "maxWaiting must be a non-negative integer or Infinity, got -1")
    assert.include(die({ maxWait: "soon" }), 'maxWait must be a duration such as "5 seconds", got "soon"')
    assert.include(die({ maxWait: Number.NaN }), "maxWait must be a duration")
    assert.include(die({ maxWait: { seconds: Number.NaN } }), "maxWait must be a duration")
    assert.include(die({ overflow: "dropNewest" }), "overflow must be one of fail, dropOldest, dropLowestPriority")
    assert.include(die({ priorityStep: 0, name: "db" }), 'Bulkhead.make on "db": priorityStep must be an integer')
  })
})
