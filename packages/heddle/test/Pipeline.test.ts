import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"

import * as Pipeline from "../src/Pipeline.ts"
import { gauge, numbers, settle, source, start, timed } from "./support/pipeline.ts"
import { SteppingScheduler } from "./support/steppingScheduler.ts"

const modes = [
  { ordered: true, concurrency: 1 },
  { ordered: true, concurrency: 5 },
  { ordered: false, concurrency: 1 },
  { ordered: false, concurrency: 5 }
]

describe("order and concurrency", () => {
  it.effect(
    "[10 after 300 ms, 20 after 200, 30 after 100]: the order of the input, at the pace of the concurrency",
    () =>
      Effect.gen(function* () {
        const run = (concurrency: number) =>
          timed(
            Pipeline.from(Stream.make([10, 300] as const, [20, 200] as const, [30, 100] as const)).pipe(
              Pipeline.stage("wait", ([value, millis]) => Effect.as(Effect.sleep(millis), value), { concurrency }),
              Pipeline.runCollect
            )
          )
        assert.deepStrictEqual(yield* run(3), { result: [10, 20, 30], millis: 300 })
        assert.deepStrictEqual(yield* run(2), { result: [10, 20, 30], millis: 300 })
        assert.deepStrictEqual(yield* run(1), { result: [10, 20, 30], millis: 600 })
      })
  )

  it.effect("a chunk of ten thousand does not become ten thousand fibers", () =>
    Effect.gen(function* () {
      const { around, seen } = gauge()
      const fiber = yield* start(
        source(10_000).pipe(
          Pipeline.stage("wait", () => around(Effect.never), { concurrency: 7 }),
          Pipeline.runCollect
        )
      )
      yield* settle
      assert.strictEqual(seen.started, 7)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(seen.active, 0)
    })
  )

  it.effect("a slow head does not stop those behind it until the buffer is full", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const { around, seen } = gauge()
      const fiber = yield* start(
        source(100).pipe(
          Pipeline.stage(
            "work",
            (n) => around(n === 0 ? Effect.as(Deferred.await(gate), n) : Effect.as(Effect.yieldNow, n)),
            {
              concurrency: 4,
              buffer: 10
            }
          ),
          Pipeline.runCollect
        )
      )
      for (let round = 0; round < 20; round++) yield* settle
      assert.strictEqual(seen.started, 14)
      assert.strictEqual(seen.active, 1)
      yield* Deferred.succeed(gate, undefined)
      assert.deepStrictEqual(yield* Fiber.join(fiber), numbers(100))
    })
  )

  it.effect("the last of a hundred finishes first", () =>
    Effect.gen(function* () {
      const { result } = yield* timed(
        source(100).pipe(
          Pipeline.stage("work", (n) => Effect.as(Effect.sleep((100 - n) * 10), n), { concurrency: 100, buffer: 0 }),
          Pipeline.runCollect
        )
      )
      assert.deepStrictEqual(result, numbers(100))
    })
  )

  it.effect("stages run side by side", () =>
    Effect.gen(function* () {
      const tick = (n: number) => Effect.as(Effect.sleep("100 millis"), n)
      const { millis, result } = yield* timed(
        source(20).pipe(
          Pipeline.stage("a", tick),
          Pipeline.stage("b", tick),
          Pipeline.stage("c", tick),
          Pipeline.runCollect
        )
      )
      assert.deepStrictEqual(result, numbers(20))
      assert.strictEqual(millis, 2200)
    })
  )
})

