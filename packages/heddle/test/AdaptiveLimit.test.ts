import { assert, describe, it } from "@effect/vitest"

import * as AdaptiveLimit from "../src/AdaptiveLimit.ts"
import { drive, last } from "./support/formulaServer.ts"

const { aimd, gradient2, initial, update, vegas, withBounds } = AdaptiveLimit

const mean = (numbers: ReadonlyArray<number>) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length

const second = 1e9

/** Numbers from 0 up, below 1, the same for the same seed. */
const seeded = (seed: number) => () => {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
  return seed / 2 ** 32
}

/** A limit that measures one call per round, and the one that settles before it. */
const oneByOne = { samples: 1, window: 0 } as const

/** The limit after each round of two calls, with so much in flight. */
const rounds = (
  limit: AdaptiveLimit.AdaptiveLimit,
  from: AdaptiveLimit.State,
  ...calls: ReadonlyArray<{ readonly rtt: number; readonly inFlight: number; readonly dropped?: boolean }>
) => {
  let state = from
  const limits: Array<number> = []
  for (const { dropped = false, inFlight, rtt } of calls) {
    // as many as are in flight settle
    for (let call = 0; call <= inFlight; call++) state = update(limit)(state, { rtt, inFlight, dropped })
    limits.push(state.limit)
  }
  return { state, limits }
}

/** A state that has met resistance and knows its baseline: the search goes by small steps. */
const steady = (limit: AdaptiveLimit.AdaptiveLimit, baseline: number): AdaptiveLimit.State => ({
  ...initial(limit),
  warm: false,
  baseline
})

describe("rounds", () => {
  it("as many calls as are in flight settle, then `samples` are measured, then the limit moves", () => {
    const limit = aimd({ samples: 5 })
    let state = initial(limit)
    for (let call = 0; call < 14 + 5; call++) {
      assert.strictEqual(state.limit, 20, `after ${call} calls`)
      state = update(limit)(state, { rtt: second, inFlight: 14, dropped: false })
    }
    assert.strictEqual(state.limit, 28)
  })

  it("calls that settle count for nothing: they began under another limit", () => {
    const limit = aimd()
    let state = initial(limit)
    for (let call = 0; call < 20; call++) state = update(limit)(state, { rtt: 1, inFlight: 20, dropped: true })
    for (let call = 0; call < 10; call++) state = update(limit)(state, { rtt: 1, inFlight: 20, dropped: false })
    assert.strictEqual(state.limit, 40)
  })

  it("a round lasts a window at the least", () => {
    const limit = aimd({ window: "1 second" })
    let state = initial(limit)
    for (let call = 0; call < 150; call++) {
      state = update(limit)(state, { rtt: 1, inFlight: 20, dropped: false, now: (call * second) / 100 })
      // a second is a hundred calls
      assert.strictEqual(state.limit, call < 100 ? 20 : 40, `call ${call}`)
    }
  })

  it("ten calls are enough where one was dropped, also where a round measures a hundred", () => {
    const limit = gradient2()
    let state = initial(limit)
    for (let call = 0; call < 30; call++) {
      assert.strictEqual(state.limit, 20)
      state = update(limit)(state, { rtt: second, inFlight: 20, dropped: call === 25 })
    }
    assert.isBelow(state.limit, 20)
  })

  it("a burst of drops within a round counts once", () => {
    const limit = aimd({ samples: 100 })
    let state = initial(limit)
    // all of them began before the limit could move
    for (let call = 0; call < 30; call++) state = update(limit)(state, { rtt: 1, inFlight: 20, dropped: true })
    assert.strictEqual(state.limit, 10)
    for (let call = 0; call < 20; call++) state = update(limit)(state, { rtt: 1, inFlight: 20, dropped: true })
    assert.strictEqual(state.limit, 10)
  })
})

