/**
 * The semaphore against a model that is small enough to be read: a list of who waits, and what the contract says of it.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"

import { Waiter } from "../src/internal/waitLine.ts"
import * as WeightedSemaphore from "../src/WeightedSemaphore.ts"
import { type Model, type Request, runProgram, Steps } from "./support/programs.ts"
import { SteppingScheduler } from "./support/steppingScheduler.ts"

const { makeUnsafe, release, resize, stats, take, takeIfAvailable, withPermits } = WeightedSemaphore

interface Ask {
  readonly permits: number
  readonly priority: number
}

const priorityStep = 3

class SemaphoreModel implements Model<Ask> {
  permits: number
  largest: number
  taken = 0
  tickets = 0
  waiting: Array<Request<Ask> & { readonly key: number }> = []
  readonly served: Array<Request<Ask>> = []
  readonly refused = new Map<number, string>()

  constructor(permits: number) {
    this.permits = this.largest = permits
  }
  get available() {
    return Math.max(0, this.permits - this.taken)
  }
  keyOf({ priority }: Ask) {
    return this.tickets + 1 - priority * priorityStep
  }
  /** Whoever is larger than today's capacity is passed over; of the others the first decides. */
  get head() {
    return this.waiting
      .filter(({ ask }) => ask.permits <= this.permits)
      .toSorted((a, b) => a.key - b.key || b.ask.priority - a.ask.priority)[0]
  }
  come(request: Request<Ask>) {
    if (this.takeIfAvailable(request.ask)) this.served.push(request)
    else {
      this.waiting.push({ ...request, key: this.keyOf(request.ask) })
      this.tickets++
    }
  }
  takeIfAvailable(ask: Ask) {
    const { head } = this
    const leads = head === undefined || this.keyOf(ask) <= head.key
    if (!leads || ask.permits > this.available) return false
    if (head !== undefined) this.tickets++
    this.taken += ask.permits
    return true
  }
  giveBack({ permits }: Ask) {
    this.taken -= permits
  }
  serve() {
    for (let { head } = this; head !== undefined && head.ask.permits <= this.available; { head } = this) {
      this.waiting = this.waiting.filter((one) => one !== head)
      this.taken += head.ask.permits
      this.served.push(head)
    }
  }
  resize(permits: number) {
    this.permits = permits
    this.largest = Math.max(this.largest, permits)
  }
  stats() {
    const { available, permits, taken } = this
    return { permits, taken, available, waiting: this.waiting.length }
  }
}

const againstItsModel = (priorities: ReadonlyArray<number>) => (steps: typeof Steps.Type) => {
  const model = new SemaphoreModel(4)
  const sem = makeUnsafe({ permits: 4, priorityStep })
  runProgram<Ask, SemaphoreModel, WeightedSemaphore.Stats>(steps, {
    model,
    accounts: ({ permits, taken }) => [{ taken, capacity: permits }],
    subject: {
      take: ({ permits, priority }) => take(sem, permits, { priority }),
      takeIfAvailable: ({ permits, priority }) => takeIfAvailable(sem, permits, { priority }),
      release: ({ permits }) => release(sem, permits),
      stats: stats(sem)
    },
    ask: ({ a, b }) => ({ permits: a % (model.largest + 1), priority: priorities[b % priorities.length]! }),
    others: [
      ({ a }) => {
        model.resize(a % 8)
        return resize(sem, a % 8)
      }
    ]
  })
}

describe("WeightedSemaphore against its model: take, takeIfAvailable, release, resize and interrupt, at random", () => {
  it.prop("without priorities", [Steps], ([steps]) => againstItsModel([0])(steps), {
    arbitrary: { runs: 300, size: 60 }
  })

  it.prop("with priorities that age", [Steps], ([steps]) => againstItsModel([0, 0, 1, 2, -1])(steps), {
    arbitrary: { runs: 300, size: 60 }
  })
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

describe("S20: cost", () => {
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
