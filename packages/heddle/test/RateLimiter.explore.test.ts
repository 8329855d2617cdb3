/** Under the explorer: the line and its timer, in every interleaving that the budget affords. */
import { assert, describe } from "@effect/vitest"
import * as Explorer from "@heddle/testing/Explorer"
import { it } from "@heddle/testing/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"

import * as RateLimit from "../src/RateLimit.ts"
import * as RateLimiter from "../src/RateLimiter.ts"
import { layerStoreMemory } from "../src/RateLimiterStore.ts"

const { forKey, keyed, make, penalize, reserve, setLimit, shared, stats, take, takeIfAvailable, throttle, withLimit } =
  RateLimiter

type Limiter = RateLimiter.RateLimiter<any>

const modes: ReadonlyArray<Explorer.Options["mode"]> = ["stock", "resume", "op3", "op"]

/** One token every 10 ms, one at most. */
const everyTen = RateLimit.tokenBucket({ limit: 1, interval: "10 millis" })

type Times = Array<number>

/** Takes and writes down when, in one step. */
const taking = (limiter: Limiter, times: Times, n = 1, options?: RateLimiter.TakeOptions) =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(restore(take(limiter, n, options)), () =>
      Effect.map(Clock.currentTimeMillis, (at) => void times.push(at))
    )
  )

const nobodyWaits = <E>(limiter: RateLimiter.RateLimiter<E>) =>
  Effect.map(stats(limiter), ({ waiting }) => assert.strictEqual(waiting, 0))

/** Never two within 10 ms. */
const spaced = (times: Times) => {
  for (let index = 1; index < times.length; index++) {
    assert.isAtLeast(times[index]! - times[index - 1]!, 10, `turns at ${times.join(", ")}`)
  }
}

/** Two who wait, of whom one is interrupted, while the limit changes. */
const changes = Effect.gen(function* () {
  const limiter = yield* make({ limit: everyTen })
  const times: Times = []
  yield* taking(limiter, times)
  const first = yield* Effect.forkChild(taking(limiter, times))
  const second = yield* Effect.forkChild(taking(limiter, times))
  const changer = yield* Effect.forkChild(
    Effect.andThen(
      penalize(limiter, "15 millis"),
      setLimit(limiter, RateLimit.gcra({ limit: 1, interval: "20 millis" }))
    )
  )
  yield* Fiber.interrupt(first)
  yield* Fiber.joinAll([second, changer])
  yield* nobodyWaits(limiter)
  spaced(times)
})

/** The one who keeps the time leaves, again and again: the others are served all the same. */
const keepers = Effect.gen(function* () {
  const limiter = yield* make({ limit: everyTen })
  const times: Times = []
  yield* taking(limiter, times)
  const fibers: Array<Fiber.Fiber<void, unknown>> = []
  for (let place = 0; place < 4; place++) fibers.push(yield* Effect.forkChild(taking(limiter, times)))
  const [first, second, third, fourth] = fibers
  yield* Fiber.interrupt(fourth!)
  yield* Effect.sleep("5 millis")
  yield* Effect.forkChild(Fiber.interrupt(first!))
  yield* Fiber.join(second!)
  yield* Fiber.join(third!)
  yield* Fiber.await(first!)
  yield* nobodyWaits(limiter)
  spaced(times)
})

/** A rate of nothing that becomes one, while somebody is about to sleep for ever. */
const raised = Effect.gen(function* () {
  const limiter = yield* make({ limit: RateLimit.tokenBucket({ limit: 0, interval: "10 millis", burst: 1 }) })
  const times: Times = []
  yield* taking(limiter, times)
  const fiber = yield* Effect.forkChild(taking(limiter, times))
  yield* Effect.yieldNow
  yield* setLimit(limiter, everyTen)
  yield* Fiber.join(fiber)
  assert.deepStrictEqual(times, [0, 10])
})

/** A reservation that is waited for, left and cancelled. */
const reservations = Effect.gen(function* () {
  const limiter = yield* make({ limit: everyTen })
  const times: Times = []
  yield* taking(limiter, times)
  const reservation = yield* reserve(limiter)
  const waiting = yield* Effect.forkChild(reservation.await)
  const behind = yield* Effect.forkChild(taking(limiter, times))
  yield* Effect.forkChild(Fiber.interrupt(waiting))
  yield* reservation.cancel
  yield* Fiber.join(behind)
  yield* Fiber.await(waiting)
  yield* nobodyWaits(limiter)
  assert.include([10, 20], times[1])
})

/** A line of two places, into which three push. */
const pushing = Effect.gen(function* () {
  const limiter = yield* make({ limit: everyTen, maxWaiting: 2, overflow: "dropLowestPriority" })
  const times: Times = []
  yield* taking(limiter, times)
  const exits = yield* Effect.all(
    [0, 1, 2].map((priority) =>
      Effect.exit(taking(limiter, times, 1, { priority, maxWait: priority === 2 ? "25 millis" : "1 minute" }))
    ),
    { concurrency: "unbounded" }
  )
  yield* nobodyWaits(limiter)
  assert.strictEqual(exits.filter(Exit.isSuccess).length, times.length - 1)
  assert.isAtLeast(times.length, 3)
  spaced(times)
})

