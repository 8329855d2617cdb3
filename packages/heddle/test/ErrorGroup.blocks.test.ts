import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"

import * as ErrorGroup from "../src/ErrorGroup.ts"
import { ended, endedAt } from "./support/ended.ts"
import { after, deathOf, gauge, logged, reasonsOf, settle, start } from "./support/group.ts"

const { all, collectAll, firstSuccess, go, goIfAvailable, make, quorum, run, stats, wait } = ErrorGroup

describe("run", () => {
  it.effect("ends with the result of the body, when all tasks have ended", () =>
    Effect.gen(function* () {
      const { around, seen } = gauge()
      const block = run({})((group) => Effect.as(go(group, around(Effect.sleep(20))), "body"))
      const { exit, millis } = yield* endedAt(block)
      assert.deepStrictEqual(exit, Exit.succeed("body"))
      assert.strictEqual(millis, 20)
      assert.deepStrictEqual(seen, { now: 0, most: 1, ended: 1 })
    })
  )

  it.effect("CO-01, CO-14: all tasks run; a task may submit others after the body has ended", () =>
    Effect.gen(function* () {
      let ran = 0
      const count = Effect.sync(() => ran++)
      yield* run({})((group) => Effect.replicateEffect(go(group, count), 100, { discard: true }))
      assert.strictEqual(ran, 100)
      const late = yield* ended(
        run({})((group) => go(group, after(10, go(group, after(10, go(group, after(10, count)))))))
      )
      assert.isTrue(Exit.isSuccess(late))
      assert.strictEqual(ran, 101)
    })
  )

  it.effect("the failure of a task stops the body", () =>
    Effect.gen(function* () {
      const closed: Array<string> = []
      const block = run<string>({})((group) =>
        Effect.andThen(go(group, after(10, Effect.fail("boom"))), Effect.never).pipe(
          Effect.onInterrupt(() => Effect.sync(() => closed.push("body")))
        )
      )
      const { exit, millis } = yield* endedAt(block)
      assert.deepStrictEqual(exit, Exit.fail("boom"))
      assert.strictEqual(millis, 10)
      assert.deepStrictEqual(closed, ["body"])
    })
  )

  it.effect("the failure of the body stops the tasks", () =>
    Effect.gen(function* () {
      const { around, seen } = gauge()
      const block = run<string>({})((group) =>
        Effect.andThen(go(group, around(Effect.never)), after(10, Effect.fail("boom")))
      )
      assert.deepStrictEqual(yield* ended(block), Exit.fail("boom"))
      assert.deepStrictEqual(seen, { now: 0, most: 1, ended: 1 })
    })
  )

  it.effect("the body is task 0: its failure comes first in the cause", () =>
    Effect.gen(function* () {
      const block = run<string>({ policy: collectAll() })((group) =>
        Effect.gen(function* () {
          yield* go(group, Effect.fail("one"))
          yield* go(group, after(20, Effect.fail("two")))
          return yield* after(5, Effect.fail("body"))
        })
      )
      const { exit, millis } = yield* endedAt(block)
      assert.deepStrictEqual(reasonsOf(exit), ["body", "one", "two"])
      assert.strictEqual(millis, 20)
    })
  )

  it.effect("EG-07, CO-X3: with limit 1, nothing begins after the first failure", () =>
    Effect.gen(function* () {
      let begun = 0
      const seen: Array<ErrorGroup.Stats> = []
      const block = run<string>({ concurrency: 1 })((group) =>
        Effect.gen(function* () {
          yield* go(group, Effect.fail("boom"))
          for (let n = 0; n < 10; n++)
            yield* go(
              group,
              Effect.sync(() => begun++)
            )
        }).pipe(Effect.ensuring(Effect.map(stats(group), (one) => seen.push(one))))
      )
      assert.deepStrictEqual(yield* ended(block), Exit.fail("boom"))
      assert.strictEqual(begun, 0)
      assert.include(seen[0], { failed: 1, succeeded: 0 })
    })
  )

  it.effect("a success that decides stops the other tasks, not the body", () =>
    Effect.gen(function* () {
      const { around, seen } = gauge()
      const block = (failing: boolean) =>
        run<string>({ policy: firstSuccess })((group) =>
          Effect.gen(function* () {
            yield* go(group, around(Effect.never))
            yield* go(group, failing ? Effect.fail("lost") : around(after(10, Effect.void)))
            yield* Effect.sleep(50)
            yield* go(group, around(Effect.void))
            return (yield* stats(group)).skipped
          })
        )
      const { exit, millis } = yield* endedAt(block(false))
      assert.deepStrictEqual(exit, Exit.succeed(1))
      assert.strictEqual(millis, 50)
      assert.deepStrictEqual(seen, { now: 0, most: 2, ended: 2 })
      const fewer = run<string>({ policy: quorum(2) })((group) => go(group, Effect.void))
      assert.match(deathOf(yield* ended(fewer)), /ErrorGroup.run: quorum needs 2 to succeed, and there were 1/)
      const none = run<string>({ policy: firstSuccess })((group) => go(group, Effect.fail("lost")))
      assert.deepStrictEqual(yield* ended(none), Exit.fail("lost"))
    })
  )

  it.effect("a success that decides while the body has only begun does not stop the body", () =>
    Effect.gen(function* () {
      const block = run<string>({ policy: firstSuccess })((group) =>
        Effect.andThen(go(group, Effect.void), after(10, Effect.succeed("body")))
      )
      assert.deepStrictEqual(yield* ended(block), Exit.succeed("body"))
    })
  )

  it.effect("a failure while the body has only begun interrupts the body", () =>
    Effect.gen(function* () {
      const block = run<string>({})((group) => Effect.andThen(go(group, Effect.fail("a")), Effect.never))
      assert.deepStrictEqual(yield* ended(block), Exit.fail("a"))
    })
  )

  it.effect("waiting twice for a group that a success has stopped logs a lost defect once", () =>
    Effect.gen(function* () {
      const using = Effect.gen(function* () {
        const group = yield* make({ policy: firstSuccess, name: "jobs" })
        yield* go(group, Effect.die("bug"))
        yield* go(group, Effect.void)
        for (let n = 0; n < 2; n++) yield* wait(group)
        return (yield* stats(group)).suppressed
      })
      const { exit, lines } = yield* logged(Effect.scoped(using))
      assert.deepStrictEqual(exit, Exit.succeed(["bug"]))
      assert.lengthOf(lines, 1)
    })
  )

  it.effect("one's own policy fails the block, or leaves it the result of the body", () =>
    Effect.gen(function* () {
      const policy = (verdict: Effect.Effect<unknown, string>): ErrorGroup.Own<unknown, string, unknown, string> => ({
        onExit: () => "continue",
        result: () => verdict
      })
      const block = (verdict: Effect.Effect<unknown, string>) =>
        run<string>({ policy: policy(verdict) })((group) => Effect.as(go(group, Effect.fail("verdict")), "body"))
      assert.deepStrictEqual(yield* ended(block(Effect.fail("verdict"))), Exit.fail("verdict"))
      assert.deepStrictEqual(yield* ended(block(Effect.void)), Exit.succeed("body"))
    })
  )

  it.effect("CO-11, PG-02, PG-06: those that the failure stopped have seen it, and are awaited", () =>
    Effect.gen(function* () {
      let stopped = 0
      const waits = Effect.onInterrupt(Effect.never, () =>
        after(
          20,
          Effect.sync(() => stopped++)
        )
      )
      const block = run<string>({})((group) =>
        Effect.gen(function* () {
          yield* go(group, waits)
          yield* go(group, waits)
          yield* go(group, after(10, Effect.die("panic")))
        })
      )
      const { exit, millis } = yield* endedAt(block)
      assert.deepStrictEqual(reasonsOf(exit), ["died: panic"])
      assert.strictEqual(stopped, 2)
      assert.strictEqual(millis, 30)
    })
  )

  it.effect("uninterruptible siblings are awaited, too", () =>
    Effect.gen(function* () {
      const { around, seen } = gauge()
      const block = run<string>({})((group) =>
        Effect.andThen(go(group, Effect.uninterruptible(around(Effect.sleep(100)))), go(group, Effect.fail("boom")))
      )
      const { exit, millis } = yield* endedAt(block)
      assert.deepStrictEqual(exit, Exit.fail("boom"))
      assert.strictEqual(millis, 100)
      assert.strictEqual(seen.now, 0)
    })
  )

  it.effect("interrupted from outside, ends when the last task has", () =>
    Effect.gen(function* () {
      const { around, seen } = gauge()
      const block = run({})((group) =>
        Effect.andThen(go(group, around(Effect.uninterruptible(Effect.sleep(50)))), Effect.never)
      )
      const fiber = yield* start(block)
      const interruption = yield* start(Fiber.interrupt(fiber))
      yield* TestClock.adjust(49)
      assert.isUndefined(interruption.pollUnsafe())
      assert.strictEqual(seen.now, 1)
      yield* TestClock.adjust(1)
      yield* settle
      assert.isDefined(interruption.pollUnsafe())
      assert.isTrue(Exit.hasInterrupts(fiber.pollUnsafe()!))
    })
  )

  it.effect("has its result as the last task ends: whoever interrupts it then comes too late", () =>
    Effect.gen(function* () {
      const numbers = yield* Queue.unbounded<number>()
      const taking = yield* start(ErrorGroup.all([Queue.take(numbers), Queue.take(numbers)]))
      yield* Queue.offerAll(numbers, [1, 2])
      // runs behind the task in which the queue serves its takers
      yield* Effect.yieldNow
      yield* Fiber.interrupt(taking)
      assert.deepStrictEqual(taking.pollUnsafe(), Exit.succeed([1, 2]))
    })
  )

  it.effect("a handle that outlives its block begins nothing", () =>
    Effect.gen(function* () {
      let escaped: ErrorGroup.ErrorGroup<never> | undefined
      yield* run({})((group) => Effect.sync(() => (escaped = group)))
      let begun = false
      yield* go(
        escaped!,
        Effect.sync(() => (begun = true))
      )
      assert.isFalse(yield* goIfAvailable(escaped!, Effect.void))
      assert.isFalse(begun)
      assert.include(yield* stats(escaped!), { submitted: 1, skipped: 1 })
    })
  )

  it.effect("a span only where there is a name", () =>
    Effect.gen(function* () {
      const current = Effect.map(
        Effect.option(Effect.currentSpan),
        Option.map((span) => span.name)
      )
      assert.deepStrictEqual(yield* run({})(() => current), Option.none())
      assert.deepStrictEqual(yield* run({ name: "jobs" })(() => current), Option.some("jobs"))
      assert.deepStrictEqual(yield* all([current], { name: "both" }), [Option.some("both")])
    })
  )

  it.effect("what a task forks ends with it", () =>
    Effect.gen(function* () {
      const { around, seen } = gauge()
      const parent = Effect.andThen(Effect.forkChild(around(Effect.never), { startImmediately: true }), Effect.sleep(5))
      const block = run({})((group) => Effect.andThen(go(group, parent), Effect.sleep(10)))
      yield* ended(block)
      assert.deepStrictEqual(seen, { now: 0, most: 1, ended: 1 })
    })
  )
})