describe("aimd", () => {
  it("doubles until the first drop, and anew after nothing got through; else it adds one per round", () => {
    const limit = aimd({ ...oneByOne, initial: 10 })
    const good = { rtt: second, inFlight: 100 }
    const { limits } = rounds(limit, initial(limit), good, good, good, { ...good, dropped: true }, good, good, good)
    assert.deepStrictEqual(limits, [20, 40, 80, 40, 80, 160, 200])
    assert.deepStrictEqual(rounds(limit, steady(limit, 0), good, good, good).limits, [11, 12, 13])
  })

  it("one drop of ten costs a tenth, half of them a quarter, all of them a half", () => {
    const after = (drops: number) => {
      const limit = aimd({ initial: 100, samples: 10 })
      let state = steady(limit, 0)
      for (let call = 0; call < 101 + 9; call++) {
        state = update(limit)(state, { rtt: 1, inFlight: 100, dropped: call >= 110 - drops })
      }
      return state.limit
    }
    assert.deepStrictEqual([0, 1, 5, 10].map(after), [101, 90, 75, 50])
  })

  it("`backoff` says how much at the least", () => {
    const limit = aimd({ ...oneByOne, samples: 10, initial: 100, backoff: 0.5 })
    let state = steady(limit, 0)
    for (let call = 0; call < 110; call++)
      state = update(limit)(state, { rtt: 1, inFlight: 100, dropped: call === 109 })
    assert.strictEqual(state.limit, 50)
  })

  it("a call that takes longer than `timeout` is dropped", () => {
    const limit = aimd({ timeout: "1 second" })
    const drops = (rtt: number) => {
      const call = { rtt, inFlight: 20 }
      return rounds(limit, steady(limit, 0), call, call).state.limit < 20
    }
    assert.isFalse(drops(second))
    assert.isTrue(drops(second + 1))
  })
})

describe("vegas", () => {
  const limit = vegas(oneByOne)

  // the table of failsafe-go's adaptive limiter; where five are in flight, ours does not grow: less than half is in use
  it.each([
    ["as quick as ever, half in use: up by one", { rtt: second, inFlight: 20 }, [21, 22]],
    ["quicker than ever: up by one", { rtt: second / 2, inFlight: 20 }, [21, 22]],
    ["twice as slow: the queue is ten, down by one", { rtt: 2 * second, inFlight: 10 }, [19, 18]],
    ["1.3 times as slow: the queue is five, it stays", { rtt: 1.3 * second, inFlight: 10 }, [20, 20]],
    ["as quick as ever, and idle: it stays", { rtt: second, inFlight: 5 }, [20, 20]]
  ])("AL-03: %s", (_, call, expected) => {
    assert.deepStrictEqual(rounds(limit, steady(limit, second), call, call).limits, expected)
  })

  it("keeps between alpha and beta in the server's queue", () => {
    const { limits } = drive(vegas(), { cores: 25, service: 50 }, 30_000)
    const settled = mean(last(limits, 10_000))
    assert.isAtLeast(settled, 25 + 2)
    assert.isAtMost(settled, 25 + 7)
  })

  it("a queue of other lengths, by option", () => {
    const { limits } = drive(vegas({ alpha: 10, beta: 12 }), { cores: 20, service: 50 }, 30_000)
    assert.isAtLeast(mean(last(limits, 10_000)), 20 + 8)
  })
})

