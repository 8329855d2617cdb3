/** Batches, branches, and pipelines that become one. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Order from "effect/Order"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"

import * as Pipeline from "../src/Pipeline.ts"
import { gauge, numbers, settle, sorted, source, start, timed } from "./support/pipeline.ts"

/** Elements at their times, in milliseconds. */
const at = (times: ReadonlyArray<number>) =>
  Pipeline.from(
    Stream.fromIterable(times.map((time, index) => time - (times[index - 1] ?? 0))).pipe(
      Stream.rechunk(1),
      Stream.mapEffect((wait) => Effect.sleep(Duration.millis(wait))),
      Stream.zipWithIndex,
      Stream.map(([, index]) => index)
    )
  )

const message = <A, E>(pipeline: Pipeline.Pipeline<A, E>) =>
  Pipeline.runCollect(pipeline).pipe(
    Effect.sandbox,
    Effect.flip,
    Effect.map((cause) => String(Cause.squash(cause)))
  )

describe("batch", () => {
  it.effect("of so many, the last one smaller; none of no elements", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* source(7).pipe(Pipeline.batch({ maxSize: 3 }), Pipeline.runCollect), [
        [0, 1, 2],
        [3, 4, 5],
        [6]
      ])
      assert.deepStrictEqual(yield* source(0).pipe(Pipeline.batch({ maxSize: 3 }), Pipeline.runCollect), [])
    })
  )

  it.effect("of so much weight: one that is too heavy alone is a batch of its own", () =>
    Effect.gen(function* () {
      const batches = yield* Pipeline.from(Stream.make(3, 4, 4, 11, 10, 0, 1, 2)).pipe(
        Pipeline.batch({ maxWeight: 10, weight: (n) => n }),
        Pipeline.runCollect
      )
      assert.deepStrictEqual(batches, [[3, 4], [4], [11], [10], [0, 1, 2]])
    })
  )

  it.effect("PL-07: the time counts from the first element, so a trickle is handed on", () =>
    Effect.gen(function* () {
      const run = (times: ReadonlyArray<number>, maxSize = 4) =>
        timed(
          at(times).pipe(
            Pipeline.batch({ maxSize, maxWait: "40 millis" }),
            Pipeline.runForEach((batch) =>
              Effect.map(
                Effect.clockWith((clock) => Effect.succeed(clock.currentTimeMillisUnsafe())),
                (now) => seen.push([batch.length, now])
              )
            )
          )
        )
      const seen: Array<[number, number]> = []
      const begun = yield* Effect.clockWith((clock) => Effect.succeed(clock.currentTimeMillisUnsafe()))
      // a..g every 5 ms, h at 90
      yield* run([0, 5, 10, 15, 20, 25, 30, 90])
      assert.deepStrictEqual(
        seen.map(([length, now]) => [length, now - begun]),
        [
          [4, 15],
          [3, 60],
          [1, 90]
        ]
      )
      seen.length = 0
      const later = yield* Effect.clockWith((clock) => Effect.succeed(clock.currentTimeMillisUnsafe()))
      // a steady trickle of 30 ms
      yield* run([0, 30, 60, 90, 120, 150], 100)
      assert.deepStrictEqual(
        seen.map(([length, now]) => [length, now - later]),
        [
          [2, 40],
          [2, 100],
          [2, 150]
        ]
      )
    })
  )

  it.effect("PL-08: unbatch undoes it, and what came before a failure comes before it", () =>
    Effect.gen(function* () {
      for (const maxSize of [1, 3, 100]) {
        const back = source(20).pipe(Pipeline.batch({ maxSize }), Pipeline.unbatch)
        assert.deepStrictEqual(yield* Pipeline.runCollect(back), numbers(20))
        const out: Array<number> = []
        const failed = yield* Pipeline.from(Stream.concat(Stream.make(1, 2, 3, 4), Stream.fail("boom"))).pipe(
          Pipeline.batch({ maxSize }),
          Pipeline.unbatch,
          Pipeline.runForEach((n) => Effect.sync(() => out.push(n))),
          Effect.flip
        )
        assert.deepStrictEqual([failed, out], ["boom", [1, 2, 3, 4]])
      }
    })
  )

  it.effect("while nobody takes one, one more is collected, and then the source waits", () =>
    Effect.gen(function* () {
      let pulled = 0
      const counting = Stream.fromIterable(numbers(1000)).pipe(
        Stream.rechunk(1),
        Stream.tap(() => Effect.sync(() => pulled++))
      )
      const fiber = yield* start(
        Pipeline.from(counting).pipe(
          Pipeline.batch({ maxSize: 10, maxWait: "1 second" }),
          Pipeline.runForEach(() => Effect.never)
        )
      )
      yield* Effect.replicateEffect(settle, 30)
      yield* TestClock.adjust("1 minute")
      // the one that is taken, one that is closed, one that is full
      assert.isAtMost(pulled, 31)
      yield* Fiber.interrupt(fiber)
    })
  )

  it.effect("caller bugs: no bound at all, a weight that is none", () =>
    Effect.gen(function* () {
      assert.include(yield* message(source(1).pipe(Pipeline.batch({}))), "one of maxSize and maxWeight must be given")
      assert.include(yield* message(source(1).pipe(Pipeline.batch({ maxSize: 0 }))), "maxSize must be at least 1")
      assert.include(
        yield* message(source(1).pipe(Pipeline.batch({ maxWeight: 0 }))),
        "maxWeight must be a number above 0"
      )
      const out: Array<ReadonlyArray<number>> = []
      const exit = yield* source(5).pipe(
        Pipeline.batch({ maxWeight: 10, weight: (n) => (n === 3 ? -1 : 1) }),
        Pipeline.runForEach((batch) => Effect.sync(() => out.push(batch))),
        Effect.exit
      )
      assert.isTrue(Exit.hasDies(exit))
      assert.deepStrictEqual(out, [[0, 1, 2]])
    })
  )

  it.effect("in front of a stage and behind one, with time between: nothing lost, nothing twice", () =>
    Effect.gen(function* () {
      const { result } = yield* timed(
        source(100).pipe(
          Pipeline.stage("a", (n) => Effect.as(Effect.sleep(Duration.millis(n % 5)), n), {
            concurrency: 3,
            ordered: false
          }),
          Pipeline.batch({ maxSize: 7, maxWait: "3 millis" }),
          Pipeline.stage("b", (batch) => Effect.as(Effect.sleep("2 millis"), batch), { concurrency: 2 }),
          Pipeline.unbatch,
          Pipeline.runCollect
        )
      )
      assert.deepStrictEqual(sorted(result), numbers(100))
    })
  )
})