describe("make", () => {
  it.effect("EG-01, PG-08: wait after each task gives the first failure so far, again and again", () =>
    Effect.gen(function* () {
      for (const tasks of [[], ["ok"], ["e1"], ["e1", "ok"], ["e1", "ok", "e2"]]) {
        const group = yield* make<string>()
        assert.deepStrictEqual(yield* Effect.exit(wait(group)), Exit.void)
        for (const task of tasks) {
          yield* go(group, task === "ok" ? Effect.void : Effect.fail(task))
          assert.deepStrictEqual(reasonsOf(yield* Effect.exit(wait(group))), [
            tasks.includes("e1") ? "e1" : "succeeded"
          ])
        }
      }
    }).pipe(Effect.scoped)
  )

  it.effect("CO-08: a group that was not stopped takes more tasks after a wait", () =>
    Effect.gen(function* () {
      let ran = 0
      const group = yield* make({ concurrency: 3 })
      for (let round = 0; round < 2; round++) {
        for (let n = 0; n < 10; n++)
          yield* go(
            group,
            Effect.sync(() => ran++)
          )
        yield* wait(group)
      }
      assert.strictEqual(ran, 20)
    }).pipe(Effect.scoped)
  )

  it.effect("CO-09: collectAll remembers all failures over several waits; an earlier result does not change", () =>
    Effect.gen(function* () {
      const group = yield* make<string>({ policy: collectAll() })
      yield* go(group, Effect.fail("e1"))
      const first = yield* Effect.exit(wait(group))
      yield* go(group, Effect.void)
      yield* go(group, Effect.fail("e2"))
      assert.deepStrictEqual(reasonsOf(yield* Effect.exit(wait(group))), ["e1", "e2"])
      assert.deepStrictEqual(reasonsOf(first), ["e1"])
    }).pipe(Effect.scoped)
  )

  it.effect("G7: wait ends on success, fails with all, and siblings do not survive", () =>
    Effect.gen(function* () {
      const { around, seen } = gauge()
      const group = yield* make<string>()
      yield* go(group, around(Effect.never))
      yield* go(group, after(10, Effect.fail("a")))
      assert.deepStrictEqual(yield* ended(wait(group)), Exit.fail("a"))
      assert.strictEqual(seen.now, 0)
    }).pipe(Effect.scoped)
  )

  it.effect("PG-09: wait after a failure awaits what still runs; stats tell of the failure at once", () =>
    Effect.gen(function* () {
      const group = yield* make<string>()
      yield* go(group, Effect.uninterruptible(Effect.sleep(30)))
      yield* go(group, Effect.fail("boom"))
      assert.include(yield* stats(group), { failed: 1, running: 1 })
      const { exit, millis } = yield* endedAt(wait(group))
      assert.deepStrictEqual(exit, Exit.fail("boom"))
      assert.strictEqual(millis, 30)
    }).pipe(Effect.scoped)
  )

  it.effect("closing the scope interrupts and awaits; what nobody waited for is logged", () =>
    Effect.gen(function* () {
      const { around, seen } = gauge()
      const using = (waits: boolean) =>
        Effect.gen(function* () {
          const group = yield* make<string>({ name: "jobs" })
          yield* go(group, around(Effect.never))
          if (waits) yield* go(group, Effect.fail("boom"))
          if (waits) yield* Effect.ignore(wait(group))
          else yield* go(group, Effect.fail("boom"))
        }).pipe(Effect.scoped)
      assert.deepStrictEqual((yield* logged(using(true))).lines, [])
      const { lines } = yield* logged(using(false))
      assert.lengthOf(lines, 1)
      assert.include(lines[0], 'ErrorGroup.make on "jobs": a task failed, and nobody waited for the group')
      assert.strictEqual(seen.now, 0)
    })
  )

  it.effect("a task may close the scope of its own group: the others are awaited, itself is not", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { around, seen } = gauge()
      const group = yield* Scope.provide(make(), scope)
      yield* go(group, around(Effect.never))
      let closed = false
      yield* go(
        group,
        Effect.andThen(
          Scope.close(scope, Exit.void),
          Effect.sync(() => (closed = true))
        )
      )
      yield* settle
      assert.strictEqual(seen.now, 0)
      assert.isTrue(closed)
      assert.include(yield* stats(group), { running: 0 })
    })
  )

  it.effect("after it was closed, nothing begins", () =>
    Effect.gen(function* () {
      const group = yield* Effect.scoped(make())
      yield* go(group, Effect.die("begun"))
      assert.include(yield* stats(group), { submitted: 1, skipped: 1, running: 0 })
    })
  )

  it.effect("interrupting a wait stops nothing", () =>
    Effect.gen(function* () {
      const group = yield* make()
      yield* go(group, Effect.sleep(20))
      const waiting = yield* start(wait(group))
      yield* Fiber.interrupt(waiting)
      assert.include(yield* stats(group), { running: 1 })
      assert.deepStrictEqual(yield* ended(wait(group)), Exit.void)
      assert.include(yield* stats(group), { succeeded: 1, interrupted: 0 })
    }).pipe(Effect.scoped)
  )

  it.effect("several wait at once", () =>
    Effect.gen(function* () {
      const group = yield* make<string>()
      yield* go(group, after(10, Effect.fail("boom")))
      const waiting = yield* ended(Effect.all([Effect.exit(wait(group)), Effect.exit(wait(group))], { concurrency: 2 }))
      assert.deepStrictEqual(waiting, Exit.succeed([Exit.fail("boom"), Exit.fail("boom")]))
    }).pipe(Effect.scoped)
  )
})

