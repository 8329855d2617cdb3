/** Tasks by key. */
import { assert, describe, it } from "@effect/vitest"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/testing/TestClock"

import * as WorkerPool from "../src/WorkerPool.ts"
import { awaitAll, endOf, range } from "./support/pools.ts"

const { drain, make, resize, run, stats, submit, submitAll } = WorkerPool

interface Order {
  readonly customer: string
  readonly item: number
  readonly millis?: number
}

const order = (customer: string, item: number, millis = 10): Order => ({ customer, item, millis })

/** A pool that notes when tasks begin and end. */
const noting = (options: { readonly workers: number; readonly capacity?: number }) =>
  Effect.gen(function* () {
    const log: Array<string> = []
    const pool = yield* make({
      ...options,
      distribute: { keyed: (order: Order) => order.customer },
      handle: ({ customer, item, millis = 10 }: Order) =>
        Effect.gen(function* () {
          log.push(`+${customer}${item}`)
          yield* Effect.sleep(millis)
          log.push(`-${customer}${item}`)
          return item
        })
    })
    return { log, pool }
  })

describe("order", () => {
  it.effect("tasks of one key run one after the other, in the order in which they came; other keys beside them", () =>
    Effect.gen(function* () {
      const { log, pool } = yield* noting({ workers: 2 })
      const orders = [order("a", 1), order("a", 2), order("b", 1, 15), order("a", 3)]
      const jobs = yield* submitAll(pool, orders)
      yield* TestClock.adjust("30 millis")
      assert.deepStrictEqual(yield* awaitAll(jobs), [1, 2, 1, 3])
      assert.deepStrictEqual(log, ["+a1", "+b1", "-a1", "+a2", "-b1", "-a2", "+a3", "-a3"])
    })
  )

  it.effect("run and submit of one key stand in one line", () =>
    Effect.gen(function* () {
      const { log, pool } = yield* noting({ workers: 4 })
      yield* submit(pool, order("a", 1))
      const second = yield* Effect.forkChild(run(pool, order("a", 2)), { startImmediately: true })
      yield* submit(pool, order("a", 3))
      yield* TestClock.adjust("30 millis")
      yield* Fiber.join(second)
      assert.deepStrictEqual(log, ["+a1", "-a1", "+a2", "-a2", "+a3", "-a3"])
    })
  )

  it.effect("keys take turns, so a busy one does not hold up the others", () =>
    Effect.gen(function* () {
      const { log, pool } = yield* noting({ workers: 1 })
      yield* submitAll(pool, [...range(0, 3).map((item) => order("a", item)), order("b", 0), order("c", 0)])
      const drained = yield* Effect.forkChild(drain(pool))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(drained)
      const begun = log.filter((entry) => entry.startsWith("+"))
      assert.deepStrictEqual(begun, ["+a0", "+b0", "+c0", "+a1", "+a2"])
    })
  )

  it.effect("a priority counts when a task is the first of its key", () =>
    Effect.gen(function* () {
      const { log, pool } = yield* noting({ workers: 1 })
      yield* submit(pool, order("x", 0))
      yield* submit(pool, order("a", 1))
      yield* submit(pool, order("a", 2), { priority: 9 })
      yield* submit(pool, order("b", 1), { priority: 1 })
      yield* submit(pool, order("c", 1))
      const drained = yield* Effect.forkChild(drain(pool))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(drained)
      const begun = log.filter((entry) => entry.startsWith("+"))
      assert.deepStrictEqual(begun, ["+x0", "+b1", "+a1", "+a2", "+c1"])
    })
  )

  it.effect("an interrupted task leaves its key to the next, whether it waited or ran", () =>
    Effect.gen(function* () {
      const { log, pool } = yield* noting({ workers: 2 })
      const jobs = yield* submitAll(
        pool,
        range(0, 5).map((item) => order("a", item))
      )
      yield* TestClock.adjust("1 millis")
      yield* jobs[2]!.interrupt
      yield* jobs[1]!.interrupt
      yield* jobs[0]!.interrupt
      yield* TestClock.adjust("20 millis")
      assert.deepStrictEqual(yield* awaitAll(jobs), ["interrupted", "interrupted", "interrupted", 3, 4])
      assert.deepStrictEqual(log, ["+a0", "+a3", "-a3", "+a4", "-a4"])
    })
  )

  it.effect("keys are the same when Equal says so", () =>
    Effect.gen(function* () {
      class Tenant extends Data.Class<{ readonly id: number }> {}
      let most = 0
      let now = 0
      const pool = yield* make({
        workers: 4,
        distribute: { keyed: (id: number) => new Tenant({ id }) },
        handle: () =>
          Effect.gen(function* () {
            most = Math.max(most, ++now)
            yield* Effect.yieldNow
            now--
          })
      })
      yield* awaitAll(yield* submitAll(pool, [1, 1, 1]))
      assert.strictEqual(most, 1)
      yield* awaitAll(yield* submitAll(pool, [1, 2, 3]))
      assert.strictEqual(most, 3)
    })
  )

  it.effect("a key that cannot be told is a defect of the submitter, and leaves the pool as it was", () =>
    Effect.gen(function* () {
      const pool = yield* make({
        workers: 1,
        distribute: {
          keyed: (n: number) => {
            if (n > 0) throw new Error(`no key for ${n}`)
            return n
          }
        },
        handle: (n: number) => Effect.as(Effect.yieldNow, n)
      })
      const job = yield* submit(pool, 0)
      assert.strictEqual(endOf(yield* Effect.exit(submit(pool, 1))), "died: no key for 1")
      assert.strictEqual(endOf(yield* Effect.exit(run(pool, 2))), "died: no key for 2")
      yield* job.await
      assert.strictEqual(endOf(yield* Effect.exit(submit(pool, 3))), "died: no key for 3")
      assert.deepInclude(yield* stats(pool), { submitted: 1, queued: 0, waiting: 0, running: 0 })
    })
  )

  it.effect("a backoff keeps the key and frees the worker", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      let failures = 2
      const pool = yield* make({
        workers: 1,
        distribute: { keyed: (order: Order) => order.customer },
        retry: Schedule.spaced("1 second"),
        handle: ({ customer, item }: Order) =>
          Effect.suspend(() => {
            log.push(`${customer}${item}`)
            return item === 0 && failures-- > 0 ? Effect.fail("not yet") : Effect.succeed(item)
          })
      })
      const jobs = yield* submitAll(pool, [order("a", 0), order("a", 1), order("b", 2), order("b", 3)])
      yield* TestClock.adjust("500 millis")
      assert.deepStrictEqual(log, ["a0", "b2", "b3"])
      assert.deepInclude(yield* stats(pool), { retrying: 1, queued: 1, running: 0, idle: 1 })
      yield* TestClock.adjust("1500 millis")
      assert.deepStrictEqual(yield* awaitAll(jobs), [0, 1, 2, 3])
      assert.deepStrictEqual(log, ["a0", "b2", "b3", "a0", "a0", "a1"])
    })
  )

  it.effect("a resize leaves the order of a key alone, with state and without", () =>
    Effect.gen(function* () {
      for (const init of [undefined, Effect.void]) {
        const seen = new Map<number, Array<number>>()
        const pool = yield* make({
          workers: 3,
          init,
          distribute: { keyed: (n: number) => n % 7 },
          handle: (n: number) =>
            Effect.gen(function* () {
              yield* Effect.yieldNow
              seen.set(n % 7, [...(seen.get(n % 7) ?? []), n])
            })
        })
        for (const size of [1, 5, 2, 3]) {
          yield* submitAll(
            pool,
            range(0, 70).map((n) => size * 1000 + n)
          )
          yield* Effect.yieldNow
          yield* resize(pool, size)
        }
        yield* drain(pool)
        for (const order of seen.values()) {
          const rounds = [1, 5, 2, 3].flatMap((size) => order.filter((n) => Math.floor(n / 1000) === size))
          assert.deepStrictEqual(order, rounds)
          for (const size of [1, 5, 2, 3]) {
            const round = order.filter((n) => Math.floor(n / 1000) === size)
            assert.deepStrictEqual(
              round,
              round.toSorted((a, b) => a - b)
            )
          }
        }
        assert.deepInclude(yield* stats(pool), { succeeded: 280, workers: 3 })
      }
    })
  )
})

