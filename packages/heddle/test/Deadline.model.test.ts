/** Deadlines against a model that reckons who is reported and when, and under interruption at every step. */
import { assert, describe } from "@effect/vitest"
import * as Explorer from "@heddle/testing/Explorer"
import { it } from "@heddle/testing/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"

import * as Deadline from "../src/Deadline.ts"
import * as WeightedSemaphore from "../src/WeightedSemaphore.ts"

type Program =
  | { readonly _tag: "sleep" | "sleepUninterruptibly"; readonly millis: number }
  | { readonly _tag: "within"; readonly id: number; readonly millis: number; readonly body: Program }
  | { readonly _tag: "forked" | "recovered"; readonly body: Program }
  | { readonly _tag: "sequence"; readonly first: Program; readonly second: Program }

/** A program from numbers: the same numbers, the same program; when they run out, it ends. */
const programOf = (numbers: ReadonlyArray<number>): Program => {
  let at = 0
  let ids = 0
  const next = (choices: number) => Math.abs(numbers[at++] ?? 0) % choices
  // a thousandth more than whole, so that no sleep ends at the instant of a deadline, and deadlines often do at another's
  const sleep = (_tag: "sleep" | "sleepUninterruptibly"): Program => ({ _tag, millis: next(5) + 0.001 })
  const go = (depth: number): Program => {
    switch (depth === 0 || at >= numbers.length ? 0 : next(7)) {
      case 0:
        return sleep("sleep")
      case 1:
        return sleep("sleepUninterruptibly")
      case 2:
        return { _tag: "sequence", first: go(depth - 1), second: go(depth - 1) }
      case 3:
        return { _tag: "forked", body: go(depth - 1) }
      case 4:
        return { _tag: "recovered", body: go(depth - 1) }
      default:
        return { _tag: "within", id: ids++, millis: next(7), body: go(depth - 1) }
    }
  }
  return go(6)
}

interface Limit {
  readonly id: number
  readonly at: number
}

/** How it ends and when: `cut` is the deadline that interrupts, `exceeded` the one that was reported. */
interface End {
  readonly at: number
  readonly cut?: number
  readonly exceeded?: number
}

const soon = 1e-6

const reckon = (program: Program, begun: number, limit: Limit | undefined): End => {
  switch (program._tag) {
    case "sleep":
    case "sleepUninterruptibly": {
      const at = begun + program.millis
      if (limit === undefined || at < limit.at) return { at }
      return { at: program._tag === "sleep" ? limit.at : at, cut: limit.id }
    }
    case "within": {
      const { body, id, millis } = program
      if (millis === 0) return { at: begun, exceeded: id }
      const own = { id, at: begun + millis }
      const end = reckon(body, begun, limit !== undefined && limit.at <= own.at + soon ? limit : own)
      if (end.cut !== id) return end
      // what could not be interrupted may last until the enclosing deadline comes as well
      return limit !== undefined && limit.at <= end.at ? { at: end.at, cut: limit.id } : { at: end.at, exceeded: id }
    }
    case "sequence": {
      const first = reckon(program.first, begun, limit)
      return first.cut === undefined && first.exceeded === undefined ? reckon(program.second, first.at, limit) : first
    }
    case "forked":
      return reckon(program.body, begun, limit)
    default: {
      const end = reckon(program.body, begun, limit)
      return end.exceeded === undefined ? end : { at: end.at }
    }
  }
}

class Exceeded {
  readonly id: number
  constructor(id: number) {
    this.id = id
  }
}

const effectOf = (program: Program): Effect.Effect<void, Exceeded> => {
  switch (program._tag) {
    case "sleep":
      return Effect.sleep(program.millis)
    case "sleepUninterruptibly":
      return Effect.uninterruptible(Effect.sleep(program.millis))
    case "within":
      return effectOf(program.body).pipe(
        Deadline.within(program.millis),
        Effect.catchTag("DeadlineExceeded", () => Effect.fail(new Exceeded(program.id)))
      )
    case "sequence":
      return Effect.andThen(effectOf(program.first), effectOf(program.second))
    case "forked":
      return Effect.flatMap(Effect.forkChild(effectOf(program.body)), Fiber.join)
    default:
      return Effect.ignore(effectOf(program.body))
  }
}

