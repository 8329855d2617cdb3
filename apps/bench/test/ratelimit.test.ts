import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"

import { operations, ratelimit } from "../src/ratelimit.ts"

for (const [name, subjects] of Object.entries(operations)) {
  describe(`ratelimit: ${name}`, () => {
    it.effect.each(Object.entries(subjects))("%s is let through, every time", ([, make]) =>
      Effect.promise(async () => {
        const operation = await make()
        await operation(100)
      })
    )
  })
}

describe("ratelimit", () => {
  it.effect("has the figures that the README quotes", () =>
    Effect.gen(function* () {
      const figures = yield* ratelimit.figures
      assert.deepStrictEqual(
        figures.map(({ id, unit }) => [id, unit]),
        [
          ["ratelimit/step", "ns/op"],
          ["ratelimit/step-bytes", "bytes"],
          ["ratelimit/takeIfAvailable", "ns/op"],
          ["ratelimit/takeIfAvailable-bytes", "bytes"],
          ["ratelimit/take", "ns/op"],
          ["ratelimit/take-bytes", "bytes"],
          ["ratelimit/interrupt-10k", "ns/waiter"],
          ["ratelimit/keyed-1M-bytes", "bytes/key"]
        ]
      )
    })
  )
})
