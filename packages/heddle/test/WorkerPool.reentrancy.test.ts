/** Tasks that submit to their own pool, and wait for what they submitted. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"

import * as WorkerPool from "../src/WorkerPool.ts"
import { awaitAll, endOf, range } from "./support/pools.ts"

const { close, make, run, stats, submit, submitAll } = WorkerPool

type Pool = WorkerPool.FiberPool<number, number, any, any>
type Handle = (self: Pool, n: number) => Effect.Effect<number, any>

/** A pool whose handler knows it. */
const recursive = (
  options: Partial<
    WorkerPool.Options<number, number, any, never, undefined, never, never, never, any, undefined, undefined>
  > & { readonly distribute?: WorkerPool.Distribute<number> },
  handle: Handle
) =>
  Effect.gen(function* () {
    let pool: Pool | undefined
    const made: Pool = yield* make({ workers: 1, ...options, handle: (n: number) => handle(pool!, n) })
    pool = made
    return made
  })

/** Counts leaves that are at work, as those that wait for others are not. */
const leaves = () => {
  const seen = { now: 0, most: 0 }
  const leaf = Effect.gen(function* () {
    seen.most = Math.max(seen.most, ++seen.now)
    yield* Effect.yieldNow
    seen.now--
    return 1
  })
  return { seen, leaf }
}

const ways: Readonly<
  Record<string, (self: Pool, ns: ReadonlyArray<number>) => Effect.Effect<ReadonlyArray<number>, any>>
> = {
  "run one after the other": (self, ns) => Effect.forEach(ns, (n) => run(self, n)),
  "run at once": (self, ns) => Effect.forEach(ns, (n) => run(self, n), { concurrency: "unbounded" }),
  "submit and await": (self, ns) =>
    Effect.forEach(ns, (n) => submit(self, n)).pipe(Effect.flatMap(Effect.forEach((job) => job.await))),
  "submit, await at once and backwards": (self, ns) =>
    Effect.flatMap(submitAll(self, ns), (jobs) =>
      Effect.map(
        Effect.forEach(jobs.toReversed(), (job) => job.await, { concurrency: "unbounded" }),
        (results) => results.toReversed()
      )
    )
}

