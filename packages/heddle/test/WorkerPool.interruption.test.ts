/** Interrupted at every step: workers come back, whoever waits goes on, and what was accepted is worked off once. */
import { assert, describe, it } from "@effect/vitest"
import * as Explorer from "@heddle/testing/Explorer"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"

import * as WorkerPool from "../src/WorkerPool.ts"

const { close, drain, make, pause, resize, resume, run, stats, submit, submitAll } = WorkerPool

const yields = (count: number) => Effect.replicateEffect(Effect.yieldNow, count, { discard: true })

/** A task yields so often; below zero it fails once first; from 10 up it runs another inside, from 100 up it submits one. */
type Task = number
type Pool = WorkerPool.FiberPool<Task, void, any, any>

interface Beside {
  readonly before?: ReadonlyArray<Effect.Effect<unknown, unknown>>
  readonly target: Effect.Effect<unknown, unknown>
  readonly after?: ReadonlyArray<Effect.Effect<unknown, unknown>>
}

interface Options {
  readonly workers?: number
  readonly capacity?: number
  readonly init?: Effect.Effect<void, never, Scope.Scope>
  /** The target ends the pool. */
  readonly ends?: boolean
}

/** Each with the operations after which fibers yield: what they share is swept in small steps and in large ones once. */
const distributions: ReadonlyArray<
  readonly [kind: string, distribute: WorkerPool.Distribute<Task>, budgets: ReadonlyArray<number>]
> = [
  ["shared", "shared", [3, 64]],
  ["keyed", { keyed: (task) => task % 2 }, [5]],
  ["stealing", "stealing", [5]]
]

const none = { active: 0, running: 0, queued: 0, waiting: 0, retrying: 0, failed: 0 }

const build = (
  distribute: WorkerPool.Distribute<Task>,
  { capacity = 10, init, workers = 2 }: Options,
  begun: () => void
) =>
  Effect.gen(function* () {
    const failed = new Set<Task>()
    let pool: Pool | undefined
    const handle = (task: Task): Effect.Effect<void, any> =>
      Effect.suspend(() => {
        begun()
        if (task >= 100) return Effect.asVoid(submit(pool!, task - 100))
        if (task >= 10) return run(pool!, task - 9)
        if (task >= 0 || failed.has(task)) return yields(Math.abs(task))
        failed.add(task)
        return Effect.fail("once")
      })
    const made: Pool = yield* make({ workers, capacity, init, distribute, retry: Schedule.spaced(1), handle })
    pool = made
    return made
  })

/** After the sweep of the target nothing runs or waits, all was counted, and all workers are there. */
const wholeAfterwards = (name: string, scenario: (pool: Pool) => Beside, options: Options = {}) => {
  for (const [kind, distribute, budgets] of distributions) {
    it.effect(`${name}, ${kind}`, () =>
      Effect.gen(function* () {
        let begun = 0
        const report = yield* Explorer.interruptEverywhere(
          Effect.gen(function* () {
            const scope = yield* Scope.make()
            const pool = yield* Scope.provide(
              build(distribute, options, () => begun++),
              scope
            )
            return { ...scenario(pool), pool, scope }
          }),
          (exit, { pool, scope }) =>
            Effect.gen(function* () {
              assert.isTrue(Exit.isSuccess(exit) || Exit.hasInterrupts(exit), String(exit))
              yield* resume(pool)
              // virtual: until nothing moves any more
              yield* Effect.sleep("1 second")
              const { dropped, interrupted, submitted, succeeded, workers, ...rest } = yield* stats(pool)
              const { active, failed, queued, retrying, running, waiting } = rest
              assert.deepStrictEqual({ active, running, queued, waiting, retrying, failed }, none)
              assert.strictEqual(submitted, succeeded + interrupted + dropped)
              if (options.ends !== true) {
                yield* submitAll(pool, [8, 9, 7].slice(0, workers))
                assert.deepInclude(yield* stats(pool), { active: Math.min(workers, kind === "keyed" ? 2 : workers) })
              }
              yield* Scope.close(scope, Exit.void)
              assert.deepInclude(yield* stats(pool), { active: 0, running: 0, queued: 0 })
            }),
          { budgets }
        )
        assert.isAbove(report.interrupted, 5)
        assert.isAbove(report.completed, 0)
        assert.isAbove(begun, 0)
      })
    )
  }
}

const awaited = (pool: Pool, task: Task) => Effect.flatMap(submit(pool, task), (job) => job.await)

describe("a run, interrupted everywhere", () => {
  wholeAfterwards("with an idle worker", (pool) => ({ target: run(pool, 1) }))
  wholeAfterwards("in line, before another", (pool) => ({
    before: [run(pool, 2), run(pool, 3)],
    target: run(pool, 1),
    after: [run(pool, 0), awaited(pool, 1)]
  }))
  wholeAfterwards(
    "outside of a full queue",
    (pool) => ({ before: [awaited(pool, 3), awaited(pool, 2)], target: run(pool, 1), after: [awaited(pool, 0)] }),
    { workers: 1, capacity: 1 }
  )
  wholeAfterwards(
    "that fails once",
    (pool) => ({ before: [run(pool, 2)], target: run(pool, -1), after: [run(pool, 1)] }),
    { workers: 1 }
  )
  wholeAfterwards("with one inside", (pool) => ({ target: run(pool, 11), after: [run(pool, 0)] }), { workers: 1 })
  wholeAfterwards(
    "whose worker has yet to be made ready",
    (pool) => ({ target: run(pool, 1), after: [run(pool, 1)] }),
    { workers: 1, init: Effect.acquireRelease(Effect.yieldNow, () => Effect.yieldNow) }
  )
})

describe("a submitter, interrupted everywhere", () => {
  wholeAfterwards("with an idle worker", (pool) => ({ target: submit(pool, 1) }))
  wholeAfterwards(
    "outside of a full queue",
    (pool) => ({
      before: [awaited(pool, 3), submit(pool, 2)],
      target: submit(pool, 1),
      after: [submit(pool, 0), run(pool, 0)]
    }),
    { workers: 1, capacity: 1 }
  )
  wholeAfterwards(
    "of several",
    (pool) => ({ before: [submit(pool, 2)], target: submitAll(pool, [1, 0, 2]), after: [run(pool, 1)] }),
    { workers: 1, capacity: 1 }
  )
})

describe("whoever waits for a job, interrupted everywhere", () => {
  wholeAfterwards("beside another", (pool) => ({ target: awaited(pool, 2), after: [awaited(pool, 1)] }), { workers: 1 })
  wholeAfterwards(
    "and interrupts it",
    (pool) => ({
      before: [run(pool, 2)],
      target: Effect.flatMap(submit(pool, 3), (job) => job.interrupt),
      after: [run(pool, 1)]
    }),
    { workers: 1 }
  )
})

describe("whoever changes a pool, interrupted everywhere", () => {
  wholeAfterwards("pausing and resizing it", (pool) => ({
    before: [run(pool, 3), awaited(pool, 2)],
    target: Effect.ensuring(Effect.all([pause(pool), resize(pool, 1), submit(pool, 1), resize(pool, 3)]), resume(pool)),
    after: [run(pool, 2), awaited(pool, 1)]
  }))
  wholeAfterwards("draining it", (pool) => ({ before: [submit(pool, 3), submit(pool, 2)], target: drain(pool) }), {
    ends: true
  })
  wholeAfterwards("closing it", (pool) => ({ before: [submit(pool, 3), submit(pool, 2)], target: close(pool) }), {
    ends: true
  })
})
