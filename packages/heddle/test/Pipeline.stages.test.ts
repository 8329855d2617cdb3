/** What the options of a stage promise, for every order and concurrency. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"

import * as Bulkhead from "../src/Bulkhead.ts"
import * as Pipeline from "../src/Pipeline.ts"
import * as RateLimit from "../src/RateLimit.ts"
import * as RateLimiter from "../src/RateLimiter.ts"
import * as WorkerPool from "../src/WorkerPool.ts"
import { gauge, matrix, numbers, settle, sorted, source, start, timed } from "./support/pipeline.ts"

const pause = (millis: number) => Effect.sleep(Duration.millis(millis))

describe("in the matrix of orders and concurrencies", () => {
  it.effect("PL-01: errors of the source's items and of the function go their way, the values go on", () =>
    Effect.gen(function* () {
      for (const { concurrency, ordered } of matrix) {
        const letters: Array<string> = []
        const items = numbers(20).map((n) => (n === 15 ? Effect.fail("err015") : Effect.succeed(n)))
        const out = yield* Pipeline.from(Stream.fromIterable(items)).pipe(
          Pipeline.stage(
            "map",
            (item) =>
              Effect.flatMap(item, (n) =>
                n === 5 || n === 6 ? Effect.fail(`err00${n}`) : Effect.as(Effect.yieldNow, n)
              ),
            {
              concurrency,
              ordered,
              onError: { deadLetter: ({ error }) => Effect.sync(() => letters.push(error)) }
            }
          ),
          Pipeline.runCollect
        )
        const expected = numbers(20).filter((n) => ![5, 6, 15].includes(n))
        assert.deepStrictEqual(ordered ? out : sorted(out), expected)
        assert.deepStrictEqual(letters.toSorted(), ["err005", "err006", "err015"])
      }
    })
  )

  it.effect("PL-02: values and failures in the order of the input, or in that of their ends", () =>
    Effect.gen(function* () {
      for (const { concurrency, ordered } of matrix) {
        const { result } = yield* timed(
          source(50).pipe(
            Pipeline.stage(
              "work",
              (n) =>
                Effect.gen(function* () {
                  yield* pause(yield* Random.nextIntBetween(1000, 2000))
                  if (n % 7 === 0) yield* pause(10_000)
                  return n % 2 === 0 ? Option.some(n) : Option.none<number>()
                }),
              { concurrency, ordered }
            ),
            Pipeline.runCollect
          )
        )
        const even = result.filter(Option.isSome).map(({ value }) => value)
        const inOrder = numbers(50).filter((n) => n % 2 === 0)
        assert.deepStrictEqual(sorted(even), inOrder)
        assert.strictEqual(
          even.every((n, index) => n === inOrder[index]),
          ordered || concurrency === 1
        )
      }
    })
  )

  it.effect("PL-03: exactly n in flight while there is work, at the pace of n", () =>
    Effect.gen(function* () {
      for (const { concurrency, ordered } of matrix) {
        const { around, seen } = gauge()
        const pipeline = source(80).pipe(
          Pipeline.stage("work", (n) => around(Effect.as(pause(100), n)), { concurrency, ordered })
        )
        const fiber = yield* start(timed(Pipeline.runCollect(pipeline)))
        yield* settle
        assert.strictEqual((yield* Pipeline.stats(pipeline))[0]!.inFlight, concurrency)
        const { millis } = yield* Fiber.join(fiber)
        assert.strictEqual(seen.peak, concurrency)
        assert.strictEqual(millis, Math.ceil(80 / concurrency) * 100)
      }
    })
  )

  it.effect("PL-04: a filter whose function fails says so; sub-streams of an ordered stage stay together", () =>
    Effect.gen(function* () {
      for (const { concurrency, ordered } of matrix) {
        const { result } = yield* timed(
          source(12).pipe(
            Pipeline.stage("split", (n) => Effect.as(pause(n % 3), [`${n}a`, `${n}b`]), { concurrency, ordered }),
            Pipeline.unbatch,
            Pipeline.runCollect
          )
        )
        for (let at = 0; at < result.length; at += 2) {
          assert.strictEqual(result[at]!.replace("a", "b"), result[at + 1])
        }
        if (ordered) {
          assert.deepStrictEqual(
            result,
            numbers(12).flatMap((n) => [`${n}a`, `${n}b`])
          )
        }
        const failed = yield* source(4).pipe(
          Pipeline.stage("keep", (n) => (n === 2 ? Effect.fail("err") : Effect.succeed(Option.none())), {
            concurrency,
            ordered
          }),
          Pipeline.runCollect,
          Effect.flip
        )
        assert.deepStrictEqual([failed.error, failed.input], ["err", 2])
      }
    })
  )

  it.effect("PL-11: a failure at 200 of a thousand ends all at once, with at most n elements behind it begun", () =>
    Effect.gen(function* () {
      for (const { concurrency, ordered } of matrix) {
        const { around, seen } = gauge()
        let closed = 0
        const items = Stream.ensuring(
          Stream.fromIterable(numbers(1000)),
          Effect.sync(() => closed++)
        )
        const error = yield* Pipeline.from(items).pipe(
          Pipeline.stage(
            "each",
            (n) => around(n === 200 ? Effect.fail("err200") : Effect.as(n > 200 ? Effect.never : Effect.yieldNow, n)),
            { concurrency, ordered }
          ),
          Pipeline.runForEach(() => Effect.void),
          Effect.flip
        )
        assert.deepStrictEqual([error.error, error.input], ["err200", 200])
        assert.isAtMost(seen.started, 201 + concurrency)
        assert.deepStrictEqual([seen.active, closed], [0, 1])
      }
    })
  )

  it.effect("PL-14: a handler that gives nothing removes a failure, one that gives something replaces it", () =>
    Effect.gen(function* () {
      for (const { concurrency, ordered } of matrix) {
        const caught = yield* source(6).pipe(
          Pipeline.stage(
            "catch",
            (n) =>
              Effect.suspend(() => (n % 2 === 0 ? Effect.succeed(n) : Effect.fail(n))).pipe(
                Effect.catch((error) => (error === 3 ? Effect.fail("replaced" as const) : Effect.succeed(-error)))
              ),
            { concurrency, ordered, onError: "skip" }
          ),
          Pipeline.runCollect
        )
        assert.deepStrictEqual(sorted(caught), [-5, -1, 0, 2, 4])
      }
    })
  )
})

describe("of p-map and streams", () => {
  it.effect("P1: the pace of 300, 200 and 100 ms, and the order of the input", () =>
    Effect.gen(function* () {
      const run = (concurrency: number, items: ReadonlyArray<readonly [number, number]>) =>
        timed(
          Pipeline.from(Stream.fromIterable(items)).pipe(
            Pipeline.stage("wait", ([value, millis]) => Effect.as(pause(millis), value), { concurrency }),
            Pipeline.runCollect
          )
        )
      const three = [
        [10, 300],
        [20, 200],
        [30, 100]
      ] as const
      assert.deepStrictEqual(yield* run(16, three), { result: [10, 20, 30], millis: 300 })
      assert.deepStrictEqual(yield* run(1, three), { result: [10, 20, 30], millis: 600 })
      const waits = [100, 200, 10, 36, 13, 45]
      const { result } = yield* run(
        2,
        waits.map((millis) => [millis, millis] as const)
      )
      assert.deepStrictEqual(result, waits)
    })
  )

  it.effect("P2: a concurrency that makes no sense dies, and so do read-aheads and times", () =>
    Effect.gen(function* () {
      const message = (options: Pipeline.PolicyOptions) =>
        source(1).pipe(
          Pipeline.stage("work", (n) => Effect.succeed(n), options),
          Pipeline.runCollect,
          Effect.sandbox,
          Effect.flip,
          Effect.map((cause) => String(Cause.squash(cause)))
        )
      assert.include(yield* message({ concurrency: 0 }), "concurrency must be at least 1, got 0")
      assert.include(yield* message({ concurrency: 1.5 }), "got 1.5")
      assert.include(yield* message({ readAhead: -1 }), "readAhead must be a non-negative integer, got -1")
      assert.include(yield* message({ timeout: Number.NaN }), "timeout must be a duration")
    })
  )

  it.effect("P3: skipped elements are left out, all of them if need be; a stop gives what came before, in order", () =>
    Effect.gen(function* () {
      const skips = source(5).pipe(
        Pipeline.stage("skip", () => Effect.fail("skip"), { onError: "skip", concurrency: 5 })
      )
      assert.deepStrictEqual(yield* Pipeline.runCollect(skips), [])
      const stopped = yield* source(10).pipe(
        Pipeline.stage("work", (n) => Effect.as(Effect.yieldNow, n), { concurrency: 5 }),
        Pipeline.toStream,
        Stream.takeWhile((n) => n < 4),
        Stream.runCollect
      )
      assert.deepStrictEqual(stopped, [0, 1, 2, 3])
    })
  )

  it.effect("P4: a source that throws at once never meets the function; one that throws later gives what it had", () =>
    Effect.gen(function* () {
      for (const at of [0, 1]) {
        const mapped: Array<number> = []
        let asked = 0
        const items = {
          [Symbol.iterator]: () => ({
            next: () => {
              if (asked++ === at) throw new Error("thrown")
              return { done: false as const, value: asked - 1 }
            }
          })
        }
        const exit = yield* Pipeline.from(Stream.rechunk(Stream.fromIterable(items, { chunkSize: 1 }), 1)).pipe(
          Pipeline.stage("map", (n) => Effect.sync(() => mapped.push(n))),
          Pipeline.runCollect,
          Effect.exit
        )
        assert.isTrue(Exit.hasDies(exit))
        assert.deepStrictEqual(mapped, numbers(at))
        assert.strictEqual(asked, at + 1)
      }
    })
  )

  it.effect("P9: a failure comes after all that came before it", () =>
    Effect.gen(function* () {
      const out: Array<number> = []
      const exit = yield* source(20).pipe(
        Pipeline.stage("map", (n) => (n === 9 ? Effect.fail("boom") : Effect.as(Effect.yieldNow, n)), {
          concurrency: 4
        }),
        Pipeline.runForEach((n) => Effect.sync(() => out.push(n))),
        Effect.exit
      )
      assert.isTrue(Exit.isFailure(exit))
      assert.deepStrictEqual(out, numbers(9))
    })
  )

  it.effect("P10: a slow head holds up an ordered stage no earlier than its read-ahead, an unordered one never", () =>
    Effect.gen(function* () {
      const run = (options: Pipeline.PolicyOptions) =>
        timed(
          source(12).pipe(
            Pipeline.stage("wait", (n) => Effect.as(pause(n === 0 ? 120 : 10), n), { concurrency: 4, ...options }),
            Pipeline.runCollect
          )
        )
      assert.strictEqual((yield* run({})).millis, 120)
      assert.strictEqual((yield* run({ ordered: false })).millis, 120)
      // the head and three others, then nothing until it has ended
      assert.strictEqual((yield* run({ readAhead: 0 })).millis, 140)
    })
  )

  it.effect("P11: of a source without an end no more is taken than runs and may wait, whatever the order", () =>
    Effect.gen(function* () {
      for (const { concurrency, ordered } of matrix) {
        let taken = 0
        const endless = Stream.rechunk(Stream.fromEffectRepeat(Effect.sync(() => taken++)), 1)
        const fiber = yield* start(
          Pipeline.from(endless).pipe(
            Pipeline.stage("hang", () => Effect.never, { concurrency, ordered }),
            Pipeline.runCollect
          )
        )
        yield* Effect.replicateEffect(settle, 20)
        assert.strictEqual(taken, concurrency)
        yield* Fiber.interrupt(fiber)
      }
    })
  )

  it.effect("PL-13: an iteration that breaks off has had what it took, and nothing runs behind it", () =>
    Effect.gen(function* () {
      for (const { concurrency, ordered } of matrix) {
        const { around, seen } = gauge()
        let closed = 0
        const endless = Stream.iterate(0, (n) => n + 1).pipe(
          Stream.rechunk(1),
          Stream.ensuring(Effect.sync(() => closed++))
        )
        const stream = Pipeline.from(endless).pipe(
          Pipeline.stage("work", (n) => around(Effect.as(Effect.yieldNow, n)), { concurrency, ordered }),
          Pipeline.toStream
        )
        const taken: Array<number> = []
        yield* Effect.promise(async () => {
          for await (const n of Stream.toAsyncIterable(stream)) {
            taken.push(n)
            if (taken.length === 5) break
          }
        })
        assert.deepStrictEqual(taken, numbers(5))
        assert.deepStrictEqual([closed, seen.active], [1, 0])
      }
    })
  )

  it.effect("the read-ahead is a number of its own, beside the buffer", () =>
    Effect.gen(function* () {
      for (const [readAhead, buffer] of [
        [0, 8],
        [5, 0],
        [30, 2]
      ] as const) {
        const gate = yield* Deferred.make<void>()
        const { around, seen } = gauge()
        const fiber = yield* start(
          source(100).pipe(
            Pipeline.stage(
              "work",
              (n) => around(n === 0 ? Effect.as(Deferred.await(gate), n) : Effect.as(Effect.yieldNow, n)),
              { concurrency: 4, readAhead, buffer }
            ),
            Pipeline.runForEach(() => Effect.never)
          )
        )
        yield* Effect.replicateEffect(settle, 20)
        assert.strictEqual(seen.started, 4 + readAhead)
        yield* Deferred.succeed(gate, undefined)
        yield* Effect.replicateEffect(settle, 20)
        // the consumer has taken what was stored, and what may be stored since is the buffer's
        assert.isAtMost(seen.started, 4 + Math.max(readAhead, buffer) + 4 + buffer)
        yield* Fiber.interrupt(fiber)
      }
    })
  )
})

describe("keys", () => {
  class Tenant extends Data.Class<{ readonly id: number }> {}

  it.effect("one element of a key at a time, in the order of the input; other keys beside it", () =>
    Effect.gen(function* () {
      for (const { concurrency, ordered } of matrix) {
        const running = new Map<number, number>()
        const begun: Array<number> = []
        const { around, seen } = gauge()
        const { result } = yield* timed(
          source(60).pipe(
            Pipeline.stage(
              "work",
              (n) =>
                around(
                  Effect.gen(function* () {
                    assert.isUndefined(running.get(n % 5), "two elements of one key at a time")
                    running.set(n % 5, n)
                    begun.push(n)
                    yield* pause(1 + ((n * 7) % 4))
                    running.delete(n % 5)
                    return n
                  })
                ),
              // keys are compared by what they are
              { key: (n) => new Tenant({ id: n % 5 }), concurrency, ordered }
            ),
            Pipeline.runCollect
          )
        )
        assert.strictEqual(seen.peak, Math.min(5, concurrency))
        for (let key = 0; key < 5; key++) {
          const own = numbers(60).filter((n) => n % 5 === key)
          const ofKey = (n: number) => n % 5 === key
          assert.deepStrictEqual(begun.filter(ofKey), own)
          assert.deepStrictEqual(result.filter(ofKey), own)
        }
        if (ordered) assert.deepStrictEqual(result, numbers(60))
      }
    })
  )

  it.effect("a slow key never delays another, though hundreds of its elements wait", () =>
    Effect.gen(function* () {
      for (const ordered of [true, false]) {
        const ended = new Map<string, number>()
        const elements = Array.from({ length: 600 }, (_, n) => ({ key: n < 300 ? "slow" : `key ${n % 3}`, n }))
        const fiber = yield* start(
          Pipeline.from(Stream.fromIterable(elements)).pipe(
            Pipeline.stage(
              "work",
              ({ key }) =>
                Effect.andThen(
                  pause(key === "slow" ? 60_000 : 1),
                  Effect.sync(() => ended.set(key, (ended.get(key) ?? 0) + 1))
                ),
              { key: ({ key }) => key, concurrency: 4, ordered, readAhead: 1000 }
            ),
            Pipeline.runCollect
          )
        )
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(
          ["slow", "key 0", "key 1", "key 2"].map((key) => ended.get(key)),
          [undefined, 100, 100, 100]
        )
        yield* Fiber.interrupt(fiber)
      }
    })
  )

  it.effect("no more than the read-ahead wait, but an idle key that comes next still begins", () =>
    Effect.gen(function* () {
      const { around, seen } = gauge()
      const pipeline = Pipeline.from(Stream.make("a", "a", "a", "b", "a", "c")).pipe(
        Pipeline.stage("work", () => around(Effect.never), { key: (key) => key, concurrency: 6, readAhead: 2 })
      )
      const fiber = yield* start(Pipeline.runCollect(pipeline))
      yield* settle
      // a runs, two wait, b runs beside it; the fourth a finds no room, and nobody passes it
      assert.strictEqual(seen.started, 2)
      assert.strictEqual((yield* Pipeline.stats(pipeline))[0]!.waiting, 2)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual((yield* Pipeline.stats(pipeline))[0]!.waiting, 0)
    })
  )

  it.effect("a failure lets those before it finish, also those that wait for their key, and no others", () =>
    Effect.gen(function* () {
      const begun: Array<number> = []
      const { result } = yield* timed(
        source(10).pipe(
          Pipeline.stage(
            "work",
            (n) =>
              Effect.gen(function* () {
                begun.push(n)
                yield* pause(n === 5 ? 5 : 10)
                if (n === 5) return yield* Effect.fail("boom")
                return n
              }),
            // 0, 2, 4, 6, 8 are one key
            { key: (n) => (n % 2 === 0 ? "even" : n), concurrency: 6 }
          ),
          Pipeline.runForEach(() => Effect.void),
          Effect.flip
        )
      )
      assert.strictEqual(result.input, 5)
      assert.deepStrictEqual(
        sorted(begun).filter((n) => n % 2 === 0),
        [0, 2, 4]
      )
    })
  )

  it.effect("more results than the read-ahead do not keep the head from beginning", () =>
    Effect.gen(function* () {
      for (const [buffer, readAhead] of [
        [20, 4],
        [0, 4],
        [0, 1]
      ] as const) {
        const { result } = yield* timed(
          Pipeline.from(Stream.fromIterable(numbers(60))).pipe(
            Pipeline.stage("work", (n) => Effect.as(pause(n % 10 < 3 ? 100 : 1), n), {
              key: (n) => (n % 10 < 3 ? "slow" : n),
              concurrency: 4,
              buffer,
              readAhead
            }),
            Pipeline.runForEach(() => pause(1))
          )
        )
        assert.isUndefined(result)
      }
    })
  )

  it.effect("of those that are due the first begins first, and without room too if all wait for it", () =>
    Effect.gen(function* () {
      // 2 and 4, 3 and 5 share a key. While nobody takes 1, the results fill the buffer; 5 is due, then 4
      const slow = new Map([
        [2, { key: "even", millis: 200 }],
        [3, { key: "odd", millis: 100 }],
        [4, { key: "even", millis: 1 }],
        [5, { key: "odd", millis: 1 }]
      ])
      const fiber = yield* start(
        source(40).pipe(
          Pipeline.stage("work", (n) => Effect.as(pause(slow.get(n)?.millis ?? 1), n), {
            key: (n) => slow.get(n)?.key ?? n,
            concurrency: 3,
            buffer: 20,
            readAhead: 4
          }),
          Pipeline.tap(() => pause(1000)),
          Pipeline.runCollect
        )
      )
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(fiber.pollUnsafe(), Exit.succeed(numbers(40)))
    })
  )

  it.effect("a key function that throws is a defect of its element", () =>
    Effect.gen(function* () {
      const out: Array<number> = []
      const exit = yield* source(5).pipe(
        Pipeline.stage("work", (n) => Effect.as(Effect.yieldNow, n), {
          concurrency: 3,
          key: (n) => {
            if (n === 3) throw new Error("no key")
            return n
          }
        }),
        Pipeline.runForEach((n) => Effect.sync(() => out.push(n))),
        Effect.exit
      )
      assert.isTrue(Exit.hasDies(exit))
      assert.deepStrictEqual(out, [0, 1, 2])
    })
  )
})

describe("attempts", () => {
  it.effect("one that takes too long is interrupted, and fails as StageTimeout when it has ended", () =>
    Effect.gen(function* () {
      const { around, seen } = gauge()
      const error = yield* timed(
        source(3).pipe(
          Pipeline.stage("slow", (n) => around(Effect.as(pause(n === 1 ? 5000 : 10), n)), { timeout: "1 second" }),
          Pipeline.runCollect,
          Effect.flip
        )
      )
      assert.instanceOf(error.result, Pipeline.StageTimeout)
      assert.deepStrictEqual([error.result.stage, error.result.input], ["slow", 1])
      assert.strictEqual(error.result.message, 'stage "slow" took longer than 1s')
      assert.deepStrictEqual([error.millis, seen.active], [1010, 0])
    })
  )

  it.effect("are made again as the schedule says, in the element's slot, and counted", () =>
    Effect.gen(function* () {
      const { around, seen } = gauge()
      const tries = new Map<number, number>()
      const pipeline = source(6).pipe(
        Pipeline.stage(
          "flaky",
          (n) =>
            around(
              Effect.suspend(() => {
                const attempt = (tries.get(n) ?? 0) + 1
                tries.set(n, attempt)
                return attempt < 3 ? Effect.fail("not yet" as const) : Effect.succeed(n)
              })
            ),
          { retry: Schedule.spaced("1 second"), concurrency: 2 }
        )
      )
      const { millis, result } = yield* timed(Pipeline.runCollect(pipeline))
      assert.deepStrictEqual(result, numbers(6))
      assert.strictEqual(millis, 6000)
      const [stats] = yield* Pipeline.stats(pipeline)
      assert.deepStrictEqual([stats!.retried, stats!.failed, stats!.in, seen.started], [12, 0, 6, 18])
      // the backoffs are part of it
      assert.isAtLeast(Duration.toMillis(stats!.latency.p50), 2000)
    })
  )

  it.effect("a timeout is tried again, too, and what a schedule gives up on fails with the last", () =>
    Effect.gen(function* () {
      let attempts = 0
      const { result } = yield* timed(
        source(1).pipe(
          Pipeline.stage(
            "slow",
            (n) =>
              Effect.suspend(() => {
                attempts++
                return Effect.as(pause(5000), n)
              }),
            { timeout: "1 second", retry: Schedule.recurs(2) }
          ),
          Pipeline.runCollect,
          Effect.flip
        )
      )
      assert.strictEqual(result._tag, "StageTimeout")
      assert.strictEqual(attempts, 3)
    })
  )

  it.effect(
    "each takes its token last, so that the limit holds for the work; what the limiter refuses is an error",
    () =>
      Effect.gen(function* () {
        const limiter = yield* RateLimiter.make({
          limit: RateLimit.tokenBucket({ limit: 2, interval: "1 second", burst: 1 })
        })
        let attempts = 0
        const { millis, result } = yield* timed(
          source(4).pipe(
            Pipeline.stage(
              "call",
              (n) => Effect.suspend(() => (++attempts === 1 ? Effect.fail("again") : Effect.succeed(n))),
              // a wait in line is no part of the time that an attempt has
              { limiter, retry: Schedule.recurs(1), concurrency: 4, timeout: "100 millis" }
            ),
            Pipeline.runCollect
          )
        )
        assert.deepStrictEqual(result, [0, 1, 2, 3])
        // five attempts, half a second between two
        assert.strictEqual(millis, 2000)
        const full = yield* RateLimiter.make({
          limit: RateLimit.tokenBucket({ limit: 1, interval: "1 hour" }),
          maxWaiting: 0
        })
        const letters: Array<string> = []
        yield* source(3).pipe(
          Pipeline.stage("call", (n) => Effect.succeed(n), {
            limiter: full,
            onError: { deadLetter: (failure) => Effect.sync(() => letters.push(failure.error._tag)) }
          }),
          Pipeline.runCollect
        )
        assert.deepStrictEqual(letters, ["RateLimiterFull", "RateLimiterFull"])
      })
  )

  it.effect("share a bulkhead with others, and fail with what it says", () =>
    Effect.gen(function* () {
      const bulkhead = yield* Bulkhead.make({ concurrency: 2, maxWaiting: 1 })
      const { around, seen } = gauge()
      const failures: Array<string> = []
      const { result } = yield* timed(
        source(4).pipe(
          Pipeline.stage("call", (n) => around(Effect.as(pause(10), n)), {
            bulkhead,
            concurrency: 4,
            onError: { deadLetter: (failure) => Effect.sync(() => failures.push(failure.error._tag)) }
          }),
          Pipeline.runCollect
        )
      )
      assert.strictEqual(seen.peak, 2)
      assert.deepStrictEqual([result.length, failures], [3, ["BulkheadFull"]])
    })
  )

  it.effect("a pool does the work: the function says what it is to do", () =>
    Effect.gen(function* () {
      const pool = {
        run: (task: string) => (task === "2!" ? Effect.fail("refused" as const) : Effect.succeed(task.length))
      }
      const out = yield* source(12).pipe(
        Pipeline.stage("work", (n) => Effect.succeed(`${n}!`), { pool, onError: "skip" }),
        Pipeline.runCollect
      )
      assert.deepStrictEqual(out, [2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3])
    })
  )

  it.effect("a WorkerPool does the work, as many at a time as it has workers", () =>
    Effect.gen(function* () {
      for (const { concurrency, ordered } of matrix) {
        const { around, seen } = gauge()
        const pool = yield* WorkerPool.make({
          workers: 3,
          handle: (task: string) =>
            around(Effect.andThen(pause(10), task === "2!" ? Effect.fail("refused" as const) : Effect.succeed(task)))
        })
        const failures: Array<string> = []
        const { result } = yield* timed(
          source(12).pipe(
            Pipeline.stage("work", (n) => Effect.succeed(`${n}!`), {
              pool,
              concurrency,
              ordered,
              onError: {
                deadLetter: ({ error, input }) => Effect.sync(() => failures.push(`${input} ${String(error)}`))
              }
            }),
            Pipeline.runCollect
          )
        )
        const expected = numbers(12).flatMap((n) => (n === 2 ? [] : [`${n}!`]))
        assert.deepStrictEqual(ordered ? result : result.toSorted(), ordered ? expected : expected.toSorted())
        assert.deepStrictEqual([failures, seen.peak], [["2 refused"], Math.min(3, concurrency)])
      }
    }).pipe(Effect.scoped)
  )

  it.effect("a WorkerPool that is closed is a failure of the element, and one without room says so", () =>
    Effect.gen(function* () {
      const pool = yield* WorkerPool.make({
        workers: 1,
        capacity: 0,
        overflow: "fail",
        handle: (n: number) => Effect.as(pause(10), n)
      })
      const run = timed(
        Pipeline.runCollect(source(2).pipe(Pipeline.stage("work", Effect.succeed, { pool, concurrency: 2 }))).pipe(
          Effect.flip
        )
      )
      const full = yield* run
      assert.deepStrictEqual(
        [full.result._tag, full.result.input, full.result.error._tag],
        ["StageError", 1, "PoolFull"]
      )
      yield* WorkerPool.close(pool)
      const closed = yield* run
      assert.deepStrictEqual([closed.result.input, closed.result.error._tag], [0, "PoolClosed"])
    }).pipe(Effect.scoped)
  )

  it.effect("a run that stops takes its elements out of a WorkerPool, which goes on for others", () =>
    Effect.gen(function* () {
      const { around, seen } = gauge()
      const pool = yield* WorkerPool.make({
        workers: 2,
        handle: (millis: number) => around(Effect.as(pause(millis), millis))
      })
      const fiber = yield* start(
        Pipeline.from(Stream.make(60_000, 60_000, 60_000, 60_000)).pipe(
          Pipeline.stage("work", Effect.succeed, { pool, concurrency: 4 }),
          Pipeline.runCollect
        )
      )
      yield* settle
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual([seen.started, seen.active], [2, 0])
      assert.strictEqual((yield* timed(WorkerPool.run(pool, 10))).millis, 10)
    }).pipe(Effect.scoped)
  )

  it.effect("a pool that is none dies with the value and the rule", () =>
    Effect.gen(function* () {
      const cause = yield* source(1).pipe(
        Pipeline.stage("work", Effect.succeed, { pool: {} as Pipeline.Pool<number, number> }),
        Pipeline.runCollect,
        Effect.sandbox,
        Effect.flip
      )
      assert.include(String(Cause.squash(cause)), `"work": pool must be a WorkerPool or { run: a function }, got {}`)
    })
  )
})

describe("what an element forks ends with it", () => {
  const forking = (n: number, seen: { alive: number; most: number }) =>
    Effect.gen(function* () {
      yield* start(
        Effect.suspend(() => {
          seen.most = Math.max(seen.most, ++seen.alive)
          return Effect.ensuring(
            Effect.never,
            Effect.sync(() => seen.alive--)
          )
        })
      )
      if (n % 3 === 0) yield* Effect.yieldNow
      return n
    })

  it.effect("before its result is handed on, also where elements that fork are among others", () =>
    Effect.gen(function* () {
      for (const { concurrency, ordered } of matrix) {
        const seen = { alive: 0, most: 0 }
        const out = yield* source(40).pipe(
          Pipeline.stage("fork", (n) => (n % 2 === 0 ? forking(n, seen) : Effect.sync(() => n)), {
            concurrency,
            ordered
          }),
          Pipeline.runCollect
        )
        assert.lengthOf(out, 40)
        assert.isAtMost(seen.most, concurrency)
        assert.strictEqual(seen.alive, 0)
      }
    })
  )

  it.effect("while somebody else listens to fibers, and in contexts that were captured elsewhere", () =>
    Effect.gen(function* () {
      const context = yield* Effect.context()
      const seen = { alive: 0, most: 0 }
      const pipeline = source(40).pipe(
        Pipeline.stage("fork", (n) => Effect.provideContext(forking(n, seen), context), { concurrency: 3 })
      )
      const enabled = Effect.provideService(
        Pipeline.runCollect(pipeline),
        Metric.FiberRuntimeMetrics,
        Metric.FiberRuntimeMetricsImpl
      )
      assert.lengthOf(yield* enabled, 40)
      assert.lengthOf(yield* Pipeline.runCollect(pipeline), 40)
      assert.isAtMost(seen.most, 3)
      assert.strictEqual(seen.alive, 0)
    })
  )

  it.effect("an element that waits for what it has forked gets it", () =>
    Effect.gen(function* () {
      const out = yield* source(20).pipe(
        Pipeline.stage("join", (n) => Effect.flatMap(start(Effect.as(Effect.yieldNow, n)), Fiber.join), {
          concurrency: 4
        }),
        Pipeline.runCollect
      )
      assert.deepStrictEqual(out, numbers(20))
    })
  )

  it.effect("elements that do not fork share a fiber", () =>
    Effect.gen(function* () {
      const ids = new Set<number>()
      yield* source(100).pipe(
        Pipeline.stage(
          "id",
          (n) =>
            Effect.as(
              Effect.withFiber((fiber) => Effect.sync(() => ids.add(fiber.id))),
              n
            ),
          {
            concurrency: 2
          }
        ),
        Pipeline.runCollect
      )
      assert.isAtMost(ids.size, 20)
    })
  )
})
