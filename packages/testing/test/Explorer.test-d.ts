import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { expectTypeOf, test } from "vitest"

import * as Explorer from "../src/Explorer.ts"

declare const program: Effect.Effect<"a", "e", "r">

test("what the program requires, whoever explores it does", () => {
  expectTypeOf(Explorer.explore(program)).toEqualTypeOf<Effect.Effect<Explorer.Report, never, "r">>()
  expectTypeOf(Explorer.explore(() => program)).toEqualTypeOf<Effect.Effect<Explorer.Report, never, "r">>()
  expectTypeOf(Explorer.check(program)).toEqualTypeOf<
    Effect.Effect<Explorer.Report, Explorer.ExplorationFailure, "r">
  >()
  expectTypeOf(
    Explorer.outcomes(program, {
      render: (exit) => {
        expectTypeOf(exit).toEqualTypeOf<Exit.Exit<"a", "e">>()
        return "a"
      }
    })
  ).toEqualTypeOf<Effect.Effect<Explorer.Outcomes, never, "r">>()
})

declare const make: Effect.Effect<
  {
    readonly extra: number
    readonly target: Effect.Effect<"ta", "te", "tr">
    readonly before: ReadonlyArray<Effect.Effect<"ba", "be", "br">>
    readonly after: readonly [Effect.Effect<"aa", "ae", "ar">]
  },
  "me",
  "mr"
>
declare const looks: Effect.Effect<"la", "le", "lr">
type Swept<R> = Effect.Effect<Explorer.InterruptReport, Explorer.InterruptionFailure, R>

test("interruptEverywhere: the invariant has the exit of the target, and all requirements add up", () => {
  const sweep = Explorer.interruptEverywhere(make, (exit, scenario) => {
    expectTypeOf(exit).toEqualTypeOf<Exit.Exit<"ta", "te">>()
    expectTypeOf(scenario.extra).toEqualTypeOf<number>()
    return looks
  })
  expectTypeOf(sweep).toEqualTypeOf<Swept<"mr" | "tr" | "br" | "ar" | "lr">>()
})

declare const bare: Effect.Effect<{ readonly target: Effect.Effect<"ta", "te"> }>
declare const annotated: () => Effect.Effect<Explorer.Scenario>

test("interruptEverywhere: nothing is required where nothing is", () => {
  expectTypeOf(Explorer.interruptEverywhere(bare, () => bare)).toEqualTypeOf<Swept<never>>()
  expectTypeOf(Explorer.interruptEverywhere(annotated, () => bare)).toEqualTypeOf<Swept<never>>()
})

test("probes: no requirements, and a scope where there is one", () => {
  expectTypeOf(Explorer.step("a")).toEqualTypeOf<Effect.Effect<void>>()
  expectTypeOf(Explorer.choose(2)).toEqualTypeOf<Effect.Effect<number>>()
})
