/** What attacks on `Select` have found. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as PubSub from "effect/PubSub"
import * as Queue from "effect/Queue"

import * as Select from "../../src/Select.ts"
import { reasonsOf, settle, start } from "../support/group.ts"

const { deferred, first, queue, subscription } = Select

type Selecting = (
  queue: Queue.Dequeue<number, Cause.Done>,
  got: (n: number) => void
) => Effect.Effect<unknown, Cause.Done>

const forms: Record<string, Selecting> = {
  "without a handler": (q, got) => Effect.uninterruptibleMask((restore) => Effect.map(restore(first([queue(q)])), got)),
  "with a handler": (q, got) => first([queue(q, (n) => Effect.uninterruptible(Effect.sync(() => got(n))))]),
  "with handlers for both": (q, got) =>
    first([
      queue(
        q,
        (n) => Effect.sync(() => got(n)),
        () => Effect.void
      )
    ]),
  "beside another branch": (q, got) =>
    first([queue(q, (n) => Effect.sync(() => got(n))), deferred(Deferred.makeUnsafe<void>())])
}

/** A select that somebody interrupts whom the taking of its element wakes on its stack. */
const interruptedByTaking = (
  capacity: number,
  select: Selecting,
  end: (queue: Queue.Queue<number, Cause.Done>) => Effect.Effect<unknown, Cause.Done>
) =>
  Effect.gen(function* () {
    const q = yield* Queue.bounded<number, Cause.Done>(capacity)
    const got: Array<number> = []
    const target: { fiber: Fiber.Fiber<unknown, unknown> | undefined } = { fiber: undefined }
    const interrupt = Effect.sync(() => target.fiber?.interruptUnsafe())
    for (let n = 1; n <= capacity; n++) yield* Queue.offer(q, n)
    yield* start(Effect.andThen(Effect.exit(end(q)), interrupt))
    const selecting = Effect.andThen(
      Effect.yieldNow,
      select(q, (n) => void got.push(n))
    )
    target.fiber = yield* Effect.forkDetach(selecting)
    const exit = yield* Fiber.await(target.fiber)
    yield* settle
    return { exit, got, queue: q }
  })

describe("interrupted by whom the taking wakes", () => {
  for (const [name, select] of Object.entries(forms)) {
    for (const capacity of [1, 2]) {
      it.effect(`${name}, an element goes back to its queue (capacity ${capacity})`, () =>
        Effect.gen(function* () {
          const { exit, got, queue } = yield* interruptedByTaking(capacity, select, (q) => Queue.offer(q, capacity + 1))
          assert.deepStrictEqual([reasonsOf(exit), got], [["interrupted"], []])
          assert.deepStrictEqual(
            yield* Queue.takeN(queue, capacity + 1),
            Array.from({ length: capacity + 1 }, (_, n) => n + 1)
          )
        })
      )
    }

    const ends: Record<string, (queue: Queue.Queue<number, Cause.Done>) => Effect.Effect<unknown, Cause.Done>> = {
      "goes on": (q) => Queue.offer(q, 1),
      "ends it": (q) => Effect.andThen(Queue.offer(q, 1), Queue.end(q)),
      "offered all, and it ends": (q) => Effect.andThen(Queue.offerAll(q, [1]), Queue.end(q)),
      "offered the last of a queue that ends": (q) => {
        const ending = Effect.andThen(Effect.yieldNow, Queue.end(q))
        return Effect.andThen(Effect.forkDetach(ending), Queue.offer(q, 1))
      }
    }
    for (const [who, end] of Object.entries(ends)) {
      it.effect(
        `${name}, an element without a queue to go back to is taken before its producer ${who} (capacity 0)`,
        () =>
          Effect.gen(function* () {
            const { exit, got } = yield* interruptedByTaking(0, select, end)
            assert.deepStrictEqual([exit._tag, got], ["Success", [1]])
          })
      )
    }

    it.effect(
      `${name}, the last element of a queue that ends is taken before whoever waits for the end hears of it`,
      () =>
        Effect.gen(function* () {
          const { exit, got, queue } = yield* interruptedByTaking(1, select, (q) =>
            Effect.andThen(Queue.end(q), Queue.await(q))
          )
          assert.deepStrictEqual([exit._tag, got], ["Success", [1]])
          assert.strictEqual(queue.state._tag, "Done")
        })
    )
  }

  it.effect("an element that went back goes to who waits for one", () =>
    Effect.gen(function* () {
      const q = yield* Queue.bounded<number>(1)
      yield* Queue.offer(q, 1)
      const taken: Array<number> = []
      const target: { fiber: Fiber.Fiber<unknown, unknown> | undefined } = { fiber: undefined }
      const take = Effect.map(Queue.take(q), (n) => void taken.push(n))
      // by the time that the first element is back the queue is empty, and two wait
      const others = Effect.sync(() => {
        for (let n = 0; n < 2; n++) Effect.runFork(take)
        target.fiber?.interruptUnsafe()
      })
      yield* start(Effect.andThen(Queue.offer(q, 2), others))
      target.fiber = yield* Effect.forkDetach(Effect.andThen(Effect.yieldNow, first([queue(q)])))
      yield* Fiber.await(target.fiber)
      yield* settle
      assert.sameMembers(taken, [1, 2])
    })
  )

  it.effect("the handler of a message is told", () =>
    Effect.gen(function* () {
      const pubsub = yield* PubSub.bounded<number>(1)
      const messages = yield* PubSub.subscribe(pubsub)
      yield* PubSub.publish(pubsub, 1)
      const told: Array<number> = []
      const target: { fiber: Fiber.Fiber<unknown, unknown> | undefined } = { fiber: undefined }
      yield* start(
        Effect.andThen(
          PubSub.publish(pubsub, 2),
          Effect.sync(() => target.fiber?.interruptUnsafe())
        )
      )
      const select = first([
        subscription(messages, (n) => {
          told.push(n)
          return Effect.void
        })
      ])
      target.fiber = yield* Effect.forkDetach(Effect.andThen(Effect.yieldNow, select))
      assert.deepStrictEqual(reasonsOf(yield* Fiber.await(target.fiber)), ["interrupted"])
      assert.deepStrictEqual([told, yield* PubSub.takeAll(messages)], [[1], [2]])
    })
  )
})

