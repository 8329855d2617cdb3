/**
 * Fork and join on more threads than a machine has: in simulated time, on the deques as they are. A step of a thread is one
 * operation on a deque or one unit of work, and all threads take their steps in turn.
 */
import { assert, describe, it } from "@effect/vitest"

import { Deque, empty, lost } from "../src/internal/deque.ts"

/** A task of so many units that are halved, down to pieces of a few; `serial` is how much of a piece is done before it is halved. */
const simulate = (threads: number, work: number, grain: number, serial: number): number => {
  const deques = Array.from({ length: threads }, () => new Deque(new Int32Array(Deque.bytes(1_024) / 4)))
  const busy: Array<{ left: number; size: number } | undefined> = deques.map(() => undefined)
  const begin = (size: number) => ({ size, left: size > grain ? Math.ceil(size * serial) : size })
  busy[0] = begin(work)
  let remaining = work
  // nobody looks where nothing can be: it would change nothing but the time that this takes
  let waiting = 0
  let steps = 0
  while (remaining > 0) {
    steps++
    for (const [thread, own] of deques.entries()) {
      const task = busy[thread]
      if (task === undefined) {
        if (waiting === 0) continue
        let size = own.pop()
        for (let turn = 1; turn < threads && size === empty; turn++) {
          size = deques[(thread + turn) % threads]!.steal()
          if (size === lost) size = empty
        }
        if (size === empty) continue
        waiting--
        busy[thread] = begin(size)
      } else if (--task.left <= 0) {
        if (task.size > grain) {
          const upper = task.size >> 1
          own.push(upper)
          waiting++
          busy[thread] = begin(task.size - upper)
        } else {
          remaining -= task.size
          busy[thread] = undefined
        }
      }
    }
  }
  return steps
}

describe("fork and join, simulated", () => {
  it.each([
    [2, 1.9],
    [4, 3.7],
    [8, 7],
    [16, 13],
    [64, 35]
  ])("on %i threads: at least %d times one thread, where halving costs nothing", (threads, least) => {
    const speedUp = simulate(1, 20_000, 10, 0) / simulate(threads, 20_000, 10, 0)
    assert.isAtLeast(speedUp, least)
    assert.isAtMost(speedUp, threads * 1.01)
  })

  it("where each level is worked through before it is halved, the longest chain is the limit", () => {
    const alone = simulate(1, 20_000, 10, 0.1)
    assert.isAtLeast(alone / simulate(2, 20_000, 10, 0.1), 1.75)
    assert.isAtMost(alone / simulate(64, 20_000, 10, 0.1), 11)
  })
})
