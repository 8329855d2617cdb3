import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as TestClock from "effect/testing/TestClock"

import * as AdaptiveLimit from "../src/AdaptiveLimit.ts"
import * as AdaptiveLimiter from "../src/AdaptiveLimiter.ts"
import * as Bulkhead from "../src/Bulkhead.ts"
import { attach, type Event, subjects } from "../src/internal/observer.ts"
import * as KeyedSemaphore from "../src/KeyedSemaphore.ts"
import * as RateLimit from "../src/RateLimit.ts"
import * as RateLimiter from "../src/RateLimiter.ts"
import { layerStoreMemory } from "../src/RateLimiterStore.ts"
import * as WeightedSemaphore from "../src/WeightedSemaphore.ts"
import { settle, start } from "./support/fibers.ts"

const { make, makeUnsafe, release, stats, take, takeIfAvailable, takeScoped, withPermits, withPermitsIfAvailable } =
  WeightedSemaphore

/** A tiny inspector: it remembers what it is told, for as long as the scope is open. */
const inspector = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => {
      const events: Array<Event> = []
      return { events, detach: attach({ onEvent: (event) => events.push(event) }) }
    }),
    ({ detach }) => Effect.sync(detach)
  ),
  ({ events }) => events
)

/** `acquire 2 by writer`: who is a span, or the number of a fiber that has none. */
const told = (events: ReadonlyArray<Event>) =>
  events.map(({ at, party, subject, type }) => `${at}: ${party.span} ${type}s ${party.permits} of ${subject.name}`)

const named = (name: string) => subjects().filter((subject) => subject.name === name)

