import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { SchedulerDispatcher } from "effect/Scheduler"

import { ReadyRing, readyRing } from "../src/internal/readyRing.ts"
import { SteppingScheduler } from "./support/steppingScheduler.ts"

const logged = (log: Array<number>, number: number) => (): void => void log.push(number)
const numbers = (length: number) => Array.from({ length }, (_, index) => index)

describe("ReadyRing", () => {
  it("resumes in order, never inside push, 256 per task", () => {
    const scheduler = new SteppingScheduler(2048)
    const ring = new ReadyRing(scheduler)
    const log: Array<number> = []
    for (const number of numbers(1000)) ring.push(logged(log, number), Effect.void)
    const perTask: Array<number> = []
    for (let before = 0; scheduler.step(); before = log.length) perTask.push(log.length - before)
    assert.deepStrictEqual(perTask, [256, 256, 256, 232])
    assert.deepStrictEqual(log, numbers(1000))
  })

  it("whoever is pushed by a resumed one waits behind those already there, in the same budget", () => {
    const scheduler = new SteppingScheduler(2048)
    const ring = new ReadyRing(scheduler)
    const log: Array<number> = []
    let depth = 0
    const chain = (number: number) => (): void => {
      assert.strictEqual(depth++, 0)
      log.push(number)
      if (number < 599) ring.push(chain(number + 1), Effect.void)
      depth--
    }
    ring.push(chain(0), Effect.void)
    let tasks = 0
    while (scheduler.step()) tasks++
    assert.deepStrictEqual(log, numbers(600))
    assert.strictEqual(tasks, 3)
  })

  it("keeps its order while it wraps around and grows", () => {
    const scheduler = new SteppingScheduler(2048)
    const ring = new ReadyRing(scheduler)
    const log: Array<number> = []
    let pushed = 0
    for (const burst of [10, 300, 5, 2000, 1, 700]) {
      for (let index = 0; index < burst; index++) ring.push(logged(log, pushed++), Effect.void)
      scheduler.step()
    }
    scheduler.drain()
    assert.deepStrictEqual(log, numbers(pushed))
  })

  it("one that throws does not strand those behind it", () => {
    const scheduler = new SteppingScheduler(2048)
    const ring = new ReadyRing(scheduler)
    const log: Array<number> = []
    ring.push(logged(log, 0), Effect.void)
    ring.push(() => {
      throw new Error("an observer threw")
    }, Effect.void)
    ring.push(logged(log, 1), Effect.void)
    assert.throws(() => scheduler.step(), "an observer threw")
    scheduler.drain()
    assert.deepStrictEqual(log, [0, 1])
  })

  it("resumes who is served outside of a fiber, also when the fiber that served last is gone with its dispatcher", () => {
    const scheduler = new SteppingScheduler(2048)
    const dispatchers: Array<SchedulerDispatcher> = []
    const makeDispatcher = scheduler.makeDispatcher.bind(scheduler)
    scheduler.makeDispatcher = () => {
      const dispatcher = { ...makeDispatcher() }
      dispatchers.push(dispatcher)
      return dispatcher
    }
    const ring = new ReadyRing(scheduler)
    const log: Array<number> = []
    Effect.runFork(
      Effect.sync(() => ring.push(logged(log, 1), Effect.void)),
      { scheduler }
    )
    scheduler.drain()
    for (const dispatcher of dispatchers) dispatcher.scheduleTask = () => assert.fail("a dead dispatcher")
    ring.push(logged(log, 2), Effect.void)
    scheduler.drain()
    assert.deepStrictEqual(log, [1, 2])
  })

  it("is one per scheduler", () => {
    const [a, b] = [new SteppingScheduler(2048), new SteppingScheduler(2048)]
    const ring = readyRing(a)
    assert.notStrictEqual(readyRing(b), ring)
    assert.strictEqual(readyRing(a), ring)
  })
})
