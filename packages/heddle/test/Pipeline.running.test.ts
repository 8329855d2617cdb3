/** How pipelines run and end, and what can be seen of them meanwhile. */
import { assert, describe, it } from "@effect/vitest"
import type * as Cause from "effect/Cause"
import { TerminalCapabilities } from "effect/cli/TerminalCapabilities"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import * as Terminal from "effect/Terminal"
import * as TestClock from "effect/testing/TestClock"

import * as Pipeline from "../src/Pipeline.ts"
import { gauge, numbers, settle, source, start, timed } from "./support/pipeline.ts"

describe("runReduce", () => {
  it.effect("PL-09: nothing of nothing, one without a call, sums, and never more than n at a time", () =>
    Effect.gen(function* () {
      for (const concurrency of [1, 4, 7]) {
        let calls = 0
        const { around, seen } = gauge()
        const add = (a: number, b: number) => {
          calls++
          return around(Effect.as(Effect.sleep("1 milli"), a + b))
        }
        const reduce = (length: number) => timed(source(length).pipe(Pipeline.runReduce(add, { concurrency })))
        assert.deepStrictEqual((yield* reduce(0)).result, Option.none())
        assert.deepStrictEqual((yield* reduce(1)).result, Option.some(0))
        assert.strictEqual(calls, 0)
        assert.deepStrictEqual((yield* reduce(100)).result, Option.some(4950))
        assert.deepStrictEqual([calls, seen.peak, seen.active], [99, concurrency, 0])
      }
    })
  )

  it.effect("PL-09: keeps the order, whoever is slow", () =>
    Effect.gen(function* () {
      const words = Pipeline.from(Stream.fromIterable(numbers(100).map(String)))
      const { result } = yield* timed(
        words.pipe(
          Pipeline.runReduce(
            (a, b) => {
              const slow = ["20", "40", "60", "80"].some((n) => a === n || b === n)
              return Effect.as(Effect.sleep(slow ? "150 seconds" : "1 second"), `${a}|${b}`)
            },
            { concurrency: 7 }
          )
        )
      )
      assert.deepStrictEqual(result, Option.some(numbers(100).join("|")))
    })
  )

  it.effect("PL-09: a failure of the source or of the 999th call ends it, and interrupts the other pairs", () =>
    Effect.gen(function* () {
      let calls = 0
      const { around, seen } = gauge()
      const late = yield* source(1000).pipe(
        Pipeline.runReduce(
          (a, b) =>
            around(Effect.andThen(Effect.yieldNow, ++calls === 999 ? Effect.fail("err") : Effect.succeed(a + b))),
          { concurrency: 4 }
        ),
        Effect.flip
      )
      assert.deepStrictEqual([late, seen.active], ["err", 0])
      const early = yield* Pipeline.from(Stream.concat(Stream.make(1, 2), Stream.fail("source"))).pipe(
        Pipeline.runReduce(() => around(Effect.never), { concurrency: 2 }),
        Effect.flip
      )
      assert.deepStrictEqual([early, seen.active], ["source", 0])
      const fiber = yield* start(source(10).pipe(Pipeline.runReduce(() => around(Effect.never), { concurrency: 3 })))
      yield* settle
      assert.strictEqual(seen.active, 3)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(seen.active, 0)
    })
  )

  it.effect(
    "holds two elements per pair, whatever the source; a long synchronous run leaves the others their turns",
    () =>
      Effect.gen(function* () {
        let pulled = 0
        const counting = Stream.fromIterable(numbers(10_000)).pipe(
          Stream.rechunk(1),
          Stream.tap(() => Effect.sync(() => pulled++))
        )
        const fiber = yield* start(
          Pipeline.from(counting).pipe(Pipeline.runReduce(() => Effect.never, { concurrency: 3 }))
        )
        yield* Effect.replicateEffect(settle, 20)
        assert.isAtMost(pulled, 7)
        yield* Fiber.interrupt(fiber)
        let ticks = 0
        const ticking = yield* start(
          Effect.forever(
            Effect.andThen(
              Effect.yieldNow,
              Effect.sync(() => ticks++)
            )
          )
        )
        const sum = yield* source(5000).pipe(Pipeline.runReduce((a, b) => Effect.succeed(a + b), { concurrency: 2 }))
        assert.deepStrictEqual(sum, Option.some((5000 * 4999) / 2))
        assert.isAbove(ticks, 5)
        yield* Fiber.interrupt(ticking)
      })
  )
})

