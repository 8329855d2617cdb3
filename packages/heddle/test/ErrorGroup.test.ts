import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as TestClock from "effect/testing/TestClock"

import * as ErrorGroup from "../src/ErrorGroup.ts"
import { ended, endedAt } from "./support/ended.ts"
import { after, deathOf, gauge, logged, reasonsOf, start } from "./support/group.ts"

const { all, collectAll, firstSuccess, go, make, run } = ErrorGroup

describe("all", () => {
  it.effect("EG-08, PG-01: results in the order of submission, in the shape of the input", () =>
    Effect.gen(function* () {
      const kinds = [after(30, Effect.succeed("web")), after(10, Effect.succeed("image")), Effect.succeed("video")]
      const { exit, millis } = yield* endedAt(all(kinds))
      assert.deepStrictEqual(exit, Exit.succeed(["web", "image", "video"]))
      assert.strictEqual(millis, 30)
      assert.deepStrictEqual(yield* ended(all({ a: kinds[0]!, b: kinds[2]! })), Exit.succeed({ a: "web", b: "video" }))
      assert.deepStrictEqual(yield* ended(all(new Set(kinds))), Exit.succeed(["web", "image", "video"]))
    })
  )

  it.effect("PG-03, G2: nothing of nothing", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* all([]), [])
      assert.deepStrictEqual(yield* all({}), {})
    })
  )

  it.effect("PG-01: with one slot, what comes after a failure never begins", () =>
    Effect.gen(function* () {
      const begun: Array<number> = []
      const task = (n: number) =>
        Effect.suspend(() => {
          begun.push(n)
          return n === 3 ? Effect.fail("three") : Effect.succeed(n)
        })
      const exit = yield* ended(all([0, 1, 2, 3, 4].map(task), { concurrency: 1 }))
      assert.deepStrictEqual(exit, Exit.fail("three"))
      assert.deepStrictEqual(begun, [0, 1, 2, 3])
    })
  )

  it.effect("G2: on a failure the others are torn down before it is told, and change nothing afterwards", () =>
    Effect.gen(function* () {
      const status = { value: "pending", closed: 0 }
      const slow = Effect.ensuring(
        after(
          100,
          Effect.sync(() => (status.value = "done"))
        ),
        after(
          20,
          Effect.sync(() => status.closed++)
        )
      )
      const { exit, millis } = yield* endedAt(all([slow, after(5, Effect.fail("boom")), slow]))
      assert.deepStrictEqual(exit, Exit.fail("boom"))
      assert.strictEqual(millis, 25)
      yield* TestClock.adjust(1000)
      assert.deepStrictEqual(status, { value: "pending", closed: 2 })
    })
  )

  it.effect("CO-03, EG-05: never more than the limit, and as many as the limit", () =>
    Effect.gen(function* () {
      for (const limit of [1, 10, 100]) {
        const { around, seen } = gauge()
        yield* ended(
          all(
            Array.from({ length: limit * 10 }, () => around(Effect.sleep(1))),
            { concurrency: limit }
          )
        )
        assert.deepStrictEqual(seen, { now: 0, most: limit, ended: limit * 10 })
      }
      const { around, seen } = gauge()
      yield* ended(
        all(
          Array.from({ length: 1025 }, () => around(Effect.sleep("1 micros"))),
          { concurrency: 10 }
        )
      )
      assert.deepStrictEqual(seen, { now: 0, most: 10, ended: 1025 })
    })
  )

  it.effect("CO-06, P2: a limit is a whole number from 1 up, or none at all", () =>
    Effect.gen(function* () {
      for (const concurrency of [0, -1, 1.5, Number.NaN]) {
        const message = deathOf(yield* Effect.exit(all([Effect.void], { concurrency })))
        assert.match(message, /^RangeError: ErrorGroup.all: concurrency must be .*, got (0|-1|1.5|NaN)$/)
        assert.include(deathOf(yield* Effect.exit(run({ concurrency })(() => Effect.void))), "ErrorGroup.run")
        assert.include(deathOf(yield* Effect.exit(Effect.scoped(make({ concurrency })))), "ErrorGroup.make")
      }
      for (const concurrency of [Infinity, "unbounded"] as const) {
        assert.deepStrictEqual(yield* all([Effect.succeed(1)], { concurrency }), [1])
      }
    })
  )

  it.effect("a task that nobody else waits for is interrupted with its own interruption", () =>
    Effect.gen(function* () {
      const exit = yield* ended(all([Effect.never, after(5, Effect.interrupt)], { name: "jobs" }))
      assert.deepStrictEqual(reasonsOf(exit), ["interrupted"])
      const reason = Option.getOrThrow(ErrorGroup.stopReason(Exit.isFailure(exit) ? exit.cause : Cause.empty))
      assert.deepStrictEqual(reason, { group: "jobs", because: "itself", task: 1, cause: undefined })
    })
  )

  it.effect("runs without suspending under runSync", () =>
    Effect.sync(() => {
      const many = Array.from({ length: 10_000 }, (_, n) => Effect.sync(() => n))
      assert.lengthOf(Effect.runSync(all(many)), 10_000)
    })
  )
})