/** Keys whose gates come and go. */
const keys = Effect.gen(function* () {
  const limits = yield* keyed<string>({ limit: () => everyTen })
  const times: Times = []
  const key = () => forKey(limits, "key")
  const one = yield* Effect.forkChild(taking(key(), times))
  const two = yield* Effect.forkChild(taking(key(), times))
  const three = yield* Effect.forkChild(taking(key(), times))
  yield* Fiber.interrupt(two)
  yield* taking(forKey(limits, "other"), [])
  yield* Fiber.joinAll([one, three])
  yield* nobodyWaits(key())
  spaced(times)
})

/** A limit that is asked for elsewhere. */
const elsewhere = Effect.gen(function* () {
  const limiter = yield* shared({ key: "key", limit: everyTen })
  const times: Times = []
  const one = yield* Effect.forkChild(taking(limiter, times))
  const two = yield* Effect.forkChild(taking(limiter, times))
  const three = yield* Effect.forkChild(taking(limiter, times))
  yield* Fiber.interrupt(two)
  yield* Fiber.joinAll([one, three])
  yield* nobodyWaits(limiter)
  spaced(times)
  assert.isAtMost(times.at(-1)!, 20)
}).pipe(Effect.provide(layerStoreMemory))

describe("explored", () => {
  for (const mode of modes) {
    const options = { mode, runs: 80, millis: 1_000 }
    it.explore(`interruption, a penalty and another limit at once (${mode})`, changes, options)
    it.explore(`a rate of nothing that is raised (${mode})`, raised, options)
    it.explore(`timekeepers that leave (${mode})`, keepers, options)
    it.explore(`a reservation that is left and cancelled (${mode})`, reservations, options)
    it.explore(`a line that is full (${mode})`, pushing, options)
    it.explore(`keys (${mode})`, keys, options)
    it.explore(`a store (${mode})`, elsewhere, options)
  }
})

describe("interrupted before every operation, while waiting, and while granted but not resumed", () => {
  interface Way {
    readonly make: Effect.Effect<Limiter>
    readonly way: (limiter: Limiter, times: Times) => Effect.Effect<unknown, unknown>
    /** Not within a mask: an interruption may come between the taking and the writing down. */
    readonly bare?: boolean
    readonly budgets?: ReadonlyArray<number>
  }
  // the others go the way that `take` goes
  const fewBudgets = [3, 5, 64]
  const inMemory = make({ limit: everyTen })
  const written = (times: Times) => Effect.map(Clock.currentTimeMillis, (at) => void times.push(at))

  const ways: Readonly<Record<string, Way>> = {
    take: { make: inMemory, way: (limiter, times) => taking(limiter, times) },
    "take with a longest wait": {
      make: inMemory,
      way: (limiter, times) => taking(limiter, times, 1, { maxWait: "1 minute", priority: 1 }),
      budgets: fewBudgets
    },
    withLimit: { make: inMemory, way: (limiter, times) => withLimit(limiter)(written(times)), bare: true },
    throttle: {
      make: inMemory,
      way: (limiter, times) =>
        Stream.make(1).pipe(
          throttle(limiter),
          Stream.runForEach(() => written(times))
        ),
      bare: true,
      budgets: fewBudgets
    },
    "reserve and await": {
      make: inMemory,
      way: (limiter, times) =>
        Effect.acquireUseRelease(
          reserve(limiter),
          (reservation) =>
            Effect.uninterruptibleMask((restore) => Effect.flatMap(restore(reservation.await), () => written(times))),
          (reservation) => reservation.cancel
        )
    },
    "take by key": {
      make: Effect.map(keyed<string>({ limit: () => everyTen }), forKey("key")),
      way: (limiter, times) => taking(limiter, times),
      budgets: fewBudgets
    },
    "take from a store": {
      make: Effect.provide(shared({ key: "key", limit: everyTen }), layerStoreMemory),
      way: (limiter, times) => taking(limiter, times)
    }
  }

  for (const [name, { bare = false, budgets = [3, 4, 5, 7, 11, 64], make, way }] of Object.entries(ways)) {
    it.effect(name, () =>
      Effect.gen(function* () {
        const scenario = Effect.gen(function* () {
          const limiter = yield* make
          const times: Times = []
          const others: Times = []
          return {
            limiter,
            times,
            others,
            before: [taking(limiter, others)],
            target: way(limiter, times),
            after: [taking(limiter, others), Effect.andThen(Effect.sleep("5 millis"), penalize(limiter, "10 millis"))]
          }
        })
        const report = yield* Explorer.interruptEverywhere(
          scenario,
          (exit, { limiter, others, times }) =>
            Effect.gen(function* () {
              yield* nobodyWaits(limiter)
              if (!Exit.isSuccess(exit)) assert.isTrue(Exit.hasInterrupts(exit))
              else assert.lengthOf(times, 1)
              const all = [...others, ...times].toSorted((a, b) => a - b)
              spaced(all)
              // nobody waits for one who has left: the turns are the next ones that the penalty allows
              const turns = [0, 15, 25].slice(0, all.length)
              if (!bare) assert.deepStrictEqual(all, turns)
              // and what was not taken is there
              yield* Effect.sleep("10 millis")
              assert.isTrue(yield* takeIfAvailable(limiter))
              assert.isFalse(yield* takeIfAvailable(limiter))
            }),
          { budgets, moments: ["preemption", "task", "pause"] }
        )
        assert.isAbove(report.interrupted, 10)
      })
    )
  }
})