describe("bounded memory", () => {
  for (const ordered of [true, false]) {
    it.effect(`a stalled consumer: concurrency + buffer elements are started, no more (ordered: ${ordered})`, () =>
      Effect.gen(function* () {
        for (const buffer of [0, 1, 8]) {
          const { around, seen } = gauge()
          const fiber = yield* start(
            source(1000).pipe(
              Pipeline.stage("work", (n) => around(Effect.as(Effect.yieldNow, n)), { concurrency: 4, buffer, ordered }),
              // the first result is held for ever
              Pipeline.runForEach(() => Effect.never)
            )
          )
          for (let round = 0; round < 20; round++) yield* settle
          // the consumer took one chunk of at most concurrency + buffer before it stalled
          assert.isAtMost(seen.started, 2 * (4 + buffer))
          assert.strictEqual(seen.active, 0)
          yield* Fiber.interrupt(fiber)
        }
      })
    )
  }

  it.effect("a slow stage holds up a fast one before it, and the source", () =>
    Effect.gen(function* () {
      let pulled = 0
      const fast = gauge()
      const fiber = yield* start(
        Pipeline.from(
          Stream.fromIterable(numbers(10_000)).pipe(
            Stream.rechunk(1),
            Stream.tap(() => Effect.sync(() => pulled++))
          )
        ).pipe(
          Pipeline.stage("fast", (n) => fast.around(Effect.succeed(n)), { concurrency: 2, buffer: 3 }),
          Pipeline.stage("slow", () => Effect.never, { concurrency: 1, buffer: 0 }),
          Pipeline.runCollect
        )
      )
      for (let round = 0; round < 20; round++) yield* settle
      assert.isAtMost(fast.seen.started, 12)
      assert.isAtMost(pulled, fast.seen.started + 1)
      yield* Fiber.interrupt(fiber)
    })
  )

  it.effect("a source without an end whose elements never suspend leaves the event loop its turns", () =>
    Effect.gen(function* () {
      for (const onError of ["skip", "fail"] as const) {
        for (const ordered of [true, false]) {
          let elements = 0
          const fiber = yield* start(
            Pipeline.from(Stream.fromIterable(forever())).pipe(
              Pipeline.stage(
                "spin",
                (n) => {
                  elements++
                  return onError === "skip" ? Effect.fail("left out") : Effect.succeed(n)
                },
                { onError, ordered, concurrency: 4 }
              ),
              Pipeline.runForEach(() => Effect.void)
            )
          )
          yield* settle
          assert.isAbove(elements, 0)
          yield* Fiber.interrupt(fiber)
        }
      }
    })
  )
})

function* forever() {
  for (let n = 0; ; n++) yield n
}

