import { assert, describe, it } from "@effect/vitest"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"

import * as KeyedSemaphore from "../src/KeyedSemaphore.ts"
import { deathMessage, settle, start } from "./support/fibers.ts"

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
  withPermit,
  withPermits,
  withPermitsIfAvailable
} = KeyedSemaphore

type Tenants = KeyedSemaphore.KeyedSemaphore<string>

/** Takes when it is its turn, writes its name down, and holds. */
const holder = (sem: Tenants, key: string, permits: number, log: Array<string>, name = key) =>
  start(
    Effect.andThen(
      take(sem, key, permits),
      Effect.sync(() => log.push(name))
    )
  )

describe("inside a key", () => {
  it.effect("first come, first served, and a heavy head blocks light ones behind it, but no other key", () =>
    Effect.gen(function* () {
      const sem = yield* make<string>({ permitsPerKey: 2 })
      const log: Array<string> = []
      yield* take(sem, "a", 1)
      yield* holder(sem, "a", 2, log, "a heavy")
      yield* holder(sem, "a", 1, log, "a light")
      assert.isFalse(yield* takeIfAvailable(sem, "a", 1))
      yield* holder(sem, "b", 2, log)
      assert.deepStrictEqual(log, ["b"])
      yield* release(sem, "a", 1)
      yield* settle
      assert.deepStrictEqual(log, ["b", "a heavy"])
      yield* release(sem, "a", 2)
      yield* settle
      assert.deepStrictEqual(log, ["b", "a heavy", "a light"])
    })
  )

  it.effect("each key has its own budget, also by a function of the key", () =>
    Effect.gen(function* () {
      const sem = yield* make<string>({ permitsPerKey: (key) => key.length })
      assert.isTrue(yield* takeIfAvailable(sem, "abc", 3))
      assert.isFalse(yield* takeIfAvailable(sem, "abc", 1))
      assert.isTrue(yield* takeIfAvailable(sem, "ab", 2))
      const { available, permits } = yield* stats(sem, "abcde")
      assert.deepStrictEqual({ available, permits }, { available: 5, permits: 5 })
    })
  )

  it.effect("a waiter that is interrupted lets those behind it move up", () =>
    Effect.gen(function* () {
      const sem = yield* make<string>({ permitsPerKey: 2 })
      const log: Array<string> = []
      yield* take(sem, "a", 1)
      const heavy = yield* holder(sem, "a", 2, log)
      yield* holder(sem, "a", 1, log, "light")
      yield* Fiber.interrupt(heavy)
      yield* settle
      assert.deepStrictEqual(log, ["light"])
      assert.deepStrictEqual(yield* stats(sem, "a"), { permits: 2, taken: 2, available: 0, waiting: 0, paused: false })
    })
  )

  it.effect("zero permits wait for their turn and take nothing", () =>
    Effect.gen(function* () {
      const sem = yield* make<string>({ permitsPerKey: 1 })
      const log: Array<string> = []
      yield* take(sem, "a", 0)
      yield* take(sem, "a", 1)
      yield* holder(sem, "a", 1, log, "one")
      yield* holder(sem, "a", 0, log, "none")
      yield* settle
      assert.deepStrictEqual(log, [])
      yield* release(sem, "a", 1)
      yield* settle
      assert.deepStrictEqual(log, ["one", "none"])
    })
  )
})