describe("runInto", () => {
  it.effect("fills a queue at its pace, and ends or fails it", () =>
    Effect.gen(function* () {
      const queue = yield* Queue.bounded<number, string | Cause.Done>(2)
      const { around, seen } = gauge()
      const pipeline = Pipeline.from(Stream.concat(Stream.fromIterable(numbers(50)), Stream.fail("late"))).pipe(
        Pipeline.stage("count", (n) => around(Effect.succeed(n)), { buffer: 0 })
      )
      const fiber = yield* start(Pipeline.runInto(pipeline, queue))
      yield* Effect.replicateEffect(settle, 20)
      assert.isAtMost(seen.started, 5)
      const taken: Array<number> = []
      const error = yield* Effect.flip(
        Effect.forever(Effect.tap(Queue.take(queue), (n) => Effect.sync(() => taken.push(n))))
      )
      assert.deepStrictEqual([error, taken], ["late", numbers(50)])
      yield* Fiber.join(fiber)
    })
  )
})

describe("drain", () => {
  const endless = Pipeline.from(Stream.fromEffectRepeat(Effect.as(Effect.sleep("10 millis"), "tick")))

  it.effect("stops the source, also while it waits, and what is in flight finishes and is given", () =>
    Effect.gen(function* () {
      const { around, seen } = gauge()
      let closed = 0
      const hanging = Pipeline.from(
        Stream.ensuring(
          Stream.concat(Stream.make(1, 2, 3), Stream.never),
          Effect.sync(() => closed++)
        )
      )
      const pipeline = hanging.pipe(
        Pipeline.stage("work", (n) => around(Effect.as(Effect.sleep("1 second"), n)), { concurrency: 2 })
      )
      const fiber = yield* start(Pipeline.runCollect(pipeline))
      yield* TestClock.adjust("1500 millis")
      const draining = yield* start(timed(Pipeline.drain(pipeline, { grace: "10 seconds" })))
      const { millis, result } = yield* Fiber.join(draining)
      assert.deepStrictEqual([result, millis], [true, 500])
      assert.deepStrictEqual(yield* Fiber.join(fiber), [1, 2, 3])
      assert.deepStrictEqual([closed, seen.active], [1, 0])
    })
  )

  it.effect("interrupts after the grace period what has not ended, the run's own function included", () =>
    Effect.gen(function* () {
      const { around, seen } = gauge()
      const stuck = endless.pipe(Pipeline.stage("stuck", () => around(Effect.never), { concurrency: 2 }))
      const own = endless.pipe(Pipeline.stage("quick", (tick) => Effect.succeed(tick)))
      const after: Array<string> = []
      const runs = [
        yield* start(Effect.exit(Pipeline.runCollect(stuck))),
        yield* start(
          own.pipe(
            Pipeline.runForEach(() => around(Effect.never)),
            Effect.exit,
            // the caller of the run goes on
            Effect.tap(() => Effect.sync(() => after.push("went on")))
          )
        )
      ] as const
      yield* TestClock.adjust("1 second")
      const { millis, result } = yield* timed(
        Effect.all([Pipeline.drain(stuck, { grace: "5 seconds" }), Pipeline.drain(own, { grace: "5 seconds" })], {
          concurrency: 2
        })
      )
      assert.deepStrictEqual([result, millis], [[false, false], 5000])
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.join(runs[0])))
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.join(runs[1])))
      assert.deepStrictEqual([seen.active, after], [0, ["went on"]])
    })
  )

  it.effect("of a pipeline that does not run is over at once; of one that shares its source touches no other", () =>
    Effect.gen(function* () {
      const one = endless.pipe(Pipeline.stage("one", (tick) => Effect.succeed(tick)))
      const other = endless.pipe(Pipeline.stage("other", (tick) => Effect.succeed(tick)))
      assert.isTrue(yield* Pipeline.drain(one))
      const runs = [yield* start(Pipeline.runCollect(one)), yield* start(Pipeline.runCollect(other))]
      yield* TestClock.adjust("1 second")
      assert.isTrue(yield* Pipeline.drain(one))
      yield* TestClock.adjust("1 second")
      assert.isDefined(runs[0]!.pollUnsafe())
      assert.isUndefined(runs[1]!.pollUnsafe())
      yield* Fiber.interrupt(runs[1]!)
    })
  )

  it.effect("an inner run has its own sources", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const inner = Pipeline.from(
        Stream.concat(Stream.make("a"), Stream.fromEffect(Effect.as(Deferred.await(gate), "b")))
      )
      for (const read of [
        Pipeline.runCollect(inner),
        Effect.map(Stream.runCollect(Pipeline.toStream(inner)), (all) => [...all])
      ]) {
        const outer = Pipeline.from(Stream.concat(Stream.make(1), Stream.never)).pipe(
          Pipeline.stage("inner", () => read)
        )
        const fiber = yield* start(Pipeline.runCollect(outer))
        yield* settle
        const draining = yield* start(Pipeline.drain(outer))
        yield* settle
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.join(draining)
        assert.deepStrictEqual(yield* Fiber.join(fiber), [["a", "b"]])
      }
    })
  )

  it.effect("an interruption of the drain ends the wait only", () =>
    Effect.gen(function* () {
      const pipeline = endless.pipe(Pipeline.stage("slow", (tick) => Effect.as(Effect.sleep("1 minute"), tick)))
      const run = yield* start(Pipeline.runCollect(pipeline))
      yield* TestClock.adjust("10 millis")
      const draining = yield* start(Pipeline.drain(pipeline, { grace: "1 second" }))
      yield* Fiber.interrupt(draining)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* Fiber.join(run), ["tick"])
    })
  )
})

