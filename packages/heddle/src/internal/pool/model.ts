/**
 * What every engine of a worker pool shares, whatever its workers are: the handle, the job, the counts and the errors.
 * `WorkerPool` documents and exports them.
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Inspectable from "effect/Inspectable"
import type * as Pipeable from "effect/Pipeable"
import * as Schema from "effect/Schema"

import type { Party } from "../observer.ts"

export const TypeId = "~heddle/WorkerPool"
export const FiberTypeId = "~heddle/WorkerPool/FiberPool"

/**
 * A handle on workers that run tasks of type `In`. Opaque: the functions of this module are its behaviour, whatever engine
 * does the work.
 *
 * `E` is what a task can fail with, `X` what its submission can be refused with; a closed pool adds `PoolClosed` to both.
 *
 * @since 0.1.0
 * @category models
 */
export interface WorkerPool<in In, out Out, out E = never, out X = never>
  extends Pipeable.Pipeable, Inspectable.Inspectable {
  readonly [TypeId]: Engine<In, Out, E, X>
}

/**
 * A pool on fibers: besides what all pools can do, it can be resized and paused.
 *
 * @since 0.1.0
 * @category models
 */
export interface FiberPool<in In, out Out, out E = never, out X = never> extends WorkerPool<In, Out, E, X> {
  readonly [FiberTypeId]: typeof FiberTypeId
}

/**
 * What stands behind a handle. `fromEngine` makes a pool of it, and `WorkerPoolLaws` says what it has to keep to.
 *
 * @since 0.1.0
 * @category engines
 */
export interface Engine<in In, out Out, out E, out X> {
  readonly submit: (task: In, options: SubmitOptions) => Effect.Effect<Job<Out, E | PoolClosed>, PoolClosed | X>
  readonly run: (task: In, options: SubmitOptions) => Effect.Effect<Out, E | PoolClosed | X>
  /** With `discard`, the jobs are not kept, and none is given. */
  readonly submitAll: (
    tasks: Iterable<In>,
    options: SubmitOptions & { readonly discard: boolean }
  ) => Effect.Effect<ReadonlyArray<Job<Out, E | PoolClosed>>, PoolClosed | X>
  readonly drain: Effect.Effect<void>
  readonly close: Effect.Effect<void>
  readonly stats: Effect.Effect<Stats>
}

/**
 * @since 0.1.0
 * @category models
 */
export interface SubmitOptions {
  /** Higher goes first: an integer from -1,000,000,000 to 1,000,000,000. Default: 0. */
  readonly priority?: number | undefined
}

/**
 * A task that was submitted. It goes on whoever holds this, and whoever lets go of it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Job<out Out, out E = never> {
  /**
   * Waits until the task has ended, and ends as it did. Any number of fibers may wait, then and later; an interruption of a
   * wait leaves the task alone.
   */
  readonly await: Effect.Effect<Out, E>
  /** Interrupts the task, or has it never begin, and waits until it has ended. What has ended is left as it is. */
  readonly interrupt: Effect.Effect<void>
}

/**
 * What a pool looks like at one instant. While no more is submitted,
 * `submitted = queued + running + retrying + succeeded + failed + interrupted + dropped`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Stats {
  /** How many workers there are, as `make` or the last `resize` set it. */
  readonly workers: number
  /** Workers that have a task. Above `workers` while a shrink waits for tasks to end. */
  readonly active: number
  /** `max(0, workers - active)`. */
  readonly idle: number
  /** Tasks that were accepted and have not begun, or wait to begin again. Never above the capacity. */
  readonly queued: number
  /** Callers that wait because the queue is full, whose tasks are not accepted yet. */
  readonly waiting: number
  /** Tasks that have begun and not ended. Above `active` by those that run in the place of a task that waits for them. */
  readonly running: number
  /** Tasks that have failed and are to be tried again when their backoff is over. They have no worker meanwhile. */
  readonly retrying: number
  /** Tasks that were accepted so far, and those that were dropped because there was no room. */
  readonly submitted: number
  readonly succeeded: number
  /** Tasks that ended with a failure or a defect. */
  readonly failed: number
  /** Tasks that were interrupted, by whomever, before they began or later. */
  readonly interrupted: number
  /** Tasks that were refused or thrown out for want of room, or because the pool was closed before they began. */
  readonly dropped: number
  /** How long tasks waited before they began. Given where the pool has a name. */
  readonly queueTime?: Latency | undefined
  /** How long tasks ran, their backoffs not counted. Given where the pool has a name. */
  readonly runTime?: Latency | undefined
  /** Given, as those below, while an inspector is attached and the pool has a name. */
  readonly name?: string
  /** Tasks that run, with the fibers that submitted them: those that were submitted since the inspector was attached. */
  readonly holders?: ReadonlyArray<Party>
  /** Tasks that wait for a worker, likewise. */
  readonly waiters?: ReadonlyArray<Party>
}

/**
 * A summary of durations. The quantiles are within 1.1 % of the truth.
 *
 * @since 0.1.0
 * @category models
 */
export interface Latency {
  readonly count: number
  readonly p50: Duration.Duration
  readonly p99: Duration.Duration
  readonly max: Duration.Duration
}

const facts = {
  /** The name of the pool, where it has one. */
  pool: Schema.UndefinedOr(Schema.String)
}

const named = (pool: string | undefined): string =>
  pool === undefined ? "the pool" : `the pool ${JSON.stringify(pool)}`

/**
 * There was no room for the task, or it was thrown out to make room for a later one.
 *
 * @since 0.1.0
 * @category errors
 */
export class PoolFull extends Schema.TaggedError<PoolFull>()("PoolFull", {
  ...facts,
  /** How many tasks may wait for a worker. */
  capacity: Schema.Number,
  /** How many did. */
  queued: Schema.Number
}) {
  override get message(): string {
    return `${named(this.pool)} is full: ${this.queued} tasks wait, and ${this.capacity} may`
  }
}

/**
 * The pool takes no more tasks, or it was closed before the task had ended.
 *
 * @since 0.1.0
 * @category errors
 */
export class PoolClosed extends Schema.TaggedError<PoolClosed>()("PoolClosed", facts) {
  override get message(): string {
    return `${named(this.pool)} is closed`
  }
}

/**
 * The task ran for longer than the pool allows, and was interrupted.
 *
 * @since 0.1.0
 * @category errors
 */
export class TaskTimeout extends Schema.TaggedError<TaskTimeout>()("TaskTimeout", {
  ...facts,
  timeout: Schema.Duration
}) {
  override get message(): string {
    return `a task of ${named(this.pool)} took longer than ${Duration.format(this.timeout)}`
  }
}

/**
 * A task waited for one that can only begin when it has ended itself: behind it, under the same key.
 *
 * @since 0.1.0
 * @category errors
 */
export class ReentrantWait extends Schema.TaggedError<ReentrantWait>()("ReentrantWait", {
  ...facts,
  /** The key of the task that was waited for. */
  key: Schema.Unknown
}) {
  override get message(): string {
    return `a task of ${named(this.pool)} waited for another that stands behind it`
  }
}

/**
 * Why a pool interrupted the fiber that a task ran in: an annotation of the interruption, for `Cause.annotations`.
 *
 * @since 0.1.0
 * @category models
 */
export class StopReason extends Context.Service<
  StopReason,
  {
    /** The name of the pool. */
    readonly pool: string | undefined
    /** The pool was closed. */
    readonly because: "closed"
  }
>()("heddle/WorkerPool/StopReason") {}