describe("under a total", () => {
  it.effect("keys take turns, so a busy one cannot starve a quiet one", () =>
    Effect.gen(function* () {
      const sem = yield* make<string>({ permitsPerKey: 10, total: 1 })
      const log: Array<string> = []
      yield* take(sem, "other", 1)
      for (let index = 0; index < 5; index++) yield* holder(sem, "busy", 1, log)
      yield* holder(sem, "quiet", 1, log)
      for (let served = 0; served < 6; served++) {
        yield* release(sem, log.at(-1) ?? "other", 1)
        yield* settle
      }
      assert.deepStrictEqual(log, ["busy", "quiet", "busy", "busy", "busy", "busy"])
    })
  )

  it.effect("in permits: one of many small requests and one of few large ones are served alike", () =>
    Effect.gen(function* () {
      const sem = yield* make<string>({ permitsPerKey: 100, total: 4 })
      const log: Array<string> = []
      const visit = (key: string, permits: number) =>
        start(
          withPermits(
            sem,
            key,
            permits,
            Effect.sync(() => log.push(key))
          )
        )
      yield* take(sem, "other", 4)
      for (let index = 0; index < 12; index++) yield* visit("light", 1)
      for (let index = 0; index < 3; index++) yield* visit("heavy", 4)
      yield* release(sem, "other", 4)
      yield* Effect.repeat(Effect.yieldNow, { until: () => log.length === 15 })
      const turns = log.join(" ").replaceAll("light light light light", "4 light")
      assert.oneOf(turns, [
        "4 light heavy 4 light heavy 4 light heavy",
        "light heavy 4 light heavy 4 light heavy light light light"
      ])
    })
  )

  it.effect("the key whose turn it is holds up the others until its head fits, so light ones cannot starve it", () =>
    Effect.gen(function* () {
      const sem = yield* make<string>({ permitsPerKey: 4, total: 4 })
      yield* take(sem, "light", 2)
      const heavy = yield* start(withPermits(sem, "heavy", 4, Effect.void))
      let passed = 0
      for (let index = 0; index < 20; index++) {
        assert.isFalse(yield* takeIfAvailable(sem, `light ${index}`, 1))
        yield* start(
          withPermit(
            sem,
            `light ${index}`,
            Effect.sync(() => passed++)
          )
        )
      }
      yield* settle
      assert.strictEqual(passed, 0)
      yield* release(sem, "light", 2)
      yield* Fiber.join(heavy)
      yield* settle
      assert.strictEqual(passed, 20)
    })
  )

  it.effect("a key whose own budget is used up holds up nobody", () =>
    Effect.gen(function* () {
      const sem = yield* make<string>({ permitsPerKey: 1, total: 3 })
      const log: Array<string> = []
      yield* take(sem, "a", 1)
      for (let index = 0; index < 100; index++) yield* holder(sem, "a", 1, log)
      yield* holder(sem, "b", 1, log)
      yield* holder(sem, "c", 1, log)
      assert.deepStrictEqual(log, ["b", "c"])
    })
  )

  it.effect("a heavy head that is interrupted, or whose key is paused, lets the others go on", () =>
    Effect.gen(function* () {
      const sem = yield* make<string>({ permitsPerKey: 4, total: 4 })
      const log: Array<string> = []
      yield* take(sem, "held", 1)
      const heavy = yield* start(take(sem, "a", 4))
      yield* start(take(sem, "b", 4))
      yield* holder(sem, "c", 1, log)
      yield* Fiber.interrupt(heavy)
      assert.deepStrictEqual(log, [])
      yield* pause(sem, "b")
      yield* settle
      assert.deepStrictEqual(log, ["c"])
    })
  )

  it.effect("equal clients get equal shares in permits, whatever the sizes of their requests", () =>
    Effect.gen(function* () {
      const sem = yield* make<string>({ permitsPerKey: 16, total: 16 })
      const sizes = [1, 1, 2, 3, 5, 8, 4, 7]
      const received = sizes.map(() => 0)
      yield* Effect.forEach(sizes, (permits, client) =>
        Effect.replicateEffect(
          start(
            Effect.forever(
              withPermits(
                sem,
                `client ${client}`,
                permits,
                Effect.suspend(() => {
                  received[client]! += permits
                  return Effect.sleep("1 milli")
                })
              )
            )
          ),
          16
        )
      )
      yield* TestClock.adjust("1 second")
      const sum = (values: ReadonlyArray<number>) => values.reduce((total, value) => total + value, 0)
      const jain = sum(received) ** 2 / (received.length * sum(received.map((share) => share ** 2)))
      assert.isAtLeast(jain, 0.99)
      assert.isAbove(sum(received), 10_000)
    })
  )
})

