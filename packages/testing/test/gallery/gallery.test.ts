// explorations one after the other, each with the machine to itself
/* oxlint-disable eslint/no-await-in-loop */
import { assert, describe, expect, it } from "@effect/vitest"
import type * as Effect from "effect/Effect"

import * as Explorer from "../../src/Explorer.ts"
import * as Strategy from "../../src/Strategy.ts"
import { run } from "../support.ts"
import { abaOnARef } from "./abaOnARef.ts"
import { checkThenAct } from "./checkThenAct.ts"
import { diningPhilosophers } from "./diningPhilosophers.ts"
import { doubleCheckedInit } from "./doubleCheckedInit.ts"
import type { Exhibit } from "./exhibit.ts"
import { expiredToken } from "./expiredToken.ts"
import { ifInsteadOfWhile } from "./ifInsteadOfWhile.ts"
import { jobInHand } from "./jobInHand.ts"
import { lateAdd } from "./lateAdd.ts"
import { leakedFiber } from "./leakedFiber.ts"
import { leakingSemaphore } from "./leakingSemaphore.ts"
import { lockOrder } from "./lockOrder.ts"
import { lostSuccessor } from "./lostSuccessor.ts"
import { lostUpdate } from "./lostUpdate.ts"
import { missedSignal } from "./missedSignal.ts"
import { politeCouple } from "./politeCouple.ts"
import { reusedBarrier } from "./reusedBarrier.ts"
import { tornRead } from "./tornRead.ts"
import { writerStarvation } from "./writerStarvation.ts"
import { writeSkew } from "./writeSkew.ts"
import { wrongWaiter } from "./wrongWaiter.ts"

interface Row {
  readonly exhibit: Exhibit
  /** `Strategy.exhaustive({ preemptions: 2 })` finds it in at most so many runs. */
  readonly found: number
  /** The mended program is exhausted by it in at most so many runs; `sampled` where it would take too many. */
  readonly mended: number | "sampled"
  /** What the trace has to name. */
  readonly steps: ReadonlyArray<string>
  /** Which strategy does not find it alone: at random two fibers do not keep in step. */
  readonly missedBy?: "random"
}

const gallery: Readonly<Record<string, Row>> = {
  "lost update": { exhibit: lostUpdate, found: 20, mended: 100, steps: ["read", "write"] },
  "torn read": { exhibit: tornRead, found: 20, mended: 700, steps: ["withdraw", "audit"] },
  "check, then act": { exhibit: checkThenAct, found: 20, mended: 800, steps: ["check", "act"] },
  "double-checked initialisation": {
    exhibit: doubleCheckedInit,
    found: 30,
    mended: 1500,
    steps: ["check", "publish"]
  },
  "ABA on a Ref": { exhibit: abaOnARef, found: 10, mended: 500, steps: ["take a, leave b", "give a"] },
  "write skew": { exhibit: writeSkew, found: 30, mended: 2500, steps: ["check", "go home"] },
  "expired token": { exhibit: expiredToken, found: 10, mended: 1500, steps: ["check", "send"] },
  "lock order": { exhibit: lockOrder, found: 20, mended: 800, steps: ["lock a", "lock b"] },
  "dining philosophers": {
    exhibit: diningPhilosophers,
    found: 300,
    mended: 4000,
    steps: ["fork 0", "fork 1", "fork 2"]
  },
  "missed signal": { exhibit: missedSignal, found: 10, mended: 300, steps: ["check", "signal", "wait"] },
  "if instead of while": { exhibit: ifInsteadOfWhile, found: 10, mended: 1000, steps: ["put x", "take"] },
  "wrong waiter": { exhibit: wrongWaiter, found: 10, mended: 3000, steps: ["put", "take"] },
  "reused barrier": { exhibit: reusedBarrier, found: 20, mended: 500, steps: ["round 1", "round 2"] },
  "late add": { exhibit: lateAdd, found: 20, mended: 4000, steps: ["wait"] },
  "writer starvation": { exhibit: writerStarvation, found: 1, mended: "sampled", steps: ["enter", "read"] },
  "polite couple": {
    exhibit: politeCouple,
    found: 1,
    mended: "sampled",
    steps: ["take one", "after you"],
    missedBy: "random"
  },
  "lost successor": {
    exhibit: lostSuccessor,
    found: 20,
    mended: 5500,
    steps: ["load old", "forget", "load new"]
  },
  "leaking semaphore": { exhibit: leakingSemaphore, found: 5, mended: 4500, steps: ["take", "give up"] },
  "job in hand": {
    exhibit: jobInHand,
    found: 20,
    mended: 1500,
    steps: ["next job", "stop the worker"]
  },
  "leaked fiber": {
    exhibit: leakedFiber,
    found: 20,
    mended: 6000,
    steps: ["fork", "cached", "heartbeat"]
  }
}

