import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import * as PubSub from "effect/PubSub"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import * as TestClock from "effect/testing/TestClock"

import * as Select from "../src/Select.ts"
import * as WeightedSemaphore from "../src/WeightedSemaphore.ts"
import { after, deathOf, logged, reasonsOf, settle, start } from "./support/group.ts"

const { deferred, fiber, first, make, permits, queue, subscription, timer } = Select

const named = (name: string) => (value: unknown) => Effect.succeed(`${name} ${String(value)}`)

const takersOf = <A, E>(queue: Queue.Queue<A, E>): number => (queue.state._tag === "Done" ? 0 : queue.state.takers.size)

describe("first", () => {
  it.effect("takes from the branch that has something", () =>
    Effect.gen(function* () {
      const a = yield* Queue.unbounded<number>()
      const b = yield* Queue.unbounded<number>()
      yield* Queue.offer(b, 1)
      assert.strictEqual(yield* first([queue(a, named("a")), queue(b, named("b"))]), "b 1")
      assert.strictEqual(yield* Queue.size(b), 0)
    })
  )

  it.effect("waits until one has, and leaves nothing behind in the others", () =>
    Effect.gen(function* () {
      const a = yield* Queue.unbounded<number>()
      const b = yield* Queue.unbounded<number>()
      const selecting = yield* start(first([queue(a, named("a")), queue(b, named("b")), timer("1 minute")]))
      assert.deepStrictEqual([takersOf(a), takersOf(b)], [1, 1])
      yield* Queue.offer(a, 1)
      assert.strictEqual(yield* Fiber.join(selecting), "a 1")
      assert.deepStrictEqual([takersOf(a), takersOf(b)], [0, 0])
      yield* Queue.offer(b, 2)
      assert.strictEqual(yield* Queue.take(b), 2)
    })
  )

  it.effect("otherwise, at once, when none has anything", () =>
    Effect.gen(function* () {
      const a = yield* Queue.unbounded<number>()
      const gate = yield* Deferred.make<void>()
      const sem = yield* WeightedSemaphore.make({ permits: 1 })
      const own = make({ ready: Effect.never, commit: Effect.succeedNone })
      const select = first(
        [
          queue(a),
          deferred(gate, () => Effect.succeed(2)),
          timer(5, () => Effect.succeed(3)),
          permits(sem, 1, () => Effect.succeed(4)),
          own
        ],
        { otherwise: Effect.succeed("otherwise") }
      ).pipe(WeightedSemaphore.withPermit(sem))
      assert.strictEqual(yield* select, "otherwise")
      yield* Queue.offer(a, 1)
      assert.strictEqual(yield* select, 1)
    })
  )

  it.effect("of no branches waits for ever", () =>
    Effect.gen(function* () {
      const selecting = yield* start(first([]))
      yield* settle
      assert.isUndefined(selecting.pollUnsafe())
      yield* Fiber.interrupt(selecting)
      assert.strictEqual(yield* first([], { otherwise: Effect.succeed(1) }), 1)
    })
  )

  it.effect("of several that are ready one at random, each its share; or the first that is listed", () =>
    Effect.gen(function* () {
      const counts = [0, 0, 0]
      const count = (n: number) => () => Effect.sync(() => counts[n]!++)
      const three = [timer(0, count(0)), timer(0, count(1)), timer(0, count(2))]
      for (let n = 0; n < 600; n++) yield* first(three)
      for (const share of counts) assert.isAbove(share, 150)
      counts.fill(0)
      for (let n = 0; n < 20; n++) yield* first(three, { order: "listed" })
      assert.deepStrictEqual(counts, [20, 0, 0])
    }).pipe(Random.withSeed("ties"))
  )

  it.effect("of several that became ready while it waited, too", () =>
    Effect.gen(function* () {
      const winners = new Set<string>()
      for (let n = 0; n < 30; n++) {
        const a = yield* Deferred.make<number>()
        const b = yield* Deferred.make<number>()
        const branches = [deferred(a, named("a")), deferred(b, named("b"))]
        const [random, listed] = [yield* start(first(branches)), yield* start(first(branches, { order: "listed" }))]
        yield* Effect.andThen(Deferred.succeed(b, 1), Deferred.succeed(a, 1))
        winners.add(yield* Fiber.join(random))
        assert.strictEqual(yield* Fiber.join(listed), "a 1")
      }
      assert.strictEqual(winners.size, 2)
    }).pipe(Random.withSeed("ties"))
  )

  it.effect("no other order", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(first([], { order: "sorted" as "listed" }))
      assert.include(deathOf(exit), 'Select.first: order must be "random" or "listed", got "sorted"')
    })
  )

  it.effect("the same branches may be used again, and by several fibers at once", () =>
    Effect.gen(function* () {
      const a = yield* Queue.unbounded<number>()
      const select = first([queue(a), timer("1 minute", () => Effect.succeed(-1))])
      const fibers = [yield* start(select), yield* start(select), yield* start(select)]
      yield* Queue.offerAll(a, [1, 2, 3])
      assert.deepStrictEqual(yield* Fiber.joinAll(fibers), [1, 2, 3])
      yield* Queue.offer(a, 4)
      assert.strictEqual(yield* select, 4)
    })
  )

  it.effect("a handler runs in the caller's fiber, and what it forks there stays with the caller", () =>
    Effect.gen(function* () {
      const a = yield* Queue.unbounded<number>()
      const selecting = yield* start(
        Effect.gen(function* () {
          const own = yield* Effect.fiberId
          const inHandler = yield* first([queue(a, () => Effect.fiberId)])
          return own === inHandler
        })
      )
      yield* Queue.offer(a, 1)
      assert.isTrue(yield* Fiber.join(selecting))
    })
  )

  it.effect("a handler may select again, for ever, without growing the stack", () =>
    Effect.gen(function* () {
      const a = yield* Queue.unbounded<number>()
      const gate = yield* Deferred.make<void>()
      const depths = new Set<number>()
      let seen = 0
      const loop: Effect.Effect<number> = Effect.suspend(() =>
        first([
          queue(a, () =>
            Effect.withFiber((fiber): Effect.Effect<number> => {
              // there is no other way to see it
              depths.add((fiber as unknown as { readonly _stack: ReadonlyArray<unknown> })._stack.length)
              seen++
              return loop
            })
          ),
          deferred(gate, () => Effect.sync(() => seen))
        ])
      )
      const looping = yield* start(loop)
      for (let n = 0; n < 50; n++) {
        yield* Queue.offerAll(a, [1, 2, 3])
        yield* settle
      }
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual(yield* Fiber.join(looping), 150)
      assert.isAtMost(Math.max(...depths) - Math.min(...depths), 3)
    })
  )

  it.effect("interrupted while it waits, it takes nothing and leaves nobody waiting", () =>
    Effect.gen(function* () {
      const a = yield* Queue.unbounded<number>()
      const sem = yield* WeightedSemaphore.make({ permits: 1 })
      yield* WeightedSemaphore.take(sem, 1)
      const selecting = yield* start(first([queue(a), permits(sem, 1, () => Effect.never)]))
      assert.include(yield* WeightedSemaphore.stats(sem), { waiting: 1 })
      yield* Fiber.interrupt(selecting)
      assert.strictEqual(takersOf(a), 0)
      assert.include(yield* WeightedSemaphore.stats(sem), { waiting: 0, taken: 1 })
    })
  )

  it.effect("a chain of selects on each other's results does not nest on the stack", () =>
    Effect.gen(function* () {
      const links: Array<Deferred.Deferred<number>> = []
      for (let n = 0; n <= 3000; n++) links.push(yield* Deferred.make<number>())
      for (let n = 0; n < 3000; n++) {
        yield* start(first([deferred(links[n]!, (value) => Deferred.succeed(links[n + 1]!, value + 1))]))
      }
      yield* Deferred.succeed(links[0]!, 0)
      assert.strictEqual(yield* Deferred.await(links[3000]!), 3000)
    })
  )

  it.effect("nobody is woken on the stack of who makes it ready", () =>
    Effect.gen(function* () {
      const order: Array<string> = []
      const say = (text: string) => () => Effect.sync(() => order.push(text))
      const gate = yield* Deferred.make<void>()
      const rendezvous = yield* Queue.bounded<number>(0)
      const pubsub = yield* PubSub.unbounded<number>()
      const messages = yield* PubSub.subscribe(pubsub)
      for (const branch of [
        deferred(gate, say("deferred")),
        queue(rendezvous, say("queue")),
        subscription(messages, say("message"))
      ]) {
        yield* start(first([branch]))
      }
      yield* Effect.sync(() => {
        Deferred.doneUnsafe(gate, Effect.void)
        Queue.offerUnsafe(rendezvous, 1)
        PubSub.publishUnsafe(pubsub, 1)
        order.push("maker")
      })
      yield* settle
      assert.deepStrictEqual(order, ["maker", "deferred", "queue", "message"])
    }).pipe(Effect.scoped)
  )
})