describe("figures", () => {
  it.effect("latency, utilisation and the bottleneck, while it runs and after", () =>
    Effect.gen(function* () {
      const pipeline = source(40).pipe(
        Pipeline.stage("read", (n) => Effect.as(Effect.sleep("10 millis"), n), { concurrency: 4 }),
        Pipeline.stage("write", (n) => Effect.as(Effect.sleep(n === 39 ? "400 millis" : "20 millis"), n), {
          concurrency: 2
        })
      )
      const fiber = yield* start(Pipeline.runCollect(pipeline))
      yield* TestClock.adjust("105 millis")
      const [, during] = yield* Pipeline.stats(pipeline)
      assert.strictEqual(during!.inFlight, 2)
      assert.isAbove(during!.utilisation, 0.85)
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(fiber)
      const stages = yield* Pipeline.stats(pipeline)
      const millis = (duration: Duration.Duration) => Duration.toMillis(duration)
      const [read, write] = stages
      // a sixteenth too much at most
      assert.closeTo(millis(read!.latency.p50), 10, 10 / 16)
      assert.closeTo(millis(write!.latency.p50), 20, 20 / 16)
      assert.closeTo(millis(write!.latency.p99), 400, 400 / 16)
      // 40 x 10 of 4 x 790 ms; 39 x 20 + 400 of 2 x 790
      assert.closeTo(read!.utilisation, 0.127, 0.01)
      assert.closeTo(write!.utilisation, 0.75, 0.02)
      assert.deepStrictEqual(
        Option.map(Pipeline.bottleneck(stages), ({ name }) => name),
        Option.some("write")
      )
    })
  )

  it.effect("an element that hangs counts as it hangs; idle stages are no bottleneck", () =>
    Effect.gen(function* () {
      const pipeline = source(1).pipe(Pipeline.stage("hang", () => Effect.never, { concurrency: 2 }))
      const fiber = yield* start(Pipeline.runCollect(pipeline))
      yield* TestClock.adjust("1 hour")
      const stages = yield* Pipeline.stats(pipeline)
      assert.closeTo(stages[0]!.utilisation, 0.5, 0.001)
      assert.isTrue(Option.isNone(Pipeline.bottleneck(stages)))
      yield* Fiber.interrupt(fiber)
      assert.isTrue(Option.isNone(Pipeline.bottleneck([])))
    })
  )
})

