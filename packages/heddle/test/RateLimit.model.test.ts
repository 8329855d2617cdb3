/**
 * Every limit under random programs, held against what it promises, in words: sums over what was given, in whole numbers.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"

import * as RateLimit from "../src/RateLimit.ts"

const nanos = (n: number) => Duration.nanos(BigInt(n))

/** Small numbers, so that a random program meets every edge, and rates whose nanoseconds per token are no whole number. */
const numbers = [
  { limit: 1, interval: nanos(10) },
  { limit: 3, interval: nanos(10) },
  { limit: 60, interval: nanos(1e9) },
  { limit: 0.3, interval: nanos(7) },
  { limit: 2, interval: nanos(1) }
]

const limits: ReadonlyArray<readonly [string, RateLimit.RateLimit]> = numbers.flatMap(({ interval, limit }) => {
  const of = `${limit} every ${Duration.format(interval)}`
  const rate = { limit, interval }
  return [
    [`token bucket of ${of}`, RateLimit.tokenBucket(rate)],
    [`token bucket of ${of}, burst 5`, RateLimit.tokenBucket({ ...rate, burst: 5 })],
    [`gcra of ${of}`, RateLimit.gcra({ ...rate, burst: 1 })],
    [`gcra of ${of}, burst 5`, RateLimit.gcra({ ...rate, burst: 5 })],
    [`leaky bucket of ${of}`, RateLimit.leakyBucket(rate)],
    [`leaky bucket of ${of}, slack 4`, RateLimit.leakyBucket({ ...rate, slack: 4 })],
    [`fixed window of ${of}`, RateLimit.fixedWindow(rate)],
    [`sliding window of ${of}`, RateLimit.slidingWindow(rate)],
    [`sliding log of ${of}`, RateLimit.slidingLog(rate)],
    [
      `all of ${of}`,
      RateLimit.all(RateLimit.gcra({ ...rate, burst: 2 }), RateLimit.slidingLog({ limit: 4, interval: "1 second" }))
    ]
  ] as const
})

const intervalOf = (limit: RateLimit.RateLimit): number =>
  "interval" in limit ? limit.interval : limit._tag === "All" ? Math.max(...limit.limits.map(intervalOf)) : 1

interface Grant {
  readonly at: number
  readonly n: number
}

/** Whether what was given is within the promise; `slop` is for rates that no ratio of whole numbers expresses. */
const promised = (limit: RateLimit.RateLimit, grants: ReadonlyArray<Grant>): boolean => {
  const slop = 1e-6
  const everySpan = (allowed: (span: number) => number): boolean =>
    grants.every(({ at: start }, first) => {
      let sum = 0
      return grants.slice(first).every(({ at, n }) => {
        sum += n
        return sum <= allowed(at - start) + slop
      })
    })
  switch (limit._tag) {
    case "TokenBucket":
    case "Gcra":
      return everySpan((span) => limit.burst + (limit.limit * span) / limit.interval)
    case "LeakyBucket":
      return everySpan((span) => limit.slack + 1 + (limit.limit * span) / limit.interval)
    case "FixedWindow":
      return everySpan((span) => limit.limit * (1 + Math.ceil((span + 1) / limit.interval)))
    case "SlidingWindow":
      return everySpan((span) => limit.limit * (1 + Math.ceil((span + 1) / limit.interval)))
    case "SlidingLog":
      return grants.every(({ at: end }) => {
        const inside = grants.filter(({ at }) => at > end - limit.interval && at <= end)
        return inside.reduce((sum, { n }) => sum + n, 0) <= limit.limit + slop
      })
    case "All":
      return limit.limits.every((each) => promised(each, grants))
    default:
      return true
  }
}

