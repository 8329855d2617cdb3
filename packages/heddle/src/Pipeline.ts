/**
 * Typed stages over `Stream`: each stage runs an effect for every element, so many at a time, and hands the results on.
 *
 * - **Order.** An ordered stage (the default) gives the results in the order of its input, an unordered one as they
 *   finish. Both keep `concurrency` elements running as long as there is work and room for results.
 * - **Memory** is bounded whatever the source: a stage holds at most `concurrency + buffer` elements, one chunk of its input
 *   and the chunk of results that was taken last. A slow consumer slows every stage before it.
 * - **Failure.** A failed element stops the pipeline with a `StageError` that carries the stage's name, the error and the
 *   input; or, by `onError`, it is skipped or handed to a dead-letter sink. What an ordered stage gives before it fails is
 *   what a sequential run would have given: elements after the failed one are interrupted, those before it finish. An
 *   unordered stage interrupts all others. A defect stops the pipeline as it is, and so does an interruption of an element
 *   that nobody asked for.
 * - **Interruption.** Ending early or interrupting a run interrupts whatever runs in it and waits for it; nothing drains in
 *   the background. Every element has a fiber of its own: what it forks ends with it. (A `Scope` that an element asks for is
 *   the run's: use `Effect.scoped` to release what an element acquires when the element ends.)
 * - **Cost.** One fiber per element that suspends or computes, none for one that is already finished. After 256 elements
 *   that did not suspend, a stage gives the event loop a turn. With `concurrency: 1` and elements that suspend,
 *   `Stream.mapEffect` is cheaper: it runs them in the consumer's fiber, without a read-ahead.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { dual, identity, type LazyArg } from "effect/Function"
import * as Inspectable from "effect/Inspectable"
import * as Pipeable from "effect/Pipeable"
import { hasProperty } from "effect/Predicate"
import { Scheduler } from "effect/Scheduler"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Types from "effect/Types"

import { checkCount, checkPositive, describe } from "./internal/defect.ts"
import { type Config, type Counters, Stage } from "./internal/stage.ts"

const TypeId = "~heddle/Pipeline"

/**
 * A stream and the stages it goes through. A description: nothing runs before one of the `run*` functions does.
 *
 * @since 0.1.0
 * @category models
 */
export interface Pipeline<out A, out E = never, out R = never> extends Pipeable.Pipeable, Inspectable.Inspectable {
  readonly [TypeId]: {
    readonly _A: Types.Covariant<A>
    readonly _E: Types.Covariant<E>
    readonly _R: Types.Covariant<R>
  }
}

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
 * @since 0.1.0
 * @category models
 */
export interface StageOptions {
  /** How many elements run at a time: an integer from 1 up. Default: 1. */
  readonly concurrency?: number | undefined
  /** Whether results leave in the order of the input. Default: true. */
  readonly ordered?: boolean | undefined
  /**
   * How many finished results may wait for the next stage, or for a slower element ahead of them, beyond those in flight:
   * an integer from 0 up. Default: 16.
   */
  readonly buffer?: number | undefined
}

/**
 * What happens when an element fails in its error channel. A defect always stops the pipeline, and so does an interruption
 * that no failure comes with.
 *
 * - `"fail"` (default): the pipeline fails with a `StageError`.
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
export interface PolicyOptions extends StageOptions {
  /** Default: `"fail"`. */
  readonly onError?: OnError | undefined
}

/**
 * What a stage without a dead-letter sink adds to the errors of a pipeline: nothing if its options say `"skip"` for certain,
 * otherwise its `StageError`.
 *
 * @since 0.1.0
 * @category models
 */
export type StageFailure<Name extends string, E, In, Options> = Options extends { readonly onError: "skip" }
  ? never
  : [E] extends [never]
    ? never
    : StageError<Name, E, In>

/**
 * The counts of one stage. While no run has stopped, `in` is the sum of `out`, `inFlight`, `queued` and `failed`.
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
  /** Elements that run now. */
  readonly inFlight: number
  /** Results that wait to be taken. */
  readonly queued: number
}

