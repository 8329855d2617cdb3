import { expectTypeOf, test } from "vitest"

import * as AdaptiveLimit from "../src/AdaptiveLimit.ts"

test("a constructor says which limit it is, and all are limits", () => {
  expectTypeOf(AdaptiveLimit.aimd()).toEqualTypeOf<AdaptiveLimit.Aimd>()
  expectTypeOf(AdaptiveLimit.vegas({ alpha: 2 })).toEqualTypeOf<AdaptiveLimit.Vegas>()
  expectTypeOf(AdaptiveLimit.gradient2({ tolerance: 2 })).toEqualTypeOf<AdaptiveLimit.Gradient2>()
  expectTypeOf<AdaptiveLimit.Aimd>().toExtend<AdaptiveLimit.AdaptiveLimit>()
})

test("update is a reducer of samples", () => {
  const limit = AdaptiveLimit.vegas()
  const samples: Array<AdaptiveLimit.Sample> = [{ rtt: 1, inFlight: 1, dropped: false }]
  expectTypeOf(
    samples.reduce(AdaptiveLimit.update(limit), AdaptiveLimit.initial(limit))
  ).toEqualTypeOf<AdaptiveLimit.State>()
})

test("other bounds, the same limit", () => {
  expectTypeOf(AdaptiveLimit.withBounds(AdaptiveLimit.vegas(), { maximum: 5 })).toEqualTypeOf<AdaptiveLimit.Vegas>()
})

test("misuse does not compile", () => {
  // @ts-expect-error the tolerance is gradient2's
  AdaptiveLimit.vegas({ tolerance: 2 })
  // @ts-expect-error aimd does not listen to latency
  AdaptiveLimit.aimd({ smoothing: 0.5 })
  // @ts-expect-error a state cannot be written
  AdaptiveLimit.initial(AdaptiveLimit.aimd()).limit = 5
  // @ts-expect-error nor can a limit
  AdaptiveLimit.aimd().maximum = 5
  // @ts-expect-error a limit is not made by hand
  AdaptiveLimit.update({ _tag: "aimd" })
  // @ts-expect-error where it begins is not a bound
  AdaptiveLimit.withBounds(AdaptiveLimit.aimd(), { initial: 5 })
})
