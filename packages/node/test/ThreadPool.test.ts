/** Calls: what goes to a thread, what comes back, and in which order. */
import type * as nodePath from "node:path"
import { pathToFileURL } from "node:url"

import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import * as Pipeline from "heddle/Pipeline"
import * as WorkerPool from "heddle/WorkerPool"

import * as ThreadPool from "../src/ThreadPool.ts"
import * as ThreadTask from "../src/ThreadTask.ts"
import * as light from "./support/light.ts"
import { shared } from "./support/pools.ts"
import { half, mirror, Odd, Point, slept, unschemed } from "./support/tasks.ts"
import { makeWords, set } from "./support/words.ts"

const { deaf, die, double, identity, movedIsEmpty, moveBack, promised, uncloneable } = light

const pool = shared(2)

const messageOf = (exit: Exit.Exit<unknown, unknown>): string =>
  Exit.isFailure(exit) ? (Cause.squash(exit.cause) as Error).message : assert.fail("it succeeded")

const range = (length: number) => Array.from({ length }, (_, index) => index)

describe("values", { concurrent: false }, () => {
  it.live.each<readonly [string, unknown]>([
    ["numbers", -0.5],
    ["nothing", undefined],
    ["text", "warp\u0000 und Schuß 🧵"],
    ["a large text", "weft".repeat(10_000)],
    [
      "maps, sets, dates and big integers",
      { map: new Map([["a", new Set([1n])]]), date: new Date(0), list: [null, [true]] }
    ],
    ["bytes", new Uint8Array([1, 2, 255])],
    ["many bytes", new Uint8Array(100_000).fill(7)]
  ])("%s go there and back", ([, value]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* ThreadPool.run(yield* pool, identity(value)), value)
    })
  )

  it.live("shared memory is shared, wherever it stands in a value", () =>
    Effect.gen(function* () {
      const words = new Int32Array(new SharedArrayBuffer(8))
      const back = (yield* ThreadPool.run(yield* pool, identity([{ words }]))) as [{ words: Int32Array }]
      words[0] = 42
      assert.strictEqual(back[0].words[0], 42)
    })
  )

  it.live("what is moved is empty where it was, on both sides, and is not copied (W12)", () =>
    Effect.gen(function* () {
      const threads = yield* pool
      const bytes = new Uint8Array(1 << 20).fill(3)
      const back = yield* ThreadPool.run(threads, moveBack(ThreadTask.move(bytes)))
      assert.strictEqual(bytes.byteLength, 0)
      assert.strictEqual(back.byteLength, 1 << 20)
      assert.strictEqual(back[1_000], 4)
      assert.isTrue(yield* ThreadPool.run(threads, movedIsEmpty(undefined)))
    })
  )

  it.live("moved inputs run beside others, and each arrives", () =>
    Effect.gen(function* () {
      const threads = yield* pool
      const sums = yield* Effect.forEach(
        range(40),
        (n): Effect.Effect<Uint8Array | number, unknown> =>
          n % 2 === 0
            ? ThreadPool.run(threads, moveBack(ThreadTask.move(new Uint8Array([n]))))
            : ThreadPool.run(threads, double(n)),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        sums.map((sum) => (typeof sum === "number" ? sum : sum[0])),
        range(40).map((n) => (n % 2 === 0 ? n + 1 : 2 * n))
      )
    })
  )

  it.live("schemas encode on one side and decode on the other", () =>
    Effect.gen(function* () {
      const point = yield* ThreadPool.run(yield* pool, mirror(new Point({ x: 1, y: 2 })))
      assert.instanceOf(point, Point)
      assert.deepStrictEqual(point, new Point({ x: 2, y: 1 }))
    })
  )

  it.live("a failure arrives as what it was, a defect with its name and message", () =>
    Effect.gen(function* () {
      const threads = yield* pool
      const error = yield* Effect.flip(ThreadPool.run(threads, half(3)))
      assert.instanceOf(error, Odd)
      assert.strictEqual(error.n, 3)
      const exit = yield* Effect.exit(ThreadPool.run(threads, die("no such thread")))
      assert.isTrue(Exit.hasDies(exit))
      assert.strictEqual(messageOf(exit), "no such thread")
      const defect = Exit.isFailure(exit) ? (Cause.squash(exit.cause) as Error) : undefined
      assert.strictEqual(defect?.name, "TypeError")
      assert.include(defect?.stack, "light.ts")
    })
  )

  it.live("a failure that is an instance of a class needs a schema", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(ThreadPool.run(yield* pool, unschemed(1)))
      assert.include(messageOf(exit), "failed with a Odd: a task whose errors are classes needs an `error` schema")
    })
  )

  it.live("effects and promises are waited for", () =>
    Effect.gen(function* () {
      const threads = yield* pool
      assert.strictEqual(yield* ThreadPool.run(threads, promised(4)), 5)
      assert.strictEqual(yield* ThreadPool.run(threads, slept(4)), 4)
    })
  )
})