// one after the other: an inspector is told of everything in the process
describe("what the seam shows", { concurrent: false }, () => {
  describe("without an inspector", () => {
    it.effect("a name makes a primitive known, with its counts; without one nobody knows of it", () =>
      Effect.gen(function* () {
        const before = subjects().length
        const sem = yield* make({ permits: 3, name: "counted" })
        yield* make({ permits: 3 })
        assert.strictEqual(subjects().length, before + 1)
        const [subject] = named("counted")
        yield* take(sem, 2)
        assert.strictEqual(subject!.kind, "WeightedSemaphore")
        assert.deepStrictEqual(subject!.counts(), { permits: 3, taken: 2, available: 1, waiting: 0 })
      })
    )

    it.effect("stats say nothing of holders", () =>
      Effect.gen(function* () {
        const sem = yield* make({ permits: 3, name: "unseen" })
        yield* take(sem, 2)
        assert.deepStrictEqual(yield* stats(sem), { permits: 3, taken: 2, available: 1, waiting: 0 })
        assert.isUndefined(named("unseen")[0]!.parties())
      })
    )
  })

  describe("while an inspector is attached", () => {
    it.effect("stats name who holds and who waits, since when, and in which span", () =>
      Effect.gen(function* () {
        yield* inspector
        const sem = yield* make({ permits: 3, name: "db" })
        yield* TestClock.setTime(1_000)
        const holder = yield* start(Effect.withSpan(withPermits(sem, 2, Effect.never), "report"))
        yield* TestClock.adjust(500)
        const waiter = yield* start(take(sem, 2))
        assert.deepStrictEqual(yield* stats(sem), {
          permits: 3,
          taken: 2,
          available: 1,
          waiting: 1,
          name: "db",
          holders: [{ fiber: holder.id, span: "report", permits: 2, since: 1_000 }],
          waiters: [{ fiber: waiter.id, span: undefined, permits: 2, since: 1_500 }]
        })
        yield* TestClock.adjust(500)
        yield* Fiber.interrupt(holder)
        yield* Fiber.join(waiter)
        const { holders, waiters } = yield* stats(sem)
        assert.deepStrictEqual(waiters, [])
        assert.deepStrictEqual(holders, [{ fiber: waiter.id, span: undefined, permits: 2, since: 2_000 }])
      })
    )

    it.effect("S13: a fiber that waits for what it holds itself is seen on both sides", () =>
      Effect.gen(function* () {
        yield* inspector
        const sem = yield* make({ permits: 1, name: "nested" })
        const fiber = yield* start(withPermits(sem, 1, withPermits(sem, 1, Effect.void)))
        const { holders, waiters } = yield* stats(sem)
        assert.deepStrictEqual(
          [holders, waiters].map((parties) => parties?.map((party) => party.fiber)),
          [[fiber.id], [fiber.id]]
        )
      })
    )

    it.effect("every wait, acquisition, release and abandoned wait is an event, in order", () =>
      Effect.gen(function* () {
        const events = yield* inspector
        const sem = yield* make({ permits: 2, name: "db" })
        const spans = (span: string, effect: Effect.Effect<unknown>) => start(Effect.withSpan(effect, span))
        yield* spans("a", withPermits(sem, 2, Effect.sleep(10)))
        yield* spans("b", Effect.scoped(takeScoped(sem, 1)))
        const impatient = yield* spans("c", take(sem, 1))
        yield* spans("d", withPermitsIfAvailable(sem, 1, Effect.void))
        yield* TestClock.adjust(5)
        yield* Fiber.interrupt(impatient)
        yield* TestClock.adjust(5)
        yield* settle
        yield* spans("d", withPermitsIfAvailable(sem, 1, Effect.void))
        assert.deepStrictEqual(told(events), [
          "0: a acquires 2 of db",
          "0: b waits 1 of db",
          "0: c waits 1 of db",
          "5: c abandons 1 of db",
          "10: a releases 2 of db",
          "10: b acquires 1 of db",
          "10: b releases 1 of db",
          "10: d acquires 1 of db",
          "10: d releases 1 of db"
        ])
        assert.deepStrictEqual((yield* stats(sem)).holders, [])
      })
    )

    it.effect("loose permits go back from one's own hold first, then from the oldest, and in parts", () =>
      Effect.gen(function* () {
        const events = yield* inspector
        const sem = yield* make({ permits: 10, name: "db" })
        const held = Effect.map(stats(sem), ({ holders = [] }) => holders.map(({ permits }) => permits))
        yield* Fiber.join(yield* start(take(sem, 3)))
        yield* Fiber.join(yield* start(take(sem, 2)))
        yield* take(sem, 4)
        assert.isTrue(yield* takeIfAvailable(sem, 1))
        assert.deepStrictEqual(yield* held, [3, 2, 4, 1])
        yield* release(sem, 1)
        assert.deepStrictEqual(yield* held, [3, 2, 3, 1])
        yield* release(sem, 5)
        assert.deepStrictEqual(yield* held, [2, 2])
        yield* Fiber.join(yield* start(release(sem, 3)))
        assert.deepStrictEqual(yield* held, [1])
        const releases = events.filter(({ type }) => type === "release").map(({ party }) => party.permits)
        assert.deepStrictEqual(releases, [1, 3, 1, 1, 2, 1])
      })
    )

    it.effect("an interruption that races the grant is told as an acquisition and a release", () =>
      Effect.gen(function* () {
        const events = yield* inspector
        const sem = yield* make({ permits: 1, name: "db" })
        yield* take(sem, 1)
        const waiter = yield* start(take(sem, 1))
        yield* release(sem, 1)
        yield* Fiber.interrupt(waiter)
        assert.deepStrictEqual(
          events.map(({ type }) => type),
          ["acquire", "wait", "release", "acquire", "release"]
        )
        assert.deepStrictEqual((yield* stats(sem)).holders, [])
      })
    )

    it.effect("a bulkhead tells of those it turns away", () =>
      Effect.gen(function* () {
        const events = yield* inspector
        const bulkhead = yield* Bulkhead.make({ concurrency: 1, maxWaiting: 1, overflow: "dropOldest", name: "door" })
        yield* Bulkhead.take(bulkhead, 1)
        yield* start(Effect.exit(Bulkhead.take(bulkhead, 1)))
        yield* start(Effect.exit(Bulkhead.take(bulkhead, 1)))
        yield* Bulkhead.close(bulkhead)
        yield* Effect.exit(Bulkhead.take(bulkhead, 1))
        assert.deepStrictEqual(
          events.map(({ type }) => type),
          ["acquire", "wait", "abandon", "wait", "abandon"]
        )
        assert.lengthOf((yield* Bulkhead.stats(bulkhead)).holders!, 1)
      })
    )

    it.effect("an adaptive limiter tells whose calls are in flight and whose wait", () =>
      Effect.gen(function* () {
        const events = yield* inspector
        const limit = AdaptiveLimit.aimd({ initial: 1 })
        const limiter = yield* AdaptiveLimiter.make({ limit, maxWaiting: 1, name: "adaptive" })
        const call = Effect.withSpan(AdaptiveLimiter.withPermit(limiter, Effect.sleep("1 second")), "call")
        yield* start(call)
        yield* start(call)
        const { holders, waiters } = yield* AdaptiveLimiter.stats(limiter)
        const spans = (parties: typeof holders) => parties?.map(({ span }) => span)
        assert.deepStrictEqual([spans(holders), spans(waiters)], [["call"], ["call"]])
        assert.deepStrictEqual(
          events.map(({ type }) => type),
          ["acquire", "wait"]
        )
        const [subject] = named("adaptive")
        assert.strictEqual(subject!.kind, "AdaptiveLimiter")
        assert.deepStrictEqual(subject!.counts(), {
          limit: 1,
          inFlight: 1,
          waiting: 1,
          succeeded: 0,
          dropped: 0,
          ignored: 0,
          rejected: 0
        })
      })
    )

    it.effect("a keyed semaphore tells for which key, and gives back what was taken under it", () =>
      Effect.gen(function* () {
        yield* inspector
        const sem = yield* KeyedSemaphore.make<unknown>({ permitsPerKey: 2, name: "tenants" })
        yield* KeyedSemaphore.take(sem, { id: 1 }, 1)
        yield* KeyedSemaphore.take(sem, "b", 2)
        yield* start(KeyedSemaphore.take(sem, "b", 1))
        const parties = Effect.map(KeyedSemaphore.stats(sem), ({ holders = [], waiters = [] }) => ({
          holders: holders.map(({ key, permits }) => [key, permits]),
          waiters: waiters.map(({ key, permits }) => [key, permits])
        }))
        assert.deepStrictEqual(yield* parties, {
          holders: [
            [{ id: 1 }, 1],
            ["b", 2]
          ],
          waiters: [["b", 1]]
        })
        yield* KeyedSemaphore.release(sem, { id: 1 }, 1)
        assert.deepStrictEqual((yield* parties).holders, [["b", 2]])
      })
    )

    it.effect("a limiter tells who waits, and who had his turn; nobody holds anything", () =>
      Effect.gen(function* () {
        const events = yield* inspector
        const limit = RateLimit.tokenBucket({ limit: 1, interval: "10 millis", burst: 2 })
        const limiter = yield* RateLimiter.make({ limit, maxWaiting: 2, overflow: "dropOldest", name: "api" })
        const spans = (span: string, effect: Effect.Effect<unknown, unknown>) =>
          start(Effect.withSpan(Effect.exit(effect), span))
        yield* spans("a", RateLimiter.takeIfAvailable(limiter, 2))
        yield* spans("b", RateLimiter.takeIfAvailable(limiter))
        yield* spans("c", RateLimiter.take(limiter))
        const impatient = yield* spans("d", RateLimiter.take(limiter))
        yield* TestClock.adjust(5)
        yield* Fiber.interrupt(impatient)
        yield* spans("e", RateLimiter.reserve(limiter))
        assert.deepStrictEqual(named("api")[0]!.counts(), { available: 0.5, waiting: 2 })
        assert.deepStrictEqual(
          named("api")[0]!
            .parties()!
            .waiters.map(({ since, span }) => [span, since]),
          [
            ["c", 0],
            ["e", 5]
          ]
        )
        yield* TestClock.adjust(5)
        yield* spans("f", RateLimiter.take(limiter))
        yield* spans("g", RateLimiter.take(limiter))
        yield* TestClock.adjust(20)
        assert.deepStrictEqual(told(events), [
          "0: a acquires 2 of api",
          "0: c waits 1 of api",
          "0: d waits 1 of api",
          "5: d abandons 1 of api",
          "5: e waits 1 of api",
          "10: c acquires 1 of api",
          "10: f waits 1 of api",
          "10: e abandons 1 of api",
          "10: g waits 1 of api",
          "20: f acquires 1 of api",
          "30: g acquires 1 of api"
        ])
        assert.deepStrictEqual(named("api")[0]!.parties(), { name: "api", holders: [], waiters: [] })
      })
    )

    it.effect("limits by key tell for which key, and limits that are shared tell too", () =>
      Effect.gen(function* () {
        const events = yield* inspector
        const limit = RateLimit.tokenBucket({ limit: 1, interval: "10 millis" })
        const limits = yield* RateLimiter.keyed<unknown>({ limit: () => limit, name: "customers" })
        yield* RateLimiter.take(RateLimiter.forKey(limits, 1))
        yield* start(RateLimiter.take(RateLimiter.forKey(limits, 1)))
        yield* RateLimiter.take(RateLimiter.forKey(limits, "b"))
        assert.deepStrictEqual(named("customers")[0]!.counts(), { keys: 2, waiting: 1 })
        yield* TestClock.adjust(10)
        const shared = yield* RateLimiter.shared({ key: "k", limit, name: "everywhere" })
        assert.isTrue(yield* RateLimiter.takeIfAvailable(shared))
        assert.isFalse(yield* RateLimiter.takeIfAvailable(shared))
        yield* start(RateLimiter.take(shared))
        assert.deepStrictEqual(named("everywhere")[0]!.counts(), { waiting: 1 })
        yield* TestClock.adjust(10)
        assert.deepStrictEqual(
          events.map(({ party, subject, type }) => [subject.name, type, party.key]),
          [
            ["customers", "acquire", 1],
            ["customers", "wait", 1],
            ["customers", "acquire", "b"],
            ["customers", "acquire", 1],
            ["everywhere", "acquire", undefined],
            ["everywhere", "wait", undefined],
            ["everywhere", "acquire", undefined]
          ]
        )
      }).pipe(Effect.provide(layerStoreMemory))
    )

    it.effect("what began while nobody looked is counted, not named; what was seen before is still known", () =>
      Effect.gen(function* () {
        const sem = yield* make({ permits: 9, name: "db" })
        const holders = Effect.map(stats(sem), ({ holders }) => holders?.map(({ permits }) => permits))
        yield* start(withPermits(sem, 1, Effect.never))
        const seen = yield* Effect.scoped(
          Effect.andThen(
            inspector,
            Effect.all([withPermits(sem, 2, Effect.never), withPermits(sem, 3, Effect.never)].map(start))
          )
        )
        yield* Fiber.interrupt(seen[0]!)
        assert.isUndefined(yield* holders)
        const events = yield* inspector
        yield* take(sem, 4)
        assert.strictEqual((yield* stats(sem)).taken, 8)
        assert.deepStrictEqual(yield* holders, [3, 4])
        yield* Fiber.interrupt(seen[1]!)
        yield* release(sem, 4)
        assert.deepStrictEqual(
          events.map(({ party, type }) => [type, party.permits]),
          [
            ["acquire", 4],
            ["release", 3],
            ["release", 4]
          ]
        )
      })
    )

    it.effect("holders stand in the order in which they were served", () =>
      Effect.gen(function* () {
        yield* inspector
        const sem = yield* make({ permits: 3, name: "db" })
        yield* take(sem, 2)
        yield* start(withPermits(sem, 2, Effect.never))
        yield* start(withPermits(sem, 1, Effect.never, { priority: 1 }))
        yield* release(sem, 2)
        const { holders = [] } = yield* stats(sem)
        assert.deepStrictEqual(
          holders.map(({ permits }) => permits),
          [1, 2]
        )
      })
    )

    it.effect("a release is never taken for that of a guard", () =>
      Effect.gen(function* () {
        yield* inspector
        const sem = yield* make({ permits: 3, name: "db" })
        const body = Effect.gen(function* () {
          yield* take(sem, 1)
          yield* release(sem, 1)
          return (yield* stats(sem)).holders!.map(({ permits }) => permits)
        })
        assert.deepStrictEqual(yield* withPermits(sem, 2, body), [2])
      })
    )

    it.effect("several inspectors are told the same, each until it is detached", () =>
      Effect.gen(function* () {
        const first = yield* inspector
        const sem = yield* make({ permits: 3, name: "db" })
        yield* Effect.scoped(
          Effect.gen(function* () {
            const second = yield* inspector
            yield* take(sem, 1)
            assert.deepStrictEqual(second, first)
          })
        )
        yield* release(sem, 1)
        assert.lengthOf(first, 2)
      })
    )
  })

  describe("metrics", () => {
    it.effect("the counts of what has a name are gauges, read when they are asked for", () =>
      Effect.gen(function* () {
        const sem = yield* make({ permits: 3, name: "db" })
        yield* make({ permits: 7 })
        yield* Bulkhead.make({ concurrency: 2, maxWaiting: 9, name: "door" })
        yield* take(sem, 2)
        const values = (yield* Metric.snapshot).map(({ attributes, id, state }) => [id, attributes, state])
        assert.deepInclude(values, ["heddle_weighted_semaphore_taken", { name: "db" }, { value: 2 }])
        assert.deepInclude(values, ["heddle_weighted_semaphore_permits", { name: "db" }, { value: 3 }])
        assert.deepInclude(values, ["heddle_bulkhead_max_waiting", { name: "door" }, { value: 9 }])
        const limit = RateLimit.tokenBucket({ limit: 1, interval: "1 second", burst: 5 })
        const limiter = yield* RateLimiter.make({ limit, name: "api" })
        yield* RateLimiter.make({ limit })
        const limits = yield* RateLimiter.keyed<string>({ limit: () => limit, name: "tenants" })
        yield* RateLimiter.take(limiter, 2)
        yield* RateLimiter.take(RateLimiter.forKey(limits, "one"))
        const more = (yield* Metric.snapshot).map(({ attributes, id, state }) => [id, attributes, state])
        assert.lengthOf(more, 4 + 7 + 2 + 2)
        assert.deepInclude(more, ["heddle_rate_limiter_available", { name: "api" }, { value: 3 }])
        assert.deepInclude(more, ["heddle_rate_limiter_waiting", { name: "api" }, { value: 0 }])
        assert.deepInclude(more, ["heddle_keyed_rate_limiter_keys", { name: "tenants" }, { value: 1 }])
        assert.lengthOf(values, 4 + 7)
      }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
    )

    it("also of what is made outside of Effect", () => {
      const sem = makeUnsafe({ permits: 3, name: "made outside" })
      const own = Metric.snapshotUnsafe(Context.empty()).filter(
        ({ attributes }) => attributes?.["name"] === "made outside"
      )
      assert.lengthOf(own, 4)
      assert.isDefined(sem)
    })
  })

  describe("weakly", () => {
    it("what nobody uses any more is not listed, and its gauges are gone", async () => {
      setFlagsFromString("--expose-gc")
      const collectGarbage: () => void = runInNewContext("gc")
      const registry: Metric.MetricRegistry = new Map()
      const makeMany = Effect.forEach(Array.from({ length: 100 }), (_, index) =>
        make({ permits: 1, name: `short-lived ${index}` })
      )
      await Effect.runPromise(Effect.asVoid(Effect.provideService(makeMany, Metric.MetricRegistry, registry)))
      assert.strictEqual(registry.size, 400)
      for (let turn = 0; turn < 20 && registry.size > 0; turn++) {
        // oxlint-disable-next-line no-await-in-loop -- finalizers run between turns of the event loop
        await new Promise((resolve) => setImmediate(resolve))
        collectGarbage()
      }
      assert.lengthOf(
        subjects().filter(({ name }) => name.startsWith("short-lived")),
        0
      )
      assert.strictEqual(registry.size, 0)
    })
  })
})
