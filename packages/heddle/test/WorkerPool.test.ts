import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"

import * as WorkerPool from "../src/WorkerPool.ts"
import { awaitAll, counts, die, endOf, fail, hold, makeWorld, range, succeed } from "./support/pools.ts"

const { close, make, run, stats, submit, submitAll } = WorkerPool

const nothing = {
  active: 0,
  queued: 0,
  waiting: 0,
  running: 0,
  retrying: 0,
  submitted: 0,
  succeeded: 0,
  failed: 0,
  interrupted: 0,
  dropped: 0
}

describe("what runs", () => {
  for (const workers of [1, 10, 100]) {
    it.effect(`CO-03 never more than ${workers} of ${10 * workers} tasks run at a time, and none in the end`, () =>
      Effect.gen(function* () {
        let running = 0
        let most = 0
        const pool = yield* make({
          workers,
          handle: () =>
            Effect.gen(function* () {
              most = Math.max(most, ++running)
              yield* Effect.sleep("1 second")
              running--
            })
        })
        const jobs = yield* submitAll(pool, range(0, 10 * workers))
        for (let second = 0; second < 10; second++) {
          assert.deepInclude(yield* stats(pool), { active: workers, idle: 0, succeeded: second * workers })
          yield* TestClock.adjust("1 second")
        }
        yield* awaitAll(jobs)
        assert.strictEqual(most, workers)
        assert.deepInclude(yield* stats(pool), {
          ...nothing,
          idle: workers,
          submitted: 10 * workers,
          succeeded: 10 * workers
        })
      })
    )
  }

  it.effect("PO-01 CO-01 a thousand tasks on a hundred workers all end", () =>
    Effect.gen(function* () {
      const pool = yield* make({ workers: 100, handle: () => Effect.sleep("1 millis") })
      const jobs = yield* submitAll(pool, range(0, 1000))
      yield* TestClock.adjust("10 millis")
      assert.lengthOf(yield* awaitAll(jobs), 1000)
      assert.deepInclude(yield* stats(pool), { ...nothing, submitted: 1000, succeeded: 1000 })
    })
  )

  it.effect("CO-07 AN-05 stats tell the workers there are from those that have a task", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const pool = yield* make({ workers: 42, handle: world.handle })
      yield* awaitAll(yield* submitAll(pool, range(0, 5).map(succeed)))
      yield* submit(pool, hold(5))
      assert.deepInclude(yield* stats(pool), { workers: 42, active: 1, idle: 41, running: 1 })
    })
  )

  it.effect("W13 twenty tasks on one worker begin in the order of their submission", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const pool = yield* make({ workers: 1, handle: world.handle })
      yield* awaitAll(yield* submitAll(pool, range(0, 20).map(succeed)))
      assert.deepStrictEqual(yield* world.log, range(0, 20))
    })
  )

  it.effect("W15 a burst begins on all workers at once", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const pool = yield* make({ workers: 8, handle: world.handle })
      yield* submitAll(pool, range(0, 8).map(hold))
      yield* Effect.forEach(range(0, 8), world.begun)
      assert.deepInclude(yield* stats(pool), { active: 8, queued: 0 })
    })
  )

  it.effect("W21 a long task holds up one worker only", () =>
    Effect.gen(function* () {
      const pool = yield* make({ workers: 2, handle: (millis: number) => Effect.sleep(millis) })
      const jobs = yield* submitAll(pool, [800, ...range(0, 15).map(() => 50)])
      const all = yield* Effect.forkChild(awaitAll(jobs))
      yield* TestClock.adjust("799 millis")
      assert.deepInclude(yield* stats(pool), { succeeded: 15, active: 1 })
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(all)
    })
  )

  it.effect("H4 ten thousand tasks that do nothing need no stack", () =>
    Effect.gen(function* () {
      const pool = yield* make({ workers: 2, capacity: Infinity, handle: () => Effect.void })
      assert.lengthOf(yield* awaitAll(yield* submitAll(pool, range(0, 10_000))), 10_000)
    })
  )

  it.effect("AN-09 a pool without a limit runs whatever comes", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const pool = yield* make({ workers: Infinity, capacity: 0, overflow: "fail", handle: world.handle })
      yield* submitAll(pool, range(0, 500).map(hold))
      assert.deepInclude(yield* stats(pool), { workers: Infinity, active: 500, idle: Infinity, running: 500 })
    })
  )

  it.effect("GW-02 as few workers are used as there are tasks at a time", () =>
    Effect.gen(function* () {
      let made = 0
      const init = Effect.sync(() => ++made)
      const pool = yield* make({ workers: 10, init, handle: (_: number, worker) => Effect.succeed(worker) })
      assert.deepStrictEqual(
        yield* Effect.forEach(range(0, 10), (n) => run(pool, n)),
        range(0, 10).map(() => 1)
      )
    })
  )
})