describe("queue", () => {
  it.effect("an ended queue gives what it has, then its end, for ever", () =>
    Effect.gen(function* () {
      const a = yield* Queue.unbounded<number, Cause.Done>()
      yield* Queue.offerAll(a, [1, 2])
      yield* Queue.end(a)
      const plain = first([queue(a)])
      assert.deepStrictEqual([yield* plain, yield* plain], [1, 2])
      for (let n = 0; n < 2; n++) assert.deepStrictEqual(yield* Effect.exit(plain), Exit.fail(Cause.Done()))
      const handled = first([queue(a, named("a"), () => Effect.succeed("end"))])
      assert.strictEqual(yield* handled, "end")
    })
  )

  it.effect("a queue that fails or ends while it is waited for", () =>
    Effect.gen(function* () {
      for (const handled of [true, false]) {
        const a = yield* Queue.unbounded<number, string>()
        const branch = handled ? queue(a, named("a"), named("failed:")) : queue(a)
        const selecting = yield* start(Effect.exit(first([branch, timer("1 minute")])))
        yield* Queue.fail(a, "broken")
        const exit: Exit.Exit<unknown, string> = yield* Fiber.join(selecting)
        assert.deepStrictEqual(exit, handled ? Exit.succeed("failed: broken") : Exit.fail("broken"))
      }
    })
  )

  it.effect("shut down, it interrupts, as a take does", () =>
    Effect.gen(function* () {
      const a = yield* Queue.unbounded<number>()
      const selecting = yield* start(first([queue(a)]))
      yield* Queue.shutdown(a)
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(selecting)))
    })
  )

  it.effect("a failure in the handler is the handler's, also where the source's failures are handled", () =>
    Effect.gen(function* () {
      const a = yield* Queue.unbounded<number>()
      yield* Queue.offer(a, 1)
      const exit = yield* Effect.exit(
        first([
          queue(
            a,
            () => Effect.fail("handler"),
            () => Effect.succeed("source")
          )
        ])
      )
      assert.deepStrictEqual(exit, Exit.fail("handler"))
      yield* Queue.offer(a, 1)
      const throwing = queue(a, (): Effect.Effect<void> => {
        throw new Error("in the handler")
      })
      assert.deepStrictEqual(reasonsOf(yield* Effect.exit(first([throwing]))), ["died: Error: in the handler"])
    })
  )

  it.effect("without capacity: takes from who waits to offer, and from who comes later", () =>
    Effect.gen(function* () {
      const a = yield* Queue.bounded<number>(0)
      const offering = yield* start(Queue.offer(a, 1))
      assert.strictEqual(yield* first([queue(a)]), 1)
      assert.isTrue(yield* Fiber.join(offering))
      const selecting = yield* start(first([queue(a)]))
      assert.isTrue(yield* Queue.offer(a, 2))
      assert.strictEqual(yield* Fiber.join(selecting), 2)
    })
  )

  it.effect("bounded: what was taken makes room for who waits to offer", () =>
    Effect.gen(function* () {
      const a = yield* Queue.bounded<number>(1)
      yield* Queue.offer(a, 1)
      const offering = yield* start(Queue.offer(a, 2))
      assert.strictEqual(yield* first([queue(a)]), 1)
      assert.isTrue(yield* Fiber.join(offering))
      assert.strictEqual(yield* first([queue(a)]), 2)
    })
  )

  it.effect("is served in its turn among takers and other selects, and one element wakes one", () =>
    Effect.gen(function* () {
      const a = yield* Queue.unbounded<number>()
      const served: Array<string> = []
      const serve = (name: string) => (n: number) => Effect.sync(() => served.push(`${name} ${n}`))
      const selects = (name: string) => start(first([queue(a, serve(name)), timer("1 minute")]))
      yield* selects("select 1")
      yield* start(Effect.flatMap(Queue.take(a), serve("take")))
      yield* selects("select 2")
      yield* selects("select 3")
      yield* Queue.offer(a, 1)
      yield* settle
      assert.deepStrictEqual([served, takersOf(a)], [["select 1 1"], 3])
      yield* Queue.offerAll(a, [2, 3, 4])
      yield* settle
      assert.deepStrictEqual(served, ["select 1 1", "take 2", "select 2 3", "select 3 4"])
    })
  )

  it.effect("what a select that was ready for something else did not take goes to the next", () =>
    Effect.gen(function* () {
      const a = yield* Queue.unbounded<number>()
      const b = yield* Queue.unbounded<number>()
      const both = yield* start(first([queue(a, named("a")), queue(b, named("b"))], { order: "listed" }))
      const other = yield* start(first([queue(b, named("b"))]))
      yield* Effect.sync(() => {
        Queue.offerUnsafe(b, 2)
        Queue.offerUnsafe(a, 1)
      })
      assert.strictEqual(yield* Fiber.join(both), "a 1")
      assert.strictEqual(yield* Fiber.join(other), "b 2")
    })
  )
})

