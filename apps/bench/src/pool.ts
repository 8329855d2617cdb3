/**
 * What a task of a pool costs, handed in and worked off.
 *
 * - `trivial-100k`: 100,000 tasks are submitted one by one, then each is awaited. `all-100k`: they are handed in together, and
 *   nobody asks for their results. Ten workers, and room for all.
 * - A trivial task counts and is done: `Effect.sync` of that, or an async function that does. `heddle finished` gives
 *   `Effect.void`, which is done already, and needs no fiber.
 * - `run-sync`, `run-promise`: 100 callers have one task after the other done, and wait for each; `none` and `none-promise`
 *   are the same without a pool.
 * - `sleep-1ms`: 10,000 tasks that sleep a millisecond on 100 workers, in milliseconds of the clock: 100 is the ideal.
 * - `skewed`: one task in a hundred takes 20 ms, the others 1 ms, on ten workers: what is above the ideal is idle time.
 * - `keyed-1M`: a million tasks with a key each, beside the same without keys and with stealing.
 * - `stealing-*`: divide and conquer, where each half is a task of its own: with workers that have a cache of what they saw
 *   last, which is what stealing is for, and with none.
 * - `bytes-per-job`: what 100,000 jobs keep on the heap while they wait, and nobody holds them.
 */
import Bottleneck from "bottleneck"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import fastq from "fastq"
import * as WorkerPool from "heddle/WorkerPool"
import pLimit from "p-limit"
import PQueue from "p-queue"

import { type Bench, type Figure, perOperation, type Subject } from "./harness.ts"

let executed = 0
const count = () => {
  executed++
}
const counting = async () => count()
const counted = Effect.sync(count)
const countingLater = () =>
  new Promise<void>((resolve) => {
    setImmediate(() => {
      count()
      resolve()
    })
  })

const tasks = (length: number): ReadonlyArray<number> => Array.from({ length }, (_, index) => index)

/** Checks that all was done, and once. */
const exactly = (operations: number, work: () => Promise<unknown>) => async (): Promise<void> => {
  executed = 0
  await work()
  if (executed !== operations) throw new Error(`executed ${executed} of ${operations}`)
}

const subjects = (operations: number, works: Readonly<Record<string, () => Promise<unknown>>>) =>
  Object.fromEntries(
    Object.entries(works).map(([name, work]): [string, Subject<never>] => [
      name,
      perOperation(operations, exactly(operations, work))
    ])
  )

type Pool = WorkerPool.WorkerPool<number, unknown, unknown, unknown>

const inPool = (
  make: Effect.Effect<Pool, never, Scope.Scope>,
  use: (pool: Pool) => Effect.Effect<unknown, unknown>
): Promise<unknown> => Effect.runPromise(Effect.scoped(Effect.flatMap(make, use)))

const ten = (handle: (task: number) => Effect.Effect<unknown>) =>
  WorkerPool.make({ workers: 10, capacity: Infinity, handle })

const submitThenAwait = (all: ReadonlyArray<number>) => (pool: Pool) =>
  Effect.flatMap(
    Effect.forEach(all, (task) => WorkerPool.submit(pool, task)),
    (jobs) => Effect.forEach(jobs, (job) => job.await, { discard: true })
  )

const submitAllThenDrain = (all: ReadonlyArray<number>) => (pool: Pool) =>
  Effect.andThen(WorkerPool.submitAll(pool, all, { discard: true }), WorkerPool.drain(pool))

/** What one writes by hand: a queue, and fibers that take from it. */
const byHand = (all: ReadonlyArray<number>, work: Effect.Effect<void>) =>
  Effect.runPromise(
    Effect.scoped(
      Effect.gen(function* () {
        const queue = yield* Queue.unbounded<number>()
        let left = all.length
        const done = yield* Effect.forkScoped(Effect.never)
        const worker = Effect.forever(
          Effect.flatMap(Queue.take(queue), () =>
            Effect.andThen(
              work,
              Effect.suspend(() => (--left === 0 ? Fiber.interrupt(done) : Effect.void))
            )
          )
        )
        for (let index = 0; index < 10; index++) yield* Effect.forkScoped(worker)
        yield* Queue.offerAll(queue, all)
        yield* Fiber.await(done)
      })
    )
  )

