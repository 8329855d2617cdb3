import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as TestClock from "effect/testing/TestClock"

import * as ErrorGroup from "../src/ErrorGroup.ts"
import { CarriedSlots } from "../src/internal/slots.ts"
import { ended } from "./support/ended.ts"
import { after, deathOf, gauge, settle, start } from "./support/group.ts"

const { collectAll, go, goIfAvailable, make, run, setConcurrency, stats, wait } = ErrorGroup

describe("slots", () => {
  it.effect("PG-07: twenty submitters and ten slots: ten run, ten wait, served in order", () =>
    Effect.gen(function* () {
      const group = yield* make({ concurrency: 10, name: "jobs" })
      const begun: Array<number> = []
      for (let n = 0; n < 20; n++)
        yield* start(
          go(
            group,
            Effect.andThen(
              Effect.sync(() => begun.push(n)),
              Effect.sleep(10)
            )
          )
        )
      assert.deepInclude(yield* stats(group), { running: 10, waiting: 10, submitted: 20 })
      yield* ended(wait(group))
      assert.deepStrictEqual(
        begun,
        Array.from({ length: 20 }, (_, n) => n)
      )
      assert.deepStrictEqual(yield* stats(group), {
        concurrency: 10,
        submitted: 20,
        waiting: 0,
        running: 0,
        succeeded: 20,
        failed: 0,
        interrupted: 0,
        skipped: 0,
        suppressed: []
      })
      assert.strictEqual(JSON.parse(JSON.stringify(group)).name, "jobs")
    }).pipe(Effect.scoped)
  )

  it.effect("PG-05: what was submitted is the sum of what became of it", () =>
    Effect.gen(function* () {
      const group = yield* make<string>({ policy: collectAll() })
      for (let n = 0; n < 10; n++) yield* go(group, n === 3 ? Effect.fail("three") : Effect.void)
      assert.deepInclude(yield* stats(group), { submitted: 10, succeeded: 9, failed: 1 })

      const stopped = yield* make<string>({ concurrency: 3 })
      yield* go(stopped, Effect.void)
      yield* go(stopped, Effect.never)
      yield* go(
        stopped,
        Effect.onInterrupt(Effect.never, () => Effect.die("cleanup"))
      )
      yield* go(stopped, after(5, Effect.fail("boom")))
      for (let n = 0; n < 3; n++) yield* start(go(stopped, Effect.void))
      assert.deepInclude(yield* stats(stopped), { submitted: 7, succeeded: 1, running: 3, waiting: 3 })
      yield* TestClock.adjust(5)
      assert.deepStrictEqual(yield* stats(stopped), {
        concurrency: 3,
        submitted: 7,
        waiting: 0,
        running: 0,
        succeeded: 1,
        failed: 1,
        interrupted: 2,
        skipped: 3,
        suppressed: ["cleanup"]
      })
      for (const group of [stopped, stopped]) yield* Effect.ignore(wait(group))
    }).pipe(Effect.scoped)
  )

  it.effect("waiting is interruptible, and an interrupted submission never was", () =>
    Effect.gen(function* () {
      const group = yield* make({ concurrency: 1 })
      let begun = false
      yield* go(group, Effect.sleep(10))
      const waiting = yield* start(
        go(
          group,
          Effect.sync(() => (begun = true))
        )
      )
      assert.include(yield* stats(group), { waiting: 1, submitted: 2 })
      yield* Fiber.interrupt(waiting)
      assert.include(yield* stats(group), { waiting: 0, submitted: 1 })
      assert.deepStrictEqual(yield* ended(wait(group)), Exit.void)
      assert.isFalse(begun)
    }).pipe(Effect.scoped)
  )

  it.effect("a wait ends when the last who waited for a slot gives up", () =>
    Effect.gen(function* () {
      const group = yield* make({ concurrency: 1 })
      yield* setConcurrency(group, 0)
      const submitting = yield* start(go(group, Effect.void))
      const waiting = yield* start(wait(group))
      yield* settle
      assert.isUndefined(waiting.pollUnsafe())
      yield* Fiber.interrupt(submitting)
      yield* settle
      assert.deepStrictEqual(waiting.pollUnsafe(), Exit.void)
    }).pipe(Effect.scoped)
  )

  it.effect("a failure lets those go who wait for a slot: their tasks are skipped", () =>
    Effect.gen(function* () {
      const group = yield* make<string>({ concurrency: 1 })
      yield* go(group, after(10, Effect.fail("boom")))
      const waiting = yield* start(go(group, Effect.die("begun")))
      yield* TestClock.adjust(10)
      yield* settle
      assert.deepStrictEqual(waiting.pollUnsafe(), Exit.void)
      assert.deepInclude(yield* stats(group), { submitted: 2, failed: 1, skipped: 1, running: 0, waiting: 0 })
      yield* Effect.ignore(wait(group))
    }).pipe(Effect.scoped)
  )

  it.effect("EG-03: goIfAvailable is false at the limit and while somebody waits, and submits nothing then", () =>
    Effect.gen(function* () {
      const group = yield* make<string>({ concurrency: 1 })
      assert.isTrue(yield* goIfAvailable(group, Effect.sleep(10)))
      assert.isFalse(yield* Effect.void.pipe(goIfAvailable(group)))
      assert.deepInclude(yield* stats(group), { submitted: 1 })
      yield* ended(wait(group))
      yield* setConcurrency(group, 0)
      const waiting = yield* start(go(group, Effect.void))
      yield* setConcurrency(group, 1)
      // the slot is promised to the one who waits, whose fiber has not gone on yet
      assert.isFalse(yield* goIfAvailable(group, Effect.void))
      yield* Fiber.join(waiting)
      yield* go(group, Effect.fail("boom"))
      assert.isFalse(yield* goIfAvailable(group, Effect.void))
      yield* Effect.ignore(wait(group))
    }).pipe(Effect.scoped)
  )

  it.effect("EG-06: the limit changes while tasks run: growth serves, a shrink stops nothing, zero pauses", () =>
    Effect.gen(function* () {
      const group = yield* make({ concurrency: 1 })
      const { around, seen } = gauge()
      for (let n = 0; n < 12; n++) yield* start(go(group, around(Effect.sleep(10))))
      yield* setConcurrency(group, 4)
      yield* settle
      assert.strictEqual(seen.now, 4)
      yield* setConcurrency(group, 2)
      assert.strictEqual(seen.now, 4)
      yield* TestClock.adjust(10)
      yield* settle
      assert.strictEqual(seen.now, 2)
      yield* setConcurrency(group, 0)
      yield* TestClock.adjust(10)
      yield* settle
      assert.strictEqual(seen.now, 0)
      yield* setConcurrency(group, "unbounded")
      yield* settle
      assert.strictEqual(seen.now, 6)
      yield* ended(wait(group))
      assert.deepStrictEqual(seen, { now: 0, most: 6, ended: 12 })
      assert.match(deathOf(yield* Effect.exit(setConcurrency(group, -1))), /ErrorGroup.setConcurrency: concurrency/)
    }).pipe(Effect.scoped)
  )

  it.effect("whoever was just given a slot when the group is stopped is skipped, and the wait ends", () =>
    Effect.gen(function* () {
      const group = yield* make<string>({ concurrency: 2 })
      const succeeding = yield* Deferred.make<void>()
      const failing = yield* Deferred.make<never, string>()
      yield* go(group, Deferred.await(succeeding))
      yield* go(group, Deferred.await(failing))
      let begun = false
      const submitting = yield* start(
        go(
          group,
          Effect.sync(() => (begun = true))
        )
      )
      const waiting = yield* start(Effect.exit(wait(group)))
      yield* Effect.sync(() => {
        Deferred.doneUnsafe(succeeding, Effect.void)
        Deferred.doneUnsafe(failing, Effect.fail("boom"))
      })
      assert.deepStrictEqual(yield* Fiber.join(waiting), Exit.fail("boom"))
      assert.deepStrictEqual(yield* Fiber.await(submitting), Exit.void)
      assert.isFalse(begun)
      assert.include(yield* stats(group), { submitted: 3, succeeded: 1, failed: 1, skipped: 1, waiting: 0 })
    }).pipe(Effect.scoped)
  )

  it.effect("a release wakes nobody on its own stack", () =>
    Effect.gen(function* () {
      const group = yield* make({ concurrency: 1 })
      const order: Array<string> = []
      const gate = yield* Deferred.make<void>()
      yield* go(group, Deferred.await(gate))
      yield* start(
        go(
          group,
          Effect.sync(() => order.push("next"))
        )
      )
      const ending = yield* start(
        Effect.andThen(
          wait(group),
          Effect.sync(() => order.push("waiter"))
        )
      )
      yield* Effect.andThen(
        Deferred.succeed(gate, undefined),
        Effect.sync(() => order.push("opener"))
      )
      yield* Fiber.join(ending)
      assert.deepStrictEqual(order, ["opener", "next", "waiter"])
    }).pipe(Effect.scoped)
  )
})

