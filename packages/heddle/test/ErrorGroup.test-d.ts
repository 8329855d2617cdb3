// @effect-diagnostics missingEffectError:off floatingEffect:off floatingEffectInVitest:off
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { describe, expectTypeOf, test } from "vitest"

import * as ErrorGroup from "../src/ErrorGroup.ts"

interface Database {
  readonly _: unique symbol
}
interface Cache {
  readonly _: unique symbol
}
declare const a: Effect.Effect<"a", "ea", Database>
declare const b: Effect.Effect<number, "eb", Cache>
declare const sure: Effect.Effect<"sure">
declare const group: ErrorGroup.ErrorGroup<"ea">
declare const effects: ReadonlyArray<Effect.Effect<string, "e", Database>>
declare const f: (text: string) => Effect.Effect<number, "ef", Database>
declare const texts: ReadonlyArray<string>

const { all, collectAll, failFast, firstSuccess, forEach, go, goIfAvailable, make, quorum, run } = ErrorGroup

describe("all", () => {
  test("a tuple gives a tuple, with the errors and services of its members", () => {
    type Both = Effect.Effect<["a", number], "ea" | "eb", Database | Cache>
    expectTypeOf(all([a, b])).toEqualTypeOf<Both>()
    expectTypeOf(all([a, b], {})).toEqualTypeOf<Both>()
    expectTypeOf(all([a, b], { concurrency: 2, name: "both" })).toEqualTypeOf<Both>()
    expectTypeOf(all([a, b], { policy: failFast })).toEqualTypeOf<Both>()
    expectTypeOf(all([a, b], { policy: collectAll() })).toEqualTypeOf<Both>()
    expectTypeOf(all([])).toEqualTypeOf<Effect.Effect<[]>>()
  })

  test("an iterable gives an array, a record a record", () => {
    expectTypeOf(all(effects)).toEqualTypeOf<Effect.Effect<Array<string>, "e", Database>>()
    expectTypeOf(all(new Set(effects))).toEqualTypeOf<Effect.Effect<Array<string>, "e", Database>>()
    expectTypeOf(all({ a, b })).toEqualTypeOf<Effect.Effect<{ a: "a"; b: number }, "ea" | "eb", Database | Cache>>()
  })

  test("firstSuccess gives one result, quorum some", () => {
    expectTypeOf(all([a, b], { policy: firstSuccess })).toEqualTypeOf<
      Effect.Effect<"a" | number, "ea" | "eb", Database | Cache>
    >()
    expectTypeOf(all({ a, sure }, { policy: quorum(1) })).toEqualTypeOf<
      Effect.Effect<Array<"a" | "sure">, "ea", Database>
    >()
  })

  test("one's own policy sees the results and the errors, and says what is given and failed with", () => {
    const program = all([a, b], {
      policy: {
        onExit: (state, exit) => {
          expectTypeOf(state).toEqualTypeOf<ErrorGroup.State>()
          expectTypeOf(exit).toEqualTypeOf<Exit.Exit<"a" | number, "ea" | "eb">>()
          return exit._tag === "Success" ? "continue" : "stop"
        },
        result: (report) => {
          expectTypeOf(report).toEqualTypeOf<ErrorGroup.Report<"a" | number, "ea" | "eb">>()
          return report.skipped > 0 ? Effect.fail("skipped" as const) : Effect.succeed(report.exits.length)
        }
      }
    })
    expectTypeOf(program).toEqualTypeOf<Effect.Effect<number, "skipped", Database | Cache>>()
    const elements = forEach(texts, f, {
      concurrency: 2,
      policy: {
        onExit: (_, exit) => {
          expectTypeOf(exit).toEqualTypeOf<Exit.Exit<number, "ef">>()
          return "continue"
        },
        result: ({ exits }) => Effect.succeed(exits.length)
      }
    })
    expectTypeOf(elements).toEqualTypeOf<Effect.Effect<number, never, Database>>()
  })
})

