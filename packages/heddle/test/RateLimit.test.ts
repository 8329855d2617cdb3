import { assert, describe, it } from "@effect/vitest"

import * as RateLimit from "../src/RateLimit.ts"
import { cases } from "../src/RateLimitCases.ts"

const millis = 1_000_000

describe("the table", () => {
  for (const { limit, name, rows } of cases) {
    it(name, () => {
      const step = RateLimit.step(limit)
      const available = RateLimit.available(limit)
      let state = RateLimit.initial(limit)
      let now = 0
      for (const [index, [at, n, answer, left]] of rows.entries()) {
        now = Math.max(now, at * millis)
        const row = `row ${index + 1}`
        if (left !== undefined) assert.strictEqual(available(state, now), left, row)
        const [decision, next] = step(state, now, n)
        state = next
        if (answer === true) assert.deepStrictEqual(decision, { _tag: "Taken" }, row)
        else {
          const expected = { _tag: "NotBefore", at: Math.round(answer * millis) } as const
          assert.deepStrictEqual(decision, expected, row)
        }
      }
    })
  }
})

const second = "1 second"
const year = 31_536_000_000 * millis

/** Takes single tokens until one is refused; at most so many. */
const drain = <L extends RateLimit.RateLimit>(
  limit: L,
  state: RateLimit.State<L>,
  now: number,
  most = 10_000
): readonly [taken: number, state: RateLimit.State<L>] => {
  const step = RateLimit.step(limit)
  let current = state
  for (let taken = 0; taken < most; taken++) {
    const [decision, next] = step(current, now, 1)
    if (decision._tag !== "Taken") return [taken, current]
    current = next
  }
  return [most, current]
}

describe("exactness", () => {
  for (const rate of [7, 30, 60, 100, 333]) {
    it(`RATE-X1 at ${rate} a second, three that are taken and given back in reverse were never taken`, () => {
      for (const limit of [
        RateLimit.tokenBucket({ limit: rate, interval: second, burst: 3 }),
        RateLimit.gcra({ limit: rate, interval: second, burst: 3 })
      ] as ReadonlyArray<RateLimit.RateLimit>) {
        const now = 1_234_567_891
        const [taken, empty] = drain(limit, RateLimit.initial(limit), now)
        assert.strictEqual(taken, 3)
        let state = empty
        for (let round = 0; round < 3; round++) state = RateLimit.giveBack(limit)(state, now, 1, now)
        assert.strictEqual(RateLimit.available(limit)(state, now), 3)
        assert.strictEqual(drain(limit, state, now)[0], 3)
      }
    })

    it(`at ${rate} a second, ${rate} tokens have come to the nanosecond after a second`, () => {
      for (const limit of [
        RateLimit.tokenBucket({ limit: rate, interval: second }),
        RateLimit.gcra({ limit: rate, interval: second })
      ] as ReadonlyArray<RateLimit.RateLimit>) {
        let [, state] = drain(limit, RateLimit.initial(limit), 0)
        assert.deepStrictEqual(RateLimit.step(limit)(state, 0, rate)[0], { _tag: "NotBefore", at: 1e9 })
        for (let round = 1; round <= 100; round++) {
          assert.strictEqual(RateLimit.available(limit)(state, round * 1e9 - 1) < rate, true)
          const [taken, next] = drain(limit, state, round * 1e9)
          assert.strictEqual(taken, rate)
          state = next
        }
      }
    })
  }

  it("a clock that stands still gives the burst and no more", () => {
    for (const rate of [1e-10, 1, 1e9]) {
      for (const now of [0, 1, year]) {
        const rated = { limit: rate, interval: second, burst: 64 } as const
        for (const limit of [
          RateLimit.tokenBucket(rated),
          RateLimit.gcra(rated)
        ] as ReadonlyArray<RateLimit.RateLimit>) {
          const [taken, state] = drain(limit, RateLimit.initial(limit), now)
          // a year of nanoseconds is beyond the whole numbers of a double: gcra rounds, against the taker
          if (limit._tag === "Gcra" && rate * now > 2 ** 53) assert.isAtMost(taken, 64)
          else assert.strictEqual(taken, 64)
          assert.isAbove(RateLimit.notBefore(limit)(state, now, 1), now)
        }
      }
    }
  })

  it("a clock that goes back gives nothing", () => {
    for (const { limit } of cases) {
      if (limit._tag === "Unlimited") continue
      const now = 3600e9
      const [, empty] = drain(limit, RateLimit.initial(limit), now)
      for (const back of [1, 1e9, now]) assert.strictEqual(drain(limit, empty, now - back)[0], 0)
    }
  })
})

