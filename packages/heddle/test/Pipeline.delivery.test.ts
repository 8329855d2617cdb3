/** What a source hears of its elements, and what a crash leaves behind. */
import { assert, describe, it } from "@effect/vitest"
import * as Explorer from "@heddle/testing/Explorer"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"

import * as Pipeline from "../src/Pipeline.ts"
import { matrix, numbers, settle, sorted, source, start } from "./support/pipeline.ts"

/** Writes down what the source hears. */
const heard = () => {
  const log = { acknowledged: [] as Array<number>, failed: [] as Array<number>, groups: 0 }
  const listen = Pipeline.acknowledge({
    acknowledge: (elements: ReadonlyArray<number>) =>
      Effect.sync(() => {
        log.groups++
        log.acknowledged.push(...elements)
      }),
    fail: (element, cause) =>
      Effect.sync(() => {
        assert.isFalse(Cause.hasInterruptsOnly(cause))
        log.failed.push(element)
      })
  })
  return { log, listen }
}

describe("acknowledge", () => {
  it.effect("every element once, when it has left the last stage and the run's function has ended", () =>
    Effect.gen(function* () {
      for (const { concurrency, ordered } of matrix) {
        const { listen, log } = heard()
        const stored: Array<number> = []
        yield* source(40).pipe(
          listen,
          Pipeline.stage("a", (n) => Effect.as(Effect.yieldNow, n), { concurrency, ordered }),
          Pipeline.stage("b", (n) => Effect.succeed(n * 2), { concurrency, ordered }),
          Pipeline.runForEach((n) =>
            Effect.gen(function* () {
              assert.notInclude(log.acknowledged, n / 2)
              yield* Effect.yieldNow
              stored.push(n)
            })
          )
        )
        assert.deepStrictEqual(sorted(log.acknowledged), numbers(40))
        assert.deepStrictEqual(
          sorted(stored),
          numbers(40).map((n) => n * 2)
        )
        assert.deepStrictEqual(log.failed, [])
      }
    })
  )

  it.effect("an element that fails is failed at once; what was interrupted by that is neither", () =>
    Effect.gen(function* () {
      const { listen, log } = heard()
      const exit = yield* source(10).pipe(
        listen,
        Pipeline.stage(
          "work",
          (n) => (n === 3 ? Effect.andThen(settle, Effect.fail("boom")) : n < 3 ? Effect.succeed(n) : Effect.never),
          {
            concurrency: 5,
            ordered: false
          }
        ),
        Pipeline.runForEach(() => Effect.void),
        Effect.exit
      )
      assert.isTrue(Exit.isFailure(exit))
      assert.deepStrictEqual(log.failed, [3])
      assert.deepStrictEqual(sorted(log.acknowledged), [0, 1, 2])
    })
  )

  it.effect("what is left out is acknowledged: skipped at once, a dead letter when its sink has succeeded", () =>
    Effect.gen(function* () {
      const { listen, log } = heard()
      const gate = yield* Deferred.make<void>()
      const fiber = yield* start(
        source(4).pipe(
          listen,
          Pipeline.stage("skip", (n) => (n === 0 ? Effect.fail("skip") : Effect.succeed(n)), { onError: "skip" }),
          Pipeline.stage("letter", (n) => (n === 1 ? Effect.fail("letter") : Effect.succeed(n)), {
            ordered: false,
            concurrency: 2,
            onError: { deadLetter: () => Deferred.await(gate) }
          }),
          Pipeline.runForEach(() => Effect.void)
        )
      )
      yield* settle
      assert.deepStrictEqual(sorted(log.acknowledged), [0, 2, 3])
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(sorted(log.acknowledged), [0, 1, 2, 3])
      const second = heard()
      yield* source(2).pipe(
        second.listen,
        Pipeline.stage("letter", () => Effect.fail("letter"), {
          onError: { deadLetter: () => Effect.fail("disk full") }
        }),
        Pipeline.runCollect,
        Effect.flip
      )
      assert.deepStrictEqual([second.log.acknowledged, second.log.failed], [[], [0]])
    })
  )

  it.effect("a batch with all that is in it, what becomes several with the last of them, in every shape", () =>
    Effect.gen(function* () {
      const { listen, log } = heard()
      const left: Array<number> = []
      yield* source(20).pipe(
        listen,
        Pipeline.batch({ maxSize: 3 }),
        Pipeline.tap(() => Effect.void),
        Pipeline.unbatch,
        Pipeline.partition((n) => (n % 2 === 0 ? "even" : "odd"), { even: (n) => n, odd: (n) => n }),
        Pipeline.broadcast([
          (n) => n.pipe(Pipeline.stage("a", (m) => Effect.as(Effect.yieldNow, m), { concurrency: 3 })),
          (n) => n
        ]),
        Pipeline.merge(source(5)),
        Pipeline.runForEach((n) =>
          Effect.sync(() => {
            if (left.filter((m) => m === n).length === 0) assert.notInclude(log.acknowledged, n)
            left.push(n)
          })
        )
      )
      assert.lengthOf(left, 45)
      assert.deepStrictEqual(sorted(log.acknowledged), numbers(20))
      const none = heard()
      yield* source(3).pipe(
        none.listen,
        Pipeline.stage("none", () => Effect.succeed([])),
        Pipeline.unbatch,
        Pipeline.runCollect
      )
      assert.deepStrictEqual(none.log.acknowledged, [0, 1, 2])
    })
  )

  it.effect("whatever runs it: folds, queues, reductions, streams (when the next chunk is asked for)", () =>
    Effect.gen(function* () {
      for (const run of [
        (p: Pipeline.Pipeline<number>) => Pipeline.runCollect(p),
        (p: Pipeline.Pipeline<number>) =>
          Pipeline.runFold(
            p,
            () => 0,
            (a, b) => a + b
          ),
        (p: Pipeline.Pipeline<number>) => p.pipe(Pipeline.runReduce((a, b) => Effect.succeed(a + b))),
        (p: Pipeline.Pipeline<number>) =>
          Effect.gen(function* () {
            const queue = yield* Queue.unbounded<number, Cause.Done>()
            yield* Pipeline.runInto(p, queue)
          }),
        (p: Pipeline.Pipeline<number>) => Stream.runDrain(Pipeline.toStream(p))
      ]) {
        const { listen, log } = heard()
        yield* run(
          source(10).pipe(
            listen,
            Pipeline.stage("a", (n) => Effect.succeed(n))
          )
        )
        assert.deepStrictEqual(sorted(log.acknowledged), numbers(10))
      }
      const { listen, log } = heard()
      yield* source(10).pipe(listen, Pipeline.toStream, Stream.rechunk(1), Stream.take(3), Stream.runDrain)
      // nobody knows what became of that chunk
      assert.deepStrictEqual(log.acknowledged, [])
    })
  )

  it.effect("groups are written one at a time; the source waits where they fall behind", () =>
    Effect.gen(function* () {
      let writing = 0
      let groups = 0
      let stored = 0
      const gate = yield* Deferred.make<void>()
      const fiber = yield* start(
        Pipeline.from(Stream.rechunk(Stream.fromIterable(numbers(500)), 1)).pipe(
          Pipeline.acknowledge({
            acknowledge: () =>
              Effect.gen(function* () {
                groups++
                assert.strictEqual(++writing, 1)
                yield* Deferred.await(gate)
                writing--
              }),
            maxPending: 10
          }),
          Pipeline.runForEach(() => Effect.sync(() => stored++))
        )
      )
      yield* Effect.replicateEffect(settle, 40)
      // one that is being written, ten that are settled, and what was on its way
      assert.isAtMost(stored, 13)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(fiber)
      assert.strictEqual(stored, 500)
      assert.isAtMost(groups, 500)
    })
  )

  it.effect("an acknowledgement that fails ends the pipeline with that, also while the source waits", () =>
    Effect.gen(function* () {
      for (const rest of [Stream.empty, Stream.never]) {
        const error = yield* Pipeline.from(Stream.concat(Stream.make(1), rest)).pipe(
          Pipeline.acknowledge({ acknowledge: () => Effect.andThen(settle, Effect.fail("disk full" as const)) }),
          Pipeline.runForEach(() => Effect.void),
          Effect.flip
        )
        assert.strictEqual(error, "disk full")
      }
    })
  )
})

