/** The search for an explanation, on histories written down by hand. */
import { assert, describe, it } from "@effect/vitest"

import type { Call, Outcome } from "../src/internal/linearizability/history.ts"
import type { Operations } from "../src/internal/linearizability/model.ts"
import { explain } from "../src/internal/linearizability/search.ts"

const returned = (output?: unknown): Outcome => ({ _tag: "Returned", output })
const interrupted: Outcome = { _tag: "Interrupted" }
const pending: Outcome = { _tag: "Pending" }

interface Written {
  readonly operation: string
  readonly input?: unknown
  readonly at: readonly [called: number, ended: number]
  readonly waited?: number
  readonly outcome: Outcome
}

const history = (...calls: ReadonlyArray<Written>): ReadonlyArray<Call> =>
  calls.map(({ at: [called, ended], input, operation, outcome, waited = Infinity }, id) => ({
    id,
    fiber: id,
    operation,
    input,
    called,
    waited,
    ended,
    outcome
  }))

const run = () => assert.fail("the model never runs anything")

const register: Operations = {
  write: { run, respond: (_, input) => [undefined, input] },
  read: { run, respond: (value) => [value, value] },
  tell: { run, respond: (_, input) => [undefined, input], interrupted: "either" }
}

interface Line {
  readonly free: number
  readonly line: ReadonlyArray<number>
}

/** A lock whose line is first come, first served. */
const lock: Operations = {
  take: {
    run,
    request: ({ free, line }: Line, _, id) => ({ free, line: [...line, id] }),
    respond: ({ free, line }: Line, _, id) =>
      line[0] === id && free > 0 ? [undefined, { free: free - 1, line: line.slice(1) }] : undefined,
    cancel: ({ free, line }: Line, _, id) => ({ free, line: line.filter((other) => other !== id) })
  },
  release: { run, respond: ({ free, line }: Line) => [undefined, { free: free + 1, line }] }
}

const holds = (operations: Operations, initial: unknown, calls: ReadonlyArray<Call>) =>
  explain(operations, initial, calls) === undefined

