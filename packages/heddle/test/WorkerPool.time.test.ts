/** Timeouts, retries, deadlines, and what is seen of time. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/testing/TestClock"

import * as Deadline from "../src/Deadline.ts"
import { attach } from "../src/internal/observer.ts"
import * as WorkerPool from "../src/WorkerPool.ts"
import { awaitAll, endOf, hold, makeWorld, range, succeed } from "./support/pools.ts"

const { close, make, run, stats, submit, submitAll } = WorkerPool

describe("timeout", () => {
  it.effect("Q9 counts from the start of a task, and not from its submission", () =>
    Effect.gen(function* () {
      const pool = yield* make({
        workers: 1,
        timeout: "50 millis",
        handle: (millis: number) => Effect.as(Effect.sleep(millis), millis)
      })
      const jobs = yield* submitAll(pool, [40, 40, 60])
      const all = yield* Effect.forkChild(awaitAll(jobs))
      yield* TestClock.adjust("130 millis")
      assert.deepStrictEqual(yield* Fiber.join(all), [40, 40, "TaskTimeout"])
    })
  )

  it.effect("Q21 interrupts the work; the worker is free when that has ended", () =>
    Effect.gen(function* () {
      let ended = 0
      const pool = yield* make({
        workers: 1,
        name: "mail",
        timeout: "50 millis",
        handle: () =>
          Effect.ensuring(
            Effect.sleep("75 millis"),
            Effect.andThen(
              Effect.sleep("10 millis"),
              Effect.sync(() => ended++)
            )
          )
      })
      const job = yield* submit(pool, 0)
      yield* TestClock.adjust("59 millis")
      assert.deepInclude(yield* stats(pool), { running: 1, failed: 0 })
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(ended, 1)
      assert.deepInclude(yield* stats(pool), { running: 0, failed: 1, idle: 1 })
      const timeout = yield* Effect.flip(job.await)
      assert.deepInclude(timeout, { _tag: "TaskTimeout", pool: "mail", timeout: Duration.millis(50) })
      assert.strictEqual(timeout.message, 'a task of the pool "mail" took longer than 50ms')
    })
  )

  it.effect("does not count what the state of the worker takes", () =>
    Effect.gen(function* () {
      const pool = yield* make({
        workers: 1,
        timeout: "50 millis",
        init: Effect.sleep("1 second"),
        handle: () => Effect.as(Effect.sleep("49 millis"), "done")
      })
      const result = yield* Effect.forkChild(run(pool, 0))
      yield* TestClock.adjust("1049 millis")
      assert.strictEqual(yield* Fiber.join(result), "done")
    })
  )
})

/** Fails so many times for each task. */
const failing = (times: number) => {
  const attempts = new Map<number, number>()
  const handle = (n: number) =>
    Effect.suspend(() => {
      const attempt = (attempts.get(n) ?? 0) + 1
      attempts.set(n, attempt)
      return attempt <= times ? Effect.fail(`failed ${attempt}`) : Effect.succeed(attempt)
    })
  return { attempts, handle }
}

