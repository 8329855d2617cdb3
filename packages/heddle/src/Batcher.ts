/**
 * Collects what many callers ask for one by one, and asks for it in batches: for APIs that take a hundred items in one call
 * for the price of one.
 *
 * ```
 *   run(a) ─┐
 *   run(b) ─┼─▶ batch ── `maxSize` items, `maxBytes`, or `maxWait` after the first ──▶ run([a, b, c])
 *   run(c) ─┘                                                            an exit for each of them
 * ```
 * - **Results.** Each caller gets the exit of its own item. A failure, defect or interruption of the batch as a whole is
 *   everybody's.
 * - **Interruption.** A caller that is interrupted before its batch begins is left out of it; later, it leaves alone. When the
 *   last caller of a batch leaves, the batch is interrupted, and the caller waits until it has ended. So a batch never
 *   outlives its callers, and a batcher needs no scope.
 * - **What a batch sees.** The services where the batcher was made, and a scope of its own. No caller's deadline counts for it:
 *   each bounds his own wait.
 * - **Order.** Batches begin in the order in which they become due. One that has to wait because `concurrency` others run is
 *   filled until it begins or is full, so batches are the larger the more there is to do. A batch that another one waits for
 *   does not wait for it.
 * - **Cost.** A fiber per batch, and one for its timer. Callers wake in order, from a task of the scheduler.
 *
 * @since 0.1.0
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Inspectable from "effect/Inspectable"
import type * as Pipeable from "effect/Pipeable"
import type * as Scope from "effect/Scope"
import type * as Types from "effect/Types"

import { Batches, type Config, type TypeId } from "./internal/batches.ts"

/**
 * A handle on batches. Opaque: the functions of this module are its behaviour.
 *
 * @since 0.1.0
 * @category models
 */
export interface Batcher<in In, out Out, out E = never> extends Pipeable.Pipeable, Inspectable.Inspectable {
  readonly [TypeId]: {
    readonly _In: Types.Contravariant<In>
    readonly _Out: Types.Covariant<Out>
    readonly _E: Types.Covariant<E>
  }
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Options<In, Out, E, E2, R, K> {
  /** How many items a batch has at the most: an integer from 1 up, or `Infinity`. */
  readonly maxSize: number
  /**
   * How long the first item of a batch waits for others. Zero: until whoever can run now has. `Infinity`: until the batch is
   * full.
   */
  readonly maxWait: Duration.Input
  /** How many batches run at a time, whatever their keys: an integer from 1 up. Default: no limit. */
  readonly concurrency?: number | undefined
  /** Items of different keys are in different batches. Keys are compared with `Equal`. Default: one for all. */
  readonly key?: ((item: In) => K) | undefined
  /**
   * Whether equal items of one batch are one, whose exit all get who asked for it; a function says by what they are
   * compared. Default: false.
   */
  readonly dedupe?: boolean | ((item: In) => unknown) | undefined
  /** Asks for a batch. Gives an exit for each item, in the order of the items; another number of them is a defect for all. */
  readonly run: (items: NonEmptyReadonlyArray<In>, key: K) => Effect.Effect<ReadonlyArray<Exit.Exit<Out, E>>, E2, R>
  /**
   * Names the batcher in messages, and shows it to whoever looks: its counts are gauges `heddle_batcher_*` with the name as an
   * attribute. Default: none.
   */
  readonly name?: string | undefined
}

/**
 * How large the items of a batch may be together.
 *
 * @since 0.1.0
 * @category models
 */
export interface Sizes<In> {
  /** How many bytes the items of a batch have at the most: an integer from 1 up. Default: no limit. */
  readonly maxBytes: number
  /** How many bytes an item has: an integer from 0 up. One that has more than `maxBytes` dies. */
  readonly bytes: (item: In) => number
}

/**
 * What a batcher looks like at one instant.
 *
 * @since 0.1.0
 * @category models
 */
export interface Stats {
  /** Callers whose batch has not begun. */
  readonly waiting: number
  /** Batches that would run if fewer others did. */
  readonly due: number
  /** Batches that run. */
  readonly running: number
  /** Batches that have begun, in all. */
  readonly batches: number
  /** Items of these: divided by `batches`, how many there are in one on the average. */
  readonly items: number
}

/**
 * Makes a batcher. An option out of its range dies.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as Exit from "effect/Exit"
 * import * as Batcher from "heddle/Batcher"
 *
 * const prices = new Map([
 *   ["warp", 3],
 *   ["weft", 5]
 * ])
 * const calls: Array<string> = []
 *
 * const program = Effect.gen(function* () {
 *   const price = yield* Batcher.make({
 *     maxSize: 100,
 *     maxWait: "5 millis",
 *     run: (names: ReadonlyArray<string>) => {
 *       calls.push(names.join())
 *       return Effect.succeed(
 *         names.map((name) => (prices.has(name) ? Exit.succeed(prices.get(name)) : Exit.fail(`no ${name}`)))
 *       )
 *     }
 *   })
 *   const ask = (name: string) => Effect.catch(Batcher.run(price, name), (error) => Effect.succeed(error))
 *   return yield* Effect.forEach(["warp", "weft", "shuttle"], ask, { concurrency: "unbounded" })
 * })
 *
 * await Effect.runPromise(program) // => [3, 5, "no shuttle"]
 * calls // => ["warp,weft,shuttle"]
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <In, Out, E, E2, R, K = undefined>(
  options: Options<In, Out, E, E2, R, K> & (Sizes<In> | { readonly maxBytes?: undefined; readonly bytes?: undefined })
): Effect.Effect<Batcher<In, Out, E | E2>, never, Exclude<R, Scope.Scope>> =>
  // the context of whoever makes it has what batches require
  Effect.withFiber((fiber) =>
    Effect.succeed(new Batches(options as Config, fiber) as unknown as Batcher<In, Out, E | E2>)
  )

/**
 * Asks for one item, and waits for the exit that the batch has for it.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as Exit from "effect/Exit"
 * import * as Batcher from "heddle/Batcher"
 *
 * const program = Effect.gen(function* () {
 *   const double = yield* Batcher.make({
 *     maxSize: 2,
 *     maxWait: Infinity,
 *     run: (numbers: ReadonlyArray<number>) => Effect.succeed(numbers.map((n) => Exit.succeed(2 * n)))
 *   })
 *   return yield* Effect.all([Batcher.run(double, 1), Batcher.run(double, 2)], { concurrency: 2 })
 * })
 *
 * await Effect.runPromise(program) // => [2, 4]
 * ```
 *
 * @since 0.1.0
 * @category running
 */
export const run = <In, Out, E>(self: Batcher<In, Out, E>, item: In): Effect.Effect<Out, E> =>
  (self as unknown as Batches).run(item)

/**
 * Reads the batcher as it is at this instant.
 *
 * @since 0.1.0
 * @category observing
 */
export const stats = <In, Out, E>(self: Batcher<In, Out, E>): Effect.Effect<Stats> =>
  Effect.sync(() => (self as unknown as Batches).stats())
