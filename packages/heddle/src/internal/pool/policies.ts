/** The options of a pool on fibers, and what they add to its types. `WorkerPool` documents and exports them. */
import type * as Cause from "effect/Cause"
import type * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"

import type { PoolFull, TaskTimeout } from "./model.ts"

/**
 * What a submission does that finds the queue full:
 *
 * - `"suspend"`: waits for room, in the order of arrival;
 * - `"fail"`: fails with `PoolFull`;
 * - `"dropNewest"`: the task is dropped: its job fails with `PoolFull`;
 * - `"dropOldest"`: the task that has waited longest is dropped, and this one takes its place.
 *
 * @since 0.1.0
 * @category models
 */
export type Overflow = "suspend" | "fail" | "dropNewest" | "dropOldest"

/**
 * Which worker does a task:
 *
 * - `"shared"` (default): whoever is free; tasks begin by priority, and in the order in which they came.
 * - `{ keyed: (task) => key }`: tasks of one key one after the other, in the order in which they came, also while one backs
 *   off. Keys are compared with `Equal` and take turns, so that a busy one does not hold up the others; the priority of a
 *   task counts when it is the first of its key. Where workers have a state, a key belongs to one of them for as long as
 *   their number stays the same. A task that waits for one behind itself fails with `ReentrantWait`.
 * - `"stealing"`: what a task submits waits for its own worker, newest first. A worker without tasks takes from outside, in
 *   the order of arrival, and then the older half of what a random other has. No order is promised, and there are no
 *   priorities. It pays where workers have state that a task leaves in a shape which suits the next one; elsewhere
 *   `"shared"` does the same in order and for less.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Context from "effect/Context"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 * import * as WorkerPool from "heddle/WorkerPool"
 *
 * // a pool as a service: one connection for each worker, and all orders of a customer one after the other
 * interface Order {
 *   readonly customer: string
 *   readonly item: string
 * }
 *
 * class Orders extends Context.Service<
 *   Orders,
 *   WorkerPool.WorkerPool<Order, string, WorkerPool.ReentrantWait, WorkerPool.ReentrantWait>
 * >()("Orders") {
 *   static readonly layer = Layer.effect(
 *     Orders,
 *     WorkerPool.make({
 *       workers: 8,
 *       distribute: { keyed: (order) => order.customer },
 *       init: Effect.acquireRelease(Effect.succeed({ insert: (text: string) => Effect.succeed(text) }), () => Effect.void),
 *       handle: (order: Order, connection) => connection.insert(`${order.item} for ${order.customer}`)
 *     })
 *   )
 * }
 *
 * const program = Effect.flatMap(Orders, (orders) => WorkerPool.run(orders, { customer: "Ada", item: "a loom" }))
 *
 * await Effect.runPromise(Effect.provide(program, Orders.layer)) // => "a loom for Ada"
 * ```
 *
 * @since 0.1.0
 * @category models
 */
export type Distribute<In> = "shared" | "stealing" | { readonly keyed: (task: In) => unknown }

/**
 * @since 0.1.0
 * @category models
 */
export interface Options<In, Out, E, R, State, E2, R2, R3, Policy extends Overflow, MaxWaiting, Timeout> {
  /**
   * How many tasks run at a time: an integer from 1 up; `Infinity` for no limit, where tasks are neither stolen nor belong to
   * certain workers.
   */
  readonly workers: number
  /** How many tasks may wait for a worker, however they came: an integer from 0 up, or `Infinity`. Default: 1,024. */
  readonly capacity?: number | undefined
  /** What becomes of a task for which there is no room. Default: `"suspend"`. */
  readonly overflow?: Policy | undefined
  /** How many callers may wait for room; the next fails with `PoolFull`. Default: no limit. */
  readonly maxWaiting?: MaxWaiting | undefined
  /** Does a task. A task of the pool is whatever this takes, and ends as this does. */
  readonly handle: (task: In, state: State) => Effect.Effect<Out, E, R>
  /**
   * What each worker has of its own: made in a scope of its own when the worker's first task begins, closed when the worker
   * leaves or the pool is closed. Where it fails, the task that needed it does, and the next one tries again.
   */
  readonly init?: Effect.Effect<State, E2, R2> | undefined
  /**
   * Whether the state of a worker has broken when a task ended so. Then its scope is closed, and `init` makes another for the
   * worker's next task. Default: when the task died.
   */
  readonly renewOn?: ((cause: Cause.Cause<NoInfer<E | E2> | TimeoutFailure<Timeout>>) => boolean) | undefined
  /** How long a task may run, each time it is tried: then it is interrupted, and fails with `TaskTimeout`. Default: for ever. */
  readonly timeout?: Timeout | undefined
  /**
   * When a task that failed is tried again. It has no worker meanwhile and comes back to the end of the line; its key stays
   * its own. Not for defects and interruptions, and not in a `run` whose deadline comes first. Default: never.
   */
  readonly retry?: Schedule.Schedule<unknown, NoInfer<E | E2> | TimeoutFailure<Timeout>, never, R3> | undefined
  /**
   * Names the pool in messages and errors, and shows it to whoever looks: each task is a span `<name>.task`, `stats` has
   * histograms, and the counts are gauges `heddle_worker_pool_*` with the name as an attribute. A task costs several
   * microseconds more. Default: none.
   */
  readonly name?: string | undefined
}

/**
 * What a timeout adds to the errors of a pool.
 *
 * @since 0.1.0
 * @category models
 */
export type TimeoutFailure<Timeout> = [Timeout] extends [undefined] ? never : TaskTimeout

/**
 * What tasks of a pool can fail with: what its handler and its `init` can, and what its options add.
 *
 * @since 0.1.0
 * @category models
 */
export type TaskFailure<E, Policy extends Overflow, Timeout> =
  | E
  | TimeoutFailure<Timeout>
  | (Policy extends "dropNewest" | "dropOldest" ? PoolFull : never)

/**
 * What submissions to a pool can be refused with, besides `PoolClosed`.
 *
 * @since 0.1.0
 * @category models
 */
export type Refusal<Policy extends Overflow, MaxWaiting> =
  | (Policy extends "fail" ? PoolFull : never)
  | ([MaxWaiting] extends [undefined] ? never : PoolFull)
