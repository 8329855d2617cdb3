import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"

import { bodies, conveyors } from "../src/pipeline.ts"

const elements = Array.from({ length: 200 }, (_, index) => index)
const cases = Object.entries(conveyors).flatMap(([subject, conveyor]) =>
  Object.entries(bodies).map(([name, body]) => ({ subject, conveyor, name, body }))
)

describe("pipeline", () => {
  it.effect.each(cases)(
    "$subject sends every element through the $name body, at most ten at a time",
    ({ conveyor, body }) =>
      Effect.gen(function* () {
        let active = 0
        let mostActive = 0
        const observed = (element: number) =>
          Effect.suspend(() => {
            mostActive = Math.max(mostActive, ++active)
            return Effect.map(body(element), (result) => {
              active--
              return result
            })
          })
        assert.strictEqual(yield* conveyor(elements, observed), 20_100)
        assert.strictEqual(active, 0)
        assert.isAtMost(mostActive, 10)
      })
  )

  it.effect.each(Object.entries(conveyors))("%s works on ten elements at once", ([, conveyor]) =>
    Effect.gen(function* () {
      let active = 0
      const whole = Array.from({ length: 10 }, (_, index) => index)
      const all = yield* Latch.make()
      // Ends only if all ten are inside together.
      const body = (element: number) =>
        Effect.suspend(() => (++active === 10 ? all.open : all.await)).pipe(Effect.as(element))
      assert.strictEqual(yield* conveyor(whole, body), 45)
    })
  )
})