describe("workers with state", () => {
  it.effect("all tasks of a key find the state of the same worker, and a worker that has none of them waits", () =>
    Effect.gen(function* () {
      const homes = new Map<number, Set<number>>()
      let made = 0
      const pool = yield* make({
        workers: 4,
        init: Effect.sync(() => ++made),
        distribute: { keyed: (n: number) => n },
        handle: (n: number, worker) =>
          Effect.map(Effect.yieldNow, () => void homes.set(n, (homes.get(n) ?? new Set()).add(worker)))
      })
      for (let round = 0; round < 3; round++) yield* awaitAll(yield* submitAll(pool, range(0, 40)))
      assert.isTrue([...homes.values()].every((workers) => workers.size === 1))
      assert.strictEqual(made, 4)
    })
  )

  it.effect("a task that waits for a key of another worker does not take it along", () =>
    Effect.gen(function* () {
      let pool: WorkerPool.FiberPool<number, number, any, any> | undefined
      let made = 0
      const workers = new Map<number, number>()
      const handle = (n: number, worker: number): Effect.Effect<number, any> => {
        workers.set(n, worker)
        return n < 100 ? Effect.as(Effect.yieldNow, worker) : run(pool!, n - 100)
      }
      const keyed = yield* make({
        workers: 3,
        init: Effect.sync(() => ++made),
        distribute: { keyed: (n: number) => n },
        handle
      })
      pool = keyed
      const alone = yield* Effect.forEach(range(0, 20), (n) => run(keyed, n))
      const inside = yield* Effect.forEach(range(100, 120), (n) => run(keyed, n))
      assert.deepStrictEqual(inside, alone)
    })
  )
})

