import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"

import * as Batcher from "../src/Batcher.ts"
import * as Deadline from "../src/Deadline.ts"
import { endOf, range } from "./support/pools.ts"

const { make, run, stats } = Batcher

/** Notes the batches, and gives each item back. */
const noting = (
  options: Partial<Batcher.Options<number, number, string, never, never, unknown>> & {
    readonly takes?: string
    readonly maxBytes?: number
    readonly bytes?: (n: number) => number
  } = {}
) =>
  Effect.gen(function* () {
    const { takes, ...rest } = options
    const batches: Array<ReadonlyArray<number>> = []
    const batcher = yield* make({
      maxSize: 3,
      maxWait: "10 millis",
      ...(rest as object),
      run: (items: ReadonlyArray<number>) =>
        Effect.suspend(() => {
          batches.push(items)
          const exits = items.map((n) => (n < 0 ? Exit.fail(`no ${n}`) : Exit.succeed(n)))
          return takes === undefined ? Effect.succeed(exits) : Effect.delay(Effect.succeed(exits), takes as "1 second")
        })
    })
    return { batches, batcher }
  })

const forkEach = <A, B, E>(items: ReadonlyArray<A>, f: (item: A) => Effect.Effect<B, E>) =>
  Effect.forEach(items, (item) => Effect.forkChild(f(item), { startImmediately: true }))

const ends = <A, E>(fibers: ReadonlyArray<Fiber.Fiber<A, E>>) =>
  Effect.forEach(fibers, (fiber) => Effect.map(Fiber.await(fiber), endOf))

const settle = Effect.replicateEffect(Effect.yieldNow, 10, { discard: true })