describe("gradient2", () => {
  it("lets latency rise to its tolerance, not beyond", () => {
    const { limits } = drive(gradient2(), { cores: 40, service: 50 }, 30_000)
    const settled = last(limits, 10_000)
    assert.isAtLeast(mean(settled), 40 * 1.3)
    assert.isAtMost(Math.max(...settled), 40 * 1.6)
  })

  it("another tolerance", () => {
    const { limits } = drive(gradient2({ tolerance: 2 }), { cores: 40, service: 50 }, 30_000)
    assert.isAtLeast(mean(last(limits, 10_000)), 40 * 1.7)
    assert.isAtMost(mean(last(limits, 10_000)), 40 * 2.1)
  })

  it("a queue that it tolerates is none that a probe takes away", () => {
    const limit = gradient2({ tolerance: 3, probeEvery: 3 })
    const { limits } = drive(limit, { cores: 20, service: 50 }, 30_000)
    // but for the probes themselves
    assert.isAtLeast(
      last(limits, 20_000).reduce((least, one) => Math.min(least, one)),
      28
    )
  })

  it("a step goes the part of the way that `smoothing` says, by half at the most", () => {
    const slow = { rtt: 1.8 * second, inFlight: 100 }
    const down = (smoothing: number, rtt = slow.rtt) => {
      const limit = gradient2({ ...oneByOne, initial: 100, smoothing })
      return rounds(limit, steady(limit, second), { ...slow, rtt }).limits[0]
    }
    assert.strictEqual(down(1), 83)
    assert.strictEqual(down(0.5), 91)
    assert.strictEqual(down(1, 100 * second), 50)
  })
})

describe("the warm-up", () => {
  it.each([
    ["vegas", vegas()],
    ["gradient2", gradient2()]
  ])("%s: is near a knee at five times the initial limit within ten rounds", (_, limit) => {
    // a round is 20 to 120 calls that settle and a hundred that are measured
    const { limits } = drive(limit, { cores: 100, service: 50 }, 1_500)
    assert.isAtLeast(limits.at(-1)!, 60)
  })

  it("begins anew when everything was dropped for a while", () => {
    const limit = gradient2()
    const { state: grown } = drive(limit, { cores: 100, service: 50 }, 10_000)
    const { state: dead } = drive(limit, { cores: 100, service: 50, timeout: 10 }, 5_000, grown, 1e6)
    assert.strictEqual(dead.limit, 1)
    const { limits } = drive(limit, { cores: 100, service: 50 }, 1_700, dead, 2e6)
    assert.isAtLeast(limits.at(-1)!, 60)
  })
})

describe("the end of the warm-up", () => {
  it("takes the queue away at once, by half at the most", () => {
    const limit = vegas(oneByOne)
    const warm = { ...initial(limit), baseline: second }
    const end = (rtt: number) => rounds(limit, warm, { rtt, inFlight: 20 }).state.estimate
    // of twenty ten wait, and three may
    assert.strictEqual(end(2 * second), 20 - 10 + 3)
    assert.strictEqual(end(10 * second), 10)
  })

  it("is no more than a step where the limit was not reached: nothing says that it is too high", () => {
    const limit = vegas(oneByOne)
    const warm = { ...initial(limit), baseline: second }
    const { state } = rounds(limit, warm, { rtt: 3 * second, inFlight: 15 })
    assert.strictEqual(state.estimate, 19)
    assert.isUndefined(state.probe)
  })

  it("one call that timed out does not make a slow server of a quick one", () => {
    const limit = vegas()
    const quick = { rtt: 50e6, inFlight: 20, dropped: false }
    let state = initial(limit)
    for (let call = 0; call < 20 + 9; call++) state = update(limit)(state, quick)
    state = update(limit)(state, { rtt: 60 * second, inFlight: 20, dropped: true })
    // it is doubted, and the doubt is dispelled
    assert.strictEqual(state.limit, 9)
    const { limits } = drive(limit, { cores: 1_000, service: 50 }, 1_000, state)
    assert.isAtLeast(limits.at(-1)!, 18)
  })
})

