/** The branch of a limiter: no token is lost or taken twice, whichever branch is chosen. */
import { assert, describe } from "@effect/vitest"
import * as Explorer from "@heddle/testing/Explorer"
import { it } from "@heddle/testing/vitest"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"

import * as Deadline from "../src/Deadline.ts"
import * as RateLimit from "../src/RateLimit.ts"
import * as RateLimiter from "../src/RateLimiter.ts"
import { layerStoreMemory } from "../src/RateLimiterStore.ts"
import * as Select from "../src/Select.ts"
import {
  deathMessage,
  drained,
  failureOf,
  type Log,
  millis,
  settle,
  start,
  taker,
  waitingIn
} from "./support/limiter.ts"

const { deferred, first, queue, timer, tokens } = Select

const { make, shared, stats, take, takeIfAvailable } = RateLimiter

const available = <E>(limiter: RateLimiter.RateLimiter<E>) =>
  Effect.map(stats(limiter), ({ available }) => Math.floor(available + 1e-9))

const said = (text: string) => () => Effect.succeed(text)

describe("tokens", () => {
  it.effect("are taken at once if a request would not wait, and spent however the handler ends", () =>
    Effect.gen(function* () {
      const limiter = yield* make({ limit: RateLimit.tokenBucket({ limit: 1, interval: "1 hour", burst: 6 }) })
      assert.isUndefined(yield* first([tokens(limiter)]))
      assert.strictEqual(yield* first([tokens(limiter, 2, said("two"))]), "two")
      assert.strictEqual(yield* Effect.flip(first([tokens(limiter, 1, () => Effect.fail("failed"))])), "failed")
      const running = yield* start(first([tokens(limiter, 1, () => Effect.never)]))
      yield* Fiber.interrupt(running)
      assert.strictEqual(yield* available(limiter), 1)
      assert.strictEqual(yield* first([tokens(limiter, 2, said("two"))], { otherwise: Effect.succeed("none") }), "none")
      assert.strictEqual(yield* available(limiter), 1)
    })
  )

  it.effect("come to one who waits at his turn, among the others in line", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10)
      const log: Log = []
      yield* taker(limiter, log, "before")
      const at = () => Clock.currentTimeMillis
      const selecting = yield* start(first([tokens(limiter, 1, at), timer("1 minute")]))
      yield* taker(limiter, log, "behind")
      yield* millis(1000)
      assert.strictEqual(yield* Fiber.join(selecting), 200)
      assert.deepStrictEqual(log, [
        ["before", 100],
        ["behind", 300]
      ])
    })
  )

  it.effect("are spent when the handler begins, though it is interrupted", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10)
      const selecting = yield* start(first([tokens(limiter, 1, () => Effect.never), timer("1 minute")]))
      yield* millis(100)
      yield* Fiber.interrupt(selecting)
      assert.strictEqual((yield* stats(limiter)).available, 0)
    })
  )

  it.effect("of a priority go first", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10)
      const log: Log = []
      yield* taker(limiter, log, "plain")
      const selecting = yield* start(first([tokens(limiter, 1, () => Clock.currentTimeMillis, { priority: 1 })]))
      yield* millis(300)
      assert.strictEqual(yield* Fiber.join(selecting), 100)
      assert.deepStrictEqual(log, [["plain", 200]])
      const heavy = yield* drained(10, 5)
      yield* start(take(heavy, 5))
      yield* millis(100)
      const otherwise = Effect.succeed("none")
      assert.strictEqual(yield* first([tokens(heavy, 1, said("plain"))], { otherwise }), "none")
      assert.strictEqual(yield* first([tokens(heavy, 1, said("first"), { priority: 1 })], { otherwise }), "first")
    })
  )

  it.effect("of a weight come when there are as many", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10, 3)
      const selecting = yield* start(first([tokens(limiter, 3, () => Clock.currentTimeMillis)]))
      yield* millis(300)
      assert.strictEqual(yield* Fiber.join(selecting), 300)
    })
  )

  it.effect("when another branch is chosen its place goes", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10)
      const gate = yield* Deferred.make<string>()
      const log: Log = []
      const selecting = yield* start(first([tokens(limiter, 1, said("tokens")), deferred(gate)]))
      yield* taker(limiter, log, "behind")
      assert.strictEqual(yield* waitingIn(limiter), 2)
      yield* Deferred.succeed(gate, "gate")
      assert.strictEqual(yield* Fiber.join(selecting), "gate")
      assert.strictEqual(yield* waitingIn(limiter), 1)
      yield* millis(100)
      assert.deepStrictEqual(log, [["behind", 100]])
    })
  )

  it.effect("that came when another branch had been chosen go back, and those behind are served with them", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10)
      const gate = yield* Deferred.make<string>()
      const log: Log = []
      const selecting = yield* start(first([tokens(limiter, 1, said("tokens")), deferred(gate)], { order: "listed" }))
      yield* taker(limiter, log, "behind")
      // the select is told of the deferred, and has its turn, before it goes on
      yield* Effect.andThen(
        Deferred.succeed(gate, "gate"),
        RateLimiter.setLimit(limiter, RateLimit.tokenBucket({ limit: 0, interval: 1, burst: 1 }), { carry: "reset" })
      )
      assert.strictEqual(yield* Fiber.join(selecting), "gate")
      yield* settle
      assert.deepStrictEqual(log, [["behind", 0]])
    })
  )

  it.effect("fail the select where a request would fail, unless another branch has something", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10)
      const ready = yield* Queue.unbounded<string>()
      const select = first([tokens(limiter, 1, said("tokens"), { maxWait: "50 millis" }), queue(ready)])
      assert.strictEqual((yield* failureOf(yield* start(select)))._tag, "RateLimited")
      yield* Queue.offer(ready, "ready")
      assert.strictEqual(yield* select, "ready")
      assert.strictEqual(yield* waitingIn(limiter), 0)
      const full = yield* make({ limit: RateLimit.tokenBucket({ limit: 1, interval: "1 second" }), maxWaiting: 0 })
      yield* take(full)
      assert.strictEqual((yield* failureOf(yield* start(first([tokens(full)]))))._tag, "RateLimiterFull")
    })
  )

  it.effect("a deadline is no bound of the wait: another branch may be ready in time", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(1)
      const select = first([tokens(limiter, 1, said("tokens")), timer(20, said("time"))])
      const selecting = yield* start(select.pipe(Deadline.within("100 millis")))
      yield* millis(20)
      assert.strictEqual(yield* Fiber.join(selecting), "time")
    })
  )

  it.effect("more than can ever be taken, and numbers that are none, die", () =>
    Effect.gen(function* () {
      const limiter = yield* drained(10)
      assert.include(deathMessage(yield* Effect.exit(first([tokens(limiter, 2)]))), "can never be taken at once")
      assert.include(deathMessage(yield* Effect.exit(first([tokens(limiter, Number.NaN)]))), "n must be")
    })
  )

  it.effect("of a shared limit", () =>
    Effect.gen(function* () {
      const limit = RateLimit.tokenBucket({ limit: 10, interval: "1 second", burst: 1 })
      const limiter = yield* shared({ key: "key", limit })
      const select = first([tokens(limiter, 1, () => Clock.currentTimeMillis), timer("1 minute")])
      assert.strictEqual(yield* select, 0)
      const selecting = yield* start(select)
      yield* millis(100)
      assert.strictEqual(yield* Fiber.join(selecting), 100)
      assert.strictEqual(yield* available(limiter), 0)
    }).pipe(Effect.provide(layerStoreMemory))
  )
})