describe("subscription", () => {
  it.effect("takes messages in order, waiting for them if need be", () =>
    Effect.gen(function* () {
      const pubsub = yield* PubSub.bounded<number>(2)
      const messages = yield* PubSub.subscribe(pubsub)
      const select = first([subscription(messages, named("message")), timer("1 minute")])
      yield* PubSub.publish(pubsub, 1)
      assert.strictEqual(yield* select, "message 1")
      const selecting = yield* start(select)
      yield* PubSub.publish(pubsub, 2)
      assert.strictEqual(yield* Fiber.join(selecting), "message 2")
      assert.strictEqual(messages.subscribers.size, 0)
      assert.strictEqual(yield* PubSub.remaining(messages), 0)
    }).pipe(Effect.scoped)
  )

  it.effect("leaves a message that it did not choose, and lets a publisher go on when it takes", () =>
    Effect.gen(function* () {
      const pubsub = yield* PubSub.bounded<number>(1)
      const messages = yield* PubSub.subscribe(pubsub)
      yield* PubSub.publish(pubsub, 1)
      assert.strictEqual(
        yield* first([timer(0, () => Effect.succeed(0)), subscription(messages)], { order: "listed" }),
        0
      )
      const publishing = yield* start(PubSub.publish(pubsub, 2))
      assert.strictEqual(yield* first([subscription(messages)]), 1)
      assert.isTrue(yield* Fiber.join(publishing))
      assert.strictEqual(yield* PubSub.take(messages), 2)
    }).pipe(Effect.scoped)
  )

  it.effect("with replay, the end, and a shutdown: as PubSub.take", () =>
    Effect.gen(function* () {
      const pubsub = yield* PubSub.unbounded<number>({ replay: 2 })
      yield* PubSub.publishAll(pubsub, [1, 2])
      const messages = yield* PubSub.subscribe(pubsub)
      const select = first([subscription(messages)])
      assert.deepStrictEqual([yield* select, yield* select], [1, 2])
      const selecting = yield* start(select)
      yield* PubSub.end(pubsub, 9)
      assert.strictEqual(yield* Fiber.join(selecting), 9)
      assert.strictEqual(yield* select, 9)
      const other = yield* PubSub.unbounded<number>()
      const waiting = yield* start(first([subscription(yield* PubSub.subscribe(other))]))
      yield* PubSub.shutdown(other)
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(waiting)))
    }).pipe(Effect.scoped)
  )

  it.effect("interrupted, it watches no longer", () =>
    Effect.gen(function* () {
      const pubsub = yield* PubSub.unbounded<number>()
      const messages = yield* PubSub.subscribe(pubsub)
      const selecting = yield* start(first([subscription(messages)]))
      assert.strictEqual(messages.subscribers.size, 1)
      yield* Fiber.interrupt(selecting)
      assert.strictEqual(messages.subscribers.size, 0)
    }).pipe(Effect.scoped)
  )
})