describe("wait from inside", () => {
  it.effect("a task that waits for its own group dies, through whatever is in between", () =>
    Effect.gen(function* () {
      const group = yield* make({ name: "jobs" })
      yield* go(group, wait(group))
      const exit = yield* Effect.exit(wait(group))
      assert.match(deathOf(exit), /ErrorGroup.wait on "jobs": a task cannot wait for its own group/)
      const other = yield* make()
      yield* go(other, Effect.asVoid(all([run({})((inner) => go(inner, wait(other)))])))
      assert.match(deathOf(yield* Effect.exit(wait(other))), /ErrorGroup.wait: a task cannot wait/)
    }).pipe(Effect.scoped)
  )

  it.effect("the body of a block is a task", () =>
    Effect.gen(function* () {
      assert.match(deathOf(yield* Effect.exit(run({})((group) => wait(group)))), /ErrorGroup.wait/)
    })
  )

  it.effect("waiting for another group is fine", () =>
    Effect.gen(function* () {
      const [one, two] = [yield* make(), yield* make()]
      yield* go(two, Effect.sleep(5))
      yield* go(one, wait(two))
      assert.deepStrictEqual(yield* ended(wait(one)), Exit.void)
    }).pipe(Effect.scoped)
  )

  it.effect("so it is in a daemon that has outlived its task", () =>
    Effect.gen(function* () {
      const group = yield* make()
      yield* go(group, Effect.forkDetach(after(10, wait(group)), { startImmediately: true }))
      yield* TestClock.adjust(10)
      assert.deepStrictEqual(yield* ended(wait(group)), Exit.void)
    }).pipe(Effect.scoped)
  )
})
