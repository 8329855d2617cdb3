/** The keyed semaphore against a model: a list of waiters per key, and a list of the keys that take turns. */
import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"

import * as KeyedSemaphore from "../src/KeyedSemaphore.ts"
import { type Model, type Request, runProgram, Steps } from "./support/programs.ts"

const { makeUnsafe, pause, release, resize, resume, stats, take, takeIfAvailable } = KeyedSemaphore

interface Ask {
  readonly key: number
  readonly permits: number
}

interface Budget {
  readonly key: number
  permits: number
  largest: number
  taken: number
  holds: number
  paused: boolean
  saved: number
  /** Up to where it has had its share of the rounds. */
  level: number | undefined
}

class KeyedModel implements Model<Ask> {
  permitsPerKey: number
  total: number
  taken = 0
  /** In the order in which they came into use. */
  budgets: Array<Budget> = []
  waiting: Array<Request<Ask>> = []
  /** Those whose heads fit their own budgets: the first has its turn. */
  ring: Array<Budget> = []
  turn: Budget | undefined
  /** Those whose turn is still to come in this round, and the one that has it. */
  round: Array<Budget> = []
  share = 0
  level = 0
  largestOfRound = 0
  readonly served: Array<Request<Ask>> = []
  readonly refused = new Map<number, string>()

  constructor(permitsPerKey: number, total: number) {
    this.permitsPerKey = permitsPerKey
    this.total = total
  }
  budgetOf(key: number): Budget {
    const found = this.budgets.find((one) => one.key === key)
    if (found !== undefined) return found
    const permits = this.permitsPerKey
    const budget = { key, permits, largest: permits, taken: 0, holds: 0, paused: false, saved: 0, level: undefined }
    this.budgets.push(budget)
    return budget
  }
  largestOf(key: number) {
    return this.budgets.find((one) => one.key === key)?.largest ?? this.permitsPerKey
  }
  /** Whoever is larger than today's limits is passed over. */
  headOf(budget: Budget) {
    const limit = Math.min(budget.permits, this.total)
    return this.waiting.find(({ ask }) => ask.key === budget.key && ask.permits <= limit)
  }
  isReady(budget: Budget) {
    const head = this.headOf(budget)
    return head !== undefined && !budget.paused && head.ask.permits <= Math.max(0, budget.permits - budget.taken)
  }
  hold({ key, permits }: Ask) {
    const budget = this.budgetOf(key)
    budget.taken += permits
    if (permits > 0) budget.holds++
    this.taken += permits
  }
  come(request: Request<Ask>) {
    if (this.takeIfAvailable(request.ask)) this.served.push(request)
    else {
      this.budgetOf(request.ask.key)
      this.waiting.push(request)
    }
  }
  takeIfAvailable(ask: Ask) {
    const fitsTotal = this.ring.length === 0 && ask.permits <= Math.max(0, this.total - this.taken)
    const budget = this.budgets.find((one) => one.key === ask.key)
    const fitsKey =
      budget === undefined
        ? ask.permits <= this.permitsPerKey
        : !budget.paused &&
          this.headOf(budget) === undefined &&
          ask.permits <= Math.max(0, budget.permits - budget.taken)
    if (!fitsTotal || !fitsKey) return false
    this.hold(ask)
    return true
  }
  giveBack({ key, permits }: Ask) {
    const budget = this.budgetOf(key)
    budget.taken -= permits
    if (permits > 0) budget.holds--
    this.taken -= permits
  }
  /** The ring after anything has changed, and those forgotten whom nobody uses. */
  settle() {
    for (const budget of this.budgets) {
      const isReady = this.isReady(budget)
      const inRing = this.ring.includes(budget)
      if (isReady && !inRing) this.ring.push(budget)
      if (!isReady && inRing) {
        this.ring = this.ring.filter((other) => other !== budget)
        this.round = this.round.filter((other) => other !== budget)
        budget.saved = 0
        budget.level = undefined
        if (this.turn === budget) this.turn = undefined
      }
    }
    const isUsed = (budget: Budget) =>
      budget.holds > 0 || budget.paused || this.waiting.some(({ ask }) => ask.key === budget.key)
    this.budgets = this.budgets.filter(isUsed)
  }
  serve() {
    this.settle()
    for (let [front] = this.ring; front !== undefined; [front] = this.ring) {
      const head = this.headOf(front)!
      const { permits } = head.ask
      if (this.turn !== front) this.begin(front, permits)
      if (permits > front.saved) {
        this.ring = [...this.ring.slice(1), front]
        this.round = this.round.slice(1)
        this.turn = undefined
        continue
      }
      if (permits > Math.max(0, this.total - this.taken)) return
      front.saved -= permits
      this.waiting = this.waiting.filter((one) => one !== head)
      this.hold(head.ask)
      this.served.push(head)
      this.settle()
    }
  }
  begin(front: Budget, permits: number) {
    if (this.round.length === 0) {
      this.round = [...this.ring]
      this.share = this.largestOfRound
      this.level += this.share
      this.largestOfRound = 0
    }
    this.largestOfRound = Math.max(this.largestOfRound, permits)
    const raise = Math.max(0, permits - this.share)
    this.share += raise
    this.level += raise
    front.saved += front.level === undefined ? this.share : this.level - front.level
    front.level = this.level
    this.turn = front
  }
  pause(key: number) {
    this.budgetOf(key).paused = true
  }
  resume(key: number) {
    const budget = this.budgets.find((one) => one.key === key)
    if (budget !== undefined) budget.paused = false
  }
  resizeTotal(total: number) {
    this.total = total
  }
  resizeKeys(permitsPerKey: number) {
    this.permitsPerKey = permitsPerKey
    for (const budget of this.budgets) {
      budget.permits = permitsPerKey
      budget.largest = Math.max(budget.largest, permitsPerKey)
    }
  }
  stats() {
    const { budgets, taken, total, waiting } = this
    return {
      keys: budgets.length,
      total,
      taken,
      available: Math.max(0, total - taken),
      waiting: waiting.length,
      each: keys.map((key) => {
        const budget = budgets.find((one) => one.key === key)
        const permits = budget?.permits ?? this.permitsPerKey
        return {
          permits,
          taken: budget?.taken ?? 0,
          available: Math.max(0, permits - (budget?.taken ?? 0)),
          waiting: waiting.filter(({ ask }) => ask.key === key).length,
          paused: budget?.paused ?? false
        }
      })
    }
  }
}

