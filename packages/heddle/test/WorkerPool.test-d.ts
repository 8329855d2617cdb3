import type * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { describe, expectTypeOf, test } from "vitest"

import * as WorkerPool from "../src/WorkerPool.ts"

interface Order {
  readonly customer: string
}
interface Database {
  readonly _: unique symbol
}
interface Connection {
  readonly _: unique symbol
}
declare const place: (order: Order) => Effect.Effect<number, "rejected", Database>
declare const placeOn: (order: Order, connection: Connection) => Effect.Effect<number, "rejected">
declare const connect: Effect.Effect<Connection, "unreachable", Database | Scope.Scope>

type Made<E, X = never, R = Database> = Effect.Effect<WorkerPool.FiberPool<Order, number, E, X>, never, R | Scope.Scope>

describe("make", () => {
  test("the task, the result, the error and the services come from the handler", () => {
    expectTypeOf(WorkerPool.make({ workers: 2, handle: place })).toEqualTypeOf<Made<"rejected">>()
  })

  test("only the errors that the options make possible", () => {
    expectTypeOf(WorkerPool.make({ workers: 2, handle: place, timeout: "1 second" })).toEqualTypeOf<
      Made<"rejected" | WorkerPool.TaskTimeout>
    >()
    expectTypeOf(WorkerPool.make({ workers: 2, handle: place, overflow: "fail" })).toEqualTypeOf<
      Made<"rejected", WorkerPool.PoolFull>
    >()
    expectTypeOf(WorkerPool.make({ workers: 2, handle: place, overflow: "dropOldest" })).toEqualTypeOf<
      Made<"rejected" | WorkerPool.PoolFull>
    >()
    expectTypeOf(WorkerPool.make({ workers: 2, handle: place, maxWaiting: 3 })).toEqualTypeOf<
      Made<"rejected", WorkerPool.PoolFull>
    >()
    expectTypeOf(WorkerPool.make({ workers: 2, handle: place, distribute: "stealing" })).toEqualTypeOf<
      Made<"rejected">
    >()
    expectTypeOf(
      WorkerPool.make({ workers: 2, handle: place, distribute: { keyed: (order) => order.customer } })
    ).toEqualTypeOf<Made<"rejected" | WorkerPool.ReentrantWait, WorkerPool.ReentrantWait>>()
  })

  test("an option that is not known beforehand, or may be missing, keeps its errors", () => {
    const overflow = "suspend" as WorkerPool.Overflow
    expectTypeOf(WorkerPool.make({ workers: 2, handle: place, overflow })).toEqualTypeOf<
      Made<"rejected" | WorkerPool.PoolFull, WorkerPool.PoolFull>
    >()
    const maybe = Boolean(1)
    expectTypeOf(WorkerPool.make({ workers: 2, handle: place, timeout: maybe ? "1 second" : undefined })).toEqualTypeOf<
      Made<"rejected" | WorkerPool.TaskTimeout>
    >()
  })

  test("init gives the handler its state, adds its error, and has a scope of its own", () => {
    const pool = WorkerPool.make({
      workers: 2,
      init: connect,
      handle: (order: Order, connection) => {
        expectTypeOf(connection).toEqualTypeOf<Connection>()
        return placeOn(order, connection)
      }
    })
    expectTypeOf(pool).toEqualTypeOf<Made<"rejected" | "unreachable">>()
  })

  test("a schedule for retries takes the errors of tasks, timeouts included", () => {
    const schedule = {} as Schedule.Schedule<unknown, "rejected" | WorkerPool.TaskTimeout, never, "Clockwork">
    expectTypeOf(WorkerPool.make({ workers: 2, handle: place, timeout: 5, retry: schedule })).toEqualTypeOf<
      Made<"rejected" | WorkerPool.TaskTimeout, never, Database | "Clockwork">
    >()
    const others = {} as Schedule.Schedule<unknown, "something else">
    // @ts-expect-error -- no task fails so
    expectTypeOf(WorkerPool.make({ workers: 2, handle: place, retry: others })).not.toBeAny()
  })
})

describe("a pool", () => {
  const pool = {} as WorkerPool.FiberPool<Order, number, "rejected", WorkerPool.PoolFull>

  test("submit gives a job, run the result", () => {
    type Closed = WorkerPool.PoolClosed
    expectTypeOf(WorkerPool.submit(pool, { customer: "a" })).toEqualTypeOf<
      Effect.Effect<WorkerPool.Job<number, "rejected" | Closed>, Closed | WorkerPool.PoolFull>
    >()
    expectTypeOf(WorkerPool.run(pool, { customer: "a" })).toEqualTypeOf<
      Effect.Effect<number, "rejected" | Closed | WorkerPool.PoolFull>
    >()
    expectTypeOf(WorkerPool.submitAll(pool, [], { discard: true })).toEqualTypeOf<
      Effect.Effect<void, Closed | WorkerPool.PoolFull>
    >()
  })

  test("takes tasks of its own type only", () => {
    // @ts-expect-error -- no order
    expectTypeOf(WorkerPool.submit(pool, { customer: 1 })).not.toBeAny()
  })

  test("only one on fibers can be resized and paused", () => {
    const foreign: WorkerPool.WorkerPool<Order, number, "rejected", WorkerPool.PoolFull> = pool
    // @ts-expect-error -- not every engine can
    expectTypeOf(WorkerPool.resize(foreign, 3)).not.toBeAny()
    expectTypeOf(WorkerPool.resize(pool, 3)).toEqualTypeOf<Effect.Effect<void>>()
  })
})
