/**
 * A pool of worker threads for work that computes: `WorkerPool`'s interface, on every core.
 *
 * ```
 *   run, submit ──▶ queue (at most `capacity`) ──▶ threads, each sent up to 64 tasks ahead
 *   map, reduce ──▶ shared memory ─────────────▶ threads claim the next elements
 *   a task that forks ──▶ its thread's deque ──▶ idle threads steal the oldest
 * ```
 * - **No task waits for a busy thread while another is idle.** A thread claims each task with one compare-and-swap before it runs
 *   it, so whatever it has not begun can be taken back, and is: by a thread that has nothing to do, by an interruption, or when
 *   the thread is gone. Idle threads are parked, and use no processor.
 * - **Interruption.** What has not begun never does. What runs is told to stop: its `ThreadTask.interrupted()` is true at once,
 *   its signal is aborted, its effect is interrupted. If it has not ended after `grace`, its thread is terminated and replaced. The
 *   caller waits until the task has ended, and a thread counts as free only then.
 * - **Faults.** A task that ends its thread fails with `ThreadCrashed`, one that needs too much memory with
 *   `ThreadOutOfMemory`. No other task is lost: results that were finished are delivered, and what had not begun runs elsewhere.
 * - **Cost.** Results of up to a kilobyte are left in shared memory and announced together, larger ones are a message each. A task that
 *   does nothing costs a few microseconds, so what takes less is better done in place, or many at once with `map`.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Iterable from "effect/Iterable"
import type * as Scope from "effect/Scope"
import * as WorkerPool from "heddle/WorkerPool"

import { TypeId as TaskTypeId, type TypedArray } from "./internal/definition.ts"
import type { ThreadFailure, ThreadStartFailed } from "./internal/errors.ts"
import { isTypedArray, overFold, overList, overTyped } from "./internal/parallel.ts"
import { Pool } from "./internal/pool.ts"
import { type Options, settingsOf } from "./internal/settings.ts"
import * as submissions from "./internal/submissions.ts"
import type { Call, FoldTask, ThreadTask } from "./ThreadTask.ts"

export {
  /** @since 0.1.0 @category errors */
  ThreadCrashed,
  /** @since 0.1.0 @category errors */
  type ThreadFailure,
  /** @since 0.1.0 @category errors */
  ThreadOutOfMemory,
  /** @since 0.1.0 @category errors */
  ThreadStartFailed
} from "./internal/errors.ts"

export type {
  /** @since 0.1.0 @category models */
  Options
} from "./internal/settings.ts"

const TypeId = "~heddle/node/ThreadPool"

/**
 * A handle on threads. It is a `WorkerPool` of calls, so that `WorkerPool`'s functions take it too; those of this module know what
 * each call ends with.
 *
 * @since 0.1.0
 * @category models
 */
export interface ThreadPool<out Refused = never> extends WorkerPool.WorkerPool<
  Call<unknown, unknown>,
  unknown,
  unknown,
  Refused | ThreadFailure
> {
  readonly [TypeId]: Pool
}

/**
 * What a submission can be refused with besides `PoolClosed`.
 *
 * @since 0.1.0
 * @category models
 */
export type Refusal<Overflow> = Overflow extends "fail" ? WorkerPool.PoolFull : never

/**
 * The state of a pool, with what each thread does.
 *
 * @since 0.1.0
 * @category models
 */
export interface Stats extends WorkerPool.Stats {
  /** Tasks that were taken back from a thread, or off its deque, for an idle one. */
  readonly steals: number
  /** How often a thread that helped with a task that forks found nothing to do, and slept. */
  readonly parks: number
  /** Threads that were started in the place of one that had ended. */
  readonly replaced: number
  readonly threads: ReadonlyArray<ThreadStats>
}

/**
 * @since 0.1.0
 * @category models
 */
export interface ThreadStats {
  readonly index: number
  /** Tasks that have ended on it. */
  readonly tasks: number
  /** How much of its age it has run tasks: from 0 to 1. The task that runs counts when it has ended. */
  readonly utilisation: number
  /** Whether a task runs. */
  readonly active: boolean
  readonly age: Duration.Duration
}