describe("idle keys", () => {
  /** White box: how many keys the semaphore remembers, and what it keeps to use again. */
  const remembered = (sem: object): { readonly keys: number; readonly kept: number } => {
    const accounts: { readonly size: number } = Reflect.get(sem, "accounts")
    const requests: ReadonlyArray<object> = Reflect.get(sem, "idleRequests")
    for (const request of requests) {
      for (const field of ["key", "account"]) assert.isUndefined(Reflect.get(request, field))
    }
    return { keys: accounts.size, kept: requests.length }
  }

  it.effect("a million keys, used once each, leave nothing behind", () =>
    Effect.gen(function* () {
      const sem = yield* make<number>({ permitsPerKey: 1, total: 10 })
      let key = 0
      let most = 0
      const look = Effect.sync(() => {
        most = Math.max(most, remembered(sem).keys)
      })
      yield* Effect.whileLoop({
        while: () => key++ < 1_000_000,
        body: () => withPermit(sem, key, key % 1_000 === 0 ? look : Effect.void),
        step: () => undefined
      })
      assert.strictEqual(most, 1)
      assert.deepStrictEqual(yield* stats(sem), { keys: 0, total: 10, taken: 0, available: 10, waiting: 0 })
      assert.isAtLeast(remembered(sem).kept, 1)
      assert.isAtMost(remembered(sem).kept, 1_024)
    })
  )

  it.effect("nor do those that were used in any other way", () =>
    Effect.gen(function* () {
      const sem = yield* make<number>({ permitsPerKey: 1, total: 10 })
      for (let key = 0; key < 1_000; key++) {
        yield* withPermitsIfAvailable(sem, key, 1, Effect.void)
        yield* take(sem, key, 1)
        const refused = yield* takeIfAvailable(sem, key, 1)
        const waiter = yield* start(withPermit(sem, key, Effect.void))
        yield* release(sem, key, 1)
        yield* Fiber.join(waiter)
        yield* Effect.scoped(takeScoped(sem, key, 1))
        yield* takeIfAvailable(sem, key, 0)
        assert.isFalse(refused)
        assert.strictEqual(remembered(sem).keys, 0)
      }
    })
  )

  it.effect("a key is remembered while it is held, waited for or paused, and no longer", () =>
    Effect.gen(function* () {
      const sem = yield* make<string>({ permitsPerKey: 2 })
      const keys = Effect.map(stats(sem), ({ keys }) => keys)
      yield* take(sem, "held", 1)
      const waiter = yield* start(Effect.andThen(pause(sem, "paused"), take(sem, "paused", 1)))
      assert.strictEqual(yield* keys, 2)
      yield* release(sem, "held", 1)
      assert.strictEqual(yield* keys, 1)
      yield* Fiber.interrupt(waiter)
      assert.strictEqual(yield* keys, 1)
      yield* resume(sem, "paused")
      assert.strictEqual(yield* keys, 0)
      yield* withPermits(
        sem,
        "nothing",
        0,
        Effect.map(keys, (count) => assert.strictEqual(count, 1))
      )
      assert.strictEqual(yield* keys, 0)
      // looking, releasing nothing and resuming what is not paused begin nothing
      yield* stats(sem, "other")
      yield* release(sem, "other", 0)
      yield* resume(sem, "other")
      assert.strictEqual(yield* keys, 0)
    })
  )

  it.effect(
    "regression: a loose hold of nothing, undone after its key was used again, takes that key away from nobody",
    () =>
      Effect.gen(function* () {
        const sem = yield* make<string>({ permitsPerKey: 2 })
        yield* pause(sem, "a")
        const nothing = yield* start(take(sem, "a", 0))
        yield* resume(sem, "a")
        // served, and not yet resumed
        yield* take(sem, "a", 2)
        yield* Fiber.interrupt(nothing)
        assert.strictEqual((yield* stats(sem, "a")).taken, 2)
        assert.isFalse(yield* takeIfAvailable(sem, "a", 1))
      })
  )
})

