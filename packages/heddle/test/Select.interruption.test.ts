/** Interrupted at every step: what was not taken is where it was, what was taken is in the hands of the caller. */
import { assert, describe, it } from "@effect/vitest"
import * as Explorer from "@heddle/testing/Explorer"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as PubSub from "effect/PubSub"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"

import * as Select from "../src/Select.ts"
import * as WeightedSemaphore from "../src/WeightedSemaphore.ts"

const { deferred, first, make, permits, queue, subscription, timer } = Select

const budgets = [3, 4, 5, 8, 64]

const allMoments = ["operation", "preemption", "task", "pause"] as const

// who is interrupted in the very operation that takes a message, and has no handler to tell, has nobody to give to, since a
// `PubSub` takes nothing back: the same holds for `PubSub.take`
const exceptOperations = ["preemption", "task", "pause"] as const

const yields = (count: number) => Effect.replicateEffect(Effect.yieldNow, count, { discard: true })

interface Parts {
  readonly a: Queue.Queue<number>
  readonly b: Queue.Queue<number>
  readonly messages: PubSub.Subscription<number>
  readonly gate: Deferred.Deferred<void>
  readonly sem: WeightedSemaphore.WeightedSemaphore
  readonly taken: Array<number>
}

interface Selecting {
  /** Must give the number that it takes, or zero. */
  readonly target: (parts: Parts) => Effect.Effect<number>
  readonly before?: (parts: Parts) => ReadonlyArray<Effect.Effect<unknown>>
  readonly after?: (parts: Parts) => ReadonlyArray<Effect.Effect<unknown>>
  readonly moments?: ReadonlyArray<Explorer.Moment>
}

/** Numbers 1 to 3 come into both queues and the subscription while somebody else takes from the first; each is found once. */
const foundOnce = (name: string, { after, before, moments = allMoments, target }: Selecting) =>
  it.effect(name, () =>
    Effect.gen(function* () {
      let took = 0
      const report = yield* Explorer.interruptEverywhere(
        Effect.gen(function* () {
          const scope = yield* Scope.make()
          const pubsub = yield* PubSub.unbounded<number>()
          const parts: Parts = {
            a: yield* Queue.bounded<number>(1),
            b: yield* Queue.unbounded<number>(),
            messages: yield* Scope.provide(PubSub.subscribe(pubsub), scope),
            gate: yield* Deferred.make<void>(),
            sem: yield* WeightedSemaphore.make({ permits: 1 }),
            taken: []
          }
          const consume = (take: Effect.Effect<number>) =>
            Effect.uninterruptibleMask((restore) => Effect.map(restore(take), (n) => void parts.taken.push(n)))
          return {
            parts,
            scope,
            before: before?.(parts) ?? [],
            target: consume(target(parts)),
            after: [
              Effect.andThen(yields(1), Queue.offer(parts.a, 1)),
              Effect.andThen(yields(2), Queue.offer(parts.b, 2)),
              Effect.andThen(yields(2), PubSub.publish(pubsub, 3)),
              Effect.andThen(yields(3), Deferred.succeed(parts.gate, undefined)),
              ...(after?.(parts) ?? [])
            ]
          }
        }),
        (exit, { parts: { a, b, messages, sem, taken }, scope }) =>
          Effect.gen(function* () {
            assert.isTrue(Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause), String(exit))
            took += taken.length
            const left = [
              ...(yield* Queue.clear(a)),
              ...(yield* Queue.clear(b)),
              ...(yield* PubSub.takeUpTo(messages, Infinity))
            ]
            assert.deepStrictEqual(
              [...taken, ...left].filter((n) => n > 0).toSorted((a, b) => a - b),
              [1, 2, 3]
            )
            assert.deepStrictEqual(yield* WeightedSemaphore.stats(sem), whole)
            assert.strictEqual(messages.subscribers.size, 0)
            yield* Scope.close(scope, Exit.void)
          }),
        { budgets, moments }
      )
      assert.isAbove(report.interrupted, 10)
      assert.isAbove(took, 0)
    })
  )

const whole = { permits: 1, taken: 0, available: 1, waiting: 0 }

describe("interrupted everywhere", () => {
  foundOnce("two queues", { target: ({ a, b }) => first([queue(a), queue(b)]) })

  foundOnce("a queue, a subscription, a deferred and a timer", {
    target: ({ a, gate, messages }) =>
      first([
        queue(a),
        subscription(messages),
        deferred(gate, () => Effect.succeed(0)),
        timer(5, () => Effect.succeed(0))
      ])
  })

  foundOnce("a subscription alone", {
    target: ({ messages }) => first([subscription(messages)]),
    moments: exceptOperations
  })

  foundOnce("a subscription alone, with a handler", {
    target: ({ messages, taken }) => {
      const keep = (n: number) => {
        taken.push(n)
        return Effect.succeed(0)
      }
      return first([subscription(messages, keep)])
    }
  })

  foundOnce("handlers are called with what was taken, also if they never run", {
    target: ({ a, b, taken }) => {
      const keep = (n: number) => {
        taken.push(n)
        return Effect.succeed(0)
      }
      return first([queue(a, keep), queue(b, keep)])
    }
  })

  foundOnce("permits that somebody else holds, and a queue", {
    before: ({ sem }) => [yields(3).pipe(WeightedSemaphore.withPermit(sem))],
    target: ({ a, sem }) => first([permits(sem, 1, () => Effect.as(yields(2), 0)), queue(a)]),
    after: ({ sem }) => [yields(1).pipe(WeightedSemaphore.withPermit(sem))]
  })

  foundOnce("permits alone, in a line", {
    before: ({ sem }) => [yields(2).pipe(WeightedSemaphore.withPermit(sem))],
    target: ({ sem }) => first([permits(sem, 1, () => Effect.as(yields(2), 0))]),
    after: ({ sem }) => [yields(1).pipe(WeightedSemaphore.withPermit(sem))]
  })

  foundOnce("a bridge, whose commit takes several steps", {
    target: ({ b, taken }) => {
      const commit = Effect.andThen(Effect.yieldNow, Effect.tap(Queue.poll(b), Effect.yieldNow))
      const keep = (n: number) => {
        taken.push(n)
        return Effect.succeed(0)
      }
      return first([make({ ready: Queue.peek(b), commit }, keep)])
    }
  })

  foundOnce("otherwise", {
    target: ({ a, b }) => first([queue(a), queue(b)], { otherwise: Effect.as(Effect.yieldNow, 0) })
  })
})