describe("when a batch begins", () => {
  it.effect("when it is full, and the rest when the wait of its first item is over", () =>
    Effect.gen(function* () {
      const { batcher, batches } = yield* noting()
      const fibers = yield* forkEach(range(0, 7), (n) => run(batcher, n))
      yield* settle
      assert.deepStrictEqual(batches, [
        [0, 1, 2],
        [3, 4, 5]
      ])
      assert.deepStrictEqual(yield* stats(batcher), { waiting: 1, due: 0, running: 0, batches: 2, items: 6 })
      yield* TestClock.adjust("9 millis")
      assert.lengthOf(batches, 2)
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* ends(fibers), range(0, 7))
      assert.deepStrictEqual(batches.at(-1), [6])
    })
  )

  it.effect("PL-07 the wait counts from the first item, so that a trickle is flushed", () =>
    Effect.gen(function* () {
      const { batcher, batches } = yield* noting({ maxSize: 100 })
      for (const n of range(0, 5)) {
        yield* forkEach([n], (n) => run(batcher, n))
        yield* TestClock.adjust("4 millis")
      }
      assert.deepStrictEqual(batches, [[0, 1, 2]])
      yield* TestClock.adjust("2 millis")
      assert.deepStrictEqual(batches, [
        [0, 1, 2],
        [3, 4]
      ])
    })
  )

  it.effect("a wait of zero takes whoever can run now, an endless one waits until it is full", () =>
    Effect.gen(function* () {
      const { batcher, batches } = yield* noting({ maxSize: 100, maxWait: 0 })
      const all = yield* Effect.forEach(range(0, 5), (n) => run(batcher, n), { concurrency: "unbounded" })
      assert.deepStrictEqual(all, range(0, 5))
      assert.deepStrictEqual(batches, [range(0, 5)])
      const endless = yield* noting({ maxSize: 2, maxWait: Infinity })
      const [first] = yield* forkEach([1], (n) => run(endless.batcher, n))
      yield* TestClock.adjust("1000 days")
      assert.isUndefined(first!.pollUnsafe())
      assert.strictEqual(yield* run(endless.batcher, 2), 2)
      assert.strictEqual(yield* Fiber.join(first!), 1)
    })
  )

  it.effect("with a size of one nothing is waited for", () =>
    Effect.gen(function* () {
      const { batcher, batches } = yield* noting({ maxSize: 1 })
      assert.strictEqual(yield* run(batcher, 1), 1)
      assert.deepStrictEqual(batches, [[1]])
    })
  )

  it.effect("bytes: an item that does not fit closes the batch, one that fills it does too", () =>
    Effect.gen(function* () {
      const { batcher, batches } = yield* noting({ maxSize: 100, maxBytes: 10, bytes: (n) => n })
      const fibers = yield* forkEach([4, 4, 5, 5, 10, 1, 0], (n) => run(batcher, n))
      yield* settle
      assert.deepStrictEqual(batches, [[4, 4], [5, 5], [10]])
      yield* TestClock.adjust("10 millis")
      assert.deepStrictEqual(batches.at(-1), [1, 0])
      yield* Fiber.joinAll(fibers)
    })
  )

  it.effect("an item that no batch can hold dies, and so does one whose size is no count", () =>
    Effect.gen(function* () {
      const { batcher, batches } = yield* noting({ maxBytes: 10, bytes: (n) => n, name: "bulk" })
      assert.strictEqual(
        endOf(yield* Effect.exit(run(batcher, 11))),
        'died: Batcher.run on "bulk": an item of 11 bytes fits no batch, the largest have 10'
      )
      assert.isTrue(Exit.hasDies(yield* Effect.exit(run(batcher, 0.5))))
      assert.deepStrictEqual([batches, (yield* stats(batcher)).waiting], [[], 0])
    })
  )

  it.effect("keys have batches of their own, and are the same when Equal says so", () =>
    Effect.gen(function* () {
      class Region extends Data.Class<{ readonly odd: boolean }> {}
      const seen: Array<readonly [ReadonlyArray<number>, boolean]> = []
      const batcher = yield* make({
        maxSize: 2,
        maxWait: "10 millis",
        key: (n: number) => new Region({ odd: n % 2 === 1 }),
        run: (items: ReadonlyArray<number>, key) =>
          Effect.sync(() => {
            seen.push([items, key.odd])
            return items.map((n) => Exit.succeed(n))
          })
      })
      yield* forkEach(range(0, 5), (n) => run(batcher, n))
      yield* TestClock.adjust("10 millis")
      assert.deepStrictEqual(seen, [
        [[0, 2], false],
        [[1, 3], true],
        [[4], false]
      ])
    })
  )

  it.effect("of so many at a time the others wait in order, and are filled meanwhile", () =>
    Effect.gen(function* () {
      const { batcher, batches } = yield* noting({ concurrency: 1, takes: "100 millis", key: (n) => n % 2 })
      const fibers = yield* forkEach([0, 2, 4, 1], (n) => run(batcher, n))
      yield* TestClock.adjust("10 millis")
      assert.deepInclude(yield* stats(batcher), { running: 1, due: 1, waiting: 1 })
      fibers.push(...(yield* forkEach([3, 6], (n) => run(batcher, n))))
      yield* TestClock.adjust("90 millis")
      assert.deepStrictEqual(batches, [
        [0, 2, 4],
        [1, 3]
      ])
      yield* TestClock.adjust("300 millis")
      assert.deepStrictEqual(yield* ends(fibers), [0, 2, 4, 1, 3, 6])
    })
  )
})

