/** What attacks on `ErrorGroup` have found. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"

import * as Deadline from "../../src/Deadline.ts"
import * as ErrorGroup from "../../src/ErrorGroup.ts"
import * as Hedge from "../../src/Hedge.ts"
import * as RetryBudget from "../../src/RetryBudget.ts"
import * as Select from "../../src/Select.ts"
import * as SingleFlight from "../../src/SingleFlight.ts"
import { ended } from "../support/ended.ts"
import { after, deathOf, logged, reasonsOf } from "../support/group.ts"

const isolations = ["fiber", "none"] as const

describe("a source that wakes those who work on it", () => {
  const gated = (isolation: "fiber" | "none", concurrency: number, sourceOf: (open: () => void) => Iterable<number>) =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const source = sourceOf(() => void Deferred.doneUnsafe(gate, Exit.void))
      const waits = (n: number) => (n < concurrency - 1 ? Deferred.await(gate) : Effect.yieldNow)
      return yield* ErrorGroup.forEach(source, (n) => Effect.as(waits(n), n), { concurrency, isolation, collect: true })
    })

  for (const isolation of isolations) {
    it.effect(`loses no element, with isolation "${isolation}"`, () =>
      Effect.gen(function* () {
        for (const concurrency of [2, 3, 8]) {
          const results = yield* gated(isolation, concurrency, function* (open) {
            for (let n = 0; n < 100; n++) {
              if (n === concurrency - 1) open()
              yield n
            }
          })
          assert.deepStrictEqual(
            results,
            Array.from({ length: 100 }, (_, n) => n)
          )
        }
      })
    )

    it.effect(`keeps as many running as there may be, with isolation "${isolation}"`, () =>
      Effect.gen(function* () {
        const gate = yield* Deferred.make<void>()
        let running = 0
        let most = 0
        function* source() {
          yield 0
          Deferred.doneUnsafe(gate, Exit.void)
          yield* [1, 2, 3, 4]
        }
        const work = (n: number) =>
          n === 0
            ? Deferred.await(gate)
            : Effect.andThen(
                Effect.sync(() => (most = Math.max(most, ++running))),
                after(
                  5,
                  Effect.sync(() => running--)
                )
              )
        yield* ended(ErrorGroup.forEach(source(), work, { concurrency: 2, isolation }))
        assert.deepStrictEqual([running, most], [0, 2])
      })
    )

    it.effect(`begins nothing when it stops the group as it is asked, with isolation "${isolation}"`, () =>
      Effect.gen(function* () {
        const gate = yield* Deferred.make<void>()
        let begun = 0
        function* source() {
          yield Deferred.await(gate)
          yield Effect.sync(() => begun++)
          Deferred.doneUnsafe(gate, Exit.die("stop"))
          yield Effect.sync(() => begun++)
        }
        let called = 0
        const f = (task: Effect.Effect<unknown>) => {
          called++
          return task
        }
        const exit = yield* ended(ErrorGroup.forEach(source(), f, { concurrency: 2, isolation }))
        assert.deepStrictEqual(reasonsOf(exit), ["died: stop"])
        assert.deepStrictEqual([called, begun], [2, 1])
      })
    )

    it.effect(`begins nothing when \`f\` stops the group as it is called, with isolation "${isolation}"`, () =>
      Effect.gen(function* () {
        const gate = yield* Deferred.make<void, string>()
        let begun = 0
        const f = (n: number) => {
          if (n === 0) return Deferred.await(gate)
          Deferred.doneUnsafe(gate, Exit.fail("stop"))
          return Effect.sync(() => begun++)
        }
        const exit = yield* ended(ErrorGroup.forEach([0, 1, 2], f, { concurrency: 2, isolation }))
        assert.deepStrictEqual([reasonsOf(exit), begun], [["stop"], 0])
      })
    )
  }

  it.effect("a stream that wakes a worker as it is pulled", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const open = Effect.sync(() => void Deferred.doneUnsafe(gate, Exit.void))
      const source = Stream.concat(
        Stream.make(0),
        Stream.concat(Stream.drain(Stream.fromEffect(open)), Stream.make(1, 2, 3))
      )
      const work = (n: number) => Effect.as(n === 0 ? Deferred.await(gate) : Effect.yieldNow, n)
      for (const isolation of isolations) {
        const options = { concurrency: 2, isolation, collect: true } as const
        assert.deepStrictEqual(yield* ErrorGroup.forEach(source, work, options), [0, 1, 2, 3])
      }
    })
  )
})

describe("what is no effect is a caller bug that dies", () => {
  const bad = undefined as unknown as Effect.Effect<number>

  for (const isolation of isolations) {
    it.effect(`in forEach, with isolation "${isolation}"`, () =>
      Effect.gen(function* () {
        for (const source of [[1, 2], new Set([1, 2])]) {
          const exit = yield* ended(ErrorGroup.forEach(source, () => bad, { concurrency: 1, isolation }))
          assert.strictEqual(
            deathOf(exit),
            "TypeError: ErrorGroup.forEach: what task 0 runs must be an Effect, got undefined"
          )
        }
      })
    )
  }

  it.effect("in all, in the body of a block, and in go", () =>
    Effect.gen(function* () {
      const of = (effect: Effect.Effect<unknown>) => Effect.map(ended(effect), deathOf)
      assert.strictEqual(
        yield* of(ErrorGroup.all([Effect.void, bad], { name: "g" })),
        'TypeError: ErrorGroup.all on "g": what task 1 runs must be an Effect, got undefined'
      )
      assert.strictEqual(
        yield* of(ErrorGroup.run({})(() => bad)),
        "TypeError: ErrorGroup.run: what the body gives must be an Effect, got undefined"
      )
      const submitted = "task" as unknown as Effect.Effect<void>
      for (const [operation, submit] of [
        ["go", (group: ErrorGroup.ErrorGroup<never>) => ErrorGroup.go(group, submitted)],
        ["goIfAvailable", (group: ErrorGroup.ErrorGroup<never>) => ErrorGroup.goIfAvailable(group, submitted)]
      ] as const) {
        assert.strictEqual(
          yield* of(ErrorGroup.run({})(submit)),
          `TypeError: ErrorGroup.${operation}: the task must be an Effect, got "task"`
        )
      }
    })
  )
})

describe("a policy that dies ends its group with that", () => {
  const onExit = () => {
    throw new Error("in onExit")
  }
  const result = () => {
    throw new Error("in result")
  }
  const policies: Record<string, ErrorGroup.Own<unknown, unknown, never, never>> = {
    "in onExit": { onExit, result: () => Effect.never },
    "in result": { onExit: () => "continue", result }
  }
  const bodies: Record<string, Effect.Effect<unknown, string>> = {
    "an effect that is finished": Effect.succeed(1),
    "one that succeeds at once": Effect.sync(() => 1),
    "one that succeeds later": after(5, Effect.succeed(1)),
    "one that fails later": after(5, Effect.fail("x"))
  }

  for (const [where, policy] of Object.entries(policies)) {
    for (const [what, body] of Object.entries(bodies)) {
      it.effect(`${where}, after ${what}`, () =>
        Effect.gen(function* () {
          const dies = [`died: Error: ${where}`]
          let stopped = 0
          const sibling =
            where === "in result" ? Effect.void : Effect.onInterrupt(Effect.never, () => Effect.sync(() => stopped++))
          for (const isolation of isolations) {
            const each = ErrorGroup.forEach([body, sibling], (effect) => effect, { concurrency: 2, isolation, policy })
            assert.deepStrictEqual(reasonsOf(yield* ended(each)), dies)
          }
          assert.deepStrictEqual(reasonsOf(yield* ended(ErrorGroup.all([body, sibling], { policy }))), dies)
          const block = ErrorGroup.run<string>({ policy })((group) =>
            Effect.andThen(ErrorGroup.go(group, body), sibling)
          )
          assert.deepStrictEqual(reasonsOf(yield* ended(block)), dies)
          const scoped = Effect.gen(function* () {
            const group = yield* ErrorGroup.make<string>({ policy })
            yield* ErrorGroup.go(group, sibling)
            yield* ErrorGroup.go(group, body)
            const first = reasonsOf(yield* Effect.exit(ErrorGroup.wait(group)))
            assert.deepStrictEqual(reasonsOf(yield* Effect.exit(ErrorGroup.wait(group))), first)
            return first
          })
          assert.deepStrictEqual(yield* ended(Effect.scoped(scoped)), Exit.succeed(dies))
        })
      )
    }
  }

  it.effect("and with the defects of its tasks behind it, which are not asked about once it has stopped", () =>
    Effect.gen(function* () {
      let asked = 0
      const policy: ErrorGroup.Own<unknown, unknown, never, never> = {
        onExit: () => {
          if (++asked === 2) throw new Error("in onExit")
          return "continue"
        },
        result: () => Effect.never
      }
      const late = Effect.onInterrupt(Effect.never, () => after(5, Effect.void))
      const tasks = [Effect.die("bug"), after(5, Effect.fail("x")), late]
      const exit = yield* ended(ErrorGroup.all(tasks, { policy }))
      assert.deepStrictEqual(reasonsOf(exit), ["died: Error: in onExit", "died: bug"])
      assert.strictEqual(asked, 2)
    })
  )

  it.effect("is logged where nobody waits for the group", () =>
    Effect.gen(function* () {
      const policy = { onExit, result: () => Effect.void }
      const program = Effect.gen(function* () {
        const group = yield* ErrorGroup.make({ policy })
        yield* ErrorGroup.go(group, Effect.void)
      })
      const { lines } = yield* logged(Effect.scoped(program))
      assert.lengthOf(lines, 1)
      assert.include(lines[0], "in onExit")
    })
  )

  it.effect("also when it answers neither, and when its result is no effect", () =>
    Effect.gen(function* () {
      const of = (policy: object) =>
        Effect.map(ended(ErrorGroup.all([Effect.void], { policy: policy as never })), deathOf)
      assert.strictEqual(
        yield* of({ onExit: () => true, result: () => Effect.void }),
        'TypeError: ErrorGroup.all: the answer of the policy\'s onExit must be "continue" or "stop", got true'
      )
      assert.strictEqual(
        yield* of({ onExit: () => "stop", result: () => 1 }),
        "TypeError: ErrorGroup.all: the result of the policy must be an Effect, got 1"
      )
    })
  )
})

describe("the reason of an interruption that is passed on", () => {
  const wraps: Record<string, (effect: Effect.Effect<never>) => Effect.Effect<unknown, unknown>> = {
    nothing: (effect) => effect,
    "a deadline": Deadline.within("1 hour"),
    "two deadlines": (effect) => Deadline.within(Deadline.within(effect, "1 hour"), "2 hours"),
    "a hedge": Hedge.hedge({ delay: "1 hour" }),
    "a single flight": (effect) => SingleFlight.run(SingleFlight.makeUnsafe<number, never>(), 1, effect),
    "a retry under a budget": RetryBudget.retry(RetryBudget.makeUnsafe(), { times: 3 }),
    "the wait of a select": (effect) => Select.first([Select.make({ ready: effect, commit: Effect.succeedNone })])
  }

  for (const [what, wrap] of Object.entries(wraps)) {
    it.effect(`says which task of which group failed, through ${what}`, () =>
      Effect.gen(function* () {
        const reasons: Array<string> = []
        const patient = Effect.onExit(Effect.never, (exit) =>
          Effect.sync(() => {
            if (Exit.isSuccess(exit)) return
            for (const { because, cause, group, task } of Option.toArray(ErrorGroup.stopReason(exit.cause))) {
              const why = cause === undefined ? "" : reasonsOf(Exit.failCause(cause)).join()
              reasons.push(`${group} ${task} ${because} ${why}`)
            }
          })
        )
        yield* ended(ErrorGroup.all([wrap(patient), after(5, Effect.fail("boom"))], { name: "outer" }))
        assert.deepStrictEqual(reasons, ["outer 1 failure boom"])
      })
    )
  }

  it.effect("from group to group, the inner one first", () =>
    Effect.gen(function* () {
      const chain: Array<string> = []
      const patient = Effect.onExit(Effect.never, (exit) =>
        Effect.sync(() => {
          const reasons = ErrorGroup.stopReasons(Exit.isFailure(exit) ? exit.cause : Cause.empty)
          chain.push(...reasons.map(({ because, group }) => `${group} ${because}`))
        })
      )
      const inner = ErrorGroup.forEach([0], () => Deadline.within(patient, "1 hour"), { concurrency: 1, name: "inner" })
      const block = ErrorGroup.run<Deadline.DeadlineExceeded>({ name: "block" })((group) => ErrorGroup.go(group, inner))
      yield* ended(ErrorGroup.all([block, after(5, Effect.fail("boom"))], { name: "outer" }))
      assert.deepStrictEqual(chain, ["inner interruption", "block interruption", "outer failure"])
    })
  )
})