describe("keys", () => {
  it.effect("are the same when Effect's Equal says so", () =>
    Effect.gen(function* () {
      class Host extends Data.Class<{ readonly name: string; readonly port: number }> {}
      const sem = yield* make<unknown>({ permitsPerKey: 1 })
      const pairs: ReadonlyArray<readonly [unknown, unknown]> = [
        [new Host({ name: "a", port: 1 }), new Host({ name: "a", port: 1 })],
        [{ tenant: 1 }, { tenant: 1 }],
        [
          ["eu", 7],
          ["eu", 7]
        ],
        ["a", "a"],
        [1, 1],
        [Number.NaN, Number.NaN],
        [0, -0],
        [null, null],
        [undefined, undefined],
        [Option.some(1), Option.some(1)]
      ]
      for (const [first, second] of pairs) {
        assert.isTrue(yield* takeIfAvailable(sem, first, 1))
        assert.isFalse(yield* takeIfAvailable(sem, second, 1))
      }
      for (const other of [new Host({ name: "a", port: 2 }), { tenant: 2 }, ["us", 7], "b", 2, "1", Option.none()]) {
        assert.isTrue(yield* takeIfAvailable(sem, other, 1))
      }
      for (const [, second] of pairs) yield* release(sem, second, 1)
      assert.strictEqual((yield* stats(sem)).keys, 7)
      // `undefined` is a key like any other
      assert.strictEqual((yield* stats(sem, undefined)).taken, 0)
    })
  )
})

describe("pause and resume", () => {
  it.effect("serves nobody under the key meanwhile, and those who waited first, in order", () =>
    Effect.gen(function* () {
      const sem = yield* make<string>({ permitsPerKey: 2, total: 5 })
      const log: Array<string> = []
      yield* take(sem, "a", 1)
      yield* pause(sem, "a")
      yield* pause(sem, "a")
      for (const name of ["1", "2", "3"]) yield* holder(sem, "a", 1, log, name)
      assert.isFalse(yield* takeIfAvailable(sem, "a", 1))
      assert.isFalse(yield* takeIfAvailable(sem, "a", 0))
      yield* holder(sem, "b", 2, log)
      yield* release(sem, "a", 1)
      yield* settle
      assert.deepStrictEqual(log, ["b"])
      assert.deepStrictEqual(yield* stats(sem, "a"), { permits: 2, taken: 0, available: 2, waiting: 3, paused: true })
      yield* resume(sem, "a")
      yield* settle
      assert.deepStrictEqual(log, ["b", "1", "2"])
      assert.isFalse((yield* stats(sem, "a")).paused)
    })
  )
})

describe("S25: what is undone before those served have resumed", () => {
  it.effect("a pause right after a resume serves those who waited before it, and nobody who comes after", () =>
    Effect.gen(function* () {
      const sem = yield* make<string>({ permitsPerKey: 5 })
      const log: Array<string> = []
      yield* pause(sem, "a")
      yield* holder(sem, "a", 1, log, "before")
      yield* Effect.andThen(resume(sem, "a"), pause(sem, "a"))
      yield* holder(sem, "a", 1, log, "after")
      yield* settle
      assert.deepStrictEqual(log, ["before"])
      yield* resume(sem, "a")
      yield* settle
      assert.deepStrictEqual(log, ["before", "after"])
    })
  )
})