describe("results", () => {
  it.effect("each caller gets the exit of its own item", () =>
    Effect.gen(function* () {
      const { batcher } = yield* noting()
      const fibers = yield* forkEach([1, -2, 3], (n) => run(batcher, n))
      assert.deepStrictEqual(yield* ends(fibers), [1, "no -2", 3])
    })
  )

  it.effect("a failure, a defect and an interruption of the batch are everybody's", () =>
    Effect.gen(function* () {
      const outcomes = [Effect.fail("down"), Effect.die(new Error("bug")), Effect.interrupt]
      let batch = 0
      const batcher: Batcher.Batcher<number, number, string> = yield* make({
        maxSize: 2,
        maxWait: Infinity,
        run: (): Effect.Effect<ReadonlyArray<Exit.Exit<number>>, string> => outcomes[batch++]!
      })
      const fibers = yield* forkEach(range(0, 6), (n) => run(batcher, n))
      assert.deepStrictEqual(yield* ends(fibers), [
        "down",
        "down",
        "died: bug",
        "died: bug",
        "interrupted",
        "interrupted"
      ])
      assert.deepInclude(yield* stats(batcher), { running: 0, waiting: 0, batches: 3 })
    })
  )

  it.effect("anything but an exit for each item is a defect, for all or for that item, and so is a throw", () =>
    Effect.gen(function* () {
      const one = Exit.succeed(1)
      const given: ReadonlyArray<unknown> = [[one, one, one], [one], 42, [one, "two"], undefined]
      let batch = 0
      const batcher = yield* make({
        maxSize: 2,
        maxWait: Infinity,
        name: "bulk",
        run: (_items: ReadonlyArray<number>) => {
          const answer = given[batch++]
          if (answer === undefined) throw new Error("thrown")
          return Effect.succeed(answer as ReadonlyArray<Exit.Exit<number>>)
        }
      })
      const fibers = yield* forkEach(range(0, 10), (n) => run(batcher, n))
      const died = (what: string) => `died: Batcher.make on "bulk": run gave ${what}`
      const expected = [
        [died("3 exits for 2 items"), died("3 exits for 2 items")],
        [died("1 exits for 2 items"), died("1 exits for 2 items")],
        [died("42 for 2 items"), died("42 for 2 items")],
        [1, died('"two" for an item, not an exit')],
        ["died: thrown", "died: thrown"]
      ]
      assert.deepStrictEqual(yield* ends(fibers), expected.flat())
    })
  )

  it.effect("equal items of one batch are one with dedupe, and two without", () =>
    Effect.gen(function* () {
      for (const [dedupe, expected] of [
        [true, [1, 2, 3]],
        [(n: number) => n % 2, [1, 2]],
        [false, [1, 1, 2]]
      ] as const) {
        const { batcher, batches } = yield* noting({ dedupe })
        const fibers = yield* forkEach([1, 1, 2, 3], (n) => run(batcher, n))
        yield* TestClock.adjust("10 millis")
        assert.deepStrictEqual(batches[0], [...expected])
        const [first, second] = yield* ends(fibers)
        assert.deepStrictEqual([first, second], [1, 1])
      }
    })
  )

  it.effect("of two callers of one item one may leave, and it stays in the batch", () =>
    Effect.gen(function* () {
      const { batcher, batches } = yield* noting({ dedupe: true })
      const fibers = yield* forkEach([1, 1, 2], (n) => run(batcher, n))
      yield* Fiber.interrupt(fibers[0]!)
      yield* TestClock.adjust("10 millis")
      assert.deepStrictEqual(yield* ends(fibers), ["interrupted", 1, 2])
      assert.deepStrictEqual(batches, [[1, 2]])
    })
  )

  it.effect("ten thousand items, each once", () =>
    Effect.gen(function* () {
      const { batcher, batches } = yield* noting({ maxSize: 64 })
      const fibers = yield* forkEach(range(0, 10_000), (n) => run(batcher, n))
      yield* TestClock.adjust("10 millis")
      assert.deepStrictEqual(yield* ends(fibers), range(0, 10_000))
      assert.deepStrictEqual(batches.flat(), range(0, 10_000))
    })
  )
})

