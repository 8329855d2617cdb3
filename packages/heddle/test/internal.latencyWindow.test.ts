import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"

import { LatencyWindow } from "../src/internal/latencyWindow.ts"

const millis = 1_000_000

const recorded = (nanos: ReadonlyArray<number>) => {
  const latencies = new LatencyWindow()
  for (const one of nanos) latencies.record(one)
  return latencies
}

/** Powers of ten: from nanoseconds to days. */
const exponent = Schema.Number.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 15 })))

describe("LatencyWindow", () => {
  it.prop(
    "a percentile is above that share of the latest 2,048, by no more than a sixteenth or a microsecond",
    [Schema.Array(exponent), Schema.Int, Schema.Int],
    ([exponents, repeat, tenths]) => {
      const window = Array.from({ length: 1 + (Math.abs(repeat) % 60) }, () => exponents)
        .flat()
        .slice(0, 5_000)
      const all = window.map((exponent, index) => Math.min(10 ** exponent + index * 1_000, 4e15))
      if (all.length === 0) return
      const percent = 1 + (Math.abs(tenths) % 990) / 10
      const latest = all.slice(-2_048).toSorted((a, b) => a - b)
      const exact = latest[Math.ceil((latest.length * percent) / 100) - 1]!
      const latencies = recorded(all)
      assert.strictEqual(latencies.length, latest.length)
      const found = latencies.percentile(percent)
      // what takes longer than 71 minutes is as good as that
      const capped = Math.min(exact, 0xff_ff_ff_ff * 1_000)
      assert.isAbove(found, capped - 1)
      assert.isAtMost(found, capped * (17 / 16) + 1_000)
    },
    { arbitrary: { runs: 300, size: 200 } }
  )

  it("forgets what is older than 2,048 observations", () => {
    const latencies = recorded(Array.from({ length: 2_048 }, () => 1_000 * millis))
    assert.isAbove(latencies.percentile(50), 1_000 * millis)
    for (let count = 0; count < 2_047; count++) latencies.record(millis)
    assert.isAbove(latencies.percentile(99.99), 1_000 * millis)
    latencies.record(millis)
    assert.isBelow(latencies.percentile(100), 1.1 * millis)
    assert.strictEqual(latencies.length, 2_048)
  })

  it("every latency has a bucket, from none to ages", () => {
    let before = 0
    for (let nanos = 1; nanos < 1e18; nanos *= 1.03) {
      const found = recorded([nanos]).percentile(100)
      assert.isAtLeast(found, before)
      before = found
    }
    assert.strictEqual(recorded([0]).percentile(100), 1_000)
    assert.strictEqual(before, 2 ** 32 * 1_000)
  })
})
