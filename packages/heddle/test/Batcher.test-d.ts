import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import { describe, expectTypeOf, test } from "vitest"

import * as Batcher from "../src/Batcher.ts"

interface Row {
  readonly id: number
  readonly region: string
}
interface Database {
  readonly _: unique symbol
}
declare const insert: (
  rows: ReadonlyArray<Row>,
  key: string
) => Effect.Effect<ReadonlyArray<Exit.Exit<"ok", "duplicate">>, "down", Database | Scope.Scope>

describe("make", () => {
  test("items, results, both kinds of errors and services come from run, and a scope is its own", () => {
    const made = Batcher.make({ maxSize: 10, maxWait: 5, key: (row) => row.region, run: insert })
    expectTypeOf(made).toEqualTypeOf<Effect.Effect<Batcher.Batcher<Row, "ok", "duplicate" | "down">, never, Database>>()
  })

  test("maxBytes comes with bytes", () => {
    const run = (rows: ReadonlyArray<Row>) => insert(rows, "")
    expectTypeOf(
      Batcher.make({ maxSize: 10, maxWait: 5, maxBytes: 100, bytes: (row) => row.region.length, run })
    ).not.toBeAny()
    // @ts-expect-error -- nobody says how large an item is
    expectTypeOf(Batcher.make({ maxSize: 10, maxWait: 5, maxBytes: 100, run })).not.toBeAny()
  })
})

test("run takes an item and has its result", () => {
  const batcher = {} as Batcher.Batcher<Row, "ok", "duplicate">
  expectTypeOf(Batcher.run(batcher, { id: 1, region: "eu" })).toEqualTypeOf<Effect.Effect<"ok", "duplicate">>()
})