const everyTen = RateLimit.tokenBucket({ limit: 1, interval: "10 millis" })

const kinds: Readonly<Record<string, Effect.Effect<RateLimiter.RateLimiter<any>>>> = {
  "in memory": make({ limit: everyTen }),
  "by key": Effect.map(RateLimiter.keyed<string>({ limit: () => everyTen }), RateLimiter.forKey("key")),
  "of a store": Effect.provide(shared({ key: "key", limit: everyTen }), layerStoreMemory)
}

/** When tokens were spent, and which elements were taken. */
interface Seen {
  readonly turns: Array<number>
  readonly elements: Array<number>
}

/** Writes down what it is given in the step in which it is. */
const selecting = (limiter: RateLimiter.RateLimiter<any>, elements: Queue.Dequeue<number>, seen: Seen) =>
  Effect.clockWith((clock) =>
    first([
      tokens(limiter, 1, () => {
        seen.turns.push(clock.currentTimeMillisUnsafe())
        return Effect.void
      }),
      queue(elements, (element) => {
        seen.elements.push(element)
        return Effect.void
      })
    ])
  )

/** Ten milliseconds after the last that was spent there is one, and no more. */
const oneIsLeft = (limiter: RateLimiter.RateLimiter<any>, { turns }: Seen) =>
  Effect.gen(function* () {
    assert.strictEqual(yield* waitingIn(limiter), 0)
    yield* Effect.sleep((turns.at(-1) ?? 0) + 10 - (yield* Clock.currentTimeMillis))
    assert.isTrue(yield* takeIfAvailable(limiter))
    assert.isFalse(yield* takeIfAvailable(limiter))
  })

describe("explored", () => {
  for (const [kind, made] of Object.entries(kinds)) {
    const scenario = Effect.gen(function* () {
      const limiter = yield* made
      const elements = yield* Queue.unbounded<number>()
      const seen: Seen = { turns: [], elements: [] }
      yield* take(limiter)
      const one = yield* Effect.forkChild(selecting(limiter, elements, seen))
      const other = yield* Effect.forkChild(selecting(limiter, elements, seen))
      const offering = yield* Effect.forkChild(Effect.andThen(Effect.sleep(10), Queue.offer(elements, 1)))
      yield* Effect.sleep(10)
      yield* Fiber.interrupt(other)
      yield* Effect.sleep(10)
      yield* Fiber.interrupt(one)
      yield* Fiber.join(offering)
      const left = yield* Queue.clear(elements)
      assert.deepStrictEqual([...seen.elements, ...left], [1])
      yield* oneIsLeft(limiter, seen)
    })
    for (const mode of ["stock", "resume", "op3", "op"] as const) {
      it.explore(`two selects at one limiter and one queue (${kind}, ${mode})`, scenario, {
        mode,
        runs: 40,
        millis: 400
      })
    }
  }
})

describe("interrupted everywhere", () => {
  for (const [kind, made] of Object.entries(kinds)) {
    it.effect(kind, () =>
      Effect.gen(function* () {
        let chosen = 0
        const scenario = Effect.gen(function* () {
          const limiter = yield* made
          const elements = yield* Queue.unbounded<number>()
          const seen: Seen = { turns: [], elements: [] }
          yield* take(limiter)
          const target = selecting(limiter, elements, seen)
          return { limiter, elements, seen, target }
        })
        const report = yield* Explorer.interruptEverywhere(
          scenario,
          (exit, { limiter, seen }) =>
            Effect.gen(function* () {
              assert.isTrue(Exit.isSuccess(exit) || Exit.hasInterrupts(exit), String(exit))
              chosen += seen.turns.length
              yield* oneIsLeft(limiter, seen)
            }),
          { budgets: [3, 5, 64], moments: ["preemption", "task", "pause"] }
        )
        assert.isAbove(report.interrupted, 10)
        assert.isAbove(chosen, 0)
      })
    )
  }
})
