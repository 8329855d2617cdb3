import * as Effect from "effect-4.1.0/Effect"
import * as Fiber from "effect-4.1.0/Fiber"
import * as Stream from "effect-4.1.0/Stream"
import { describe } from "vitest"

import { finds, must } from "./known.ts"

const every = (millis: number, ...elements: ReadonlyArray<number>) =>
  Stream.make(...elements).pipe(
    Stream.rechunk(1),
    Stream.mapEffect((element) => Effect.as(Effect.sleep(millis), element))
  )

describe("Stream", () => {
  // Channel.ts:8735-8756: a child that ends before its parent has put it into `fibers` reads `fiber` before it has a
  // value, and dies of that. Its permit is not released, and the parent then waits for it for ever.
  finds("flatMap with concurrency hangs when an inner stream ends at once", {
    program: Stream.runDrain(Stream.flatMap(Stream.make(1, 2), () => Stream.empty, { concurrency: 2 })),
    weakestMode: "op3",
    runs: 20,
    trace: "Stream.flatMap"
  })

  // Channel.ts:8748-8750: a child that has ended sees that it was the last, and opens the latch for the end one operation
  // later. The child that its parent begins between the two is not waited for: what it offers finds a closed queue.
  finds("flatMap with concurrency ends before its last inner stream", {
    program: Effect.gen(function* () {
      const numbers = Stream.rechunk(Stream.make(1, 2, 3), 1)
      const got = yield* Stream.runCollect(Stream.flatMap(numbers, (n) => Stream.succeed(n), { concurrency: 2 }))
      yield* must(got.length === 3, `of 1,2,3 there came ${got.join()}`)
    }),
    weakestMode: "op3",
    runs: 100,
    trace: "Stream.flatMap.lost"
  })

  // Channel.ts:2494-2508, 2527-2550: bodies run in fibers that are bound to the stream's scope. That is closed while the
  // upstream still runs, and a fiber that is bound to a closed scope is interrupted, but not waited for.
  finds("mapEffect with concurrency begins bodies after it was interrupted, and they outlive it", {
    program: Effect.gen(function* () {
      let begun = 0
      let alive = 0
      const body = Effect.acquireUseRelease(
        Effect.sync(() => void (begun++, alive++)),
        () => Effect.never,
        () =>
          Effect.andThen(
            Effect.sleep(5),
            Effect.sync(() => void alive--)
          )
      )
      const stream = Stream.mapEffect(every(2, 1, 2, 3, 4), () => body, { concurrency: 4, unordered: true })
      const fiber = yield* Effect.forkChild(Stream.runDrain(stream))
      yield* Effect.sleep(3)
      const before = begun
      yield* Fiber.interrupt(fiber)
      yield* must(alive === 0, `${before} begun before, ${begun - before} after, ${alive} alive at the end`)
    }),
    weakestMode: "stock",
    runs: 1,
    trace: "Stream.mapEffect"
  })

  // Stream.ts:15075-15080: the queue of a key is looked up, and offered to a few operations later. If it becomes idle
  // for too long between the two it has ended, and the answer of `offerAll` is not looked at.
  finds("groupByKey with an idle time to live loses an element", {
    program: Effect.gen(function* () {
      const groups = yield* Stream.runCollect(Stream.groupByKey(every(10, 1, 2), () => "key", { idleTimeToLive: 10 }))
      const got = (yield* Effect.forEach(groups, ([, group]) => Stream.runCollect(group))).flat()
      yield* must(got.join() === "1,2", `of 1,2 there came ${got.join()}`)
    }),
    weakestMode: "op3",
    runs: 50,
    preemptions: 2,
    trace: "Stream.groupByKey"
  })

  // Stream.ts:5856-5865: the pair is made before the side that made it has its turn to emit (Channel.ts:8736 yields in
  // between), and meanwhile the other side may make a newer one and emit that.
  finds("zipLatest ends with a pair that is not the latest", {
    program: Effect.gen(function* () {
      const numbers = Stream.rechunk(Stream.make(1, 2), 1)
      const letters = Stream.rechunk(Stream.make("a", "b"), 1)
      const pairs = yield* Stream.runCollect(Stream.zipLatest(numbers, letters))
      const last = pairs.at(-1)?.join("")
      yield* must(last === "2b", pairs.map((pair) => pair.join("")).join(" "))
    }),
    weakestMode: "stock",
    runs: 10,
    trace: "Stream.zipLatest"
  })
})
