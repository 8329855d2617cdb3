import { assert, describe, it } from "@effect/vitest"
import * as Explorer from "@heddle/testing/Explorer"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"

import * as WeightedSemaphore from "../src/WeightedSemaphore.ts"
import { deathMessage, settle, start } from "./support/fibers.ts"

const {
  make,
  makeUnsafe,
  release,
  resize,
  stats,
  take,
  takeIfAvailable,
  takeScoped,
  withPermit,
  withPermits,
  withPermitsIfAvailable
} = WeightedSemaphore

type Semaphore = WeightedSemaphore.WeightedSemaphore

/** Takes when it is its turn, writes its name down, and gives back at once. */
const visitor = (sem: Semaphore, permits: number, priority: number | undefined, name: string, log: Array<string>) =>
  start(
    withPermits(
      sem,
      permits,
      Effect.sync(() => log.push(name)),
      { priority }
    )
  )

describe("priorities", () => {
  it.effect("Q2: higher first, 0 where none is given, and in order inside a priority", () =>
    Effect.gen(function* () {
      const sem = yield* make({ permits: 1 })
      const log: Array<string> = []
      yield* take(sem, 1)
      for (const [name, priority] of [
        ["first", undefined],
        ["second", undefined],
        ["high", 1],
        ["low", -1],
        ["third", 0],
        ["high too", 1]
      ] as const)
        yield* visitor(sem, 1, priority, name, log)
      yield* release(sem, 1)
      yield* settle
      assert.deepStrictEqual(log, ["high", "high too", "first", "second", "third", "low"])
    })
  )

  it.effect(
    "a heavy request of high priority blocks lighter ones of lower priority, also those who were there before",
    () =>
      Effect.gen(function* () {
        const sem = yield* make({ permits: 3 })
        const log: Array<string> = []
        yield* take(sem, 2)
        yield* visitor(sem, 2, 0, "light", log)
        yield* visitor(sem, 3, 1, "heavy", log)
        yield* visitor(sem, 1, 0, "lighter", log)
        yield* release(sem, 1)
        yield* settle
        assert.deepStrictEqual(log, [])
        assert.deepStrictEqual(yield* stats(sem), { permits: 3, taken: 1, available: 2, waiting: 3 })
        yield* release(sem, 1)
        yield* settle
        assert.deepStrictEqual(log, ["heavy", "light", "lighter"])
      })
  )

  it.effect("S4: one of higher priority that fits does not wait for a heavy one of lower", () =>
    Effect.gen(function* () {
      const sem = yield* make({ permits: 3 })
      const log: Array<string> = []
      yield* take(sem, 2)
      yield* visitor(sem, 3, 0, "heavy", log)
      assert.isFalse(yield* takeIfAvailable(sem, 1))
      assert.isFalse(yield* takeIfAvailable(sem, 1, { priority: -1 }))
      assert.isFalse(yield* takeIfAvailable(sem, 2, { priority: 1 }))
      assert.isTrue(Option.isNone(yield* withPermitsIfAvailable(sem, 1, Effect.void)))
      assert.isTrue(Option.isSome(yield* withPermitsIfAvailable(sem, 1, Effect.void, { priority: 1 })))
      yield* visitor(sem, 1, 1, "light", log)
      yield* visitor(sem, 1, 0, "light of the same priority", log)
      assert.deepStrictEqual(log, ["light"])
      assert.isTrue(yield* takeIfAvailable(sem, 1, { priority: 1 }))
    })
  )

  it.effect("a high head that is interrupted serves those of lower priority behind it", () =>
    Effect.gen(function* () {
      const sem = yield* make({ permits: 2 })
      const log: Array<string> = []
      yield* take(sem, 1)
      yield* visitor(sem, 1, -1, "low", log)
      const heavy = yield* start(withPermits(sem, 2, Effect.void, { priority: 5 }))
      yield* visitor(sem, 1, 0, "middle", log)
      yield* Fiber.interrupt(heavy)
      yield* settle
      assert.deepStrictEqual(log, ["low", "middle"])
    })
  )

  it.effect("whoever stood aside comes back to the place of its ticket and priority", () =>
    Effect.gen(function* () {
      const sem = yield* make({ permits: 4 })
      const log: Array<string> = []
      yield* resize(sem, 2)
      yield* take(sem, 2)
      yield* visitor(sem, 4, 0, "aside, plain", log)
      yield* visitor(sem, 3, 1, "aside, high", log)
      yield* visitor(sem, 4, 1, "aside, high too", log)
      yield* visitor(sem, 2, 0, "plain", log)
      yield* visitor(sem, 2, 2, "highest", log)
      yield* resize(sem, 4)
      assert.deepStrictEqual(yield* stats(sem), { permits: 4, taken: 4, available: 0, waiting: 4 })
      yield* release(sem, 2)
      yield* settle
      assert.deepStrictEqual(log, ["highest", "aside, high", "aside, high too", "aside, plain", "plain"])
    })
  )
})

