import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"

import * as ErrorGroup from "../src/ErrorGroup.ts"
import { ended, endedAt } from "./support/ended.ts"
import { after, deathOf, gauge, logged, reasonsOf } from "./support/group.ts"

const { all, collectAll, firstSuccess, quorum } = ErrorGroup

describe("policies", () => {
  it.effect("collectAll runs all, and fails with all failures in the order of submission", () =>
    Effect.gen(function* () {
      const { around, seen } = gauge()
      const fails = (millis: number, error: string) => around(after(millis, Effect.fail(error)))
      const program = all([fails(30, "a"), around(Effect.succeed(1)), fails(10, "b"), fails(20, "c")], {
        policy: collectAll()
      })
      const exit = yield* ended(program)
      assert.deepStrictEqual(reasonsOf(exit), ["a", "b", "c"])
      assert.strictEqual(seen.ended, 4)
      assert.deepStrictEqual(yield* all([Effect.succeed(1), Effect.succeed("x")], { policy: collectAll() }), [1, "x"])
    })
  )

  it.effect("collectAll keeps the earliest submitted failures and counts the rest", () =>
    Effect.gen(function* () {
      // the last submitted fails first
      const tasks = Array.from({ length: 150 }, (_, n) => after(150 - n, Effect.fail(n)))
      const causeOf = (maxFailures?: number) =>
        Effect.map(ended(all(tasks, { policy: collectAll({ maxFailures }) })), (exit) => {
          if (Exit.isSuccess(exit)) return assert.fail("it succeeded")
          return ErrorGroup.failures(exit.cause)
        })
      const numbers = (count: number) => Array.from({ length: count }, (_, n) => n)
      assert.deepStrictEqual(yield* causeOf(), { failures: numbers(100), omitted: 50 })
      assert.deepStrictEqual(yield* causeOf(3), { failures: [0, 1, 2], omitted: 147 })
      assert.deepStrictEqual(yield* causeOf(Infinity), { failures: numbers(150), omitted: 0 })
      for (const bad of [0, -1, 2.5])
        assert.throws(() => collectAll({ maxFailures: bad }), /ErrorGroup.collectAll: maxFailures/)
    })
  )

  it.effect("firstSuccess: a failure stops nothing, the first success everything; ties go to the first submitted", () =>
    Effect.gen(function* () {
      const { around, seen } = gauge()
      const race = all(
        [
          after(1, Effect.fail("early")),
          around(after(20, Effect.succeed("b"))),
          around(after(10, Effect.succeed("c")))
        ],
        { policy: firstSuccess }
      )
      const { exit, millis } = yield* endedAt(race)
      assert.deepStrictEqual(exit, Exit.succeed("c"))
      assert.strictEqual(millis, 10)
      assert.deepStrictEqual(seen, { now: 0, most: 2, ended: 2 })
      const tie = [after(5, Effect.succeed("x")), after(5, Effect.succeed("y"))]
      assert.deepStrictEqual(yield* ended(all(tie, { policy: firstSuccess })), Exit.succeed("x"))
    })
  )

  it.effect("firstSuccess fails with all failures when all have failed", () =>
    Effect.gen(function* () {
      const tasks = [after(10, Effect.fail("a")), Effect.fail("b")]
      assert.deepStrictEqual(reasonsOf(yield* ended(all(tasks, { policy: firstSuccess }))), ["a", "b"])
    })
  )

  it.effect("a success that decides drops the failures, and logs the defects", () =>
    Effect.gen(function* () {
      const tasks = [Effect.die("bug"), Effect.fail("typed"), Effect.succeed("won")]
      const { exit, lines } = yield* logged(all(tasks, { policy: firstSuccess }))
      assert.deepStrictEqual(exit, Exit.succeed("won"))
      assert.lengthOf(lines, 1)
      assert.include(lines[0], "bug")
    })
  )

  it.effect("quorum gives so many results in the order of submission, and no more", () =>
    Effect.gen(function* () {
      const tasks = [30, 10, 20, 40].map((millis) => after(millis, Effect.succeed(millis)))
      const { exit, millis } = yield* endedAt(all(tasks, { policy: quorum(3) }))
      assert.deepStrictEqual(exit, Exit.succeed([30, 10, 20]))
      assert.strictEqual(millis, 30)
      // those that cannot be interrupted end later and are not counted in
      const stubborn = tasks.map((task) => Effect.uninterruptible(task))
      assert.deepStrictEqual(yield* ended(all(stubborn, { policy: quorum(2) })), Exit.succeed([10, 20]))
    })
  )

  it.effect("who succeeds in the step that decides is not among the results", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<string>()
      const opens = Effect.sync(() => {
        Deferred.doneUnsafe(gate, Effect.succeed("first"))
        return "second"
      })
      assert.deepStrictEqual(yield* all([Deferred.await(gate), opens], { policy: quorum(1) }), ["first"])
    })
  )

  it.effect("quorum fails as soon as it cannot be reached", () =>
    Effect.gen(function* () {
      const tasks = [after(10, Effect.fail("a")), after(20, Effect.fail("b")), after(1000, Effect.succeed(1))]
      const { exit, millis } = yield* endedAt(all(tasks, { policy: quorum(2) }))
      assert.deepStrictEqual(reasonsOf(exit), ["a", "b"])
      assert.strictEqual(millis, 20)
      assert.match(deathOf(yield* ended(all(tasks, { policy: quorum(4) }))), /4 of 3 effects can never succeed/)
      assert.match(deathOf(yield* ended(all([], { policy: firstSuccess }))), /1 of 0 effects can never succeed/)
      for (const bad of [0, -1, 1.5, Infinity]) assert.throws(() => quorum(bad), /ErrorGroup.quorum/)
    })
  )

  it.effect("one's own: asked after every exit, and gives what its result says", () =>
    Effect.gen(function* () {
      const asked: Array<unknown> = []
      const tasks = [
        after(10, Effect.succeed("a")),
        after(20, Effect.fail("b")),
        after(30, Effect.succeed("c")),
        Effect.never
      ]
      const program = all(tasks, {
        concurrency: 3,
        policy: {
          onExit: ({ failed, succeeded, task, total }, exit) => {
            asked.push([task, total, succeeded, failed, exit._tag])
            return succeeded === 2 ? "stop" : "continue"
          },
          result: ({ cause, exits, skipped, suppressed }) =>
            Effect.succeed({
              exits: exits.map(({ exit, late, task }) => [task, exit._tag, late]),
              failures: cause === undefined ? [] : ErrorGroup.failures(cause).failures,
              skipped,
              suppressed
            })
        }
      })
      const result: Exit.Exit<unknown> = yield* ended(program)
      const exits = [
        [0, "Success", false],
        [1, "Failure", false],
        [2, "Success", false],
        [3, "Failure", true]
      ]
      assert.deepStrictEqual(result, Exit.succeed({ exits, failures: ["b"], skipped: 0, suppressed: [] }))
      assert.deepStrictEqual(asked, [
        [0, 4, 1, 0, "Success"],
        [1, 4, 1, 1, "Failure"],
        [2, 4, 2, 1, "Success"]
      ])
    })
  )

  it.effect("one's own sees what was suppressed, and what never began", () =>
    Effect.gen(function* () {
      const dirty = Effect.ensuring(Effect.never, Effect.die("cleanup"))
      const policy = {
        onExit: (_: unknown, exit: Exit.Exit<unknown, unknown>) => (exit._tag === "Success" ? "continue" : "stop"),
        result: ({ skipped, suppressed }: ErrorGroup.Report<unknown, unknown>) =>
          Effect.succeed({ skipped, suppressed })
      }
      const tasks = [dirty, after(5, Effect.fail("boom")), Effect.void, Effect.void]
      const { exit, lines } = Option.getOrThrow(
        Exit.getSuccess(yield* ended(logged(all(tasks, { concurrency: 2, policy }))))
      )
      assert.deepStrictEqual(exit, Exit.succeed({ skipped: 2, suppressed: ["cleanup"] }))
      assert.lengthOf(lines, 1)
    })
  )

  it.effect("one's own sees the failures alone where results are not collected, defects among them", () =>
    Effect.gen(function* () {
      const policy = {
        onExit: () => "continue" as const,
        result: ({ exits }: ErrorGroup.Report<unknown, string>) =>
          Effect.succeed(exits.map(({ exit, task }) => [task, ...reasonsOf(exit)]))
      }
      const tasks = [Effect.fail("a"), Effect.void, Effect.die("bug"), Effect.fail("b")]
      const program = ErrorGroup.forEach(tasks, (task) => task, { concurrency: 1, policy })
      assert.deepStrictEqual(yield* program, [
        [0, "a"],
        [2, "died: bug"],
        [3, "b"]
      ])
    })
  )

  it.effect("one's own that throws stops the group, which dies of it when all tasks have ended", () =>
    Effect.gen(function* () {
      let cleanups = 0
      const slow = Effect.ensuring(
        Effect.never,
        after(
          20,
          Effect.sync(() => cleanups++)
        )
      )
      const throwing = (where: "onExit" | "result"): ErrorGroup.Own<unknown, never, never, never> => ({
        onExit: () => {
          if (where === "onExit") throw new Error("in onExit")
          return "stop"
        },
        result: () => {
          throw new Error("in result")
        }
      })
      for (const where of ["onExit", "result"] as const) {
        const { exit, millis } = yield* endedAt(all([slow, after(10, Effect.void)], { policy: throwing(where) }))
        assert.deepStrictEqual(reasonsOf(exit), [`died: Error: in ${where}`])
        assert.strictEqual(millis, 30)
      }
      assert.strictEqual(cleanups, 2)
    })
  )

  it.effect("what is no policy dies", () =>
    Effect.gen(function* () {
      const policy = { onExit: () => "continue" } as never
      assert.match(
        deathOf(yield* Effect.exit(all([Effect.void], { policy }))),
        /the policy must be one of ErrorGroup, or have the functions onExit and result/
      )
    })
  )
})