describe("merge", () => {
  it.effect("gives all of both, as it comes, and the figures of both", () =>
    Effect.gen(function* () {
      const stage = (name: string, millis: number) =>
        Pipeline.stage(name, (n: number) => Effect.as(Effect.sleep(Duration.millis(millis)), n))
      const both = Pipeline.merge(source(3).pipe(stage("slow", 10)), source(3).pipe(stage("fast", 1)))
      const { millis, result } = yield* timed(Pipeline.runCollect(both))
      assert.deepStrictEqual(result.slice(0, 3), [0, 1, 2])
      assert.deepStrictEqual(sorted(result), [0, 0, 1, 1, 2, 2])
      assert.strictEqual(millis, 30)
      assert.deepStrictEqual(
        (yield* Pipeline.stats(both)).map(({ name, out }) => [name, out]),
        [
          ["slow", 3],
          ["fast", 3]
        ]
      )
    })
  )

  it.effect("a failure of one interrupts the other and waits for it", () =>
    Effect.gen(function* () {
      const { around, seen } = gauge()
      const endless = source(100).pipe(Pipeline.stage("wait", () => around(Effect.never), { concurrency: 3 }))
      const failing = source(1).pipe(Pipeline.stage("fail", () => Effect.andThen(settle, Effect.fail("boom"))))
      const error = yield* Effect.flip(Pipeline.runCollect(Pipeline.merge(endless, failing)))
      assert.deepStrictEqual([error.error, seen.active, seen.ended], ["boom", 0, 3])
    })
  )

  it.effect("of two that are in order, in order: any lengths, any chunks, equal elements from the first first", () =>
    Effect.gen(function* () {
      const of = (side: string, values: ReadonlyArray<number>, chunk: number) =>
        Pipeline.from(Stream.rechunk(Stream.fromIterable(values.map((value) => ({ side, value }))), chunk))
      const order = Order.mapInput(Order.Number, ({ value }: { readonly value: number }) => value)
      for (const [left, right] of [
        [
          [1, 3, 5, 7, 9],
          [2, 3, 4]
        ],
        [[], [1, 2]],
        [[5], []],
        [[], []],
        [numbers(50), numbers(70)]
      ] as const) {
        for (const chunk of [1, 3, 100]) {
          const merged = yield* Pipeline.runCollect(
            Pipeline.mergeOrdered(of("left", left, chunk), of("right", right, 2), order)
          )
          const expected = [
            ...left.map((value) => ({ side: "left", value })),
            ...right.map((value) => ({ side: "right", value }))
          ].toSorted((a, b) => a.value - b.value)
          assert.deepStrictEqual(merged, expected)
        }
      }
    })
  )
})

