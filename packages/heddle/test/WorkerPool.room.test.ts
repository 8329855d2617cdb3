/** What waits: capacity, overflow, blocked callers, pauses and resizes. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

import * as WorkerPool from "../src/WorkerPool.ts"
import { awaitAll, counts, endOf, hold, makeWorld, range, succeed } from "./support/pools.ts"

const { drain, make, pause, resize, resume, run, stats, submit, submitAll } = WorkerPool

const forkEach = <A, B, E, R>(items: ReadonlyArray<A>, f: (item: A) => Effect.Effect<B, E, R>) =>
  Effect.forEach(items, (item) => Effect.forkChild(f(item), { startImmediately: true }))

describe("suspend", () => {
  it.effect("PO-08 fifty tasks through a queue of ten all end", () =>
    Effect.gen(function* () {
      const pool = yield* make({ workers: 1, capacity: 10, handle: (n: number) => Effect.as(Effect.yieldNow, n) })
      const jobs = yield* Effect.forEach(range(0, 50), (n) => submit(pool, n), { concurrency: "unbounded" })
      assert.deepStrictEqual(yield* awaitAll(jobs), range(0, 50))
      assert.deepInclude(yield* stats(pool), { submitted: 50, succeeded: 50, dropped: 0 })
    })
  )

  it.effect("PO-10 without a queue a task is handed from its submitter to a worker", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const pool = yield* make({ workers: 1, capacity: 0, handle: world.handle })
      yield* submit(pool, hold(0))
      const [second] = yield* forkEach([1], (id) => submit(pool, hold(id)))
      assert.isUndefined(second!.pollUnsafe())
      assert.deepStrictEqual(yield* counts(pool, "queued", "waiting", "submitted"), {
        queued: 0,
        waiting: 1,
        submitted: 1
      })
      yield* world.release(0)
      const job = yield* Fiber.join(second!)
      yield* world.begun(1)
      assert.deepStrictEqual(yield* counts(pool, "queued", "waiting", "submitted"), {
        queued: 0,
        waiting: 0,
        submitted: 2
      })
      yield* world.release(1)
      assert.strictEqual(yield* job.await, 1)
    })
  )

  it.effect("callers that are blocked get room in the order in which they came, submit and run alike", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const pool = yield* make({ workers: 1, capacity: 2, handle: world.handle })
      yield* submitAll(pool, [hold(0), succeed(1), succeed(2)])
      const accepted: Array<number> = []
      const blocked = yield* forkEach(range(3, 9), (id): Effect.Effect<unknown, unknown> =>
        id % 2 === 0
          ? run(pool, succeed(id))
          : Effect.tap(submit(pool, hold(id)), () => Effect.sync(() => accepted.push(id)))
      )
      assert.deepStrictEqual(yield* counts(pool, "queued", "waiting"), { queued: 2, waiting: 6 })
      yield* Effect.forEach([0, 3, 5, 7], world.release)
      yield* Fiber.joinAll(blocked)
      yield* drain(pool)
      assert.deepStrictEqual(accepted, [3, 5, 7])
      assert.deepStrictEqual(yield* world.log, range(0, 9))
    })
  )

  it.effect("a blocked caller of high priority begins before what is queued", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const pool = yield* make({ workers: 1, capacity: 1, handle: world.handle })
      yield* submitAll(pool, [hold(0), succeed(1)])
      yield* forkEach([2], (id) => submit(pool, succeed(id), { priority: 1 }))
      yield* world.release(0)
      yield* drain(pool)
      assert.deepStrictEqual(yield* world.log, [0, 2, 1])
    })
  )

  it.effect("an interrupted blocked caller leaves nothing behind, and those behind him move up", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const pool = yield* make({ workers: 1, capacity: 1, handle: world.handle })
      yield* submitAll(pool, [hold(0), succeed(1)])
      const blocked = yield* forkEach([2, 3, 4], (id) => submit(pool, succeed(id)))
      const runs = yield* forkEach([5], (id) => run(pool, succeed(id)))
      yield* Fiber.interruptAll([blocked[0]!, blocked[2]!, runs[0]!])
      assert.deepStrictEqual(yield* counts(pool, "waiting", "submitted", "interrupted"), {
        waiting: 1,
        submitted: 2,
        interrupted: 0
      })
      yield* world.release(0)
      yield* Fiber.join(blocked[1]!)
      yield* drain(pool)
      assert.deepStrictEqual(yield* world.log, [0, 1, 3])
    })
  )

  it.effect("who is let in and interrupted before he goes on takes his task back if it has not begun", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const pool = yield* make({ workers: 1, capacity: 1, handle: world.handle })
      const [, queued] = yield* submitAll(pool, [hold(0), succeed(1)])
      const [blocked] = yield* forkEach([2], (id) => submit(pool, succeed(id)))
      // makes room, and the submitter is on the ready ring
      yield* queued!.interrupt
      assert.deepStrictEqual(yield* counts(pool, "queued", "waiting"), { queued: 1, waiting: 0 })
      yield* Fiber.interrupt(blocked!)
      assert.deepStrictEqual(yield* counts(pool, "queued", "interrupted", "submitted"), {
        queued: 0,
        interrupted: 2,
        submitted: 3
      })
      yield* world.release(0)
      yield* drain(pool)
      assert.deepStrictEqual(yield* world.log, [0])
    })
  )

  it.effect("AN-02 maxWaiting bounds the callers that wait: the next fails, one that gets room does not", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const pool = yield* make({ workers: 1, capacity: 0, maxWaiting: 1, handle: world.handle })
      yield* submit(pool, hold(0))
      const [blocked] = yield* forkEach([1], (id) => submit(pool, succeed(id)))
      const full = yield* Effect.flip(submit(pool, succeed(2)))
      assert.deepInclude(full, { _tag: "PoolFull", capacity: 0, queued: 0 })
      assert.strictEqual(endOf(yield* Effect.exit(run(pool, succeed(3)))), "PoolFull")
      yield* world.release(0)
      assert.strictEqual(yield* (yield* Fiber.join(blocked!)).await, 1)
      assert.deepInclude(yield* stats(pool), { submitted: 4, succeeded: 2, dropped: 2 })
    })
  )
})

describe("fail", () => {
  it.effect("AN-01 PO-09 W3 what finds no worker and no room is refused with the facts, and accepted later", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const pool = yield* make({ workers: 10, capacity: 10, overflow: "fail", name: "mail", handle: world.handle })
      yield* submitAll(pool, range(0, 20).map(hold))
      assert.deepInclude(yield* stats(pool), { running: 10, queued: 10, waiting: 0 })
      const full = yield* Effect.flip(submit(pool, hold(20)))
      assert.deepInclude(full, { _tag: "PoolFull", pool: "mail", capacity: 10, queued: 10 })
      assert.strictEqual(full.message, 'the pool "mail" is full: 10 tasks wait, and 10 may')
      assert.deepInclude(yield* stats(pool), { submitted: 21, dropped: 1 })
      yield* world.release(0)
      yield* world.begun(10)
      assert.strictEqual(endOf(yield* Effect.exit(submit(pool, succeed(21)))) instanceof Object, true)
    })
  )

  it.effect("PO-13 two are accepted, the third is refused; what comes after the end is not counted", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const pool = yield* make({ workers: 1, capacity: 1, overflow: "fail", handle: world.handle })
      const jobs = yield* Effect.forEach([42, 43], (id) => submit(pool, hold(id)))
      assert.strictEqual(endOf(yield* Effect.exit(submit(pool, hold(44)))), "PoolFull")
      yield* Effect.forEach([42, 43], world.release)
      assert.deepStrictEqual(yield* awaitAll(jobs), [42, 43])
      yield* drain(pool)
      assert.strictEqual(endOf(yield* Effect.exit(submit(pool, hold(45)))), "PoolClosed")
      assert.deepInclude(yield* stats(pool), { submitted: 3, succeeded: 2, dropped: 1 })
    })
  )

  it.effect("submitAll counts idle workers and the queue as room", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const pool = yield* make({ workers: 2, capacity: 2, overflow: "fail", handle: world.handle })
      assert.strictEqual(endOf(yield* Effect.exit(submitAll(pool, range(0, 5).map(hold)))), "PoolFull")
      yield* pause(pool)
      assert.strictEqual(endOf(yield* Effect.exit(submitAll(pool, range(0, 3).map(hold)))), "PoolFull")
      yield* resume(pool)
      assert.lengthOf(yield* submitAll(pool, range(0, 4).map(hold)), 4)
      assert.deepInclude(yield* stats(pool), { submitted: 12, dropped: 8, running: 2, queued: 2 })
    })
  )
})

describe("drop", () => {
  it.effect("dropNewest gives a job that has failed, and a run that fails", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const pool = yield* make({ workers: 1, capacity: 1, overflow: "dropNewest", handle: world.handle })
      const jobs = yield* submitAll(pool, [hold(0), succeed(1), succeed(2), succeed(3)])
      assert.strictEqual(endOf(yield* Effect.exit(run(pool, succeed(4)))), "PoolFull")
      yield* world.release(0)
      assert.deepStrictEqual(yield* awaitAll(jobs), [0, 1, "PoolFull", "PoolFull"])
      assert.deepInclude(yield* stats(pool), { submitted: 5, succeeded: 2, dropped: 3 })
    })
  )

  it.effect("dropOldest makes room: whoever has waited longest fails, be it a job or a run", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const pool = yield* make({ workers: 1, capacity: 2, overflow: "dropOldest", handle: world.handle })
      const first = yield* submitAll(pool, [hold(0), succeed(1)])
      const [waiting] = yield* forkEach([2], (id) => run(pool, succeed(id), { priority: 9 }))
      const second = yield* submitAll(pool, [succeed(3), succeed(4)])
      assert.strictEqual(endOf(yield* Fiber.await(waiting!)), "PoolFull")
      yield* world.release(0)
      assert.deepStrictEqual(yield* awaitAll([...first, ...second]), [0, "PoolFull", 3, 4])
      assert.deepInclude(yield* stats(pool), { submitted: 5, succeeded: 3, dropped: 2 })
    })
  )

  it.effect("without a queue there is nobody to drop but the newest", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const pool = yield* make({ workers: 1, capacity: 0, overflow: "dropOldest", handle: world.handle })
      const jobs = yield* submitAll(pool, [hold(0), hold(1)])
      yield* world.release(0)
      assert.deepStrictEqual(yield* awaitAll(jobs), [0, "PoolFull"])
    })
  )

  for (const distribute of ["stealing", { keyed: () => "one" }, { keyed: ({ id }: { id: number }) => id }] as const) {
    const name =
      typeof distribute === "string" ? distribute : distribute.keyed({ id: 1 }) === "one" ? "one key" : "keys"
    it.effect(`dropOldest drops the oldest also with ${name}`, () =>
      Effect.gen(function* () {
        const world = yield* makeWorld
        const pool = yield* make({ workers: 1, capacity: 2, overflow: "dropOldest", distribute, handle: world.handle })
        const jobs = yield* submitAll(pool, [hold(0), succeed(1), succeed(2)])
        yield* jobs[1]!.interrupt
        const more = yield* submitAll(pool, [succeed(3), succeed(4), succeed(5)])
        yield* world.release(0)
        assert.deepStrictEqual(yield* awaitAll([...jobs, ...more]), [0, "interrupted", "PoolFull", "PoolFull", 4, 5])
      })
    )
  }
})

describe("resize", () => {
  it.effect("AN-10 S11 growth wakes who waits at once, a shrink takes effect as tasks end (ants#205)", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const pool = yield* make({ workers: 2, capacity: 0, handle: world.handle })
      const jobs = yield* Effect.forkChild(submitAll(pool, range(0, 8).map(hold)))
      yield* world.settle
      yield* resize(pool, 3)
      yield* world.begun(2)
      assert.deepInclude(yield* stats(pool), { workers: 3, active: 3 })
      yield* resize(pool, 8)
      yield* Effect.forEach(range(0, 8), world.begun)
      yield* Fiber.join(jobs)
      yield* resize(pool, 1)
      assert.deepInclude(yield* stats(pool), { workers: 1, active: 8, idle: 0 })
      const queued = yield* Effect.forkChild(submit(pool, hold(8)))
      for (const id of range(0, 7)) {
        yield* world.release(id)
        yield* world.settle
        assert.deepInclude(yield* stats(pool), { active: 7 - id, idle: 0, waiting: 1 })
      }
      yield* world.release(7)
      yield* world.begun(8)
      yield* Fiber.join(queued)
      assert.deepInclude(yield* stats(pool), { active: 1, idle: 0 })
    })
  )

  it.effect("a shrink that is taken back before tasks end was none", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const pool = yield* make({ workers: 2, handle: world.handle })
      yield* submitAll(pool, [hold(0), hold(1), hold(2)])
      yield* resize(pool, 1)
      yield* resize(pool, 2)
      assert.deepInclude(yield* stats(pool), { active: 2, queued: 1 })
      yield* world.release(1)
      yield* world.begun(2)
      assert.deepInclude(yield* stats(pool), { workers: 2, active: 2, idle: 0 })
    })
  )

  it.effect("S12 a hundred tasks under a limit that sinks never exceed it as they begin", () =>
    Effect.gen(function* () {
      let limit = 5
      let running = 0
      const pool = yield* make({
        workers: limit,
        handle: (n: number): Effect.Effect<void> =>
          Effect.gen(function* () {
            assert.isAtMost(++running, limit)
            yield* Effect.yieldNow
            running--
            if (n % 30 === 0) yield* resize(pool, --limit)
          })
      })
      yield* submitAll(pool, range(0, 100))
      yield* drain(pool)
      assert.deepInclude(yield* stats(pool), { workers: 1, succeeded: 100 })
    })
  )

  it.effect("a size that is no positive integer dies", () =>
    Effect.gen(function* () {
      const pool = yield* make({ workers: 1, handle: () => Effect.void })
      for (const size of [0, -1, 1.5, NaN]) {
        assert.match(String(endOf(yield* Effect.exit(resize(pool, size)))), /^died: WorkerPool.resize: workers must be/)
      }
      assert.deepInclude(yield* stats(pool), { workers: 1 })
    })
  )
})

describe("pause", () => {
  it.effect("Q15 what runs goes on, nothing begins, and the order is kept through pauses", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const pool = yield* make({ workers: 1, handle: world.handle })
      yield* submitAll(pool, [hold(42), succeed(24), succeed(12)])
      yield* world.begun(42)
      yield* pause(pool)
      yield* world.release(42)
      yield* world.settle
      assert.deepInclude(yield* stats(pool), { active: 0, idle: 1, queued: 2, succeeded: 1 })
      yield* Effect.all([resume(pool), pause(pool), resume(pool)])
      yield* drain(pool)
      assert.deepStrictEqual(yield* world.log, [42, 24, 12])
    })
  )

  it.effect("a paused pool accepts what finds room, and has the rest wait", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const pool = yield* make({ workers: 1, capacity: 1, handle: world.handle })
      yield* pause(pool)
      const first = yield* submit(pool, succeed(0))
      const [second] = yield* forkEach([1], (id) => run(pool, succeed(id)))
      yield* world.settle
      assert.deepInclude(yield* stats(pool), { queued: 1, waiting: 1, active: 0 })
      yield* resume(pool)
      assert.strictEqual(yield* first.await, 0)
      assert.strictEqual(yield* Fiber.join(second!), 1)
    })
  )

  it.effect("Q10 Q12 interruptions make room also while a pool is paused", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const pool = yield* make({ workers: 1, capacity: 1, handle: world.handle })
      yield* pause(pool)
      const first = yield* submit(pool, succeed(0))
      const [second] = yield* forkEach([1], (id) => submit(pool, succeed(id)))
      yield* first.interrupt
      yield* Fiber.join(second!)
      assert.deepInclude(yield* stats(pool), { queued: 1, waiting: 0, interrupted: 1 })
    })
  )

  it.effect("what grows while a pool is paused begins when it goes on", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const pool = yield* make({ workers: 1, handle: world.handle })
      yield* pause(pool)
      yield* submitAll(pool, range(0, 3).map(hold))
      yield* resize(pool, 3)
      assert.deepInclude(yield* stats(pool), { active: 0, queued: 3 })
      yield* resume(pool)
      assert.deepInclude(yield* stats(pool), { active: 3, queued: 0 })
    })
  )
})