const pushAll = (push: (task: number) => Promise<unknown>, all: ReadonlyArray<number>) => Promise.all(all.map(push))

const callback = (all: ReadonlyArray<number>) =>
  new Promise<void>((resolve) => {
    const queue = fastq<unknown, number>((_, done) => {
      count()
      done(null)
    }, 10)
    queue.drain = resolve
    for (const task of all) queue.push(task)
  })

/** It takes more than a millisecond for a task: a hundred thousand would take minutes. */
const few = 1_000
const subjectsOfFew = subjects(few, {
  "bottleneck-of-1k": () => {
    const limiter = new Bottleneck({ maxConcurrent: 10 })
    return pushAll(() => limiter.schedule(counting), tasks(few))
  }
})

const trivial = (
  id: string,
  use: (all: ReadonlyArray<number>) => (pool: Pool) => Effect.Effect<unknown, unknown>
): Figure => {
  const operations = 100_000
  const all = tasks(operations)
  return {
    id: `pool/${id}`,
    unit: "ns/task",
    subjects: {
      ...subjects(operations, {
        heddle: () =>
          inPool(
            ten(() => counted),
            use(all)
          ),
        "heddle-finished": () =>
          inPool(
            ten(() => {
              count()
              return Effect.void
            }),
            use(all)
          ),
        "effect-forEach": () =>
          Effect.runPromise(Effect.forEach(all, () => counted, { concurrency: 10, discard: true })),
        "effect-by-hand": () => byHand(all, counted),
        "fastq-promise": () => {
          const queue = fastq.promise<unknown, number, void>(counting, 10)
          return pushAll((task) => queue.push(task), all)
        },
        "fastq-callback": () => callback(all),
        "p-limit": () => {
          const limit = pLimit(10)
          return pushAll(() => limit(counting), all)
        },
        "p-queue": () => new PQueue({ concurrency: 10 }).addAll(all.map(() => counting))
      }),
      ...subjectsOfFew
    }
  }
}

const callers = 100

const inFibers = (perCaller: number, next: Effect.Effect<unknown, unknown>): Effect.Effect<void, unknown> =>
  Effect.forEach(
    tasks(callers),
    () =>
      Effect.suspend(() => {
        let left = perCaller
        return Effect.whileLoop({ while: () => left-- > 0, body: () => next, step: () => undefined })
      }),
    { concurrency: "unbounded", discard: true }
  )

const inFunctions = (perCaller: number, next: () => Promise<unknown>): Promise<unknown> =>
  Promise.all(
    tasks(callers).map(async () => {
      // oxlint-disable-next-line no-await-in-loop -- one after the other is what a caller does
      for (let left = perCaller; left > 0; left--) await next()
    })
  )

const runs = (id: string, effect: Effect.Effect<void>, promise: () => Promise<void>): Figure => {
  const operations = 100_000
  const each = operations / callers
  return {
    id: `pool/${id}`,
    unit: "ns/task",
    subjects: {
      ...subjects(operations, {
        heddle: () =>
          inPool(
            ten(() => effect),
            (pool) => inFibers(each, WorkerPool.run(pool, 0))
          ),
        none: () => Effect.runPromise(inFibers(each, effect)),
        "fastq-promise": () => {
          const queue = fastq.promise<unknown, number, void>(promise, 10)
          return inFunctions(each, () => queue.push(0))
        },
        "p-limit": () => {
          const limit = pLimit(10)
          return inFunctions(each, () => limit(promise))
        },
        "p-queue": () => {
          const queue = new PQueue({ concurrency: 10 })
          return inFunctions(each, () => queue.add(promise))
        },
        "none-promise": () => inFunctions(each, promise)
      }),
      ...subjects(few, {
        "bottleneck-of-1k": () => {
          const limiter = new Bottleneck({ maxConcurrent: 10 })
          return inFunctions(few / callers, () => limiter.schedule(promise))
        }
      })
    }
  }
}

