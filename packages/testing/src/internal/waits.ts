/** What of Effect makes a fiber wait for another one: each begun so that it waits, to be recognised by. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Pool from "effect/Pool"
import * as PubSub from "effect/PubSub"
import * as Queue from "effect/Queue"
import * as Semaphore from "effect/Semaphore"

const never = Effect.forkChild(Effect.never)
const promise = () => new Promise<never>(() => {})

/** By name. Of two that wait in the same way the first one is named. */
export const waits: ReadonlyArray<readonly [name: string, wait: Effect.Effect<unknown, unknown>]> = [
  ["Effect.never", Effect.never],
  ["Effect.promise", Effect.promise(promise)],
  ["Effect.tryPromise", Effect.tryPromise(promise)],
  ["Deferred.await", Effect.flatMap(Deferred.make<never>(), Deferred.await)],
  ["Fiber.join", Effect.flatMap(never, Fiber.join)],
  ["Fiber.await", Effect.flatMap(never, Fiber.await)],
  ["Fiber.joinAll", Effect.flatMap(never, (fiber) => Fiber.joinAll([fiber]))],
  ["Fiber.awaitAll", Effect.flatMap(never, (fiber) => Fiber.awaitAll([fiber]))],
  ["Effect.forEach", Effect.all([Effect.never, Effect.never], { concurrency: "unbounded" })],
  ["Effect.race", Effect.raceAll([Effect.never, Effect.never])],
  ["Effect.raceFirst", Effect.raceAllFirst([Effect.never, Effect.never])],
  ["Latch.await", Effect.flatMap(Latch.make(), Latch.await)],
  ["Semaphore.take", Effect.flatMap(Semaphore.make(0), Semaphore.take(1))],
  ["Queue.take", Effect.flatMap(Queue.bounded<never>(1), Queue.take)],
  [
    "Queue.offer",
    Effect.flatMap(Queue.bounded<number>(1), (queue) => Effect.andThen(Queue.offer(queue, 1), Queue.offer(queue, 2)))
  ],
  ["Queue.offerAll", Effect.flatMap(Queue.bounded<number>(1), (queue) => Queue.offerAll(queue, [1, 2]))],
  ["Queue.await", Effect.flatMap(Queue.bounded<never>(1), Queue.await)],
  [
    "PubSub.take",
    Effect.scoped(Effect.flatMap(Effect.flatMap(PubSub.bounded<never>(1), PubSub.subscribe), PubSub.take))
  ],
  [
    "Pool.get",
    Effect.scoped(
      Effect.flatMap(Pool.make({ acquire: Effect.void, size: 1 }), (pool) =>
        Effect.andThen(Pool.get(pool), Pool.get(pool))
      )
    )
  ]
]
