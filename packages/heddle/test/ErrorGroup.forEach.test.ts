import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"

import * as ErrorGroup from "../src/ErrorGroup.ts"
import { ended, endedAt } from "./support/ended.ts"
import { naturals, reasonsOf, start } from "./support/group.ts"

const { collectAll, firstSuccess, forEach, quorum } = ErrorGroup

/** An iterable that counts what is asked of it. */
const counting = <A>(elements: Iterable<A>, throwAt = Infinity) => {
  const seen = { next: 0, closed: 0 }
  const source: Iterable<A> = {
    [Symbol.iterator]: () => {
      const iterator = elements[Symbol.iterator]()
      return {
        next: () => {
          if (seen.next++ === throwAt) throw new Error("source")
          return iterator.next()
        },
        return: () => {
          seen.closed++
          return { done: true, value: undefined }
        }
      }
    }
  }
  return { seen, source }
}

const later = <A>(elements: Iterable<A>): AsyncIterable<A> => Stream.toAsyncIterable(Stream.fromIterable(elements))

const isolations = ["fiber", "none"] as const

describe.each(isolations)("forEach, isolation %s", (isolation) => {
  const each = <A, B, E, R>(
    source: Iterable<A> | AsyncIterable<A> | Stream.Stream<A, E, R>,
    f: (element: A, index: number) => Effect.Effect<B, E, R>,
    concurrency: number
  ) => forEach(source, f, { concurrency, isolation, collect: true })

  it.effect("gives the results in the order of the elements, from every kind of source", () =>
    Effect.gen(function* () {
      const double = (n: number) => Effect.delay(Effect.succeed(n * 2), 10 - n)
      const elements = [0, 1, 2, 3, 4, 5]
      const doubled = [0, 2, 4, 6, 8, 10]
      for (const source of [elements, new Set(elements), Stream.fromIterable(elements), Stream.fromArray(elements)]) {
        assert.deepStrictEqual(yield* ended(each(source, double, 3)), Exit.succeed(doubled))
      }
      assert.deepStrictEqual(yield* each(later(elements), (n) => Effect.succeed(n * 2), 3), doubled)
      const finished = yield* each(elements, (n) => Effect.succeed(n * 2), 3)
      assert.deepStrictEqual(finished, doubled)
      const indexes = yield* each(["a", "b"], (_, index) => Effect.succeed(index), 1)
      assert.deepStrictEqual(indexes, [0, 1])
    })
  )

  it.effect("nothing of nothing", () =>
    Effect.gen(function* () {
      for (const source of [[], new Set<number>(), Stream.empty]) {
        assert.deepStrictEqual(yield* each(source as Iterable<number>, Effect.succeed, 3), [])
      }
      assert.deepStrictEqual(yield* each(later<number>([]), Effect.succeed, 3), [])
    })
  )

  it.effect("P1: as many at a time as it may, no more", () =>
    Effect.gen(function* () {
      const work = [
        [10, 300],
        [20, 200],
        [30, 100]
      ] as const
      const run = (concurrency: number) =>
        endedAt(each(work, ([value, millis]) => Effect.delay(Effect.succeed(value), millis), concurrency))
      assert.deepStrictEqual(yield* run(Infinity), { exit: Exit.succeed([10, 20, 30]), millis: 300 })
      assert.deepStrictEqual(yield* run(1), { exit: Exit.succeed([10, 20, 30]), millis: 600 })
      for (const limit of [1, 3, 10]) {
        const running = { now: 0, most: 0 }
        const body = () =>
          Effect.suspend(() => {
            running.most = Math.max(running.most, ++running.now)
            return Effect.delay(
              Effect.sync(() => running.now--),
              1
            )
          })
        yield* ended(each(Array.from({ length: 50 }), body, limit))
        assert.deepStrictEqual(running, { now: 0, most: limit })
      }
    })
  )

  it.effect("pulls lazily: never more elements than may run, and closes what it does not use up", () =>
    Effect.gen(function* () {
      const { seen, source } = counting(naturals())
      const fiber = yield* start(each(source, () => Effect.sleep(10), 4))
      assert.deepStrictEqual(seen, { next: 4, closed: 0 })
      yield* TestClock.adjust(10)
      assert.deepStrictEqual(seen, { next: 8, closed: 0 })
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(seen, { next: 8, closed: 1 })
    })
  )

  it.effect("a source that is used up is not closed", () =>
    Effect.gen(function* () {
      const { seen, source } = counting([1, 2, 3])
      yield* each(source, Effect.succeed, 2)
      assert.deepStrictEqual(seen, { next: 4, closed: 0 })
    })
  )

  it.effect("G4: the first failure interrupts the others and closes the source when they have ended", () =>
    Effect.gen(function* () {
      const { seen, source } = counting(naturals())
      const order: Array<string> = []
      const body = (n: number) =>
        n === 3
          ? Effect.delay(Effect.fail("three"), 5)
          : Effect.onInterrupt(Effect.never, () =>
              Effect.delay(
                Effect.sync(() => order.push(`${n} stopped, closed: ${seen.closed}`)),
                10
              )
            )
      const { exit, millis } = yield* endedAt(each(source, body, 4))
      assert.deepStrictEqual(exit, Exit.fail("three"))
      assert.strictEqual(millis, 15)
      assert.deepStrictEqual(order.toSorted(), ["0 stopped, closed: 0", "1 stopped, closed: 0", "2 stopped, closed: 0"])
      assert.deepStrictEqual(seen, { next: 4, closed: 1 })
    })
  )

  it.effect("G5: collectAll runs all and fails with all failures in the order of the elements", () =>
    Effect.gen(function* () {
      const ran: Array<number> = []
      const body = (n: number) =>
        Effect.suspend(() => {
          ran.push(n)
          return n % 3 === 0 ? Effect.delay(Effect.fail(n), 20 - n) : n % 3 === 1 ? Effect.fail(n) : Effect.succeed(n)
        })
      const program = forEach([0, 1, 2, 3, 4, 5, 6], body, { concurrency: 3, isolation, policy: collectAll() })
      assert.deepStrictEqual(reasonsOf(yield* ended(program)), [0, 1, 3, 4, 6])
      assert.deepStrictEqual(ran, [0, 1, 2, 3, 4, 5, 6])
    })
  )

  it.effect("G5: a failing source is told, too, after the failures of elements", () =>
    Effect.gen(function* () {
      const body = (n: number) => (n === 1 ? Effect.fail("one") : Effect.succeed(n))
      const failing = Stream.concat(Stream.make(0, 1, 2), Stream.fail("source"))
      const program = forEach(failing, body, { concurrency: 1, isolation, policy: collectAll() })
      assert.deepStrictEqual(reasonsOf(yield* ended(program)), ["one", "source"])
      const { source } = counting([0, 1, 2], 3)
      const dying = forEach(source, body, { concurrency: 1, isolation, policy: collectAll() })
      assert.deepStrictEqual(reasonsOf(yield* ended(dying)), ["died: Error: source"])
    })
  )

  it.effect("P4: a source that throws: no element, one question, no closing of what has thrown", () =>
    Effect.gen(function* () {
      const mapped: Array<number> = []
      const body = (n: number) => Effect.sync(() => mapped.push(n))
      const first = counting(naturals(), 0)
      assert.deepStrictEqual(reasonsOf(yield* Effect.exit(each(first.source, body, 1))), ["died: Error: source"])
      assert.deepStrictEqual(mapped, [])
      assert.deepStrictEqual(first.seen, { next: 1, closed: 0 })
      const second = counting(naturals(), 1)
      yield* Effect.exit(each(second.source, body, 1))
      assert.deepStrictEqual(mapped, [0])
      assert.deepStrictEqual(second.seen, { next: 2, closed: 0 })
    })
  )

  it.effect("a failing source stops what runs, and says so", () =>
    Effect.gen(function* () {
      const stopped: Array<unknown> = []
      const body = (n: number) =>
        Effect.onExit(Effect.never, (exit) =>
          Effect.sync(() => {
            const reason = ErrorGroup.stopReason(Exit.isFailure(exit) ? exit.cause : Cause.empty)
            stopped.push([n, Option.getOrThrow(reason).because])
          })
        )
      const source = Stream.concat(Stream.make(0, 1), Stream.fail("source"))
      assert.deepStrictEqual(yield* ended(forEach(source, body, { concurrency: 5, isolation })), Exit.fail("source"))
      assert.deepStrictEqual(stopped, [
        [0, "source"],
        [1, "source"]
      ])
    })
  )

  it.effect("an async iterable that rejects is a defect; as a Stream it is a typed error", () =>
    Effect.gen(function* () {
      async function* rejecting() {
        yield await Promise.resolve(1)
        throw new Error("rejected")
      }
      assert.deepStrictEqual(reasonsOf(yield* Effect.exit(each(rejecting(), Effect.succeed, 2))), [
        "died: Error: rejected"
      ])
      const typed = Stream.fromAsyncIterable(rejecting(), () => "typed")
      assert.deepStrictEqual(
        yield* Effect.exit(forEach(typed, Effect.succeed, { concurrency: 2, isolation })),
        Exit.fail("typed")
      )
    })
  )

  it.effect("an async iterable is pulled one element at a time, and closed", () =>
    Effect.gen(function* () {
      const seen = { next: 0, closed: 0 }
      const source: AsyncIterable<number> = {
        [Symbol.asyncIterator]: () => ({
          next: () => Promise.resolve({ done: false, value: seen.next++ }),
          return: () => {
            seen.closed++
            return Promise.resolve({ done: true, value: undefined })
          }
        })
      }
      const body = (n: number) => (n === 2 ? Effect.fail("two") : Effect.never)
      const exit = yield* Effect.exit(each<number, never, string, never>(source, body, 10))
      assert.deepStrictEqual(exit, Exit.fail("two"))
      assert.deepStrictEqual(seen, { next: 3, closed: 1 })
    })
  )

  it.effect("a Stream is finalized when the run ends, however it ends", () =>
    Effect.gen(function* () {
      const order: Array<string> = []
      const source = Stream.ensuring(
        Stream.range(0, 100),
        Effect.sync(() => order.push("source closed"))
      )
      const body = (n: number) =>
        n === 3
          ? Effect.fail("three")
          : Effect.ensuring(
              Effect.sleep(5),
              Effect.sync(() => order.push(`${n}`))
            )
      yield* ended(forEach(source, body, { concurrency: 4, isolation }))
      assert.deepStrictEqual(order, ["0", "1", "2", "source closed"])
      order.length = 0
      const fiber = yield* start(forEach(source, () => Effect.never, { concurrency: 2, isolation }))
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(order, ["source closed"])
      order.length = 0
      yield* forEach(source, () => Effect.void, { concurrency: 2, isolation })
      assert.deepStrictEqual(order, ["source closed"])
    })
  )

  it.effect("a source whose closing dies: a typed failure stays one; without a failure it is a defect", () =>
    Effect.gen(function* () {
      const source = Stream.ensuring(Stream.make(1, 2, 3), Effect.die("closing"))
      const failing = forEach(source, () => Effect.fail("boom"), { concurrency: 1, isolation })
      assert.deepStrictEqual(yield* Effect.exit(failing), Exit.fail("boom"))
      const fine = forEach(source, Effect.succeed, { concurrency: 1, isolation })
      assert.deepStrictEqual(reasonsOf(yield* Effect.exit(fine)), ["died: closing"])
    })
  )

  it.effect("an f that throws is an element that dies", () =>
    Effect.gen(function* () {
      const body = (n: number): Effect.Effect<number> => {
        if (n === 2) throw new Error("in f")
        return Effect.succeed(n)
      }
      assert.deepStrictEqual(reasonsOf(yield* Effect.exit(each([1, 2, 3], body, 2))), ["died: Error: in f"])
    })
  )

  it.effect("firstSuccess gives the first, quorum some, also without collect", () =>
    Effect.gen(function* () {
      const body = (millis: number) => Effect.delay(millis === 5 ? Effect.fail("five") : Effect.succeed(millis), millis)
      const first = forEach([30, 5, 20], body, { concurrency: 3, isolation, policy: firstSuccess })
      assert.deepStrictEqual(yield* ended(first), Exit.succeed(20))
      const some = forEach(naturals(), (n) => body(n), { concurrency: 4, isolation, policy: quorum(3) })
      assert.deepStrictEqual(yield* ended(some), Exit.succeed([0, 1, 2]))
    })
  )

  it.effect("one's own policy stops an endless source", () =>
    Effect.gen(function* () {
      const program = forEach(naturals(), (n) => (n % 2 === 0 ? Effect.succeed(n) : Effect.fail(n)), {
        concurrency: 1,
        isolation,
        collect: true,
        policy: {
          onExit: ({ failed }) => (failed === 3 ? "stop" : "continue"),
          result: ({ exits }) =>
            Effect.succeed(exits.filter(({ exit }) => Exit.isSuccess(exit)).map(({ task }) => task))
        }
      })
      assert.deepStrictEqual(yield* program, [0, 2, 4])
    })
  )

  it.effect("each element that was begun has one exit, also the one that stops the others", () =>
    Effect.gen(function* () {
      const program = forEach(naturals(), (n) => Effect.delay(Effect.succeed(n), 10 - n), {
        concurrency: 3,
        isolation,
        collect: true,
        policy: {
          onExit: (_, exit) => (exit._tag === "Success" ? "stop" : "continue"),
          result: ({ exits }) => Effect.succeed(exits.map(({ exit, late, task }) => [task, exit._tag, late]))
        }
      })
      const exit: Exit.Exit<unknown> = yield* ended(program)
      const exits = [
        [0, "Failure", true],
        [1, "Failure", true],
        [2, "Success", false]
      ]
      assert.deepStrictEqual(exit, Exit.succeed(exits))
    })
  )

  it.effect("a source that takes its time is interrupted with the elements", () =>
    Effect.gen(function* () {
      let closed = false
      const hanging = Stream.ensuring(
        Stream.never,
        Effect.sync(() => (closed = true))
      )
      const source = Stream.concat(Stream.make(1), hanging)
      const failing = forEach(source, () => Effect.delay(Effect.fail("boom"), 5), { concurrency: 3, isolation })
      const { exit, millis } = yield* endedAt(failing)
      assert.deepStrictEqual(exit, Exit.fail("boom"))
      assert.strictEqual(millis, 5)
      assert.isTrue(closed)
    })
  )

  it.effect("an endless source of finished elements leaves the event loop its turns, and is interruptible", () =>
    Effect.gen(function* () {
      let claimed = 0
      const bodies = [() => Effect.succeed(claimed++), () => Effect.sync(() => claimed++)]
      for (const body of bodies) {
        for (const source of [
          naturals,
          () => Stream.fromIterable(naturals()),
          () => Stream.forever(Stream.range(1, 9))
        ]) {
          const fiber = yield* start(forEach(source(), body, { concurrency: 10, isolation }))
          const before = claimed
          for (let turn = 0; turn < 5; turn++) yield* Effect.yieldNow
          assert.isAbove(claimed, before)
          yield* Fiber.interrupt(fiber)
          assert.isTrue(Exit.hasInterrupts(fiber.pollUnsafe()!))
        }
      }
    })
  )

  it.effect("runs under runSync, however many elements", () =>
    Effect.sync(() => {
      const elements = Array.from({ length: 10_000 }, (_, n) => n)
      for (const body of [(n: number) => Effect.succeed(n), (n: number) => Effect.sync(() => n)]) {
        assert.deepStrictEqual(Effect.runSync(each(elements, body, 10)), elements)
        assert.lengthOf(Effect.runSync(each(Stream.fromArray(elements), body, 10)), 10_000)
      }
    })
  )

  it.effect("the body of an element may run another forEach, as deep as it likes", () =>
    Effect.gen(function* () {
      const nest = (depth: number): Effect.Effect<void> =>
        depth === 0 ? Effect.void : Effect.suspend(() => forEach([depth - 1], nest, { concurrency: 1, isolation }))
      assert.deepStrictEqual(yield* Effect.exit(nest(1500)), Exit.void)
    })
  )

  it.effect("a chunk of a stream is claimed element by element", () =>
    Effect.gen(function* () {
      let begun = 0
      const source = Stream.fromArray(Array.from({ length: 100 }, (_, n) => n))
      const fiber = yield* start(
        each(
          source,
          () =>
            Effect.andThen(
              Effect.sync(() => begun++),
              Effect.never
            ),
          3
        )
      )
      yield* Effect.yieldNow
      assert.strictEqual(begun, 3)
      yield* Fiber.interrupt(fiber)
    })
  )

  it.effect("a slow source is asked when there is room, and not before", () =>
    Effect.gen(function* () {
      const source = Stream.range(0, 5).pipe(
        Stream.rechunk(1),
        Stream.tap(() => Effect.sleep(10))
      )
      const { exit, millis } = yield* endedAt(each(source, (n) => Effect.delay(Effect.succeed(n), 15), 2))
      assert.deepStrictEqual(exit, Exit.succeed([0, 1, 2, 3, 4, 5]))
      assert.strictEqual(millis, 85)
    })
  )
})

