/**
 * The limiter against a model that can be read: time goes by in milliseconds, and in each of them whoever is first is served
 * for as long as the pure step allows. No timers, no estimates, no hand-over.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"

import * as RateLimit from "../src/RateLimit.ts"
import * as RateLimiter from "../src/RateLimiter.ts"
import { millis, settle, start } from "./support/limiter.ts"

const nanos = 1_000_000

interface Waiting {
  readonly id: number
  readonly n: number
  /** The place in line: see ADR 0020. */
  readonly key: number
  readonly priority: number
}

const priorityStep = 2

class Model {
  now = 0
  heldUntil = 0
  tickets = 0
  limit: RateLimit.RateLimit
  state: RateLimit.State<RateLimit.RateLimit>
  waiting: Array<Waiting> = []
  failed: Array<number> = []
  served: Array<readonly [id: number, at: number]> = []

  constructor(limit: RateLimit.RateLimit) {
    this.limit = limit
    this.state = RateLimit.initial(limit)
  }
  step(n: number): boolean {
    const [decision, next] = RateLimit.step<RateLimit.RateLimit>(this.limit)(this.state, this.now * nanos, n)
    this.state = next
    return decision._tag === "Taken"
  }
  serve() {
    for (;;) {
      const head = this.waiting[0]
      if (head === undefined) return
      if (head.n > RateLimit.capacity(this.limit)) this.failed.push(head.id)
      else if (this.now < this.heldUntil || !this.step(head.n)) return
      else this.served.push([head.id, this.now])
      this.waiting.shift()
    }
  }
  leads(priority: number): boolean {
    const head = this.waiting[0]
    return head === undefined || this.tickets + 1 - priority * priorityStep <= head.key
  }
  takeIfAvailable(n: number, priority: number): boolean {
    if (!this.leads(priority) || this.now < this.heldUntil || !this.step(n)) return false
    if (this.waiting.length > 0) this.tickets++
    return true
  }
  join(id: number, n: number, priority: number) {
    if (n > RateLimit.capacity(this.limit)) {
      this.failed.push(id)
      return
    }
    if (this.takeIfAvailable(n, priority)) {
      this.served.push([id, this.now])
      return
    }
    this.waiting.push({ id, n, priority, key: ++this.tickets - priority * priorityStep })
    this.waiting.sort((a, b) => a.key - b.key || b.priority - a.priority)
    this.serve()
  }
  leave(id: number) {
    this.waiting = this.waiting.filter((one) => one.id !== id)
    this.serve()
  }
  idle(millis: number) {
    for (let passed = 0; passed < millis; passed++) {
      this.now++
      this.serve()
    }
  }
}

const interval = "6 millis"

/** Turns come at whole milliseconds. */
const kinds: Readonly<Record<string, (rate: number) => RateLimit.RateLimit>> = {
  "token bucket": (limit) => RateLimit.tokenBucket({ limit, interval, burst: 3 }),
  gcra: (limit) => RateLimit.gcra({ limit, interval, burst: 2 * limit }),
  "leaky bucket": (limit) => RateLimit.leakyBucket({ limit, interval, slack: limit }),
  "fixed window": (limit) => RateLimit.fixedWindow({ limit: 2 * limit, interval }),
  // of which every share that up to six tokens can have is whole
  "sliding window": (limit) => RateLimit.slidingWindow({ limit: 2 * limit, interval: "60 millis" }),
  "sliding log": (limit) => RateLimit.slidingLog({ limit: 2 * limit, interval }),
  "two at once": (limit) =>
    RateLimit.all(
      RateLimit.gcra({ limit, interval, burst: 3 }),
      RateLimit.fixedWindow({ limit: 4, interval: "12 millis" })
    )
}

const Step = Schema.Struct({ what: Schema.Int, n: Schema.Int, who: Schema.Int })