describe("resize", () => {
  it.effect("of the total: a shrink revokes nothing, a growth serves", () =>
    Effect.gen(function* () {
      const sem = yield* make<string>({ permitsPerKey: 3, total: 4 })
      const log: Array<string> = []
      yield* take(sem, "a", 3)
      yield* resize(sem, { total: 2 })
      assert.deepStrictEqual(yield* stats(sem), { keys: 1, total: 2, taken: 3, available: 0, waiting: 0 })
      yield* holder(sem, "b", 3, log)
      yield* holder(sem, "c", 1, log)
      yield* release(sem, "a", 2)
      yield* settle
      // b's is too large for the moment, and holds up nobody
      assert.deepStrictEqual(log, ["c"])
      yield* resize(sem, { total: 5 })
      yield* settle
      assert.deepStrictEqual(log, ["c", "b"])
      // and what has become possible is
      yield* resize(sem, { total: 9, permitsPerKey: 9 })
      yield* start(take(sem, "d", 9))
      assert.strictEqual((yield* stats(sem, "d")).waiting, 1)
    })
  )

  it.effect("of the budget per key: of keys in use and of those to come; larger requests stand aside, in order", () =>
    Effect.gen(function* () {
      const sem = yield* make<string>({ permitsPerKey: 3 })
      const log: Array<string> = []
      yield* take(sem, "a", 3)
      yield* resize(sem, { permitsPerKey: 1 })
      yield* holder(sem, "a", 2, log, "two")
      yield* holder(sem, "a", 1, log, "one")
      yield* holder(sem, "a", 3, log, "three")
      yield* release(sem, "a", 3)
      yield* settle
      assert.deepStrictEqual(log, ["one"])
      assert.strictEqual((yield* stats(sem, "a")).waiting, 2)
      assert.isFalse(yield* takeIfAvailable(sem, "b", 1).pipe(Effect.andThen(takeIfAvailable(sem, "b", 1))))
      yield* resize(sem, { permitsPerKey: () => 6 })
      yield* settle
      assert.deepStrictEqual(log, ["one", "two", "three"])
    })
  )

  it.effect("regression: all or nothing: limits that break a rule, or a function that throws, change none of it", () =>
    Effect.gen(function* () {
      const sem = yield* make<string>({ permitsPerKey: 2, total: 5 })
      yield* take(sem, "a", 1)
      yield* take(sem, "b", 1)
      const before = [yield* stats(sem), yield* stats(sem, "a"), yield* stats(sem, "b"), yield* stats(sem, "c")]
      const throwing = (key: string) => {
        if (key === "b") throw new Error("no such plan")
        return 7
      }
      for (const permitsPerKey of [Number.NaN, () => -1, throwing]) {
        assert.isTrue(Exit.hasDies(yield* Effect.exit(resize(sem, { total: 3, permitsPerKey }))))
        const after = [yield* stats(sem), yield* stats(sem, "a"), yield* stats(sem, "b"), yield* stats(sem, "c")]
        assert.deepStrictEqual(after, before)
      }
    })
  )

  it.effect("of -0 is of 0", () =>
    Effect.gen(function* () {
      const sem = yield* make<string>({ permitsPerKey: -0, total: -0 })
      for (const limits of [{ permitsPerKey: -0, total: -0 }, { permitsPerKey: () => -0 }]) {
        const { total } = yield* stats(sem)
        const { available, permits } = yield* stats(sem, "a")
        for (const count of [available, permits, total]) assert.isTrue(Object.is(count, 0))
        yield* resize(sem, limits)
      }
      assert.isTrue(Object.is((yield* stats(sem)).total, 0))
      assert.isTrue(Object.is((yield* stats(sem, "a")).permits, 0))
    })
  )

  it.effect("to 0 pauses everybody", () =>
    Effect.gen(function* () {
      const sem = yield* make<string>({ permitsPerKey: 1 })
      yield* resize(sem, { total: 0 })
      const waiter = yield* start(take(sem, "a", 1))
      assert.isUndefined(waiter.pollUnsafe())
      yield* resize(sem, { total: 1 })
      yield* Fiber.join(waiter)
    })
  )
})