describe("explain", () => {
  it("an answer may be that of any instant between call and end", () => {
    const read = (output: number, called: number, ended: number): Written => ({
      operation: "read",
      at: [called, ended],
      outcome: returned(output)
    })
    const write: Written = { operation: "write", input: 1, at: [2, 5], outcome: returned() }
    assert.isTrue(holds(register, 0, history(write, read(0, 3, 4))))
    assert.isTrue(holds(register, 0, history(write, read(1, 3, 4))))
    assert.isFalse(holds(register, 0, history(write, read(1, 0, 1))))
    assert.isFalse(holds(register, 0, history(write, read(0, 6, 7))))
  })

  it("no two reads see a write and then not", () => {
    const write: Written = { operation: "write", input: 1, at: [1, 10], outcome: returned() }
    const read = (output: number, called: number): Written => ({
      operation: "read",
      at: [called, called + 1],
      outcome: returned(output)
    })
    assert.isTrue(holds(register, 0, history(write, read(0, 2), read(1, 4))))
    assert.isFalse(holds(register, 0, history(write, read(1, 2), read(0, 4))))
  })

  it("an interrupted operation has done nothing, or, where it may, all of it", () => {
    const read: Written = { operation: "read", at: [4, 5], outcome: returned(1) }
    const write = (operation: string): Written => ({ operation, input: 1, at: [1, 2], outcome: interrupted })
    assert.isFalse(holds(register, 0, history(write("write"), read)))
    assert.isTrue(holds(register, 0, history(write("tell"), read)))
    assert.isTrue(holds(register, 1, history(write("write"), read)))
  })

  it("an operation that may have been done was done before it was interrupted, if at all", () => {
    const tell: Written = { operation: "tell", input: 1, at: [1, 2], outcome: interrupted }
    const read = (output: number, called: number): Written => ({
      operation: "read",
      at: [called, called + 1],
      outcome: returned(output)
    })
    assert.isFalse(holds(register, 0, history(tell, read(0, 3), read(1, 5))))
  })

  const take = (called: number, ended: number, outcome: Outcome, waited?: number): Written => ({
    operation: "take",
    at: [called, ended],
    outcome,
    ...(waited === undefined ? {} : { waited })
  })
  const release = (called: number): Written => ({ operation: "release", at: [called, called + 1], outcome: returned() })

  it("who was seen to wait has joined the line", () => {
    const free = { free: 0, line: [] }
    // the second began after the first was seen to wait, and is served before it
    const overtaken = history(
      take(1, 9, returned(), 2),
      take(3, 6, returned(), 4),
      { ...release(5), at: [5, 6.5] },
      release(7)
    )
    assert.isFalse(holds(lock, free, overtaken))
    // nobody saw the first wait before the second began
    const either = history(
      take(1, 9, returned(), 4),
      take(3, 6, returned()),
      { ...release(5), at: [5, 6.5] },
      release(7)
    )
    assert.isTrue(holds(lock, free, either))
  })

  it("who waits for ever must have to", () => {
    const free = { free: 0, line: [] }
    assert.isTrue(holds(lock, free, history(take(1, Infinity, pending, 2))))
    const unexplained = explain(lock, free, history(take(1, Infinity, pending, 2), release(3)))
    assert.deepInclude(unexplained?.contradictions[0], { _tag: "LostWakeUp" })
    assert.isFalse(holds(lock, { free: 1, line: [] }, history(take(1, Infinity, pending, 2))))
  })

  it("who is interrupted leaves the line, and has held up those behind it", () => {
    const free = { free: 1, line: [] }
    const behind = history(take(1, 4, interrupted, 2), take(3, 6, returned()))
    assert.isTrue(holds(lock, free, behind))
    // it was granted, gave back, and the next is served
    assert.isTrue(
      holds(lock, { free: 0, line: [] }, history(take(1, 4, interrupted, 2), take(3, 9, returned()), release(5)))
    )
    // what it was granted must not be lost
    assert.isFalse(holds(lock, free, history(take(1, 4, interrupted, 2), take(3, Infinity, pending, 3.5))))
  })

  it("what was answered to who was interrupted goes back, where the model says how", () => {
    const undoes: Operations = {
      ...lock,
      take: { ...lock["take"]!, undo: ({ free, line }: Line) => ({ free: free + 1, line }) }
    }
    const look = (output: number, called: number): Written => ({
      operation: "look",
      at: [called, called + 1],
      outcome: returned(output)
    })
    const looking = (operations: Operations): Operations => ({
      ...operations,
      look: { run, respond: (state: Line) => [state.free, state] }
    })
    // the lock is seen taken, then free again
    const granted = history(take(1, 6, interrupted, 2), look(0, 3), look(1, 7))
    assert.isTrue(holds(looking(undoes), { free: 1, line: [] }, granted))
    assert.isFalse(holds(looking(lock), { free: 1, line: [] }, granted))
    // and it must be free again in the end
    const kept = history(take(1, 6, interrupted, 2), look(0, 3), look(0, 7))
    assert.isFalse(holds(looking(undoes), { free: 1, line: [] }, kept))
  })

  it("tells the longest order that fits, and what speaks against going on", () => {
    const unexplained = explain(
      register,
      0,
      history(
        { operation: "write", input: 1, at: [1, 2], outcome: returned() },
        { operation: "read", at: [3, 4], outcome: returned(2) }
      )
    )
    assert.deepStrictEqual(
      unexplained?.order.map(({ call, kind }) => [call.operation, kind]),
      [["write", "respond"]]
    )
    assert.deepStrictEqual(
      unexplained?.contradictions.map((contradiction) => [contradiction._tag, contradiction.call.operation]),
      [["Output", "read"]]
    )
  })
})
