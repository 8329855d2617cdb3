/** No false alarm: what Effect 4.1.0 promises here it keeps in every interleaving, also with interruptions in between. */
import * as Deferred from "effect-4.1.0/Deferred"
import * as Effect from "effect-4.1.0/Effect"
import * as Exit from "effect-4.1.0/Exit"
import * as Fiber from "effect-4.1.0/Fiber"
import * as FiberSet from "effect-4.1.0/FiberSet"
import * as Latch from "effect-4.1.0/Latch"
import * as PubSub from "effect-4.1.0/PubSub"
import * as Queue from "effect-4.1.0/Queue"
import * as RcRef from "effect-4.1.0/RcRef"
import * as Scope from "effect-4.1.0/Scope"
import * as Semaphore from "effect-4.1.0/Semaphore"
import * as SynchronizedRef from "effect-4.1.0/SynchronizedRef"
import * as TxQueue from "effect-4.1.0/TxQueue"
import * as TxRef from "effect-4.1.0/TxRef"
import { describe } from "vitest"

import { it } from "../../src/vitest.ts"
import { must, pinned } from "./known.ts"

/** Forks them in order. */
const fork = <A, E>(...effects: ReadonlyArray<Effect.Effect<A, E>>) =>
  Effect.forEach(effects, (effect) => Effect.forkChild(effect))