describe("a task that waits for tasks of its own pool", () => {
  for (const [way, all] of Object.entries(ways)) {
    for (const distribute of ["shared", "stealing", { keyed: (n: number) => n }, { keyed: () => Symbol() }] as const) {
      if (typeof distribute === "object" && distribute.keyed(1) === 1) continue
      for (const [workers, capacity] of [
        [1, 0],
        [1, 1000],
        [3, 2]
      ] as const) {
        const name = typeof distribute === "string" ? distribute : "keyed"
        it.effect(`regression pond#56, ants#90: ${way}, ${name}, ${workers} workers, room for ${capacity}`, () =>
          Effect.gen(function* () {
            const { leaf, seen } = leaves()
            const pool = yield* recursive({ workers, capacity, distribute }, (self, n) =>
              n < 2 ? leaf : Effect.map(all(self, [n - 1, n - 2]), ([a = 0, b = 0]) => a + b)
            )
            assert.strictEqual(yield* run(pool, 9), 55)
            assert.isAtMost(seen.most, workers)
            assert.deepInclude(yield* stats(pool), {
              active: 0,
              running: 0,
              queued: 0,
              waiting: 0,
              submitted: 109,
              succeeded: 109
            })
          })
        )
      }
    }
  }

  it.effect("a chain of ten thousand needs one worker and no stack", () =>
    Effect.gen(function* () {
      const pool = yield* recursive({}, (self, n) =>
        n === 0 ? Effect.succeed(0) : Effect.map(run(self, n - 1), (d) => d + 1)
      )
      assert.strictEqual(yield* run(pool, 10_000), 10_000)
    })
  )

  it.effect("fibers that a task forks carry its place; a daemon that has outlived it carries none", () =>
    Effect.gen(function* () {
      const begin = yield* Deferred.make<void>()
      let daemon: Fiber.Fiber<number, unknown> | undefined
      const pool = yield* recursive({}, (self, n) => {
        if (n === 0) return Effect.succeed(0)
        if (n === 1) return Effect.flatMap(Effect.forkChild(run(self, 0)), Fiber.join)
        if (n === 3) return Effect.never
        const late = Effect.andThen(Deferred.await(begin), run(self, 0))
        return Effect.tap(Effect.succeed(n), () =>
          Effect.map(Effect.forkDetach(late), (fiber) => {
            daemon = fiber
          })
        )
      })
      assert.strictEqual(yield* run(pool, 1), 0)
      yield* run(pool, 2)
      // another task has the worker now: the daemon stands in line like anybody
      const job = yield* submit(pool, 3)
      yield* Deferred.succeed(begin, undefined)
      yield* Effect.replicateEffect(Effect.yieldNow, 5, { discard: true })
      assert.deepInclude(yield* stats(pool), { active: 1, running: 1, queued: 1 })
      yield* job.interrupt
      assert.strictEqual(yield* Fiber.join(daemon!), 0)
    })
  )

  it.effect("a daemon that has outlived the run which forked it may drain the pool", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      let daemon: Fiber.Fiber<void> | undefined
      const pool = yield* recursive({}, (self, n) =>
        Effect.map(Effect.forkDetach(Effect.andThen(Deferred.await(gate), WorkerPool.drain(self))), (fiber) => {
          daemon = fiber
          return n
        })
      )
      yield* run(pool, 1)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(daemon!)
    })
  )

  it.effect("what runs in a task's place ends before the next one begins there", () =>
    Effect.gen(function* () {
      const { leaf, seen } = leaves()
      const pool = yield* recursive({ workers: 1 }, (self, n) =>
        n === 0
          ? leaf
          : Effect.map(
              Effect.forEach(range(0, 5), () => run(self, 0), { concurrency: "unbounded" }),
              (all) => all.length
            )
      )
      assert.strictEqual(yield* run(pool, 1), 5)
      assert.strictEqual(seen.most, 1)
    })
  )

  it.effect("a worker that becomes free helps with what waits for a place", () =>
    Effect.gen(function* () {
      const { leaf, seen } = leaves()
      const gate = yield* Deferred.make<number>()
      const pool = yield* recursive({ workers: 2 }, (self, n) => {
        if (n === 0) return leaf
        if (n === 1) return Deferred.await(gate)
        return Effect.map(
          Effect.forEach(range(0, 6), () => run(self, 0), { concurrency: "unbounded" }),
          (all) => all.length
        )
      })
      yield* submit(pool, 1)
      const parent = yield* Effect.forkChild(run(pool, 2))
      yield* Deferred.succeed(gate, 1)
      assert.strictEqual(yield* Fiber.join(parent), 6)
      assert.strictEqual(seen.most, 2)
    })
  )

  it.effect("interrupting it interrupts what runs in its place, or takes it out of the queue", () =>
    Effect.gen(function* () {
      const begun: Array<number> = []
      const pool = yield* recursive({}, (self, n) => {
        begun.push(n)
        if (n === 0) return Effect.never
        return Effect.as(
          Effect.forEach([0, 0], (m) => run(self, m), { concurrency: 2 }),
          1
        )
      })
      const parent = yield* Effect.forkChild(run(pool, 1))
      while (begun.length < 2) yield* Effect.yieldNow
      assert.deepInclude(yield* stats(pool), { active: 1, running: 2, waiting: 0, queued: 1 })
      yield* Fiber.interrupt(parent)
      assert.deepInclude(yield* stats(pool), { active: 0, running: 0, queued: 0, interrupted: 3, submitted: 3 })
      assert.deepStrictEqual(begun, [1, 0])
    })
  )

  it.effect("a wait that is interrupted leaves what runs in the task's place alone", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<number>()
      const pool = yield* recursive({}, (self, n) =>
        n === 0
          ? Deferred.await(gate)
          : Effect.gen(function* () {
              const job = yield* submit(self, 0)
              const waiter = yield* Effect.forkChild(job.await)
              yield* Effect.replicateEffect(Effect.yieldNow, 5, { discard: true })
              yield* Fiber.interrupt(waiter)
              yield* Deferred.succeed(gate, 42)
              return yield* job.await
            })
      )
      assert.strictEqual(yield* run(pool, 1), 42)
    })
  )

  it.effect("a paused pool lets tasks have what they wait for", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const pool = yield* recursive({}, (self, n) =>
        n === 0 ? Effect.succeed(7) : Effect.andThen(Deferred.await(gate), run(self, 0))
      )
      const parent = yield* Effect.forkChild(run(pool, 1), { startImmediately: true })
      yield* WorkerPool.pause(pool)
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual(yield* Fiber.join(parent), 7)
    })
  )

  it.effect("overflow does not count inside: a full pool that fails still has its tasks' runs done", () =>
    Effect.gen(function* () {
      const pool = yield* recursive({ capacity: 0, overflow: "fail" }, (self, n) =>
        n === 0 ? Effect.succeed(1) : Effect.map(run(self, n - 1), (d) => d + 1)
      )
      assert.strictEqual(yield* run(pool, 3), 4)
    })
  )

  it.effect("a close interrupts what runs in a task's place, also what was submitted", () =>
    Effect.gen(function* () {
      const pool = yield* recursive({}, (self, n) =>
        n === 0 ? Effect.never : Effect.flatMap(submit(self, 0), (job) => job.await)
      )
      yield* submit(pool, 1)
      yield* Effect.replicateEffect(Effect.yieldNow, 10, { discard: true })
      assert.deepInclude(yield* stats(pool), { active: 1, running: 2 })
      yield* close(pool)
      assert.deepInclude(yield* stats(pool), { active: 0, running: 0, interrupted: 2 })
    })
  )

  it.effect("a closed pool refuses its own tasks too", () =>
    Effect.gen(function* () {
      const pool = yield* recursive({}, (self, n) =>
        n === 0 ? Effect.succeed(0) : Effect.andThen(close(self), Effect.flip(run(self, 0)).pipe(Effect.as(1)))
      )
      assert.strictEqual(yield* run(pool, 1), 1)
    })
  )
})