describe("causes", () => {
  it.effect("CO-09: typed failures are combined in the order of submission, and catch sees the first", () =>
    Effect.gen(function* () {
      const stubborn = Effect.uninterruptible(after(20, Effect.fail("zero")))
      const program = all([stubborn, after(10, Effect.fail("one")), Effect.never])
      assert.deepStrictEqual(reasonsOf(yield* ended(program)), ["zero", "one"])
      assert.deepStrictEqual(yield* ended(Effect.flip(program)), Exit.succeed("zero"))
    })
  )

  it.effect("CO-04: the defect of a body wins over typed failures", () =>
    Effect.gen(function* () {
      const stubborn = Effect.uninterruptible(after(20, Effect.fail("late")))
      const dies = after(10, Effect.die(new Error("bug")))
      assert.deepStrictEqual(reasonsOf(yield* ended(all([stubborn, dies]))), ["died: Error: bug"])
      const both = all([Effect.fail("typed"), dies, Effect.fail("typed")], { policy: collectAll() })
      assert.deepStrictEqual(reasonsOf(yield* ended(both)), ["died: Error: bug"])
    })
  )

  it.effect("CO-05: limit 2 and ten tasks that die: no hang, no worker lost", () =>
    Effect.gen(function* () {
      const tasks = Array.from({ length: 10 }, (_, n) => after(1, Effect.die(`bug ${n}`)))
      assert.deepStrictEqual(reasonsOf(yield* ended(all(tasks, { concurrency: 2 }))), ["died: bug 0"])
      const collected = yield* ended(all(tasks, { concurrency: 2, policy: collectAll() }))
      assert.lengthOf(reasonsOf(collected), 10)
    })
  )

  it.effect(
    "a defect in the cleanup of a sibling is suppressed: the typed failure is still caught, and the defect logged",
    () =>
      Effect.gen(function* () {
        const dirty = Effect.ensuring(Effect.never, Effect.die("cleanup"))
        const program = all([dirty, after(10, Effect.fail("boom"))], { name: "fetch" }).pipe(
          Effect.catch((error) => Effect.succeed(`caught ${error}`))
        )
        const { exit, lines } = Option.getOrThrow(Exit.getSuccess(yield* ended(logged(program))))
        assert.deepStrictEqual(exit, Exit.succeed("caught boom"))
        assert.lengthOf(lines, 1)
        assert.match(lines[0]!, /^ErrorGroup.all on "fetch" was stopped, and a cleanup died .*cleanup$/)
      })
  )

  it.effect("a defect in the cleanup of what failed by itself is its own, and wins", () =>
    Effect.gen(function* () {
      const dirty = Effect.ensuring(Effect.fail("typed"), Effect.die("cleanup"))
      assert.deepStrictEqual(reasonsOf(yield* ended(all([Effect.never, dirty]))), ["died: typed", "died: cleanup"])
    })
  )

  it.effect("the interruptions that the group caused are not in its cause", () =>
    Effect.gen(function* () {
      const many = Array.from({ length: 20 }, () => Effect.never)
      const exit = yield* ended(all([...many, after(1, Effect.fail("boom"))]))
      assert.deepStrictEqual(exit, Exit.fail("boom"))
    })
  )

  it.effect("an interruption from outside stays an interruption, whatever fails on the way out", () =>
    Effect.gen(function* () {
      const failing = Effect.onExit(Effect.never, () => Effect.fail("cleanup failed"))
      const dying = Effect.onExit(Effect.never, () => Effect.die("cleanup died"))
      const fiber = yield* start(logged(all([failing, dying, Effect.never])))
      yield* Fiber.interrupt(fiber)
      const exit = fiber.pollUnsafe()!
      assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause), String(exit))
    })
  )

  it.effect("what the group interrupts can read why: which group, which task, with what", () =>
    Effect.gen(function* () {
      const seen: Array<unknown> = []
      const watching = Effect.onExit(Effect.never, (exit) =>
        Effect.sync(() => {
          const reason = ErrorGroup.stopReason(Exit.isFailure(exit) ? exit.cause : Cause.empty)
          const { cause, ...rest } = Option.getOrThrow(reason)
          seen.push({ ...rest, error: cause === undefined ? undefined : Cause.squash(cause) })
        })
      )
      yield* ended(all([watching, Effect.fail("boom")], { name: "fetch" }))
      yield* ended(all([watching, Effect.succeed(1)], { policy: firstSuccess }))
      const fiber = yield* start(all([watching]))
      yield* Fiber.interrupt(fiber)
      yield* Effect.scoped(Effect.flatMap(make({ name: "scoped" }), (group) => go(group, watching)))
      assert.deepStrictEqual(seen, [
        { group: "fetch", because: "failure", task: 1, error: "boom" },
        { group: undefined, because: "success", task: 1, error: undefined },
        { group: undefined, because: "interruption", task: undefined, error: undefined },
        { group: "scoped", because: "closed", task: undefined, error: undefined }
      ])
      assert.deepStrictEqual(ErrorGroup.stopReason(Cause.interrupt(1)), Option.none())
    })
  )
})
