/**
 * Random programs of submit, run, interrupt, pause, resume, resize, drain and close, by several fibers under the explorer:
 * no task is lost, none is run twice, nobody is left waiting, a key keeps its order, and the counts add up.
 */
import { assert, describe } from "@effect/vitest"
import * as Explorer from "@heddle/testing/Explorer"
import { it } from "@heddle/testing/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"

import * as WorkerPool from "../src/WorkerPool.ts"

const { close, drain, make, pause, resize, resume, run, stats, submit, submitAll } = WorkerPool

interface Task {
  readonly id: number
  readonly key: number
}

type Pool = WorkerPool.FiberPool<Task, number, any, any>

/** What became of the tasks of one program. */
class Ledger {
  readonly begun = new Map<number, number>()
  readonly ends = new Map<number, Exit.Exit<number, unknown>>()
  running = 0
  most = 0
  private ids = 0

  next(): Task {
    const id = this.ids++
    return { id, key: id % 2 }
  }

  readonly handle = ({ id }: Task): Effect.Effect<number> => {
    let runs = false
    const work = Effect.suspend(() => {
      runs = true
      this.most = Math.max(this.most, ++this.running)
      this.begun.set(id, (this.begun.get(id) ?? 0) + 1)
      return Effect.flatMap(Explorer.choose(2), (choice) => (choice === 1 ? Effect.yieldNow : Effect.void))
    })
    // stands around the beginning: a fiber may be interrupted before it
    const end = Effect.sync(() => {
      if (runs) this.running--
    })
    return Effect.as(Effect.ensuring(work, end), id)
  }

  readonly note = (id: number) => (exit: Exit.Exit<number, unknown>) => Effect.sync(() => void this.ends.set(id, exit))
}

/** One operation of one fiber. */
const step = (
  pool: Pool,
  ledger: Ledger,
  jobs: Array<WorkerPool.Job<number, unknown>>,
  dice: number
): Effect.Effect<unknown, any> => {
  const task = ledger.next()
  const submitted = (job: WorkerPool.Job<number, unknown>) => Effect.sync(() => jobs.push(job))
  switch (dice % 10) {
    case 0:
    case 1:
    case 2:
      return Effect.flatMap(submit(pool, task), submitted)
    case 3:
    case 4:
      return Effect.onExit(run(pool, task), ledger.note(task.id))
    case 5:
      return Effect.flatMap(submitAll(pool, [task, ledger.next()]), (both) => Effect.forEach(both, submitted))
    case 6:
      return Effect.suspend(() => jobs[dice % Math.max(1, jobs.length)]?.interrupt ?? Effect.void)
    case 7:
      return Effect.ensuring(Effect.andThen(pause(pool), Effect.yieldNow), resume(pool))
    case 8:
      return resize(pool, 1 + (dice % 3))
    default:
      return Effect.suspend(() => jobs[dice % Math.max(1, jobs.length)]?.await ?? Effect.void)
  }
}

const program = (options: {
  readonly distribute: WorkerPool.Distribute<Task>
  readonly overflow: WorkerPool.Overflow
  readonly ending: (pool: Pool) => Effect.Effect<void>
}) =>
  Effect.gen(function* () {
    const { distribute, ending, overflow } = options
    const ledger = new Ledger()
    const pool: Pool = yield* make({ workers: 2, capacity: 2, distribute, overflow, handle: ledger.handle })
    const jobs: Array<WorkerPool.Job<number, unknown>> = []
    const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
    for (let fiber = 0; fiber < 3; fiber++) {
      const dice = [
        yield* Random.nextIntBetween(0, 1000),
        yield* Random.nextIntBetween(0, 1000),
        yield* Random.nextIntBetween(0, 1000)
      ]
      const steps = Effect.forEach(dice, (one) => Effect.exit(step(pool, ledger, jobs, one)), { discard: true })
      fibers.push(yield* Effect.forkChild(steps))
    }
    if ((yield* Random.nextIntBetween(0, 3)) === 0) yield* Fiber.interrupt(fibers[0]!)
    if ((yield* Random.nextIntBetween(0, 3)) === 0) yield* close(pool)
    yield* Effect.forEach(fibers, Fiber.await)
    yield* ending(pool)

    for (const times of ledger.begun.values()) assert.strictEqual(times, 1, "run twice")
    for (const job of jobs) {
      const exit = yield* Effect.exit(job.await)
      if (Exit.isSuccess(exit)) assert.strictEqual(ledger.begun.get(exit.value), 1, "a result without a run")
    }
    const { active, dropped, failed, interrupted, queued, retrying, running, submitted, succeeded, waiting } =
      yield* stats(pool)
    assert.deepStrictEqual({ active, queued, waiting, running, retrying, failed }, none)
    assert.strictEqual(submitted, succeeded + interrupted + dropped)
    assert.isAtMost(succeeded, ledger.begun.size)
    assert.isAtMost(ledger.most, 4)
    assert.strictEqual(ledger.running, 0)
  })