const twoPreemptions = Strategy.exhaustive({ preemptions: 2 })

/** Nothing here waits for a real timer or promise. */
const explore = (program: Effect.Effect<unknown, unknown>, { options }: Exhibit, more: Explorer.Options) =>
  run(Explorer.explore(program, { ...options, outside: 0, ...more }))

const traceOf = async (exhibit: Exhibit) => {
  const { failure } = await explore(exhibit.broken, exhibit, { strategy: Strategy.exhaustive({ order: "deviations" }) })
  return failure?.trace
}

describe("gallery", { concurrent: false }, () => {
  for (const [name, { exhibit, found, mended, missedBy, steps }] of Object.entries(gallery)) {
    describe(`${name}: ${exhibit.bug}`, () => {
      const { broken } = exhibit
      const shows = (failure: Explorer.Failure | undefined, where: string): Explorer.Failure => {
        assert(failure !== undefined, `${where}: not found`)
        assert.strictEqual(failure.verdict._tag, exhibit.verdict, where)
        assert.isTrue(failure.reproducible, where)
        return failure
      }

      it("the portfolio finds it from any seed, shrinks it, names the weakest mode, and replays it", async () => {
        for (let seed = 0; seed < 5; seed++) {
          // shrinking is the same work each time, and begins with what was found
          const shrinks = seed < 2
          const report = await explore(broken, exhibit, { seed, runs: 2000, shrink: shrinks })
          const failure = shows(report.failure, `seed ${seed}`)
          if (!shrinks) continue
          assert.isAtMost(failure.deviations, 3)
          assert.strictEqual(failure.weakestMode, exhibit.weakestMode)
          for (const text of [failure.replay, failure.weakestReplay]) {
            const again = await explore(broken, exhibit, { strategy: Strategy.replay(text), shrink: false })
            assert.strictEqual(again.runs, 1)
            assert.strictEqual(shows(again.failure, text).replay, text)
          }
        }
      })

      it("two preemptions are enough, and the trace names the steps", async () => {
        const report = await explore(broken, exhibit, { strategy: twoPreemptions })
        const { deviations, trace } = shows(report.failure, "exhaustive")
        assert.isAtMost(report.runs, found)
        assert.isAtMost(deviations, 3)
        for (const step of steps) assert.include(trace, `[${step}]`)
      })

      for (const strategy of [Strategy.random(), Strategy.pct()].filter(({ name }) => name !== missedBy)) {
        it(`${strategy.name} finds it alone`, async () => {
          const report = await explore(broken, exhibit, { strategy, runs: 2000, shrink: false })
          assert.strictEqual(report.failure?.verdict._tag, exhibit.verdict)
        })
      }

      it(`the mended program passes, ${mended === "sampled" ? "2,000 times" : "all of it"}`, async () => {
        const budget = mended === "sampled" ? { runs: 2000 } : { strategy: twoPreemptions, runs: mended }
        const report = await explore(exhibit.mended, exhibit, budget)
        assert.isUndefined(report.failure?.trace)
        assert.strictEqual(report.exhausted, mended !== "sampled")
      })
    })
  }

  it("a trace reads like this: a lost update", async () => {
    expect(await traceOf(lostUpdate)).toMatchInlineSnapshot(`
      "failed: Error: an update was lost

      root         | root.1                                   | root.2
      -------------+------------------------------------------+-------------------------------
      7 ops: waits |                                          |
                   | [read] 5 ops: preempted before withFiber |
                   |                                          | [read] [write] 9 ops: succeeds
                   | [read] [write] 4 ops: succeeds           |
      4 ops: dies  |                                          |

      found by run 7 in mode op with seed 0; 1 deviation from the default order
      also in mode op3: op3:0:3.1
      replay: op:0:5.1"
    `)
  })
  it("a deadlock", async () => {
    expect(await traceOf(lockOrder)).toMatchInlineSnapshot(`
      "deadlock: 3 fibers wait and nothing can run
        root in Effect.forEach root.1, root.2
        root.1 at "lock b", in Semaphore.take, forked by root
        root.2 at "lock a", in Semaphore.take, forked by root

      root         | root.1                                            | root.2
      -------------+---------------------------------------------------+--------------------------------
      8 ops: waits |                                                   |
                   | [lock a] 5 ops: preempted before OnExit           |
                   |                                                   | [lock b] [lock a] 15 ops: waits
                   | [lock a] [lock b] 10 ops: waits in Semaphore.take |

      found by run 7 in mode op with seed 0; 1 deviation from the default order
      also in mode op3: op3:0:3.1
      replay: op:0:5.1"
    `)
  })
  it("a deadlock of one who was left behind", async () => {
    expect(await traceOf(reusedBarrier)).toMatchInlineSnapshot(`
      "deadlock: 3 fibers wait and nothing can run
        root in Effect.forEach root.1, root.2
        root.1 at "round 1", in Latch.await, forked by root
        root.2 at "round 2", in Latch.await, forked by root

      root         | root.1                                 | root.2
      -------------+----------------------------------------+-------------------------------------------------
      5 ops: waits |                                        |
                   | [round 1] 7 ops: preempted before wait |
                   |                                        | [round 1] [round 2] 18 ops: waits in Latch.await
                   | [round 1] 1 op: waits in Latch.await   |

      found by run 9 in mode op with seed 0; 1 deviation from the default order
      also in mode op3: op3:0:5.1
      replay: op:0:7.1"
    `)
  })
  it("starvation", async () => {
    expect(await traceOf(writerStarvation)).toMatchInlineSnapshot(`
      "starvation: root.3 was overtaken 4 times at "enter"

      root          | root.1                             | root.2                             | root.3
      --------------+------------------------------------+------------------------------------+---------------------
      10 ops: waits |                                    |                                    |
                    | [enter] [read] 21 ops: yields      |                                    |
                    |                                    | [enter] [read] 20 ops: yields      |
                    |                                    |                                    | [enter] 9 ops: waits
                    | [read] overtakes root.3            |                                    |
                    |                                    | [read] overtakes root.3            |
                    | [read] overtakes root.3            |                                    |
                    |                                    | [read] overtakes root.3            |
                    | [read] overtakes root.3            |                                    |

      found by run 1 in mode op with seed 0; 0 deviations from the default order
      also in mode stock: stock:0:
      replay: op:0:"
    `)
  })
  it("a lost resource", async () => {
    expect(await traceOf(checkThenAct)).toMatchInlineSnapshot(`
      "lost resource: connection (1 not released)

      root             | root.1                                    | root.2
      -----------------+-------------------------------------------+------------------------------
      7 ops: waits     |                                           |
                       | [check] 4 ops: preempted before withFiber |
                       |                                           | [check] [act] 9 ops: succeeds
                       | [check] [act] 5 ops: succeeds             |
      11 ops: succeeds |                                           |

      found by run 6 in mode op with seed 0; 1 deviation from the default order
      also in mode op3: op3:0:2.1
      replay: op:0:4.1"
    `)
  })
  it("a leaked fiber", async () => {
    expect(await traceOf(leakedFiber)).toMatchInlineSnapshot(`
      "leak: the root has ended and 1 fiber has not
        root.2.1 at "heartbeat", in sleep until 1000 ms, forked by root.2 at fork

      root                | root.1                  | root.2                              | root.2.1
      --------------------+-------------------------+-------------------------------------+-------------------------
      3 ops: waits        |                         |                                     |
                          | [cached] 4 ops: yields  |                                     |
                          |                         | [fork] 6 ops: preempted before its… |
                          | [cached] 1 op: succeeds |                                     |
      3 ops: at withFiber |                         |                                     |
                          |                         | [fork] interrupted by root          |
      5 ops: succeeds     |                         |                                     |
                          |                         |                                     | [heartbeat] 7 ops: waits

      found by run 12 in mode op with seed 0; 1 deviation from the default order
      also in mode op3: op3:0:6.1
      replay: op:0:a.1"
    `)
  })
})
