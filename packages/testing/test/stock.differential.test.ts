// explorations one after the other, each with the machine to itself
/* oxlint-disable eslint/no-await-in-loop */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Scheduler from "effect/Scheduler"
import * as Semaphore from "effect/Semaphore"

import * as Explorer from "../src/Explorer.ts"
import { RandomStream } from "../src/internal/seeded.ts"
import { run } from "./support.ts"

type Program = (log: Array<string>) => Effect.Effect<unknown, unknown>

/** Effect's own scheduler, with immediates that fire in a random order, or in that of the event loop. */
const withTheirs = async (program: Program, stream: RandomStream | undefined): Promise<string> => {
  const immediates: Array<() => void> = []
  const scheduler = new Scheduler.MixedScheduler("async", (fire) => {
    immediates.push(fire)
    return () => void immediates.splice(immediates.indexOf(fire), 1)
  })
  const log: Array<string> = []
  Effect.runFork(program(log), { scheduler })
  while (immediates.length > 0) immediates.splice(stream?.below(immediates.length) ?? 0, 1)[0]!()
  return log.join(" ")
}

const withOurs = async (program: Program, mode: Explorer.Mode = "stock") => {
  const make = () => {
    const log: Array<string> = []
    return Effect.map(program(log), () => log.join(" "))
  }
  const { exhausted, outcomes } = await run(
    Explorer.outcomes(make, { mode, runs: 20_000, render: (exit) => (exit._tag === "Success" ? exit.value : "failed") })
  )
  assert.isTrue(exhausted)
  return outcomes.map(({ result }) => result)
}

/** A random small program: forks, yields of several priorities, and waits on things of several kinds. */
const randomProgram =
  (seed: number): Program =>
  (log) => {
    const stream = new RandomStream(seed)
    const say = (text: string) => Effect.sync(() => log.push(text))
    return Effect.gen(function* () {
      const semaphore = yield* Semaphore.make(1)
      const queue = yield* Queue.unbounded<number>()
      const gate = yield* Deferred.make<void>()
      const body = (name: string, depth: number): Effect.Effect<unknown> => {
        const parts: Array<Effect.Effect<unknown>> = []
        for (let part = 0; part < 3; part++) {
          const label = `${name}${part}`
          const kind = stream.below(7)
          if (kind === 0) parts.push(Effect.yieldNow)
          else if (kind === 1) parts.push(Effect.yieldNowWith(stream.below(3)))
          else if (kind === 2) parts.push(semaphore.withPermit(Effect.andThen(say(label), Effect.yieldNow)))
          else if (kind === 3) parts.push(Effect.andThen(Queue.offer(queue, 1), say(label)), Queue.take(queue))
          else if (kind === 4) parts.push(Deferred.succeed(gate, undefined), Deferred.await(gate), say(label))
          else if (kind === 5 && depth < 2) {
            const child = body(label, depth + 1)
            parts.push(Effect.flatMap(Effect.forkChild(child), stream.below(2) === 0 ? Fiber.join : () => Effect.void))
          } else parts.push(say(label))
        }
        return Effect.all(parts, { discard: true })
      }
      const fibers: Array<Fiber.Fiber<unknown>> = []
      for (const name of ["a", "b"]) fibers.push(yield* Effect.forkChild(body(name, 0)))
      yield* say("r")
      yield* Fiber.joinAll(fibers)
    })
  }

describe("stock is Effect's own scheduler under any setImmediate", () => {
  it("sibling forks never swap", async () => {
    const siblings: Program = (log) =>
      Effect.gen(function* () {
        const fibers = []
        for (const name of ["a", "b", "c"]) fibers.push(yield* Effect.forkChild(Effect.sync(() => log.push(name))))
        yield* Fiber.joinAll(fibers)
      })
    for (const mode of ["stock", "resume", "op3"] as const)
      assert.deepStrictEqual(await withOurs(siblings, mode), ["a b c"])
    assert.lengthOf(await withOurs(siblings, "op"), 6)
  })

  it("priorities hold inside one dispatcher", async () => {
    const priorities: Program = (log) =>
      Effect.withFiber((fiber) => {
        for (const [name, priority] of [
          ["low", 2],
          ["first", 0],
          ["middle", 1],
          ["second", 0]
        ] as const) {
          fiber.currentDispatcher.scheduleTask(() => log.push(name), priority)
        }
        return Effect.yieldNowWith(3)
      })
    assert.deepStrictEqual(await withOurs(priorities), ["first second middle low"])
  })

  for (let seed = 0; seed < 60; seed++) {
    it(`random program ${seed}`, async () => {
      const program = randomProgram(seed)
      const ours = await withOurs(program)
      // the default order is that of the event loop
      const [first] = (
        await run(
          Explorer.outcomes(
            () => {
              const log: Array<string> = []
              return Effect.map(program(log), () => log.join(" "))
            },
            { mode: "stock", runs: 1, render: (exit) => (exit._tag === "Success" ? exit.value : "failed") }
          )
        )
      ).outcomes
      assert.strictEqual(first?.result, await withTheirs(program, undefined))
      const theirs = new Set<string>()
      const tries = (index: number) => index < 300 || (ours.length <= 6 && theirs.size < ours.length && index < 10_000)
      for (let index = 0; tries(index); index++) theirs.add(await withTheirs(program, new RandomStream(index)))
      assert.includeMembers([...ours], [...theirs])
      // and the other way round, where chance had a chance to find them all
      if (ours.length <= 6) assert.sameMembers([...ours], [...theirs])
    })
  }
})