const none = { active: 0, queued: 0, waiting: 0, running: 0, retrying: 0, failed: 0 }

/** Tasks of one key, submitted one after the other by one fiber while another resizes and pauses: in order, whatever happens. */
const ordered = (init: Effect.Effect<void> | undefined) =>
  Effect.gen(function* () {
    const seen: Array<number> = []
    const pool = yield* make({
      workers: 2,
      capacity: 1,
      init,
      distribute: { keyed: (n: number) => n % 2 },
      handle: (n: number) =>
        Effect.gen(function* () {
          if ((yield* Explorer.choose(2)) === 1) yield* Effect.yieldNow
          seen.push(n)
        })
    })
    const other = yield* Effect.forkChild(
      Effect.all([resize(pool, 1), pause(pool), resize(pool, 3), resume(pool), resize(pool, 2)], { discard: true })
    )
    const jobs = yield* submitAll(pool, [0, 2, 1, 4, 3, 6])
    if ((yield* Explorer.choose(2)) === 1) yield* jobs[1]!.interrupt
    yield* Fiber.join(other)
    yield* drain(pool)
    for (const parity of [0, 1]) {
      const own = seen.filter((n) => n % 2 === parity)
      assert.deepStrictEqual(
        own,
        own.toSorted((a, b) => a - b)
      )
    }
    assert.isAtLeast(seen.length, 5)
  })

/** Tasks that run others inside, with fewer workers than they are deep. */
const nested = (distribute: WorkerPool.Distribute<number>) =>
  Effect.gen(function* () {
    let pool: WorkerPool.FiberPool<number, number, any, any> | undefined
    let working = 0
    const leaf = Effect.gen(function* () {
      assert.isAtMost(++working, 2)
      yield* Effect.yieldNow
      working--
      return 1
    })
    const handle = (n: number): Effect.Effect<number, any> =>
      n < 2
        ? leaf
        : Effect.flatMap(submitAll(pool!, [n - 1, n - 2]), ([a, b]) =>
            Effect.map(Effect.all([a!.await, b!.await], { concurrency: 2 }), ([a, b]) => a + b)
          )
    pool = yield* make({ workers: 2, capacity: 1, distribute, handle })
    assert.strictEqual(yield* run(pool, 3), 3)
    assert.deepInclude(yield* stats(pool), { active: 0, running: 0, queued: 0, waiting: 0, submitted: 5, succeeded: 5 })
  })

const distributions: Readonly<Record<string, WorkerPool.Distribute<Task>>> = {
  shared: "shared",
  keyed: { keyed: ({ key }) => key },
  stealing: "stealing"
}

describe("WorkerPool against its invariants", () => {
  for (const [name, distribute] of Object.entries(distributions)) {
    for (const overflow of ["suspend", "fail", "dropOldest"] as const) {
      for (const [end, ending] of Object.entries({ drain, close })) {
        it.explore(`random programs, ${name}, ${overflow}, then ${end}`, program({ distribute, overflow, ending }), {
          runs: 150,
          millis: 250
        })
      }
    }
  }
  for (const init of [undefined, Effect.void]) {
    it.explore(
      `the order of a key under resizes and pauses${init === undefined ? "" : ", with state"}`,
      ordered(init),
      {
        runs: 300,
        millis: 400
      }
    )
  }
  for (const distribute of ["shared", "stealing"] as const) {
    it.explore(`tasks that wait for tasks, ${distribute}`, nested(distribute), { runs: 300, millis: 400 })
  }
})