describe("failure", () => {
  const boom = (n: number, at: number) => (n === at ? Effect.fail(`boom ${n}`) : Effect.succeed(n))

  it.effect("is a StageError with the stage, the error and the input", () =>
    Effect.gen(function* () {
      const error = yield* source(10).pipe(
        Pipeline.stage("fine", (n) => Effect.succeed(n * 2)),
        Pipeline.stage("enrich", (n) => boom(n, 6)),
        Pipeline.runCollect,
        Effect.flip
      )
      assert.instanceOf(error, Pipeline.StageError)
      assert.deepStrictEqual([error._tag, error.stage, error.error, error.input], ["StageError", "enrich", "boom 6", 6])
      assert.strictEqual(error.message, 'stage "enrich" failed: "boom 6"')
    })
  )

  it.effect("ordered: what leaves before the failure is what a sequential run gives, whatever finishes when", () =>
    Effect.gen(function* () {
      for (const concurrency of [1, 3, 10]) {
        const out: Array<number> = []
        const { around, seen } = gauge()
        const fiber = yield* start(
          source(100).pipe(
            Pipeline.stage(
              "work",
              // those before the failing element are slower than it
              (n) => around(Effect.andThen(Effect.sleep(n === 20 ? 1 : 50), boom(n, 20))),
              { concurrency }
            ),
            Pipeline.runForEach((n) => Effect.sync(() => out.push(n))),
            Effect.exit
          )
        )
        yield* TestClock.adjust("10 seconds")
        const exit = yield* Fiber.join(fiber)
        assert.isTrue(Exit.isFailure(exit))
        assert.deepStrictEqual(out, numbers(20))
        assert.isAtMost(seen.started, 20 + concurrency + 1)
        assert.strictEqual(seen.active, 0)
      }
    })
  )

  it.effect("unordered: the others are interrupted at once, what had finished still leaves", () =>
    Effect.gen(function* () {
      const out: Array<number> = []
      const { around, seen } = gauge()
      const { millis } = yield* timed(
        source(100).pipe(
          Pipeline.stage(
            "work",
            (n) => around(Effect.andThen(Effect.sleep(n < 4 ? 10 : n === 4 ? 20 : 10_000), boom(n, 4))),
            { concurrency: 10, ordered: false }
          ),
          Pipeline.runForEach((n) => Effect.sync(() => out.push(n))),
          Effect.exit
        )
      )
      assert.deepStrictEqual(out, numbers(4))
      assert.strictEqual(millis, 20)
      assert.strictEqual(seen.active, 0)
    })
  )

  it.effect("comes after every interrupted element has ended, its finalizers included", () =>
    Effect.gen(function* () {
      let cleaned = 0
      const fiber = yield* start(
        source(4).pipe(
          Pipeline.stage(
            "work",
            (n) =>
              n === 0
                ? Effect.andThen(Effect.sleep("10 millis"), Effect.fail("boom"))
                : Effect.ensuring(
                    Effect.never,
                    Effect.andThen(
                      Effect.sleep("1 second"),
                      Effect.sync(() => cleaned++)
                    )
                  ),
            { concurrency: 4 }
          ),
          Pipeline.runCollect,
          Effect.exit
        )
      )
      yield* TestClock.adjust("10 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 second")
      assert.isTrue(Exit.isFailure(yield* Fiber.join(fiber)))
      assert.strictEqual(cleaned, 3)
    })
  )

  it.effect("that an element causes as it starts interrupts that element too", () =>
    Effect.gen(function* () {
      for (const ordered of [true, false]) {
        const { around, seen } = gauge()
        const signal = yield* Deferred.make<void>()
        const error = yield* source(2).pipe(
          Pipeline.stage(
            "work",
            (n) =>
              around(
                n === 0
                  ? Effect.andThen(Deferred.await(signal), Effect.fail("boom"))
                  : Effect.andThen(Deferred.succeed(signal, undefined), Effect.never)
              ),
            { concurrency: 2, ordered }
          ),
          Pipeline.runCollect,
          Effect.flip
        )
        assert.strictEqual(error.input, 0)
        assert.strictEqual(seen.active, 0)
      }
    })
  )

  it.effect("several failures are kept, in the order of the input", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(
        source(3).pipe(
          Pipeline.stage(
            "work",
            (n) =>
              Effect.uninterruptible(Effect.andThen(Effect.replicateEffect(Effect.yieldNow, 3 - n), Effect.fail(n))),
            { concurrency: 3 }
          ),
          Pipeline.runCollect
        )
      )
      assert.isTrue(Exit.isFailure(exit))
      const reasons = Exit.isFailure(exit) ? exit.cause.reasons : []
      assert.deepStrictEqual(
        reasons.filter(Cause.isFailReason).map((reason) => reason.error.error),
        [0, 1, 2]
      )
      assert.lengthOf(reasons, 3)
    })
  )

  it.effect("a defect stops the run as it is, and wins over typed failures", () =>
    Effect.gen(function* () {
      for (const ordered of [true, false]) {
        const exit = yield* Effect.exit(
          source(5).pipe(
            Pipeline.stage(
              "work",
              (n) =>
                n === 0
                  ? Effect.andThen(Effect.yieldNow, Effect.die("a bug"))
                  : n === 1
                    ? Effect.fail("typed")
                    : Effect.never,
              { concurrency: 5, ordered }
            ),
            Pipeline.runCollect
          )
        )
        const tags = Exit.isFailure(exit) ? exit.cause.reasons.map((reason) => reason._tag) : []
        // unordered, the typed failure came first and the defect never happened
        assert.deepStrictEqual(tags, ordered ? ["Die"] : ["Fail"])
      }
    })
  )

  it.effect("a defect in the cleanup of an interrupted element does not hide the typed failure", () =>
    Effect.gen(function* () {
      const caught = yield* source(2).pipe(
        Pipeline.stage(
          "work",
          (n) =>
            n === 0
              ? Effect.andThen(Effect.yieldNow, Effect.fail("typed"))
              : Effect.ensuring(Effect.never, Effect.die("cleanup")),
          { concurrency: 2 }
        ),
        Pipeline.runCollect,
        Effect.catch((error) => Effect.succeed(error.error))
      )
      assert.strictEqual(caught, "typed")
    })
  )

  it.effect("a function that throws is a defect", () =>
    Effect.gen(function* () {
      const exit = yield* source(3).pipe(
        Pipeline.stage("throw", (): Effect.Effect<number> => {
          throw new Error("thrown")
        }),
        Pipeline.runCollect,
        Effect.exit
      )
      assert.isTrue(Exit.hasDies(exit))
    })
  )

  it.effect("an element that interrupts itself interrupts the run", () =>
    Effect.gen(function* () {
      for (const onError of ["fail", "skip"] as const) {
        const exit = yield* source(3).pipe(
          Pipeline.stage("quit", (n) => (n === 1 ? Effect.interrupt : Effect.succeed(n)), { onError }),
          Pipeline.runCollect,
          Effect.exit
        )
        assert.isTrue(Exit.hasInterrupts(exit))
      }
    })
  )

  it.effect("of the source: those in flight finish, then it comes", () =>
    Effect.gen(function* () {
      for (const ordered of [true, false]) {
        const out: Array<number> = []
        const { around } = gauge()
        const { result } = yield* timed(
          Pipeline.from(Stream.concat(Stream.make(1, 2, 3), Stream.fail("source"))).pipe(
            Pipeline.stage("work", (n) => around(Effect.as(Effect.sleep("10 millis"), n)), { concurrency: 2, ordered }),
            Pipeline.runForEach((n) => Effect.sync(() => out.push(n))),
            Effect.flip
          )
        )
        assert.strictEqual(result, "source")
        assert.deepStrictEqual(out, [1, 2, 3])
      }
    })
  )

  it.effect("skip leaves the element out, also when all fail", () =>
    Effect.gen(function* () {
      for (const { concurrency, ordered } of modes) {
        for (const pause of [Effect.void, Effect.yieldNow]) {
          const run = (fails: (n: number) => boolean) =>
            source(20).pipe(
              Pipeline.stage(
                "odd",
                (n) => Effect.andThen(pause, fails(n) ? Effect.fail("left out") : Effect.succeed(n)),
                {
                  onError: "skip",
                  concurrency,
                  ordered
                }
              ),
              Pipeline.runCollect
            )
          const kept = yield* run((n) => n % 2 === 0)
          assert.deepStrictEqual(
            kept.toSorted((a, b) => a - b),
            numbers(20).filter((n) => n % 2 === 1)
          )
          assert.deepStrictEqual(yield* run(() => true), [])
        }
      }
    })
  )

  it.effect("a dead-letter sink gets every failed element, within the concurrency", () =>
    Effect.gen(function* () {
      for (const { concurrency, ordered } of modes) {
        const letters: Array<readonly [string, string, number]> = []
        const { around, seen } = gauge()
        const { result } = yield* timed(
          source(20).pipe(
            Pipeline.stage(
              "parse",
              (n) => (n % 5 === 0 ? Effect.fail("bad") : Effect.as(around(Effect.sleep("10 millis")), n)),
              {
                concurrency,
                ordered,
                onError: {
                  deadLetter: (failure) =>
                    around(
                      Effect.andThen(
                        Effect.sleep("10 millis"),
                        Effect.sync(() => letters.push([failure.stage, failure.error, failure.input]))
                      )
                    )
                }
              }
            ),
            Pipeline.runCollect
          )
        )
        assert.deepStrictEqual(
          result.toSorted((a, b) => a - b),
          numbers(20).filter((n) => n % 5 !== 0)
        )
        assert.deepStrictEqual(
          letters.toSorted((a, b) => a[2] - b[2]),
          [0, 5, 10, 15].map((n) => ["parse", "bad", n] as const)
        )
        assert.strictEqual(seen.peak, concurrency)
      }
    })
  )

  it.effect("of a dead-letter sink: no failure that the sink should have got comes with it", () =>
    Effect.gen(function* () {
      const exit = yield* source(2).pipe(
        Pipeline.stage(
          "parse",
          (n) =>
            Effect.uninterruptible(Effect.andThen(Effect.replicateEffect(Effect.yieldNow, 1 + 3 * n), Effect.fail(n))),
          { concurrency: 2, onError: { deadLetter: () => Effect.fail("disk full" as const) } }
        ),
        Pipeline.runCollect,
        Effect.exit
      )
      const reasons = Exit.isFailure(exit) ? exit.cause.reasons.filter(Cause.isFailReason) : []
      assert.deepStrictEqual(
        reasons.map((reason) => reason.error),
        ["disk full"]
      )
    })
  )

  it.effect("of a dead-letter sink stops the run as it is", () =>
    Effect.gen(function* () {
      const error = yield* source(10).pipe(
        Pipeline.stage("parse", (n) => boom(n, 3), {
          onError: { deadLetter: () => Effect.fail("disk full" as const) }
        }),
        Pipeline.runCollect,
        Effect.flip
      )
      assert.strictEqual(error, "disk full")
    })
  )
})