const keys = [0, 1, 2]

const againstItsModel = (permitsPerKey: number, total: number) => (steps: typeof Steps.Type) => {
  const model = new KeyedModel(permitsPerKey, total)
  const sem = makeUnsafe<number>({ permitsPerKey, total })
  const largestTotal = total
  runProgram(steps, {
    model,
    accounts: ({ each, taken, total }) => [
      { taken, capacity: total },
      ...each.map(({ permits, taken }, key) => ({ taken, capacity: permits, has: (ask: Ask) => ask.key === keys[key] }))
    ],
    subject: {
      take: ({ key, permits }) => take(sem, key, permits),
      takeIfAvailable: ({ key, permits }) => takeIfAvailable(sem, key, permits),
      release: ({ key, permits }) => release(sem, key, permits),
      stats: Effect.gen(function* () {
        return { ...(yield* stats(sem)), each: yield* Effect.forEach(keys, (key) => stats(sem, key)) }
      })
    },
    ask: ({ a, b }) => {
      const key = a % keys.length
      return { key, permits: b % (Math.min(model.largestOf(key), largestTotal) + 1) }
    },
    others: [
      ({ a }) => {
        model.pause(a % keys.length)
        return pause(sem, a % keys.length)
      },
      ({ a }) => {
        model.resume(a % keys.length)
        return resume(sem, a % keys.length)
      },
      ({ a, b }) => {
        if (b % 3 > 0) return Effect.void
        model.resizeTotal(a % (total + 1))
        return resize(sem, { total: a % (total + 1) })
      },
      ({ a, b }) => {
        if (b % 3 > 0) return Effect.void
        model.resizeKeys(a % 6)
        return resize(sem, { permitsPerKey: a % 6 })
      }
    ]
  })
}

describe("KeyedSemaphore against its model: take, takeIfAvailable, release, interrupt, pause, resume and resize, at random", () => {
  it.prop("the total is less than the keys' budgets", [Steps], ([steps]) => againstItsModel(4, 6)(steps), {
    arbitrary: { runs: 400, size: 80 }
  })

  it.prop("the total is as much as one key's budget", [Steps], ([steps]) => againstItsModel(3, 3)(steps), {
    arbitrary: { runs: 400, size: 80 }
  })

  it.prop("the total is no limit", [Steps], ([steps]) => againstItsModel(3, 1_000)(steps), {
    arbitrary: { runs: 200, size: 80 }
  })
})
