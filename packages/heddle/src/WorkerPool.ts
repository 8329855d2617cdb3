/**
 * Workers that run tasks: bounded in what runs and in what waits, first come, first served.
 *
 * ```
 *   submit, run ──▶ queue (at most `capacity`) ──▶ `workers` tasks at a time
 *        └─ no room: `overflow`
 * ```
 * - **Two ways in, one line.** `run` has a task done in the caller's own fiber and gives its result; `submit` leaves a small
 *   job behind and goes on. Both stand in one line and share one count of workers.
 * - **Interruption.** Who is interrupted while he waits leaves the line, and costs nothing. Interrupting a `run` interrupts
 *   its task; what was submitted goes on whatever becomes of the submitter, until its job is interrupted.
 * - **Failure.** A failure or a defect of a task is that task's own end. Its worker goes on, and no result of another is lost.
 * - **Re-entrancy.** A task may submit to its own pool and wait for what it has submitted: what waits in the queue is run in
 *   its place meanwhile, so a chain of any length needs one worker, and never more run than there are workers. A wait that
 *   could never end is found and fails.
 * - **Cost.** 96 bytes for a job that waits. A submitted task has a fiber of its own, so that what it forks ends with it; a
 *   task whose effect is finished already needs none. All operations are O(1), and O(log p) where p priorities wait.
 *
 * This is one interface with several engines: `make` makes a pool on fibers, `fromEngine` one of whatever else can do the
 * work, and `WorkerPoolLaws` has what each of them keeps to.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Inspectable from "effect/Inspectable"
import * as Pipeable from "effect/Pipeable"
import type * as Scope from "effect/Scope"

import {
  type Engine,
  type FiberPool,
  type Job,
  type PoolClosed,
  type ReentrantWait,
  type Stats,
  type SubmitOptions,
  TypeId,
  type WorkerPool
} from "./internal/pool/model.ts"
import type { Options as AnyOptions } from "./internal/pool/options.ts"
import type { Distribute, Options, Overflow, Refusal, TaskFailure } from "./internal/pool/policies.ts"
import { Pool } from "./internal/pool/pool.ts"

export {
  type Engine,
  type FiberPool,
  type Job,
  type Latency,
  PoolClosed,
  PoolFull,
  ReentrantWait,
  type Stats,
  StopReason,
  type SubmitOptions,
  TaskTimeout,
  type WorkerPool
} from "./internal/pool/model.ts"

export type {
  /** @since 0.1.0 @category models */
  Distribute,
  /** @since 0.1.0 @category models */
  Options,
  /** @since 0.1.0 @category models */
  Overflow,
  /** @since 0.1.0 @category models */
  Refusal,
  /** @since 0.1.0 @category models */
  TaskFailure,
  /** @since 0.1.0 @category models */
  TimeoutFailure
} from "./internal/pool/policies.ts"

/**
 * Makes a pool on fibers, which is closed when the scope ends.
 *
 * Dies where an option is out of its range.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as WorkerPool from "heddle/WorkerPool"
 *
 * interface Image {
 *   readonly name: string
 *   readonly width: number
 * }
 *
 * const program = Effect.gen(function* () {
 *   const pool = yield* WorkerPool.make({
 *     workers: 4,
 *     capacity: 100,
 *     handle: ({ name, width }: Image) => (width > 0 ? Effect.succeed(`${name}.thumb`) : Effect.fail(`${name} is empty`))
 *   })
 *   const jobs = yield* WorkerPool.submitAll(pool, [
 *     { name: "warp", width: 800 },
 *     { name: "void", width: 0 },
 *     { name: "weft", width: 600 }
 *   ])
 *   return yield* Effect.forEach(jobs, (job) => Effect.catch(job.await, (error) => Effect.succeed(error)))
 * })
 *
 * await Effect.runPromise(Effect.scoped(program)) // => ["warp.thumb", "void is empty", "weft.thumb"]
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: {
  <
    In,
    Out,
    E,
    R,
    State = undefined,
    E2 = never,
    R2 = never,
    R3 = never,
    const Policy extends Overflow = "suspend",
    const MaxWaiting extends number | undefined = undefined,
    const Timeout extends Duration.Input | undefined = undefined
  >(
    options: Options<In, Out, E, R, State, E2, R2, R3, Policy, MaxWaiting, Timeout> & {
      readonly distribute?: "shared" | "stealing" | undefined
    }
  ): Effect.Effect<
    FiberPool<In, Out, TaskFailure<E | E2, Policy, Timeout>, Refusal<Policy, MaxWaiting>>,
    never,
    R | R3 | Exclude<R2, Scope.Scope> | Scope.Scope
  >
  <
    In,
    Out,
    E,
    R,
    State = undefined,
    E2 = never,
    R2 = never,
    R3 = never,
    const Policy extends Overflow = "suspend",
    const MaxWaiting extends number | undefined = undefined,
    const Timeout extends Duration.Input | undefined = undefined
  >(
    options: Options<In, Out, E, R, State, E2, R2, R3, Policy, MaxWaiting, Timeout> & {
      readonly distribute?: Distribute<In> | undefined
    }
  ): Effect.Effect<
    FiberPool<
      In,
      Out,
      TaskFailure<E | E2, Policy, Timeout> | ReentrantWait,
      Refusal<Policy, MaxWaiting> | (Policy extends "suspend" ? ReentrantWait : never)
    >,
    never,
    R | R3 | Exclude<R2, Scope.Scope> | Scope.Scope
  >
} = ((options: AnyOptions) =>
  Effect.acquireRelease(
    Effect.withFiber((fiber) => Effect.succeed(new Pool(options, fiber))),
    (pool) => pool[TypeId].close
  )) as unknown as typeof make

const noOptions: SubmitOptions = {}

/**
 * Hands in a task and goes on with its job, which is worked off whatever becomes of the submitter. Where there is no room,
 * waits for it in the order of arrival, or does what `overflow` says. An interruption of that wait takes the task back,
 * unless it has begun.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as WorkerPool from "heddle/WorkerPool"
 *
 * const program = Effect.gen(function* () {
 *   const pool = yield* WorkerPool.make({ workers: 1, handle: (ms: number) => Effect.as(Effect.sleep(ms), `slept ${ms} ms`) })
 *   const long = yield* WorkerPool.submit(pool, 60_000)
 *   const short = yield* WorkerPool.submit(pool, 1)
 *   yield* long.interrupt
 *   return yield* short.await
 * })
 *
 * await Effect.runPromise(Effect.scoped(program)) // => "slept 1 ms"
 * ```
 *
 * @since 0.1.0
 * @category submitting
 */