describe("ending early", () => {
  it.effect("interrupts what runs, waits for it, and closes the source", () =>
    Effect.gen(function* () {
      const { around, seen } = gauge()
      let closed = false
      const numbersOf = Stream.ensuring(
        Stream.fromIterable(forever()),
        Effect.sync(() => {
          closed = true
        })
      )
      const first = yield* Pipeline.from(numbersOf).pipe(
        Pipeline.stage("work", (n) => around(n < 3 ? Effect.as(Effect.yieldNow, n) : Effect.never), { concurrency: 8 }),
        Pipeline.toStream,
        Stream.take(3),
        Stream.runCollect
      )
      assert.deepStrictEqual(first, [0, 1, 2])
      assert.strictEqual(seen.active, 0)
      assert.isTrue(closed)
    })
  )

  it.effect("interrupts a source that hangs, by an interruption or a failure, and waits for it", () =>
    Effect.gen(function* () {
      let released = 0
      const hanging = Stream.concat(
        Stream.make(1),
        Stream.fromEffect(
          Effect.onInterrupt(Effect.never, () =>
            Effect.andThen(
              Effect.yieldNow,
              Effect.sync(() => released++)
            )
          )
        )
      )
      const run = (work: (n: number) => Effect.Effect<number, string>) =>
        Pipeline.from(hanging).pipe(Pipeline.stage("work", work, { concurrency: 2 }), Pipeline.runCollect)
      const fiber = yield* start(run((n) => Effect.succeed(n)))
      yield* settle
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(released, 1)
      const error = yield* Effect.flip(run(() => Effect.andThen(settle, Effect.fail("boom"))))
      assert.strictEqual(error.error, "boom")
      assert.strictEqual(released, 2)
    })
  )

  it.effect("by an element that interrupts the run as it starts: it does not outlive the run", () =>
    Effect.gen(function* () {
      const { around, seen } = gauge()
      const run: { fiber?: Fiber.Fiber<unknown, unknown> } = {}
      const pipeline = source(10).pipe(
        Pipeline.stage(
          "work",
          (n) =>
            around(
              n === 1
                ? Effect.andThen(
                    Effect.sync(() => run.fiber?.interruptUnsafe()),
                    Effect.never
                  )
                : Effect.as(Effect.yieldNow, n)
            ),
          { concurrency: 1 }
        )
      )
      run.fiber = yield* start(Pipeline.runCollect(pipeline))
      const exit = yield* Fiber.await(run.fiber)
      assert.isTrue(Exit.hasInterrupts(exit))
      assert.strictEqual(seen.active, 0)
      assert.strictEqual(seen.started, 2)
      assert.strictEqual((yield* Pipeline.stats(pipeline))[0]!.inFlight, 0)
    })
  )

  it.effect("what an element forks ends with the element", () =>
    Effect.gen(function* () {
      let alive = 0
      const child = Effect.suspend(() => {
        alive++
        return Effect.ensuring(
          Effect.never,
          Effect.sync(() => alive--)
        )
      })
      const most = yield* source(50).pipe(
        Pipeline.stage("fork", (n) => Effect.as(Effect.andThen(start(child), Effect.yieldNow), n), { concurrency: 3 }),
        Pipeline.runFold(
          () => 0,
          (most) => Math.max(most, alive)
        )
      )
      assert.strictEqual(alive, 0)
      assert.isAtMost(most, 3)
    })
  )
})

