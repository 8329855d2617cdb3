/** The deque, in every order of the steps of its owner and of thieves. */
import { assert, describe, it } from "@effect/vitest"

import { Deque, empty, lost } from "../src/internal/deque.ts"
import { explore, type Thread } from "./support/interleavings.ts"

const capacity = 4

interface Program {
  /** Entries that are there at the beginning. */
  readonly filled: number
  /** The owner pushes the next entry, or pops. */
  readonly owner: ReadonlyArray<"push" | "pop">
  /** How often each thief tries. */
  readonly thieves: ReadonlyArray<number>
  /** Where the counts stand at the beginning. */
  readonly from?: number
}

/** Every entry leaves once or is still there, and each of the thieves sees them from the oldest to the newest. */
const check = ({ filled, from = 0, owner, thieves }: Program): number => {
  const words = new Int32Array(new SharedArrayBuffer(Deque.bytes(capacity)))
  words[0] = words[16] = from
  const outside = new Deque(words)
  for (let entry = 0; entry < filled; entry++) outside.push(entry)
  const taken: Array<Array<number>> = [[], ...thieves.map(() => [])]
  let pushed = filled

  const own: Thread = (memory) => {
    const deque = new Deque(words, memory)
    taken[0] = []
    pushed = filled
    for (const operation of owner) {
      if (operation === "push") {
        if (deque.push(pushed)) pushed++
      } else {
        const entry = deque.pop()
        if (entry !== empty) taken[0].push(entry)
      }
    }
  }
  const thief =
    (tries: number, index: number): Thread =>
    (memory) => {
      const deque = new Deque(words, memory)
      const got: Array<number> = []
      taken[index + 1] = got
      for (let left = tries; left > 0; left--) {
        const entry = deque.steal()
        if (entry !== empty && entry !== lost) got.push(entry)
      }
    }

  return explore([own, ...thieves.map(thief)], words, () => {
    const left: Array<number> = []
    const copy = new Deque(Int32Array.from(words))
    for (let entry = copy.pop(); entry !== empty; entry = copy.pop()) left.push(entry)
    assert.deepStrictEqual(
      [...taken.flat(), ...left].toSorted((a, b) => a - b),
      Array.from({ length: pushed }, (_, entry) => entry)
    )
    for (const got of taken.slice(1))
      assert.deepStrictEqual(
        got,
        got.toSorted((a, b) => a - b)
      )
    assert.deepStrictEqual(
      left,
      left.toSorted((a, b) => b - a)
    )
  })
}

describe("every order of steps", () => {
  it.each<readonly [string, Program]>([
    ["the owner pops the last one while two thieves want it", { filled: 1, owner: ["pop"], thieves: [1, 1] }],
    ["the owner pops two of two beside a thief", { filled: 2, owner: ["pop", "pop"], thieves: [2] }],
    [
      "the owner empties it, fills it and pops beside a thief",
      { filled: 1, owner: ["pop", "push", "pop"], thieves: [1] }
    ],
    ["the owner fills a full one again that a thief empties", { filled: 4, owner: ["push", "push"], thieves: [2] }],
    ["two thieves at two entries while the owner pushes", { filled: 2, owner: ["push"], thieves: [1, 1] }],
    ["two thieves twice each", { filled: 1, owner: ["push", "pop", "pop"], thieves: [2, 1] }],
    ["the counts wrap around", { filled: 2, owner: ["pop", "push"], thieves: [2], from: 2 ** 31 - 1 }]
  ])("%s", (_, program) => {
    assert.isAbove(check(program), 20)
  })

  it("an entry that is written over while a thief looks at it is not what he gets", () => {
    // one thief stops before his swap while another takes what he saw and the owner writes there
    assert.isAbove(check({ filled: 4, owner: ["push"], thieves: [1, 1] }), 100)
  })
})