/**
 * Starts the threads, and ends them with the scope. Fails where one cannot be started. Dies where an option is out of its range.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as ThreadPool from "@heddle/node/ThreadPool"
 * import * as ThreadTask from "@heddle/node/ThreadTask"
 *
 * const zlib = ThreadTask.module<typeof import("node:zlib")>("node:zlib")
 * const crc32 = zlib("crc32")
 *
 * const program = Effect.gen(function* () {
 *   const pool = yield* ThreadPool.make({ threads: 2 })
 *   const jobs = yield* ThreadPool.submitAll(pool, ["warp", "weft"].map(crc32))
 *   return yield* Effect.forEach(jobs, (job) => job.await)
 * })
 *
 * await Effect.runPromise(Effect.scoped(program)) // => [3551890534, 4252973046]
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <const Overflow extends "suspend" | "fail" = "suspend">(
  options: Options<Overflow> = {}
): Effect.Effect<ThreadPool<Refusal<Overflow>>, ThreadStartFailed, Scope.Scope> =>
  Effect.gen(function* () {
    const settings = settingsOf(options)
    const context = yield* Effect.context()
    const pool = yield* Effect.acquireRelease(
      Effect.sync(() => new Pool(settings, context)),
      (pool) => pool.close
    )
    yield* pool.start
    const handle = engineOf(pool, (call: Call<unknown, unknown>) => call)
    return Object.assign(handle, { [TypeId]: pool } as const)
  })

const poolOf = (self: ThreadPool<any>): Pool => self[TypeId]

/**
 * Has a call done and gives its result. An interruption takes it back, or stops it and waits until it has ended.
 *
 * @since 0.1.0
 * @category submitting
 */
export const run = <Out, E, X>(
  self: ThreadPool<X>,
  call: Call<Out, E>
): Effect.Effect<Out, E | X | ThreadFailure | WorkerPool.PoolClosed> => submissions.run(poolOf(self), call)

/**
 * Hands in a call and goes on with its job, which is done whatever becomes of the submitter.
 *
 * @since 0.1.0
 * @category submitting
 */
export const submit = <Out, E, X>(
  self: ThreadPool<X>,
  call: Call<Out, E>
): Effect.Effect<
  WorkerPool.Job<Out, E | ThreadFailure | WorkerPool.PoolClosed>,
  X | ThreadFailure | WorkerPool.PoolClosed
> => submissions.submit(poolOf(self), call)

/**
 * Hands in calls in their order, and gives their jobs in that order. With `overflow: "fail"` all are accepted or none.
 *
 * @since 0.1.0
 * @category submitting
 */
export const submitAll = <Out, E, X>(
  self: ThreadPool<X>,
  calls: Iterable<Call<Out, E>>
): Effect.Effect<
  ReadonlyArray<WorkerPool.Job<Out, E | ThreadFailure | WorkerPool.PoolClosed>>,
  X | ThreadFailure | WorkerPool.PoolClosed
> => submissions.submitAll(poolOf(self), calls, false)

type Many<E, X> = E | X | ThreadFailure | WorkerPool.PoolClosed

/**
 * Does a task for each element, and gives the results in the order of the elements.
 *
 * A typed array is worked on where it stands: threads claim the next elements from shared memory, as many at a time as take half
 * a millisecond, and write the results to a shared array of the same type. It is copied once if it is not shared already. The
 * elements of any other array are copied to the threads, in slices that take some milliseconds. Each thread counts as one task of the
 * pool for a typed array, and each slice for another.
 *
 * The first failure stops the rest.
 *
 * @since 0.1.0
 * @category data
 */
export const map: {
  <X, Elements extends TypedArray>(
    self: ThreadPool<X>,
    task: ThreadTask<number, number>,
    source: Elements
  ): Effect.Effect<Elements, Many<never, X>>
  <X, In, Out, E>(
    self: ThreadPool<X>,
    task: ThreadTask<In, Out, E>,
    source: ReadonlyArray<In>
  ): Effect.Effect<Array<Out>, Many<E, X>>
} = (
  self: ThreadPool<any>,
  task: ThreadTask<any, any, any>,
  source: TypedArray | ReadonlyArray<unknown>
): Effect.Effect<any, any> => over(self, task, source, false)

/**
 * `map` without results.
 *
 * @since 0.1.0
 * @category data
 */
export const forEach: {
  <X>(self: ThreadPool<X>, task: ThreadTask<number, unknown>, source: TypedArray): Effect.Effect<void, Many<never, X>>
  <X, In, E>(
    self: ThreadPool<X>,
    task: ThreadTask<In, unknown, E>,
    source: ReadonlyArray<In>
  ): Effect.Effect<void, Many<E, X>>
} = (
  self: ThreadPool<any>,
  task: ThreadTask<any, any, any>,
  source: TypedArray | ReadonlyArray<unknown>
): Effect.Effect<void, any> => Effect.asVoid(over(self, task, source, true))

