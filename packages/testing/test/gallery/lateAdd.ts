import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"

import * as Explorer from "../../src/Explorer.ts"
import { claim, type Exhibit } from "./exhibit.ts"

/** Go's WaitGroup: waits while anything is under way. */
const makeWaitGroup = () => {
  const idle = Latch.makeUnsafe(true)
  let underWay = 0
  const add = (n: number) =>
    Effect.sync(() => {
      underWay += n
      return underWay === 0 ? idle.openUnsafe() : idle.closeUnsafe()
    })
  return { add, wait: idle.await }
}

const program = (added: "by the task" | "before it is forked") =>
  Effect.gen(function* () {
    const group = makeWaitGroup()
    let finished = 0
    const task = Effect.gen(function* () {
      yield* Explorer.step("task")
      if (added === "by the task") yield* group.add(1)
      yield* Explorer.step("work")
      finished++
      yield* group.add(-1)
    })
    for (let forked = 0; forked < 2; forked++) {
      if (added === "before it is forked") yield* group.add(1)
      yield* Effect.forkChild(task)
    }
    yield* Effect.yieldNow
    yield* Explorer.step("wait")
    yield* group.wait
    yield* claim(finished === 2, `${finished} of 2 tasks have finished`)
  })

export const lateAdd: Exhibit = {
  bug: "A task adds itself to a wait group when it starts, and whoever waits for the group may be faster.",
  broken: program("by the task"),
  mended: program("before it is forked"),
  verdict: "Failed",
  weakestMode: "op3"
}
