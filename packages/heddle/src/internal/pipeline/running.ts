/**
 * What makes a pipeline run, and end.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual, type LazyArg } from "effect/Function"
import * as Option from "effect/Option"
import * as Pull from "effect/Pull"
import type * as Queue from "effect/Queue"
import { Scheduler } from "effect/Scheduler"
import * as Stream from "effect/Stream"

import { checkDuration, checkPositive } from "../defect.ts"
import { described, type Description, type Pipeline } from "./description.ts"
import { Reduction } from "./reduction.ts"
import { CurrentRun, Run } from "./run.ts"
import type { Token, Tracked } from "./tracked.ts"

/**
 * The pipeline as a stream: its failures, its bounded memory and its interruption stay what they are. `drain` does not reach
 * it. Where there is somebody to `acknowledge`, elements are acknowledged when the next chunk is asked for.
 *
 * @since 0.1.0
 * @category running
 */
export const toStream = <A, E, R>(self: Pipeline<A, E, R>): Stream.Stream<A, E, R> => {
  const description = described(self)
  return Stream.unwrap(
    Effect.sync(() => {
      const run = new Run()
      return Stream.ensuring(Stream.provideService(plain(description, run), CurrentRun, run), run.closed)
    })
  )
}

/**
 * Runs the pipeline and gives all results. Holds them in memory: for a source without a known end use `runFold` or
 * `runForEach`.
 *
 * @since 0.1.0
 * @category running
 */
export const runCollect = <A, E, R>(self: Pipeline<A, E, R>): Effect.Effect<Array<A>, E, R> =>
  runFold(
    self,
    (): Array<A> => [],
    (results, result) => {
      results.push(result)
      return results
    }
  )

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
} = dual(3, <A, E, R, Z>(self: Pipeline<A, E, R>, initial: LazyArg<Z>, f: (state: Z, result: A) => Z) => {
  const description = described(self)
  const step: (state: Z, element: any) => Z = description.isTracked ? settling(f) : f
  return execute(description, () => Stream.runFold(description.stream, initial, step))
})

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
} = dual(2, <A, E, R, X, E2, R2>(self: Pipeline<A, E, R>, f: (result: A) => Effect.Effect<X, E2, R2>) => {
  const description = described(self)
  const each: (element: any) => Effect.Effect<X, E2, R2> = description.isTracked
    ? ({ token, value }: Tracked<A>) => heeded(f(value), token)
    : f
  return execute(description, () => Stream.runForEach(description.stream, each))
})

/**
 * Runs the pipeline and puts the results into a queue, each when there is room. Ends the queue when the pipeline has ended,
 * and fails it when the pipeline has failed.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Cause from "effect/Cause"
 * import * as Effect from "effect/Effect"
 * import * as Queue from "effect/Queue"
 * import * as Stream from "effect/Stream"
 * import * as Pipeline from "heddle/Pipeline"
 *
 * const program = Effect.gen(function* () {
 *   const queue = yield* Queue.bounded<number, Cause.Done>(2)
 *   yield* Effect.forkChild(Pipeline.runInto(Pipeline.from(Stream.make(1, 2, 3)), queue))
 *   return yield* Stream.runCollect(Stream.fromQueue(queue))
 * })
 *
 * await Effect.runPromise(program) // => [1, 2, 3]
 * ```
 *
 * @since 0.1.0
 * @category running
 */
export const runInto: {
  <A, E>(queue: Queue.Queue<A, E | Cause.Done>): <R>(self: Pipeline<A, E, R>) => Effect.Effect<void, never, R>
  <A, E, R>(self: Pipeline<A, E, R>, queue: Queue.Queue<A, E | Cause.Done>): Effect.Effect<void, never, R>
} = dual(2, <A, E, R>(self: Pipeline<A, E, R>, queue: Queue.Queue<A, E | Cause.Done>) => {
  const description = described(self)
  return execute(description, (run) => Stream.runIntoQueue(plain(description, run), queue))
})

/**
 * Runs the pipeline and combines the results to one, up to `concurrency` pairs of neighbours at a time. `f` has to be
 * associative; it need not be commutative, since the order is kept. None where there are no results. A failure interrupts
 * the other pairs. At most two results per pair are held.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as Option from "effect/Option"
 * import * as Stream from "effect/Stream"
 * import * as Pipeline from "heddle/Pipeline"
 *
 * const joined = Pipeline.from(Stream.range(0, 9)).pipe(
 *   Pipeline.stage("print", (n) => Effect.succeed(String(n))),
 *   Pipeline.runReduce((left, right) => Effect.as(Effect.yieldNow, `${left}|${right}`), { concurrency: 4 })
 * )
 *
 * await Effect.runPromise(joined).then(Option.getOrUndefined) // => "0|1|2|3|4|5|6|7|8|9"
 * ```
 *
 * @since 0.1.0
 * @category running
 */