describe("deferred and fiber", () => {
  it.effect("their results stay, and their failures are handled or pass", () =>
    Effect.gen(function* () {
      const good = yield* Deferred.make<number>()
      const bad = yield* Deferred.make<number, string>()
      yield* Deferred.succeed(good, 1)
      yield* Deferred.fail(bad, "bad")
      assert.deepStrictEqual([yield* first([deferred(good)]), yield* first([deferred(good)])], [1, 1])
      assert.deepStrictEqual(yield* Effect.exit(first([deferred(bad)])), Exit.fail("bad"))
      assert.strictEqual(yield* first([deferred(bad, named("value"), named("failed:"))]), "failed: bad")
      const running = yield* start(after(10, Effect.succeed("result")))
      const failing = yield* start(after(20, Effect.fail("broken")))
      const selecting = yield* start(first([fiber(running), timer("1 minute")]))
      const failed = yield* start(first([fiber(failing, named("value"), named("failed:"))]))
      yield* TestClock.adjust(20)
      assert.strictEqual(yield* Fiber.join(selecting), "result")
      assert.strictEqual(yield* Fiber.join(failed), "failed: broken")
      assert.deepStrictEqual(yield* Effect.exit(first([fiber(failing)])), Exit.fail("broken"))
    })
  )

  it.effect("what a Deferred was completed with runs once, in the caller's fiber", () =>
    Effect.gen(function* () {
      let ran = 0
      const gate = yield* Deferred.make<number>()
      const selecting = yield* start(first([deferred(gate), timer("1 minute")]))
      yield* Deferred.completeWith(
        gate,
        Effect.sync(() => ++ran)
      )
      assert.strictEqual(yield* Fiber.join(selecting), 1)
      assert.strictEqual(ran, 1)
    })
  )

  it.effect("a fiber is not interrupted by a select that gave up on it", () =>
    Effect.gen(function* () {
      const running = yield* start(after(10, Effect.succeed(1)))
      const selecting = yield* start(first([fiber(running), timer(5)]))
      yield* TestClock.adjust(10)
      assert.isUndefined(yield* Fiber.join(selecting))
      assert.deepStrictEqual(running.pollUnsafe(), Exit.succeed(1))
    })
  )
})