describe("what cannot be sent or found", { concurrent: false }, () => {
  it.live("an input that cannot be cloned fails that task alone", () =>
    Effect.gen(function* () {
      const threads = yield* pool
      const exits = yield* Effect.forEach(
        [identity(1), identity(() => 1), identity(2)],
        (call) => Effect.exit(ThreadPool.run(threads, call)),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        exits.map((exit) => (Exit.isSuccess(exit) ? exit.value : "failed")),
        [1, "failed", 2]
      )
      assert.include(messageOf(exits[1]!), `the input of "identity" of ${light.here} cannot be sent to a thread`)
    })
  )

  it.live("an output that cannot be cloned fails that task alone", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(ThreadPool.run(yield* pool, uncloneable(1)))
      assert.include(messageOf(exit), "its result cannot be sent from a thread")
    })
  )

  it.live("an input that its schema does not know is a defect of the caller", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(ThreadPool.run(yield* pool, mirror({ x: "1" } as never)))
      assert.isTrue(Exit.hasDies(exit))
    })
  )

  it("a module that does not exist is told at once, with its path", () => {
    const missing = new URL("support/missing.ts", import.meta.url)
    assert.throws(
      () => ThreadTask.define(missing, "x", { run: (n: number) => n }),
      /ThreadTask.define: there is no module \/.*\/support\/missing.ts/
    )
    // what is no URL, is none of a file, or is none of a module
    for (const url of ["", "light.ts", "https://example.org/light.js", String(new URL("support/", import.meta.url))]) {
      assert.throws(() => ThreadTask.module(url), /ThreadTask.module: there is no module .*; it is given by its URL/)
    }
    assert.throws(
      () => ThreadTask.module("file://elsewhere/light.ts"),
      /there is no module "file:\/\/elsewhere\/light.ts"/
    )
    assert.throws(() => ThreadTask.module(undefined as never), /there is no module "undefined"/)
    assert.throws(() => ThreadTask.module("./light.ts"), /there is no module ".\/light.ts"; it is given by its URL/)
  })

  it.live("a task that its module does not export fails at once, with the path and what there is", () =>
    Effect.gen(function* () {
      const threads = yield* pool
      const other = ThreadTask.define(light.here, "undefinedTask", { run: (n: number) => n })
      const message = messageOf(yield* Effect.exit(ThreadPool.run(threads, other(1))))
      assert.include(message, `there is no task "undefinedTask" of ${light.here}, which exports `)
      assert.include(message, "double")
      const constant = ThreadTask.module<Record<"here", (n: number) => number>>(light.here)("here")
      assert.include(messageOf(yield* Effect.exit(ThreadPool.run(threads, constant(1)))), "there is no task")
      // and again, after the module is loaded
      assert.include(messageOf(yield* Effect.exit(ThreadPool.run(threads, other(1)))), "there is no task")
    })
  )

  it.live("a task under another name than its own is told", () =>
    Effect.gen(function* () {
      const alias = ThreadTask.module<typeof light>(light.here)("alias")
      const message = messageOf(yield* Effect.exit(ThreadPool.run(yield* pool, alias(1))))
      assert.include(message, `the task "double" of ${light.here} is exported as "alias"`)
    })
  )

  it.live("a module that cannot be loaded fails the task with why", () =>
    Effect.gen(function* () {
      const broken = ThreadTask.module<{ f: (n: number) => number }>(new URL("support/broken.ts", import.meta.url))("f")
      const message = messageOf(yield* Effect.exit(ThreadPool.run(yield* pool, broken(1))))
      assert.include(
        message,
        `the task "f" of ${pathToFileURL(`${import.meta.dirname}/support/broken.ts`).href} cannot be loaded: broken`
      )
    })
  )
})

