/** Single flights against a model that says who is served by which execution, and under every interleaving. */
import { assert, describe } from "@effect/vitest"
import * as Explorer from "@heddle/testing/Explorer"
import { it } from "@heddle/testing/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"

import * as SingleFlight from "../src/SingleFlight.ts"
import { SteppingScheduler } from "./support/steppingScheduler.ts"

const { forget, make, makeUnsafe, run, stats } = SingleFlight

/** A call as the model has it. It is named after the caller whose effect it runs. */
interface Call {
  readonly name: number
  readonly key: number
  readonly behind: Set<Call>
  readonly callers: Set<number>
  state: "waiting" | "running" | "ending" | "ended"
  lastToLeave: number | undefined
}

class Model {
  readonly current = new Map<number, Call>()
  readonly calls: Array<Call> = []
  readonly ends = new Map<number, string>()
  readonly begun: Array<number> = []
  joined = 0

  run(caller: number, key: number): void {
    const known = this.current.get(key)
    if (known !== undefined) {
      this.joined++
      known.callers.add(caller)
      return
    }
    // a call that was forgotten before its last caller left holds up nobody
    const behind = new Set(
      this.calls.filter((call) => call.state === "ending" && call.key === key && !this.wasForgotten(call))
    )
    const call: Call = {
      name: caller,
      key,
      behind,
      callers: new Set([caller]),
      state: "waiting",
      lastToLeave: undefined
    }
    this.calls.push(call)
    this.current.set(key, call)
    this.settle()
  }
  private readonly forgotten = new Set<Call>()
  private wasForgotten(call: Call): boolean {
    return this.forgotten.has(call)
  }
  forget(key: number): void {
    const call = this.current.get(key)
    if (call !== undefined) this.forgotten.add(call)
    this.current.delete(key)
  }
  leave(caller: number): void {
    const call = this.calls.find((call) => call.callers.has(caller))
    if (call === undefined) return
    call.callers.delete(caller)
    if (call.callers.size > 0 || call.state === "waiting") this.ends.set(caller, "interrupted")
    if (call.callers.size > 0) return
    if (this.current.get(call.key) === call) this.current.delete(call.key)
    const running = call.state === "running"
    call.state = running ? "ending" : "ended"
    if (running) call.lastToLeave = caller
  }
  /** The execution comes to its end, or its finalizers do. */
  end(call: Call, how: string): void {
    if (call.state === "ending") this.ends.set(call.lastToLeave!, "interrupted")
    else for (const caller of call.callers) this.ends.set(caller, how)
    call.callers.clear()
    call.state = "ended"
    if (this.current.get(call.key) === call) this.current.delete(call.key)
    this.settle()
  }
  private settle(): void {
    for (const call of this.calls) {
      if (call.state !== "waiting" || [...call.behind].some(({ state }) => state !== "ended")) continue
      call.state = "running"
      this.begun.push(call.name)
    }
  }
}

const Step = Schema.Struct({ what: Schema.Int, key: Schema.Int, who: Schema.Int })

const outcomes = ["success", "failure", "defect", "interrupted"] as const

const describeExit = (exit: Exit.Exit<string, string> | undefined): string | undefined => {
  if (exit === undefined) return undefined
  if (Exit.isSuccess(exit)) return exit.value
  if (Exit.hasDies(exit)) return "defect"
  return Exit.hasInterrupts(exit) ? "interrupted" : "failure"
}

describe("against its model", () => {
  it.prop(
    "random programs of run, leave, forget and of executions that end in any way",
    [Schema.Array(Step)],
    ([program]) => {
      const scheduler = new SteppingScheduler(2048)
      const flight = makeUnsafe<number, string, string>()
      const model = new Model()
      const callers: Array<Fiber.Fiber<string, string>> = []
      const begun: Array<number> = []
      type Outcome = Effect.Effect<string, string>
      const ends = new Map<number, (told: Effect.Effect<Outcome>) => void>()
      /** Waits until it is told how to end; once interrupted, until it is told again. */
      const told = (name: number): Effect.Effect<Outcome> =>
        Effect.callback<Outcome>((resume) => {
          ends.set(name, resume)
          return Effect.asVoid(told(name))
        })
      const effect = (name: number) =>
        Effect.suspend(() => {
          begun.push(name)
          return Effect.flatten(told(name))
        })
      for (const { key, what, who } of program) {
        const pick = <T>(from: ReadonlyArray<T>): T | undefined => from[Math.abs(who) % Math.max(1, from.length)]
        switch (Math.abs(what) % 7) {
          case 0:
          case 1:
          case 2: {
            const name = callers.length
            model.run(name, key % 2)
            callers.push(Effect.runFork(run(flight, key % 2, effect(name)), { scheduler }))
            break
          }
          case 3: {
            const name = pick(callers.map((_, name) => name))
            if (name === undefined) break
            model.leave(name)
            callers[name]!.interruptUnsafe()
            break
          }
          case 4:
            model.forget(key % 2)
            Effect.runSync(forget(flight, key % 2))
            break
          default: {
            const call = pick(model.calls.filter(({ state }) => state === "running" || state === "ending"))
            if (call === undefined) break
            const outcome = outcomes[Math.abs(key) % outcomes.length]!
            model.end(call, outcome === "success" ? `by ${call.name}` : outcome)
            const how = {
              success: Effect.succeed(`by ${call.name}`),
              failure: Effect.fail("no"),
              defect: Effect.die("bug"),
              interrupted: Effect.interrupt
            }
            ends.get(call.name)!(Effect.succeed(how[outcome]))
          }
        }
        scheduler.drain()
        assert.deepStrictEqual(begun, model.begun)
        callers.forEach((fiber, name) => {
          assert.strictEqual(describeExit(fiber.pollUnsafe()), model.ends.get(name), `caller ${name}`)
        })
        assert.deepStrictEqual(Effect.runSync(stats(flight)), {
          running: model.calls.filter(({ state }) => state !== "ended").length,
          waiting: model.calls.reduce((sum, call) => sum + call.callers.size, 0),
          started: model.calls.length,
          joined: model.joined
        })
      }
    },
    { arbitrary: { runs: 300, size: 60 } }
  )
})