describe("progress", () => {
  const watch = (columns: number, canAnimate: boolean, options?: Pipeline.ProgressOptions) =>
    Effect.gen(function* () {
      const written: Array<string> = []
      const terminal = Terminal.make({
        columns: Effect.succeed(columns),
        rows: Effect.succeed(24),
        size: Effect.never,
        readInput: Effect.never,
        readLine: Effect.never,
        display: (text) => Effect.sync(() => void written.push(text))
      })
      const pipeline = source(20).pipe(
        Pipeline.stage("parse\n", (n) => Effect.as(Effect.sleep("1 millis"), n)),
        Pipeline.stage("store", (n) => Effect.as(Effect.sleep("100 millis"), n))
      )
      yield* timed(
        Effect.scoped(Effect.andThen(Pipeline.progress(pipeline, options), Pipeline.runCollect(pipeline)))
      ).pipe(
        Effect.provideService(Terminal.Terminal, terminal),
        Effect.provideService(TerminalCapabilities, { canColor: false, canAnimate, canPrompt: false })
      )
      return written
    })

  it.effect("a table that is drawn over itself, no wider than the terminal, the bottleneck marked", () =>
    Effect.gen(function* () {
      const written = yield* watch(60, true)
      assert.isAbove(written.length, 10)
      const [first] = written
      const last = written.at(-1)!
      assert.notInclude(first, "\u001B[3A")
      assert.isTrue(last.startsWith("\u001B[3A"))
      const lines = last.replaceAll("\u001B[3A", "").replaceAll("\r\u001B[K", "").trimEnd().split("\n")
      assert.lengthOf(lines, 3)
      for (const line of lines) assert.isAtMost(line.length, 60)
      assert.match(lines[1]!, /^ {2}parse\? +20 /)
      assert.match(lines[2]!, /^▶ store +20 /)
    })
  )

  it.effect("lines of JSON where nobody watches, or when told so", () =>
    Effect.gen(function* () {
      for (const written of [
        yield* watch(0, true),
        yield* watch(80, false),
        yield* watch(80, true, { format: "json", interval: "1 second" })
      ]) {
        assert.lengthOf(written, 4)
        const lines = written.map((line) => JSON.parse(line))
        for (const line of written) assert.isTrue(line.endsWith("\n") && !line.slice(0, -1).includes("\n"))
        assert.deepStrictEqual(
          lines.map(({ elapsed }) => elapsed),
          [0, 1, 2, 2.001]
        )
        const [parse, store] = lines.at(-1).stages
        assert.deepStrictEqual(
          [parse.name, parse.out, store.out, lines.at(-1).bottleneck],
          ["parse\n", 20, 20, "store"]
        )
        assert.closeTo(store.latency.p50, 100, 7)
      }
    })
  )

  it.effect("a terminal that has gone stops the display, not the pipeline", () =>
    Effect.gen(function* () {
      const terminal = Terminal.make({
        columns: Effect.succeed(80),
        rows: Effect.succeed(24),
        size: Effect.never,
        readInput: Effect.never,
        readLine: Effect.never,
        display: () => Effect.fail("EPIPE" as never)
      })
      const pipeline = source(5).pipe(Pipeline.stage("work", (n) => Effect.as(Effect.sleep("1 second"), n)))
      const { result } = yield* timed(
        Effect.scoped(Effect.andThen(Pipeline.progress(pipeline), Pipeline.runCollect(pipeline)))
      ).pipe(Effect.provideService(Terminal.Terminal, terminal))
      assert.lengthOf(result, 5)
    })
  )
})