export const submit = <In, Out, E, X>(
  self: WorkerPool<In, Out, E, X>,
  task: In,
  options: SubmitOptions = noOptions
): Effect.Effect<Job<Out, E | PoolClosed>, PoolClosed | X> => self[TypeId].submit(task, options)

/**
 * Has a task done and gives its result. Stands in the same line as what is submitted. An interruption takes the task out of
 * the line, or interrupts it and waits until it has ended.
 *
 * On a pool of fibers the task runs in the caller's fiber: it sees the caller's context (his span, his deadline, his log
 * annotations) where that and the pool's differ, and when the pool is closed the caller is interrupted with it.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as WorkerPool from "heddle/WorkerPool"
 *
 * const program = Effect.gen(function* () {
 *   const pool = yield* WorkerPool.make({
 *     workers: 2,
 *     capacity: 0,
 *     overflow: "fail",
 *     handle: (name: string) => Effect.as(Effect.yieldNow, `hello ${name}`)
 *   })
 *   const greet = (name: string) =>
 *     WorkerPool.run(pool, name).pipe(Effect.catchTag("PoolFull", () => Effect.succeed("too busy")))
 *   return yield* Effect.forEach(["Ada", "Grace", "Edsger"], greet, { concurrency: "unbounded" })
 * })
 *
 * await Effect.runPromise(Effect.scoped(program)) // => ["hello Ada", "hello Grace", "too busy"]
 * ```
 *
 * @since 0.1.0
 * @category submitting
 */
export const run = <In, Out, E, X>(
  self: WorkerPool<In, Out, E, X>,
  task: In,
  options: SubmitOptions = noOptions
): Effect.Effect<Out, E | PoolClosed | X> => self[TypeId].run(task, options)

/**
 * Hands in tasks in their order, and gives their jobs in that order. With `overflow: "fail"` a pool accepts all of them or
 * none. With `discard` the jobs are not kept, so that a source of any length is worked off in bounded memory.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as WorkerPool from "heddle/WorkerPool"
 *
 * const program = Effect.gen(function* () {
 *   let sum = 0
 *   const pool = yield* WorkerPool.make({ workers: 8, handle: (n: number) => Effect.sync(() => (sum += n)) })
 *   yield* WorkerPool.submitAll(pool, Array.from({ length: 10_000 }).keys(), { discard: true })
 *   yield* WorkerPool.drain(pool)
 *   return sum
 * })
 *
 * await Effect.runPromise(Effect.scoped(program)) // => 49995000
 * ```
 *
 * @since 0.1.0
 * @category submitting
 */
export const submitAll: {
  <In, Out, E, X>(
    self: WorkerPool<In, Out, E, X>,
    tasks: Iterable<In>,
    options: SubmitOptions & { readonly discard: true }
  ): Effect.Effect<void, PoolClosed | X>
  <In, Out, E, X>(
    self: WorkerPool<In, Out, E, X>,
    tasks: Iterable<In>,
    options?: SubmitOptions
  ): Effect.Effect<ReadonlyArray<Job<Out, E | PoolClosed>>, PoolClosed | X>
} = <In, Out, E, X>(
  self: WorkerPool<In, Out, E, X>,
  tasks: Iterable<In>,
  options?: SubmitOptions & { readonly discard?: boolean }
): Effect.Effect<any, PoolClosed | X> => {
  const discard = options?.discard === true
  const jobs = self[TypeId].submitAll(tasks, { priority: options?.priority, discard })
  return discard ? Effect.asVoid(jobs) : jobs
}