describe("timer", () => {
  it.effect("is ready when its time has come, counted from the start of the select, and not before", () =>
    Effect.gen(function* () {
      const selecting = yield* start(first([timer("1500 micros", () => Effect.succeed("time"))]))
      yield* TestClock.adjust("1499 micros")
      yield* settle
      assert.isUndefined(selecting.pollUnsafe())
      yield* TestClock.adjust("1 micros")
      assert.strictEqual(yield* Fiber.join(selecting), "time")
    })
  )

  it.effect("its time does not begin again when another branch came to nothing", () =>
    Effect.gen(function* () {
      const filled = yield* Latch.make()
      const teasing = make({ ready: filled.await, commit: Effect.as(filled.close, Option.none<string>()) })
      const selecting = yield* start(first([teasing, timer(10, () => Effect.succeed("time"))]))
      yield* TestClock.adjust(9)
      yield* filled.open
      yield* settle
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* Fiber.join(selecting), "time")
    })
  )

  it.effect("zero, less, never, and nonsense", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* first([timer(0, () => Effect.succeed(1))]), 1)
      assert.strictEqual(yield* first([timer(-5, () => Effect.succeed(1))]), 1)
      const never = yield* start(first([timer(Infinity)]))
      yield* TestClock.adjust("1000 days")
      assert.isUndefined(never.pollUnsafe())
      yield* Fiber.interrupt(never)
      assert.include(deathOf(yield* Effect.exit(first([timer(Number.NaN)]))), "Select.timer: the duration")
    })
  )
})