describe("results", () => {
  it.effect("CO-04 CO-05 PO-02 W10 defects are the end of their tasks, and of no worker", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const pool = yield* make({ workers: 2, handle: world.handle })
      const jobs = yield* submitAll(pool, range(0, 10).map(die))
      assert.deepStrictEqual(
        yield* awaitAll(jobs),
        range(0, 10).map((id) => `died: ${id}`)
      )
      assert.strictEqual(yield* run(pool, succeed(10)), 10)
      assert.deepInclude(yield* stats(pool), { ...nothing, submitted: 11, failed: 10, succeeded: 1, idle: 2 })
    })
  )

  it.effect("a handler that throws is a defect of its task", () =>
    Effect.gen(function* () {
      const thrown = new Error("thrown")
      const pool = yield* make({
        workers: 1,
        handle: (): Effect.Effect<number> => {
          throw thrown
        }
      })
      const job = yield* submit(pool, 1)
      assert.deepStrictEqual(yield* Effect.exit(job.await), Exit.die(thrown))
      assert.deepStrictEqual(yield* Effect.exit(run(pool, 1)), Exit.die(thrown))
      assert.deepInclude(yield* stats(pool), { ...nothing, submitted: 2, failed: 2 })
    })
  )

  it.effect("a handler that gives no effect is a defect of its task, and keeps no worker", () =>
    Effect.gen(function* () {
      const handle = (n: number) => (n === 0 ? (42 as never) : Effect.succeed(n))
      const pool = yield* make({ workers: 1, name: "mail", handle })
      const message = 'died: WorkerPool.make on "mail": handle must give an effect, got 42'
      assert.strictEqual(endOf(yield* Effect.exit(run(pool, 0))), message)
      assert.deepStrictEqual(yield* awaitAll(yield* submitAll(pool, [0, 1])), [message, 1])
      assert.deepInclude(yield* stats(pool), { active: 0, submitted: 3, failed: 2 })
    })
  )

  it.effect("CO-08 CO-13 a pool is used again: the results of each round are those of its tasks", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const pool = yield* make({ workers: 3, handle: world.handle })
      for (const from of [0, 10]) {
        const jobs = yield* submitAll(pool, range(from, from + 10).map(succeed))
        assert.deepStrictEqual(yield* awaitAll(jobs), range(from, from + 10))
      }
      assert.lengthOf(yield* world.log, 20)
    })
  )

  it.effect("CO-09 the errors of one round are not those of the next", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const pool = yield* make({ workers: 3, handle: world.handle })
      const first = yield* submitAll(pool, [fail(1), succeed(2), fail(3)])
      assert.deepStrictEqual(yield* awaitAll(first), ["Rejected", 2, "Rejected"])
      const second = yield* submitAll(pool, [succeed(4)])
      assert.deepStrictEqual(yield* awaitAll(second), [4])
      assert.deepStrictEqual(yield* awaitAll(first), ["Rejected", 2, "Rejected"])
    })
  )

  it.effect("CO-14 siblings of a task that dies run to their ends", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const pool = yield* make({ workers: 3, handle: world.handle })
      const jobs = yield* submitAll(pool, [hold(0), die(1), hold(2)])
      yield* jobs[1]!.await.pipe(Effect.exit)
      yield* Effect.forEach([0, 2], world.release)
      assert.deepStrictEqual(yield* awaitAll(jobs), [0, "died: 1", 2])
    })
  )

  it.effect("PO-03 ten thousand tasks, every other of which fails, are counted as such", () =>
    Effect.gen(function* () {
      const pool = yield* make({ workers: 10, handle: (n: number) => (n % 2 === 0 ? Effect.void : Effect.fail(n)) })
      yield* submitAll(pool, range(0, 10_000), { discard: true })
      yield* WorkerPool.drain(pool)
      assert.deepInclude(yield* stats(pool), { ...nothing, submitted: 10_000, succeeded: 5_000, failed: 5_000 })
    })
  )

  it.effect("submitAll gives the jobs of any iterable in its order, and none with discard", () =>
    Effect.gen(function* () {
      const pool = yield* make({ workers: 2, capacity: 3, handle: (n: number) => Effect.as(Effect.yieldNow, n * n) })
      const jobs = yield* submitAll(pool, new Set([5, 4, 3, 2, 1, 0]))
      assert.deepStrictEqual(yield* awaitAll(jobs), [25, 16, 9, 4, 1, 0])
      assert.isUndefined(yield* submitAll(pool, [1, 2, 3], { discard: true }))
      assert.deepStrictEqual(yield* submitAll(pool, []), [])
    })
  )

  it.effect("a source that throws ends submitAll; what was handed in before goes on", () =>
    Effect.gen(function* () {
      const pool = yield* make({ workers: 1, handle: (n: number) => Effect.succeed(n) })
      const source = function* () {
        yield 1
        throw new Error("no more")
      }
      assert.strictEqual(endOf(yield* Effect.exit(submitAll(pool, source()))), "died: no more")
      yield* WorkerPool.drain(pool)
      assert.deepInclude(yield* stats(pool), { submitted: 1, succeeded: 1 })
    })
  )

  it.effect("regression conc#156: a result is not lost because the task before it failed", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const pool = yield* make({ workers: 1, handle: world.handle })
      assert.deepStrictEqual(yield* awaitAll(yield* submitAll(pool, [succeed(1), fail(2), succeed(3)])), [
        1,
        "Rejected",
        3
      ])
    })
  )
})