/** Counts who is alive in what it guards. */
const census = () => {
  const state = { alive: 0 }
  const counted = <A, E>(body: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.acquireUseRelease(
      Effect.sync(() => void state.alive++),
      () => body,
      () => Effect.sync(() => void state.alive--)
    )
  return { state, counted }
}

describe("Semaphore", () => {
  const expectFree = (semaphore: Semaphore.Semaphore, permits: number) =>
    Effect.flatMap(semaphore.withPermitsIfAvailable(permits)(Effect.void), ({ _tag }) =>
      must(_tag === "Some", "a permit was lost")
    )

  it.explore(
    "withPermits loses no permit, and never gives out more than it has",
    pinned(
      Effect.gen(function* () {
        const semaphore = yield* Semaphore.make(2)
        let taken = 0
        const use = (permits: number) =>
          semaphore.withPermits(permits)(
            Effect.acquireUseRelease(
              Effect.suspend(() => must((taken += permits) <= 2, "more than there are")),
              () => Effect.yieldNow,
              () => Effect.sync(() => void (taken -= permits))
            )
          )
        const [first, second, third] = yield* fork(use(1), use(2), use(1))
        yield* Effect.yieldNow
        yield* Fiber.interrupt(second!)
        yield* Fiber.interrupt(first!)
        yield* Fiber.join(third!)
        yield* expectFree(semaphore, 2)
      })
    )
  )

  it.explore(
    "takeScoped loses no permit",
    pinned(
      Effect.gen(function* () {
        const semaphore = yield* Semaphore.make(1)
        const use = Effect.scoped(Effect.andThen(semaphore.takeScoped(1), Effect.yieldNow))
        const [first, second, third] = yield* fork(use, use, use)
        yield* Effect.yieldNow
        yield* Fiber.interrupt(second!)
        yield* Fiber.joinAll([first!, third!])
        yield* expectFree(semaphore, 1)
      })
    )
  )
})

describe("Queue", () => {
  const queues = { "bounded(1)": Queue.bounded<number>(1), "bounded(2)": Queue.bounded<number>(2) }
  for (const [name, make] of Object.entries({ ...queues, unbounded: Queue.unbounded<number>() })) {
    it.explore(
      `${name} loses no element, and gives none twice`,
      pinned(
        Effect.gen(function* () {
          const queue = yield* make
          const taken: Array<number> = []
          const accepted: Array<number> = []
          const take = Effect.map(Queue.take(queue), (element) => void taken.push(element))
          const offer = (...elements: ReadonlyArray<number>) =>
            Effect.forEach(
              elements,
              (element) => Effect.map(Queue.offer(queue, element), (ok) => void (ok && accepted.push(element))),
              { discard: true }
            )
          const fibers = yield* fork(take, take, offer(1, 2), offer(3))
          yield* Effect.yieldNow
          yield* Fiber.interrupt(fibers[0]!)
          yield* Fiber.interrupt(fibers[2]!)
          yield* Effect.sleep(1)
          yield* Fiber.interruptAll(fibers)
          const seen = [...taken, ...(yield* Queue.clear(queue))]
          yield* must(new Set(seen).size === seen.length, `twice: ${seen.join()}`)
          yield* must(
            accepted.every((element) => seen.includes(element)),
            `accepted ${accepted.join()}, seen ${seen.join()}`
          )
        })
      )
    )
  }

  it.explore(
    "nobody sleeps beside what he waits for, whatever the ways to take",
    pinned(
      Effect.gen(function* () {
        const queue = yield* Queue.bounded<number>(2)
        const takes = yield* fork<unknown, never>(Queue.takeN(queue, 2), Queue.take(queue), Queue.peek(queue))
        const offers = yield* fork<unknown, never>(Queue.offerAll(queue, [1, 2, 3]), Queue.offer(queue, 4))
        yield* Fiber.joinAll([...takes, ...offers])
      })
    )
  )

  it.explore(
    "bounded(0): as many offers as takes, and all are met",
    pinned(
      Effect.gen(function* () {
        const queue = yield* Queue.bounded<number>(0)
        const take = Queue.take(queue)
        const fibers = yield* fork<unknown, never>(take, Queue.offer(queue, 1), Queue.offer(queue, 2), take)
        yield* Fiber.joinAll(fibers)
      })
    )
  )

  it.explore(
    "shutdown strands nobody",
    pinned(
      Effect.gen(function* () {
        const queue = yield* Queue.bounded<number>(1)
        const fibers = yield* fork<unknown, never>(
          Queue.take(queue),
          Queue.offerAll(queue, [1, 2, 3]),
          Queue.shutdown(queue),
          Queue.takeN(queue, 3),
          Queue.await(queue)
        )
        yield* Fiber.awaitAll(fibers)
      })
    )
  )
})

describe("PubSub", () => {
  for (const capacity of [1, 2, 3]) {
    it.explore(
      `bounded(${capacity}): all subscribers get the same in the same order`,
      pinned(
        Effect.scoped(
          Effect.gen(function* () {
            const pubsub = yield* PubSub.bounded<number>(capacity)
            const got: Array<Array<number>> = [[], []]
            for (const list of got) {
              const subscription = yield* PubSub.subscribe(pubsub)
              const take = Effect.map(PubSub.take(subscription), (message) => void list.push(message))
              yield* Effect.forkChild(Effect.forever(take, { disableYield: true }))
            }
            const [publisher] = yield* fork(Effect.forEach([1, 2, 3], (message) => PubSub.publish(pubsub, message)))
            yield* Effect.yieldNow
            yield* Fiber.interrupt(publisher!)
            yield* Effect.sleep(1)
            const [one, two] = got.map((list) => list.join())
            yield* must(one === two && "1,2,3".startsWith(one!), `${one} and ${two}`)
          })
        )
      )
    )
  }
})

describe("refs", () => {
  it.explore(
    "SynchronizedRef loses no update, and is free after an interruption",
    pinned(
      Effect.gen(function* () {
        const ref = yield* SynchronizedRef.make(0)
        const add = SynchronizedRef.updateEffect(ref, (n) => Effect.as(Effect.yieldNow, n + 1))
        const [first, second, third] = yield* fork(add, add, add)
        yield* Effect.yieldNow
        yield* Fiber.interrupt(second!)
        yield* Fiber.joinAll([first!, third!])
        const total = yield* SynchronizedRef.get(ref)
        yield* must(total === 2 || total === 3, `${total}`)
      })
    )
  )

  it.explore(
    "TxRef: two change together, and who waits for a change is woken by it",
    pinned(
      Effect.gen(function* () {
        const from = yield* TxRef.make(2)
        const to = yield* TxRef.make(0)
        const move = Effect.tx(
          Effect.gen(function* () {
            yield* TxRef.update(from, (n) => n - 1)
            yield* Effect.yieldNow
            yield* TxRef.update(to, (n) => n + 1)
          })
        )
        const both = Effect.tx(Effect.all([TxRef.get(from), TxRef.get(to)]))
        const arrived = Effect.tx(Effect.flatMap(TxRef.get(to), (n) => (n < 1 ? Effect.txRetry : Effect.void)))
        const [first, second, waiting] = yield* fork(move, move, arrived)
        const [seen] = yield* fork(both)
        yield* Fiber.interrupt(second!)
        yield* Fiber.joinAll([first!, waiting!])
        for (const [a, b] of [yield* Fiber.join(seen!), yield* both]) yield* must(a + b === 2, `${a} and ${b}`)
      })
    )
  )

  it.explore(
    "TxQueue: nobody sleeps beside an element or beside room for one",
    pinned(
      Effect.gen(function* () {
        const queue = yield* TxQueue.bounded<number>(1)
        const fibers = yield* fork<unknown, never>(
          TxQueue.take(queue),
          TxQueue.offer(queue, 1),
          TxQueue.take(queue),
          TxQueue.offer(queue, 2)
        )
        yield* Fiber.joinAll(fibers)
      })
    )
  )

  it.explore(
    "RcRef: open while it is held, closed when it was idle for its time",
    pinned(
      Effect.scoped(
        Effect.gen(function* () {
          let open = 0
          const acquire = Effect.acquireRelease(
            Effect.andThen(
              Effect.yieldNow,
              Effect.sync(() => void open++)
            ),
            () => Effect.sync(() => void open--)
          )
          const ref = yield* RcRef.make({ acquire, idleTimeToLive: 10 })
          const hold = (millis: number) =>
            Effect.scoped(
              Effect.gen(function* () {
                yield* RcRef.get(ref)
                yield* Effect.sleep(millis)
                yield* must(open === 1, `${open} open while it is held`)
              })
            )
          const late = Effect.andThen(Effect.sleep(10), hold(0))
          yield* Fiber.joinAll(yield* fork(hold(0), late, hold(5)))
          yield* Effect.sleep("1 minute")
          yield* must(open === 0, `${open} open after a minute`)
        })
      )
    )
  )
})

describe("fibers", () => {
  const settled: Record<string, (counted: ReturnType<typeof census>["counted"]) => Effect.Effect<unknown, string>> = {
    "Effect.forEach": (counted) => Effect.forEach([1, 2, 3], () => counted(Effect.yieldNow), { concurrency: 2 }),
    "Effect.all, one fails": (counted) =>
      Effect.all([counted(Effect.never), counted(Effect.andThen(Effect.yieldNow, Effect.fail("no")))], {
        concurrency: "unbounded"
      }),
    "Effect.raceFirst": (counted) => Effect.raceFirst(counted(Effect.yieldNow), counted(Effect.never)),
    "Effect.timeoutOption": (counted) => Effect.timeoutOption(counted(Effect.sleep(5)), 5),
    "Effect.forkScoped": (counted) =>
      Effect.scoped(Effect.andThen(Effect.forkScoped(counted(Effect.never)), Effect.yieldNow)),
    FiberSet: (counted) =>
      Effect.scoped(
        Effect.gen(function* () {
          const set = yield* FiberSet.make()
          yield* FiberSet.run(set, counted(Effect.never))
          yield* FiberSet.run(set, counted(Effect.yieldNow))
          yield* Effect.yieldNow
        })
      )
  }
  for (const [name, make] of Object.entries(settled)) {
    it.explore(
      `${name}: nothing that it began runs when it is over, also when it was interrupted`,
      pinned(
        Effect.gen(function* () {
          const { counted, state } = census()
          const [fiber] = yield* fork(make(counted))
          yield* Effect.yieldNow
          yield* Fiber.interrupt(fiber!)
          yield* must(state.alive === 0, `${state.alive} alive`)
        })
      )
    )
  }

  it.explore(
    "Latch and Deferred wake all who wait, and one who is interrupted takes nobody's place",
    pinned(
      Effect.gen(function* () {
        const latch = yield* Latch.make()
        const deferred = yield* Deferred.make<void>()
        const wait = Effect.andThen(latch.await, Deferred.await(deferred))
        const [first, second, third] = yield* fork(wait, wait, wait)
        const waker = yield* fork<unknown, never>(latch.open, Deferred.succeed(deferred, undefined))
        yield* Fiber.interrupt(second!)
        yield* Fiber.joinAll([first!, third!, ...waker])
      })
    )
  )

  it.explore(
    "Scope: a finalizer runs once, whenever it is added",
    pinned(
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        let runs = 0
        const close = Scope.close(scope, Exit.void)
        const add = Scope.addFinalizer(
          scope,
          Effect.sync(() => void runs++)
        )
        yield* Fiber.joinAll(yield* fork(add, close, close))
        yield* must(runs === 1, `${runs} times`)
      })
    )
  )
})