/** A count of windows, as it is written in the docs. */
const windowModel = (limit: RateLimit.FixedWindow | RateLimit.SlidingWindow) => {
  let start = -Infinity
  let used = 0
  let before = 0
  return (now: number, n: number): boolean => {
    const sliding = limit._tag === "SlidingWindow"
    if (now > start + limit.interval || (!sliding && now === start + limit.interval)) {
      const next = now <= start + 2 * limit.interval && sliding && used > 0
      before = next ? used : 0
      start = next ? start + limit.interval : now
      used = 0
    }
    if (used === 0 && before === 0) start = now
    const share = (before * (start + limit.interval - now)) / limit.interval
    const fits = used + n + share <= limit.limit + 1e-9
    if (fits) used += n
    return fits
  }
}

const Step = Schema.Struct({ wait: Schema.Int, n: Schema.Int })
const Program = Schema.Array(Step)
type Program = typeof Program.Type

interface Ask {
  readonly now: number
  readonly n: number
}

/** Times that often are those at which a token is due, or one nanosecond off; and quarters of tokens. */
const asks = (limit: RateLimit.RateLimit, program: Program): ReadonlyArray<Ask> => {
  const capacity = RateLimit.capacity(limit)
  const interval = intervalOf(limit)
  let now = 0
  return program.map(({ n, wait }) => {
    const size = Math.abs(wait)
    const share = [0, 0, 1, interval - 1, interval, Math.ceil(interval / 3), Math.ceil(interval / 2), 12 * interval]
    now += share[size % share.length]! + (size % 97 === 96 ? 1 : 0)
    return { now, n: (Math.abs(n) % 4 === 3 ? 0.25 : 1) * (1 + (Math.abs(n) % (1 + Math.ceil(capacity)))) }
  })
}

const frozen = <A>(value: A): A => {
  if (typeof value === "object" && value !== null) {
    Object.freeze(value)
    Object.values(value).forEach(frozen)
  }
  return value
}

const runs = { arbitrary: { runs: 18, size: 40 } }

/** Runs a program from a state; says what was given. Time is told with this much added. */
const run = (limit: RateLimit.RateLimit, state: unknown, program: ReadonlyArray<Ask>, later = 0) => {
  const step = RateLimit.step<RateLimit.RateLimit>(limit)
  let current = frozen(state) as RateLimit.State<RateLimit.RateLimit>
  const given = program.map(({ n, now }) => {
    const [decision, next] = step(current, now + later, n)
    current = frozen(next)
    return decision._tag === "Taken" ? true : decision.at - later
  })
  return { given, state: current }
}