describe("retune", () => {
  const left = (from: RateLimit.RateLimit, to: RateLimit.RateLimit, taken: number, carry?: RateLimit.Carry): number => {
    const [, state] = drain(from, RateLimit.initial(from), 0, taken)
    return RateLimit.available(to)(RateLimit.retune(from, to, carry)(state, 0), 0)
  }
  const rated = (limit: number) => ({ limit, interval: second }) as const

  it("keeps what is left in a bucket, as far as it fits", () => {
    for (const bucket of [RateLimit.tokenBucket, RateLimit.gcra]) {
      assert.strictEqual(left(bucket(rated(10)), bucket(rated(20)), 4), 6)
      assert.strictEqual(left(bucket(rated(10)), bucket(rated(5)), 4), 5)
      assert.strictEqual(left(bucket(rated(10)), bucket(rated(20)), 4, "proportional"), 12)
      assert.strictEqual(left(bucket(rated(10)), bucket(rated(20)), 4, "reset"), 20)
    }
    assert.strictEqual(left(RateLimit.tokenBucket(rated(10)), RateLimit.gcra(rated(20)), 4), 6)
    const leaky = RateLimit.leakyBucket({ ...rated(10), slack: 4 })
    assert.strictEqual(left(leaky, RateLimit.leakyBucket({ ...rated(50), slack: 4 }), 1), 0)
  })

  it("keeps what was taken in a window", () => {
    for (const window of [RateLimit.fixedWindow, RateLimit.slidingWindow, RateLimit.slidingLog]) {
      assert.strictEqual(left(window(rated(10)), window(rated(20)), 4), 16)
      assert.strictEqual(left(window(rated(10)), window(rated(5)), 8), 0)
      assert.strictEqual(left(window(rated(10)), window(rated(20)), 4, "proportional"), 12)
      assert.strictEqual(left(window(rated(10)), window(rated(20)), 4, "reset"), 20)
    }
  })

  it("from one kind to another keeps what is left", () => {
    const window = RateLimit.slidingLog(rated(10))
    assert.strictEqual(left(window, RateLimit.tokenBucket(rated(20)), 4), 6)
    assert.strictEqual(left(RateLimit.tokenBucket(rated(20)), window, 14), 6)
    assert.strictEqual(left(window, RateLimit.fixedWindow(rated(100)), 4, "proportional"), 60)
    const slow = RateLimit.slidingWindow({ limit: 10, interval: "10 seconds" })
    assert.strictEqual(left(RateLimit.slidingWindow(rated(10)), slow, 4), 6)
    assert.strictEqual(left(RateLimit.unlimited, window, 4), 10)
    assert.strictEqual(left(RateLimit.unlimited, window, 4, "proportional"), 10)
    assert.strictEqual(left(window, RateLimit.unlimited, 4, "proportional"), Infinity)
  })

  it("of several, each; and of another number, what is left of all", () => {
    const both = RateLimit.all(RateLimit.gcra(rated(10)), RateLimit.fixedWindow(rated(10)))
    const raised = RateLimit.all(RateLimit.gcra(rated(20)), RateLimit.fixedWindow(rated(15)))
    assert.strictEqual(left(both, raised, 4), 6)
    assert.strictEqual(left(both, raised, 4, "proportional"), 9)
    assert.strictEqual(left(both, RateLimit.all(RateLimit.gcra(rated(20))), 4), 6)
    assert.strictEqual(left(RateLimit.all(), both, 4), 10)
  })

  it("of a limit of nothing, all is left", () => {
    for (const make of [RateLimit.fixedWindow, RateLimit.slidingWindow, RateLimit.slidingLog, RateLimit.gcra]) {
      const none: RateLimit.RateLimit = make(rated(0))
      const some: RateLimit.RateLimit = make(rated(5))
      for (const zero of [none, RateLimit.gcra({ ...rated(5), burst: 0 })]) {
        const state = RateLimit.retune(zero, some, "proportional")(RateLimit.initial(zero), 0)
        assert.strictEqual(RateLimit.available(some)(state, 0), 5, `${zero._tag} to ${some._tag}`)
      }
    }
  })

  it("a window that is open stays open, whatever becomes of its limit", () => {
    const limit = RateLimit.fixedWindow(rated(2))
    const [, state] = drain(limit, RateLimit.initial(limit), 0)
    const raised = RateLimit.fixedWindow(rated(3))
    const retuned = RateLimit.retune(limit, raised)(state, 500 * millis)
    assert.strictEqual(RateLimit.notBefore(raised)(retuned, 500 * millis, 3), 1e9)
    const lowered = RateLimit.slidingLog(rated(1))
    const log = RateLimit.slidingLog(rated(2))
    const [, two] = drain(log, drain(log, RateLimit.initial(log), 0, 1)[1], 300 * millis)
    const kept = RateLimit.retune(log, lowered)(two, 500 * millis)
    assert.strictEqual(RateLimit.notBefore(lowered)(kept, 500 * millis, 1), 1300 * millis)
  })
})