/**
 * A pipeline without stages.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 * import * as Pipeline from "heddle/Pipeline"
 *
 * const lengths = Pipeline.from(Stream.make("warp", "weft", "selvage")).pipe(
 *   Pipeline.stage("measure", (word) => Effect.succeed(word.length), { concurrency: 2 }),
 *   Pipeline.runCollect
 * )
 *
 * await Effect.runPromise(lengths) // => [4, 4, 7]
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const from = <A, E, R>(stream: Stream.Stream<A, E, R>): Pipeline<A, E, R> => new Staged(stream, [])

/**
 * Runs `f` for every element. A typed failure of `f` stops the pipeline as `StageError<Name, E, In>`, unless `onError`
 * takes it out of the types. An option out of its range dies when the pipeline runs.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 * import * as Pipeline from "heddle/Pipeline"
 *
 * const parse = (text: string) => (/^\d+$/.test(text) ? Effect.succeed(Number(text)) : Effect.fail("not a number"))
 * const source = Pipeline.from(Stream.make("1", "two", "3"))
 *
 * const strict = source.pipe(
 *   Pipeline.stage("parse", parse),
 *   Pipeline.runCollect,
 *   Effect.catchTag("StageError", ({ error, input, stage }) => Effect.succeed(`${stage}: ${input} is ${error}`))
 * )
 * await Effect.runPromise(strict) // => "parse: two is not a number"
 *
 * const lenient = source.pipe(Pipeline.stage("parse", parse, { onError: "skip" }), Pipeline.runCollect)
 * await Effect.runPromise(lenient) // => [1, 3]
 * ```
 *
 * @since 0.1.0
 * @category stages
 */
export const stage: {
  <const Name extends string, In, Out, E2, R2, E3, R3>(
    name: Name,
    f: (input: In) => Effect.Effect<Out, E2, R2>,
    options: StageOptions & { readonly onError: DeadLetter<StageError<Name, E2, In>, E3, R3> }
  ): <E, R>(self: Pipeline<In, E, R>) => Pipeline<Out, E | E3, R | R2 | R3>
  <const Name extends string, In, Out, E2, R2, const Options extends PolicyOptions = {}>(
    name: Name,
    f: (input: In) => Effect.Effect<Out, E2, R2>,
    // the options are inferred as a whole, so that an `onError` that may be missing does not pass for "skip"
    options?: Options & { readonly [Unknown in Exclude<keyof Options, keyof PolicyOptions>]: never }
  ): <E, R>(self: Pipeline<In, E, R>) => Pipeline<Out, E | StageFailure<Name, E2, In, Options>, R | R2>
} =
  <In, Out, E2, R2>(
    name: string,
    f: (input: In) => Effect.Effect<Out, E2, R2>,
    options?: StageOptions & {
      readonly onError?: OnError | DeadLetter<AnyStageError, unknown, unknown> | undefined
    }
  ) =>
  (self: Pipeline<any, any, any>): Pipeline<any, any, any> => {
    const { buffer = 16, concurrency = 1, onError = "fail", ordered = true } = options ?? {}
    const counters = { in: 0, out: 0, failed: 0, inFlight: 0, queued: 0 }
    const config: Config<In, Out, E2, any, any> = {
      run: f,
      explain: (input, cause) => Cause.map(cause, (error) => stageError(name, error, input)),
      recover: recovery(name, onError),
      buffer,
      concurrency,
      ordered,
      counters
    }
    const { stages, stream } = self as Staged<In, any, any>
    const staged = Stream.transformPullBracket(stream, (upstream, _scope, scope) =>
      Effect.gen(function* () {
        checkOptions(name, { buffer, concurrency, onError })
        const run = new Stage(upstream, config, yield* Effect.context<any>(), yield* Scheduler)
        yield* Scope.addFinalizer(scope, run.close)
        return run.pull
      })
    )
    return new Staged(staged, [...stages, { name, counters }])
  }

/**
 * The pipeline as a stream: its failures, its bounded memory and its interruption stay what they are.
 *
 * @since 0.1.0
 * @category running
 */
export const toStream = <A, E, R>(self: Pipeline<A, E, R>): Stream.Stream<A, E, R> => (self as Staged<A, E, R>).stream

/**
 * Runs the pipeline and gives all results. Holds them in memory: for a source without a known end use `runFold` or
 * `runForEach`.
 *
 * @since 0.1.0
 * @category running
 */
export const runCollect = <A, E, R>(self: Pipeline<A, E, R>): Effect.Effect<Array<A>, E, R> =>
  Stream.runCollect(toStream(self))

/**
 * Runs the pipeline and folds the results into one value, one after the other.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 * import * as Pipeline from "heddle/Pipeline"
 *
 * const sum = Pipeline.from(Stream.range(1, 1000)).pipe(
 *   Pipeline.stage("square", (n) => Effect.succeed(n * n), { concurrency: 8, ordered: false }),
 *   Pipeline.runFold(
 *     () => 0,
 *     (total, square) => total + square
 *   )
 * )
 *
 * await Effect.runPromise(sum) // => 333833500
 * ```
 *
 * @since 0.1.0
 * @category running
 */
