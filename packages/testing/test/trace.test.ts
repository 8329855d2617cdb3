import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Ref from "effect/Ref"

import * as Explorer from "../src/Explorer.ts"
import * as Strategy from "../src/Strategy.ts"
import { run } from "./support.ts"

const traceOf = async (effect: Effect.Effect<unknown, unknown>, options: Explorer.Options = {}) =>
  (await run(Effect.withSpan(Explorer.explore(effect, options), "the test"))).failure?.trace ?? ""

/** What a row says, without the table around it. */
const cells = (trace: string) => trace.split("\n").flatMap((line) => line.split(" | ").map((cell) => cell.trim()))

const lostUpdate = Effect.gen(function* () {
  const counter = yield* Ref.make(0)
  const write = Effect.fn("write")((n: number) => Ref.set(counter, n))
  const increment = Effect.fn("increment")(function* () {
    const n = yield* Ref.get(counter)
    yield* write(n + 1)
  })
  const fibers = [yield* Effect.forkChild(increment()), yield* Effect.forkChild(increment())]
  yield* Fiber.joinAll(fibers)
  return yield* (yield* Ref.get(counter)) === 2 ? Effect.void : Effect.die(new Error("an update was lost"))
})

describe("a trace", () => {
  it("says at each switch what the fiber did, in which Effect.fn, and before which operation it was preempted", async () => {
    const trace = await traceOf(lostUpdate)
    assert.strictEqual(
      trace,
      `failed: Error: an update was lost

root         | root.1                                        | root.2
-------------+-----------------------------------------------+---------------------------------------------
9 ops: waits |                                               |
             | [increment] 6 ops: preempted before withFiber |
             |                                               | [increment] [write] [increment] 22 ops: ends
             | [increment] [write] [increment] 16 ops: ends  |
3 ops: ends  |                                               |

found by run 2 in mode op with seed 0; 1 deviation from the default order
also in mode op3: op3:0:8.1
replay: op:0:a.1`
    )
  })

  it("names what was nearest then, not what is in the end", async () => {
    const phases = Effect.gen(function* () {
      yield* Explorer.step("first")
      yield* Effect.yieldNow
      yield* Effect.withSpan(Effect.yieldNow, "second")
      yield* Effect.yieldNow
      yield* Explorer.step("third")
      return yield* Effect.die(new Error("end"))
    })
    const names = cells(await traceOf(phases, { mode: "stock" })).flatMap(
      (cell) => /^(\[.*\]).*yields/.exec(cell)?.[1] ?? []
    )
    assert.deepStrictEqual(names, ["[first]", "[first] [second]", "[second] [first]"])
  })

  it("has a line for each fiber's turn instead of columns where there are many", async () => {
    const many = Effect.andThen(
      Effect.forEach(Array.from({ length: 12 }), () => Effect.forkChild(Effect.yieldNow)),
      Effect.andThen(Effect.yieldNow, Effect.die(new Error("end")))
    )
    const trace = await traceOf(many, { mode: "stock" })
    for (const line of trace.split("\n")) assert.isAtMost(line.length, 110)
    assert.match(trace, /^root.12 \| 1 op: yields$/m)
  })

  it("says who forked whom where, and tells no more than a dozen", async () => {
    const start = Effect.fn("start")(function* () {
      yield* Effect.forkDetach(Effect.withSpan(Effect.never, "listen"))
    })
    const leaks = Effect.gen(function* () {
      yield* start()
      yield* Effect.forEach(Array.from({ length: 20 }), () => Effect.forkDetach(Effect.never))
    })
    const trace = await traceOf(leaks, { outside: 0 })
    assert.include(trace, '  root.1 at "listen", in wait, forked by root at start')
    assert.include(trace, "  and 9 more")
  })

  it("is the same for a schedule that was found in another run", async () => {
    const trace = await traceOf(lostUpdate, { strategy: Strategy.random(), seed: 3 })
    const [, replay = ""] = /^replay: (.*)$/m.exec(trace) ?? []
    const again = await traceOf(lostUpdate, { strategy: Strategy.replay(replay), shrink: false })
    const head = (text: string) => text.split("\nfound by")[0]
    assert.strictEqual(head(again), head(trace))
  })
})