describe.each([
  ["vegas", vegas()],
  ["gradient2", gradient2()]
])("the baseline of %s", (_, limit) => {
  it("is the latency without a queue, also where all was measured under load", () => {
    const { state } = drive(limit, { cores: 8, service: 50 }, 30_000)
    assert.closeTo(state.baseline!, 50e6, 1e6)
  })

  it("falls with a server that became quicker, within a few rounds", () => {
    const { state } = drive(limit, { cores: 40, service: 50 }, 10_000)
    const quicker = drive(limit, { cores: 40, service: 20 }, 600, state, 1e6)
    assert.closeTo(quicker.state.baseline!, 20e6, 5e6)
  })

  it("rises with a server that became slower in itself: the limit comes back", () => {
    const { state } = drive(limit, { cores: 40, service: 50 }, 20_000)
    // two rounds of bad latency, and one of a probe
    const slower = drive(limit, { cores: 40, service: 150 }, 600, state, 1e6)
    assert.closeTo(slower.state.baseline!, 150e6, 5e6)
    const later = drive(limit, { cores: 40, service: 150 }, 5_000, slower.state, 2e6)
    assert.isAtLeast(mean(last(later.limits, 3_000)), 40)
  })

  it("rises with one that became slower in itself and can take more: its limit is sought anew", () => {
    const { state } = drive(limit, { cores: 10, service: 50 }, 20_000)
    const wider = drive(limit, { cores: 160, service: 200 }, 3_000, state, 1e6)
    assert.isAtLeast(wider.state.limit, 100)
  })

  it("does not rise with a server that lost cores: the limit follows them", () => {
    const { state } = drive(limit, { cores: 40, service: 50 }, 20_000)
    const fewer = drive(limit, { cores: 10, service: 50 }, 10_000, state, 1e6)
    assert.closeTo(fewer.state.baseline!, 50e6, 5e6)
    assert.isAtMost(mean(last(fewer.limits, 3_000)), 10 * 1.6 + 2)
  })

  it("a probe halves the limit for one round, now and then at full load", () => {
    const { limits } = drive({ ...limit, maximum: 40, probeEvery: 3 }, { cores: 1_000, service: 50 }, 5_000)
    const steps = limits.filter((one, index) => one !== limits[index - 1])
    assert.deepStrictEqual(steps.slice(0, 6), [20, 40, 20, 40, 20, 40])
  })

  it("a probe leaves out those who began before it, and is given up where nobody keeps to it", () => {
    const busy = { ...limit, probeEvery: 3 }
    const full = { rtt: 50e6, inFlight: 200, dropped: false }
    let state = drive(busy, { cores: 1_000, service: 50 }, 5_000).state
    for (let call = 0; call < 5_000 && state.probe === undefined; call++) state = update(busy)(state, full)
    const { baseline, estimate, limit: halved } = state
    assert.isBelow(halved, estimate)
    for (let call = 0; call < 2 * 200 + 1; call++) {
      assert.isDefined(state.probe, `given up after ${call} calls`)
      state = update(busy)(state, { ...full, rtt: 500e6 })
    }
    assert.isUndefined(state.probe)
    assert.strictEqual(state.limit, Math.floor(estimate))
    assert.strictEqual(state.baseline, baseline)
  })

  it("at a minimum that leaves nothing to halve, it is what is seen there", () => {
    const bounded = withBounds(limit, { minimum: 20, maximum: 100 })
    const { state } = drive(bounded, { cores: 20, service: 50 }, 10_000)
    const slower = drive(bounded, { cores: 20, service: 150 }, 10_000, state, 1e6)
    assert.isAbove(slower.state.baseline!, 100e6)
  })

  it("is never probed for at full load with `probeEvery: Infinity`, while latency looks good", () => {
    const { limits } = drive({ ...limit, probeEvery: Infinity }, { cores: 1_000, service: 50 }, 20_000)
    assert.isTrue(limits.every((one, index) => one >= (limits[index - 1] ?? 0)))
  })
})

