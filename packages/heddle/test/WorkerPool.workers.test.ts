/** Workers that have something of their own: state, and tasks. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"

import * as WorkerPool from "../src/WorkerPool.ts"
import { awaitAll, endOf, hold, makeWorld, range, succeed } from "./support/pools.ts"

const { close, drain, make, resize, run, stats, submit, submitAll } = WorkerPool

/** States are numbers, from 1; notes which of them are made and closed. */
const numbered = () => {
  const log: Array<string> = []
  let made = 0
  const init = Effect.acquireRelease(
    Effect.sync(() => {
      log.push(`+${++made}`)
      return made
    }),
    (state) => Effect.sync(() => log.push(`-${state}`))
  )
  return { log, init }
}

describe("state", () => {
  it.effect("is made when a worker's first task begins, used by all of them, and closed with the pool", () =>
    Effect.gen(function* () {
      const { init, log } = numbered()
      const scope = yield* Scope.make()
      const pool = yield* make({
        workers: 2,
        init,
        handle: (_: number, state) => Effect.as(Effect.yieldNow, state)
      }).pipe(Scope.provide(scope))
      assert.deepStrictEqual(log, [])
      assert.strictEqual(yield* run(pool, 0), 1)
      assert.strictEqual(yield* run(pool, 0), 1)
      assert.deepStrictEqual(yield* awaitAll(yield* submitAll(pool, range(0, 4))), [1, 2, 1, 2])
      assert.deepStrictEqual(log, ["+1", "+2"])
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(log, ["+1", "+2", "-1", "-2"])
    })
  )

  it.effect("that cannot be made fails the task that needed it, and is tried again for the next", () =>
    Effect.gen(function* () {
      let attempts = 0
      const released: Array<number> = []
      const init = Effect.gen(function* () {
        const attempt = ++attempts
        yield* Effect.addFinalizer(() => Effect.sync(() => released.push(attempt)))
        return attempt < 3 ? yield* Effect.fail("no connection" as const) : attempt
      })
      const pool = yield* make({ workers: 1, init, handle: (n: number, state) => Effect.succeed([n, state]) })
      const jobs = yield* submitAll(pool, [0, 1, 2, 3])
      assert.deepStrictEqual(yield* awaitAll(jobs), ["no connection", "no connection", [2, 3], [3, 3]])
      assert.deepStrictEqual(released, [1, 2])
    })
  )

  it.effect("is made anew after a task that died, by default; a failure and an interruption leave it", () =>
    Effect.gen(function* () {
      const { init, log } = numbered()
      const pool = yield* make({
        workers: 1,
        init,
        handle: (what: "die" | "fail" | "interrupt" | "succeed", state) =>
          what === "die"
            ? Effect.die("broken")
            : what === "fail"
              ? Effect.fail("no")
              : what === "interrupt"
                ? Effect.interrupt
                : Effect.succeed(state)
      })
      for (const what of ["succeed", "fail", "interrupt"] as const) yield* Effect.exit(run(pool, what))
      assert.strictEqual(yield* run(pool, "succeed"), 1)
      yield* Effect.exit(run(pool, "die"))
      assert.deepStrictEqual(log, ["+1", "-1"])
      assert.strictEqual(yield* run(pool, "succeed"), 2)
    })
  )

  it.effect("is made anew when renewOn says that it has broken", () =>
    Effect.gen(function* () {
      const { init, log } = numbered()
      const pool = yield* make({
        workers: 1,
        init,
        renewOn: (cause) => cause.reasons.some((reason) => reason._tag === "Fail" && reason.error === "disconnected"),
        handle: (error: string, state) =>
          error === "" ? Effect.succeed(state) : error === "die" ? Effect.die(error) : Effect.fail(error)
      })
      const seen: Array<unknown> = []
      for (const error of ["", "constraint", "", "disconnected", "", "die", ""])
        seen.push(endOf(yield* Effect.exit(run(pool, error))))
      assert.deepStrictEqual(seen, [1, "constraint", 1, "disconnected", 2, "died: ", 2])
      assert.deepStrictEqual(log, ["+1", "-1", "+2"])
    })
  )

  it.effect("that broke under a task is closed when the task around it has ended too", () =>
    Effect.gen(function* () {
      const { init, log } = numbered()
      let pool: WorkerPool.FiberPool<string, number> | undefined
      const handle = (what: string, state: number): Effect.Effect<number> =>
        what === "die"
          ? Effect.die("broken")
          : Effect.gen(function* () {
              yield* Effect.exit(run(pool!, "die"))
              log.push(`parent still has ${state}`)
              return state
            })
      pool = yield* make({ workers: 1, init, handle })
      yield* run(pool, "parent")
      assert.deepStrictEqual(log, ["+1", "parent still has 1", "-1"])
      assert.strictEqual(endOf(yield* Effect.exit(run(pool, "die"))), "died: ")
      assert.deepStrictEqual(log.slice(3), ["+2", "-2"])
    })
  )

  it.effect("of a worker that leaves is closed when its task has ended; close waits for that", () =>
    Effect.gen(function* () {
      const { init, log } = numbered()
      const world = yield* makeWorld
      const slowly = Effect.acquireRelease(init, () => Effect.sleep("1 second"))
      const pool = yield* make({ workers: 3, init: slowly, handle: world.handle })
      yield* awaitAll(yield* submitAll(pool, range(0, 3).map(succeed)))
      yield* awaitAll(yield* submitAll(pool, [succeed(3), succeed(4), succeed(5)]))
      const held = yield* submitAll(pool, [hold(6), hold(7), hold(8)])
      yield* Effect.forEach([6, 7, 8], world.begun)
      yield* resize(pool, 1)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(log, ["+1", "+2", "+3"])
      yield* Effect.forEach([6, 7, 8], world.release)
      yield* awaitAll(held)
      const closed = yield* Effect.forkChild(close(pool))
      yield* TestClock.adjust("999 millis")
      assert.deepStrictEqual(log, ["+1", "+2", "+3"])
      assert.isUndefined(closed.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(closed)
      assert.deepStrictEqual(log.slice(3).toSorted(), ["-1", "-2", "-3"])
    })
  )

  it.effect("of a worker that has left is waited for by close, also if it takes longest", () =>
    Effect.gen(function* () {
      const millis = [5_000, 1_000]
      const init = Effect.acquireRelease(Effect.void, () => Effect.sleep(millis.shift()!))
      const pool = yield* make({ workers: 2, init, handle: () => Effect.yieldNow })
      yield* awaitAll(yield* submitAll(pool, [0, 1]))
      yield* resize(pool, 1)
      const closed = yield* Effect.forkChild(close(pool))
      yield* TestClock.adjust("4999 millis")
      assert.isUndefined(closed.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(closed)
    })
  )

  it.effect("of an idle worker is closed as the pool shrinks, and made anew when it grows", () =>
    Effect.gen(function* () {
      const { init, log } = numbered()
      const pool = yield* make({ workers: 2, init, handle: (_: number, state) => Effect.as(Effect.yieldNow, state) })
      yield* awaitAll(yield* submitAll(pool, [0, 1]))
      yield* resize(pool, 1)
      yield* Effect.yieldNow
      assert.lengthOf(log, 3)
      yield* resize(pool, 2)
      yield* awaitAll(yield* submitAll(pool, [0, 1]))
      assert.strictEqual(log.at(-1), "+3")
    })
  )

  it.effect("that is being made when its task is interrupted is given back", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const init = Effect.andThen(
        Effect.acquireRelease(
          Effect.sync(() => log.push("+")),
          () => Effect.sync(() => log.push("-"))
        ),
        Effect.never
      )
      const pool = yield* make({ workers: 1, init, handle: () => Effect.void })
      const job = yield* submit(pool, 0)
      while (log.length === 0) yield* Effect.yieldNow
      yield* job.interrupt
      assert.deepStrictEqual(log, ["+", "-"])
    })
  )

  it.effect("whose finalizer dies does not change how the task ended", () =>
    Effect.gen(function* () {
      const init = Effect.acquireRelease(Effect.void, () => Effect.die("finalizer"))
      const pool = yield* make({ workers: 1, init, renewOn: () => true, handle: () => Effect.fail("typed") })
      assert.deepStrictEqual(yield* Effect.exit(run(pool, 0)), Exit.fail("typed"))
    })
  )
})

