/**
 * What a stage can be told, and how that shows in the types.
 */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"

import type { Bulkhead, BulkheadError } from "../../Bulkhead.ts"
import type { RateLimited, RateLimiter } from "../../RateLimiter.ts"
import { describe } from "../defect.ts"
import type { PoolClosed, WorkerPool } from "../pool/model.ts"

/**
 * An element failed and the stage's `onError` was `"fail"`.
 *
 * @since 0.1.0
 * @category errors
 */
export class StageError<Name extends string, E, In> extends Data.TaggedError("StageError")<{
  /** The name of the stage. */
  readonly stage: Name
  /** What the stage's function failed with. */
  readonly error: E
  /** The element that it failed for. */
  readonly input: In
  /** The error again, as the cause that stack traces show. */
  readonly cause: unknown
}> {
  override get message(): string {
    return `stage ${describe(this.stage)} failed: ${describe(this.error)}`
  }
}

/**
 * An element took longer than the stage's `timeout`, and was not tried again.
 *
 * @since 0.1.0
 * @category errors
 */
export class StageTimeout<Name extends string, In> extends Data.TaggedError("StageTimeout")<{
  /** The name of the stage. */
  readonly stage: Name
  /** The element that took too long. */
  readonly input: In
  /** The time that it had. */
  readonly timeout: Duration.Duration
}> {
  override get message(): string {
    return `stage ${describe(this.stage)} took longer than ${Duration.format(this.timeout)}`
  }
}

/**
 * Whoever else than a `WorkerPool` does the work of a stage.
 *
 * @since 0.1.0
 * @category models
 */
export interface Pool<in Task, out Out, out E = never, out R = never> {
  readonly run: (task: Task) => Effect.Effect<Out, E, R>
}

/**
 * @since 0.1.0
 * @category models
 */
export interface StageOptions<in In = any, in Task = any> {
  /** How many elements run at a time: an integer from 1 up. Default: 1. */
  readonly concurrency?: number | undefined
  /** Whether results leave in the order of the input. Default: true. */
  readonly ordered?: boolean | undefined
  /** How many finished results may wait for the next stage, beyond those in flight: an integer from 0 up. Default: 16. */
  readonly buffer?: number | undefined
  /**
   * How far a stage may get ahead of an element that holds others up: how many finished results of an ordered stage may wait
   * for a slower one ahead of them, and how many elements for others of their `key`. An integer from 0 up. Default: what
   * `buffer` is; with a `key` 1024.
   */
  readonly readAhead?: number | undefined
  /**
   * Elements of the same key (`Equal` says which) run one at a time, in the order of the input, and give their results in
   * it. Other keys go on meanwhile, as long as no more than `readAhead` elements wait. Default: no keys.
   */
  readonly key?: ((input: In) => unknown) | undefined
  /**
   * How long one attempt may take, from when it begins: its wait for `bulkhead` and `limiter` does not count. One that takes
   * longer is interrupted, and fails with `StageTimeout` when it has ended. Default: no limit.
   */
  readonly timeout?: Duration.Input | undefined
  /** Whether and when a failed attempt is made again. The element keeps its slot meanwhile. Default: it is not. */
  readonly retry?: Schedule.Schedule<unknown, any, unknown, any> | undefined
  /** Every attempt waits its turn here and takes one token. */
  readonly limiter?: RateLimiter<any> | undefined
  /** Every attempt runs in one of its permits, which it takes before a token of `limiter`. */
  readonly bulkhead?: Bulkhead | undefined
  /**
   * Does the work: what the stage's function gives is the task, and what the pool makes of it the stage's result. A
   * `WorkerPool` of any engine, or a `Pool`. What a closed one refuses is an error of the element.
   */
  readonly pool?: AnyPool<Task> | undefined
}

/**
 * What happens when an element fails in its error channel. A defect always stops the pipeline, and so does an interruption
 * that no failure comes with.
 *
 * - `"fail"` (default): the pipeline fails with a `StageError` or a `StageTimeout`.
 * - `"skip"`: the element is left out.
 *
 * @since 0.1.0
 * @category models
 */
export type OnError = "fail" | "skip"

/**
 * Instead of failing, an element is left out after this sink has run for it, in the element's slot. A failure of the sink
 * stops the pipeline as it is.
 *
 * @since 0.1.0
 * @category models
 */
export interface DeadLetter<in Failure, out E, out R> {
  readonly deadLetter: (failure: Failure) => Effect.Effect<unknown, E, R>
}

/**
 * The options of a stage without a dead-letter sink.
 *
 * @since 0.1.0
 * @category models
 */
export interface PolicyOptions<in In = any, in Task = any> extends StageOptions<In, Task> {
  /** Default: `"fail"`. */
  readonly onError?: OnError | undefined
}

/**
 * The options that change how an element may fail, what it gives and what it needs.
 *
 * @since 0.1.0
 * @category models
 */
