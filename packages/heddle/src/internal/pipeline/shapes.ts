/**
 * What changes the shape of a pipeline: batches, branches, and pipelines that become one.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type * as Order from "effect/Order"
import { Scheduler } from "effect/Scheduler"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

import { checkDuration, checkPositive, checkThat, describe } from "../defect.ts"
import { Batching } from "./batching.ts"
import { described, Description, type Pipeline } from "./description.ts"
import { merged, mergedInOrder } from "./joining.ts"
import { type Route, type SplitConfig, Splitter } from "./splitting.ts"
import { JointToken, Tracked } from "./tracked.ts"

/**
 * When a batch is complete: whichever comes first. At least one of `maxSize` and `maxWeight` has to be given.
 *
 * @since 0.1.0
 * @category models
 */
export interface BatchOptions<in A> {
  /** How many elements a batch has at most: an integer from 1 up. Default: no limit. */
  readonly maxSize?: number | undefined
  /**
   * What the elements of a batch weigh at most together, above 0; one that alone weighs more is a batch of its own. Default:
   * no limit.
   */
  readonly maxWeight?: number | undefined
  /** What an element weighs, from 0 up. Default: 1. */
  readonly weight?: ((element: A) => number) | undefined
  /** How long the first element of a batch waits for others at most. Default: as long as it takes. */
  readonly maxWait?: Duration.Input | undefined
}

/**
 * Collects elements into batches, in their order. The last one may be smaller; none is empty. Where nobody takes a batch,
 * one more is collected, and then the source waits. What came before a failure leaves before it.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 * import * as Pipeline from "heddle/Pipeline"
 *
 * const batches = Pipeline.from(Stream.make("warp", "weft", "selvage", "reed", "heddle")).pipe(
 *   Pipeline.batch({ maxSize: 3, maxWeight: 12, weight: (word) => word.length, maxWait: "1 second" }),
 *   Pipeline.runCollect
 * )
 *
 * await Effect.runPromise(batches) // => [["warp", "weft"], ["selvage", "reed"], ["heddle"]]
 * ```
 *
 * @since 0.1.0
 * @category shapes
 */
export const batch =
  <A>(options: BatchOptions<A>) =>
  <E, R>(self: Pipeline<A, E, R>): Pipeline<NonEmptyReadonlyArray<A>, E, R> => {
    const description = described(self)
    const { isTracked } = description
    return description.linked((upstream, context, scheduler) => {
      const { maxSize, maxWait, maxWeight, weight } = checkBatch(options)
      return new Batching<any, any, any, any>(
        upstream,
        {
          maxSize,
          maxWeight,
          weight: isTracked ? ({ value }: Tracked<A>) => weight(value) : weight,
          maxWait,
          make: isTracked ? together : (elements) => elements
        },
        context,
        scheduler
      )
    })
  }

const together = (elements: ReadonlyArray<Tracked<unknown>>): Tracked<ReadonlyArray<unknown>> =>
  new Tracked(
    elements.map(({ value }) => value),
    new JointToken(elements.map(({ token }) => token))
  )

const checkBatch = <A>({ maxSize, maxWait, maxWeight, weight = () => 1 }: BatchOptions<A>) => {
  const label = "Pipeline.batch"
  if (maxSize === undefined && maxWeight === undefined) {
    throw new TypeError(`${label}: one of maxSize and maxWeight must be given, or a batch would never be complete`)
  }
  if (maxSize !== undefined) checkPositive(label, "maxSize", maxSize, "finite")
  if (maxWeight !== undefined) checkThat(maxWeight > 0, label, "maxWeight", maxWeight, "a number above 0")
  return {
    maxSize: maxSize ?? Infinity,
    maxWeight: maxWeight ?? Infinity,
    maxWait: maxWait === undefined ? undefined : checkDuration(label, "maxWait", maxWait),
    weight: (element: A) => {
      const heavy = weight(element)
      checkThat(heavy >= 0, label, "the weight of an element", heavy, "a number from 0 up")
      return heavy
    }
  }
}

/**
 * The elements of batches, in their order: what `batch` did is undone.
 *
 * @since 0.1.0
 * @category shapes
 */
export const unbatch = <A, E, R>(self: Pipeline<Iterable<A>, E, R>): Pipeline<A, E, R> => {
  const description = described(self)
  return description.transformed((stream) =>
    Stream.flattenIterable(description.isTracked ? Stream.map(stream, apart) : stream)
  )
}

