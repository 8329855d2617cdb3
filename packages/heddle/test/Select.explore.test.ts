/** Under the explorer: whatever the order, every element is taken once or left where it was. */
import { assert, describe } from "@effect/vitest"
import * as Explorer from "@heddle/testing/Explorer"
import { it } from "@heddle/testing/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import * as PubSub from "effect/PubSub"
import * as Queue from "effect/Queue"

import * as RateLimit from "../src/RateLimit.ts"
import * as RateLimiter from "../src/RateLimiter.ts"
import * as Select from "../src/Select.ts"
import * as WeightedSemaphore from "../src/WeightedSemaphore.ts"

const { deferred, first, make, permits, queue, subscription, timer, tokens } = Select

const modes: ReadonlyArray<Explorer.Mode> = ["stock", "resume", "op3", "op"]

type Two = readonly [Queue.Queue<number>, Queue.Queue<number>]

/** Three producers, one of which offers to both queues. */
const produce = ([a, b]: Two) =>
  Effect.all([Queue.offer(a, 1), Queue.offer(b, 2), Effect.andThen(Queue.offer(b, 3), Queue.offer(a, 4))], {
    concurrency: "unbounded",
    discard: true
  })

const leftIn = (queues: Two) => Effect.map(Effect.forEach(queues, Queue.clear), (left) => left.flat())

const ascending = (a: number, b: number) => a - b

/** Where every element is in the end: taken by a consumer, or still in its queue. */
const allThere = (taken: ReadonlyArray<number>, left: ReadonlyArray<number>) =>
  assert.deepStrictEqual([...taken, ...left].toSorted(ascending), [1, 2, 3, 4])

/** Two consumers, one of which is interrupted somewhere. */
const consumers = (capacity: number, take: (queues: Two) => Effect.Effect<number>) =>
  Effect.gen(function* () {
    const queues: Two = [yield* Queue.bounded<number>(capacity), yield* Queue.bounded<number>(capacity)]
    const taken: Array<number> = []
    // the element is written down as soon as the caller has it
    const consume = Effect.uninterruptibleMask((restore) =>
      Effect.map(restore(take(queues)), (n) => void taken.push(n))
    )
    const one = yield* Effect.forkChild(Effect.forever(consume))
    const other = yield* Effect.forkChild(Effect.forever(consume))
    const producing = yield* Effect.forkChild(produce(queues))
    yield* Effect.yieldNow
    yield* Fiber.interrupt(one)
    yield* Fiber.join(producing)
    yield* Effect.yieldNow
    yield* Fiber.interrupt(other)
    allThere(taken, yield* leftIn(queues))
  })

const selecting = ([a, b]: Two) => first([queue(a), queue(b)])

describe("two queues and three producers", () => {
  for (const capacity of [0, 1, 4]) {
    for (const mode of modes) {
      it.explore(`nothing is lost or taken twice (capacity ${capacity}, ${mode})`, consumers(capacity, selecting), {
        mode,
        runs: 250,
        millis: 500
      })
    }
  }

  it.effect("where a race of two takes loses one", () =>
    Effect.gen(function* () {
      const racing = ([a, b]: Two) => Effect.race(Queue.take(a), Queue.take(b))
      const { failure } = yield* Explorer.explore(consumers(4, racing), { mode: "op3", runs: 1000 })
      assert.isDefined(failure)
      assert.match(failure.trace, /expected \[ .* \] to deeply equal \[ 1, 2, 3, 4 \]/)
    })
  )

  for (const mode of modes) {
    it.explore(
      `elements of one queue are taken in order by one consumer, and all of them (${mode})`,
      Effect.gen(function* () {
        const queues: Two = [yield* Queue.unbounded<number>(), yield* Queue.unbounded<number>()]
        const producing = yield* Effect.forkChild(
          Effect.all([Queue.offerAll(queues[0], [1, 2]), Queue.offerAll(queues[1], [11, 12])], { concurrency: 2 })
        )
        const taken: Array<number> = []
        for (let n = 0; n < 4; n++) taken.push(yield* selecting(queues))
        yield* Fiber.join(producing)
        assert.deepStrictEqual(
          [taken.filter((n) => n < 10), taken.filter((n) => n > 10)],
          [
            [1, 2],
            [11, 12]
          ]
        )
      }),
      { mode, runs: 150, millis: 300 }
    )
  }
})

/** A branch of every kind, each made ready by a fiber of its own; selects until all have been chosen. */
const everyKind = Effect.gen(function* () {
  const a = yield* Queue.unbounded<number>()
  const gate = yield* Deferred.make<string>()
  const pubsub = yield* PubSub.unbounded<number>()
  const messages = yield* PubSub.subscribe(pubsub)
  const sem = yield* WeightedSemaphore.make({ permits: 1 })
  const latch = yield* Latch.make()
  const stack: Array<string> = []
  yield* WeightedSemaphore.take(sem, 1)
  const limiter = yield* RateLimiter.make({ limit: RateLimit.tokenBucket({ limit: 1, interval: 5 }) })
  yield* RateLimiter.take(limiter)
  const own = { ready: latch.await, commit: Effect.sync(() => Option.fromUndefinedOr(stack.pop())) }
  const name = (name: string) => () => Effect.as(Effect.yieldNow, name)
  const branches = new Map([
    ["queue", queue(a, name("queue"))],
    ["deferred", deferred(gate, name("deferred"))],
    ["subscription", subscription(messages, name("subscription"))],
    ["permits", permits(sem, 1, name("permits"))],
    ["tokens", tokens(limiter, 1, name("tokens"))],
    ["timer", timer(5, name("timer"))],
    ["own", make(own, name("own"))]
  ])
  const making = yield* Effect.forkChild(
    Effect.all(
      [
        Queue.offer(a, 1),
        Deferred.succeed(gate, "gate"),
        PubSub.publish(pubsub, 1),
        WeightedSemaphore.release(sem, 1),
        Effect.andThen(
          Effect.sync(() => stack.push("top")),
          latch.open
        )
      ],
      { concurrency: "unbounded" }
    )
  )
  while (branches.size > 0) assert.isTrue(branches.delete(yield* first([...branches.values()])))
  yield* Fiber.join(making)
  assert.deepStrictEqual(yield* WeightedSemaphore.stats(sem), { permits: 1, taken: 0, available: 1, waiting: 0 })
  assert.strictEqual((yield* RateLimiter.stats(limiter)).waiting, 0)
  assert.strictEqual(messages.subscribers.size, 0)
})

describe("every kind of branch", () => {
  for (const mode of modes) {
    it.explore(`becomes ready, and is chosen (${mode})`, everyKind, { mode, runs: 150, millis: 500 })
  }
})