describe("giving back", () => {
  it.effect("however the effect ends, in every form", () =>
    Effect.gen(function* () {
      const sem = yield* make<string>({ permitsPerKey: 2, total: 2 })
      assert.strictEqual(yield* Effect.succeed(1).pipe(withPermits(sem, "a", 2)), 1)
      assert.strictEqual(yield* Effect.flip(withPermit(sem, "a", Effect.fail("no"))), "no")
      assert.include(deathMessage(yield* Effect.exit(Effect.die("dead").pipe(withPermit(sem, "a")))), "dead")
      assert.deepStrictEqual(yield* withPermitsIfAvailable(sem, "a", 2)(Effect.succeed(1)), Option.some(1))
      const full = withPermitsIfAvailable(sem, "a", 1, Effect.void)
      assert.deepStrictEqual(yield* withPermits(sem, "b", 2, full), Option.none())
      const scope = yield* Scope.make()
      yield* Scope.provide(takeScoped(sem, "a", 2), scope)
      assert.strictEqual((yield* stats(sem)).taken, 2)
      yield* Scope.close(scope, Exit.void)
      yield* sem.pipe(take("a", 1))
      assert.isTrue(yield* sem.pipe(takeIfAvailable("a", 1)))
      yield* sem.pipe(release("a", 2))
      yield* Effect.scoped(sem.pipe(takeScoped("a", 1)))
      yield* sem.pipe(pause("a"))
      yield* sem.pipe(resume("a"))
      yield* sem.pipe(resize({ total: 3 }))
      assert.deepStrictEqual(yield* stats(sem), { keys: 0, total: 3, taken: 0, available: 3, waiting: 0 })
    })
  )

  it.effect("without limits, holds never add up to more than can be counted", () =>
    Effect.gen(function* () {
      const sem = yield* make<string>({ permitsPerKey: Infinity })
      yield* take(sem, "a", Number.MAX_SAFE_INTEGER)
      assert.isFalse(yield* takeIfAvailable(sem, "b", 1))
      const waiter = yield* start(take(sem, "b", 1))
      yield* release(sem, "a", Number.MAX_SAFE_INTEGER)
      yield* Fiber.join(waiter)
    })
  )

  it.effect("a chain of 20,000 waiters on one key, each handing over to the next", () =>
    Effect.gen(function* () {
      const sem = yield* make<string>({ permitsPerKey: 1, total: 1 })
      yield* take(sem, "a", 1)
      let bodies = 0
      const body = withPermit(
        sem,
        "a",
        Effect.sync(() => bodies++)
      )
      const fibers = yield* Effect.forEach(Array.from({ length: 20_000 }), () => start(body))
      yield* release(sem, "a", 1)
      yield* Fiber.joinAll(fibers)
      assert.strictEqual(bodies, 20_000)
    })
  )
})