export const runReduce =
  <A, E2, R2>(
    f: (left: A, right: A) => Effect.Effect<NoInfer<A>, E2, R2>,
    { concurrency = 1 }: { readonly concurrency?: number | undefined } = {}
  ) =>
  <E, R>(self: Pipeline<A, E, R>): Effect.Effect<Option.Option<A>, E | E2, R | R2> => {
    const description = described(self)
    return execute(description, (run) =>
      Effect.scoped(
        Effect.gen(function* () {
          checkPositive("Pipeline.runReduce", "concurrency", concurrency, "finite")
          const pull = yield* Stream.toPull(plain(description, run) as Stream.Stream<A, E, R>)
          const context = yield* Effect.context<R | R2>()
          const reduction = new Reduction<A, E | E2, R | R2>(pull, f, concurrency, context, yield* Scheduler)
          yield* Effect.addFinalizer(() => reduction.close)
          return yield* reduction.run
        })
      )
    )
  }

/**
 * @since 0.1.0
 * @category models
 */
export interface DrainOptions {
  /** How long what is in flight may take. What has not ended then is interrupted. Default: as long as it takes. */
  readonly grace?: Duration.Input | undefined
}

/**
 * Ends all runs of this pipeline value that are in progress, for a shutdown: their sources give no more elements, and what
 * is in flight finishes. Waits for their ends; says whether all finished within the grace period. A run that did not is
 * interrupted, and so is what it returns to its caller. An interruption of the drain ends the wait only.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as Fiber from "effect/Fiber"
 * import * as Stream from "effect/Stream"
 * import * as Pipeline from "heddle/Pipeline"
 *
 * const program = Effect.gen(function* () {
 *   const pipeline = Pipeline.from(Stream.fromEffectRepeat(Effect.as(Effect.sleep("1 milli"), "tick"))).pipe(
 *     Pipeline.stage("work", (tick) => Effect.as(Effect.sleep("2 millis"), tick), { concurrency: 2 })
 *   )
 *   const run = yield* Effect.forkChild(Pipeline.runCollect(pipeline))
 *   yield* Effect.sleep("10 millis")
 *   const finished = yield* Pipeline.drain(pipeline, { grace: "5 seconds" })
 *   const results = yield* Fiber.join(run)
 *   return finished && results.every((tick) => tick === "tick")
 * })
 *
 * await Effect.runPromise(program) // => true
 * ```
 *
 * @since 0.1.0
 * @category running
 */
export const drain = <A, E, R>(self: Pipeline<A, E, R>, { grace }: DrainOptions = {}): Effect.Effect<boolean> =>
  Effect.suspend(() => {
    const patience = grace === undefined ? undefined : checkDuration("Pipeline.drain", "grace", grace)
    const runs = Array.from(described(self).runs)
    for (const run of runs) run.stopSources()
    const ended = Effect.forEach(runs, (run) => run.ended, { discard: true })
    if (patience === undefined) return Effect.as(ended, true)
    return Effect.flatMap(Effect.timeoutOption(ended, patience), (inTime) =>
      Option.isSome(inTime)
        ? Effect.succeed(true)
        : Effect.as(
            Effect.forEach(runs, (run) => run.interrupt, { concurrency: "unbounded", discard: true }),
            false
          )
    )
  })

// ---------------------------------------------------------------------------------------------------------------------
// machinery

const execute = <A, E, R>(
  description: Description,
  use: (run: Run) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.withFiber((caller) => {
    const run = new Run()
    const { runs } = description
    return run.execute(
      Effect.suspend(() => {
        runs.add(run)
        return Effect.ensuring(
          use(run),
          Effect.sync(() => runs.delete(run))
        )
      }),
      caller
    )
  })

/** The step of a fold, which settles what it has taken. */
const settling =
  <Z, A>(f: (state: Z, result: A) => Z) =>
  (state: Z, { token, value }: Tracked<A>): Z => {
    const next = f(state, value)
    token.settle()
    return next
  }

/** Has the token hear what became of its element. */
const heeded = <A, E, R>(effect: Effect.Effect<A, E, R>, token: Token): Effect.Effect<A, E, R> =>
  Effect.onExitPrimitive(effect, (exit) => {
    if (exit._tag === "Success") token.settle()
    else if (!Cause.hasInterruptsOnly(exit.cause)) token.fail(exit.cause)
    return undefined
  })

/** The elements as the user knows them, for somebody who asks for the next chunk when he has done with the last. */
const plain = (description: Description, run: Run): Stream.Stream<any, any, any> =>
  description.isTracked
    ? Stream.transformPull(description.stream as Stream.Stream<Tracked<any>, any, any>, (pull) =>
        Effect.sync(() => {
          let latest: ReadonlyArray<Tracked<any>> = []
          const next = Effect.suspend(() => {
            for (const { token } of latest) token.settle()
            latest = []
            return Effect.map(pull, (chunk) => {
              latest = chunk
              return valuesOf(chunk)
            })
          })
          return Pull.catchDone(next, () => Effect.andThen(run.balanced, Cause.done()))
        })
      )
    : description.stream

const valuesOf = (chunk: NonEmptyReadonlyArray<Tracked<any>>): NonEmptyReadonlyArray<any> =>
  chunk.map(({ value }) => value) as unknown as NonEmptyReadonlyArray<any>