/**
 * Refuses tasks from outside from here on, and waits until all that were accepted have ended, those included that tasks
 * submit meanwhile and those of callers who stood in line. Idempotent. A pool that is paused is resumed. An interruption
 * ends the wait only. Inside a task of the same pool it dies: the task would wait for itself.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as WorkerPool from "heddle/WorkerPool"
 *
 * const program = Effect.gen(function* () {
 *   const pool = yield* WorkerPool.make({ workers: 2, handle: (n: number) => Effect.as(Effect.sleep(1), n) })
 *   yield* WorkerPool.submitAll(pool, [1, 2, 3])
 *   // a grace period; what is left then is interrupted with the scope
 *   yield* Effect.timeoutOption(WorkerPool.drain(pool), "10 seconds")
 *   const late = yield* Effect.flip(WorkerPool.submit(pool, 4))
 *   return [late._tag, (yield* WorkerPool.stats(pool)).succeeded]
 * })
 *
 * await Effect.runPromise(Effect.scoped(program)) // => ["PoolClosed", 3]
 * ```
 *
 * @since 0.1.0
 * @category ending
 */
export const drain = <In, Out, E, X>(self: WorkerPool<In, Out, E, X>): Effect.Effect<void> => self[TypeId].drain

/**
 * Refuses tasks from here on, fails with `PoolClosed` what has not begun, interrupts what runs and waits until it has
 * ended. Idempotent: every caller waits for the end. A job that was interrupted so fails with `PoolClosed`. A task may
 * close its own pool: then it is spared, and not waited for.
 *
 * On a pool of fibers a `run` that has begun is interrupted with the fiber in which it runs; the cause has `StopReason` as
 * an annotation.
 *
 * @since 0.1.0
 * @category ending
 */
export const close = <In, Out, E, X>(self: WorkerPool<In, Out, E, X>): Effect.Effect<void> => self[TypeId].close

/**
 * Sets the number of workers. Nothing is interrupted: after a growth those who wait begin, after a shrink the workers that
 * are too many leave when their tasks have ended. Their state is closed then, and tasks that waited for them wait for others.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as WorkerPool from "heddle/WorkerPool"
 *
 * const program = Effect.gen(function* () {
 *   const pool = yield* WorkerPool.make({ workers: 1, handle: () => Effect.never })
 *   yield* WorkerPool.submitAll(pool, [1, 2, 3])
 *   yield* WorkerPool.resize(pool, 2)
 *   const { active, queued, workers } = yield* WorkerPool.stats(pool)
 *   return { workers, active, queued }
 * })
 *
 * await Effect.runPromise(Effect.scoped(program)) // => { workers: 2, active: 2, queued: 1 }
 * ```
 *
 * @since 0.1.0
 * @category capacity
 */
export const resize = <In, Out, E, X>(self: FiberPool<In, Out, E, X>, workers: number): Effect.Effect<void> =>
  Effect.sync(() => poolOf(self).resize(workers))

/**
 * Has no task begin until `resume`. What runs goes on, with what it waits for, and tasks are accepted as far as there is room.
 *
 * @since 0.1.0
 * @category capacity
 */
export const pause = <In, Out, E, X>(self: FiberPool<In, Out, E, X>): Effect.Effect<void> =>
  Effect.sync(() => poolOf(self).pause())

/**
 * Has tasks begin again after `pause`.
 *
 * @since 0.1.0
 * @category capacity
 */
export const resume = <In, Out, E, X>(self: FiberPool<In, Out, E, X>): Effect.Effect<void> =>
  Effect.sync(() => poolOf(self).resume())

const poolOf = (self: object): Pool => self as Pool

/**
 * Reads the pool as it is at this instant.
 *
 * @since 0.1.0
 * @category observing
 */
export const stats = <In, Out, E, X>(self: WorkerPool<In, Out, E, X>): Effect.Effect<Stats> => self[TypeId].stats

/**
 * A pool on an engine of one's own. `kind` names it in inspections. `WorkerPoolLaws` says what the engine has to keep to.
 *
 * @since 0.1.0
 * @category engines
 */
export const fromEngine = <In, Out, E, X>(kind: string, engine: Engine<In, Out, E, X>): WorkerPool<In, Out, E, X> =>
  new Foreign(kind, engine)

class Foreign<In, Out, E, X> extends Inspectable.Class implements WorkerPool<In, Out, E, X> {
  readonly [TypeId]: Engine<In, Out, E, X>
  readonly kind: string

  constructor(kind: string, engine: Engine<In, Out, E, X>) {
    super()
    this[TypeId] = engine
    this.kind = kind
  }

  pipe() {
    return Pipeable.pipeArguments(this, arguments)
  }

  toJSON() {
    return { _id: this.kind }
  }
}