describe("permits", () => {
  it.effect("are held while the body runs, and given back however it ends", () =>
    Effect.gen(function* () {
      const sem = yield* WeightedSemaphore.make({ permits: 3 })
      const taken = Effect.map(WeightedSemaphore.stats(sem), ({ taken }) => taken)
      assert.strictEqual(yield* first([permits(sem, 2, () => taken)]), 2)
      for (const ending of [Effect.fail("failed"), Effect.die("died"), Effect.interrupt]) {
        yield* Effect.exit(first([permits(sem, 2, () => ending)]))
        assert.strictEqual(yield* taken, 0)
      }
      const running = yield* start(first([permits(sem, 2, () => Effect.never)]))
      yield* Fiber.interrupt(running)
      assert.strictEqual(yield* taken, 0)
    })
  )

  it.effect("after a wait, too: it stood in line, and is served in its turn", () =>
    Effect.gen(function* () {
      const sem = yield* WeightedSemaphore.make({ permits: 2 })
      const order: Array<string> = []
      const say = (text: string) => Effect.sync(() => order.push(text))
      yield* WeightedSemaphore.take(sem, 2)
      const taken = Effect.map(WeightedSemaphore.stats(sem), ({ taken }) => taken)
      const body = Effect.andThen(say("select"), taken)
      const selecting = yield* start(first([permits(sem, 2, () => body), timer("1 minute", () => Effect.succeed(-1))]))
      yield* start(say("light").pipe(WeightedSemaphore.withPermits(sem, 1)))
      yield* WeightedSemaphore.release(sem, 1)
      yield* settle
      // the heavy request of the select blocks the light one behind it
      assert.deepStrictEqual(order, [])
      yield* WeightedSemaphore.release(sem, 1)
      assert.strictEqual(yield* Fiber.join(selecting), 2)
      yield* settle
      assert.deepStrictEqual(order, ["select", "light"])
      assert.deepStrictEqual(yield* WeightedSemaphore.stats(sem), { permits: 2, taken: 0, available: 2, waiting: 0 })
    })
  )

  it.effect("when another branch is chosen its place, or what it was just given, goes to the next", () =>
    Effect.gen(function* () {
      const sem = yield* WeightedSemaphore.make({ permits: 1 })
      const gate = yield* Deferred.make<string>()
      yield* WeightedSemaphore.take(sem, 1)
      const selecting = yield* start(
        first([deferred(gate), permits(sem, 1, () => Effect.succeed("permits"))], { order: "listed" })
      )
      const next = yield* start(Effect.succeed("next").pipe(WeightedSemaphore.withPermit(sem)))
      // the select is told of the deferred, and served, before it goes on
      yield* Effect.andThen(Deferred.succeed(gate, "gate"), WeightedSemaphore.release(sem, 1))
      assert.strictEqual(yield* Fiber.join(selecting), "gate")
      assert.strictEqual(yield* Fiber.join(next), "next")
      assert.include(yield* WeightedSemaphore.stats(sem), { taken: 0, waiting: 0 })
    })
  )

  it.effect("a request that can never be met dies", () =>
    Effect.gen(function* () {
      const sem = yield* WeightedSemaphore.make({ permits: 1 })
      assert.include(deathOf(yield* Effect.exit(first([permits(sem, 2, () => Effect.void)]))), "can never be met")
    })
  )
})

