import type * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { describe, expectTypeOf, test } from "vitest"

import * as Pipeline from "../src/Pipeline.ts"

interface ParseError {
  readonly _tag: "ParseError"
}
interface Database {
  readonly _: unique symbol
}
interface DeadLetters {
  readonly _: unique symbol
}
declare const source: Pipeline.Pipeline<string, "source", "Source">
declare const parse: (text: string) => Effect.Effect<number, ParseError, Database>
declare const never: (text: string) => Effect.Effect<number>
declare const store: (failure: unknown) => Effect.Effect<void, "disk full", DeadLetters>

describe("stage", () => {
  test("a failing stage adds its StageError, with its name and input, and its services", () => {
    const piped = source.pipe(Pipeline.stage("parse", parse, { concurrency: 4 }))
    expectTypeOf(piped).toEqualTypeOf<
      Pipeline.Pipeline<number, "source" | Pipeline.StageError<"parse", ParseError, string>, "Source" | Database>
    >()
  })

  test("the input of a lambda is inferred, and the next stage's too", () => {
    const piped = source.pipe(
      Pipeline.stage("a", (text) => {
        expectTypeOf(text).toEqualTypeOf<string>()
        return parse(text)
      }),
      Pipeline.stage("b", (n) => {
        expectTypeOf(n).toEqualTypeOf<number>()
        return never(String(n))
      })
    )
    expectTypeOf(piped).toEqualTypeOf<
      Pipeline.Pipeline<number, "source" | Pipeline.StageError<"a", ParseError, string>, "Source" | Database>
    >()
  })

  test("a stage that cannot fail adds nothing", () => {
    expectTypeOf(source.pipe(Pipeline.stage("never", never))).toEqualTypeOf<
      Pipeline.Pipeline<number, "source", "Source">
    >()
  })

  test("skip takes the error out", () => {
    expectTypeOf(source.pipe(Pipeline.stage("parse", parse, { onError: "skip" }))).toEqualTypeOf<
      Pipeline.Pipeline<number, "source", "Source" | Database>
    >()
  })

  test("a policy that is not known beforehand keeps the error: it cannot be erased by accident", () => {
    const policy: Pipeline.OnError = "skip" as Pipeline.OnError
    expectTypeOf(source.pipe(Pipeline.stage("parse", parse, { onError: policy }))).toEqualTypeOf<
      Pipeline.Pipeline<number, "source" | Pipeline.StageError<"parse", ParseError, string>, "Source" | Database>
    >()
  })

  test("a skip that may be missing keeps the error", () => {
    type Kept = Pipeline.Pipeline<
      number,
      "source" | Pipeline.StageError<"parse", ParseError, string>,
      "Source" | Database
    >
    const lenient = Boolean(1)
    expectTypeOf(
      source.pipe(Pipeline.stage("parse", parse, { onError: lenient ? "skip" : undefined }))
    ).toEqualTypeOf<Kept>()
    expectTypeOf(
      source.pipe(Pipeline.stage("parse", parse, { concurrency: 2, ...(lenient ? { onError: "skip" as const } : {}) }))
    ).toEqualTypeOf<Kept>()
    const optional: { readonly onError?: "skip" } = {}
    expectTypeOf(source.pipe(Pipeline.stage("parse", parse, optional))).toEqualTypeOf<Kept>()
  })

  test("any does not erase the error", () => {
    const anything: any = {}
    expectTypeOf(source.pipe(Pipeline.stage("parse", parse, anything))).not.toEqualTypeOf<
      Pipeline.Pipeline<number, "source", "Source" | Database>
    >()
    expectTypeOf(Pipeline.runCollect(source.pipe(Pipeline.stage("parse", parse, anything)))).not.toExtend<
      Effect.Effect<Array<number>, "source", "Source" | Database>
    >()
  })

  test("a dead-letter sink replaces the error by its own, and sees what failed", () => {
    const piped = source.pipe(
      Pipeline.stage("parse", (text) => parse(text), {
        onError: {
          deadLetter: (failure) => {
            expectTypeOf(failure).toEqualTypeOf<Pipeline.StageError<"parse", ParseError, string>>()
            return store(failure)
          }
        }
      })
    )
    expectTypeOf(piped).toEqualTypeOf<
      Pipeline.Pipeline<number, "source" | "disk full", "Source" | Database | DeadLetters>
    >()
  })

  test("misuse does not compile", () => {
    // @ts-expect-error the stage takes strings, the source gives numbers
    Pipeline.from(Stream.make(1)).pipe(Pipeline.stage("parse", parse))
    // @ts-expect-error an unknown policy
    source.pipe(Pipeline.stage("parse", parse, { onError: "ignore" }))
    // @ts-expect-error an unknown option
    source.pipe(Pipeline.stage("parse", parse, { parallelism: 3 }))
    // @ts-expect-error not an effect
    source.pipe(Pipeline.stage("parse", (text) => text.length))
  })
})

describe("running", () => {
  test("keeps A, E and R", () => {
    expectTypeOf(Pipeline.runCollect(source)).toEqualTypeOf<Effect.Effect<Array<string>, "source", "Source">>()
    expectTypeOf(Pipeline.toStream(source)).toEqualTypeOf<Stream.Stream<string, "source", "Source">>()
    expectTypeOf(source.pipe(Pipeline.runForEach(parse))).toEqualTypeOf<
      Effect.Effect<void, "source" | ParseError, "Source" | Database>
    >()
    const length = (total: number, text: string) => total + text.length
    expectTypeOf(Pipeline.runFold(source, () => 0, length)).toEqualTypeOf<Effect.Effect<number, "source", "Source">>()
    expectTypeOf(source.pipe(Pipeline.runFold(() => 0, length))).toEqualTypeOf<
      Effect.Effect<number, "source", "Source">
    >()
  })
})