describe("noise", () => {
  /** Latencies as irregular as those of many services, of a server that could take any number. */
  const noisy = (limit: AdaptiveLimit.AdaptiveLimit, seed: number, calls: number, demand = Infinity) => {
    const random = seeded(seed)
    const limits: Array<number> = []
    let state = initial(limit)
    for (let call = 0; call < calls; call++) {
      const rtt = -Math.log(1 - random()) * 50e6
      state = update(limit)(state, { rtt, inFlight: Math.min(state.limit, demand), dropped: false })
      if (state.probe === undefined) limits.push(state.limit)
    }
    return { state, limits }
  }

  it.each([1, 2, 3])("luck is not learnt: the baseline stays near the mean (seed %i)", (seed) => {
    for (const limit of [vegas({ maximum: 60 }), gradient2({ maximum: 60 })]) {
      const { limits, state } = noisy(limit, seed, 300_000, 25)
      assert.isAtLeast(state.baseline!, 0.75 * 50e6)
      assert.isAtMost(state.baseline!, 1.1 * 50e6)
      // and nobody is turned away for it
      assert.isAtLeast(
        limits.slice(5_000).reduce((least, limit) => Math.min(least, limit)),
        30
      )
    }
  })

  it.each([1, 2, 3])("a few requests of a thousand are no queue (seed %i)", (seed) => {
    const { limits } = noisy(vegas({ maximum: 1_000 }), seed, 300_000)
    assert.isAtLeast(
      limits.slice(150_000).reduce((least, limit) => Math.min(least, limit)),
      800
    )
  })

  it("slow calls of an idle system are no queue either", () => {
    for (const limit of [vegas(), gradient2()]) {
      const idle = { rtt: 50e6, inFlight: 2, dropped: false }
      let state = initial(limit)
      for (let call = 0; call < 2_000; call++) state = update(limit)(state, idle)
      for (let call = 0; call < 2_000; call++) state = update(limit)(state, { ...idle, rtt: 500e6 })
      assert.strictEqual(state.limit, 20)
    }
  })
})

describe("at the edges of numbers", () => {
  const all = { aimd: aimd(oneByOne), vegas: vegas(oneByOne), gradient2: gradient2(oneByOne) }

  it.each(Object.entries(all))("%s: latencies of zero, and the longest there are", (_, limit) => {
    let state = initial(limit)
    for (const rtt of [0, 0, 0, Number.MAX_VALUE, 0, 1, Number.MIN_VALUE, Number.MAX_VALUE]) {
      for (let call = 0; call < 42; call++) state = update(limit)(state, { rtt, inFlight: 20, dropped: false })
      assert.isTrue(Number.isInteger(state.limit) && state.limit >= 1 && state.limit <= 200, String(state.limit))
      assert.isTrue(state.baseline === undefined || (Number.isFinite(state.baseline) && state.baseline > 0))
    }
  })

  it.each(Object.entries(all))("%s: heals when latencies were zero for a while", (_, limit) => {
    let state = initial(limit)
    for (let call = 0; call < 500; call++) state = update(limit)(state, { rtt: 0, inFlight: 20, dropped: false })
    const { limits } = drive(limit, { cores: 40, service: 50 }, 20_000, state)
    assert.isAtLeast(mean(last(limits, 5_000)), 35)
  })

  it.each([
    [{ rtt: Number.NaN }, /rtt must be a finite number of nanoseconds from 0 up, got NaN/],
    [{ rtt: -1 }, /rtt must be .* got -1/],
    [{ rtt: Infinity }, /rtt must be .* got Infinity/],
    [{ inFlight: 0 }, /inFlight must be at least 1: it counts the call itself, got 0/],
    [{ inFlight: 1.5 }, /inFlight must be a non-negative integer, got 1.5/],
    [{ inFlight: Number.NaN }, /inFlight must be a non-negative integer, got NaN/],
    [{ now: Number.NaN }, /now must be a finite number of nanoseconds, got NaN/]
  ])("a sample with %o throws", (part, message) => {
    const state = initial(vegas())
    const sample = { rtt: 1, inFlight: 1, dropped: false, now: 0, ...part }
    assert.throws(() => update(vegas())(state, sample), message)
  })

  it("a clock that stands still ends no round", () => {
    const limit = gradient2()
    let state = initial(limit)
    for (let call = 0; call < 5_000; call++) {
      state = update(limit)(state, { rtt: 0, inFlight: 20, dropped: call % 2 === 0, now: 7 })
    }
    assert.strictEqual(state.limit, 20)
  })

  it("a clock that goes back does not hold up a round", () => {
    const limit = aimd()
    let state = update(limit)(initial(limit), { rtt: 1, inFlight: 1, dropped: false, now: 3_600 * second })
    for (let call = 0; call < 100; call++) {
      state = update(limit)(state, { rtt: 1, inFlight: 20, dropped: false, now: (call * second) / 20 })
    }
    assert.isAbove(state.limit, 20)
  })
})