describe("aging", () => {
  const priorityStep = 5

  it.effect(
    "Q23: a waiter is overtaken by at most priorityStep later ones per level, although they come without end",
    () =>
      Effect.gen(function* () {
        const sem = yield* make({ permits: 1, priorityStep })
        const log: Array<string> = []
        yield* take(sem, 1)
        yield* visitor(sem, 1, 0, "patient", log)
        for (let index = 0; index < 50; index++) yield* visitor(sem, 1, 2, "hasty", log)
        yield* release(sem, 1)
        yield* settle
        assert.strictEqual(log.indexOf("patient"), 2 * priorityStep)
        assert.lengthOf(log, 51)
      })
  )

  it.effect("those who are served as they come count too, and so do those who take if available", () =>
    Effect.gen(function* () {
      const sem = yield* make({ permits: 2, priorityStep })
      yield* take(sem, 1)
      const heavy = yield* start(withPermits(sem, 2, Effect.void))
      let overtaken = 0
      for (let index = 0; index < 100; index++) {
        const isServed =
          index % 2 === 0
            ? Option.isSome(yield* withPermitsIfAvailable(sem, 1, Effect.void, { priority: 1 }))
            : (yield* start(withPermit(sem, Effect.void, { priority: 1 }))).pollUnsafe() !== undefined
        if (isServed) overtaken++
      }
      assert.strictEqual(overtaken, priorityStep)
      assert.isUndefined(heavy.pollUnsafe())
    })
  )

  it.effect("without waiters nobody is overtaken, and nothing ages", () =>
    Effect.gen(function* () {
      const sem = yield* make({ permits: 2, priorityStep })
      const log: Array<string> = []
      for (let index = 0; index < 100; index++) yield* withPermit(sem, Effect.void, { priority: 1 })
      yield* take(sem, 2)
      yield* visitor(sem, 1, 0, "plain", log)
      yield* visitor(sem, 1, 1, "high", log)
      yield* release(sem, 1)
      yield* settle
      assert.deepStrictEqual(log, ["high", "plain"])
    })
  )

  it.effect("by default a level is worth 1,000 places", () =>
    Effect.gen(function* () {
      const sem = yield* make({ permits: 1 })
      const log: Array<string> = []
      yield* take(sem, 1)
      for (let index = 0; index < 1_500; index++) yield* visitor(sem, 1, undefined, "plain", log)
      yield* visitor(sem, 1, 1, "high", log)
      yield* release(sem, 1)
      yield* Effect.repeat(Effect.yieldNow, { until: () => log.length === 1_501 })
      assert.strictEqual(log.indexOf("high"), 500)
    })
  )
})

