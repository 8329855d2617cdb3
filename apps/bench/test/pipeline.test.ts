import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"

import { bodies, type Body, ordered, unordered } from "../src/pipeline.ts"

const elements = Array.from({ length: 200 }, (_, index) => index)
const cases = Object.entries({ ordered, unordered }).flatMap(([order, conveyors]) =>
  Object.entries(conveyors).flatMap(([subject, conveyor]) =>
    Object.entries(bodies).map(([name, body]) => ({ order, subject, conveyor, name, body }))
  )
)

/** Counts the elements that are in a body, in either world. */
const observed = (body: Body) => {
  const seen = { active: 0, peak: 0, bodies: 0 }
  const enter = () => {
    seen.bodies++
    seen.peak = Math.max(seen.peak, ++seen.active)
  }
  const leave = (result: number) => {
    seen.active--
    return result
  }
  const watched: Body = {
    effect: (element) =>
      Effect.suspend(() => {
        enter()
        return Effect.map(body.effect(element), leave)
      }),
    promise: (element) => {
      enter()
      const result = body.promise(element)
      return typeof result === "number" ? leave(result) : result.then(leave)
    }
  }
  return { seen, watched }
}

describe("pipeline", () => {
  it.each(cases)(
    "$subject ($order) sends every element through three $name bodies, at most ten at a time in each",
    async ({ body, conveyor }) => {
      const { seen, watched } = observed(body)
      assert.strictEqual(await conveyor(elements, watched, 10), (200 * 199) / 2 + 600)
      assert.deepStrictEqual([seen.active, seen.bodies], [0, 600])
      assert.isAtMost(seen.peak, 30)
    }
  )
})