describe("a queue that ends", () => {
  it.effect("after its last element was selected it is ready at once with its end, also for who would not wait", () =>
    Effect.gen(function* () {
      const q = yield* Queue.unbounded<number, Cause.Done>()
      yield* Queue.offer(q, 1)
      yield* Queue.end(q)
      const select = first([queue(q, Effect.succeed, () => Effect.succeed("ended"))], {
        otherwise: Effect.succeed("nothing")
      })
      // in one step of the fiber, so that no task comes in between
      const [one, other] = yield* Effect.sync(() => [Effect.runSyncExit(select), Effect.runSyncExit(select)])
      assert.deepStrictEqual([one, other], [Exit.succeed(1), Exit.succeed("ended")])
    })
  )

  it.effect("and who waits to take from it, or for its end, hears of that", () =>
    Effect.gen(function* () {
      const q = yield* Queue.unbounded<number, Cause.Done>()
      yield* Queue.offer(q, 1)
      const end = yield* start(Effect.exit(Queue.await(q)))
      yield* Queue.end(q)
      assert.strictEqual(yield* first([queue(q)]), 1)
      const taker = yield* start(Effect.exit(Queue.take(q)))
      const selecting = yield* start(Effect.exit(first([queue(q)])))
      assert.isTrue(Exit.isSuccess(yield* Fiber.join(end)))
      assert.deepStrictEqual(yield* Fiber.join(taker), Exit.fail(Cause.Done()))
      assert.deepStrictEqual(yield* Fiber.join(selecting), Exit.fail(Cause.Done()))
    })
  )
})

describe("many selects on one thing", () => {
  it.effect("a Deferred has one entry for all of them, and wakes them in their order", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<number>()
      const woken: Array<number> = []
      const select = (n: number) => first([deferred(gate, () => Effect.sync(() => woken.push(n)))])
      const selecting = yield* Effect.forEach([0, 1, 2, 3, 4], (n) => start(select(n)))
      yield* Fiber.interrupt(selecting[1]!)
      assert.lengthOf(gate.resumes ?? [], 1)
      yield* Deferred.succeed(gate, 1)
      yield* Fiber.awaitAll(selecting)
      assert.deepStrictEqual(woken, [0, 2, 3, 4])
    })
  )
})