describe("retry", () => {
  it.effect("tries again by its schedule, without a worker meanwhile, and counts a task once", () =>
    Effect.gen(function* () {
      const { handle } = failing(2)
      const pool = yield* make({ workers: 1, retry: Schedule.exponential("1 second"), handle })
      const job = yield* submit(pool, 0)
      const runner = yield* Effect.forkChild(run(pool, 1))
      yield* TestClock.adjust("999 millis")
      assert.deepInclude(yield* stats(pool), { retrying: 2, running: 0, active: 0, idle: 1, queued: 0, submitted: 2 })
      yield* TestClock.adjust("1 millis")
      assert.deepInclude(yield* stats(pool), { retrying: 2 })
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual([yield* job.await, yield* Fiber.join(runner)], [3, 3])
      assert.deepInclude(yield* stats(pool), { retrying: 0, submitted: 2, succeeded: 2, failed: 0 })
    })
  )

  it.effect("ends with the last failure when the schedule does", () =>
    Effect.gen(function* () {
      const { attempts, handle } = failing(10)
      const pool = yield* make({ workers: 1, retry: Schedule.recurs(3), handle })
      assert.strictEqual(yield* Effect.flip(run(pool, 0)), "failed 4")
      assert.strictEqual(attempts.get(0), 4)
      assert.deepInclude(yield* stats(pool), { submitted: 1, failed: 1, retrying: 0 })
    })
  )

  it.effect("each task has the schedule to itself, and is told what failed", () =>
    Effect.gen(function* () {
      const { attempts, handle } = failing(10)
      const fatal = Schedule.recurs(5).pipe(
        Schedule.setInputType<string>(),
        Schedule.while(({ input }) => input !== "failed 2")
      )
      const pool = yield* make({ workers: 2, retry: fatal, handle })
      yield* awaitAll(yield* submitAll(pool, range(0, 5)))
      assert.deepStrictEqual([...attempts.values()], [2, 2, 2, 2, 2])
    })
  )

  it.effect("a defect, an interruption and a failure beside a defect are not tried again", () =>
    Effect.gen(function* () {
      let attempts = 0
      const both = Effect.failCause(Cause.combine(Cause.fail("a"), Cause.die("b")))
      const pool = yield* make({
        workers: 1,
        retry: Schedule.recurs(5),
        handle: (effect: Effect.Effect<unknown, string>) =>
          Effect.andThen(
            Effect.sync(() => attempts++),
            effect
          )
      })
      for (const effect of [Effect.die("x"), Effect.interrupt, both]) yield* Effect.exit(run(pool, effect))
      assert.strictEqual(attempts, 3)
    })
  )

  it.effect("a timeout counts for each attempt, and is a failure like others", () =>
    Effect.gen(function* () {
      let attempts = 0
      const pool = yield* make({
        workers: 1,
        timeout: "1 second",
        retry: Schedule.spaced("1 second"),
        handle: () => Effect.suspend(() => (++attempts < 3 ? Effect.never : Effect.succeed(attempts)))
      })
      const runner = yield* Effect.forkChild(run(pool, 0))
      yield* TestClock.adjust("3999 millis")
      assert.isUndefined(runner.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* Fiber.join(runner), 3)
    })
  )

  it.effect("comes back behind those that wait, also when the queue is full", () =>
    Effect.gen(function* () {
      const log: Array<number> = []
      const { handle } = failing(1)
      const pool = yield* make({
        workers: 1,
        capacity: 1,
        retry: Schedule.spaced("10 millis"),
        handle: (n: number) =>
          Effect.suspend(() => {
            log.push(n)
            return n === 0 ? handle(n) : Effect.sleep("20 millis")
          })
      })
      const jobs = yield* Effect.forkChild(submitAll(pool, [0, 1, 2]))
      yield* TestClock.adjust("15 millis")
      assert.deepInclude(yield* stats(pool), { running: 1, queued: 2, retrying: 0 })
      yield* TestClock.adjust("100 millis")
      yield* awaitAll(yield* Fiber.join(jobs))
      assert.deepStrictEqual(log, [0, 1, 2, 0])
    })
  )

  it.effect("an interruption ends a backoff, and a wait after it, at once", () =>
    Effect.gen(function* () {
      const { attempts, handle } = failing(10)
      const world = yield* makeWorld
      const pool = yield* make({
        workers: 1,
        retry: Schedule.spaced("1 second"),
        handle: (n: number): Effect.Effect<number, any> => (n === 9 ? world.handle(hold(9)) : handle(n))
      })
      const jobs = yield* submitAll(pool, [0, 1])
      yield* world.settle
      yield* jobs[0]!.interrupt
      assert.deepInclude(yield* stats(pool), { retrying: 1, interrupted: 1 })
      yield* submit(pool, 9)
      yield* TestClock.adjust("1 second")
      assert.deepInclude(yield* stats(pool), { retrying: 0, queued: 1, running: 1 })
      yield* jobs[1]!.interrupt
      assert.deepInclude(yield* stats(pool), { queued: 0, running: 1, interrupted: 2 })
      assert.deepStrictEqual([...attempts.values()], [1, 1])
    })
  )

  it.effect("a close ends a backoff with PoolClosed, and a wait after it", () =>
    Effect.gen(function* () {
      const { handle } = failing(10)
      const world = yield* makeWorld
      const pool = yield* make({
        workers: 1,
        retry: Schedule.spaced("1 second"),
        handle: (n: number): Effect.Effect<number, any> => (n === 9 ? world.handle(hold(9)) : handle(n))
      })
      const first = yield* submit(pool, 0)
      yield* world.settle
      const held = yield* submit(pool, 9)
      yield* TestClock.adjust("1 second")
      const second = yield* submit(pool, 1)
      yield* close(pool)
      assert.deepStrictEqual(yield* awaitAll([first, second, held]), ["PoolClosed", "PoolClosed", "PoolClosed"])
      assert.deepInclude(yield* stats(pool), {
        running: 0,
        retrying: 0,
        queued: 0,
        submitted: 3,
        interrupted: 1,
        dropped: 2
      })
    })
  )

  it.effect("a drain waits for backoffs", () =>
    Effect.gen(function* () {
      const { handle } = failing(1)
      const pool = yield* make({ workers: 1, retry: Schedule.spaced("1 second"), handle })
      yield* submit(pool, 0)
      const drained = yield* Effect.forkChild(WorkerPool.drain(pool))
      yield* TestClock.adjust("999 millis")
      assert.isUndefined(drained.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(drained)
    })
  )

  it.effect("a task that waits for one that backs off helps it when it is back", () =>
    Effect.gen(function* () {
      const { handle } = failing(2)
      let pool: WorkerPool.FiberPool<number, number, any> | undefined
      pool = yield* make({
        workers: 1,
        retry: Schedule.spaced("1 second"),
        handle: (n: number): Effect.Effect<number, any> => (n === 0 ? handle(n) : run(pool!, n - 1))
      })
      const runner = yield* Effect.forkChild(run(pool, 2))
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* Fiber.join(runner), 3)
    })
  )

  it.effect("a backoff that the caller's deadline would cut short is not begun", () =>
    Effect.gen(function* () {
      const { attempts, handle } = failing(10)
      const pool = yield* make({ workers: 1, retry: Schedule.spaced("10 seconds"), handle })
      const bounded = yield* Effect.forkChild(Effect.flip(Deadline.within(run(pool, 0), "5 seconds")))
      yield* Effect.yieldNow
      yield* TestClock.adjust(0)
      assert.strictEqual(yield* Fiber.join(bounded), "failed 1")
      // a job has no deadline but its own
      const job = yield* Deadline.within(submit(pool, 1), "5 seconds")
      yield* TestClock.adjust("25 seconds")
      assert.strictEqual(attempts.get(1), 3)
      yield* job.interrupt
    })
  )
})