describe("every operation takes a priority, in every form", () => {
  const operations: Record<string, (sem: Semaphore, served: Effect.Effect<void>) => Effect.Effect<unknown>> = {
    "withPermits(sem, n, options)(effect)": (sem, served) => served.pipe(withPermits(sem, 1, { priority: 1 })),
    "withPermits(sem, n, effect, options)": (sem, served) => withPermits(sem, 1, served, { priority: 1 }),
    "withPermit(sem, options)(effect)": (sem, served) => served.pipe(withPermit(sem, { priority: 1 })),
    "withPermit(sem, effect, options)": (sem, served) => withPermit(sem, served, { priority: 1 }),
    "take(sem, n, options)": (sem, served) =>
      Effect.andThen(take(sem, 1, { priority: 1 }), Effect.andThen(served, release(sem, 1))),
    "take(n, options)(sem)": (sem, served) =>
      Effect.andThen(sem.pipe(take(1, { priority: 1 })), Effect.andThen(served, sem.pipe(release(1)))),
    "takeScoped(sem, n, options)": (sem, served) =>
      Effect.scoped(Effect.andThen(takeScoped(sem, 1, { priority: 1 }), served)),
    "takeScoped(n, options)(sem)": (sem, served) =>
      Effect.scoped(Effect.andThen(sem.pipe(takeScoped(1, { priority: 1 })), served))
  }
  for (const [form, operation] of Object.entries(operations)) {
    it.effect(form, () =>
      Effect.gen(function* () {
        const sem = yield* make({ permits: 1 })
        const log: Array<string> = []
        yield* take(sem, 1)
        yield* visitor(sem, 1, 0, "plain", log)
        yield* start(operation(sem, Effect.asVoid(Effect.sync(() => log.push("high")))))
        yield* release(sem, 1)
        yield* settle
        assert.deepStrictEqual(log, ["high", "plain"])
        assert.deepStrictEqual(yield* stats(sem), { permits: 1, taken: 0, available: 1, waiting: 0 })
      })
    )
  }

  const ifAvailable: Record<string, (sem: Semaphore) => Effect.Effect<boolean>> = {
    "takeIfAvailable(sem, n, options)": (sem) => takeIfAvailable(sem, 1, { priority: 1 }),
    "takeIfAvailable(n, options)(sem)": (sem) => sem.pipe(takeIfAvailable(1, { priority: 1 })),
    "withPermitsIfAvailable(sem, n, options)(effect)": (sem) =>
      Effect.map(Effect.void.pipe(withPermitsIfAvailable(sem, 1, { priority: 1 })), Option.isSome),
    "withPermitsIfAvailable(sem, n, effect, options)": (sem) =>
      Effect.map(withPermitsIfAvailable(sem, 1, Effect.void, { priority: 1 }), Option.isSome)
  }
  for (const [form, operation] of Object.entries(ifAvailable)) {
    it.effect(form, () =>
      Effect.gen(function* () {
        const sem = yield* make({ permits: 2 })
        yield* take(sem, 1)
        yield* start(withPermits(sem, 2, Effect.void))
        assert.isFalse(yield* takeIfAvailable(sem, 1))
        assert.isTrue(yield* operation(sem))
      })
    )
  }
})

describe("interrupted everywhere", () => {
  const yields = Effect.replicateEffect(Effect.yieldNow, 3, { discard: true })

  for (const priority of [-1, 1]) {
    it.effect(`a heavy request of priority ${priority} among others leaves the semaphore whole`, () =>
      Explorer.interruptEverywhere(
        () => {
          const sem = makeUnsafe({ permits: 3, priorityStep: 2 })
          return Effect.succeed({
            sem,
            before: [
              withPermits(sem, 2, yields),
              Effect.andThen(resize(sem, 2), Effect.andThen(yields, resize(sem, 3)))
            ],
            target: withPermits(sem, 3, Effect.yieldNow, { priority }),
            after: [
              withPermits(sem, 1, Effect.yieldNow),
              withPermits(sem, 2, Effect.yieldNow, { priority: 2 }),
              Effect.scoped(takeScoped(sem, 1, { priority: -2 }))
            ]
          })
        },
        (_, { sem }) =>
          Effect.gen(function* () {
            assert.deepStrictEqual(yield* stats(sem), { permits: 3, taken: 0, available: 3, waiting: 0 })
          }),
        { budgets: [3, 4, 5, 7, 64] }
      )
    )
  }
})

describe("caller bugs die with the value and the rule", () => {
  const bad: ReadonlyArray<unknown> = [1.5, Number.NaN, Infinity, -Infinity, 1_000_000_001, "high", 1n]

  it("priorities", () => {
    const sem = makeUnsafe({ permits: 1, name: "db" })
    for (const value of bad) {
      const options = { priority: value as number }
      for (const [name, exit] of Object.entries({
        take: Effect.runSyncExit(take(sem, 1, options)),
        takeIfAvailable: Effect.runSyncExit(takeIfAvailable(sem, 1, options)),
        takeScoped: Effect.runSyncExit(Effect.scoped(takeScoped(sem, 1, options))),
        withPermits: Effect.runSyncExit(withPermits(sem, 1, Effect.void, options)),
        withPermitsIfAvailable: Effect.runSyncExit(withPermitsIfAvailable(sem, 1, Effect.void, options))
      })) {
        const message = deathMessage(exit)
        assert.include(message, `WeightedSemaphore.${name} on "db": priority must be an integer from -1000000000`)
      }
    }
    assert.strictEqual(Effect.runSync(stats(sem)).taken, 0)
  })

  it("the step", () => {
    for (const priorityStep of [0, -1, 1.5, Number.NaN, Infinity, 1_000_001]) {
      assert.throws(
        () => makeUnsafe({ permits: 1, priorityStep }),
        RangeError,
        `WeightedSemaphore.make: priorityStep must be an integer from 1 to 1000000, got ${priorityStep}`
      )
    }
  })
})
