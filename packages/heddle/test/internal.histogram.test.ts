import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"

import { Histogram, relativeError } from "../src/internal/histogram.ts"

const exact = (values: ReadonlyArray<number>, part: number): number =>
  values.toSorted((a, b) => a - b)[Math.max(0, Math.ceil(part * values.length) - 1)]!

const parts = [0, 0.01, 0.5, 0.9, 0.99, 0.999, 1]

describe("Histogram", () => {
  it("has no quantile but zero while it is empty", () => {
    const histogram = new Histogram()
    assert.deepInclude(histogram, { count: 0, max: 0 })
    assert.strictEqual(histogram.quantile(0.5), 0)
  })

  it("of one value, every quantile is within the error, and none above it", () => {
    for (const value of [1, 7, 1000, 123_456_789, 8.64e15]) {
      const histogram = new Histogram()
      histogram.record(value)
      for (const part of parts) {
        assert.closeTo(histogram.quantile(part), value, value * relativeError)
        assert.isAtMost(histogram.quantile(part), value)
      }
    }
  })

  it.prop(
    "every quantile is within the error of the value at its rank, whatever the distribution",
    [Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })))],
    ([values]) => {
      const histogram = new Histogram()
      for (const value of values) histogram.record(value)
      assert.strictEqual(histogram.count, values.length)
      if (values.length === 0) return
      assert.strictEqual(histogram.max, Math.max(...values))
      for (const part of parts) {
        const expected = exact(values, part)
        assert.closeTo(histogram.quantile(part), expected, expected * relativeError * 1.000_001)
      }
    },
    { arbitrary: { runs: 200, size: 80 } }
  )

  it("values spread over nine decades, many of each", () => {
    const histogram = new Histogram()
    const values = Array.from({ length: 90_000 }, (_, index) => 10 ** ((index % 9_000) / 1_000))
    for (const value of values) histogram.record(value)
    for (const part of parts) {
      const expected = exact(values, part)
      assert.closeTo(histogram.quantile(part), expected, expected * relativeError * 1.000_001)
    }
  })

  it("what is shorter than a nanosecond counts as one", () => {
    const histogram = new Histogram()
    for (const value of [0, 0.3, 1]) histogram.record(value)
    assert.strictEqual(histogram.count, 3)
    assert.strictEqual(histogram.quantile(1), 1)
  })

  it("a hundred days need no more than 1,700 buckets", () => {
    const histogram = new Histogram()
    histogram.record(100 * 86_400e9)
    assert.isAtMost((Reflect.get(histogram, "buckets") as Uint32Array).length, 1_728)
    assert.closeTo(relativeError, 0.0109, 0.0001)
  })
})
