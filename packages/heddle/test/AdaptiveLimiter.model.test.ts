/** The limiter under the explorer: interrupted everywhere, in any order, and against a model of what it may admit. */
import { assert, describe } from "@effect/vitest"
import * as Explorer from "@heddle/testing/Explorer"
import { it } from "@heddle/testing/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"

import * as AdaptiveLimit from "../src/AdaptiveLimit.ts"
import * as AdaptiveLimiter from "../src/AdaptiveLimiter.ts"
import { SteppingScheduler } from "./support/steppingScheduler.ts"

const { makeUnsafe, stats, withPermit } = AdaptiveLimiter
type Limiter = AdaptiveLimiter.AdaptiveLimiter

const fixed = (limit: number) => AdaptiveLimit.aimd({ minimum: limit, maximum: limit })
const nimble = AdaptiveLimit.aimd({ initial: 2, maximum: 4, samples: 1, window: 0 })

const yields = (count: number) => Effect.replicateEffect(Effect.yieldNow, count, { discard: true })

/** Nobody is in flight, nobody waits, and as many fit as the limit says: no permit is missing, and none too many. */
const whole = (limiter: Limiter) =>
  Effect.gen(function* () {
    const { inFlight, limit, waiting } = yield* stats(limiter)
    assert.deepStrictEqual([inFlight, waiting], [0, 0])
    const oneMore = Effect.gen(function* () {
      assert.strictEqual((yield* stats(limiter)).inFlight, limit)
      const fiber = yield* Effect.forkChild(withPermit(limiter, Effect.void), { startImmediately: true })
      yield* yields(2)
      yield* Fiber.interrupt(fiber)
      assert.isFalse(Exit.isSuccess(yield* Fiber.await(fiber)))
    })
    let within: Effect.Effect<void, AdaptiveLimiter.ConcurrencyLimited> = oneMore
    for (let permit = 0; permit < limit; permit++) within = withPermit(limiter, within)
    yield* within
  })

const options: Readonly<Record<string, Omit<AdaptiveLimiter.Options, "limit">>> = {
  "that fails at once": {},
  "with a line": { maxWaiting: 3 },
  "with a line and a time": { maxWaiting: 3, maxWait: "10 millis" }
}

/** A refusal is an answer too. */
const answered = <A, E>(call: Effect.Effect<A, E | AdaptiveLimiter.ConcurrencyLimited>) =>
  Effect.catchTag(call as Effect.Effect<A, AdaptiveLimiter.ConcurrencyLimited>, "ConcurrencyLimited", () => Effect.void)

describe.each(Object.entries(options))(
  "interrupted before every operation and between any two tasks: a limiter %s",
  (_, options) => {
    // few budgets: those that a run of this length tells apart
    const budgets = [3, 4, 5, 7, 64]
    const sweep = (name: string, make: (limiter: Limiter) => Explorer.Scenario, limit = fixed(1)) =>
      it.effect(name, () =>
        Explorer.interruptEverywhere(
          () =>
            Effect.sync(() => {
              const limiter = makeUnsafe({ limit, ...options })
              return { limiter, ...make(limiter) }
            }),
          (_, { limiter }) => whole(limiter),
          { budgets }
        ).pipe(Effect.map(({ interrupted }) => assert.isAbove(interrupted, 0)))
      )

    sweep("uncontended", (limiter) => ({ target: withPermit(limiter, Effect.yieldNow) }))

    sweep("behind a holder, before another", (limiter) => ({
      before: [withPermit(limiter, yields(2))],
      target: answered(withPermit(limiter, Effect.yieldNow)),
      after: [answered(withPermit(limiter, Effect.yieldNow))]
    }))

    sweep("as its time in the line is up", (limiter) => ({
      before: [withPermit(limiter, Effect.sleep("10 millis"))],
      target: answered(withPermit(limiter, Effect.yieldNow)),
      after: [answered(withPermit(limiter, Effect.yieldNow))]
    }))

    sweep(
      "while the limit moves",
      (limiter) => ({
        before: [
          withPermit(limiter, yields(3)),
          Effect.exit(withPermit(limiter, Effect.andThen(Effect.yieldNow, Effect.fail(new Cause.TimeoutError()))))
        ],
        target: answered(withPermit(limiter, Effect.yieldNow)),
        after: [answered(withPermit(limiter, Effect.yieldNow)), answered(withPermit(limiter, Effect.yieldNow))]
      }),
      nimble
    )
  }
)