describe("a wait that would never end", () => {
  it.effect("for one's own job, or that of the task around, dies with a message", () =>
    Effect.gen(function* () {
      const jobs: Array<WorkerPool.Job<number, unknown>> = []
      const pool = yield* recursive({ workers: 2, name: "mail" }, (self, n) =>
        n === 0 ? jobs[0]!.await : run(self, n - 1)
      )
      jobs.push(yield* submit(pool, 2))
      assert.strictEqual(
        endOf(yield* Effect.exit(jobs[0]!.await)),
        'died: WorkerPool on "mail": a task cannot wait for itself, nor for a task that waits for it'
      )
    })
  )

  it.effect("of two tasks for each other is found by the second", () =>
    Effect.gen(function* () {
      const jobs: Array<WorkerPool.Job<number, unknown>> = []
      const pool = yield* recursive({ workers: 2 }, (_, n) =>
        Effect.andThen(
          Effect.yieldNow,
          Effect.suspend(() => Effect.map(Effect.exit(jobs[1 - n]!.await), (exit) => (Exit.hasDies(exit) ? 1 : 0)))
        )
      )
      jobs.push(...(yield* submitAll(pool, [0, 1])))
      const ends = yield* awaitAll(jobs)
      assert.strictEqual(ends.filter((end) => end === 1).length, 1)
    })
  )

  it.effect("a wait for one that runs elsewhere and waits for somebody else is none", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<number>()
      const jobs: Array<WorkerPool.Job<number, unknown>> = []
      const pool = yield* recursive({ workers: 3 }, (_, n) =>
        n === 2 ? Deferred.await(gate) : Effect.suspend(() => jobs[n + 1]!.await)
      )
      jobs.push(...(yield* submitAll(pool, [0, 1, 2])))
      yield* Effect.replicateEffect(Effect.yieldNow, 10, { discard: true })
      yield* Deferred.succeed(gate, 5)
      assert.deepStrictEqual(yield* awaitAll(jobs), [5, 5, 5])
    })
  )
})

describe("pools inside pools", () => {
  it.effect("PS-01 PS-05 a pool of few that runs in a larger one has its own limit", () =>
    Effect.gen(function* () {
      const { leaf, seen } = leaves()
      const large = yield* make({ workers: 10, handle: () => leaf })
      const middle = yield* make({ workers: 5, handle: (n: number) => run(large, n) })
      const small = yield* make({ workers: 1, handle: (n: number) => run(middle, n) })
      yield* awaitAll(yield* submitAll(small, range(0, 10)))
      assert.strictEqual(seen.most, 1)
      yield* awaitAll(yield* submitAll(middle, range(0, 10)))
      assert.strictEqual(seen.most, 5)
      assert.deepInclude(yield* stats(large), { submitted: 20, succeeded: 20 })
    })
  )

  it.effect("PS-04 PS-06 interleaved and closed, the inner one leaves the outer one usable", () =>
    Effect.gen(function* () {
      const outer = yield* make({ workers: 1, handle: (n: number) => Effect.as(Effect.yieldNow, n) })
      const inner = yield* make({ workers: 1, handle: (n: number) => run(outer, n) })
      const jobs = [yield* submit(outer, 1), yield* submit(inner, 2), yield* submit(outer, 3)]
      assert.deepStrictEqual(yield* awaitAll(jobs as ReadonlyArray<WorkerPool.Job<number, unknown>>), [1, 2, 3])
      yield* close(inner)
      assert.strictEqual(yield* run(outer, 4), 4)
    })
  )

  it.effect("two pools whose tasks need each other, with a worker each", () =>
    Effect.gen(function* () {
      let a: Pool | undefined
      let b: Pool | undefined
      const through = (n: number, next: () => Pool, way: "run" | "submit"): Effect.Effect<number, any> =>
        n === 0
          ? Effect.succeed(0)
          : way === "run"
            ? run(next(), n - 1)
            : Effect.flatMap(submit(next(), n - 1), (job) => job.await)
      for (const way of ["run", "submit"] as const) {
        const first: Pool = yield* make({ workers: 1, handle: (n: number) => through(n, () => b!, way) })
        const second: Pool = yield* make({ workers: 1, handle: (n: number) => through(n, () => a!, way) })
        a = first
        b = second
        assert.strictEqual(yield* run(a, 7), 0)
      }
    })
  )
})
