/** Every way into a keyed semaphore, interrupted everywhere, and under all interleavings that the budget affords. */
import { assert, describe } from "@effect/vitest"
import * as Explorer from "@heddle/testing/Explorer"
import { it } from "@heddle/testing/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

import * as KeyedSemaphore from "../src/KeyedSemaphore.ts"
import { SteppingScheduler } from "./support/steppingScheduler.ts"

const {
  make,
  makeUnsafe,
  pause,
  release,
  resize,
  resume,
  stats,
  take,
  takeIfAvailable,
  takeScoped,
  withPermits,
  withPermitsIfAvailable
} = KeyedSemaphore

const yields = (count: number) => Effect.replicateEffect(Effect.yieldNow, count, { discard: true })

type Tenants = KeyedSemaphore.KeyedSemaphore<string>
type Way = (sem: Tenants, key: string, permits: number, body: Effect.Effect<void>) => Effect.Effect<unknown>

const ways: Record<string, Way> = {
  withPermits: (sem, key, permits, body) => withPermits(sem, key, permits, body),
  withPermitsIfAvailable: (sem, key, permits, body) => withPermitsIfAvailable(sem, key, permits, body),
  "take inside a mask": (sem, key, permits, body) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(restore(take(sem, key, permits)), () => Effect.ensuring(restore(body), release(sem, key, permits)))
    ),
  "takeIfAvailable inside a mask": (sem, key, permits, body) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(restore(takeIfAvailable(sem, key, permits)), (taken) =>
        taken ? Effect.ensuring(restore(body), release(sem, key, permits)) : Effect.void
      )
    ),
  takeScoped: (sem, key, permits, body) => Effect.scoped(Effect.andThen(takeScoped(sem, key, permits), body))
}

/** Nobody holds, nobody waits, and no key is remembered. */
const isWhole = Effect.fnUntraced(function* (sem: Tenants, total: number) {
  assert.deepStrictEqual(yield* stats(sem), { keys: 0, total, taken: 0, available: total, waiting: 0 })
})

// 3 and 4 preempt nearly everywhere, 64 nearly nowhere
const budgets = [3, 4, 5, 7, 11, 64]

describe("interrupted everywhere, a keyed semaphore is whole", () => {
  for (const [name, way] of Object.entries(ways)) {
    const moments: ReadonlyArray<Explorer.Moment> = name.endsWith("mask")
      ? ["preemption", "task", "pause"]
      : ["operation", "preemption", "task", "pause"]

    it.effect(`${name}: a heavy one at the front of the ring, before others of its key and of another`, () =>
      Explorer.interruptEverywhere(
        () => {
          const sem = makeUnsafe<string>({ permitsPerKey: 3, total: 3 })
          return Effect.succeed({
            sem,
            before: [withPermits(sem, "other", 1, yields(3))],
            target: way(sem, "target", 3, Effect.yieldNow),
            after: [
              withPermits(sem, "other", 2, Effect.yieldNow),
              way(sem, "target", 1, Effect.yieldNow),
              way(sem, "third", 1, Effect.yieldNow)
            ]
          })
        },
        (_, { sem }) => isWhole(sem, 3),
        { moments, budgets }
      )
    )

    it.effect(`${name}: while its key is paused and resumed, and the limits shrink and grow`, () =>
      Explorer.interruptEverywhere(
        () => {
          const sem = makeUnsafe<string>({ permitsPerKey: 2, total: 3 })
          const turmoil = [
            pause(sem, "target"),
            resize(sem, { total: 1 }),
            resume(sem, "target"),
            resize(sem, { permitsPerKey: 1, total: 3 }),
            resize(sem, { permitsPerKey: 2 })
          ]
          return Effect.succeed({
            sem,
            before: [
              withPermits(sem, "target", 1, yields(2)),
              Effect.forEach(turmoil, (one) => Effect.andThen(one, Effect.yieldNow), { discard: true })
            ],
            target: way(sem, "target", 2, Effect.yieldNow),
            after: [withPermits(sem, "other", 1, Effect.yieldNow)]
          })
        },
        (_, { sem }) => isWhole(sem, 3),
        { moments, budgets: [3, 5, 64] }
      )
    )
  }
})

describe("preempted while it takes", () => {
  for (const [name, way] of Object.entries(ways)) {
    it(`${name}: minds a shrink of a key that nobody uses`, () => {
      for (let operation = 1; ; operation++) {
        const scheduler = new SteppingScheduler(2048)
        const sem = makeUnsafe<string>({ permitsPerKey: 2 })
        const takenNow = () => Effect.runSync(stats(sem, "a")).taken
        let operations = 0
        scheduler.preempts = () => ++operations === operation
        const fiber = Effect.runFork(way(sem, "a", 2, Effect.never), { scheduler })
        // it has taken by now
        if (takenNow() > 0) break
        Effect.runSync(resize(sem, { permitsPerKey: 1 }))
        scheduler.drain()
        assert.isAtMost(takenNow(), 1, `preempted before operation ${operation}`)
        fiber.interruptUnsafe()
      }
    })
  }
})

describe("explored", () => {
  it.explore(
    "never above any budget, and whole at the end",
    Effect.gen(function* () {
      const sem = yield* make<string>({ permitsPerKey: 2, total: 3 })
      const held = new Map<string, number>()
      const heldBy = (key: string) => held.get(key) ?? 0
      const hold = (key: string, permits: number) =>
        withPermits(
          sem,
          key,
          permits,
          Effect.gen(function* () {
            held.set(key, heldBy(key) + permits)
            assert.isAtMost(heldBy(key), 2)
            assert.isAtMost(heldBy("a") + heldBy("b"), 3)
            yield* Effect.yieldNow
            held.set(key, heldBy(key) - permits)
          })
        )
      const fibers = yield* Effect.forEach([hold("a", 1), hold("a", 2), hold("b", 2), hold("b", 1)], (one) =>
        Effect.forkChild(one)
      )
      yield* Fiber.interrupt(fibers[1]!)
      yield* Fiber.awaitAll(fibers)
      yield* isWhole(sem, 3)
    })
  )

  it.explore(
    "a pause, a resume, a resize and an interruption at once: nobody is stranded",
    Effect.gen(function* () {
      const sem = yield* make<string>({ permitsPerKey: 2, total: 2 })
      const heavy = yield* Effect.forkChild(withPermits(sem, "a", 2, Effect.yieldNow))
      const others = yield* Effect.forEach(
        [
          withPermits(sem, "b", 1, Effect.yieldNow),
          Effect.andThen(pause(sem, "a"), resume(sem, "a")),
          Effect.andThen(resize(sem, { total: 1 }), resize(sem, { total: 2 })),
          withPermits(sem, "a", 1, Effect.yieldNow)
        ],
        (one) => Effect.forkChild(one)
      )
      yield* Fiber.interrupt(heavy)
      yield* Fiber.awaitAll(others)
      yield* isWhole(sem, 2)
    })
  )
})