describe("AdaptiveLimiter, explored", () => {
  const never = (limiter: Limiter, limit: number) => {
    let now = 0
    return withPermit(
      limiter,
      Effect.gen(function* () {
        now++
        assert.isAtMost(now, limit)
        yield* Effect.yieldNow
        now--
      })
    )
  }

  for (const mode of ["stock", "resume", "op3", "op"] as const) {
    it.explore(
      `four calls, two at a time, one in line (${mode})`,
      () =>
        Effect.gen(function* () {
          const limiter = makeUnsafe({ limit: fixed(2), maxWaiting: 1 })
          const call = Effect.exit(never(limiter, 2))
          const exits = yield* Effect.all([call, call, call, call], { concurrency: "unbounded" })
          const { rejected, succeeded } = yield* stats(limiter)
          assert.strictEqual(succeeded, exits.filter(Exit.isSuccess).length)
          assert.strictEqual(rejected, exits.filter(Exit.isFailure).length)
          // two run and one waits, at the least
          assert.isAtLeast(succeeded, 3)
          yield* whole(limiter)
        }),
      { mode, runs: 150, millis: 400 }
    )

    it.explore(
      `a waiter whose time is up as it is served, and one behind it (${mode})`,
      () =>
        Effect.gen(function* () {
          const limiter = makeUnsafe({ limit: fixed(1), maxWaiting: 2, maxWait: "10 millis" })
          let ran = 0
          const run = Effect.sync(() => ran++)
          const holder = yield* Effect.forkChild(withPermit(limiter, Effect.sleep("10 millis")))
          const first = yield* Effect.forkChild(Effect.exit(withPermit(limiter, run)))
          const second = yield* Effect.forkChild(Effect.exit(withPermit(limiter, run)))
          const exits = [yield* Fiber.join(first), yield* Fiber.join(second)]
          yield* Fiber.await(holder)
          assert.strictEqual(ran, exits.filter(Exit.isSuccess).length)
          yield* whole(limiter)
        }),
      { mode, runs: 150, millis: 400 }
    )
  }
})

const Step = Schema.Struct({ what: Schema.Int, who: Schema.Int })

describe("random programs of calls, ends and interruptions", () => {
  it.prop(
    "in flight never above the limit but for a fall of it, the line never longer than it may be, every call with one outcome",
    [Schema.Array(Step)],
    ([program]) => {
      const scheduler = new SteppingScheduler(2048)
      const maxWaiting = 2
      const limiter = makeUnsafe({ limit: nimble, maxWaiting })
      const look = () => Effect.runSync(stats(limiter))
      type Ends = (exit: Exit.Exit<void, Cause.TimeoutError>) => void
      const running = new Map<number, Ends>()
      const fibers: Array<Fiber.Fiber<void, Cause.TimeoutError | AdaptiveLimiter.ConcurrencyLimited>> = []
      let inFlightBefore = 0
      const begun: Array<number> = []
      for (const { what, who } of program) {
        const chosen = Array.from(running)[Math.abs(who) % Math.max(1, running.size)]
        switch (Math.abs(what) % 6) {
          case 0:
          case 1:
          case 2: {
            const id = fibers.length
            const body = Effect.callback<void, Cause.TimeoutError>((resume) => {
              running.set(id, (exit) => resume(exit))
              begun.push(id)
              return Effect.sync(() => running.delete(id))
            })
            fibers.push(Effect.runFork(withPermit(limiter, body), { scheduler }))
            break
          }
          case 3:
          case 4: {
            if (chosen === undefined) break
            running.delete(chosen[0])
            chosen[1](Math.abs(what) % 2 === 0 ? Exit.void : Exit.fail(new Cause.TimeoutError()))
            break
          }
          default:
            fibers[Math.abs(who) % Math.max(1, fibers.length)]?.interruptUnsafe()
        }
        if (who % 2 === 0) scheduler.drain()
        assert.isAtMost(look().waiting, maxWaiting)
        scheduler.drain()
        const { inFlight, limit, waiting } = look()
        assert.strictEqual(inFlight, running.size, "in flight is the sum of holds")
        assert.isAtMost(inFlight, Math.max(limit, inFlightBefore), "never more than the limit but for a fall of it")
        if (waiting > 0) assert.isAtLeast(inFlight, limit, "nobody waits who could be served")
        inFlightBefore = inFlight
      }
      for (const [, end] of running) end(Exit.void)
      running.clear()
      scheduler.drain()
      while (running.size > 0) {
        for (const [id, end] of Array.from(running)) {
          running.delete(id)
          end(Exit.void)
        }
        scheduler.drain()
      }
      const inOrder = begun.toSorted((a, b) => a - b)
      assert.deepStrictEqual(begun, inOrder, "nobody is served out of turn")
      const { dropped, ignored, inFlight, rejected, succeeded, waiting } = look()
      assert.deepStrictEqual([inFlight, waiting], [0, 0])
      const exits = fibers.map((fiber) => fiber.pollUnsafe()!)
      assert.isTrue(
        exits.every((exit) => exit !== undefined),
        "a call was stranded"
      )
      const limited = (exit: Exit.Exit<unknown, unknown>) =>
        Exit.isFailure(exit) &&
        exit.cause.reasons.some(
          (reason) => Cause.isFailReason(reason) && reason.error instanceof AdaptiveLimiter.ConcurrencyLimited
        )
      assert.strictEqual(succeeded, exits.filter(Exit.isSuccess).length)
      assert.strictEqual(rejected, exits.filter(limited).length)
      assert.isAtMost(succeeded + dropped + ignored + rejected, exits.length)
    },
    { arbitrary: { runs: 200, size: 60 } }
  )
})