describe("what is given back late", () => {
  it("is of a bucket what time has not paid back since", () => {
    for (const limit of [
      RateLimit.tokenBucket({ limit: 1, interval: second, burst: 5 }),
      RateLimit.gcra({ limit: 1, interval: second, burst: 5 }),
      RateLimit.leakyBucket({ limit: 1, interval: second, slack: 4 })
    ] as ReadonlyArray<RateLimit.RateLimit>) {
      const left = (later: number) => {
        const step = RateLimit.step(limit)
        // all that a leaky bucket can give: it is used, and has been idle
        const used = step(RateLimit.initial(limit), 0, 1)[1]
        const [, vain] = step(used, 10e9, 5)
        const [decision, taken] = step(vain, (10 + later) * 1e9, later)
        assert.deepStrictEqual(decision, { _tag: "Taken" })
        const now = (10 + later) * 1e9
        return RateLimit.available(limit)(RateLimit.giveBack(limit)(taken, 10e9, 5, now), now)
      }
      assert.strictEqual(left(2), 3, limit._tag)
      assert.strictEqual(left(5), 0, limit._tag)
    }
  })

  it("is never more than was taken, also where the clock has gone back", () => {
    const limit = RateLimit.gcra({ limit: 1, interval: second, burst: 5 })
    const [, state] = drain(limit, RateLimit.initial(limit), 10e9)
    assert.strictEqual(RateLimit.available(limit)(RateLimit.giveBack(limit)(state, 10e9, 1, 9e9), 10e9), 1)
  })

  it("is none of the window that has begun, also where both meet", () => {
    const limit = RateLimit.slidingWindow({ limit: 2, interval: 10n })
    const step = RateLimit.step(limit)
    const giveBack = RateLimit.giveBack(limit)
    const [, opened] = step(step(RateLimit.initial(limit), 0, 1)[1], 10, 1)
    // what was taken at the end of a window is of that window
    const [, second] = step(opened, 20, 1)
    assert.deepStrictEqual(second, { start: 10, used: 1, before: 2 })
    assert.deepStrictEqual(giveBack(second, 10, 1, 20), { start: 10, used: 1, before: 1 })
    const [, third] = step(second, 30, 1)
    assert.deepStrictEqual(third, { start: 20, used: 1, before: 1 })
    assert.deepStrictEqual(giveBack(third, 10, 1, 30), third)
  })
})

describe("a sliding log", () => {
  it("has no more entries than its limit, also of a million thousandths", () => {
    const limit = RateLimit.slidingLog({ limit: 10, interval: second })
    const step = RateLimit.step(limit)
    let state = RateLimit.initial(limit)
    let given = 0
    let largest = 0
    for (let round = 0; round < 20_000; round++) {
      const [decision, next] = step(state, round * 50_000, 0.001)
      state = next
      if (decision._tag === "Taken") given += 0.001
      largest = Math.max(largest, JSON.stringify(state).length)
    }
    assert.closeTo(given, 10, 1e-6)
    assert.isBelow(largest, 500)
  })

  it("of a large limit forgets its oldest pages", () => {
    const limit = RateLimit.slidingLog({ limit: 1000, interval: second })
    let state = RateLimit.initial(limit)
    let now = 0
    for (let round = 0; round < 5_000; round++) {
      now = RateLimit.notBefore(limit)(state, now + 1000, 1)
      state = RateLimit.step(limit)(state, now, 1)[1]
    }
    assert.isAtMost(state.pages.length, 1000 / 64 + 2)
    assert.strictEqual(RateLimit.available(limit)(state, now + 1e9), 1000)
    assert.isTrue(RateLimit.isFresh(limit)(state, now + 1e9))
  })
})

