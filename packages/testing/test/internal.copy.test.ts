import { assert, describe, it } from "@effect/vitest"
import * as Option from "effect/Option"

import { copyOf } from "../src/internal/linearizability/copy.ts"

describe("a copy of an input", () => {
  it("is equal, and shares nothing that is data", () => {
    const symbol = Symbol("key")
    const value = {
      list: [1, [2]],
      map: new Map([["a", { n: 1 }]]),
      set: new Set([[1]]),
      date: new Date(5),
      bytes: new Uint8Array([1, 2]),
      bare: Object.assign(Object.create(null) as object, { x: [1] }),
      [symbol]: { y: 1 },
      get computed() {
        return 1
      }
    }
    const copy = copyOf(value)
    assert.deepStrictEqual(copy, value)
    assert.notStrictEqual(copy.list[1], value.list[1])
    assert.notStrictEqual(copy.map.get("a"), value.map.get("a"))
    assert.notStrictEqual([...copy.set][0], [...value.set][0])
    assert.notStrictEqual(copy.date, value.date)
    assert.notStrictEqual(copy.bytes.buffer, value.bytes.buffer)
    assert.notStrictEqual(copy.bare, value.bare)
    assert.notStrictEqual(copy[symbol], value[symbol])
  })

  it("keeps what is met twice one thing, and ends where it contains itself", () => {
    const shared = [1]
    const cyclic: { readonly both: ReadonlyArray<unknown>; self?: unknown } = { both: [shared, shared] }
    cyclic.self = cyclic
    const copy = copyOf(cyclic)
    assert.strictEqual(copy.self, copy)
    assert.strictEqual(copy.both[0], copy.both[1])
  })

  it("is the thing itself where that has a class or is no object", () => {
    class Secret {
      readonly #n = 1
      read = () => this.#n
    }
    for (const value of [1, "a", null, undefined, 1n, () => 1, new Secret(), Option.some(1)]) {
      assert.strictEqual(copyOf(value), value)
      assert.strictEqual(copyOf([value])[0], value)
    }
  })
})