export const runFold: {
  <Z, A>(initial: LazyArg<Z>, f: (state: Z, result: A) => Z): <E, R>(self: Pipeline<A, E, R>) => Effect.Effect<Z, E, R>
  <A, E, R, Z>(self: Pipeline<A, E, R>, initial: LazyArg<Z>, f: (state: Z, result: A) => Z): Effect.Effect<Z, E, R>
} = dual(3, <A, E, R, Z>(self: Pipeline<A, E, R>, initial: LazyArg<Z>, f: (state: Z, result: A) => Z) =>
  Stream.runFold(toStream(self), initial, f)
)

/**
 * Runs the pipeline and an effect for every result, one after the other. For several at a time, add a stage.
 *
 * @since 0.1.0
 * @category running
 */
export const runForEach: {
  <A, X, E2, R2>(
    f: (result: A) => Effect.Effect<X, E2, R2>
  ): <E, R>(self: Pipeline<A, E, R>) => Effect.Effect<void, E | E2, R | R2>
  <A, E, R, X, E2, R2>(
    self: Pipeline<A, E, R>,
    f: (result: A) => Effect.Effect<X, E2, R2>
  ): Effect.Effect<void, E | E2, R | R2>
} = dual(2, <A, E, R, X, E2, R2>(self: Pipeline<A, E, R>, f: (result: A) => Effect.Effect<X, E2, R2>) =>
  Stream.runForEach(toStream(self), f)
)

/**
 * What goes on in the stages at this instant, first stage first. Counts all runs of this pipeline value together.
 *
 * @since 0.1.0
 * @category observing
 */
export const stats = <A, E, R>(self: Pipeline<A, E, R>): Effect.Effect<ReadonlyArray<StageStats>> =>
  Effect.sync(() => statsUnsafe(self as Staged<A, E, R>))

// ---------------------------------------------------------------------------------------------------------------------
// machinery

type AnyStageError = StageError<string, any, any>

class Staged<A, E, R> extends Inspectable.Class implements Pipeline<A, E, R> {
  readonly [TypeId] = variance
  readonly stream: Stream.Stream<A, E, R>
  readonly stages: ReadonlyArray<{ readonly name: string; readonly counters: Counters }>

  constructor(
    stream: Stream.Stream<A, E, R>,
    stages: ReadonlyArray<{ readonly name: string; readonly counters: Counters }>
  ) {
    super()
    this.stream = stream
    this.stages = stages
  }

  pipe() {
    return Pipeable.pipeArguments(this, arguments)
  }

  toJSON() {
    return { _id: "Pipeline", stages: statsUnsafe(this) }
  }
}

const recovery = (name: string, onError: OnError | DeadLetter<AnyStageError, unknown, unknown>) => {
  if (onError === "fail") return undefined
  if (onError === "skip") return () => Effect.void
  return (input: unknown, error: unknown) => onError.deadLetter(stageError(name, error, input))
}

/** Without a stack: it would show the machinery, at ten times the cost. The error's own is its `cause`. */
const stageError = <E, In>(name: string, error: E, input: In): StageError<string, E, In> => {
  const engine = Error as { stackTraceLimit?: number | undefined }
  const limit = engine.stackTraceLimit
  engine.stackTraceLimit = 0
  try {
    return new StageError({ stage: name, error, input, cause: error })
  } finally {
    engine.stackTraceLimit = limit
  }
}

const variance = { _A: identity, _E: identity, _R: identity }

const statsUnsafe = <A, E, R>({ stages }: Staged<A, E, R>): ReadonlyArray<StageStats> =>
  stages.map(({ counters, name }) => ({ name, ...counters }))

const checkOptions = (
  name: string,
  { buffer, concurrency, onError }: { readonly buffer: number; readonly concurrency: number; readonly onError: unknown }
): void => {
  const label = `Pipeline.stage ${describe(name)}`
  checkPositive(label, "concurrency", concurrency, "finite")
  checkCount(label, "buffer", buffer, "finite")
  const isSink = hasProperty(onError, "deadLetter") && typeof onError.deadLetter === "function"
  if (onError !== "fail" && onError !== "skip" && !isSink) {
    throw new TypeError(
      `${label}: onError must be "fail", "skip" or { deadLetter: a function }, got ${describe(onError)}`
    )
  }
}