describe.each(Object.entries(kinds))("against its model: %s", (kind, limitOf) => {
  const longer = kind === "sliding window" ? 8 : 1

  it.effect.prop(
    "take, takeIfAvailable, reserve, interrupt, cancel, setLimit, penalize and idling, in any order",
    [Schema.Array(Step)],
    ([program]) =>
      Effect.gen(function* () {
        const begun = yield* Clock.currentTimeMillis
        const limiter = yield* RateLimiter.make({ limit: limitOf(2), priorityStep })
        const model = new Model(limitOf(2))
        const served: Array<readonly [id: number, at: number]> = []
        const failed: Array<number> = []
        const fibers = new Map<number, Fiber.Fiber<unknown, unknown>>()
        const reservations = new Map<number, RateLimiter.Reservation>()
        const waited = new Set<number>()
        let ids = 0
        let largest = RateLimit.capacity(model.limit)
        for (const step of program) {
          const n = Math.abs(step.n) % (largest + 1)
          const priority = (Math.abs(step.n) % 7) % 2
          const waiting = model.waiting[Math.abs(step.who) % Math.max(1, model.waiting.length)]
          switch (Math.abs(step.what) % 9) {
            case 0:
            case 1: {
              const id = ids++
              model.join(id, n, priority)
              const taking = Effect.matchEffect(RateLimiter.take(limiter, n, { priority }), {
                onSuccess: () => Effect.map(Clock.currentTimeMillis, (at) => void served.push([id, at - begun])),
                onFailure: () => Effect.sync(() => failed.push(id))
              })
              fibers.set(id, yield* start(taking))
              break
            }
            case 2: {
              const expected = n <= RateLimit.capacity(model.limit) && model.takeIfAvailable(n, priority)
              assert.strictEqual(yield* RateLimiter.takeIfAvailable(limiter, n, { priority }), expected)
              break
            }
            case 3: {
              const id = ids++
              model.join(id, n, priority)
              const reserved = yield* Effect.result(RateLimiter.reserve(limiter, n, { priority }))
              assert.strictEqual(reserved._tag === "Failure", n > RateLimit.capacity(model.limit))
              if (reserved._tag === "Failure") model.failed.pop()
              else reservations.set(id, reserved.success)
              break
            }
            case 4:
            case 5: {
              if (waiting === undefined) break
              fibers.get(waiting.id)?.interruptUnsafe()
              const reservation = reservations.get(waiting.id)
              if (reservation !== undefined) yield* reservation.cancel
              model.leave(waiting.id)
              break
            }
            case 6: {
              const limit = limitOf(1 + (Math.abs(step.who) % 3))
              // what a bucket keeps would come to a token between two milliseconds
              const carry = limit._tag.endsWith("Window") || limit._tag === "SlidingLog" ? "keep" : "reset"
              const retune = RateLimit.retune<RateLimit.RateLimit, RateLimit.RateLimit>(model.limit, limit, carry)
              model.state = retune(model.state, model.now * nanos)
              model.limit = limit
              model.serve()
              largest = Math.max(largest, RateLimit.capacity(limit))
              yield* RateLimiter.setLimit(limiter, limit, { carry })
              break
            }
            case 7: {
              const penalty = Math.abs(step.who) % 5
              model.heldUntil = Math.max(model.heldUntil, model.now + penalty)
              yield* RateLimiter.penalize(limiter, penalty)
              break
            }
            default: {
              const passed = longer * (Math.abs(step.who) % 15)
              model.idle(passed)
              yield* millis(passed)
            }
          }
          for (const { id } of model.waiting) waited.add(id)
          yield* settle
          const stats = yield* RateLimiter.stats(limiter)
          assert.strictEqual(stats.waiting, model.waiting.length)
          const left = RateLimit.available<RateLimit.RateLimit>(model.limit)(model.state, model.now * nanos)
          assert.closeTo(stats.available, left, 1e-9)
        }
        model.idle(200 * longer)
        yield* millis(200 * longer)
        const turns = (log: ReadonlyArray<readonly [id: number, at: number]>, which: (id: number) => boolean) =>
          log.filter(([id]) => which(id)).map(([id, at]) => [id, at] as const)
        // whoever is served as it comes goes on at once, before those who are served at that instant and have to resume
        const own = (id: number) => !reservations.has(id)
        const byId = (turns: ReadonlyArray<readonly [number, number]>) => turns.toSorted(([a], [b]) => a - b)
        assert.deepStrictEqual(byId(turns(served, own)), byId(turns(model.served, own)))
        const inLine = (id: number) => own(id) && waited.has(id)
        assert.deepStrictEqual(turns(served, inLine), turns(model.served, inLine))
        assert.deepStrictEqual(
          failed,
          model.failed.filter((id) => !reservations.has(id))
        )
        assert.strictEqual((yield* RateLimiter.stats(limiter)).waiting, model.waiting.length)
      }),
    { arbitrary: { runs: 120, size: 50 } }
  )
})
