import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Ref from "effect/Ref"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { expectTypeOf, test } from "vitest"

import * as Explorer from "../src/Explorer.ts"
import { it } from "../src/vitest.ts"

declare const effect: Effect.Effect<"a", "e", "r">

test("exploring needs what the effect needs, and fails only where it says so", () => {
  expectTypeOf(Explorer.explore(effect)).toEqualTypeOf<Effect.Effect<Explorer.Report, never, "r">>()
  expectTypeOf(Explorer.explore(() => effect)).toEqualTypeOf<Effect.Effect<Explorer.Report, never, "r">>()
  expectTypeOf(Explorer.check(effect)).toEqualTypeOf<Effect.Effect<Explorer.Report, Explorer.ExplorationFailure, "r">>()
  expectTypeOf(Explorer.outcomes(effect)).toEqualTypeOf<Effect.Effect<Explorer.Outcomes, never, "r">>()
})

test("a rendered outcome knows the exit", () => {
  void Explorer.outcomes(effect, {
    render: (exit) => {
      expectTypeOf(exit).toEqualTypeOf<Exit.Exit<"a", "e">>()
      return exit._tag === "Success" ? exit.value : "failed"
    }
  })
})

test("operations of a model infer their arguments and its state", () => {
  const report = Explorer.linearizable({
    make: Ref.make(0),
    model: 0,
    operations: {
      add: {
        input: Schema.Int,
        run: (ref, n) => {
          expectTypeOf(ref).toEqualTypeOf<Ref.Ref<number>>()
          expectTypeOf(n).toEqualTypeOf<number>()
          return Ref.updateAndGet(ref, (m) => m + n)
        },
        respond: (total, n) => {
          expectTypeOf(total).toEqualTypeOf<number>()
          return [total + n, total + n]
        }
      },
      get: { run: (ref) => Ref.get(ref), respond: (total) => [total, total] }
    }
  })
  expectTypeOf(report).toEqualTypeOf<Effect.Effect<Explorer.LinearizableReport, Explorer.LinearizabilityFailure>>()
})

test("what the real thing requires is required; a scope is each run's own", () => {
  const needs = Effect.map(Effect.void, () => 0) as Effect.Effect<number, never, Scope.Scope | Context.Reference<"x">>
  const report = Explorer.linearizable({
    make: needs,
    model: 0,
    operations: { look: { run: Effect.succeed, respond: (n) => [n, n] } }
  })
  expectTypeOf<Effect.Services<typeof report>>().toEqualTypeOf<Context.Reference<"x">>()
})

test("a model's answer of another state does not compile", () => {
  void Explorer.linearizable({
    make: Ref.make(0),
    model: 0,
    // @ts-expect-error the state is a number
    operations: { get: { run: (ref: Ref.Ref<number>) => Ref.get(ref), respond: (n: number) => [n, "n"] as const } }
  })
})

test("a test has a scope and nothing else", () => {
  expectTypeOf(it.explore).toBeCallableWith("scoped", Effect.scope)
  expectTypeOf<Parameters<typeof it.explore>[1]>().not.toExtend<typeof effect>()
  expectTypeOf<typeof effect>().not.toExtend<Parameters<typeof it.explore>[1]>()
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
