import * as Effect from "effect-4.1.0/Effect"
import * as FiberHandle from "effect-4.1.0/FiberHandle"
import * as FiberMap from "effect-4.1.0/FiberMap"
import { describe } from "vitest"

import { finds, must } from "./known.ts"

describe("awaitEmpty returns while a fiber runs", () => {
  // FiberHandle.ts:1080-1085: it waits once, for the fiber that it finds; those of FiberSet and FiberMap loop.
  finds("FiberHandle: one that replaced another", {
    program: Effect.scoped(
      Effect.gen(function* () {
        const handle = yield* FiberHandle.make()
        yield* FiberHandle.run(handle, Effect.never)
        const waiting = yield* Effect.forkChild(FiberHandle.awaitEmpty(handle))
        yield* Effect.yieldNow
        yield* FiberHandle.run(handle, Effect.never)
        yield* Effect.sleep(1)
        yield* must(waiting.pollUnsafe() === undefined, "it is not empty")
      })
    ),
    weakestMode: "stock",
    runs: 1,
    trace: "FiberHandle.awaitEmpty"
  })

  // FiberMap.ts:1635: it knows those that are in the map, and not one that was replaced and is still being finalized,
  // though the end of the map's scope waits for that.
  finds("FiberMap: one that was replaced", {
    program: Effect.scoped(
      Effect.gen(function* () {
        let alive = 0
        const body = Effect.acquireUseRelease(
          Effect.sync(() => void alive++),
          () => Effect.never,
          () =>
            Effect.andThen(
              Effect.sleep(5),
              Effect.sync(() => void alive--)
            )
        )
        const map = yield* FiberMap.make<string>()
        yield* FiberMap.run(map, "key", body)
        yield* FiberMap.run(map, "key", Effect.void)
        yield* FiberMap.awaitEmpty(map)
        yield* must(alive === 0, `${alive} alive`)
      })
    ),
    weakestMode: "stock",
    runs: 1,
    trace: "FiberMap.awaitEmpty"
  })
})