const later = (millis: number) => Effect.map(Effect.sleep(millis), count)
const laterPromise = (millis: number) =>
  new Promise<void>((resolve) => {
    setTimeout(() => {
      count()
      resolve()
    }, millis)
  })

/** In a time that passes as soon as nobody can run: what is left is the work. */
const inVirtualTime = (pool: Pool, use: Effect.Effect<unknown, unknown>, millis: number) =>
  Effect.gen(function* () {
    const all = yield* Effect.forkChild(use)
    for (let passed = 0; passed <= millis && all.pollUnsafe() === undefined; passed++) yield* TestClock.adjust(1)
    yield* WorkerPool.drain(pool)
  })

/** Milliseconds for all of it. */
const wall = (id: string, workers: number, durations: ReadonlyArray<number>): Figure => {
  const operations = durations.length
  const millisPer = (subject: Subject<never>): Subject<never> =>
    Effect.map(subject, (nanos) => (nanos * operations) / 1e6)
  const all = subjects(operations, {
    heddle: () =>
      inPool(WorkerPool.make({ workers, capacity: Infinity, handle: later }), submitAllThenDrain(durations)),
    "heddle-virtual": () => {
      const virtually = Effect.flatMap(WorkerPool.make({ workers, capacity: Infinity, handle: later }), (pool) =>
        inVirtualTime(pool, submitAllThenDrain(durations)(pool), operations)
      )
      return Effect.runPromise(Effect.scoped(Effect.provide(virtually, TestClock.layer())))
    },
    "effect-forEach": () =>
      Effect.runPromise(Effect.forEach(durations, later, { concurrency: workers, discard: true })),
    "fastq-promise": () => {
      const queue = fastq.promise<unknown, number, void>(laterPromise, workers)
      return pushAll((millis) => queue.push(millis), durations)
    },
    "p-limit": () => {
      const limit = pLimit(workers)
      return pushAll((millis) => limit(laterPromise, millis), durations)
    },
    "p-queue": () => new PQueue({ concurrency: workers }).addAll(durations.map((millis) => () => laterPromise(millis)))
  })
  return {
    id: `pool/${id}`,
    unit: "ms",
    subjects: Object.fromEntries(Object.entries(all).map(([name, subject]) => [name, millisPer(subject)]))
  }
}

const keyed = (): Figure => {
  const operations = 1_000_000
  const all = tasks(operations)
  const pool = (distribute: WorkerPool.Distribute<number>) =>
    WorkerPool.make({ workers: 10, distribute, handle: () => counted })
  return {
    id: "pool/keyed-1M",
    unit: "ns/task",
    subjects: subjects(operations, {
      heddle: () => inPool(pool({ keyed: (task) => task }), submitAllThenDrain(all)),
      "heddle-100-keys": () => inPool(pool({ keyed: (task) => task % 100 }), submitAllThenDrain(all)),
      "heddle-shared": () => inPool(pool("shared"), submitAllThenDrain(all)),
      "heddle-stealing": () => inPool(pool("stealing"), submitAllThenDrain(all))
    })
  }
}

/** A range of a table, of which a worker has some lines at hand: others cost it a while. */
const lines = 1 << 14
const linesAtHand = 64

