import * as Effect from "effect-4.1.0/Effect"
import * as Fiber from "effect-4.1.0/Fiber"
import * as PubSub from "effect-4.1.0/PubSub"
import * as Queue from "effect-4.1.0/Queue"
import { describe } from "vitest"

import { finds, must } from "./known.ts"

describe("an element of a queue is lost", () => {
  // Effect.ts, raceAll (internal/effect.ts:1703): the race is over when the first has succeeded, but the other runs until
  // it is interrupted, and what it takes from its queue meanwhile goes nowhere.
  finds("race of two Queue.takes", {
    program: Effect.gen(function* () {
      const left = yield* Queue.unbounded<string>()
      const right = yield* Queue.unbounded<string>()
      const winner = yield* Effect.forkChild(Effect.race(Queue.take(left), Queue.take(right)))
      yield* Effect.yieldNow
      yield* Queue.offer(left, "left")
      yield* Queue.offer(right, "right")
      yield* Fiber.join(winner)
      const rest = (yield* Queue.size(left)) + (yield* Queue.size(right))
      yield* must(rest === 1, `one of two was taken, and ${rest} are left`)
    }),
    weakestMode: "resume",
    runs: 10,
    trace: "race"
  })

  // The same with a timeout, which is a race with a clock.
  finds("Queue.take with a timeout", {
    program: Effect.gen(function* () {
      const queue = yield* Queue.unbounded<string>()
      const consumer = yield* Effect.forkChild(Effect.timeoutOption(Queue.take(queue), 5))
      yield* Effect.sleep(5)
      yield* Queue.offer(queue, "element")
      const taken = (yield* Fiber.join(consumer))._tag === "Some"
      const rest = yield* Queue.size(queue)
      yield* must(taken || rest === 1, "timed out, and the element is gone")
    }),
    weakestMode: "resume",
    runs: 10,
    trace: "timeout"
  })

  // Queue.ts:2039-2042: `take` takes the element, and then resumes the producer that waited for room on its own stack. If
  // that one interrupts the taker, the taker is interrupted before its result is delivered.
  finds("Queue.take that makes room for the one who interrupts it", {
    program: Effect.gen(function* () {
      const queue = yield* Queue.bounded<number>(1)
      const taker = yield* Effect.forkChild(Queue.take(queue))
      yield* Queue.offer(queue, 1)
      yield* Queue.offer(queue, 2)
      yield* Fiber.interrupt(taker)
      const exit = yield* Fiber.await(taker)
      const rest = yield* Queue.clear(queue)
      yield* must(
        exit._tag === "Success" || rest.length === 2,
        `the taker was interrupted, and of 1,2 there is ${rest.join(",")}`
      )
    }),
    weakestMode: "stock",
    runs: 1,
    trace: "Queue.take"
  })

  // PubSub.ts:2053-2065: unlike that of Queue, it takes what is there, and then waits for the rest with it in hand.
  finds("PubSub.takeBetween that is interrupted", {
    program: Effect.scoped(
      Effect.gen(function* () {
        const pubsub = yield* PubSub.bounded<number>(4)
        const subscription = yield* PubSub.subscribe(pubsub)
        yield* PubSub.publish(pubsub, 1)
        const taker = yield* Effect.forkChild(PubSub.takeBetween(subscription, 2, 2))
        yield* Effect.yieldNow
        yield* Fiber.interrupt(taker)
        const left = yield* PubSub.remaining(subscription)
        yield* must(left === 1, `${left} left, and nobody has the message`)
      })
    ),
    weakestMode: "stock",
    runs: 1,
    trace: "PubSub.takeBetween"
  })
})