describe("a policy that is not known for certain erases nothing", () => {
  const ignoring = { onExit: () => "continue" as const, result: () => Effect.succeed("ignored" as const) }

  test("a union of policies", () => {
    const policy = failFast as ErrorGroup.FailFast | ErrorGroup.FirstSuccess
    expectTypeOf(all([a, sure], { policy })).toEqualTypeOf<
      Effect.Effect<["a", "sure"] | "a" | "sure", "ea", Database>
    >()
    const either = failFast as ErrorGroup.FailFast | typeof ignoring
    expectTypeOf(all([a, sure], { policy: either })).toEqualTypeOf<
      Effect.Effect<["a", "sure"] | "ignored", "ea", Database>
    >()
  })

  test("a policy that may be missing", () => {
    const missing = {} as { readonly policy?: typeof ignoring }
    expectTypeOf(all([a, sure], missing)).toEqualTypeOf<Effect.Effect<["a", "sure"] | "ignored", "ea", Database>>()
    const unset = { policy: undefined as typeof ignoring | undefined }
    expectTypeOf(all([a, sure], unset)).toEqualTypeOf<Effect.Effect<["a", "sure"] | "ignored", "ea", Database>>()
    const options = {} as { readonly policy: typeof ignoring } | { readonly name: string }
    // @ts-expect-error options of two shapes: which of them holds is not in the type of the result
    all([a, sure], options)
  })

  test("options that are only known as such", () => {
    const options = {} as ErrorGroup.AllOptions<"a" | "sure", "ea">
    expectTypeOf(all([a, sure], options)).toEqualTypeOf<Effect.Effect<unknown, unknown, Database>>()
  })
})

describe("forEach", () => {
  test("gives nothing, or an array", () => {
    expectTypeOf(forEach(texts, f, { concurrency: 4 })).toEqualTypeOf<Effect.Effect<void, "ef", Database>>()
    expectTypeOf(forEach(texts, f, { concurrency: 4, collect: true })).toEqualTypeOf<
      Effect.Effect<Array<number>, "ef", Database>
    >()
    expectTypeOf(forEach(texts, f, { concurrency: 4, collect: false })).toEqualTypeOf<
      Effect.Effect<void, "ef", Database>
    >()
    const collect = true as boolean
    expectTypeOf(forEach(texts, f, { concurrency: 4, collect })).toEqualTypeOf<
      Effect.Effect<void | Array<number>, "ef", Database>
    >()
  })

  test("over a Stream its errors and services are there too; over the others there are none", () => {
    const stream = Stream.fromEffect(a)
    expectTypeOf(forEach(stream, f, { concurrency: 4 })).toEqualTypeOf<Effect.Effect<void, "ef" | "ea", Database>>()
    const lines = {} as AsyncIterable<string>
    expectTypeOf(forEach(lines, f, { concurrency: 4 })).toEqualTypeOf<Effect.Effect<void, "ef", Database>>()
    expectTypeOf(
      forEach(lines, (line) => Effect.succeed(line.length), { concurrency: 1, collect: true })
    ).toEqualTypeOf<Effect.Effect<Array<number>>>()
  })

  test("a policy says what is given, whatever is collected", () => {
    expectTypeOf(forEach(texts, f, { concurrency: 4, policy: firstSuccess })).toEqualTypeOf<
      Effect.Effect<number, "ef", Database>
    >()
    expectTypeOf(forEach(texts, f, { concurrency: 4, policy: quorum(2) })).toEqualTypeOf<
      Effect.Effect<Array<number>, "ef", Database>
    >()
    expectTypeOf(forEach(texts, f, { concurrency: 4, policy: collectAll(), collect: true })).toEqualTypeOf<
      Effect.Effect<Array<number>, "ef", Database>
    >()
  })

  test("partial gives the exits", () => {
    expectTypeOf(forEach(texts, f, { concurrency: 4, deadline: "partial" })).toEqualTypeOf<
      Effect.Effect<ErrorGroup.SoFar<number, "ef">, "ef", Database>
    >()
    const deadline = undefined as "partial" | undefined
    expectTypeOf(forEach(texts, f, { concurrency: 4, deadline })).toEqualTypeOf<
      Effect.Effect<ErrorGroup.SoFar<number, "ef"> | void, "ef", Database>
    >()
  })
})