/** Executions of one key, and whether they keep apart. */
const makeWork = () => {
  const seen = { active: 0, most: 0, begun: 0, ended: 0, completed: new Set<number>() }
  const begin = Effect.sync(() => {
    seen.most = Math.max(seen.most, ++seen.active)
    return ++seen.begun
  })
  const end = Effect.sync(() => {
    seen.active--
    seen.ended++
  })
  const effect = (cleanup: Effect.Effect<void> = Effect.yieldNow) =>
    Effect.acquireUseRelease(
      begin,
      (name) =>
        Effect.as(
          Effect.andThen(
            Effect.yieldNow,
            Effect.sync(() => seen.completed.add(name))
          ),
          name
        ),
      () => Effect.andThen(cleanup, end)
    )
  return { seen, effect }
}

const idle = (flight: SingleFlight.SingleFlight<string, number>) =>
  Effect.map(stats(flight), ({ running, waiting }) =>
    assert.deepStrictEqual({ running, waiting }, { running: 0, waiting: 0 })
  )

const modes = ["stock", "resume", "op3", "op"] as const

describe("explored", () => {
  for (const mode of modes) {
    it.explore(
      `three callers, of whom two leave at any time: one execution at a time, and whoever stays is served (${mode})`,
      Effect.gen(function* () {
        const flight = yield* make<string, number>()
        const { effect, seen } = makeWork()
        const call = Effect.forkChild(run(flight, "key", effect()))
        const [first, second, third] = [yield* call, yield* call, yield* call]
        yield* Effect.forkChild(Fiber.interrupt(first))
        yield* Effect.forkChild(Fiber.interrupt(third))
        const value = yield* Fiber.join(second)
        assert.isTrue(seen.completed.has(value))
        yield* Fiber.awaitAll([first, third])
        assert.strictEqual(seen.most, 1)
        assert.strictEqual(seen.ended, seen.begun)
        yield* idle(flight)
      }),
      { mode }
    )

    it.explore(
      `the last leaves while a newcomer comes: he begins behind the finalizers (${mode})`,
      Effect.gen(function* () {
        const flight = yield* make<string, number>()
        const { effect, seen } = makeWork()
        const first = yield* Effect.forkChild(run(flight, "key", effect(Effect.sleep(1))))
        const leaving = yield* Effect.forkChild(Fiber.interrupt(first))
        const value = yield* run(flight, "key", effect())
        assert.isTrue(seen.completed.has(value))
        yield* Fiber.join(leaving)
        assert.strictEqual(seen.most, 1)
        yield* idle(flight)
      }),
      { mode }
    )

    it.explore(
      `forgotten at any time: at most one more execution, and everybody is served (${mode})`,
      Effect.gen(function* () {
        const flight = yield* make<string, number>()
        const { effect, seen } = makeWork()
        const callers = yield* Effect.replicateEffect(Effect.forkChild(run(flight, "key", effect())), 3)
        yield* Effect.forkChild(forget(flight, "key"))
        for (const value of yield* Fiber.joinAll(callers)) assert.isTrue(seen.completed.has(value))
        assert.isAtMost(seen.most, 2)
        yield* idle(flight)
      }),
      { mode }
    )

    it.explore(
      `executions that need each other never hang (${mode})`,
      Effect.gen(function* () {
        const flight = yield* make<string, number>()
        const needs = (key: string, other: string): Effect.Effect<number> =>
          Effect.andThen(Effect.yieldNow, run(flight, other, Effect.succeed(1))).pipe(run(flight, key))
        const fibers = [yield* Effect.forkChild(needs("a", "b")), yield* Effect.forkChild(needs("b", "a"))]
        yield* Fiber.awaitAll(fibers)
        yield* idle(flight)
      }),
      { mode }
    )
  }
})

describe("interrupted everywhere", () => {
  const places: Record<string, (call: Effect.Effect<number>) => Omit<Explorer.Scenario, "target">> = {
    alone: () => ({}),
    "as the one who began it, with one who joined": (call) => ({ after: [call] }),
    "as the one who joined": (call) => ({ before: [call] }),
    "in the middle": (call) => ({ before: [call], after: [call] })
  }
  for (const [name, beside] of Object.entries(places)) {
    it.effect(`a caller ${name}: nothing is left, and the others are served`, () =>
      Effect.gen(function* () {
        const report = yield* Explorer.interruptEverywhere(
          Effect.gen(function* () {
            const flight = yield* make<string, number>()
            const { effect, seen } = makeWork()
            const call = run(flight, "key", effect())
            return { flight, seen, target: call, ...beside(call) }
          }),
          (_, { flight, seen }) =>
            Effect.andThen(
              idle(flight),
              Effect.sync(() => {
                assert.strictEqual(seen.most, Math.min(1, seen.begun))
                assert.strictEqual(seen.ended, seen.begun)
              })
            ),
          { budgets: [3, 4, 5, 64] }
        )
        assert.isAbove(report.interrupted, 20)
      })
    )
  }
})