describe("checkpoint", () => {
  it.effect("the next run goes on where the last one ended, whatever ended it, and once more does nothing", () =>
    Effect.gen(function* () {
      const stored: Array<number> = []
      const run = (crashAt: number) =>
        source(50).pipe(
          Pipeline.checkpoint({ key: "files" }),
          Pipeline.stage("read", (n) => Effect.as(Effect.yieldNow, n), { concurrency: 4, ordered: false }),
          Pipeline.runForEach((n) =>
            n === crashAt
              ? Effect.die("crash")
              : Effect.andThen(
                  Effect.yieldNow,
                  Effect.sync(() => stored.push(n))
                )
          ),
          Effect.exit
        )
      yield* run(10)
      yield* run(30)
      yield* run(-1)
      assert.deepStrictEqual(sorted(stored), numbers(50))
      yield* run(-1)
      assert.lengthOf(stored, 50)
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )

  it.effect("a torn entry leaves the other; two unreadable ones are an error", () =>
    Effect.gen(function* () {
      const store = yield* KeyValueStore.KeyValueStore
      const stored: Array<number> = []
      const run = (until: number) =>
        Pipeline.from(Stream.fromIterable(numbers(until))).pipe(
          Pipeline.checkpoint({ key: "torn" }),
          Pipeline.runForEach((n) => Effect.sync(() => stored.push(n)))
        )
      yield* run(6)
      const entries = [yield* store.get("torn/0"), yield* store.get("torn/1")]
      const latest = entries.findIndex((entry) => entry?.includes('"next":6'))
      yield* store.set(`torn/${latest}`, entries[latest]!.slice(0, 5))
      yield* run(6)
      // what the torn entry knew and the other did not is repeated
      assert.deepStrictEqual(stored, [0, 1, 2, 3, 4, 5, 5])
      yield* store.set("torn/0", "{")
      yield* store.set("torn/1", "")
      const error = yield* Effect.flip(run(6))
      assert.instanceOf(error, Pipeline.CheckpointError)
      assert.strictEqual(error.message, 'the checkpoint "torn" is unreadable: {')
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )
})

describe("crashes at every step", () => {
  for (const ordered of [true, false]) {
    it.effect(`lose nothing, and repeat at most what was in flight (ordered: ${ordered})`, () =>
      Effect.gen(function* () {
        const elements = 5
        const report = yield* Explorer.interruptEverywhere(
          Effect.sync(() => {
            // what survives a crash
            const entries = new Map<string, string>()
            const stored: Array<number> = []
            const store = KeyValueStore.makeStringOnly({
              get: (key) => Effect.sync(() => entries.get(key)),
              set: (key, value) =>
                Effect.andThen(
                  Effect.yieldNow,
                  Effect.sync(() => void entries.set(key, value))
                ),
              remove: (key) => Effect.sync(() => void entries.delete(key)),
              clear: Effect.sync(() => entries.clear()),
              size: Effect.sync(() => entries.size),
              keys: Effect.sync(() => [...entries.keys()])
            })
            const run = source(elements).pipe(
              Pipeline.checkpoint({ key: "run" }),
              Pipeline.stage("a", (n) => (n % 2 === 0 ? Effect.as(Effect.yieldNow, n) : Effect.succeed(n)), {
                concurrency: 2,
                ordered
              }),
              Pipeline.runForEach((n) => Effect.sync(() => stored.push(n))),
              Effect.provideService(KeyValueStore.KeyValueStore, store),
              Effect.exit
            )
            return { stored, run, target: run }
          }),
          (_, { run, stored }) =>
            Effect.gen(function* () {
              yield* run
              assert.deepStrictEqual(sorted([...new Set(stored)]), numbers(elements))
              // one was with the consumer when it was interrupted
              assert.isAtMost(stored.length, elements + 1)
            }),
          { budgets: ordered ? [3, 13] : [5, 64] }
        )
        assert.isAbove(report.interrupted, 0)
      })
    )
  }
})