const apart = ({ token, value }: Tracked<Iterable<unknown>>): ReadonlyArray<Tracked<unknown>> => {
  const elements = Array.from(value, (element) => new Tracked(element, token))
  if (elements.length === 0) token.settle()
  else token.share(elements.length - 1)
  return elements
}

/**
 * What several pipelines give, as it comes. Ends when all have ended; a failure of one stops the others.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 * import * as Pipeline from "heddle/Pipeline"
 *
 * const numbers = Pipeline.from(Stream.make(1, 2, 3))
 * const words = Pipeline.from(Stream.make("four"))
 * const both = Pipeline.merge(numbers, words).pipe(Pipeline.runFold(() => 0, (count) => count + 1))
 *
 * await Effect.runPromise(both) // => 4
 * ```
 *
 * @since 0.1.0
 * @category shapes
 */
export const merge: {
  <B, E2, R2>(that: Pipeline<B, E2, R2>): <A, E, R>(self: Pipeline<A, E, R>) => Pipeline<A | B, E | E2, R | R2>
  <A, E, R, B, E2, R2>(self: Pipeline<A, E, R>, that: Pipeline<B, E2, R2>): Pipeline<A | B, E | E2, R | R2>
} = dual(2, (self: Pipeline<any, any, any>, that: Pipeline<any, any, any>) =>
  merged([described(self), described(that)])
)

/**
 * Two pipelines that are each in order as one that is: of equal elements those of the first come first. Holds one chunk of
 * each, and waits for the slower one.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as Order from "effect/Order"
 * import * as Stream from "effect/Stream"
 * import * as Pipeline from "heddle/Pipeline"
 *
 * const odd = Pipeline.from(Stream.make(1, 3, 5, 7))
 * const even = Pipeline.from(Stream.make(2, 4))
 *
 * await Effect.runPromise(Pipeline.runCollect(Pipeline.mergeOrdered(odd, even, Order.Number))) // => [1, 2, 3, 4, 5, 7]
 * ```
 *
 * @since 0.1.0
 * @category shapes
 */
export const mergeOrdered: {
  <A, B extends A, E2, R2>(
    that: Pipeline<B, E2, R2>,
    order: Order.Order<A>
  ): <C extends A, E, R>(self: Pipeline<C, E, R>) => Pipeline<B | C, E | E2, R | R2>
  <A, C extends A, E, R, B extends A, E2, R2>(
    self: Pipeline<C, E, R>,
    that: Pipeline<B, E2, R2>,
    order: Order.Order<A>
  ): Pipeline<B | C, E | E2, R | R2>
} = dual(3, (self: Pipeline<any, any, any>, that: Pipeline<any, any, any>, order: Order.Order<any>) =>
  mergedInOrder(described(self), described(that), order)
)

/**
 * @since 0.1.0
 * @category models
 */
export interface SplitOptions {
  /**
   * How many elements may wait for a branch: an integer from 1 up. Once so many wait for the slowest, the others wait for
   * it. Default: 16.
   */
  readonly buffer?: number | undefined
}

type AnyBranch<A> = (branch: Pipeline<A>) => Pipeline<any, any, any>

/**
 * A pipeline that branches, and what its branches give together.
 *
 * @since 0.1.0
 * @category models
 */
export type Branched<E, R, Branch extends AnyBranch<any>> =
  ReturnType<Branch> extends Pipeline<infer B, infer E2, infer R2> ? Pipeline<B, E | E2, R | R2> : never

/**
 * Every element goes into every branch; what the branches give becomes one pipeline again, as it comes. All branches run
 * side by side, within the same run: a failure of one stops the others, and the slowest sets the pace.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 * import * as Pipeline from "heddle/Pipeline"
 *
 * const program = Pipeline.from(Stream.make("warp", "weft")).pipe(
 *   Pipeline.broadcast([
 *     (words) => words.pipe(Pipeline.stage("measure", (word) => Effect.succeed(word.length))),
 *     (words) => words.pipe(Pipeline.stage("shout", (word) => Effect.succeed(word.toUpperCase())))
 *   ]),
 *   Pipeline.runCollect
 * )
 *
 * await Effect.runPromise(program).then((all) => all.map(String).toSorted()) // => ["4", "4", "WARP", "WEFT"]
 * ```
 *
 * @since 0.1.0
 * @category shapes
 */
