/** How tasks end before their time, and how pools do. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"

import * as WorkerPool from "../src/WorkerPool.ts"
import { awaitAll, endOf, hold, makeWorld, range, succeed } from "./support/pools.ts"

const { close, drain, make, pause, run, stats, submit, submitAll } = WorkerPool

const settle = Effect.replicateEffect(Effect.yieldNow, 10, { discard: true })

describe("interruption", () => {
  it.effect("Q5 Q4 B3 an interrupted job that waits is gone, and no other", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const pool = yield* make({ workers: 1, handle: world.handle })
      // the same task twice: a job is not its task
      const jobs = yield* submitAll(pool, [hold(0), succeed(1), succeed(1), succeed(2)])
      assert.strictEqual((yield* stats(pool)).queued, 3)
      yield* jobs[2]!.interrupt
      assert.strictEqual((yield* stats(pool)).queued, 2)
      yield* world.release(0)
      assert.deepStrictEqual(yield* awaitAll(jobs), [0, 1, "interrupted", 2])
      assert.deepStrictEqual(yield* world.log, [0, 1, 2])
    })
  )

  it.effect("Q6 W5 what runs and what waits, interrupted at once, leave a pool that works (p-queue#168)", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const pool = yield* make({ workers: 1, handle: world.handle })
      const jobs = yield* submitAll(pool, [hold(0), hold(1)])
      yield* world.begun(0)
      yield* Effect.forEach(jobs, (job) => job.interrupt, { concurrency: 2 })
      assert.deepStrictEqual(yield* awaitAll(jobs), ["interrupted", "interrupted"])
      assert.deepInclude(yield* stats(pool), { queued: 0, running: 0, interrupted: 2, idle: 1 })
      assert.strictEqual(yield* run(pool, succeed(42)), 42)
    })
  )

  it.effect("H5 ten thousand jobs that wait, interrupted at once", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const pool = yield* make({ workers: 1, capacity: Infinity, handle: world.handle })
      const jobs = yield* submitAll(pool, range(0, 10_001).map(hold))
      yield* Effect.forEach(jobs.slice(1), (job) => job.interrupt, { discard: true })
      assert.deepInclude(yield* stats(pool), { queued: 0, running: 1, interrupted: 10_000 })
    })
  )

  it.effect("the worker of an interrupted task is free when its finalizers have run", () =>
    Effect.gen(function* () {
      const pool = yield* make({
        workers: 1,
        handle: (n: number) =>
          Effect.onInterrupt(n === 0 ? Effect.never : Effect.succeed(n), () => Effect.sleep("1 second"))
      })
      // the first sleep of a TestClock ends when its fiber was interrupted
      yield* TestClock.adjust(0)
      const [first, second] = yield* submitAll(pool, [0, 1])
      yield* settle
      const interrupt = yield* Effect.forkChild(first!.interrupt)
      yield* TestClock.adjust("999 millis")
      assert.deepInclude(yield* stats(pool), { running: 1, queued: 1 })
      assert.isUndefined(interrupt.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(interrupt)
      assert.deepStrictEqual(yield* awaitAll([first!, second!]), ["interrupted", 1])
    })
  )

  it.effect("PO-14 regression: a task that interrupts itself leaks no worker, and its job settles", () =>
    Effect.gen(function* () {
      const pool = yield* make({ workers: 1, handle: (n: number) => (n === 0 ? Effect.interrupt : Effect.succeed(n)) })
      const jobs = yield* submitAll(pool, [0, 1])
      assert.deepStrictEqual(yield* awaitAll(jobs), ["interrupted", 1])
      assert.strictEqual(endOf(yield* Effect.exit(run(pool, 0))), "interrupted")
      assert.strictEqual(yield* run(pool, 2), 2)
      assert.deepInclude(yield* stats(pool), { submitted: 4, succeeded: 2, interrupted: 2, active: 0, idle: 1 })
    })
  )

  it.effect("a task that interrupts its own job does not wait for itself", () =>
    Effect.gen(function* () {
      const jobs: Array<WorkerPool.Job<unknown, unknown>> = []
      const pool = yield* make({
        workers: 1,
        handle: () => Effect.suspend(() => Effect.andThen(jobs[0]!.interrupt, Effect.never))
      })
      jobs.push(yield* submit(pool, 0))
      assert.deepStrictEqual(yield* awaitAll(jobs), ["interrupted"])
    })
  )

  it.effect("a task is interrupted while it is being started, by somebody whom it wakes", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const pool = yield* make({ workers: 1, handle: world.handle })
      const job = yield* submit(pool, hold(0))
      // is resumed on the stack of the task
      const interrupter = yield* Effect.forkChild(Effect.andThen(world.begun(0), job.interrupt), {
        startImmediately: true
      })
      yield* Fiber.join(interrupter)
      assert.strictEqual(endOf(yield* Effect.exit(job.await)), "interrupted")
      assert.deepInclude(yield* stats(pool), { interrupted: 1, active: 0 })
    })
  )

  it.effect("regression p-queue#219: what is interrupted before it begins spends nothing", () =>
    Effect.gen(function* () {
      let spent = 0
      const pool = yield* make({
        workers: 1,
        handle: (n: number) =>
          Effect.andThen(
            Effect.sync(() => spent++),
            n === 0 ? Effect.never : Effect.void
          )
      })
      const [first, ...waiting] = yield* submitAll(pool, range(0, 6))
      yield* settle
      const runs = yield* Effect.forEach(range(6, 9), (n) => Effect.forkChild(run(pool, n), { startImmediately: true }))
      yield* Effect.forEach(waiting, (job) => job.interrupt)
      yield* Fiber.interruptAll(runs)
      const live = yield* submit(pool, 9)
      yield* first!.interrupt
      yield* live.await
      assert.strictEqual(spent, 2)
    })
  )

  it.effect("regression p-queue#239: whoever waits for what is dropped or interrupted is told", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const pool = yield* make({ workers: 1, handle: world.handle })
      const jobs = yield* submitAll(pool, range(0, 4).map(hold))
      const waiters = yield* Effect.forEach(jobs, (job) => Effect.forkChild(job.await, { startImmediately: true }))
      yield* Effect.forEach(jobs.slice(2), (job) => job.interrupt)
      yield* world.begun(0)
      yield* close(pool)
      const exits = yield* Effect.forEach(waiters, Fiber.await)
      assert.deepStrictEqual(exits.map(endOf), ["PoolClosed", "PoolClosed", "interrupted", "interrupted"])
    })
  )
})

describe("drain", () => {
  it.effect("GW-04 W11 Q22 lets all that was accepted end, callers in line included, and is idempotent", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const pool = yield* make({ workers: 5, capacity: 10, handle: world.handle })
      const all = yield* Effect.forEach(range(0, 20), (id) =>
        Effect.forkChild(
          id % 2 === 0 ? run(pool, hold(id)) : Effect.flatMap(submit(pool, hold(id)), (job) => job.await),
          {
            startImmediately: true
          }
        )
      )
      assert.deepInclude(yield* stats(pool), { running: 5, queued: 10, waiting: 5 })
      const drains = yield* Effect.forEach(range(0, 5), () => Effect.forkChild(drain(pool), { startImmediately: true }))
      assert.strictEqual(endOf(yield* Effect.exit(run(pool, succeed(20)))), "PoolClosed")
      yield* Effect.forEach(range(0, 19), world.release)
      yield* settle
      assert.isTrue(drains.every((fiber) => fiber.pollUnsafe() === undefined))
      yield* world.release(19)
      yield* Fiber.joinAll(drains)
      yield* drain(pool)
      assert.deepStrictEqual(yield* Fiber.joinAll(all), range(0, 20))
      assert.deepInclude(yield* stats(pool), { submitted: 20, succeeded: 20, dropped: 0 })
    })
  )

  it.effect("resumes a paused pool, which cannot be paused again", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const pool = yield* make({ workers: 1, handle: world.handle })
      yield* pause(pool)
      const jobs = yield* submitAll(pool, [hold(0), succeed(1)])
      const drained = yield* Effect.forkChild(drain(pool), { startImmediately: true })
      yield* pause(pool)
      yield* world.release(0)
      yield* Fiber.join(drained)
      assert.deepStrictEqual(yield* awaitAll(jobs), [0, 1])
    })
  )

  it.effect("accepts what the pool's own tasks submit", () =>
    Effect.gen(function* () {
      const done: Array<number> = []
      const pool = yield* make({
        workers: 2,
        handle: (n: number): Effect.Effect<void, WorkerPool.PoolClosed> =>
          Effect.gen(function* () {
            yield* Effect.yieldNow
            done.push(n)
            if (n > 0) yield* submit(pool, n - 1)
            if (n > 2) yield* run(pool, n - 2)
          })
      })
      yield* submit(pool, 4)
      yield* drain(pool)
      assert.deepStrictEqual(
        done.toSorted((a, b) => a - b),
        [0, 0, 0, 1, 1, 1, 2, 2, 3, 4]
      )
    })
  )

  it.effect("AN-07 PO-04 an interrupted drain goes on refusing, and close ends the rest", () =>
    Effect.gen(function* () {
      const pool = yield* make({ workers: 10, handle: () => Effect.sleep("1 second") })
      yield* submitAll(pool, range(0, 25))
      const drained = yield* Effect.forkChild(Effect.timeoutOption(drain(pool), "2 seconds"))
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* Fiber.join(drained))._tag, "None")
      assert.strictEqual(endOf(yield* Effect.exit(submit(pool, 0))), "PoolClosed")
      yield* close(pool)
      assert.deepInclude(yield* stats(pool), { submitted: 25, succeeded: 20, interrupted: 5, running: 0 })
      yield* drain(pool)
    })
  )

  it.effect("dies inside a task of the same pool, which it would wait for", () =>
    Effect.gen(function* () {
      const pool = yield* make({ workers: 1, name: "mail", handle: (): Effect.Effect<void> => drain(pool) })
      const message =
        'died: WorkerPool.drain on "mail": a task cannot wait for its own pool, which would wait for the task'
      assert.strictEqual(endOf(yield* Effect.exit(run(pool, 0))), message)
      const job = yield* submit(pool, 0)
      assert.strictEqual(endOf(yield* Effect.exit(job.await)), message)
    })
  )
})

describe("close", () => {
  it.effect("AN-06 every blocked producer goes on, with PoolClosed, and nothing hangs", () =>
    Effect.gen(function* () {
      const pool = yield* make({ workers: 1, capacity: 0, handle: () => Effect.sleep("1 second") })
      const produce = Effect.exit(Effect.forEach(range(0, 30), (n) => submit(pool, n), { discard: true }))
      const producers = yield* Effect.forEach([1, 2], () => Effect.forkChild(produce))
      yield* TestClock.adjust("2500 millis")
      yield* close(pool)
      const exits = yield* Fiber.joinAll(producers)
      assert.deepStrictEqual(exits.map(endOf), ["PoolClosed", "PoolClosed"])
      assert.deepInclude(yield* stats(pool), { succeeded: 2, interrupted: 1, waiting: 0, running: 0 })
    })
  )

  it.effect(
    "PO-15 what the close interrupts is PoolClosed for its job, what ended before is not; tasks that resist are waited for",
    () =>
      Effect.gen(function* () {
        const world = yield* makeWorld
        const stubborn = Effect.uninterruptible(Effect.andThen(world.begun(1), Effect.succeed(222)))
        const pool = yield* make({
          workers: 2,
          handle: (n: number) => (n === 111 ? Effect.succeed(n) : n === 222 ? stubborn : Effect.never)
        })
        const jobs = yield* submitAll(pool, [111, 222, 333, 444])
        yield* settle
        const closed = yield* Effect.forkChild(close(pool), { startImmediately: true })
        yield* settle
        assert.isUndefined(closed.pollUnsafe())
        yield* world.handle(succeed(1))
        yield* Fiber.join(closed)
        assert.deepStrictEqual(yield* awaitAll(jobs), [111, "PoolClosed", "PoolClosed", "PoolClosed"])
        assert.deepInclude(yield* stats(pool), { succeeded: 1, interrupted: 2, dropped: 1 })
      })
  )

  it.effect("a failure, a defect or an interruption of one's own is not overwritten by the close", () =>
    Effect.gen(function* () {
      const cleanups = [Effect.fail("cleanup failed"), Effect.die(new Error("cleanup")), Effect.void]
      const pool = yield* make({
        workers: 3,
        handle: (n: number): Effect.Effect<never, string> => Effect.onInterrupt(Effect.never, () => cleanups[n]!)
      })
      const jobs = yield* submitAll(pool, [0, 1, 2])
      yield* settle
      const [, , third] = jobs
      yield* Effect.all([third!.interrupt, close(pool)], { concurrency: 2 })
      assert.deepStrictEqual(yield* awaitAll(jobs), ["cleanup failed", "died: cleanup", "interrupted"])
    })
  )

  it.effect("is waited for by all who call it, and leaves a run that has not begun with PoolClosed", () =>
    Effect.gen(function* () {
      const pool = yield* make({
        workers: 1,
        handle: () => Effect.onInterrupt(Effect.never, () => Effect.sleep("1 second"))
      })
      // the first sleep of a TestClock ends when its fiber was interrupted
      yield* TestClock.adjust(0)
      yield* submit(pool, 0)
      const granted = yield* Effect.forkChild(run(pool, 1), { startImmediately: true })
      yield* settle
      const closes = yield* Effect.forEach(range(0, 5), () => Effect.forkChild(close(pool)))
      assert.strictEqual(endOf(yield* Fiber.await(granted)), "PoolClosed")
      yield* TestClock.adjust("999 millis")
      assert.isTrue(closes.every((fiber) => fiber.pollUnsafe() === undefined))
      yield* TestClock.adjust("1 millis")
      yield* Fiber.joinAll(closes)
    })
  )

  it.effect("a run that was granted and has not gone on fails with PoolClosed", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const pool = yield* make({ workers: 1, handle: world.handle })
      const job = yield* submit(pool, hold(0))
      yield* world.begun(0)
      const waiting = yield* Effect.forkChild(run(pool, succeed(1)), { startImmediately: true })
      yield* job.interrupt
      // the worker is the run's, whose fiber is on the ready ring
      yield* close(pool)
      assert.strictEqual(endOf(yield* Fiber.await(waiting)), "PoolClosed")
      assert.deepStrictEqual(yield* world.log, [0])
      assert.deepInclude(yield* stats(pool), { running: 0, dropped: 1, interrupted: 1 })
    })
  )

  it.effect("inside a task spares that task, and does not wait for it", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const pool = yield* make({
        workers: 3,
        handle: (n: number): Effect.Effect<string> =>
          n === 0
            ? Effect.as(close(pool), "closed it")
            : Effect.as(world.handle(hold(n)) as Effect.Effect<number>, "held")
      })
      const others = yield* submitAll(pool, [1, 2])
      yield* Effect.forEach([1, 2], world.begun)
      assert.strictEqual(yield* run(pool, 0), "closed it")
      assert.deepStrictEqual(yield* awaitAll(others), ["PoolClosed", "PoolClosed"])
    })
  )

  it.effect("the end of the scope closes the pool, when the fibers that use it are older than it and younger", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const world = yield* makeWorld
      const pool = yield* make({ workers: 2, handle: world.handle }).pipe(Scope.provide(scope))
      const job = yield* submit(pool, hold(0))
      const runner = yield* Effect.forkChild(run(pool, hold(1)))
      yield* Effect.forEach([0, 1], world.begun)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(endOf(yield* Effect.exit(job.await)), "PoolClosed")
      assert.strictEqual(endOf(yield* Fiber.await(runner)), "interrupted")
    })
  )

  it.effect("H6 pools that come and go keep nothing running", () =>
    Effect.gen(function* () {
      for (const round of range(0, 25)) {
        const job = yield* Effect.scoped(
          Effect.gen(function* () {
            const pool = yield* make({ workers: 2, handle: (n: number) => Effect.as(Effect.sleep("1 hour"), n) })
            const [job] = yield* submitAll(pool, [round, round])
            yield* settle
            return job!
          })
        )
        assert.strictEqual(endOf(yield* Effect.exit(job.await)), "PoolClosed")
      }
    })
  )
})