describe("caller bugs die with the key, the value and the rule", () => {
  it("options", () => {
    const message = (options: unknown) =>
      deathMessage(Effect.runSyncExit(make(options as KeyedSemaphore.Options<string>)))
    assert.include(
      message({ permitsPerKey: -1 }),
      "KeyedSemaphore.make: permitsPerKey must be a non-negative integer or Infinity, got -1"
    )
    assert.include(
      message({ permitsPerKey: 1, total: 0.5 }),
      "total must be a non-negative integer or Infinity, got 0.5"
    )
    assert.include(message({ permitsPerKey: "2", name: "db" }), 'KeyedSemaphore.make on "db"')
    const sem = makeUnsafe<string>({ permitsPerKey: () => -3 })
    assert.include(
      deathMessage(Effect.runSyncExit(take(sem, "a", 1))),
      'KeyedSemaphore.permitsPerKey: the budget of key "a" must be a non-negative integer or Infinity, got -3'
    )
    assert.include(deathMessage(Effect.runSyncExit(resize(sem, { total: -1 }))), "KeyedSemaphore.resize: total")
    assert.include(deathMessage(Effect.runSyncExit(resize(sem, { permitsPerKey: 0.1 }))), "permitsPerKey must be")
  })

  it.effect("a budget that cannot be told, whenever it is asked for, leaves nothing behind", () =>
    Effect.gen(function* () {
      for (const answers of [0, 1, 2, 3]) {
        let asked = 0
        const sem = makeUnsafe<string>({
          permitsPerKey: (key) => {
            if (key === "unknown" && ++asked > answers) throw new Error("unknown tenant")
            return 1
          },
          total: 1
        })
        const operations = [
          withPermit(sem, "unknown", Effect.void),
          Effect.andThen(take(sem, "unknown", 1), release(sem, "unknown", 1)),
          Effect.scoped(takeScoped(sem, "unknown", 1))
        ]
        for (const operation of operations) {
          asked = 0
          yield* Effect.exit(operation)
          yield* take(sem, "known", 1)
          asked = 0
          const waiting = yield* start(operation)
          yield* release(sem, "known", 1)
          yield* Fiber.await(waiting)
          assert.deepStrictEqual(yield* stats(sem), { keys: 0, total: 1, taken: 0, available: 1, waiting: 0 })
        }
      }
    })
  )

  it("requests that are no count, or can never be met", () => {
    const sem = makeUnsafe<string>({ permitsPerKey: 3, total: 2, name: "tenants" })
    const operations: Record<string, (self: Tenants, key: string, permits: number) => Effect.Effect<unknown>> = {
      take: (self, key, permits) => take(self, key, permits),
      takeIfAvailable: (self, key, permits) => takeIfAvailable(self, key, permits),
      takeScoped: (self, key, permits) => Effect.scoped(takeScoped(self, key, permits)),
      withPermits: (self, key, permits) => withPermits(self, key, permits, Effect.void),
      withPermitsIfAvailable: (self, key, permits) => withPermitsIfAvailable(self, key, permits, Effect.void)
    }
    for (const [name, operation] of Object.entries(operations)) {
      const message = (permits: number) => deathMessage(Effect.runSyncExit(operation(sem, "a", permits)))
      const label = `KeyedSemaphore.${name} on "tenants"`
      for (const permits of [-1, 1.5, Number.NaN, Infinity]) {
        assert.include(message(permits), `${label}: permits must be a non-negative integer, got ${permits}`)
      }
      assert.include(
        message(4),
        `${label}: a request for 4 permits can never be met, the largest budget of key "a" is 3`
      )
      assert.include(message(3), `${label}: a request for 3 permits can never be met, the largest total ever set is 2`)
    }
    assert.strictEqual(Effect.runSync(stats(sem)).keys, 0)
  })

  it.effect("releases of more than was taken under the key, also when guards hold permits", () =>
    Effect.gen(function* () {
      const sem = yield* make<string>({ permitsPerKey: 2 })
      yield* take(sem, "b", 2)
      const message = deathMessage(yield* Effect.exit(withPermit(sem, "a", release(sem, "a", 1))))
      assert.include(message, 'KeyedSemaphore.release: cannot release 1 permits of key "a", only 0 are held by take')
      assert.include(deathMessage(yield* Effect.exit(release(sem, "b", 3))), "only 2 are held")
      assert.include(deathMessage(yield* Effect.exit(release(sem, "b", -1))), "must be a non-negative integer")
      assert.deepStrictEqual(yield* stats(sem, "b"), { permits: 2, taken: 2, available: 0, waiting: 0, paused: false })
    })
  )
})

describe("seen from outside", () => {
  it("prints its name and its state", () => {
    const sem = makeUnsafe<string>({ permitsPerKey: 2, total: 3, name: "tenants" })
    Effect.runSync(take(sem, "a", 1))
    assert.deepStrictEqual(JSON.parse(JSON.stringify(sem)), {
      _id: "KeyedSemaphore",
      name: "tenants",
      keys: 1,
      total: 3,
      taken: 1,
      available: 2,
      waiting: 0
    })
  })
})