export interface Guards<Timeout, Retry, Limiter, Permits, Workers> {
  readonly timeout: Timeout
  readonly retry: Retry
  readonly limiter: Limiter
  readonly bulkhead: Permits
  readonly pool: Workers
}

/**
 * The options of a stage whose guards are known one by one: from an object with a function in it whose parameter is inferred,
 * TypeScript infers nothing as a whole.
 *
 * @since 0.1.0
 * @category models
 */
export interface GuardedOptions<In, Out, Timeout, Retry, Limiter, Permits, Workers>
  extends
    Omit<StageOptions<In>, keyof Guards<unknown, unknown, unknown, unknown, unknown>>,
    Partial<Guards<Timeout, Retry, Limiter, Permits, Workers & Accepting<Out>>> {}

/** Who does tasks for a stage, in either form. */
export type AnyPool<Task> = WorkerPool<Task, unknown, unknown, unknown> | Pool<Task, unknown, unknown, any>

/** Takes what the stage's function gives. Checked apart from what is inferred. */
type Accepting<Task> = AnyPool<Task> | undefined

type Get<Options, Key extends string> = Key extends keyof Options ? Options[Key] : undefined

type LimiterError<Limiter> = Limiter extends RateLimiter<infer E> ? RateLimited | E : never
type BulkheadErrorOf<Given> = Given extends Bulkhead ? BulkheadError : never
type PoolError<Given> =
  Given extends WorkerPool<never, unknown, infer E, infer X>
    ? E | X | PoolClosed
    : Given extends Pool<never, unknown, infer E, unknown>
      ? E
      : never
type PoolServices<Given> = Given extends Pool<never, unknown, unknown, infer R> ? R : never
type PoolOut<Given, Task> = Given extends
  | WorkerPool<never, infer Out, unknown, unknown>
  | Pool<never, infer Out, unknown, unknown>
  ? Out
  : Task
type ScheduleError<Given> = Given extends Schedule.Schedule<unknown, never, infer E, unknown> ? E : never
type ScheduleServices<Given> = Given extends Schedule.Schedule<unknown, never, unknown, infer R> ? R : never
type TimeoutOf<Name extends string, In, Given> = unknown extends Given
  ? never
  : Given extends Duration.Input
    ? StageTimeout<Name, In>
    : never

/**
 * What an attempt of an element may fail with: what a schedule sees.
 *
 * @since 0.1.0
 * @category models
 */
export type AttemptFailure<Name extends string, E, In, Options> =
  | E
  | LimiterError<Get<Options, "limiter">>
  | BulkheadErrorOf<Get<Options, "bulkhead">>
  | PoolError<Get<Options, "pool">>
  | TimeoutOf<Name, In, Get<Options, "timeout">>

type Wrapped<Name extends string, E, In> = [E] extends [never] ? never : StageError<Name, E, In>

/**
 * How an element of a stage may fail: what the stage adds to the errors of the pipeline, or gives to a dead-letter sink.
 *
 * @since 0.1.0
 * @category models
 */
export type ElementFailure<Name extends string, E, In, Options> =
  | Wrapped<
      Name,
      | Exclude<AttemptFailure<Name, E, In, Options>, TimeoutOf<Name, In, Get<Options, "timeout">>>
      | ScheduleError<Get<Options, "retry">>,
      In
    >
  | TimeoutOf<Name, In, Get<Options, "timeout">>

/**
 * What a stage gives: what its function does, or what its pool makes of that.
 *
 * @since 0.1.0
 * @category models
 */
export type StageOut<Out, Options> = PoolOut<Get<Options, "pool">, Out>

/**
 * The services that the options of a stage need.
 *
 * @since 0.1.0
 * @category models
 */
export type OptionServices<Options> = PoolServices<Get<Options, "pool">> | ScheduleServices<Get<Options, "retry">>

/**
 * The figures of one stage. While no run has stopped, `in` is the sum of `out`, `inFlight`, `queued` and `failed`.
 *
 * @since 0.1.0
 * @category models
 */
export interface StageStats {
  readonly name: string
  /** Elements that were started. */
  readonly in: number
  /** Results that the next stage, or the end of the pipeline, has taken. */
  readonly out: number
  /** Elements that failed, died or interrupted themselves, whatever `onError` did with them; not those that a stop interrupted. */
  readonly failed: number
  /** Attempts that were made again. */
  readonly retried: number
  /** Elements that run now. */
  readonly inFlight: number
  /** Results that wait to be taken. */
  readonly queued: number
  /** Elements that wait for others of their key. */
  readonly waiting: number
  /**
   * How long the latest elements, up to 2048, were in their slots, their retries and waits included: not exceeded by half of
   * them, and by 99 of 100. Rounded up, by a sixteenth at most or to a microsecond. Of elements that take less than a
   * millisecond one in 16 is looked at.
   */
  readonly latency: { readonly p50: Duration.Duration; readonly p99: Duration.Duration }
  /** The share of its slots' time, over all runs, in which an element was in them: from 0 to 1. */
  readonly utilisation: number
}
