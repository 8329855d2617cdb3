import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Queue from "effect/Queue"
import * as Ref from "effect/Ref"
import * as Semaphore from "effect/Semaphore"

import * as Explorer from "../src/Explorer.ts"
import * as Strategy from "../src/Strategy.ts"
import { run, starvingRequest } from "./support.ts"

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

root         | root.1                                         | root.2
-------------+------------------------------------------------+-----------------------------------------------
9 ops: waits |                                                |
             | [increment] 6 ops: preempted before withFiber  |
             |                                                | [write] [increment] 22 ops: succeeds
             | [write] [increment] 16 ops: succeeds           |
3 ops: dies  |                                                |

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

  it("says that a queue or a stream is done, and not what Effect says it with", async () => {
    const ends = [Cause.done(), Effect.die(Cause.Done()), Effect.fail(Cause.Done(7))]
    for (const trace of await Promise.all(ends.map((end) => traceOf(end, { mode: "stock" })))) {
      assert.match(trace, /^failed: Done\n[^{}]*: (?:fails|dies): Done\n[^{}]*$/)
    }
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
    assert.include(trace, '  root.1 at "listen", in Effect.never, forked by root at start')
    assert.include(trace, "  and 9 more")
  })

  it("is the same for a schedule that was found in another run", async () => {
    const trace = await traceOf(lostUpdate, { strategy: Strategy.random(), seed: 3 })
    const [, replay = ""] = /^replay: (.*)$/m.exec(trace) ?? []
    const again = await traceOf(lostUpdate, { strategy: Strategy.replay(replay), shrink: false })
    const head = (text: string) => text.split("\nfound by")[0]
    assert.strictEqual(head(again), head(trace))
  })

  it("says of a fiber that waits in which function of Effect it does, and for which fiber", async () => {
    const circle = Effect.gen(function* () {
      const late = yield* Deferred.make<Fiber.Fiber<unknown>>()
      const a = yield* Effect.forkChild(Effect.withSpan(Effect.flatMap(Deferred.await(late), Fiber.join), "a"))
      const b = yield* Effect.forkChild(Fiber.await(a))
      const done = yield* Effect.forkChild(Effect.void)
      yield* Deferred.succeed(late, b)
      yield* Fiber.awaitAll([done, a, b])
    })
    const trace = await traceOf(circle, { mode: "stock" })
    assert.include(
      trace,
      `deadlock: 3 fibers wait and nothing can run
  root in Fiber.awaitAll root.1
  root.1 at "a", in Fiber.join root.2, forked by root
  root.2 in Fiber.await root.1, forked by root
`
    )
    assert.match(trace, /\| \[a\] \d+ ops: waits in Fiber\.join root\.2 +\|/)
  })

  it("knows the waits of Effect, each by its name", async () => {
    const unbounded = { concurrency: "unbounded" } as const
    const waits: Readonly<Record<string, Effect.Effect<unknown, unknown>>> = {
      "Deferred.await": Effect.flatMap(Deferred.make(), Deferred.await),
      "Queue.take": Effect.flatMap(Queue.unbounded<number>(), Queue.take),
      "Queue.offer": Effect.flatMap(Queue.bounded<number>(1), (queue) =>
        Effect.andThen(Queue.offer(queue, 1), Queue.offer(queue, 2))
      ),
      "Queue.offerAll": Effect.flatMap(Queue.bounded<number>(1), (queue) => Queue.offerAll(queue, [1, 2])),
      "Semaphore.take": Effect.flatMap(Semaphore.make(1), Semaphore.take(2)),
      "Latch.await": Effect.flatMap(Latch.make(), Latch.await),
      "Effect.forEach root.1, root.2": Effect.all([Effect.never, Effect.never], unbounded),
      "Effect.forEach root.1, root.2, root.3, 2 more": Effect.all(
        Array.from({ length: 5 }, () => Effect.never),
        unbounded
      ),
      "Fiber.joinAll root.1": Effect.flatMap(Effect.forkChild(Effect.never), (fiber) => Fiber.joinAll([fiber])),
      "Effect.never": Effect.never
    }
    for (const [name, wait] of Object.entries(waits)) {
      // oxlint-disable-next-line eslint/no-await-in-loop
      const { failure } = await run(Explorer.explore(wait, { mode: "stock", outside: 0 }))
      assert(failure?.verdict._tag === "Deadlock")
      assert.strictEqual(failure.verdict.waiting[0]?.waitsFor, name)
    }
  })

  it("says of a fiber that sleeps until when", async () => {
    const leaks = Effect.andThen(Effect.sleep("1 second"), Effect.forkDetach(Effect.sleep("2 seconds")))
    const { failure } = await run(Explorer.explore(Effect.andThen(leaks, Effect.yieldNow), { mode: "stock" }))
    assert(failure?.verdict._tag === "Leak")
    assert.strictEqual(failure.verdict.waiting[0]?.waitsFor, "sleep until 3000 ms")
  })

  it("says how each fiber ended: it succeeded, failed, died, or was interrupted by whom", async () => {
    const fork = Effect.forkDetach
    const children: Readonly<Record<string, Effect.Effect<unknown>>> = {
      succeeds: fork(Effect.succeed(1)),
      "fails: Error: no room": fork(Effect.fail("no room")),
      "dies: TypeError: no sense": fork(Effect.die(new TypeError("no sense"))),
      "interrupted by root": Effect.flatMap(fork(Effect.never, { startImmediately: true }), Fiber.interrupt)
    }
    for (const [end, child] of Object.entries(children)) {
      // oxlint-disable-next-line eslint/no-await-in-loop
      const trace = await traceOf(Effect.andThen(child, Effect.andThen(Effect.yieldNow, Effect.fail("over"))), {
        mode: "stock"
      })
      assert.match(trace, new RegExp(`^ .*\\| .*: ${end}$`, "m"))
      assert.match(trace, /^\d+ ops?: fails: Error: over +\|/m)
    }
  })

  it("marks who overtook the one that starved", async () => {
    const trace = await traceOf(starvingRequest, { mode: "stock", maxBypass: 3 })
    const [, overtaken = "0"] = /^starvation: root\.2 was overtaken (\d+) times/.exec(trace) ?? []
    const marked = cells(trace).filter((cell) => cell.includes("overtakes root.2"))
    assert.strictEqual(overtaken, "4")
    // and once more before it was certain that these count
    assert.strictEqual(marked.length, 5)
  })
})