describe.each(limits)("%s", (_, limit) => {
  const step = RateLimit.step<RateLimit.RateLimit>(limit)
  const notBefore = RateLimit.notBefore<RateLimit.RateLimit>(limit)
  const available = RateLimit.available<RateLimit.RateLimit>(limit)
  const initial: RateLimit.State<RateLimit.RateLimit> = RateLimit.initial(limit)
  const exact = !("limit" in limit) || limit.limit !== 0.3 || limit._tag !== "SlidingWindow"

  it.prop(
    "gives what it promises and no more, as early as it can, and says when; a refusal changes nothing",
    [Program],
    ([program]) => {
      let state = frozen(initial)
      const grants: Array<Grant> = []
      const model = limit._tag === "FixedWindow" || limit._tag === "SlidingWindow" ? windowModel(limit) : undefined
      for (const { n, now } of asks(limit, program)) {
        const left = available(state, now)
        assert.isAtLeast(left, 0)
        const [decision, next] = step(state, now, n)
        if (model !== undefined && exact) assert.strictEqual(model(now, n), decision._tag === "Taken")
        if (decision._tag === "Taken") {
          // of a fresh leaky bucket the first request is one, whatever its size
          if (limit._tag !== "LeakyBucket" || left !== 1) assert.isAtLeast(left, n - 1e-9)
          grants.push({ at: now, n })
          assert.isTrue(promised(limit, grants), JSON.stringify(grants))
          assert.closeTo(available(next, now), Math.max(0, left - n), 1e-6)
          state = frozen(next)
          assert.deepStrictEqual(JSON.parse(JSON.stringify(state)), state)
          continue
        }
        assert.isAtMost(left, n + 1e-9)
        assert.strictEqual(next, state)
        assert.isAbove(decision.at, now)
        if (n > RateLimit.capacity(limit)) {
          assert.strictEqual(decision.at, Infinity)
          continue
        }
        assert.deepStrictEqual(step(state, decision.at, n)[0], { _tag: "Taken" })
        if (decision.at - 1 > now) assert.deepStrictEqual(step(state, decision.at - 1, n)[0], decision)
      }
    },
    runs
  )

  it.prop(
    "answers the same on a clock that began earlier, and from a state that is fresh as from the initial one",
    [Program, Program],
    ([program, following]) => {
      const first = asks(limit, program)
      const later = 123_456
      const { given, state } = run(limit, initial, first)
      const shifted = run(limit, RateLimit.shift<RateLimit.RateLimit>(limit)(initial, -later), first, later)
      assert.deepStrictEqual(shifted.given, given)
      const end = first.at(-1)?.now ?? 0
      const next = asks(limit, following)
      if (RateLimit.isFresh<RateLimit.RateLimit>(limit)(state, end)) {
        assert.deepStrictEqual(run(limit, state, next, end).given, run(limit, initial, next, end).given)
      }
      // and in the end every state is
      assert.isTrue(RateLimit.isFresh<RateLimit.RateLimit>(limit)(state, end + 1e12))
    },
    runs
  )

  it.prop(
    "what is given back at once was never taken",
    [Program, Program],
    ([program, following]) => {
      const first = asks(limit, program)
      const now = (first.at(-1)?.now ?? 0) + 1
      const { state } = run(limit, initial, first)
      const [decision, taken] = step(state, now, 1)
      if (decision._tag !== "Taken" || limit._tag === "LeakyBucket") return
      const back = RateLimit.giveBack<RateLimit.RateLimit>(limit)(taken, now, 1, now)
      assert.closeTo(available(back, now), available(state, now), 1e-9)
      const next = asks(limit, following)
      assert.deepStrictEqual(run(limit, back, next, now).given, run(limit, state, next, now).given)
    },
    runs
  )

  it.prop(
    "what is given back at any later time lets nobody have more than is promised",
    [Program, Schema.Int],
    ([program, delay]) => {
      const giveBack = RateLimit.giveBack<RateLimit.RateLimit>(limit)
      const kept: Array<Grant> = []
      const vain: Array<Grant & { readonly due: number }> = []
      let state = initial
      for (const [index, { n, now }] of asks(limit, program).entries()) {
        while (vain[0] !== undefined && vain[0].due <= index) {
          const { at, n } = vain.shift()!
          state = giveBack(state, at, n, now)
        }
        const [decision, next] = step(state, now, n)
        state = next
        if (decision._tag !== "Taken") continue
        // every other one is in vain, as is known after some more
        if (index % 2 === 0) vain.push({ at: now, n, due: index + 1 + (Math.abs(delay) % 3) })
        else kept.push({ at: now, n })
        assert.isTrue(promised(limit, kept), JSON.stringify(kept))
      }
    },
    { arbitrary: { runs: 60, size: 40 } }
  )

  it.prop(
    "knows when the last of a line of single tokens has its turn",
    [Program, Schema.Int],
    ([program, waiting]) => {
      const first = asks(limit, program)
      const now = first.at(-1)?.now ?? 0
      const ahead = Math.abs(waiting) % 25
      const { state } = run(limit, initial, first)
      if (RateLimit.capacity(limit) < 1 || first.some(({ n }) => n % 1 !== 0)) return
      const whole = !("limit" in limit) || limit.limit % 1 === 0
      let at = now
      let current = state
      for (let place = 0; place <= ahead; place++) {
        at = notBefore(current, at, 1)
        current = step(current, at, 1)[1]
      }
      const estimate = notBefore(state, now, 1, ahead)
      // the clock's nanoseconds are whole: what a full bucket gets in a part of one is lost
      if (whole && limit._tag !== "All") assert.isAtLeast(estimate, at - ahead - 1)
      assert.isAtMost(estimate, at)
    },
    runs
  )
})