const over = (
  self: ThreadPool<any>,
  task: ThreadTask<any, any, any>,
  source: TypedArray | ReadonlyArray<unknown>,
  discard: boolean
): Effect.Effect<unknown, any> => {
  const definition = task[TaskTypeId]
  return isTypedArray(source)
    ? overTyped(poolOf(self), definition, source, discard)
    : overList(poolOf(self), definition, source, discard)
}

/**
 * Folds elements to one result, which is the same on any number of threads: at most 256 blocks, divided by the number of elements
 * alone, are folded from `initial` on, and combined in their order.
 *
 * @since 0.1.0
 * @category data
 */
export const reduce = <X, In, State>(
  self: ThreadPool<X>,
  task: FoldTask<In, State>,
  source: ReadonlyArray<In> | ([number] extends [In] ? TypedArray : never)
): Effect.Effect<State, Many<never, X>> =>
  overFold(poolOf(self), task[TaskTypeId], task, source) as Effect.Effect<State, Many<never, X>>

/**
 * The same pool for what takes a `WorkerPool` of inputs: those of a task, or of any function that makes a call of an input.
 * A pool of threads has no priorities: a submission with another than 0 dies.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as ThreadPool from "@heddle/node/ThreadPool"
 * import * as ThreadTask from "@heddle/node/ThreadTask"
 * import * as WorkerPool from "heddle/WorkerPool"
 *
 * const zlib = ThreadTask.module<typeof import("node:zlib")>("node:zlib")
 *
 * const program = Effect.gen(function* () {
 *   const checksums = ThreadPool.of(yield* ThreadPool.make({ threads: 1 }), zlib("crc32"))
 *   return yield* WorkerPool.run(checksums, "warp")
 * })
 *
 * await Effect.runPromise(Effect.scoped(program)) // => 3551890534
 * ```
 *
 * @since 0.1.0
 * @category converting
 */
export const of = <In, Out, E, X>(
  self: ThreadPool<X>,
  callOf: (input: In) => Call<Out, E>
): WorkerPool.WorkerPool<In, Out, E | ThreadFailure, X | ThreadFailure> => engineOf(poolOf(self), callOf)

const engineOf = <In>(pool: Pool, callOf: (input: In) => Call<any, any>): WorkerPool.WorkerPool<In, any, any, any> =>
  WorkerPool.fromEngine<In, any, any, any>("ThreadPool", {
    run: (input, options) => unranked(options, () => submissions.run(pool, callOf(input))),
    submit: (input, options) => unranked(options, () => submissions.submit(pool, callOf(input))),
    submitAll: (inputs, options) =>
      unranked(options, () => submissions.submitAll(pool, Iterable.map(inputs, callOf), options.discard)),
    drain: pool.drain,
    close: pool.close,
    stats: Effect.sync(() => statsOf(pool))
  })

/** What is sent ahead would have to be called back for each that goes first; who needs that makes a pool for it. */
const unranked = <A, E>(
  { priority = 0 }: WorkerPool.SubmitOptions,
  submission: () => Effect.Effect<A, E>
): Effect.Effect<A, E> =>
  priority === 0
    ? Effect.suspend(submission)
    : Effect.die(new RangeError(`ThreadPool: a pool of threads has no priorities, got ${priority}`))

/**
 * Refuses calls from here on, and waits until all that were accepted have ended.
 *
 * @since 0.1.0
 * @category ending
 */
export const drain = <X>(self: ThreadPool<X>): Effect.Effect<void> => poolOf(self).drain

/**
 * Refuses calls from here on, fails with `PoolClosed` what has not begun, stops what runs, and waits until all threads have
 * ended. Idempotent.
 *
 * @since 0.1.0
 * @category ending
 */
export const close = <X>(self: ThreadPool<X>): Effect.Effect<void> => poolOf(self).close

/**
 * Reads the pool as it is at this instant.
 *
 * @since 0.1.0
 * @category observing
 */
export const stats = <X>(self: ThreadPool<X>): Effect.Effect<Stats> => Effect.sync(() => statsOf(poolOf(self)))

const statsOf = (pool: Pool): Stats => {
  const { threads, ...stats } = pool.stats()
  return {
    ...stats,
    threads: threads.map(({ age, busy, index, isRunning, tasks }) => ({
      index,
      tasks,
      utilisation: age > 0 ? Math.min(1, busy / age) : 0,
      active: isRunning,
      age: Duration.millis(age)
    }))
  }
}