describe("isolation", () => {
  const forks = (isolation: "fiber" | "none") =>
    Effect.gen(function* () {
      const alive = { now: 0, most: 0 }
      const child = Effect.acquireUseRelease(
        Effect.sync(() => (alive.most = Math.max(alive.most, ++alive.now))),
        () => Effect.never,
        () => Effect.sync(() => alive.now--)
      )
      const body = () => Effect.asVoid(Effect.forkChild(child, { startImmediately: true }))
      yield* forEach([1, 2, 3, 4], body, { concurrency: 1, isolation })
      return alive
    })

  it.effect("with a fiber, what an element forks ends with the element; bare, with its worker", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* forks("fiber"), { now: 0, most: 1 })
      assert.deepStrictEqual(yield* forks("none"), { now: 0, most: 4 })
    })
  )

  it.effect("another word dies", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(forEach([1], Effect.succeed, { concurrency: 1, isolation: "thread" as "none" }))
      assert.include(reasonsOf(exit)[0], 'isolation must be "fiber" or "none", got "thread"')
      const missing = yield* Effect.exit(forEach([1], Effect.succeed, {} as { concurrency: number }))
      assert.include(reasonsOf(missing)[0], "concurrency must be a non-negative integer or Infinity, got undefined")
      const source = yield* Effect.exit(forEach(5 as never, Effect.succeed, { concurrency: 1 }))
      assert.include(reasonsOf(source)[0], "the source must be an iterable, an async iterable or a Stream, got 5")
    })
  )
})