describe("what is seen", () => {
  it.effect("a pool with a name has histograms of queue time and run time, one without has none", () =>
    Effect.gen(function* () {
      const handle = (millis: number) => Effect.sleep(millis)
      const pool = yield* make({ workers: 1, name: "mail", handle })
      const all = yield* Effect.forkChild(Effect.flatMap(submitAll(pool, [100, 100, 100, 700]), awaitAll))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(all)
      const { queueTime, runTime } = yield* stats(pool)
      assert.deepStrictEqual([queueTime?.count, runTime?.count], [4, 4])
      assert.strictEqual(Duration.toMillis(queueTime!.max), 300)
      assert.strictEqual(Duration.toMillis(runTime!.max), 700)
      assert.closeTo(Duration.toMillis(runTime!.p50), 100, 1.1)
      assert.closeTo(Duration.toMillis(runTime!.p99), 700, 7.7)
      assert.closeTo(Duration.toMillis(queueTime!.p50), 100, 1.1)
      const unnamed = yield* make({ workers: 1, handle })
      assert.deepInclude(yield* stats(unnamed), { workers: 1 })
      assert.isUndefined((yield* stats(unnamed)).runTime)
    })
  )

  it.effect("a backoff is neither queue time nor run time", () =>
    Effect.gen(function* () {
      const { handle } = failing(1)
      const pool = yield* make({ workers: 1, name: "mail", retry: Schedule.spaced("1 hour"), handle })
      const runner = yield* Effect.forkChild(run(pool, 0))
      yield* TestClock.adjust("1 hour")
      yield* Fiber.join(runner)
      const { queueTime, runTime } = yield* stats(pool)
      for (const time of [queueTime, runTime])
        assert.deepStrictEqual([time!.count, Duration.toMillis(time!.max)], [2, 0])
    })
  )

  it.effect("each task of a pool with a name is a span, under that of its submitter", () =>
    Effect.gen(function* () {
      const pool = yield* make({ workers: 1, name: "mail", handle: () => Effect.currentSpan })
      const inSpan = Effect.gen(function* () {
        const job = yield* submit(pool, 0)
        return [yield* run(pool, 0), yield* job.await, yield* Effect.currentSpan] as const
      }).pipe(Effect.withSpan("request"))
      const [ran, worked, request] = yield* inSpan
      for (const span of [ran, worked]) {
        assert.strictEqual(span.name, "mail.task")
        assert.strictEqual(span.attributes.get("worker"), 0)
        assert.deepInclude(span.parent, { value: request })
      }
    })
  )

  it.effect("the counts of a pool with a name are gauges", () =>
    Effect.gen(function* () {
      const pool = yield* make({ workers: 3, name: "gauged", handle: () => Effect.never })
      yield* submitAll(pool, range(0, 5))
      const snapshots = yield* Metric.snapshot
      const value = (id: string) =>
        snapshots.find((one) => one.id === id && one.attributes?.["name"] === "gauged")?.state as
          | { value: number }
          | undefined
      assert.strictEqual(value("heddle_worker_pool_running")?.value, 3)
      assert.strictEqual(value("heddle_worker_pool_queued")?.value, 2)
    })
  )

  it.effect("Q14 an observer sees who waits and who has a worker", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      const detach = attach({ onEvent: ({ subject, type }) => void (subject.name === "seen" && events.push(type)) })
      const world = yield* makeWorld
      const pool = yield* make({ workers: 1, name: "seen", handle: world.handle })
      const jobs = yield* submitAll(pool, [hold(0), succeed(1), succeed(2)])
      yield* jobs[2]!.interrupt
      yield* world.release(0)
      yield* awaitAll(jobs)
      detach()
      assert.deepStrictEqual(events, ["acquire", "wait", "wait", "abandon", "release", "acquire", "release"])
      assert.strictEqual(endOf(yield* Effect.exit(jobs[0]!.await)), 0)
    })
  )
})