describe("priorities", () => {
  it.effect("Q2 tasks of one priority begin in the order in which they came, a higher one first", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const pool = yield* make({ workers: 1, handle: world.handle })
      yield* submit(pool, hold(0))
      yield* submit(pool, succeed(1))
      yield* submit(pool, succeed(2), { priority: 1 })
      const last = yield* submit(pool, succeed(3))
      yield* world.release(0)
      yield* last.await
      assert.deepStrictEqual(yield* world.log, [0, 2, 1, 3])
    })
  )

  it.effect("Q18 among several priorities, run and submit alike", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const pool = yield* make({ workers: 1, handle: world.handle })
      yield* submit(pool, hold(0), { priority: -6 })
      for (const [id, priority] of [
        [1, -5],
        [2, -5],
        [3, 0],
        [4, -9],
        [5, -1],
        [6, -1]
      ] as const) {
        if (id % 2 === 0) yield* submit(pool, succeed(id), { priority })
        else yield* Effect.forkChild(run(pool, succeed(id), { priority }), { startImmediately: true })
      }
      yield* world.release(0)
      yield* WorkerPool.drain(pool)
      assert.deepStrictEqual(yield* world.log, [0, 3, 5, 6, 1, 2, 4])
    })
  )

  it.effect("a priority that is no integer dies with a message that names it", () =>
    Effect.gen(function* () {
      const pool = yield* make({ workers: 1, name: "mail", handle: () => Effect.void })
      for (const priority of [NaN, 1e10]) {
        assert.isTrue(Exit.hasDies(yield* Effect.exit(submit(pool, 1, { priority }))))
        assert.isTrue(Exit.hasDies(yield* Effect.exit(run(pool, 1, { priority }))))
        assert.isTrue(Exit.hasDies(yield* Effect.exit(submitAll(pool, [1], { priority }))))
      }
      assert.include(
        String(endOf(yield* Effect.exit(submit(pool, 1, { priority: 0.5 })))),
        'WorkerPool.submit on "mail": priority must be an integer from -1000000000 to 1000000000, got 0.5'
      )
      assert.deepInclude(yield* stats(pool), nothing)
    })
  )
})

describe("options", () => {
  for (const workers of [0, -1, 1.5, NaN]) {
    it.effect(`CO-06 PO-07 GW-01 ${workers} workers die`, () =>
      Effect.gen(function* () {
        const exit = yield* Effect.exit(make({ workers, handle: () => Effect.void }))
        assert.match(String(endOf(exit)), /^died: WorkerPool.make: workers must be .+, got /)
      })
    )
  }

  it.effect("P2 a capacity, a maxWaiting or a timeout out of its range dies, and so does endless stealing", () =>
    Effect.gen(function* () {
      const handle = () => Effect.void
      const makes: ReadonlyArray<Effect.Effect<unknown, never, Scope.Scope>> = [
        make({ workers: 1, capacity: -1, handle }),
        make({ workers: 1, capacity: 0.5, handle }),
        make({ workers: 1, maxWaiting: NaN, handle }),
        make({ workers: 1, timeout: NaN, handle }),
        make({ workers: Infinity, distribute: "stealing", handle }),
        make({ workers: Infinity, distribute: { keyed: String }, init: Effect.void, handle })
      ]
      for (const one of makes) assert.isTrue(Exit.hasDies(yield* Effect.exit(one)))
    })
  )
})

