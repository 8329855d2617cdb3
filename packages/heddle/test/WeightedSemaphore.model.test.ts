/**
 * The semaphore against a model that is small enough to be read: a list of who waits, and what the contract says of it.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"

import { Waiter } from "../src/internal/waitLine.ts"
import * as WeightedSemaphore from "../src/WeightedSemaphore.ts"
import { SteppingScheduler } from "./support/steppingScheduler.ts"

const { makeUnsafe, release, resize, stats, take, takeIfAvailable, withPermits } = WeightedSemaphore

class Model {
  permits: number
  largest: number
  taken = 0
  waiting: Array<{ readonly id: number; readonly permits: number }> = []
  served: Array<number> = []

  constructor(permits: number) {
    this.permits = this.largest = permits
  }
  get available() {
    return Math.max(0, this.permits - this.taken)
  }
  /** Whoever is larger than today's capacity is passed over; of the others the first decides. */
  serve() {
    for (;;) {
      const head = this.waiting.find((one) => one.permits <= this.permits)
      if (head === undefined || head.permits > this.available) return
      this.waiting = this.waiting.filter((one) => one !== head)
      this.taken += head.permits
      this.served.push(head.id)
    }
  }
  takeIfAvailable(permits: number): boolean {
    const blocked = this.waiting.some((one) => one.permits <= this.permits)
    if (blocked || permits > this.available) return false
    this.taken += permits
    return true
  }
}

const Step = Schema.Struct({ what: Schema.Int, permits: Schema.Int, who: Schema.Int })

const sorted = (ids: ReadonlyArray<number>) => ids.toSorted((a, b) => a - b)

describe("WeightedSemaphore against its model", () => {
  it.prop(
    "random programs of take, takeIfAvailable, release, resize and interrupt",
    [Schema.Array(Step)],
    ([program]) => {
      const capacity = 4
      const scheduler = new SteppingScheduler(2048)
      const sem = makeUnsafe({ permits: capacity })
      const model = new Model(capacity)
      const run = <A, E>(effect: Effect.Effect<A, E>) => Effect.runFork(effect, { scheduler })
      const served: Array<number> = []
      const holds: Array<number> = []
      const fibers = new Map<number, Fiber.Fiber<unknown, unknown>>()
      // whoever is served as it comes goes on at once; only those who waited resume in the order in which they were served
      const waited = new Set<number>()
      let ids = 0
      for (const step of program) {
        const permits = Math.abs(step.permits) % (model.largest + 1)
        switch (Math.abs(step.what) % 6) {
          case 0:
          case 1: {
            const id = ids++
            const taking = Effect.andThen(
              take(sem, permits),
              Effect.sync(() => served.push(id))
            )
            fibers.set(id, run(taking))
            model.waiting.push({ id, permits })
            break
          }
          case 2: {
            const taken = Effect.runSync(takeIfAvailable(sem, permits))
            assert.strictEqual(taken, model.takeIfAvailable(permits))
            if (taken) holds.push(permits)
            break
          }
          case 3: {
            const held = holds.splice(Math.abs(step.who) % Math.max(1, holds.length), 1)[0]
            if (held === undefined) break
            Effect.runSync(release(sem, held))
            model.taken -= held
            break
          }
          case 4: {
            const waiting = model.waiting[Math.abs(step.who) % Math.max(1, model.waiting.length)]
            if (waiting === undefined) break
            fibers.get(waiting.id)!.interruptUnsafe()
            model.waiting = model.waiting.filter((one) => one !== waiting)
            break
          }
          default: {
            const size = Math.abs(step.permits) % 8
            Effect.runSync(resize(sem, size))
            model.permits = size
            model.largest = Math.max(model.largest, size)
          }
        }
        const before = model.served.length
        const weights = new Map(model.waiting.map((one) => [one.id, one.permits]))
        model.serve()
        for (const id of model.served.slice(before)) holds.push(weights.get(id)!)
        for (const one of model.waiting) waited.add(one.id)
        // half of the time those served have resumed before the next step, half of the time not
        if (step.who % 2 === 0) scheduler.drain()
        assert.deepStrictEqual(Effect.runSync(stats(sem)), {
          permits: model.permits,
          taken: model.taken,
          available: model.available,
          waiting: model.waiting.length
        })
      }
      scheduler.drain()
      assert.deepStrictEqual(sorted(served), sorted(model.served))
      const inOrder = (log: ReadonlyArray<number>) => log.filter((id) => waited.has(id))
      assert.deepStrictEqual(inOrder(served), inOrder(model.served))
      assert.strictEqual(
        model.taken,
        holds.reduce((sum, held) => sum + held, 0)
      )
    },
    { arbitrary: { runs: 300, size: 60 } }
  )
})

