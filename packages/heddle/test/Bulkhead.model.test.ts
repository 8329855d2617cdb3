/** The bulkhead against a model: who waits, since when, and what the contract says of it. */
import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"

import * as Bulkhead from "../src/Bulkhead.ts"
import { ManualClock } from "./support/manualClock.ts"
import { type Model, type Request, runProgram, Steps } from "./support/programs.ts"

const { close, makeUnsafe, release, stats, take, takeIfAvailable } = Bulkhead

interface Ask {
  readonly permits: number
  readonly priority: number
}

interface Limits {
  readonly concurrency: number
  readonly maxWaiting: number
  readonly maxWait: number
  readonly overflow: "fail" | "dropOldest" | "dropLowestPriority"
}

const priorityStep = 3

class BulkheadModel implements Model<Ask> {
  readonly limits: Limits
  taken = 0
  now = 0
  tickets = 0
  closed = false
  waiting: Array<Request<Ask> & { readonly key: number; readonly since: number }> = []
  readonly served: Array<Request<Ask>> = []
  readonly refused = new Map<number, string>()

  constructor(limits: Limits) {
    this.limits = limits
  }
  get available() {
    return this.limits.concurrency - this.taken
  }
  keyOf({ priority }: Ask) {
    return this.tickets + 1 - priority * priorityStep
  }
  get head() {
    return this.waiting.toSorted((a, b) => a.key - b.key || b.ask.priority - a.ask.priority)[0]
  }
  turnAway(request: Request<Ask>, reason: string) {
    this.waiting = this.waiting.filter(({ id }) => id !== request.id)
    this.refused.set(request.id, reason)
  }
  come(request: Request<Ask>) {
    if (this.closed) return this.turnAway(request, "BulkheadClosed")
    if (this.takeIfAvailable(request.ask)) return void this.served.push(request)
    if (this.waiting.length >= this.limits.maxWaiting) {
      const victim = this.victim(request)
      this.turnAway(victim, "BulkheadFull")
      if (victim === request) return undefined
    }
    const key = this.keyOf(request.ask)
    this.tickets++
    this.waiting.push({ ...request, key, since: this.now })
    return undefined
  }
  victim(newcomer: Request<Ask>): Request<Ask> {
    const { overflow } = this.limits
    if (overflow === "fail") return newcomer
    if (overflow === "dropOldest") return this.waiting[0] ?? newcomer
    const lowest = Math.min(...[...this.waiting, newcomer].map(({ ask }) => ask.priority))
    return [...this.waiting, newcomer].findLast(({ ask }) => ask.priority === lowest)!
  }
  takeIfAvailable(ask: Ask) {
    const { head } = this
    const leads = head === undefined || this.keyOf(ask) <= head.key
    if (this.closed || !leads || ask.permits > this.available) return false
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
  /** One after the other: a heavy one that leaves makes room for those behind it. */
  advance(millis: number) {
    for (const until = this.now + millis; this.now < until;) {
      this.now++
      for (let [due] = this.waiting; due !== undefined; [due] = this.waiting) {
        if (due.since + this.limits.maxWait > this.now) break
        this.turnAway(due, "WaitTimeout")
        this.serve()
      }
    }
  }
  close() {
    this.closed = true
    for (const request of this.waiting) this.turnAway(request, "BulkheadClosed")
  }
  stats() {
    const { available, closed, limits, refused, taken } = this
    const count = (tag: string) => Array.from(refused.values()).filter((one) => one === tag).length
    return {
      concurrency: limits.concurrency,
      taken,
      available,
      waiting: this.waiting.length,
      maxWaiting: limits.maxWaiting,
      refused: count("BulkheadFull"),
      timedOut: count("WaitTimeout"),
      closed,
      // one timer while somebody waits, and none otherwise
      sleeping: this.waiting.length > 0 ? 1 : 0
    }
  }
}

describe("Bulkhead against its model: take, takeIfAvailable, release, interrupt, wait and close, at random", () => {
  for (const overflow of ["fail", "dropOldest", "dropLowestPriority"] as const) {
    for (const maxWaiting of [0, 3]) {
      it.prop(
        `overflow ${overflow}, ${maxWaiting} may wait`,
        [Steps],
        ([steps]) => {
          const limits: Limits = { concurrency: 4, maxWaiting, maxWait: 5, overflow }
          const model = new BulkheadModel(limits)
          const bulkhead = makeUnsafe({ ...limits, priorityStep })
          const clock = new ManualClock()
          runProgram<Ask, BulkheadModel, Bulkhead.Stats>(steps, {
            model,
            accounts: ({ concurrency, taken }) => [{ taken, capacity: concurrency }],
            clock,
            subject: {
              take: ({ permits, priority }) => take(bulkhead, permits, { priority }),
              takeIfAvailable: ({ permits, priority }) => takeIfAvailable(bulkhead, permits, { priority }),
              release: ({ permits }) => release(bulkhead, permits),
              stats: Effect.map(stats(bulkhead), (stats) => ({ ...stats, sleeping: clock.sleeping }))
            },
            ask: ({ a, b }) => ({ permits: a % 5, priority: [0, 0, 1, 2, -1][b % 5]! }),
            others: [
              ({ a }) => {
                const millis = 1 + (a % 6)
                model.advance(millis)
                return Effect.sync(() => clock.advance(millis))
              },
              // seldom: nothing happens after it
              ({ a, b }) => {
                if (a % 8 !== 0 || b % 4 !== 0) return Effect.void
                model.close()
                return close(bulkhead)
              }
            ]
          })
        },
        { arbitrary: { runs: 150, size: 60 } }
      )
    }
  }
})
