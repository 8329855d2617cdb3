import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as WorkerPool from "heddle/WorkerPool"
import { describe, expectTypeOf, it } from "vitest"

import * as ThreadPool from "../src/ThreadPool.ts"
import * as ThreadTask from "../src/ThreadTask.ts"
import { quicksort } from "./support/algorithms.ts"
import { add, double, identity } from "./support/light.ts"
import { half, mirror, type Odd, type Point } from "./support/tasks.ts"

declare const pool: ThreadPool.ThreadPool
declare const refusing: ThreadPool.ThreadPool<WorkerPool.PoolFull>

type Lost = ThreadPool.ThreadFailure | WorkerPool.PoolClosed

describe("ThreadTask", () => {
  it("infers what a task takes, gives and fails with", () => {
    expectTypeOf(double).toEqualTypeOf<ThreadTask.ThreadTask<number, number>>()
    expectTypeOf(half).toEqualTypeOf<ThreadTask.ThreadTask<number, number, Odd>>()
    expectTypeOf(mirror).toEqualTypeOf<ThreadTask.ThreadTask<Point, Point>>()
    expectTypeOf(identity("x")).toEqualTypeOf<ThreadTask.Call<unknown>>()
    expectTypeOf(
      ThreadTask.define("node:os", "x", { run: (n: number) => (n > 0 ? Promise.resolve("a") : Effect.succeed(1n)) })
    ).toEqualTypeOf<ThreadTask.ThreadTask<number, string | bigint>>()
  })

  it("takes functions of modules as they are", () => {
    const own = ThreadTask.module<{ length: (text: string) => number; constant: 1 }>("node:os")
    expectTypeOf(own("length")).toEqualTypeOf<ThreadTask.ThreadTask<string, number>>()
    expectTypeOf(own("constant")).toEqualTypeOf<never>()
    // @ts-expect-error there is no such export
    own("width")
  })

  it("refuses other inputs", () => {
    // @ts-expect-error not a number
    double("1")
    // @ts-expect-error one number is missing
    quicksort(new Float64Array(), 1)
  })
})

describe("ThreadPool", () => {
  it("says what a call can end with", () => {
    expectTypeOf(ThreadPool.run(pool, double(1))).toEqualTypeOf<Effect.Effect<number, Lost>>()
    expectTypeOf(ThreadPool.run(pool, half(1))).toEqualTypeOf<Effect.Effect<number, Odd | Lost>>()
    expectTypeOf(ThreadPool.run(refusing, double(1))).toEqualTypeOf<Effect.Effect<number, Lost | WorkerPool.PoolFull>>()
    expectTypeOf(ThreadPool.map(pool, half, [1])).toEqualTypeOf<Effect.Effect<Array<number>, Odd | Lost>>()
    expectTypeOf(ThreadPool.reduce(pool, add, [1])).toEqualTypeOf<Effect.Effect<number, Lost>>()
  })

  it("refuses what its options say", () => {
    expectTypeOf(ThreadPool.make()).toEqualTypeOf<
      Effect.Effect<ThreadPool.ThreadPool, ThreadPool.ThreadStartFailed, Scope.Scope>
    >()
    expectTypeOf(ThreadPool.make({ overflow: "fail" })).toEqualTypeOf<
      Effect.Effect<ThreadPool.ThreadPool<WorkerPool.PoolFull>, ThreadPool.ThreadStartFailed, Scope.Scope>
    >()
  })

  it("is a WorkerPool of one task's inputs", () => {
    expectTypeOf(ThreadPool.of(pool, half)).toEqualTypeOf<
      WorkerPool.WorkerPool<number, number, Odd | ThreadPool.ThreadFailure, ThreadPool.ThreadFailure>
    >()
  })
})
