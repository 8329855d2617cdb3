/** The words of a lane, in every order of the steps of the pool and the thread. */
import { assert, describe, it } from "@effect/vitest"

import { Lane, Status } from "../src/internal/lane.ts"
import { codec } from "../src/internal/protocol.ts"
import { explore, type Thread } from "./support/interleavings.ts"

const lane = () => new Lane(new SharedArrayBuffer(Lane.bytes), codec)
const wordsOf = ({ memory }: Lane) => new Int32Array(memory, 0, 512)

describe("a task that the pool and the thread both want", () => {
  it("begins on the thread or is taken back, and never both", () => {
    const seen = new Set<string>()
    const one = lane()
    one.offer(0)
    let began = false
    let takenBack = false
    const thread: Thread = (memory) => {
      began = new Lane(one.memory, codec, memory).begin(0, 0)
    }
    const pool: Thread = (memory) => {
      takenBack = new Lane(one.memory, codec, memory).takeBack(0)
    }
    explore([thread, pool], wordsOf(one), () => {
      assert.notStrictEqual(began, takenBack)
      seen.add(`${began}`)
    })
    assert.deepStrictEqual([...seen].toSorted(), ["false", "true"])
  })

  it("is stopped or has ended, and never both", () => {
    const seen = new Set<string>()
    const one = lane()
    one.offer(0)
    let intact = false
    let stopped = false
    const thread: Thread = (memory) => {
      const mine = new Lane(one.memory, codec, memory)
      mine.begin(0, 0)
      intact = mine.end(0, 1)
    }
    const pool: Thread = (memory) => {
      stopped = new Lane(one.memory, codec, memory).stop(0)
    }
    explore([thread, pool], wordsOf(one), () => {
      assert.isFalse(stopped && intact)
      seen.add(`${stopped} ${intact}`)
    })
    assert.deepStrictEqual([...seen].toSorted(), ["false true", "true false"])
  })

  it("rings the bell for each result that the pool has not read when it looks", () => {
    const one = lane()
    let rung = 0
    let read: Array<number> = []
    const thread: Thread = (memory) => {
      const mine = new Lane(one.memory, codec, memory)
      rung = 0
      for (const slot of [0, 1]) {
        mine.leave(slot, Status.success, undefined)
        if (mine.ring()) rung++
      }
    }
    const pool: Thread = (memory) => {
      const mine = new Lane(one.memory, codec, memory)
      read = []
      mine.answer()
      for (let slot = mine.next(); slot !== undefined; slot = mine.next()) read.push(slot)
    }
    explore([thread, pool], wordsOf(one), () => {
      // whatever was not read has been rung for
      assert.isTrue(read.length === 2 || rung > 0)
    })
  })
})

describe("results", () => {
  it.each([
    undefined,
    null,
    true,
    false,
    0,
    -0,
    NaN,
    1.5,
    "",
    "warp",
    10n,
    [1, [2]],
    { a: new Map([[1, new Date(0)]]) }
  ])("%o lies in its slot", (value) => {
    const one = lane()
    assert.isTrue(one.leave(3, Status.success, value))
    assert.strictEqual(one.next(), 3)
    assert.strictEqual(one.next(), undefined)
    assert.deepStrictEqual(one.value(3), value)
  })

  it("one that is too large for its slot, or is shared, is posted", () => {
    const one = lane()
    for (const value of [
      "x".repeat(5_000),
      new Uint8Array(5_000),
      new SharedArrayBuffer(8),
      [new Int32Array(new SharedArrayBuffer(8))]
    ]) {
      assert.isFalse(one.leave(0, Status.success, value))
    }
    assert.strictEqual(one.next(), undefined)
  })

  it("more results than there are slots are read in their order", () => {
    const one = lane()
    for (let round = 0; round < 5; round++) {
      for (let slot = 0; slot < 40; slot++) one.leave(slot, Status.success, round * 100 + slot)
      for (let slot = 0; slot < 40; slot++) {
        assert.strictEqual(one.next(), slot)
        assert.strictEqual(one.value(slot), round * 100 + slot)
      }
    }
  })
})