describe("run and make", () => {
  test("the error is stated once", () => {
    const program = run<"ea" | "eb">({ concurrency: 2 })((group) => Effect.as(go(group, a), 5))
    expectTypeOf(program).toEqualTypeOf<Effect.Effect<number, "ea" | "eb", Database>>()
    const annotated = run({}, (group: ErrorGroup.ErrorGroup<"ea" | "eb">) => Effect.as(go(group, b), 5))
    expectTypeOf(annotated).toEqualTypeOf<Effect.Effect<number, "ea" | "eb", Cache>>()
    const stated = run<"e">({ concurrency: 1 }, (group) => go(group, sure))
    expectTypeOf(stated).toEqualTypeOf<Effect.Effect<unknown, "e">>()
    expectTypeOf(make<"ea">({ concurrency: 1 })).toEqualTypeOf<
      Effect.Effect<ErrorGroup.ErrorGroup<"ea">, never, Scope.Scope>
    >()
    expectTypeOf(ErrorGroup.wait(group)).toEqualTypeOf<Effect.Effect<void, "ea">>()
  })

  test("go has no error of its own, in either form", () => {
    expectTypeOf(go(group, a)).toEqualTypeOf<Effect.Effect<void, never, Database>>()
    expectTypeOf(a.pipe(go(group))).toEqualTypeOf<Effect.Effect<void, never, Database>>()
    expectTypeOf(go(group, sure)).toEqualTypeOf<Effect.Effect<void>>()
    expectTypeOf(goIfAvailable(group, a)).toEqualTypeOf<Effect.Effect<boolean, never, Database>>()
  })
})

describe("an error cannot be erased by accident", () => {
  test("a task may not fail with more than its group", () => {
    // @ts-expect-error "eb" is not an error of the group
    go(group, b)
    // @ts-expect-error "eb" is not an error of the group
    b.pipe(go(group))
    // @ts-expect-error "eb" is not an error of the group
    goIfAvailable(group, b)
    const either = {} as Effect.Effect<number, "ea" | "eb">
    // @ts-expect-error "eb" is not an error of the group
    go(group, either)
  })

  test("nor the body of a block", () => {
    // @ts-expect-error the body fails with "eb"
    run<"ea">({})(() => b)
    // @ts-expect-error no error was stated
    run({})((group) => go(group, a))
    // @ts-expect-error no error was stated
    run({}, (group) => go(group, a))
    // @ts-expect-error no error was stated
    run({}, () => Effect.fail("x"))
  })

  test("a group is not one of more or fewer errors", () => {
    // @ts-expect-error its wait would not tell of "ea"
    const fewer: ErrorGroup.ErrorGroup<never> = group
    // @ts-expect-error its tasks could fail with "eb"
    const more: ErrorGroup.ErrorGroup<"ea" | "eb"> = group
    return [fewer, more]
  })

  test("one's own policy of a group fails with the group's errors", () => {
    const policy = { onExit: () => "continue" as const, result: () => Effect.fail("other" as const) }
    // @ts-expect-error "other" is not an error of the group
    return make<"ea">({ policy })
  })
})

test("misuse does not compile", () => {
  // @ts-expect-error concurrency is required: the source may be endless
  forEach(texts, f, {})
  // @ts-expect-error a typo is not an option
  all([a], { concurency: 2 })
  // @ts-expect-error a typo is not an option
  forEach(texts, f, { concurrency: 1, colect: true })
  // @ts-expect-error a handle cannot be made by hand
  void ErrorGroup.stats({})
})
