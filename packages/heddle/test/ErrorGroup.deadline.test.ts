import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"

import * as Deadline from "../src/Deadline.ts"
import * as ErrorGroup from "../src/ErrorGroup.ts"
import { withCountedSleeps } from "./support/clocks.ts"
import { ended, endedAt } from "./support/ended.ts"
import { naturals, reasonsOf, start } from "./support/group.ts"

const { collectAll, forEach } = ErrorGroup

describe.each(["fiber", "none"] as const)("deadline partial, isolation %s", (isolation) => {
  const work = (n: number) => Effect.delay(n === 2 ? Effect.fail("two") : Effect.succeed(n), 40)
  const partial = (source: Iterable<number>, margin?: number) =>
    forEach(source, work, {
      concurrency: 2,
      isolation,
      deadline: "partial",
      policy: collectAll(),
      ...(margin === undefined ? {} : { margin })
    })
  const summary = ({ complete, exits }: ErrorGroup.SoFar<number, string>) => ({
    complete,
    exits: exits.map(({ exit, task }) => {
      if (Exit.isSuccess(exit)) return [task, exit.value]
      const because = Option.map(ErrorGroup.stopReason(exit.cause), (reason) => reason.because)
      return [task, Option.getOrElse(because, () => reasonsOf(exit).join())]
    })
  })

  it.effect("stops a margin before the deadline, and gives what there is", () =>
    Effect.gen(function* () {
      const { exit, millis } = yield* endedAt(Deadline.within(partial(naturals()), 200))
      assert.deepStrictEqual(summary(Option.getOrThrow(Exit.getSuccess(exit))), {
        complete: false,
        exits: [
          [0, 0],
          [1, 1],
          [2, "two"],
          [3, 3],
          [4, 4],
          [5, 5],
          [6, "deadline"],
          [7, "deadline"]
        ]
      })
      assert.strictEqual(millis, 150)
      const sooner = yield* endedAt(Deadline.within(partial(naturals(), 10), 200))
      assert.strictEqual(sooner.millis, 190)
      const half = yield* endedAt(Deadline.within(partial(naturals(), 500), 200))
      assert.strictEqual(half.millis, 100)
    })
  )

  it.effect("in time, it gives the exits of all", () =>
    Effect.gen(function* () {
      const { exit, millis } = yield* endedAt(Deadline.within(partial([0, 1]), 200))
      assert.deepStrictEqual(summary(Option.getOrThrow(Exit.getSuccess(exit))), {
        complete: true,
        exits: [
          [0, 0],
          [1, 1]
        ]
      })
      assert.strictEqual(millis, 40)
    })
  )

  it.effect("what the policy fails with in time, it fails with", () =>
    Effect.gen(function* () {
      const failing = forEach(naturals(), work, { concurrency: 2, isolation, deadline: "partial" })
      assert.deepStrictEqual(yield* ended(Deadline.within(failing, 200)), Exit.fail("two"))
      assert.deepStrictEqual(reasonsOf(yield* ended(Deadline.within(partial([0, 1, 2]), 500))), ["two"])
    })
  )

  it.effect("without a deadline, and under one that has passed, it runs to its end", () =>
    Effect.gen(function* () {
      assert.isTrue(Exit.isSuccess(yield* ended(partial([0, 1]))))
      const inCleanup = Effect.onInterrupt(Effect.never, () =>
        Effect.map(partial([0, 1]), ({ complete }) => assert.isTrue(complete))
      )
      const { millis } = yield* endedAt(Deadline.within(inCleanup, 20))
      assert.strictEqual(millis, 60)
    })
  )

  it.effect("leaves no timer", () =>
    withCountedSleeps((sleepers) =>
      Effect.gen(function* () {
        const options = { concurrency: 1, isolation, deadline: "partial" } as const
        yield* ended(
          Deadline.within(
            forEach([1], () => Effect.sleep(10), options),
            "1 hour"
          )
        )
        assert.strictEqual(sleepers(), 0)
        const fiber = yield* start(
          Deadline.within(
            forEach([1], () => Effect.never, options),
            "1 hour"
          )
        )
        assert.strictEqual(sleepers(), 2)
        yield* Fiber.interrupt(fiber)
        assert.strictEqual(sleepers(), 0)
      })
    )
  )
})
