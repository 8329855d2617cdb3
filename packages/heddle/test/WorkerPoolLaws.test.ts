/** The laws can be broken: each of these engines does one thing wrong, and a law says so. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

import { TypeId } from "../src/internal/pool/model.ts"
import * as WorkerPool from "../src/WorkerPool.ts"
import * as WorkerPoolLaws from "../src/WorkerPoolLaws.ts"

type Engine = WorkerPool.Engine<WorkerPoolLaws.Task, number, any, any>
type Options = WorkerPoolLaws.PoolOptions
type Handle = (task: WorkerPoolLaws.Task) => Effect.Effect<number, any>

interface Fault {
  readonly options?: (options: Options) => Options & { readonly distribute?: "stealing" }
  readonly handle?: (handle: Handle) => Handle
  readonly engine?: (engine: Engine) => Partial<Engine>
}

const job = <A, E>(self: WorkerPool.Job<A, E>, other: Partial<WorkerPool.Job<A, E>>): WorkerPool.Job<A, E> => ({
  await: self.await,
  interrupt: self.interrupt,
  ...other
})

const submitting = (engine: Engine, change: (job: WorkerPool.Job<number, any>) => WorkerPool.Job<number, any>) => ({
  submit: (task: WorkerPoolLaws.Task, options: WorkerPool.SubmitOptions) =>
    Effect.map(engine.submit(task, options), change),
  submitAll: (tasks: Iterable<WorkerPoolLaws.Task>, options: { readonly discard: boolean }) =>
    Effect.map(engine.submitAll(tasks, options), (jobs) => jobs.map(change))
})

const faults: Readonly<Record<string, Fault>> = {
  "has a worker too many": { options: (options) => ({ ...options, workers: options.workers + 1 }) },
  "has a worker too few": { options: (options) => ({ ...options, workers: Math.max(1, options.workers - 1) }) },
  "has more room than it says": { options: (options) => ({ ...options, capacity: options.capacity + 1 }) },
  "has callers wait where it should refuse": { options: (options) => ({ ...options, overflow: "suspend" }) },
  "runs tasks past the line": { engine: ({ submit }) => ({ run: (task, options) => runIn(submit(task, options)) }) },
  "starts the youngest first": {
    engine: (engine) => {
      let priority = 0
      return {
        submit: (task) => engine.submit(task, { priority: (priority += 1000) }),
        submitAll: (tasks, options) =>
          Effect.forEach(tasks, (task) => engine.submit(task, { ...options, priority: (priority += 1000) }))
      }
    }
  },
  "does a task twice": { handle: (handle) => (task) => Effect.andThen(Effect.exit(handle(task)), handle(task)) },
  "takes defects for failures": {
    handle: (handle) => (task) => Effect.catchDefect(handle(task), (defect) => Effect.fail(defect))
  },
  "loses results after a failure": {
    engine: (engine) => {
      let failed = false
      return submitting(engine, (one) =>
        job(one, {
          await: Effect.onExit(
            Effect.suspend(() => (failed ? Effect.interrupt : one.await)),
            (exit) => Effect.sync(() => (failed ||= Exit.isFailure(exit)))
          )
        })
      )
    }
  },
  "leaves interrupted jobs alone": {
    engine: (engine) => submitting(engine, (one) => job(one, { interrupt: Effect.void }))
  },
  "interrupts a job with whoever waits for it": {
    engine: (engine) =>
      submitting(engine, (one) => job(one, { await: Effect.onInterrupt(one.await, () => one.interrupt) }))
  },
  "does not wait when it drains": { engine: ({ drain }) => ({ drain: Effect.asVoid(Effect.forkDetach(drain)) }) },
  "closes when it drains": { engine: ({ close }) => ({ drain: close }) },
  "drains when it closes": { engine: ({ drain }) => ({ close: drain }) },
  "does not close": { engine: () => ({ close: Effect.void }) },
  "counts nothing": {
    engine: ({ stats }) => ({ stats: Effect.map(stats, (stats) => ({ ...stats, submitted: 0 })) })
  }
}

const runIn = (submit: Effect.Effect<WorkerPool.Job<number, any>, any>) => Effect.flatMap(submit, (job) => job.await)

const broken = ({ engine, handle = (same) => same, options = (same) => same }: Fault) =>
  Effect.map(WorkerPoolLaws.makeWorld, (world): WorkerPoolLaws.Subject => ({
    world,
    make: (asked) =>
      Effect.map(WorkerPool.make({ ...options(asked), handle: handle(world.handle) }), (pool) => {
        const own = pool[TypeId] as Engine
        return engine === undefined ? pool : WorkerPool.fromEngine("Broken", { ...own, ...engine(own) })
      })
  }))

/** A law may be broken by never coming to an end. */
const orHangs = (check: Effect.Effect<void, WorkerPoolLaws.LawBroken>) =>
  Effect.raceFirst(
    check,
    Effect.andThen(
      Effect.replicateEffect(Effect.yieldNow, 3_000, { discard: true }),
      Effect.fail(new WorkerPoolLaws.LawBroken({ message: "hangs" }))
    )
  )

describe("an engine that breaks a law", () => {
  for (const [name, fault] of Object.entries(faults)) {
    it.effect(name, () =>
      Effect.gen(function* () {
        const ends = yield* Effect.forEach(WorkerPoolLaws.laws(broken(fault)).slice(0, -1), ({ check, name }) =>
          Effect.map(Effect.exit(orHangs(check)), (exit) => (Exit.isFailure(exit) ? [name] : []))
        )
        assert.isNotEmpty(ends.flat())
      })
    )
  }
})
