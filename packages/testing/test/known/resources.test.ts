import * as Cache from "effect-4.1.0/Cache"
import * as Context from "effect-4.1.0/Context"
import * as Effect from "effect-4.1.0/Effect"
import * as Fiber from "effect-4.1.0/Fiber"
import * as Layer from "effect-4.1.0/Layer"
import * as RcMap from "effect-4.1.0/RcMap"
import * as ScopedCache from "effect-4.1.0/ScopedCache"
import * as ScopedRef from "effect-4.1.0/ScopedRef"
import { describe } from "vitest"

import { finds, must } from "./known.ts"

/** A resource that counts how many of it are open. */
const counted = () => {
  const state = { open: 0 }
  const acquire = Effect.acquireRelease(
    Effect.sync(() => void state.open++),
    () => Effect.sync(() => void state.open--)
  )
  return { state, acquire }
}

/** Two fibers ask, and the first is interrupted while it waits. */
const firstInterrupted = <A>(ask: Effect.Effect<A>) =>
  Effect.gen(function* () {
    const first = yield* Effect.forkChild(ask)
    const second = yield* Effect.forkChild(ask)
    yield* Effect.sleep(1)
    yield* Fiber.interrupt(first)
    return yield* Fiber.await(second)
  })

describe("entries outlive their time", () => {
  const timeToLive = "1 minute"
  const lookup = () => Effect.sleep(10)

  // Cache.ts:653: the time is asked of the clock of the fiber that asked first; when that has ended it has lost its
  // context, and with it the clock: the entry's end is then a date of the machine, not of the clock that is read.
  finds("Cache reads another clock when the first asker was interrupted", {
    program: Effect.gen(function* () {
      const cache = yield* Cache.make({ capacity: 1, timeToLive, lookup })
      yield* firstInterrupted(Cache.get(cache, "key"))
      yield* Effect.sleep("1 hour")
      yield* must(!(yield* Cache.has(cache, "key")), "cached for an hour")
    }),
    weakestMode: "stock",
    runs: 1,
    trace: "Cache.timeToLive"
  })

  // ScopedCache.ts:359: the same.
  finds("ScopedCache reads another clock when the first asker was interrupted", {
    program: Effect.scoped(
      Effect.gen(function* () {
        const cache = yield* ScopedCache.make({ capacity: 1, timeToLive, lookup })
        yield* firstInterrupted(ScopedCache.get(cache, "key"))
        yield* Effect.sleep("1 hour")
        yield* must(!(yield* ScopedCache.has(cache, "key")), "cached for an hour")
      })
    ),
    weakestMode: "stock",
    runs: 1,
    trace: "ScopedCache.timeToLive"
  })

  // RcMap.ts:806, 812, 823: the timer finds the entry in use and ends, and says so a few operations later. Who releases
  // the entry between the two thinks that the timer runs, and starts none.
  finds("RcMap: an entry that is released as its timer ends is never closed", {
    program: Effect.scoped(
      Effect.gen(function* () {
        const { acquire, state } = counted()
        const map = yield* RcMap.make({ idleTimeToLive: 10, lookup: () => acquire })
        const use = (millis: number) => Effect.scoped(Effect.andThen(RcMap.get(map, "key"), Effect.sleep(millis)))
        yield* use(0)
        yield* use(10)
        yield* Effect.sleep("1 hour")
        yield* must(state.open === 0, "idle for an hour, and open")
      })
    ),
    weakestMode: "op3",
    runs: 20,
    trace: "RcMap.idleTimeToLive"
  })
})

// ScopedCache.ts:390-391: the last asker takes the entry out and then interrupts its lookup. A lookup that succeeds
// between the two keeps its scope, which is in no map any more, so that neither an eviction nor the end closes it.
finds("ScopedCache: what a lookup has acquired is never closed", {
  program: Effect.gen(function* () {
    const { acquire, state } = counted()
    yield* Effect.scoped(
      Effect.gen(function* () {
        const cache = yield* ScopedCache.make({ capacity: 1, lookup: () => Effect.andThen(acquire, Effect.yieldNow) })
        const asker = yield* Effect.forkChild(ScopedCache.get(cache, "key"))
        yield* Effect.yieldNow
        yield* Fiber.interrupt(asker)
      })
    )
    yield* must(state.open === 0, "the cache has ended, and the resource is open")
  }),
  weakestMode: "op3",
  runs: 50,
  trace: "ScopedCache.lookup"
})

// ScopedRef.ts:235-239: the old value is closed before the new one is there to be got.
finds("ScopedRef: what is got is closed while it is being replaced", {
  program: Effect.scoped(
    Effect.gen(function* () {
      const acquire = Effect.acquireRelease(
        Effect.sync(() => ({ closed: false })),
        (value) =>
          Effect.suspend(() => {
            value.closed = true
            return Effect.sleep(10)
          })
      )
      const ref = yield* ScopedRef.fromAcquire(acquire)
      yield* Effect.forkChild(ScopedRef.set(ref, acquire))
      yield* Effect.sleep(1)
      yield* must(!(yield* ScopedRef.get(ref)).closed, "a closed value was got")
    })
  ),
  weakestMode: "stock",
  runs: 1,
  trace: "ScopedRef.get"
})

describe("one is interrupted, and so is another who waits for the same", () => {
  const mustSucceed = (exit: { readonly _tag: "Success" | "Failure" }) =>
    must(exit._tag === "Success", "interrupted, and nobody interrupted it")

  // ScopedCache.ts:507-510: between finding the entry and being counted among those who wait for it there is room for the
  // last of these to leave, and to interrupt the lookup.
  finds("ScopedCache.getOption", {
    program: Effect.scoped(
      Effect.gen(function* () {
        const cache = yield* ScopedCache.make({ capacity: 1, lookup: () => Effect.sleep(10) })
        const first = yield* Effect.forkChild(ScopedCache.get(cache, "key"))
        yield* Effect.sleep(1)
        const second = yield* Effect.forkChild(ScopedCache.getOption(cache, "key"))
        yield* Effect.yieldNow
        yield* Fiber.interrupt(first)
        yield* mustSucceed(yield* Fiber.await(second))
      })
    ),
    weakestMode: "op3",
    runs: 50,
    trace: "ScopedCache.getOption"
  })

  // Layer.ts:463-465: whoever comes first builds a layer in its own fiber, and hands its exit to all who share it.
  finds("Layer.buildWithMemoMap", {
    program: Effect.gen(function* () {
      class Service extends Context.Service<Service, number>()("known/Service") {}
      const layer = Layer.effect(Service)(Effect.as(Effect.sleep(10), 1))
      const memoMap = yield* Layer.makeMemoMap
      const build = Effect.scopedWith((scope) => Layer.buildWithMemoMap(layer, memoMap, scope))
      yield* mustSucceed(yield* firstInterrupted(build))
    }),
    weakestMode: "stock",
    runs: 1,
    trace: "Layer.buildWithMemoMap"
  })
})