describe("broadcast", () => {
  it.effect("PL-12: every branch gets every element, in order, and failures reach the whole", () =>
    Effect.gen(function* () {
      const seen: Record<string, Array<number>> = { a: [], b: [], c: [] }
      const branch = (name: string, millis: number) => (elements: Pipeline.Pipeline<number>) =>
        elements.pipe(
          Pipeline.stage(name, (n) =>
            Effect.as(
              Effect.andThen(
                Effect.sleep(Duration.millis(millis)),
                Effect.sync(() => seen[name]?.push(n))
              ),
              `${name}${n}`
            )
          )
        )
      const pipeline = source(30).pipe(Pipeline.broadcast([branch("a", 1), branch("b", 0), branch("c", 3)]))
      const { result } = yield* timed(Pipeline.runCollect(pipeline))
      assert.deepStrictEqual(seen, { a: numbers(30), b: numbers(30), c: numbers(30) })
      assert.lengthOf(new Set(result), 90)
      assert.deepStrictEqual(
        (yield* Pipeline.stats(pipeline)).map(({ name, out }) => [name, out]),
        [
          ["a", 30],
          ["b", 30],
          ["c", 30]
        ]
      )
      const failing = Pipeline.from(Stream.concat(Stream.make(1), Stream.fail("source"))).pipe(
        Pipeline.broadcast([branch("a", 1), branch("b", 0)])
      )
      assert.strictEqual((yield* timed(Effect.flip(Pipeline.runCollect(failing)))).result, "source")
    })
  )

  it.effect("the slowest branch sets the pace once its queue is full", () =>
    Effect.gen(function* () {
      let fast = 0
      const fiber = yield* start(
        source(1000).pipe(
          Pipeline.broadcast(
            [
              (n) => n.pipe(Pipeline.tap(() => Effect.sync(() => fast++))),
              (n) => n.pipe(Pipeline.stage("stuck", () => Effect.never, { buffer: 0 }))
            ],
            { buffer: 8 }
          ),
          Pipeline.runForEach(() => Effect.void)
        )
      )
      yield* Effect.replicateEffect(settle, 30)
      // one chunk with the stuck stage, one in its queue
      assert.isAtMost(fast, 17)
      assert.isAbove(fast, 0)
      yield* Fiber.interrupt(fiber)
    })
  )

  it.effect("a branch that ends early holds up nobody", () =>
    Effect.gen(function* () {
      const out = yield* source(200).pipe(
        Pipeline.broadcast(
          [
            (n) => Pipeline.from(Stream.take(Pipeline.toStream(n), 3)),
            (n) => n.pipe(Pipeline.stage("all", (m) => Effect.as(Effect.yieldNow, m)))
          ],
          { buffer: 4 }
        ),
        Pipeline.runCollect
      )
      assert.lengthOf(out, 203)
    })
  )
})