describe("re-entrancy", () => {
  it.effect("PO-X1: with one slot, a task that submits to its own group runs the new task in its slot", () =>
    Effect.gen(function* () {
      const order: Array<string> = []
      const say = (text: string) => Effect.sync(() => order.push(text))
      const block = run({ concurrency: 1 })((group) =>
        go(
          group,
          Effect.gen(function* () {
            yield* say("outer begins")
            yield* go(group, Effect.andThen(say("inner begins"), after(10, say("inner ends"))))
            yield* say("outer ends")
          })
        )
      )
      assert.isTrue(Exit.isSuccess(yield* ended(block)))
      assert.deepStrictEqual(order, ["outer begins", "inner begins", "inner ends", "outer ends"])
    })
  )

  it.effect("with a free slot it takes that, and does not wait for the end", () =>
    Effect.gen(function* () {
      const order: Array<string> = []
      const say = (text: string) => Effect.sync(() => order.push(text))
      const block = run({ concurrency: 2 })((group) =>
        go(group, Effect.andThen(go(group, after(10, say("inner"))), say("outer")))
      )
      yield* ended(block)
      assert.deepStrictEqual(order, ["outer", "inner"])
    })
  )

  it.effect("a tree of tasks that submit tasks ends under every limit, and runs all", () =>
    Effect.gen(function* () {
      for (const concurrency of [1, 2, 3, 7, "unbounded"] as const) {
        let ran = 0
        const tree = (group: ErrorGroup.ErrorGroup<never>, depth: number): Effect.Effect<void> =>
          Effect.gen(function* () {
            yield* Effect.yieldNow
            ran++
            if (depth > 0) for (let n = 0; n < 3; n++) yield* go(group, tree(group, depth - 1))
          })
        yield* run({ concurrency })((group) => go(group, tree(group, 4)))
        assert.strictEqual(ran, 121)
      }
    })
  )

  it.effect("across two groups with one slot each, back and forth", () =>
    Effect.gen(function* () {
      const outer = yield* make({ concurrency: 1 })
      const inner = yield* make({ concurrency: 1 })
      let ran = 0
      const count = Effect.andThen(
        Effect.yieldNow,
        Effect.sync(() => ran++)
      )
      const zigzag = (depth: number): Effect.Effect<void> =>
        Effect.suspend(() =>
          depth === 0
            ? Effect.asVoid(count)
            : Effect.andThen(count, go(depth % 2 === 0 ? outer : inner, zigzag(depth - 1)))
        )
      yield* go(outer, zigzag(20))
      // where a slot is free the submitter does not wait, so each may be idle while the other is not
      for (let n = 0; n < 20; n++) yield* Effect.andThen(wait(outer), wait(inner))
      assert.strictEqual(ran, 21)
    }).pipe(Effect.scoped)
  )

  it.effect("two fibers of one task that call across do not wait for each other", () =>
    Effect.gen(function* () {
      const one = yield* make({ concurrency: 1 })
      const two = yield* make({ concurrency: 1 })
      const crossing = Effect.all([go(one, go(two, Effect.yieldNow)), go(two, go(one, Effect.yieldNow))], {
        concurrency: 2,
        discard: true
      })
      yield* go(one, go(two, crossing))
      yield* wait(one)
      yield* wait(two)
      assert.include(yield* stats(one), { succeeded: 3 })
    }).pipe(Effect.scoped)
  )

  it.effect("the failure of a task in its submitter's slot is the group's, and stops the submitter", () =>
    Effect.gen(function* () {
      const block = run<string>({ concurrency: 1 })((group) =>
        go(group, Effect.andThen(go(group, Effect.fail("inner")), Effect.never))
      )
      assert.deepStrictEqual(yield* ended(block), Exit.fail("inner"))
    })
  )

  it.effect("a submitter that gives up leaves its task running, and the slot taken until both have ended", () =>
    Effect.gen(function* () {
      const group = yield* make({ concurrency: 1 })
      yield* go(group, Effect.timeoutOption(go(group, Effect.sleep(30)), 10))
      const next = yield* start(go(group, Effect.void))
      yield* TestClock.adjust(29)
      yield* settle
      assert.deepInclude(yield* stats(group), { running: 1, succeeded: 1, waiting: 1 })
      assert.isUndefined(next.pollUnsafe())
      yield* TestClock.adjust(1)
      yield* settle
      assert.deepStrictEqual(next.pollUnsafe(), Exit.void)
      assert.include(yield* stats(group), { succeeded: 3, running: 0 })
    }).pipe(Effect.scoped)
  )

  it.effect("a daemon that has outlived its task waits in line like anybody", () =>
    Effect.gen(function* () {
      const group = yield* make({ concurrency: 1 })
      const gate = yield* Latch.make()
      const daemon = Effect.andThen(gate.await, go(group, Effect.void))
      yield* go(group, Effect.forkDetach(daemon, { startImmediately: true }))
      yield* go(group, Effect.sleep(20))
      yield* gate.open
      yield* settle
      assert.include(yield* stats(group), { running: 1, waiting: 1 })
      yield* ended(wait(group))
    }).pipe(Effect.scoped)
  )

  it.effect("tasks and daemons that submit the next one inherit no more and more slots", () =>
    Effect.gen(function* () {
      const carried = Effect.withFiber((fiber) => {
        let count = 0
        for (let one = fiber.getRef(CarriedSlots); one !== undefined; one = one.outer) count++
        return Effect.succeed(count)
      })
      const group = yield* make()
      const counts: Array<number> = []
      const relay = (left: number): Effect.Effect<void> =>
        Effect.gen(function* () {
          counts.push(yield* carried)
          if (left > 0) yield* go(group, relay(left - 1))
        })
      const fresh = (left: number): Effect.Effect<unknown> =>
        Effect.gen(function* () {
          counts.push(yield* carried)
          // a daemon outlives the block that it was forked in, and begins one of its own
          if (left > 0)
            yield* Effect.forkDetach(
              Effect.andThen(
                Effect.yieldNow,
                run({})((own) => go(own, fresh(left - 1)))
              )
            )
        })
      yield* go(group, relay(50))
      yield* run({})((own) => go(own, fresh(20)))
      yield* Effect.replicateEffect(settle, 20)
      assert.lengthOf(counts, 72)
      assert.isAtMost(Math.max(...counts), 1)
    }).pipe(Effect.scoped)
  )

  it.effect("goIfAvailable never runs anything in the caller's slot", () =>
    Effect.gen(function* () {
      const answers: Array<boolean> = []
      yield* run({ concurrency: 1 })((group) =>
        go(
          group,
          Effect.map(goIfAvailable(group, Effect.void), (answer) => answers.push(answer))
        )
      )
      assert.deepStrictEqual(answers, [false])
    })
  )

  it.effect("tasks that submit the next one do not nest on the stack", () =>
    Effect.gen(function* () {
      for (const concurrency of [1, 2, "unbounded"] as const) {
        const chain = (group: ErrorGroup.ErrorGroup<never>, left: number): Effect.Effect<void> =>
          left === 0 ? Effect.void : Effect.suspend(() => go(group, chain(group, left - 1)))
        const exit = yield* Effect.exit(run({ concurrency })((group) => chain(group, 5000)))
        assert.deepStrictEqual(exit, Exit.void)
      }
    })
  )

  it.effect("blocks inside blocks do not either", () =>
    Effect.gen(function* () {
      const nest = (left: number): Effect.Effect<void> =>
        left === 0
          ? Effect.void
          : run({})((group) =>
              go(
                group,
                Effect.suspend(() => nest(left - 1))
              )
            )
      assert.deepStrictEqual(yield* Effect.exit(nest(1500)), Exit.void)
    })
  )
})
