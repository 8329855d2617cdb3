/**
 * Typed stages over `Stream`: each stage runs an effect for every element, so many at a time, and hands the results on.
 *
 * - **Order.** An ordered stage (the default) gives the results in the order of its input, an unordered one as they
 *   finish. Both keep `concurrency` elements running as long as there is work and room for results. With a `key` elements
 *   of the same key stay in order, one at a time, and a slow key does not hold up the others.
 * - **Memory** is bounded whatever the source: a stage holds at most `concurrency` elements, `buffer` results or, where a
 *   slow element or key holds others up, `readAhead`, one chunk of its input and the chunk of results that was taken last.
 *   A slow consumer slows every stage before it.
 * - **Failure.** A failed element stops the pipeline with a `StageError` that carries the stage's name, the error and the
 *   input; or, by `onError`, it is skipped or handed to a dead-letter sink. What an ordered stage gives before it fails is
 *   what a sequential run would have given: elements after the failed one are interrupted, those before it finish. An
 *   unordered stage interrupts all others. A defect stops the pipeline as it is, and so does an interruption of an element
 *   that nobody asked for.
 * - **Delivery.** With `acknowledge` or `checkpoint` the source hears of every element that has left the pipeline, and not
 *   before: a crash loses nothing, and repeats at most what was in flight.
 * - **Interruption.** Ending early or interrupting a run interrupts whatever runs in it and waits for it; nothing drains in
 *   the background, unless it is told to (`drain`). What an element forks ends with it. (A `Scope` that an element asks for
 *   is the run's: use `Effect.scoped` to release what an element acquires when the element ends.)
 * - **Cost.** Elements run one after the other in a few fibers; one that forks gets a fiber to itself. An effect that is
 *   finished already needs none. After 256 elements a stage gives the event loop a turn. With `concurrency: 1` and elements
 *   that suspend, `Stream.mapEffect` can be cheaper: it runs them in the consumer's fiber, without a read-ahead.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Stream from "effect/Stream"

import { described, Description, type Pipeline, stoppable } from "./internal/pipeline/description.ts"
import type {
  DeadLetter,
  ElementFailure,
  GuardedOptions,
  Guards,
  OnError,
  OptionServices,
  StageOptions,
  StageOut
} from "./internal/pipeline/model.ts"
import { stageLink } from "./internal/pipeline/stageLink.ts"

export { type Acknowledge, acknowledge, checkpoint, CheckpointError } from "./internal/pipeline/delivery.ts"
export type {
  /** @since 0.1.0 @category models */
  Pipeline
} from "./internal/pipeline/description.ts"
export { bottleneck, progress, type ProgressOptions, stats } from "./internal/pipeline/figures.ts"
export {
  type AttemptFailure,
  type DeadLetter,
  type ElementFailure,
  type GuardedOptions,
  type Guards,
  type OnError,
  type OptionServices,
  type PolicyOptions,
  type Pool,
  StageError,
  type StageOptions,
  type StageOut,
  type StageStats,
  StageTimeout
} from "./internal/pipeline/model.ts"
export {
  drain,
  type DrainOptions,
  runCollect,
  runFold,
  runForEach,
  runInto,
  runReduce,
  toStream
} from "./internal/pipeline/running.ts"
export {
  batch,
  type BatchOptions,
  type Branched,
  broadcast,
  merge,
  mergeOrdered,
  partition,
  type SplitOptions,
  unbatch
} from "./internal/pipeline/shapes.ts"

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
export const from = <A, E, R>(stream: Stream.Stream<A, E, R>): Pipeline<A, E, R> =>
  new Description({ source: stoppable(stream), figures: [], isTracked: false })