export const broadcast =
  <A, const Branches extends ReadonlyArray<AnyBranch<A>>>(
    branches: Branches & ReadonlyArray<AnyBranch<A>>,
    options?: SplitOptions
  ) =>
  <E, R>(self: Pipeline<A, E, R>): Branched<E, R, Branches[number]> => {
    const all = branches.map((_, index) => index)
    return split("Pipeline.broadcast", described(self), branches, () => all, options) as any
  }

/**
 * Every element goes into one branch: the one that `by` names. What the branches give becomes one pipeline again, as it
 * comes. All branches run side by side, within the same run: a failure of one stops the others.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 * import * as Pipeline from "heddle/Pipeline"
 *
 * const program = Pipeline.from(Stream.range(1, 6)).pipe(
 *   Pipeline.partition((n) => (n % 2 === 0 ? "even" : "odd"), {
 *     even: (numbers) => numbers.pipe(Pipeline.stage("halve", (n) => Effect.succeed(n / 2))),
 *     odd: (numbers) => numbers.pipe(Pipeline.stage("name", (n) => Effect.succeed(`odd ${n}`)))
 *   }),
 *   Pipeline.runCollect
 * )
 *
 * await Effect.runPromise(program).then((all) => all.map(String).toSorted()) // => ["1", "2", "3", "odd 1", "odd 3", "odd 5"]
 * ```
 *
 * @since 0.1.0
 * @category shapes
 */
export const partition =
  <A, K extends string, const Branches extends { readonly [Key in K]: AnyBranch<A> }>(
    by: (element: A) => K,
    branches: Branches,
    options?: SplitOptions
  ) =>
  <E, R>(self: Pipeline<A, E, R>): Branched<E, R, Branches[K]> => {
    const keys = Object.keys(branches)
    const routes = new Map(keys.map((key, index) => [key, [index]]))
    const route = (element: A) => {
      const key = by(element)
      const found = routes.get(key)
      if (found === undefined) throw new RangeError(`Pipeline.partition: there is no branch ${describe(key)}`)
      return found
    }
    const all = keys.map((key) => branches[key as K] as AnyBranch<A>)
    return split("Pipeline.partition", described(self), all, route, options) as any
  }

// ---------------------------------------------------------------------------------------------------------------------
// machinery

let splits = 0

const split = (
  label: string,
  self: Description,
  branches: ReadonlyArray<AnyBranch<any>>,
  route: Route<any>,
  { buffer = 16 }: SplitOptions = {}
): Description => {
  const { isTracked } = self
  // how the branches of a run find what feeds them
  const Feed = Context.Reference<Splitter<any, any, any> | undefined>(`heddle/Pipeline/Split/${splits++}`, {
    defaultValue: () => undefined
  })
  const sourceOf = (index: number) =>
    Stream.transformPullBracket(Stream.empty, (_upstream, _scope, scope) =>
      Effect.gen(function* () {
        const branch = (yield* Feed)!.branches[index]!
        yield* Scope.addFinalizer(scope, branch.close)
        return branch.pull
      })
    )
  const joined = merged(
    branches.map((branch, index) =>
      described(branch(new Description({ source: sourceOf(index), figures: [], isTracked })))
    )
  )
  const config: SplitConfig<any> = {
    branches: branches.length,
    buffer,
    route: isTracked ? ({ value }: Tracked<unknown>) => route(value) : route,
    shared: isTracked ? carriedBy : () => {}
  }
  const source = Stream.transformPullBracket(self.stream, (upstream, _scope, scope) =>
    Effect.gen(function* () {
      checkPositive(label, "buffer", buffer, "finite")
      const splitter = new Splitter<any, any, any>(upstream, config, yield* Effect.context<any>(), yield* Scheduler)
      yield* Scope.addFinalizer(scope, splitter.close)
      return yield* Scope.provide(Stream.toPull(Stream.provideService(joined.stream, Feed, splitter)), scope)
    })
  )
  return new Description({ source, figures: [...self.figures, ...joined.figures], isTracked: joined.isTracked })
}

const carriedBy = ({ token }: Tracked<unknown>, branches: number): void => {
  if (branches === 0) token.settle()
  else token.share(branches - 1)
}