describe("the threads", { concurrent: false }, () => {
  it.live("functions of any module are tasks", () =>
    Effect.gen(function* () {
      const path = ThreadTask.module<typeof nodePath>("node:path")
      assert.strictEqual(yield* ThreadPool.run(yield* pool, path("basename")("/a/b.ts")), "b.ts")
      const own = ThreadTask.module<typeof light>(light.here)
      assert.strictEqual(yield* ThreadPool.run(yield* pool, own("double")(2)), 4)
    })
  )

  it.live("ten thousand tasks at once all end, each with its own result", () =>
    Effect.gen(function* () {
      const threads = yield* pool
      const all = yield* Effect.forEach(range(10_000), (n) => ThreadPool.run(threads, double(n)), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(
        all,
        range(10_000).map((n) => 2 * n)
      )
    })
  )

  it.live("64 short tasks do not wait for a long one that was sent before them, or between them (W21)", () =>
    Effect.gen(function* () {
      const threads = yield* pool
      const { steals } = yield* ThreadPool.stats(threads)
      for (const before of [0, 40]) {
        const words = makeWords(2)
        const short = (length: number) => ThreadPool.submitAll(threads, range(length).map(double))
        const first = yield* short(before)
        const long = yield* ThreadPool.submit(threads, deaf(words))
        const rest = yield* short(64 - before)
        const results = yield* Effect.forEach([...first, ...rest], (job) => job.await)
        assert.deepStrictEqual(
          results,
          [...range(before), ...range(64 - before)].map((n) => 2 * n)
        )
        // the long one cannot have ended
        set(words, 1)
        assert.strictEqual(yield* long.await, "done")
      }
      assert.isAbove((yield* ThreadPool.stats(threads)).steals, steals)
    })
  )

  it.live("statistics count what was done, and where", () =>
    Effect.gen(function* () {
      const own = yield* ThreadPool.make({ threads: 2, name: "own" })
      yield* Effect.forEach(range(100), (n) => ThreadPool.run(own, half(n)).pipe(Effect.ignore), { concurrency: 10 })
      const { threads, ...stats } = yield* ThreadPool.stats(own)
      assert.deepInclude(stats, { name: "own", workers: 2, submitted: 100, succeeded: 50, failed: 50, interrupted: 0 })
      assert.deepInclude(stats, { active: 0, idle: 2, running: 0, queued: 0, waiting: 0, dropped: 0, replaced: 0 })
      assert.strictEqual(
        threads.reduce((sum, { tasks }) => sum + tasks, 0),
        100
      )
      assert.strictEqual(stats.runTime?.count, 100)
      assert.strictEqual(stats.queueTime?.count, 100)
      for (const { active, utilisation } of threads) {
        assert.isFalse(active)
        assert.isTrue(utilisation >= 0 && utilisation <= 1)
      }
    }).pipe(Effect.scoped)
  )

  it.live.each<readonly [ThreadPool.Options, string]>([
    [null as never, "the options must be an object, got null"],
    [{ threads: 0 }, "threads must be an integer from 1 up, got 0"],
    [{ threads: 1.5 }, "threads must be an integer from 1 up, got 1.5"],
    [{ threads: "2" as never }, 'threads must be an integer from 1 up, got "2"'],
    [{ threads: Infinity }, "threads must be an integer from 1 up, got Infinity"],
    [{ capacity: -1 }, "capacity must be an integer from 0 up, or Infinity, got -1"],
    [{ overflow: "drop" as never }, 'overflow must be "suspend" or "fail", got "drop"'],
    [{ grace: NaN }, 'grace must be a duration such as "5 seconds", got NaN'],
    [{ grace: "soon" as never }, 'grace must be a duration such as "5 seconds", got "soon"'],
    [{ recycle: 5 as never }, "recycle must be an object, got 5"],
    [{ recycle: { tasks: 0 } }, "recycle.tasks must be an integer from 1 up, or Infinity, got 0"],
    [{ recycle: { heap: NaN } }, "recycle.heap must be an integer from 1 up, or Infinity, got NaN"],
    [{ recycle: { age: NaN } }, 'recycle.age must be a duration such as "5 seconds", got NaN'],
    [
      { resourceLimits: { maxOldGenerationSizeMb: -1 } },
      "resourceLimits.maxOldGenerationSizeMb must be a number of megabytes above 0, got -1"
    ],
    [
      { resourceLimits: { stackSizeMb: "4" as never } },
      'resourceLimits.stackSizeMb must be a number of megabytes above 0, got "4"'
    ],
    [{ resourceLimits: { maxHeap: 1 } as never }, "resourceLimits must be of maxOldGenerationSizeMb, "],
    [{ preload: ["node:zlib" as never] }, 'preload must be a list of tasks, got "node:zlib"'],
    [{ name: 1 as never }, "name must be a string, got 1"]
  ])("options out of their range die: %o", ([options, message]) =>
    Effect.gen(function* () {
      assert.include(
        messageOf(yield* Effect.exit(Effect.scoped(ThreadPool.make(options)))),
        `ThreadPool.make: ${message}`
      )
    })
  )

  it.live("a priority is refused, and not passed over", () =>
    Effect.gen(function* () {
      const doubles = ThreadPool.of(yield* pool, double)
      const options = { priority: 5 }
      for (const submission of [
        WorkerPool.run(doubles, 1, options),
        WorkerPool.submit(doubles, 1, options),
        WorkerPool.submitAll(doubles, [1], options)
      ]) {
        assert.strictEqual(
          messageOf(yield* Effect.exit<unknown, unknown, never>(submission)),
          "ThreadPool: a pool of threads has no priorities, got 5"
        )
      }
      assert.strictEqual(yield* WorkerPool.run(doubles, 1, { priority: 0 }), 2)
    })
  )

  it.live("a task in the place of its call is told", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(ThreadPool.run(yield* pool, double as never))
      assert.include(messageOf(exit), "it takes a call of a task, `task(input)`")
    })
  )

  it.live("a pool is a WorkerPool of calls", () =>
    Effect.gen(function* () {
      const threads = yield* pool
      const jobs = yield* WorkerPool.submitAll(threads, [double(1), identity("x")])
      assert.deepStrictEqual(yield* Effect.forEach(jobs, (job) => job.await), [2, "x"])
    })
  )
})

describe("a stage of a pipeline", { concurrent: false }, () => {
  it.live("has its work done by threads, in order, and names the element that fails", () =>
    Effect.gen(function* () {
      const threads = yield* pool
      const source = Pipeline.from(Stream.fromIterable(range(50)))
      const doubled = yield* source.pipe(
        Pipeline.stage("double", (n) => Effect.succeed(n), { pool: ThreadPool.of(threads, double), concurrency: 4 }),
        Pipeline.runCollect
      )
      assert.deepStrictEqual(
        doubled,
        range(50).map((n) => n * 2)
      )
      // the pool itself takes the calls that the stage's function makes
      const calls = yield* source.pipe(
        Pipeline.stage("double", (n) => Effect.succeed(double(n)), { pool: threads, concurrency: 4 }),
        Pipeline.runCollect
      )
      assert.deepStrictEqual(calls, doubled)
      const error = yield* source.pipe(
        Pipeline.stage("half", (n) => Effect.succeed(n + 1), { pool: ThreadPool.of(threads, half), concurrency: 4 }),
        Pipeline.runCollect,
        Effect.flip
      )
      assert.strictEqual(error._tag === "StageError" && error.input, 0)
      assert.instanceOf(error.error, Odd)
    })
  )
})