describe("regressions", () => {
  /** Ends after it could be interrupted, and says so. */
  const stubborn = (log: Array<string>) =>
    Effect.uninterruptible(
      Effect.andThen(
        settle,
        Effect.sync(() => log.push("ended"))
      )
    )

  it.effect("a dead-letter sink does not outlive the run that it interrupts as it starts", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const run: { fiber?: Fiber.Fiber<unknown, unknown> } = {}
      run.fiber = yield* start(
        source(1).pipe(
          Pipeline.stage("work", () => Effect.andThen(Effect.yieldNow, Effect.fail("boom")), {
            onError: {
              deadLetter: () =>
                Effect.uninterruptible(
                  Effect.andThen(
                    Effect.sync(() => run.fiber?.interruptUnsafe()),
                    stubborn(log)
                  )
                )
            }
          }),
          Pipeline.runCollect
        )
      )
      yield* Fiber.await(run.fiber)
      assert.deepStrictEqual(log, ["ended"])
    })
  )

  it.effect("an element whose function has another fail does not begin behind it", () =>
    Effect.gen(function* () {
      for (const ordered of [true, false]) {
        const gate = yield* Deferred.make<never, string>()
        const begun: Array<number> = []
        const fiber = yield* start(
          source(3).pipe(
            Pipeline.stage(
              "work",
              (n) => {
                if (n === 0) return Deferred.await(gate)
                Deferred.doneUnsafe(gate, Exit.fail("boom"))
                return Effect.andThen(
                  Effect.sync(() => begun.push(n)),
                  Effect.never
                )
              },
              { concurrency: 2, ordered }
            ),
            Pipeline.runCollect,
            Effect.flip
          )
        )
        yield* settle
        const exit = fiber.pollUnsafe()
        yield* Fiber.interrupt(fiber)
        assert.isTrue(exit !== undefined && Exit.isSuccess(exit) && exit.value.error === "boom")
        assert.deepStrictEqual(begun, [])
      }
    })
  )

  it.effect("a dead-letter sink that lets another element end keeps its slot", () =>
    Effect.gen(function* () {
      const { around, seen } = gauge()
      const gate = yield* Deferred.make<void>()
      yield* timed(
        source(6).pipe(
          Pipeline.stage(
            "work",
            (n) =>
              n === 0
                ? around(Effect.andThen(Effect.sleep("10 millis"), Effect.fail("boom")))
                : around(n === 1 ? Deferred.await(gate) : Effect.sleep("20 millis")),
            {
              concurrency: 2,
              onError: {
                deadLetter: () => around(Effect.andThen(Deferred.succeed(gate, undefined), Effect.sleep("10 millis")))
              }
            }
          ),
          Pipeline.runCollect
        )
      )
      assert.strictEqual(seen.peak, 2)
    })
  )

  it("elements that never suspend: 256 per turn of the event loop, whatever the concurrency", () => {
    for (const concurrency of [1, 100]) {
      const scheduler = new SteppingScheduler(2048)
      let elements = 0
      const fiber = Effect.runFork(
        Pipeline.from(Stream.fromIterable(forever())).pipe(
          Pipeline.stage(
            "spin",
            (n) => {
              elements++
              return n < concurrency ? Effect.andThen(Effect.yieldNow, Effect.fail("boom")) : Effect.fail("boom")
            },
            { concurrency, ordered: false, onError: "skip" }
          ),
          Pipeline.runCollect
        ),
        { scheduler }
      )
      let most = 0
      for (let task = 0; task < 2000; task++) {
        const before = elements
        assert.isTrue(scheduler.step())
        most = Math.max(most, elements - before)
      }
      // and no more than one such task at a time: the queue does not fill with them
      assert.isAtMost(most, 256 + concurrency)
      assert.isAtMost(elements, 2000 * 256)
      fiber.interruptUnsafe()
      scheduler.drain()
      assert.isDefined(fiber.pollUnsafe())
    }
  })

  it.effect(
    "a failure and a defect in one late element: the failure is not among the errors of a run with a sink",
    () =>
      Effect.gen(function* () {
        const both = Effect.failCause(Cause.combine(Cause.fail("typed"), Cause.die("a bug")))
        const exit = yield* source(2).pipe(
          Pipeline.stage(
            "work",
            (n) =>
              n === 0
                ? Effect.andThen(Effect.yieldNow, Effect.fail("boom"))
                : Effect.uninterruptible(Effect.andThen(settle, both)),
            { concurrency: 2, ordered: false, onError: { deadLetter: () => Effect.fail("disk full" as const) } }
          ),
          Pipeline.runCollect,
          Effect.exit
        )
        const reasons = Exit.isFailure(exit) ? exit.cause.reasons : []
        assert.deepStrictEqual(
          reasons.map((reason) => (Cause.isFailReason(reason) ? reason.error : reason._tag)),
          ["disk full"]
        )
      })
  )

  it.effect("a failure or a defect of the source is kept when an element fails after it", () =>
    Effect.gen(function* () {
      const reasonsWith = (end: Effect.Effect<number, string>) =>
        Pipeline.from(Stream.concat(Stream.make(1), Stream.fromEffect(end))).pipe(
          Pipeline.stage("work", () => Effect.andThen(settle, Effect.fail("element")), { concurrency: 2 }),
          Pipeline.runCollect,
          Effect.sandbox,
          Effect.flip,
          Effect.map((cause) =>
            cause.reasons.map((reason) => {
              if (Cause.isDieReason(reason)) return reason.defect
              if (!Cause.isFailReason(reason)) return reason._tag
              return typeof reason.error === "string" ? reason.error : reason.error.error
            })
          )
        )
      assert.deepStrictEqual(yield* reasonsWith(Effect.fail("source")), ["element", "source"])
      assert.deepStrictEqual(yield* reasonsWith(Effect.die("a bug in the source")), ["a bug in the source"])
    })
  )

  it("a synchronous pipeline of any length runs under Effect.runSync", () => {
    const collected = Effect.runSync(
      source(1000).pipe(
        Pipeline.stage("sync", (n) => Effect.sync(() => n), { concurrency: 4 }),
        Pipeline.runCollect
      )
    )
    assert.deepStrictEqual(collected, numbers(1000))
  })

  it("a scheduler that runs its tasks at once", () => {
    class AtOnce extends SteppingScheduler {
      override makeDispatcher() {
        return { scheduleTask: (task: () => void) => task(), flush: () => undefined }
      }
    }
    const fiber = Effect.runFork(
      source(10_000).pipe(
        Pipeline.stage("skip", () => Effect.fail("boom"), { onError: "skip" }),
        Pipeline.runCollect
      ),
      { scheduler: new AtOnce(2048) }
    )
    assert.deepStrictEqual(fiber.pollUnsafe(), Exit.succeed([]))
  })

  it("a StageError has a message for any error, and the error as its cause", () => {
    const message = (error: unknown) => new Pipeline.StageError({ stage: "s", input: 1, error, cause: error }).message
    assert.strictEqual(message(new Error("boom")), 'stage "s" failed: boom')
    assert.strictEqual(message({ _tag: "ParseError" }), 'stage "s" failed: {"_tag":"ParseError"}')
    assert.isString(message(Object.create(null)))
    const boom = new Error("boom")
    const error = Effect.runSync(
      source(1).pipe(
        Pipeline.stage("s", () => Effect.fail(boom)),
        Pipeline.runCollect,
        Effect.flip
      )
    )
    assert.strictEqual(error.cause, boom)
  })
})

