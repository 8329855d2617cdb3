/** Faults that were reported of Netflix's concurrency-limits, each with what was reported, and what holds here. */
import { assert, describe, it } from "@effect/vitest"

import * as AdaptiveLimit from "../../src/AdaptiveLimit.ts"
import { drive, type Load } from "../support/formulaServer.ts"

const { aimd, gradient2, initial, update, vegas } = AdaptiveLimit

const all = Object.entries({ aimd: aimd(), vegas: vegas(), gradient2: gradient2() })
const listening = all.filter(([name]) => name !== "aimd")

/** A server that answered well for a while, until the limit had grown as far as it would. */
const healthy: Load = { cores: 40, service: 50 }
const grown = (limit: AdaptiveLimit.AdaptiveLimit) => drive(limit, healthy, 20_000).state

const highest = (limits: ReadonlyArray<number>) => limits.reduce((most, limit) => Math.max(most, limit))

const rises = (limits: ReadonlyArray<number>) => limits.filter((limit, index) => limit > (limits[index - 1] ?? limit))

/**
 * A client with a timeout of five seconds got nothing but timeouts, each after five seconds. Gradient2 compares latencies with
 * their own average: what is always the same is no congestion, and the limit grew to its maximum.
 */
describe("Netflix/concurrency-limits#137: a timeout that is always the same drives the limit to its maximum", () => {
  const dead: Load = { cores: 0.001, service: 50, timeout: 5_000 }

  it.each(all)("%s: never up, and down to the minimum", (_, limit) => {
    const { limits, state } = drive(limit, dead, 20_000, grown(limit), 1e9)
    assert.deepStrictEqual(rises(limits), [])
    assert.strictEqual(state.limit, 1)
  })

  it.each(all)("%s: from the first call on", (_, limit) => {
    assert.deepStrictEqual(rises(drive(limit, dead, 5_000).limits), [])
  })

  it.each(all)("%s: a client that takes them for answers says so by `timeout`", (_, limit) => {
    const strict = { ...limit, timeoutNanos: 4.9e9 }
    const answer = { rtt: 5e9, inFlight: 100, dropped: false }
    let state = grown(limit)
    const before = state.limit
    for (let call = 0; call < 2_000; call++) state = update(strict)(state, answer)
    assert.isBelow(state.limit, before)
    assert.strictEqual(state.limit, 1)
  })

  it.each(all)("%s: and it comes back with the server", (_, limit) => {
    const { state } = drive(limit, dead, 5_000, grown(limit), 1e9)
    assert.isAbove(drive(limit, healthy, 20_000, state, 2e9).state.limit, 30)
  })
})

/**
 * Under a modest overload, where latency is a quarter above what it was and the gradient 0.8, what is added for the queue
 * outweighed what the gradient takes away; and the average that latency is compared with learnt the overload. So the limit
 * crept up, without end.
 */
describe("Netflix/concurrency-limits#134: a modest overload makes the limit climb without end", () => {
  it.each(listening)("%s: five thousand rounds of it leave the limit near the knee", (_, limit) => {
    const server: Load = { cores: 40, service: 50 }
    const { limits } = drive(limit, server, 700_000)
    assert.isAtMost(highest(limits), 2 * 40)
    assert.isAtMost(highest(limits.slice(-500_000)), 40 * 1.5 + 6)
  })

  it.each(listening)("%s: also where it began under the overload, and never saw anything else", (_, limit) => {
    // the limit begins at four times what the server can take
    const { limits } = drive(limit, { cores: 5, service: 50 }, 60_000)
    assert.isAtMost(highest(limits.slice(-30_000)), 5 * 1.6 + 7)
  })

  it.each(listening)("%s: a demand a tenth above the server's capacity does not raise it", (_, limit) => {
    const { state } = drive(limit, { cores: 40, service: 50 }, 20_000)
    const { limits } = drive(limit, { cores: 40, service: 50, demand: 44 }, 100_000, state, 1e6)
    assert.isAtMost(highest(limits), Math.max(state.limit, 2 * 44))
  })
})

/** An idle system must not grow: calls that are few and quick are no evidence that many would be. */
describe("Netflix/concurrency-limits#121: an idle system grows", () => {
  it.each(all)("%s: below half of the limit it stays where it is", (_, limit) => {
    const { limits } = drive(limit, { cores: 1_000, service: 5, demand: 9 }, 50_000)
    assert.deepStrictEqual(new Set(limits), new Set([20]))
  })

  it.each(all)("%s: and from half of it on, never above twice the demand", (_, limit) => {
    const { limits } = drive(limit, { cores: 1_000, service: 5, demand: 30 }, 50_000)
    assert.isAtMost(highest(limits), 60)
  })

  it.each(all)("%s: after a busy time, an idle one leaves it where it is", (_, limit) => {
    const { state } = drive(limit, { cores: 40, service: 50, demand: 30 }, 20_000)
    const { limits } = drive(limit, { cores: 40, service: 50, demand: 3 }, 20_000, state, 1e6)
    assert.deepStrictEqual(new Set(limits), new Set([state.limit]))
  })
})

/** Only answers were counted, so that a server that answered nobody was never found to be overloaded. */
it.each(all)("Netflix/concurrency-limits#126: where every call is dropped the limit falls (%s)", (_, limit) => {
  let state = initial(limit)
  for (let call = 0; call < 200; call++) state = update(limit)(state, { rtt: 1e9, inFlight: 20, dropped: true })
  assert.isBelow(state.limit, 10)
})

/** A request that is turned away within a microsecond passed for a server in the best of health. */
it.each(all)("Netflix/concurrency-limits#176: a drop's latency is no latency (%s)", (_, limit) => {
  const state = grown(limit)
  let quick = state
  for (let call = 0; call < 500; call++) {
    quick = update(limit)(quick, { rtt: call % 20 === 0 ? 1_000 : 50e6, inFlight: 40, dropped: call % 20 === 0 })
  }
  assert.isBelow(quick.limit, state.limit)
  assert.strictEqual(quick.baseline, state.baseline)
})
