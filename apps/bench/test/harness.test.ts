import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"

import { BenchFailed, encodeLine, Line, measure, perOperation, table } from "../src/harness.ts"

/** Subjects that take the times they are told to, one after the other and then the last for ever, and who ran when. */
const scripted = (script: Readonly<Record<string, readonly [number, ...ReadonlyArray<number>]>>) => {
  const order: Array<string> = []
  const subjects = Object.fromEntries(
    Object.entries(script).map(([name, [first, ...rest]]) => {
      const left = [...rest]
      let value = first
      const subject = Effect.suspend(() => {
        const current = value
        value = left.shift() ?? value
        order.push(name)
        return Effect.as(TestClock.adjust(current), current)
      })
      return [name, subject]
    })
  )
  return { order, figure: { id: "test/scripted", unit: "ms", subjects } }
}

const values = (lines: ReadonlyArray<Line>) => Object.fromEntries(lines.map(({ subject, value }) => [subject, value]))

describe("measure", () => {
  it.effect("reports the minimum over the rounds, and the warm-up never counts", () =>
    Effect.gen(function* () {
      const { figure } = scripted({ heddle: [1, 9, 7, 8, 2], peer: [3, 20, 30, 40, 5] })
      const lines = yield* measure(figure, { runs: 3, warmUpMillis: 1 })
      assert.deepStrictEqual(lines, [
        { bench: "test/scripted", subject: "heddle", value: 7, unit: "ms" },
        { bench: "test/scripted", subject: "peer", value: 20, unit: "ms" }
      ])
    })
  )

  it.effect("takes a figure that is exact once, whatever it was told", () =>
    Effect.gen(function* () {
      const { figure, order } = scripted({ a: [5, 1], b: [7, 1] })
      const lines = yield* measure({ ...figure, exact: true }, { runs: 9, warmUpMillis: 100 })
      assert.deepStrictEqual(values(lines), { a: 5, b: 7 })
      assert.strictEqual(order.join(""), "ab")
    })
  )

  it.effect("lets the subjects take turns, another one first in each round", () =>
    Effect.gen(function* () {
      const { figure, order } = scripted({ a: [1], b: [1], c: [1] })
      yield* measure(figure, { runs: 4, warmUpMillis: 1 })
      assert.strictEqual(order.join(""), ["abc", "abc", "bca", "cab", "abc"].join(""))
    })
  )

  it.effect("warms up for as long as it was told", () =>
    Effect.gen(function* () {
      const { figure, order } = scripted({ a: [10] })
      yield* measure(figure, { runs: 1, warmUpMillis: 35 })
      assert.strictEqual(order.length, 4 + 1)
    })
  )

  it.effect("gives a subject that has used up its budget no further rounds, but always a figure", () =>
    Effect.gen(function* () {
      const { figure, order } = scripted({ fast: [1], slow: [60], slowest: [200] })
      const lines = yield* measure(figure, { runs: 5, warmUpMillis: 1, budgetMillis: 100 })
      assert.deepStrictEqual(values(lines), { fast: 1, slow: 60, slowest: 200 })
      const runs = (name: string) => order.filter((who) => who === name).length
      assert.deepStrictEqual([runs("fast"), runs("slow"), runs("slowest")], [1 + 5, 1 + 1, 1])
    })
  )

  it.effect("says which subject of which figure failed", () =>
    Effect.gen(function* () {
      const subjects = { heddle: perOperation(1, () => Promise.reject(new Error("no room"))) }
      const failure = yield* Effect.flip(measure({ id: "test/failing", unit: "ms", subjects }, { runs: 1 }))
      assert.instanceOf(failure, BenchFailed)
      assert.strictEqual(failure.message, "test/failing, heddle: no room")
    })
  )
})

describe("output", () => {
  const lines: ReadonlyArray<Line> = [
    { bench: "test/output", subject: "peer", value: 2500, unit: "ns/op" },
    { bench: "test/output", subject: "heddle", value: 1000, unit: "ns/op" }
  ]

  it("is one JSON object a line, with the four fields and no others", () => {
    assert.strictEqual(encodeLine(lines[0]!), `{"bench":"test/output","subject":"peer","value":2500,"unit":"ns/op"}`)
    const decode = Schema.decodeUnknownSync(Schema.fromJsonString(Line))
    assert.deepStrictEqual(decode(encodeLine(lines[0]!)), lines[0])
    assert.throws(() => encodeLine({ ...lines[0]!, value: Number.POSITIVE_INFINITY }))
  })

  it("is a table that compares each subject with heddle, wherever heddle stands", () => {
    assert.deepStrictEqual(table(lines).split("\n"), [
      "test/output",
      "          ns/op  / heddle",
      "  peer    2,500      2.50",
      "  heddle  1,000      1.00"
    ])
  })
})