describe("running", () => {
  it.effect("collect, fold, for each, stream; the empty source", () =>
    Effect.gen(function* () {
      const squares = source(5).pipe(Pipeline.stage("square", (n) => Effect.succeed(n * n)))
      assert.deepStrictEqual(yield* Pipeline.runCollect(squares), [0, 1, 4, 9, 16])
      const sum = (total: number, n: number) => total + n
      assert.strictEqual(yield* Pipeline.runFold(squares, () => 0, sum), 30)
      const seen: Array<number> = []
      yield* Pipeline.runForEach(squares, (n) => Effect.sync(() => seen.push(n)))
      assert.deepStrictEqual(seen, [0, 1, 4, 9, 16])
      assert.deepStrictEqual(yield* Stream.runCollect(Pipeline.toStream(squares)), seen)
      assert.deepStrictEqual(yield* source(0).pipe(Pipeline.stage("none", Effect.succeed), Pipeline.runCollect), [])
      assert.deepStrictEqual(yield* Pipeline.runCollect(source(3)), [0, 1, 2])
    })
  )

  it.effect("a description runs as often as one likes, also at once", () =>
    Effect.gen(function* () {
      const pipeline = source(20).pipe(
        Pipeline.stage("a", (n) => Effect.as(Effect.yieldNow, n), { concurrency: 3 }),
        Pipeline.stage("b", (n) => Effect.as(Effect.yieldNow, n), { concurrency: 2, ordered: false })
      )
      const runs = yield* Effect.all(
        Array.from({ length: 5 }, () => Pipeline.runCollect(pipeline)),
        { concurrency: "unbounded" }
      )
      for (const run of runs) assert.lengthOf(run, 20)
      const counts = (yield* Pipeline.stats(pipeline)).map(({ failed, inFlight, name, out, queued, ...stage }) => [
        name,
        stage.in,
        out,
        failed + inFlight + queued
      ])
      assert.deepStrictEqual(counts, [
        ["a", 100, 100, 0],
        ["b", 100, 100, 0]
      ])
    })
  )
})