describe("where tasks run", () => {
  const Tenant = Context.Reference<string>("test/Tenant", { defaultValue: () => "nobody" })
  const tenant = Effect.service(Tenant)

  it.effect("a run is in the context of its caller, and a job in that of the pool", () =>
    Effect.gen(function* () {
      const pool = yield* make({ workers: 1, handle: () => tenant }).pipe(Effect.provideService(Tenant, "pool"))
      const asked = Effect.all([run(pool, 0), Effect.flatMap(submit(pool, 0), (job) => job.await)])
      assert.deepStrictEqual(yield* Effect.provideService(asked, Tenant, "caller"), ["caller", "pool"])
      assert.deepStrictEqual(yield* asked, ["pool", "pool"])
      assert.strictEqual(yield* tenant, "nobody")
    })
  )

  it.effect("a run leaves the context of its caller as it was, however it ends", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const pool = yield* make({ workers: 1, handle: world.handle })
      const before = yield* Effect.context()
      for (const task of [succeed(1), fail(2), die(3)]) {
        yield* Effect.exit(run(pool, task))
        assert.strictEqual(yield* Effect.context(), before)
      }
    })
  )

  it.effect("a run is in the fiber of its caller, a job in one of its own that ends what it forks", () =>
    Effect.gen(function* () {
      const child: Array<Fiber.Fiber<never>> = []
      const fork = Effect.tap(Effect.forkChild(Effect.never), (fiber) => Effect.sync(() => child.push(fiber)))
      const pool = yield* make({ workers: 1, handle: () => Effect.andThen(fork, Effect.fiberId) })
      assert.strictEqual(yield* run(pool, 0), yield* Effect.fiberId)
      assert.isUndefined(child[0]!.pollUnsafe())
      const job = yield* submit(pool, 0)
      assert.notStrictEqual(yield* job.await, yield* Effect.fiberId)
      assert.isDefined(child[1]!.pollUnsafe())
    })
  )

  it.effect("a job does not inherit a deadline or a span of its submitter", () =>
    Effect.gen(function* () {
      const pool = yield* make({ workers: 1, handle: () => Effect.option(Effect.currentSpan) }).pipe(
        Effect.withSpan("made here")
      )
      const job = yield* submit(pool, 0)
      assert.strictEqual((yield* job.await)._tag, "None")
    })
  )
})

describe("inspection", () => {
  it.effect("a pool and a job show what they are, and no more", () =>
    Effect.gen(function* () {
      const pool = yield* make({ workers: 2, name: "mail", handle: () => Effect.never })
      const job = yield* submit(pool, 1)
      assert.deepInclude(JSON.parse(JSON.stringify(pool)), { _id: "WorkerPool", name: "mail", workers: 2, active: 1 })
      assert.deepStrictEqual(JSON.parse(JSON.stringify(job)), { _id: "Job", state: "granted" })
      assert.strictEqual(String(Exit.succeed(job)), "Success(Job(granted))")
      assert.strictEqual(
        pool.pipe((self) => self),
        pool
      )
    })
  )

  it.effect("StopReason says in the cause why a run was interrupted", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const pool = yield* make({ workers: 1, name: "mail", handle: world.handle })
      const runner = yield* Effect.forkChild(run(pool, hold(0)))
      yield* world.begun(0)
      yield* close(pool)
      const exit = yield* Fiber.await(runner)
      const annotations = Exit.isFailure(exit) ? Cause.annotations(exit.cause) : Context.empty()
      const reason = Context.getOption(annotations, WorkerPool.StopReason)
      assert.deepInclude(reason, { value: { pool: "mail", because: "closed" } })
    })
  )

  it.effect("counts keep the sum at every step", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const pool = yield* make({ workers: 1, capacity: 2, overflow: "dropOldest", handle: world.handle })
      const sum = Effect.map(stats(pool), (s) => {
        const parts = s.queued + s.running + s.retrying + s.succeeded + s.failed + s.interrupted + s.dropped
        assert.strictEqual(s.submitted, parts)
        return s.submitted
      })
      for (const task of [hold(0), succeed(1), fail(2), succeed(3), die(4)]) {
        yield* submit(pool, task)
        yield* sum
      }
      yield* world.release(0)
      yield* world.settle
      assert.strictEqual(yield* sum, 5)
      assert.deepStrictEqual(yield* counts(pool, "succeeded", "failed", "dropped"), {
        succeeded: 2,
        failed: 1,
        dropped: 2
      })
    })
  )
})