describe("a branch of one's own", () => {
  const stack = (contents: Array<number>) => {
    const filled = Latch.makeUnsafe(contents.length > 0)
    const commits = { count: 0 }
    const push = (n: number) =>
      Effect.suspend(() => {
        contents.push(n)
        return filled.open
      })
    const commit = Effect.sync(() => {
      commits.count++
      const top = contents.pop()
      if (contents.length === 0) filled.closeUnsafe()
      return Option.fromUndefinedOr(top)
    })
    return { bridge: { ready: filled.await, commit }, push, commits }
  }

  it.effect(
    "takes what commit gives, waits while it gives nothing, and goes round again when somebody was faster",
    () =>
      Effect.gen(function* () {
        const { bridge, commits, push } = stack([1])
        assert.strictEqual(yield* first([make(bridge)]), 1)
        const one = yield* start(first([make(bridge, named("one")), timer("1 minute")]))
        const two = yield* start(first([make(bridge, named("two")), timer("1 minute")]))
        yield* push(2)
        yield* settle
        const ended = [one, two].filter((fiber) => fiber.pollUnsafe() !== undefined)
        assert.lengthOf(ended, 1)
        const before = commits.count
        yield* settle
        assert.strictEqual(commits.count, before, "it asks again without having been told")
        yield* push(3)
        const both = yield* Fiber.joinAll([one, two])
        assert.deepStrictEqual(both.map((text) => String(text).slice(-1)).toSorted(), ["2", "3"])
      })
  )

  it.effect("the branches behind it are tried when it has nothing", () =>
    Effect.gen(function* () {
      const { bridge } = stack([])
      const a = yield* Queue.unbounded<number>()
      yield* Queue.offer(a, 1)
      assert.strictEqual(yield* first([make(bridge), make(bridge), queue(a)], { order: "listed" }), 1)
    })
  )

  it.effect("a failure of commit is handled, or fails; a failure of ready fails; the others stop waiting", () =>
    Effect.gen(function* () {
      const a = yield* Queue.unbounded<number>()
      const failing = { ready: Effect.never, commit: Effect.fail("commit") }
      assert.deepStrictEqual(yield* Effect.exit(first([make(failing)])), Exit.fail("commit"))
      assert.strictEqual(yield* first([make(failing, undefined, named("failed:"))]), "failed: commit")
      const broken = { ready: after(5, Effect.fail("ready")), commit: Effect.succeedNone }
      const selecting = yield* start(first([make(broken), queue(a)]))
      yield* TestClock.adjust(5)
      assert.deepStrictEqual(yield* Fiber.await(selecting), Exit.fail("ready"))
      assert.strictEqual(takersOf(a), 0)
    })
  )

  it.effect("a wait that takes its time to stop is awaited before anything is taken", () =>
    Effect.gen(function* () {
      // the first sleep on a test clock may not be one of a finalizer
      yield* TestClock.adjust(1)
      const order: Array<string> = []
      const slow = make({
        ready: Effect.onInterrupt(Effect.never, () =>
          after(
            20,
            Effect.sync(() => order.push("stopped"))
          )
        ),
        commit: Effect.succeedNone
      })
      const a = yield* Queue.unbounded<number>()
      const selecting = yield* start(first([slow, queue(a, () => Effect.sync(() => order.push("taken")))]))
      yield* Queue.offer(a, 1)
      yield* settle
      assert.strictEqual(yield* Queue.size(a), 1)
      yield* TestClock.adjust(20)
      yield* Fiber.join(selecting)
      assert.deepStrictEqual(order, ["stopped", "taken"])
      const interrupted = yield* start(first([slow]))
      const interruption = yield* start(Fiber.interrupt(interrupted))
      yield* TestClock.adjust(19)
      assert.isUndefined(interruption.pollUnsafe())
      yield* TestClock.adjust(1)
      yield* Fiber.join(interruption)
    })
  )

  it.effect("a defect in the cleanup of a wait is logged, and changes nothing", () =>
    Effect.gen(function* () {
      const dirty = make({ ready: Effect.ensuring(Effect.never, Effect.die("cleanup")), commit: Effect.succeedNone })
      const { exit, lines } = yield* Effect.gen(function* () {
        const a = yield* Queue.unbounded<number>()
        const selecting = yield* start(logged(first([dirty, queue(a)])))
        yield* Queue.offer(a, 1)
        return yield* Fiber.join(selecting)
      })
      assert.deepStrictEqual(exit, Exit.succeed(1))
      assert.lengthOf(lines, 1)
      assert.match(lines[0]!, /^Select.first stopped a wait, and a cleanup died .*cleanup$/)
    })
  )

  it.effect("commit is not interruptible, and what it took is given to the handler all the same", () =>
    Effect.gen(function* () {
      const given: Array<number> = []
      const slow = make({ ready: Effect.void, commit: Effect.delay(Effect.succeedSome(1), 10) }, (n) => {
        given.push(n)
        return Effect.void
      })
      const selecting = yield* start(first([slow]))
      const interruption = yield* start(Fiber.interrupt(selecting))
      yield* TestClock.adjust(10)
      yield* Fiber.join(interruption)
      assert.deepStrictEqual(given, [1])
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(selecting)))
    })
  )
})
