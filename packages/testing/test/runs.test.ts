// explorations one after the other, each with the machine to itself
/* oxlint-disable eslint/no-await-in-loop */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import type * as Scheduler from "effect/Scheduler"

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

  it("an exploration that is interrupted runs the finalizers of the run under way, and waits for them", async () => {
    const log: Array<string> = []
    const say = (text: string) => Effect.sync(() => log.push(text))
    const slowly = (text: string) =>
      Effect.andThen(
        Effect.andThen(
          Effect.promise(() => turn()),
          Effect.sleep("1 second")
        ),
        say(text)
      )
    const waits = Effect.promise(() => new Promise<void>(() => {}))
    const program = Effect.gen(function* () {
      yield* Effect.forkChild(Effect.ensuring(waits, say("child")))
      yield* Effect.forkDetach(Effect.ensuring(waits, slowly("daemon")))
      yield* Effect.ensuring(Effect.andThen(say("begun"), waits), slowly("root"))
    })
    for (const begin of [
      Effect.asVoid(Explorer.explore(program, { outside: "1 hour" })),
      Effect.asVoid(Explorer.explore(program, { outside: "1 hour", mode: "stock" })),
      Effect.asVoid(Explorer.outcomes(program, { outside: "1 hour" }))
    ]) {
      log.length = 0
      const fiber = Effect.runFork(begin)
      while (!log.includes("begun")) await turn()
      await run(Fiber.interrupt(fiber))
      assert.deepStrictEqual(log.slice(0, 2), ["begun", "child"])
      assert.deepStrictEqual(log.slice(2).toSorted(), ["daemon", "root"])
    }
  })

  it("what a run that was cut short has left for its scheduler to do", async () => {
    // wakes by a task of the scheduler, and believes in it until it has run
    const scheduled = new WeakSet<Scheduler.Scheduler>()
    let waiting: Array<() => void> = []
    const woken = Effect.callback<void>((resume) => {
      waiting.push(() => resume(Effect.void))
      const { scheduler } = Fiber.getCurrent()!.cache
      if (scheduled.has(scheduler)) return
      scheduled.add(scheduler)
      scheduler.makeDispatcher().scheduleTask(() => {
        scheduled.delete(scheduler)
        const wake = waiting
        waiting = []
        for (const resume of wake) resume()
      }, 0)
    })
    const throws = Effect.withFiber((fiber) => {
      fiber.currentDispatcher.scheduleTask(() => {
        throw new Error("thrown")
      }, 0)
      return Effect.void
    })
    const program = Effect.flatMap(Explorer.choose(2), (n) => (n === 0 ? Effect.andThen(throws, woken) : woken))
    for (const mode of ["stock", "op"] as const) {
      const { outcomes } = await run(Explorer.outcomes(program, { mode, render: () => "ended" }))
      assert.deepStrictEqual(
        outcomes.map(({ result }) => result),
        ["Error: thrown", "ended"]
      )
    }
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

  it("a dispatcher that was kept serves whoever uses it, also when its run did not end", async () => {
    let kept: Scheduler.SchedulerDispatcher | undefined
    const program = Effect.gen(function* () {
      kept ??= Fiber.getCurrent()!.currentDispatcher
      if ((yield* Explorer.choose(2)) === 0) return yield* Effect.never
      return yield* Effect.callback<void>((resume) => kept!.scheduleTask(() => resume(Effect.void), 0))
    })
    const { outcomes } = await run(Explorer.outcomes(program, { render: () => "ended" }))
    assert.deepStrictEqual(
      outcomes.map(({ result }) => result),
      ["deadlock", "ended"]
    )
  })

  it("also when the earlier one did not end", async () => {
    let queue: Queue.Queue<number> | undefined
    const shared = Effect.gen(function* () {
      queue ??= yield* Queue.unbounded<number>()
      if ((yield* Explorer.choose(2)) === 0) return yield* Effect.never
      const fiber = yield* Effect.forkChild(Queue.take(queue))
      yield* Effect.yieldNow
      yield* Queue.offer(queue, 1)
      return yield* Fiber.join(fiber)
    })
    const { outcomes } = await run(Explorer.outcomes(shared, { render: () => "ended", runs: 20 }))
    assert.deepStrictEqual(
      outcomes.map(({ result }) => result),
      ["deadlock", "ended"]
    )
  })
})