/**
 * Runs `f` for every element. A typed failure of `f` stops the pipeline as `StageError<Name, E, In>`, unless `onError`
 * takes it out of the types; what `limiter`, `bulkhead` and `pool` fail with is an error of the element, and `timeout` adds
 * `StageTimeout`. An option out of its range dies when the pipeline runs.
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
  <
    const Name extends string,
    In,
    Out,
    E2,
    R2,
    E3,
    R3,
    Timeout extends StageOptions["timeout"] = undefined,
    Retry extends StageOptions["retry"] = undefined,
    Limiter extends StageOptions["limiter"] = undefined,
    Permits extends StageOptions["bulkhead"] = undefined,
    Workers extends StageOptions["pool"] = undefined
  >(
    name: Name,
    f: (input: In) => Effect.Effect<Out, E2, R2>,
    options: GuardedOptions<In, Out, Timeout, Retry, Limiter, Permits, Workers> & {
      readonly onError: DeadLetter<
        ElementFailure<Name, E2, In, Guards<Timeout, Retry, Limiter, Permits, Workers>>,
        E3,
        R3
      >
    }
  ): <E, R>(
    self: Pipeline<In, E, R>
  ) => Pipeline<
    StageOut<Out, Guards<Timeout, Retry, Limiter, Permits, Workers>>,
    E | E3,
    R | R2 | R3 | OptionServices<Guards<Timeout, Retry, Limiter, Permits, Workers>>
  >
  <
    const Name extends string,
    In,
    Out,
    E2,
    R2,
    Timeout extends StageOptions["timeout"] = undefined,
    Retry extends StageOptions["retry"] = undefined,
    Limiter extends StageOptions["limiter"] = undefined,
    Permits extends StageOptions["bulkhead"] = undefined,
    Workers extends StageOptions["pool"] = undefined
  >(
    name: Name,
    f: (input: In) => Effect.Effect<Out, E2, R2>,
    // an `onError` that may be missing does not pass for "skip"
    options: GuardedOptions<In, Out, Timeout, Retry, Limiter, Permits, Workers> & { readonly onError: "skip" }
  ): <E, R>(
    self: Pipeline<In, E, R>
  ) => Pipeline<
    StageOut<Out, Guards<Timeout, Retry, Limiter, Permits, Workers>>,
    E,
    R | R2 | OptionServices<Guards<Timeout, Retry, Limiter, Permits, Workers>>
  >
  <
    const Name extends string,
    In,
    Out,
    E2,
    R2,
    Timeout extends StageOptions["timeout"] = undefined,
    Retry extends StageOptions["retry"] = undefined,
    Limiter extends StageOptions["limiter"] = undefined,
    Permits extends StageOptions["bulkhead"] = undefined,
    Workers extends StageOptions["pool"] = undefined
  >(
    name: Name,
    f: (input: In) => Effect.Effect<Out, E2, R2>,
    options?: GuardedOptions<In, Out, Timeout, Retry, Limiter, Permits, Workers> & {
      readonly onError?: OnError | undefined
    }
  ): <E, R>(
    self: Pipeline<In, E, R>
  ) => Pipeline<
    StageOut<Out, Guards<Timeout, Retry, Limiter, Permits, Workers>>,
    E | ElementFailure<Name, E2, In, Guards<Timeout, Retry, Limiter, Permits, Workers>>,
    R | R2 | OptionServices<Guards<Timeout, Retry, Limiter, Permits, Workers>>
  >
} =
  (name: string, f: (input: any) => Effect.Effect<any, any, any>, options?: any) =>
  (self: Pipeline<any, any, any>): Pipeline<any, any, any> => {
    const description = described(self)
    const { figures, link } = stageLink(name, f, options ?? {}, description.isTracked)
    return description.linked(link, figures)
  }

/**
 * Runs an effect for every element that passes, one after the other, and passes the element on. For several at a time, and
 * figures, use a stage.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 * import * as Pipeline from "heddle/Pipeline"
 *
 * const seen: Array<number> = []
 * const program = Pipeline.from(Stream.make(1, 2, 3)).pipe(
 *   Pipeline.tap((n) => Effect.sync(() => seen.push(n))),
 *   Pipeline.runCollect
 * )
 *
 * await Effect.runPromise(program) // => [1, 2, 3]
 * seen // => [1, 2, 3]
 * ```
 *
 * @since 0.1.0
 * @category stages
 */
export const tap: {
  <A, X, E2, R2>(
    f: (element: A) => Effect.Effect<X, E2, R2>
  ): <E, R>(self: Pipeline<A, E, R>) => Pipeline<A, E | E2, R | R2>
  <A, E, R, X, E2, R2>(
    self: Pipeline<A, E, R>,
    f: (element: A) => Effect.Effect<X, E2, R2>
  ): Pipeline<A, E | E2, R | R2>
} = dual(2, <A, E, R, X, E2, R2>(self: Pipeline<A, E, R>, f: (element: A) => Effect.Effect<X, E2, R2>) => {
  const description = described(self)
  return description.transformed(
    description.isTracked
      ? Stream.tap(({ token, value }) =>
          Effect.tapCause(f(value), (cause) =>
            Effect.sync(() => (Cause.hasInterruptsOnly(cause) ? undefined : token.fail(cause)))
          )
        )
      : Stream.tap(f)
  )
})
