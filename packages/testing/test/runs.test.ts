import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"

import * as Explorer from "../src/Explorer.ts"
import * as Strategy from "../src/Strategy.ts"
import { run } from "./support.ts"

/** Turns the event loop, so that whatever a promise resumes has moved. */
const turn = () => new Promise<void>((resume) => void setTimeout(resume, 2))

describe("a run leaves nothing behind that could disturb another", () => {
  it("a fiber that a promise resumes too late stops at its next operation, after the last run too", async () => {
    let gate: () => void = () => {}
    let moved = 0
    const late = Effect.gen(function* () {
      const opened = new Promise<void>((resume) => {
        gate = resume
      })
      yield* Effect.forkDetach(
        Effect.andThen(
          Effect.promise(() => opened),
          Effect.forever(Effect.sync(() => moved++))
        )
      )
    })
    const report = await run(Explorer.explore(late, { daemons: "allow", runs: 3, strategy: Strategy.random() }))
    assert.isTrue(report.passed)
    gate()
    await turn()
    assert.strictEqual(moved, 0)
  })

  it("an exploration that is interrupted stops at once, and so do its fibers", async () => {
    let moved = 0
    const program = Effect.andThen(
      Effect.promise(() => turn()),
      Effect.forever(
        Effect.andThen(
          Effect.promise(() => turn()),
          Effect.sync(() => moved++)
        )
      )
    )
    const fiber = Effect.runFork(Explorer.explore(program, { outside: "1 hour" }))
    await turn()
    await turn()
    await run(Fiber.interrupt(fiber))
    const before = moved
    await turn()
    await turn()
    assert.strictEqual(moved, before)
  })

  it("what was made in one run works in the next", async () => {
    let queue: Queue.Queue<number> | undefined
    let begun = 0
    const shared = Effect.gen(function* () {
      begun++
      queue ??= yield* Queue.unbounded<number>()
      const fiber = yield* Effect.forkChild(Queue.take(queue))
      yield* Effect.yieldNow
      yield* Queue.offer(queue, 1)
      yield* Fiber.join(fiber)
    })
    const { failure } = await run(Explorer.explore(shared, { runs: 20, strategy: Strategy.random() }))
    assert.isUndefined(failure?.trace)
    // none of them came to rest, and was looked at once more
    assert.strictEqual(begun, 20)
  })
})