describe("ReentrantWait", () => {
  type Task = { readonly key: string; readonly next?: Task }
  const task = (keys: string): Task => {
    const [key = "", ...rest] = keys
    return rest.length === 0 ? { key } : { key, next: task(rest.join("")) }
  }
  const pools = (options: { readonly workers: number; readonly init?: Effect.Effect<void> }) =>
    Effect.gen(function* () {
      type P = WorkerPool.FiberPool<Task, string, any, any>
      let pool: P | undefined
      const handle = ({ key, next }: Task): Effect.Effect<string, any> =>
        Effect.andThen(
          Effect.yieldNow,
          next === undefined ? Effect.succeed(key) : Effect.map(run(pool!, next), (rest) => key + rest)
        )
      const made: P = yield* make({ ...options, handle, distribute: { keyed: ({ key }: Task) => key } })
      pool = made
      return made
    })

  it.effect("a task that waits for one behind itself fails, and names the key", () =>
    Effect.gen(function* () {
      const pool = yield* pools({ workers: 2 })
      assert.strictEqual(yield* run(pool, task("abc")), "abc")
      const wait = yield* Effect.flip(run(pool, task("aba")))
      assert.deepInclude(wait, { _tag: "ReentrantWait", key: "a" })
      assert.deepInclude(yield* stats(pool), { running: 0, queued: 0, waiting: 0 })
      assert.strictEqual(yield* run(pool, task("a")), "a")
    })
  )

  for (const init of [undefined, Effect.void]) {
    for (const workers of [1, 2, 3]) {
      it.effect(
        `rings of tasks are broken in one place, ${workers} workers ${init === undefined ? "" : "with state"}`,
        () =>
          Effect.gen(function* () {
            const pool = yield* pools(init === undefined ? { workers } : { workers, init })
            const exits = yield* Effect.forEach(["ab", "bc", "ca"], (keys) => Effect.exit(run(pool, task(keys))), {
              concurrency: "unbounded"
            })
            const ends = exits.map(endOf)
            // one at a time, there is no ring
            for (const [index, keys] of ["ab", "bc", "ca"].entries()) {
              assert.oneOf(ends[index], [keys, "ReentrantWait"])
            }
            assert.isTrue(ends.some((end) => end !== "ReentrantWait"))
            assert.deepInclude(yield* stats(pool), { running: 0, queued: 0, waiting: 0 })
          })
      )
    }
  }

  it.effect("waiting for a job of one's own key, submitted before, is a wait behind oneself", () =>
    Effect.gen(function* () {
      let pool: WorkerPool.FiberPool<number, number, any, any> | undefined
      const handle = (n: number): Effect.Effect<number, any> =>
        n === 0 ? Effect.succeed(0) : Effect.flatMap(submit(pool!, 0), (job) => job.await)
      pool = yield* make({ workers: 2, distribute: { keyed: () => "all" }, handle })
      assert.strictEqual(endOf(yield* Effect.exit(run(pool, 1))), "ReentrantWait")
      yield* drain(pool)
      assert.deepInclude(yield* stats(pool), { succeeded: 1, failed: 1 })
    })
  )

  it.effect("what stands before the awaited task of another key is done first", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      let pool: WorkerPool.FiberPool<string, string, any, any> | undefined
      const handle = (name: string): Effect.Effect<string, any> =>
        Effect.gen(function* () {
          log.push(name)
          if (name !== "parent") return yield* Effect.as(Effect.yieldNow, name)
          const jobs = yield* submitAll(pool!, ["x1", "x2", "x3"])
          return yield* jobs[2]!.await
        })
      pool = yield* make({ workers: 1, distribute: { keyed: (name: string) => name[0] }, handle })
      assert.strictEqual(yield* run(pool, "parent"), "x3")
      assert.deepStrictEqual(log, ["parent", "x1", "x2", "x3"])
    })
  )

  it.effect("a key that throws is a defect of whoever submits, and costs nobody else anything", () =>
    Effect.gen(function* () {
      const keyed = (n: number) => {
        if (n < 0) throw new Error("no key")
        return n
      }
      const pool = yield* make({
        workers: 1,
        capacity: 1,
        overflow: "dropOldest",
        distribute: { keyed },
        handle: (n: number) => Effect.as(Effect.yieldNow, n)
      })
      const jobs = yield* submitAll(pool, [1, 2])
      const refused: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
        submit(pool, -1),
        run(pool, -1),
        submitAll(pool, [-1])
      ]
      for (const one of refused) {
        assert.strictEqual(endOf(yield* Effect.exit(one)), "died: no key")
      }
      assert.deepStrictEqual(yield* awaitAll(jobs), [1, 2])
      assert.deepInclude(yield* stats(pool), { submitted: 2, succeeded: 2, dropped: 0, active: 0, queued: 0 })
    })
  )
})
