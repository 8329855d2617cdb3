/** Small programs drawn at random, to compare explorers and modes on. Each answers its log. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Semaphore from "effect/Semaphore"

import { RandomStream } from "../src/internal/seeded.ts"

/** Two fibers of one or two statements each: forks of all kinds, hand-overs of all kinds, time. */
export const smallProgram = (seed: number): Effect.Effect<string> =>
  Effect.suspend(() => {
    const stream = new RandomStream(seed * 7919)
    const log: Array<string> = []
    const say = (text: string) => Effect.sync(() => log.push(text))
    const semaphore = Semaphore.makeUnsafe(1)
    const gate = Deferred.makeUnsafe<void>()
    const latch = Latch.makeUnsafe(false)
    let counter = 0
    const statements: ReadonlyArray<(name: string) => Effect.Effect<unknown>> = [
      say,
      () => Effect.yieldNow,
      (name) => semaphore.withPermit(say(name)),
      () => Deferred.succeed(gate, undefined),
      (name) => Effect.andThen(Deferred.await(gate), say(name)),
      () => latch.open,
      (name) => Effect.andThen(latch.await, say(name)),
      () => Effect.sleep(1 + stream.below(2)),
      (name) => Effect.flatMap(Effect.forkChild(say(name)), Fiber.await),
      (name) => Effect.forkDetach(say(name)),
      (name) => Effect.forkChild(Effect.andThen(say(`${name}1`), say(`${name}2`)), { startImmediately: true }),
      (name) => Effect.all([say(`${name}1`), say(`${name}2`)], { concurrency: 2 }),
      (name) => Effect.flatMap(Effect.forkChild(say(name)), Fiber.interrupt),
      (name) =>
        Effect.flatMap(
          Effect.sync(() => counter),
          (before) => say(`${name}=${(counter = before + 1)}`)
        )
    ]
    const statement = (name: string) => statements[stream.below(statements.length)]!(name)
    const body = (name: string) =>
      stream.below(2) === 0 ? statement(name) : Effect.andThen(statement(`${name}a`), statement(`${name}b`))
    const [one, two] = [body("1"), body("2")]
    return Effect.flatMap(Effect.forkChild(one), (fiber) =>
      Effect.map(Effect.andThen(two, Fiber.await(fiber)), () => log.join(" "))
    )
  })