describe("nested deadlines against their model", () => {
  for (const mode of ["stock", "op"] as const) {
    it.effect.prop(
      `who is reported, and when (${mode})`,
      [Schema.Array(Schema.Int)],
      ([numbers]) => {
        const program = programOf(numbers)
        const expected = reckon(program, 0, undefined)
        const run = Effect.gen(function* () {
          const exit = yield* Effect.exit(effectOf(program))
          const at = yield* Clock.currentTimeMillis
          assert.approximately(at, expected.at, soon, JSON.stringify(program))
          const wanted = expected.exceeded === undefined ? Exit.void : Exit.fail(new Exceeded(expected.exceeded))
          assert.deepStrictEqual(exit, wanted, JSON.stringify(program))
        })
        return Explorer.check(run, { mode, runs: 8 })
      },
      { arbitrary: { runs: 200, size: 24 } }
    )
  }
})

describe("within, interrupted everywhere", () => {
  const bodies: Record<string, (sem: WeightedSemaphore.WeightedSemaphore) => Effect.Effect<void>> = {
    "that ends in time": (sem) => Effect.yieldNow.pipe(WeightedSemaphore.withPermits(sem, 2)),
    "that is stopped at its deadline": (sem) =>
      Effect.sleep("2 seconds").pipe(Effect.ensuring(Effect.sleep(1)), WeightedSemaphore.withPermits(sem, 2)),
    "that takes for its scope": (sem) =>
      Effect.scoped(Effect.andThen(WeightedSemaphore.takeScoped(sem, 2), Effect.yieldNow))
  }
  for (const [name, body] of Object.entries(bodies)) {
    it.effect(`an effect ${name}: its finalizers have run, and what it had taken is back`, () =>
      Effect.gen(function* () {
        const report = yield* Explorer.interruptEverywhere(
          Effect.gen(function* () {
            const sem = yield* WeightedSemaphore.make({ permits: 2 })
            const count = { begun: 0, ended: 0 }
            const counted = Effect.suspend(() => {
              count.begun++
              return Effect.ensuring(
                body(sem),
                Effect.sync(() => count.ended++)
              )
            })
            const target = counted.pipe(
              Deadline.within("1 second"),
              Effect.catchTag("DeadlineExceeded", () => Effect.void),
              Effect.ensuring(Effect.sync(() => assert.strictEqual(count.ended, count.begun)))
            )
            return { sem, target, before: [Effect.yieldNow.pipe(WeightedSemaphore.withPermits(sem, 1))] }
          }),
          (_, { sem }) =>
            Effect.gen(function* () {
              const { available, waiting } = yield* WeightedSemaphore.stats(sem)
              assert.deepStrictEqual({ available, waiting }, { available: 2, waiting: 0 })
            }),
          { budgets: [3, 4, 5, 7, 64] }
        )
        assert.isAbove(report.interrupted, 20)
      })
    )
  }
})

describe("explored", () => {
  const twice = Effect.never.pipe(
    Deadline.within(100),
    Effect.catchTag("DeadlineExceeded", () => Effect.succeed("recovered inside")),
    Deadline.within(100)
  )
  for (const mode of ["stock", "resume", "op3", "op"] as const) {
    it.explore(
      `of two that end at the same instant the outer is reported (${mode})`,
      Effect.gen(function* () {
        const exit = yield* Effect.exit(twice)
        assert.isTrue(Exit.isFailure(exit))
      }),
      { mode }
    )
    it.explore(
      `the caller is interrupted as the deadline comes (${mode})`,
      Effect.gen(function* () {
        let open = 0
        const resource = Effect.acquireUseRelease(
          Effect.sync(() => open++),
          () => Effect.never,
          () =>
            Effect.andThen(
              Effect.yieldNow,
              Effect.sync(() => open--)
            )
        )
        const fiber = yield* Effect.forkChild(resource.pipe(Deadline.within(100)))
        yield* Effect.sleep(100)
        yield* Fiber.interrupt(fiber)
        assert.strictEqual(open, 0)
      }),
      { mode }
    )
  }
})