/** Counts the objects of which `previous`, `next` or `ticket` is read or written. */
const touched = (waiters: ReadonlyArray<object>) => {
  const seen = new Set<object>()
  let touches = 0
  for (const waiter of waiters) {
    for (const field of ["previous", "next", "ticket"]) {
      let value: unknown = Reflect.get(waiter, field)
      Object.defineProperty(waiter, field, {
        get() {
          touches++
          seen.add(waiter)
          return value
        },
        set(next) {
          touches++
          seen.add(waiter)
          value = next
        }
      })
    }
  }
  return {
    /** How many different ones an action touches. */
    during: (action: () => void): number => {
      seen.clear()
      touches = 0
      action()
      return seen.size
    },
    /** How often the latest action touched any. */
    touches: (): number => touches
  }
}

/** White box: the requests that stand in the line of a semaphore. */
const lineOf = (sem: object): Array<object> => {
  const waiters: Array<object> = []
  const step = (from: unknown, field: string): unknown =>
    from instanceof Object ? Reflect.get(from, field) : undefined
  for (let at = step(step(sem, "line"), "head"); at instanceof Waiter; at = step(at, "next")) waiters.push(at)
  return waiters
}

describe("cost", () => {
  it("an operation touches the same few waiters, whether 10 wait or 20,000", () => {
    const costs = [10, 1_000, 20_000].map((waiting) => {
      const scheduler = new SteppingScheduler(2048)
      const sem = makeUnsafe({ permits: 4 })
      Effect.runSync(take(sem, 4))
      const fibers = Array.from({ length: waiting }, () =>
        Effect.runFork(withPermits(sem, 1, Effect.never), { scheduler })
      )
      const line = lineOf(sem)
      assert.lengthOf(line, waiting)
      const count = touched(line)
      return {
        release: count.during(() => Effect.runSync(release(sem, 1))),
        join: count.during(() => Effect.runFork(withPermits(sem, 1, Effect.never), { scheduler })),
        interruptFirst: count.during(() => fibers[1]!.interruptUnsafe()),
        interruptMiddle: count.during(() => fibers[waiting / 2]!.interruptUnsafe()),
        refused: count.during(() => Effect.runSync(takeIfAvailable(sem, 1))),
        shrink: count.during(() => Effect.runSync(resize(sem, 2))),
        grow: count.during(() => Effect.runSync(resize(sem, 3)))
      }
    })
    assert.deepStrictEqual(costs[1], costs[0])
    assert.deepStrictEqual(costs[2], costs[0])
    for (const [operation, waiters] of Object.entries(costs[0]!)) assert.isAtMost(waiters, 3, operation)
    assert.isAbove(costs[0]!.release, 0)
  })

  it("a shrink after a growth, with two sizes aside, moves each request once", () => {
    const moves = [500, 1_000].map((waiting) => {
      const scheduler = new SteppingScheduler(2048)
      const sem = makeUnsafe({ permits: 20 })
      Effect.runSync(take(sem, 20))
      for (const permits of [10, 20]) {
        for (let index = 0; index < waiting; index++) {
          Effect.runFork(withPermits(sem, permits, Effect.never), { scheduler })
        }
      }
      const line = lineOf(sem)
      const count = touched(line)
      Effect.runSync(resize(sem, 5))
      Effect.runSync(resize(sem, 10))
      count.during(() => Effect.runSync(resize(sem, 5)))
      return count.touches() / waiting
    })
    // touches per waiter do not grow with the number of waiters
    assert.isAtMost(moves[1]!, moves[0]! * 1.1)
  })
})
