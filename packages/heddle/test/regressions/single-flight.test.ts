/** What attacks on `SingleFlight` have found. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"

import * as SingleFlight from "../../src/SingleFlight.ts"
import { after, settle, start } from "../support/group.ts"

const { forget, make, run, stats } = SingleFlight

const deaths = (exit: Exit.Exit<unknown, unknown>): ReadonlyArray<string> =>
  Exit.isFailure(exit) ? exit.cause.reasons.filter(Cause.isDieReason).map(({ defect }) => String(defect)) : []

const idle = { running: 0, waiting: 0 }

describe("a run in a finalizer of what it would wait for dies", () => {
  /** Begins `key`, leaves it, and gives what became of the runs in finalizers. */
  const leaving = (
    key: string,
    effectOf: (flight: SingleFlight.SingleFlight<string, string>, keep: Keep) => Effect.Effect<string>
  ) =>
    Effect.gen(function* () {
      const flight = yield* make<string, string>()
      const exits: Array<Exit.Exit<string>> = []
      const keep: Keep = (effect) => Effect.map(Effect.exit(effect), (exit) => void exits.push(exit))
      const caller = yield* start(run(flight, key, effectOf(flight, keep)))
      yield* settle
      yield* Fiber.interrupt(caller)
      const { running, waiting } = yield* stats(flight)
      assert.deepStrictEqual({ running, waiting }, idle)
      assert.strictEqual(yield* run(flight, key, Effect.succeed("afterwards")), "afterwards")
      return exits
    })
  type Keep = (effect: Effect.Effect<string>) => Effect.Effect<void>

  it.effect("of the same key", () =>
    Effect.gen(function* () {
      const exits = yield* leaving("a", (flight, keep) =>
        Effect.ensuring(Effect.never, keep(run(flight, "a", Effect.succeed("again"))))
      )
      assert.deepStrictEqual(exits.flatMap(deaths), [
        'Error: SingleFlight.run: a run for "a" inside its own execution would never end'
      ])
    })
  )

  it.effect("of a key between", () =>
    Effect.gen(function* () {
      const exits = yield* leaving("a", (flight, keep) =>
        Effect.ensuring(Effect.never, run(flight, "b", Effect.as(keep(run(flight, "a", Effect.succeed("x"))), "b")))
      )
      assert.deepStrictEqual(exits.flatMap(deaths), [
        'Error: SingleFlight.run: a run for "a" inside the execution for "b", which it needs, would never end'
      ])
    })
  )

  it.effect("of a key whose finalizers it waits for as it leaves that", () =>
    Effect.gen(function* () {
      const exits = yield* leaving("x", (flight, keep) =>
        run(flight, "y", Effect.ensuring(Effect.never, keep(run(flight, "x", Effect.succeed("again")))))
      )
      assert.deepStrictEqual(exits.flatMap(deaths), [
        'Error: SingleFlight.run: a run for "x" inside the execution for "y", which it needs, would never end'
      ])
    })
  )

  it.effect("of a newcomer that begins behind it", () =>
    Effect.gen(function* () {
      const flight = yield* make<string, string>()
      const gate = yield* Deferred.make<void>()
      let inside: Exit.Exit<string> | undefined
      const again = Effect.map(Effect.exit(run(flight, "a", Effect.succeed("again"))), (exit) => void (inside = exit))
      const caller = yield* start(
        run(flight, "a", Effect.ensuring(Effect.never, Effect.andThen(Deferred.await(gate), again)))
      )
      yield* settle
      const leaving = yield* start(Fiber.interrupt(caller))
      const newcomer = yield* start(run(flight, "a", Effect.succeed("new")))
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual(yield* Fiber.join(newcomer), "new")
      yield* Fiber.join(leaving)
      assert.lengthOf(deaths(inside!), 1)
    })
  )

  it.effect("but not of one that was forgotten, or of another key", () =>
    Effect.gen(function* () {
      const exits = yield* leaving("a", (flight, keep) =>
        Effect.andThen(
          forget(flight, "a"),
          Effect.ensuring(
            Effect.never,
            Effect.andThen(
              keep(run(flight, "a", after(0, Effect.succeed("a")))),
              keep(run(flight, "b", Effect.succeed("b")))
            )
          )
        )
      )
      assert.deepStrictEqual(exits, [Exit.succeed("a"), Exit.succeed("b")])
    })
  )
})

describe("executions of one key that begin behind each other", () => {
  it.effect("do not keep those that have ended", () =>
    Effect.gen(function* () {
      const flight = yield* make<string, string>()
      const slow = Effect.onInterrupt(Effect.never, () => Effect.yieldNow)
      let caller = yield* start(run(flight, "a", slow))
      for (let n = 0; n < 3; n++) {
        yield* Effect.forkChild(Fiber.interrupt(caller), { startImmediately: true })
        caller = yield* start(run(flight, "a", slow))
        yield* settle
        assert.deepStrictEqual(
          callsOf(flight).map(({ behind }) => behind.flatMap((call) => call.behind)),
          [[]]
        )
      }
      yield* Fiber.interrupt(caller)
    })
  )
})

/** The running calls. */
const callsOf = (flight: object) => {
  type Call = { readonly behind: ReadonlyArray<Call> }
  return [...(flight as { readonly calls: Iterable<readonly [unknown, Call]> }).calls].map(([, call]) => call)
}