describe("interruption", () => {
  it.effect("a caller that leaves before its batch begins is left out of it", () =>
    Effect.gen(function* () {
      const { batcher, batches } = yield* noting()
      const fibers = yield* forkEach([1, 2], (n) => run(batcher, n))
      yield* Fiber.interrupt(fibers[0]!)
      assert.strictEqual((yield* stats(batcher)).waiting, 1)
      fibers.push(...(yield* forkEach([3, 4], (n) => run(batcher, n))))
      yield* settle
      assert.deepStrictEqual(batches, [[2, 3, 4]])
    })
  )

  it.effect("when all leave there is no batch, and the wait of the next one counts from its own first", () =>
    Effect.gen(function* () {
      const { batcher, batches } = yield* noting()
      yield* Fiber.interruptAll(yield* forkEach([1, 2], (n) => run(batcher, n)))
      yield* TestClock.adjust("5 millis")
      const fibers = yield* forkEach([3], (n) => run(batcher, n))
      yield* TestClock.adjust("9 millis")
      assert.deepStrictEqual(batches, [])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* ends(fibers), [3])
      assert.deepStrictEqual(batches, [[3]])
    })
  )

  it.effect("a batch that is due and waits is left likewise", () =>
    Effect.gen(function* () {
      const { batcher, batches } = yield* noting({ concurrency: 1, takes: "1 second" })
      yield* forkEach([1, 2, 3], (n) => run(batcher, n))
      const waiting = yield* forkEach([4, 5, 6], (n) => run(batcher, n))
      yield* settle
      assert.deepInclude(yield* stats(batcher), { due: 1, waiting: 3 })
      yield* Fiber.interruptAll(waiting)
      assert.deepInclude(yield* stats(batcher), { due: 0, waiting: 0 })
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(batches, [[1, 2, 3]])
    })
  )

  it.effect("all who leave a batch that is about to begin leave none behind", () =>
    Effect.gen(function* () {
      const { batcher, batches } = yield* noting({ concurrency: 1 })
      const fibers = yield* forkEach([1, 2, 3], (n) => run(batcher, n))
      // granted, and on the ready ring
      yield* Fiber.interruptAll(fibers)
      yield* settle
      assert.deepStrictEqual(batches, [])
      assert.deepStrictEqual(yield* stats(batcher), { waiting: 0, due: 0, running: 0, batches: 0, items: 0 })
    })
  )

  it.effect("one that leaves a running batch does not hurt the others; the last stops it, and waits for its end", () =>
    Effect.gen(function* () {
      let interrupted = 0
      const gate = yield* Deferred.make<void>()
      const batcher = yield* make({
        maxSize: 2,
        maxWait: Infinity,
        run: (items: ReadonlyArray<number>) =>
          Effect.as(
            Deferred.await(gate),
            items.map((n) => Exit.succeed(n))
          ).pipe(
            Effect.onInterrupt(() =>
              Effect.andThen(
                Effect.sleep("1 second"),
                Effect.sync(() => interrupted++)
              )
            )
          )
      })
      yield* TestClock.adjust(0)
      const [first, second] = yield* forkEach([1, 2], (n) => run(batcher, n))
      yield* settle
      yield* Fiber.interrupt(first!)
      assert.strictEqual(interrupted, 0)
      const leaving = yield* Effect.forkChild(Fiber.interrupt(second!))
      yield* TestClock.adjust("999 millis")
      assert.isUndefined(leaving.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(leaving)
      assert.strictEqual(interrupted, 1)
      assert.deepInclude(yield* stats(batcher), { running: 0 })
    })
  )
})

describe("where batches run", () => {
  const Tenant = Context.Reference<string>("test/BatchTenant", { defaultValue: () => "nobody" })

  it.effect("in the context of the batcher, with a scope of their own and no deadline", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const batcher = yield* make({
        maxSize: 1,
        maxWait: 0,
        run: (items: ReadonlyArray<number>) =>
          Effect.gen(function* () {
            const scope = yield* Effect.scope
            yield* Scope.addFinalizer(
              scope,
              Effect.sync(() => log.push("closed"))
            )
            log.push(yield* Effect.service(Tenant), (yield* Deadline.remaining)._tag)
            return items.map((n) => Exit.succeed(n))
          })
      }).pipe(Effect.provideService(Tenant, "batcher"))
      yield* run(batcher, 1).pipe(Effect.provideService(Tenant, "caller"), Deadline.within("1 second"))
      assert.deepStrictEqual(log, ["batcher", "None", "closed"])
    })
  )

  it.effect("one that asks its own batcher does not wait for itself", () =>
    Effect.gen(function* () {
      let batcher: Batcher.Batcher<number, number> | undefined
      const made = yield* make({
        maxSize: 1,
        maxWait: 0,
        concurrency: 1,
        run: (items: ReadonlyArray<number>) =>
          Effect.forEach(items, (n): Effect.Effect<Exit.Exit<number>> =>
            n === 0 ? Effect.succeed(Exit.succeed(0)) : Effect.exit(run(batcher!, n - 1))
          )
      })
      batcher = made
      assert.strictEqual(yield* run(batcher, 5), 0)
    })
  )

  it.effect("options out of their ranges die", () =>
    Effect.gen(function* () {
      const over = [
        { maxSize: 0 },
        { maxSize: 1.5 },
        { maxWait: NaN },
        { concurrency: 0 },
        { maxBytes: -1, bytes: () => 0 },
        { maxBytes: 5 }
      ]
      for (const options of over) {
        assert.isTrue(
          Exit.hasDies(yield* Effect.exit(noting(options as { readonly maxSize: number }))),
          JSON.stringify(options)
        )
      }
    })
  )
})