describe("options", () => {
  it("the initial limit is 20, or the bound that is nearest", () => {
    assert.strictEqual(initial(aimd()).limit, 20)
    assert.strictEqual(initial(vegas({ maximum: 5 })).limit, 5)
    assert.strictEqual(initial(gradient2({ minimum: 50 })).limit, 50)
    assert.strictEqual(initial(aimd({ minimum: 2, initial: 3, maximum: 4 })).limit, 3)
  })

  it("a minimum that is the maximum is a fixed limit", () => {
    const limit = vegas({ minimum: 7, maximum: 7 })
    const { limits } = drive(limit, { cores: 3, service: 50, timeout: 200 }, 20_000)
    assert.deepStrictEqual(new Set(limits), new Set([7]))
  })

  it("withBounds keeps all but the bounds, and moves the initial limit in", () => {
    const limit = gradient2({ initial: 50, tolerance: 2, timeout: "1 second" })
    assert.deepStrictEqual(withBounds(limit, {}), limit)
    assert.deepStrictEqual(withBounds(limit, { maximum: 30 }), { ...limit, maximum: 30, initial: 30 })
    assert.throws(
      () => withBounds(limit, { minimum: 300 }),
      /withBounds: maximum must be not below the minimum, which is 300/
    )
  })

  it.each<[string, () => unknown, RegExp]>([
    ["minimum 0", () => aimd({ minimum: 0 }), /aimd: minimum must be at least 1, got 0/],
    ["minimum 1.5", () => vegas({ minimum: 1.5 }), /vegas: minimum must be a non-negative integer, got 1.5/],
    ["maximum NaN", () => gradient2({ maximum: Number.NaN }), /gradient2: maximum must be .* got NaN/],
    [
      "maximum below",
      () => aimd({ minimum: 9, maximum: 8 }),
      /maximum must be not below the minimum, which is 9, got 8/
    ],
    ["initial above", () => aimd({ initial: 201 }), /initial must be from 1 to 200, got 201/],
    ["backoff 1", () => aimd({ backoff: 1 }), /backoff must be above 0 and below 1, got 1/],
    ["samples 0", () => vegas({ samples: 0 }), /samples must be at least 1, got 0/],
    ["window NaN", () => vegas({ window: Number.NaN }), /window must be a duration .* got NaN/],
    ["window without end", () => vegas({ window: Infinity }), /window must be finite, got Infinity/],
    ["timeout 0", () => vegas({ timeout: 0 }), /timeout must be above 0, got 0/],
    ["alpha 0", () => vegas({ alpha: 0 }), /alpha must be above 0, got 0/],
    ["beta below alpha", () => vegas({ alpha: 4, beta: 3 }), /beta must be finite and not below alpha, got 3/],
    ["tolerance 0.9", () => gradient2({ tolerance: 0.9 }), /tolerance must be finite and from 1 up, got 0.9/],
    ["headroom NaN", () => gradient2({ headroom: Number.NaN }), /headroom must be finite and above 0, got NaN/],
    ["smoothing 0", () => gradient2({ smoothing: 0 }), /smoothing must be above 0 and at most 1, got 0/],
    ["probeEvery 0", () => vegas({ probeEvery: 0 }), /probeEvery must be at least 1, got 0/]
  ])("%s throws", (_, make, message) => {
    assert.throws(make, message)
  })
})