const divide = (id: string, isLocal: boolean): Figure => {
  const conquer = (distribute: "shared" | "stealing") => () =>
    Effect.runPromise(
      Effect.scoped(
        Effect.gen(function* () {
          let pool: Pool | undefined
          const work = (from: number, atHand: Map<number, number>): Effect.Effect<unknown, unknown> =>
            Effect.suspend(() => {
              const page = Math.floor(from / linesAtHand)
              if (isLocal && atHand.get(0) !== page) {
                atHand.set(0, page)
                let sum = 0
                for (let step = 0; step < 20_000; step++) sum += Math.sqrt(step)
                if (sum < 0) return Effect.die("never")
              }
              count()
              return Effect.yieldNow
            })
          // a task is a range: its size in the upper half of the number
          const handle = (task: number, atHand: Map<number, number>): Effect.Effect<unknown, any> => {
            const size = Math.floor(task / lines)
            const from = task % lines
            if (size === 1) return work(from, atHand)
            const half = size / 2
            return WorkerPool.submitAll(pool!, [half * lines + from, half * lines + from + half], { discard: true })
          }
          pool = yield* WorkerPool.make({
            workers: 4,
            capacity: Infinity,
            distribute,
            init: Effect.sync(() => new Map<number, number>()),
            handle
          })
          yield* WorkerPool.submit(pool, lines * lines)
          yield* WorkerPool.drain(pool)
        })
      )
    )
  return {
    id: `pool/stealing-${id}`,
    unit: "ns/task",
    subjects: subjects(lines, { heddle: conquer("stealing"), "heddle-shared": conquer("shared") })
  }
}

/** What a job keeps on the heap while it waits, when its submitter has let go of it. */
const memory = (): Figure => {
  const waiting = tasks(100_000)
  const used = async () => {
    // a turn of the event loop lets go of what the last one held
    await new Promise((resolve) => setImmediate(resolve))
    globalThis.gc?.()
    return process.memoryUsage().heapUsed
  }
  const bytesPerJob = (fill: () => Promise<object>): Subject<never> =>
    Effect.promise(async () => {
      const before = await used()
      const queue = await fill()
      const after = await used()
      // reads it, so that it lives until here
      return Object.keys(queue).length < 0 ? 0 : (after - before) / waiting.length
    })
  const never = () => new Promise<void>(() => undefined)
  const paused = Effect.gen(function* () {
    const pool = yield* WorkerPool.make({ workers: 1, capacity: Infinity, handle: () => counted })
    yield* WorkerPool.pause(pool)
    yield* WorkerPool.submitAll(pool, waiting, { discard: true })
    return pool
  })
  return {
    id: "pool/bytes-per-job",
    unit: "bytes/job",
    subjects: {
      heddle: bytesPerJob(() =>
        Effect.runPromise(Effect.flatMap(Scope.make(), (scope) => Scope.provide(paused, scope)))
      ),
      "fastq-promise": bytesPerJob(async () => {
        const queue = fastq.promise<unknown, number, void>(never, 1)
        for (const task of waiting) void queue.push(task)
        return queue
      }),
      "p-limit": bytesPerJob(async () => {
        const limit = pLimit(1)
        for (const _ of waiting) void limit(never)
        await Promise.resolve()
        return limit
      }),
      "p-queue": bytesPerJob(async () => {
        const queue = new PQueue({ concurrency: 1 })
        for (const _ of waiting) void queue.add(never)
        return queue
      })
    }
  }
}

export const pool: Bench = {
  name: "pool",
  description: "a task handed in and worked off: trivial ones, sleeping ones, skewed ones, by key and by stealing",
  figures: Effect.sync(() => [
    trivial("trivial-100k", submitThenAwait),
    trivial("all-100k", submitAllThenDrain),
    runs("run-sync", counted, counting),
    runs("run-promise", Effect.promise(countingLater), countingLater),
    wall(
      "sleep-1ms",
      100,
      tasks(10_000).map(() => 1)
    ),
    wall(
      "skewed",
      10,
      tasks(500).map((task) => (task % 100 === 99 ? 20 : 1))
    ),
    keyed(),
    divide("local", true),
    divide("plain", false),
    memory()
  ])
}