describe("stats", () => {
  it.effect("in = out + in flight + queued + failed, at any time; nothing in flight after an interruption", () =>
    Effect.gen(function* () {
      const assertSum = Effect.map(
        Effect.suspend(() => Pipeline.stats(pipeline)),
        (stages) => {
          for (const stage of stages) {
            assert.strictEqual(
              stage.in,
              stage.out + stage.inFlight + stage.queued + stage.failed,
              JSON.stringify(stage)
            )
          }
          return stages
        }
      )
      const pipeline: Pipeline.Pipeline<number> = source(60).pipe(
        Pipeline.stage(
          "a",
          (n) =>
            assertSum.pipe(
              Effect.andThen(Effect.sleep(n % 7)),
              Effect.andThen(n % 10 === 0 ? Effect.fail(n) : Effect.succeed(n))
            ),
          { concurrency: 4, onError: { deadLetter: () => Effect.andThen(assertSum, Effect.sleep("3 millis")) } }
        ),
        Pipeline.stage("b", (n) => Effect.as(Effect.sleep(n % 3), n), { concurrency: 2, ordered: false })
      )
      const fiber = yield* start(Pipeline.runCollect(pipeline))
      let busiest = 0
      for (let millis = 0; millis < 40; millis++) {
        yield* TestClock.adjust("1 milli")
        for (const { inFlight } of yield* assertSum) busiest = Math.max(busiest, inFlight)
      }
      assert.strictEqual(busiest, 4)
      assert.isUndefined(fiber.pollUnsafe())
      yield* Fiber.interrupt(fiber)
      for (const { inFlight, queued } of yield* Pipeline.stats(pipeline))
        assert.deepStrictEqual([inFlight, queued], [0, 0])
    })
  )

  it("prints its stages", () => {
    const pipeline = source(0).pipe(Pipeline.stage("a", Effect.succeed))
    const json = JSON.parse(JSON.stringify(pipeline))
    assert.strictEqual(json._id, "Pipeline")
    assert.deepInclude(json.stages[0], { name: "a", in: 0, out: 0, failed: 0, inFlight: 0, queued: 0, utilisation: 0 })
  })
})

describe("caller bugs die with the value and the rule", () => {
  it.effect("concurrency and buffer", () =>
    Effect.gen(function* () {
      const message = (options: Pipeline.PolicyOptions) =>
        source(1).pipe(
          Pipeline.stage("work", (n) => Effect.succeed(n), options),
          Pipeline.runCollect,
          Effect.sandbox,
          Effect.flip,
          Effect.map((cause) => String(Cause.squash(cause)))
        )
      for (const concurrency of [0, -1, 1.5, Number.NaN, Infinity]) {
        assert.include(yield* message({ concurrency }), 'Pipeline.stage "work": concurrency must be')
        assert.include(yield* message({ concurrency }), `got ${concurrency}`)
      }
      const onError = "ignore" as "skip"
      assert.include(yield* message({ onError }), 'onError must be "fail", "skip" or { deadLetter')
      for (const buffer of [-1, 0.5, Number.NaN, Infinity]) {
        assert.include(yield* message({ buffer }), 'Pipeline.stage "work": buffer must be')
      }
    })
  )
})