describe("stealing", () => {
  it.effect("tasks from outside begin in the order in which they came", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const pool = yield* make({ workers: 1, distribute: "stealing", handle: world.handle })
      yield* awaitAll(yield* submitAll(pool, range(0, 100).map(succeed)))
      assert.deepStrictEqual(yield* world.log, range(0, 100))
    })
  )

  it.effect("what a task submits runs in its own worker, newest first, before what waits outside", () =>
    Effect.gen(function* () {
      const log: Array<number> = []
      let pool: WorkerPool.FiberPool<number, void, WorkerPool.PoolClosed> | undefined
      pool = yield* make({
        workers: 1,
        distribute: "stealing",
        handle: (n: number) =>
          Effect.gen(function* () {
            log.push(n)
            if (n === 0) yield* submitAll(pool!, [1, 2, 3])
          })
      })
      yield* submitAll(pool, [0, 9])
      yield* drain(pool)
      assert.deepStrictEqual(log, [0, 3, 2, 1, 9])
    })
  )

  it.effect("a worker that has nothing takes the older half of what another has, and keeps it", () =>
    Effect.gen(function* () {
      const { init } = numbered()
      const world = yield* makeWorld
      const workers = new Map<number, number>()
      let pool: WorkerPool.FiberPool<number, void, any> | undefined
      pool = yield* make({
        workers: 2,
        init,
        distribute: "stealing",
        handle: (n: number, worker) =>
          Effect.gen(function* () {
            workers.set(n, worker)
            if (n === 0) {
              yield* submitAll(pool!, range(10, 20))
              yield* world.handle(hold(0))
            } else if (n === 1) yield* world.handle(hold(1))
          })
      })
      // the first has ten of its own and is held, and so is the second
      yield* submitAll(pool, [1, 0])
      yield* Effect.forEach([0, 1], world.begun)
      assert.deepInclude(yield* stats(pool), { queued: 10, running: 2 })
      yield* world.release(1)
      yield* world.settle
      // it took five, did them, and then the rest, by halves
      assert.deepInclude(yield* stats(pool), { queued: 0, succeeded: 11 })
      const [thief, victim] = [workers.get(1), workers.get(0)]
      assert.notStrictEqual(thief, victim)
      assert.deepStrictEqual(
        range(10, 20).map((n) => workers.get(n)),
        range(10, 20).map(() => thief)
      )
      yield* world.release(0)
      yield* drain(pool)
    })
  )

  it.effect("the oldest goes first to a thief, the newest to the owner", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const world = yield* makeWorld
      let pool: WorkerPool.FiberPool<string, void, any> | undefined
      pool = yield* make({
        workers: 2,
        distribute: "stealing",
        handle: (name: string) =>
          Effect.gen(function* () {
            log.push(name)
            if (name === "parent") {
              yield* submitAll(pool!, ["a", "b", "c", "d", "e", "f"])
              yield* world.handle(hold(0))
            } else if (name === "other") yield* world.handle(hold(1))
            else yield* Effect.yieldNow
          })
      })
      yield* submitAll(pool, ["other", "parent"])
      yield* Effect.forEach([0, 1], world.begun)
      yield* Effect.all([world.release(1), world.release(0)])
      yield* drain(pool)
      const [first, second] = log.slice(2, 4)
      // the thief took a, b and c, and begins with a; the owner begins with f
      assert.sameMembers([first, second], ["a", "f"])
      assert.lengthOf(log, 8)
    })
  )

  it.effect("who is robbed is random, and owns to a seed", () =>
    Effect.gen(function* () {
      const order = (seed: number) =>
        Effect.gen(function* () {
          const log: Array<number> = []
          const world = yield* makeWorld
          let pool: WorkerPool.FiberPool<number, void, any> | undefined
          pool = yield* make({
            workers: 4,
            distribute: "stealing",
            handle: (n: number) =>
              Effect.gen(function* () {
                log.push(n)
                if (n > 0 && n < 4) {
                  yield* submitAll(pool!, range(10 * n, 10 * n + 4))
                  yield* world.handle(hold(n))
                } else if (n === 0) yield* world.handle(hold(0))
              })
          })
          yield* submitAll(pool, [0, 1, 2, 3])
          yield* Effect.forEach(range(0, 4), world.begun)
          yield* Effect.forEach(range(0, 4), world.release)
          yield* drain(pool)
          return log.join()
        }).pipe(Effect.scoped, Random.withSeed(seed))
      assert.strictEqual(yield* order(1), yield* order(1))
      const orders = yield* Effect.forEach(range(0, 8), order)
      assert.isAbove(new Set(orders).size, 1)
    })
  )

  it.effect("tasks that submit themselves again do not starve those from outside", () =>
    Effect.gen(function* () {
      let rounds = 0
      let pool: WorkerPool.FiberPool<string, number, any> | undefined
      pool = yield* make({
        workers: 1,
        distribute: "stealing",
        handle: (name: string): Effect.Effect<number, any> =>
          name === "outside"
            ? Effect.succeed(rounds)
            : Effect.as(
                Effect.andThen(
                  Effect.sync(() => rounds++),
                  submit(pool!, "again")
                ),
                0
              )
      })
      yield* submit(pool, "again")
      const outside = yield* submit(pool, "outside")
      assert.isAtMost(yield* outside.await, 62)
    })
  )

  it.effect("what waits for a worker that leaves goes to those that stay", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      let pool: WorkerPool.FiberPool<number, unknown, any> | undefined
      pool = yield* make({
        workers: 2,
        distribute: "stealing",
        handle: (n: number): Effect.Effect<unknown, any> =>
          n < 10
            ? Effect.andThen(n === 1 ? submitAll(pool!, range(10, 14)) : Effect.void, world.handle(hold(n)))
            : Effect.yieldNow
      })
      yield* submitAll(pool, [0, 1])
      yield* Effect.forEach([0, 1], world.begun)
      yield* resize(pool, 1)
      yield* world.release(0)
      yield* world.settle
      assert.deepInclude(yield* stats(pool), { workers: 1, active: 1, queued: 4 })
      yield* world.release(1)
      yield* drain(pool)
      assert.deepInclude(yield* stats(pool), { succeeded: 6, active: 0, idle: 1 })
    })
  )

  it.effect("an interrupted job leaves whatever deque it is in, also a stolen one", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const jobs: Array<WorkerPool.Job<unknown, unknown>> = []
      let pool: WorkerPool.FiberPool<number, unknown, any> | undefined
      pool = yield* make({
        workers: 2,
        distribute: "stealing",
        handle: (n: number): Effect.Effect<unknown, any> =>
          Effect.gen(function* () {
            if (n === 1) jobs.push(...(yield* submitAll(pool!, range(10, 18))))
            return yield* world.handle(hold(n))
          })
      })
      yield* submitAll(pool, [0, 1])
      yield* Effect.forEach([0, 1], world.begun)
      yield* world.release(0)
      // the thief holds the oldest, has stolen 11 to 13, and 14 to 17 are where they were
      yield* world.begun(10)
      yield* Effect.forEach([jobs[2]!, jobs[5]!], (job) => job.interrupt)
      assert.deepInclude(yield* stats(pool), { queued: 5, interrupted: 2 })
      yield* Effect.forEach(range(1, 18), world.release)
      yield* drain(pool)
      assert.sameMembers([...(yield* world.log)], [0, 1, 10, 11, 13, 14, 16, 17])
    })
  )

  it.effect("has no priorities", () =>
    Effect.gen(function* () {
      const pool = yield* make({ workers: 1, distribute: "stealing", handle: () => Effect.void })
      const exit = yield* Effect.exit(submit(pool, 0, { priority: 1 }))
      assert.strictEqual(endOf(exit), "died: WorkerPool.submit: a pool that steals has no priorities, got 1")
      yield* run(pool, 0, { priority: 0 })
    })
  )
})