describe("partition", () => {
  it.effect("each element goes into the branch that it belongs to, in order there", () =>
    Effect.gen(function* () {
      const out = yield* source(40).pipe(
        Pipeline.partition((n) => (n % 3 === 0 ? "fizz" : "rest"), {
          fizz: (n) =>
            n.pipe(Pipeline.stage("fizz", (m) => Effect.as(Effect.yieldNow, `fizz ${m}`), { concurrency: 3 })),
          rest: (n) => n.pipe(Pipeline.stage("rest", (m) => Effect.succeed(m)))
        }),
        Pipeline.runCollect
      )
      const fizz = numbers(40).filter((n) => n % 3 === 0)
      assert.deepStrictEqual(
        out.filter((one) => typeof one === "string"),
        fizz.map((n) => `fizz ${n}`)
      )
      assert.deepStrictEqual(
        out.filter((one) => typeof one === "number"),
        numbers(40).filter((n) => n % 3 !== 0)
      )
    })
  )

  it.effect("interrupts and closes all branches and the source", () =>
    Effect.gen(function* () {
      const { around, seen } = gauge()
      let closed = 0
      const items = Stream.ensuring(
        Stream.fromIterable(numbers(100)),
        Effect.sync(() => closed++)
      )
      const pipeline = Pipeline.from(items).pipe(
        Pipeline.partition((n) => (n % 2 === 0 ? "even" : "odd"), {
          even: (n) => n.pipe(Pipeline.stage("even", () => around(Effect.never), { concurrency: 2 })),
          odd: (n) => n.pipe(Pipeline.stage("odd", (m) => around(Effect.as(Effect.yieldNow, m)), { concurrency: 2 }))
        })
      )
      const fiber = yield* start(Pipeline.runCollect(pipeline))
      yield* Effect.replicateEffect(settle, 10)
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual([seen.active, closed], [0, 1])
      assert.isAbove(seen.started, 4)
      for (const { inFlight, queued } of yield* Pipeline.stats(pipeline)) {
        assert.deepStrictEqual([inFlight, queued], [0, 0])
      }
    })
  )

  it.effect("an element without a branch, and a function that throws, are defects", () =>
    Effect.gen(function* () {
      const to = (name: string) => name as "left"
      const stray = source(3).pipe(Pipeline.partition((n) => to(n === 2 ? "right" : "left"), { left: (n) => n }))
      assert.include(yield* message(stray), 'there is no branch "right"')
      const buffer = source(3).pipe(Pipeline.partition(() => to("left"), { left: (n) => n }, { buffer: 0 }))
      assert.include(yield* message(buffer), "Pipeline.partition: buffer must be at least 1, got 0")
    })
  )

  it.effect("runs as often as one likes, also at once and inside itself", () =>
    Effect.gen(function* () {
      const pipeline = source(10).pipe(
        Pipeline.partition((n) => (n % 2 === 0 ? "even" : "odd"), {
          even: (n) => n,
          odd: (n) => n.pipe(Pipeline.stage("odd", (m) => Effect.as(Effect.yieldNow, m)))
        })
      )
      const runs = yield* Effect.all([Pipeline.runCollect(pipeline), Pipeline.runCollect(pipeline)], {
        concurrency: 2
      })
      for (const run of runs) assert.deepStrictEqual(sorted(run), numbers(10))
      const nested = source(3).pipe(
        Pipeline.partition(() => "all", {
          all: (n) => n.pipe(Pipeline.stage("inner", () => Pipeline.runCollect(pipeline), { concurrency: 2 }))
        })
      )
      assert.lengthOf((yield* Pipeline.runCollect(nested)).flat(), 30)
    })
  )
})

describe("tap", () => {
  it.effect("sees each element in turn, and its failure is the pipeline's", () =>
    Effect.gen(function* () {
      const seen: Array<number> = []
      const error = yield* source(5).pipe(
        Pipeline.tap((n) => (n === 3 ? Effect.fail("tapped") : Effect.sync(() => seen.push(n)))),
        Pipeline.runCollect,
        Effect.flip
      )
      assert.deepStrictEqual([error, seen], ["tapped", [0, 1, 2]])
    })
  )

  it.effect("a stage can be tested alone", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const stage = Pipeline.stage("double", (n: number) => Effect.as(Deferred.await(gate), n * 2), { concurrency: 2 })
      const fiber = yield* start(Pipeline.runCollect(stage(Pipeline.from(Stream.make(1, 2)))))
      yield* Deferred.succeed(gate, undefined)
      assert.deepStrictEqual(yield* Fiber.join(fiber), [2, 4])
    })
  )
})