describe("caller bugs", () => {
  it("numbers that are no limit", () => {
    for (const limit of [-1, NaN, Infinity, -Infinity]) {
      assert.throws(
        () => RateLimit.tokenBucket({ limit, interval: second }),
        RangeError,
        `RateLimit.tokenBucket: limit must be a finite number from zero up, got ${limit}`
      )
      assert.throws(() => RateLimit.gcra({ limit: 1, burst: limit, interval: second }), RangeError, "gcra: burst")
      assert.throws(() => RateLimit.leakyBucket({ limit: 1, slack: limit, interval: second }), RangeError, "slack")
    }
    for (const make of [RateLimit.fixedWindow, RateLimit.slidingWindow, RateLimit.slidingLog]) {
      assert.throws(() => make({ limit: -1, interval: second }), RangeError, "limit must be")
      for (const interval of [0, -5, Infinity]) {
        assert.throws(
          () => make({ limit: 1, interval }),
          RangeError,
          "interval must be finite and at least a nanosecond"
        )
      }
    }
  })

  it("what is no limit, no way to carry over, and no time", () => {
    const gcra = RateLimit.gcra({ limit: 1, interval: second })
    const no = (value: unknown) => value as RateLimit.RateLimit
    const read: ReadonlyArray<object> = [
      { _tag: "TokenBucket", limit: 1, interval: 1 },
      { _tag: "Gcra", limit: "1", interval: 1, burst: 1 },
      { _tag: "LeakyBucket", limit: 1, interval: 0, slack: 1 },
      { _tag: "SlidingLog", limit: null, interval: 1 },
      { _tag: "FixedWindow", limit: -1, interval: 1 },
      { _tag: "All", limits: [{ _tag: "SlidingWindow", limit: 1 }] }
    ]
    for (const value of [undefined, null, {}, "gcra", { _tag: "Gcra2" }, ...read]) {
      assert.throws(() => RateLimit.capacity(no(value)), TypeError, "is no limit")
    }
    assert.throws(() => RateLimit.capacity(RateLimit.all(gcra, no({ limit: 1 }))), `RateLimit: {"limit":1} is no limit`)
    assert.throws(() => RateLimit.retune(gcra, gcra, "all" as RateLimit.Carry), RangeError, "carry must be")
    for (const now of [NaN, Infinity, -Infinity]) {
      for (const limit of [gcra, RateLimit.tokenBucket({ limit: 1, interval: second })]) {
        const step = RateLimit.step<RateLimit.RateLimit>(limit)
        assert.throws(() => step(RateLimit.initial(limit), now, 1), RangeError, "RateLimit.step: now must be")
      }
    }
    for (const n of [-1, NaN]) {
      assert.throws(() => RateLimit.giveBack(gcra)(0, 0, n, 0), RangeError, "RateLimit.giveBack: n must be")
      assert.throws(() => RateLimit.notBefore(gcra)(0, 0, n), RangeError, "RateLimit.notBefore: n must be")
    }
    const none = undefined as unknown as number
    for (const time of [NaN, Infinity, none]) {
      assert.throws(() => RateLimit.notBefore(gcra)(0, time, 1), RangeError, "RateLimit.notBefore: now must be")
      assert.throws(() => RateLimit.giveBack(gcra)(0, time, 1, 0), RangeError, "RateLimit.giveBack: at must be")
      assert.throws(() => RateLimit.giveBack(gcra)(0, 0, 1, time), RangeError, "RateLimit.giveBack: now must be")
    }
  })

  it("a step of no number of tokens", () => {
    const step = RateLimit.step(RateLimit.gcra({ limit: 1, interval: second }))
    for (const n of [-1, NaN, -Infinity]) {
      assert.throws(() => step(0, 0, n), RangeError, `RateLimit.step: n must be a number from zero up, got ${n}`)
    }
  })
})

describe("limits", () => {
  it("are plain values, which JSON keeps", () => {
    for (const { limit } of cases) assert.deepStrictEqual(JSON.parse(JSON.stringify(limit)), limit)
    assert.deepStrictEqual(RateLimit.tokenBucket({ limit: 10, interval: "1 minute" }), {
      _tag: "TokenBucket",
      limit: 10,
      interval: 60e9,
      burst: 10
    })
  })

  it("have room for one request at least, where nothing is said", () => {
    assert.strictEqual(RateLimit.capacity(RateLimit.tokenBucket({ limit: 0.5, interval: second })), 1)
    assert.strictEqual(RateLimit.capacity(RateLimit.gcra({ limit: 5, interval: second })), 5)
    assert.strictEqual(RateLimit.capacity(RateLimit.leakyBucket({ limit: 5, interval: second, slack: 3 })), 4)
    assert.strictEqual(RateLimit.capacity(RateLimit.all()), Infinity)
  })
})
