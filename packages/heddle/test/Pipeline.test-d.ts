import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as Stream from "effect/Stream"
import { describe, expectTypeOf, test } from "vitest"

import type * as Bulkhead from "../src/Bulkhead.ts"
import * as Pipeline from "../src/Pipeline.ts"
import type * as RateLimiter from "../src/RateLimiter.ts"
import type * as WorkerPool from "../src/WorkerPool.ts"

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

interface Lookup {
  readonly _: unique symbol
}
declare const limiter: RateLimiter.RateLimiter<"full">
declare const bulkhead: Bulkhead.Bulkhead
declare const pool: Pipeline.Pool<number, Date, "pool", Lookup>
declare const workers: WorkerPool.WorkerPool<number, Date, "task", "full">
declare const fibers: WorkerPool.FiberPool<number, Date>

describe("guards of a stage", () => {
  test("what limiter and bulkhead fail with is an error of the element", () => {
    const piped = source.pipe(Pipeline.stage("call", never, { limiter, bulkhead, key: (text) => text.length }))
    expectTypeOf(piped).toEqualTypeOf<
      Pipeline.Pipeline<
        number,
        "source" | Pipeline.StageError<"call", RateLimiter.RateLimited | "full" | Bulkhead.BulkheadError, string>,
        "Source"
      >
    >()
  })

  test("a timeout adds StageTimeout, unless failures are left out", () => {
    expectTypeOf(source.pipe(Pipeline.stage("call", never, { timeout: "1 second" }))).toEqualTypeOf<
      Pipeline.Pipeline<number, "source" | Pipeline.StageTimeout<"call", string>, "Source">
    >()
    expectTypeOf(
      source.pipe(Pipeline.stage("call", parse, { timeout: 10, onError: "skip", key: (text) => text }))
    ).toEqualTypeOf<Pipeline.Pipeline<number, "source", "Source" | Database>>()
  })

  test("a pool takes what the function gives, and its results and services are the stage's", () => {
    expectTypeOf(source.pipe(Pipeline.stage("work", never, { pool }))).toEqualTypeOf<
      Pipeline.Pipeline<Date, "source" | Pipeline.StageError<"work", "pool", string>, "Source" | Lookup>
    >()
    // @ts-expect-error the pool takes numbers
    source.pipe(Pipeline.stage("work", (text: string) => Effect.succeed(text), { pool }))
  })

  test("a WorkerPool adds what its tasks fail with and what refuses them", () => {
    type Refused = "task" | "full" | WorkerPool.PoolClosed
    expectTypeOf(source.pipe(Pipeline.stage("work", never, { pool: workers }))).toEqualTypeOf<
      Pipeline.Pipeline<Date, "source" | Pipeline.StageError<"work", Refused, string>, "Source">
    >()
    expectTypeOf(
      source.pipe(Pipeline.stage("work", parse, { pool: fibers, key: (text) => text.length }))
    ).toEqualTypeOf<
      Pipeline.Pipeline<
        Date,
        "source" | Pipeline.StageError<"work", ParseError | WorkerPool.PoolClosed, string>,
        "Source" | Database
      >
    >()
    const caught = source.pipe(
      Pipeline.stage("work", never, {
        pool: workers,
        onError: {
          deadLetter: (failure) => {
            expectTypeOf(failure).toEqualTypeOf<Pipeline.StageError<"work", Refused, string>>()
            return Effect.void
          }
        }
      })
    )
    expectTypeOf(caught).toEqualTypeOf<Pipeline.Pipeline<Date, "source", "Source">>()
    // @ts-expect-error the pool takes numbers
    source.pipe(Pipeline.stage("work", (text: string) => Effect.succeed(text), { pool: workers }))
  })

  test("a dead-letter sink is given all that its elements may fail with", () => {
    const piped = source.pipe(
      Pipeline.stage("call", parse, {
        limiter,
        timeout: "1 second",
        key: (text) => {
          expectTypeOf(text).toEqualTypeOf<string>()
          return text
        },
        onError: {
          deadLetter: (failure) => {
            expectTypeOf(failure).toEqualTypeOf<
              | Pipeline.StageError<"call", ParseError | RateLimiter.RateLimited | "full", string>
              | Pipeline.StageTimeout<"call", string>
            >()
            return store(failure)
          }
        }
      })
    )
    expectTypeOf(piped).toEqualTypeOf<
      Pipeline.Pipeline<number, "source" | "disk full", "Source" | Database | DeadLetters>
    >()
  })
})

describe("shapes", () => {
  test("batches and back", () => {
    const batches = source.pipe(Pipeline.batch({ maxWeight: 10, weight: (text) => text.length }))
    expectTypeOf(batches).toEqualTypeOf<Pipeline.Pipeline<readonly [string, ...Array<string>], "source", "Source">>()
    expectTypeOf(Pipeline.unbatch(batches)).toEqualTypeOf<typeof source>()
  })

  test("branches: the union of what they give, fail with and need", () => {
    const piped = source.pipe(
      Pipeline.partition((text) => (text === "" ? "empty" : "full"), {
        empty: (branch) => branch.pipe(Pipeline.stage("empty", () => Effect.succeed(null))),
        full: (branch) => branch.pipe(Pipeline.stage("parse", parse))
      })
    )
    expectTypeOf(piped).toEqualTypeOf<
      Pipeline.Pipeline<number | null, "source" | Pipeline.StageError<"parse", ParseError, string>, "Source" | Database>
    >()
    const both = source.pipe(
      Pipeline.broadcast([(branch) => branch, (branch) => branch.pipe(Pipeline.stage("parse", parse))])
    )
    expectTypeOf(both).toEqualTypeOf<
      Pipeline.Pipeline<
        string | number,
        "source" | Pipeline.StageError<"parse", ParseError, string>,
        "Source" | Database
      >
    >()
    // @ts-expect-error a branch is missing
    source.pipe(Pipeline.partition((text) => (text === "" ? "empty" : "full"), { empty: (branch) => branch }))
  })
})

describe("delivery", () => {
  test("acknowledging adds its errors and services", () => {
    expectTypeOf(source.pipe(Pipeline.acknowledge({ acknowledge: (texts) => store(texts[0].length) }))).toEqualTypeOf<
      Pipeline.Pipeline<string, "source" | "disk full", "Source" | DeadLetters>
    >()
    expectTypeOf(source.pipe(Pipeline.checkpoint({ key: "k" }))).toEqualTypeOf<
      Pipeline.Pipeline<
        string,
        "source" | KeyValueStore.KeyValueStoreError | Pipeline.CheckpointError,
        "Source" | KeyValueStore.KeyValueStore
      >
    >()
  })
})

describe("running", () => {
  test("reductions and drains", () => {
    expectTypeOf(source.pipe(Pipeline.runReduce((a, b) => Effect.as(parse(a), b)))).toEqualTypeOf<
      Effect.Effect<Option.Option<string>, "source" | ParseError, "Source" | Database>
    >()
    expectTypeOf(Pipeline.drain(source, { grace: 10 })).toEqualTypeOf<Effect.Effect<boolean>>()
  })

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
