/**
 * How many schedules the explorer runs in a second: two fibers that update one Ref, forked and joined, each run from
 * scratch. A measurement is the best of several stretches of runs, so that the minimum over the rounds, which the
 * harness reports, is not that of the machine's worst moment.
 */
import * as Explorer from "@heddle/testing/Explorer"
import * as Strategy from "@heddle/testing/Strategy"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Ref from "effect/Ref"

import { type Bench, BenchFailed, type Figure } from "./harness.ts"

const program = Effect.gen(function* () {
  const counter = yield* Ref.make(0)
  const increment = Ref.update(counter, (n) => n + 1)
  const one = yield* Effect.forkChild(increment)
  const two = yield* Effect.forkChild(increment)
  yield* Fiber.join(one)
  yield* Fiber.join(two)
})

const stretches = 5

const runsPerSecond = (mode: Explorer.Mode, strategy: Strategy.Strategy) =>
  Effect.gen(function* () {
    let best = 0
    for (let stretch = 0; stretch < stretches; stretch++) {
      const start = performance.now()
      const { passed, runs } = yield* Explorer.explore(program, { mode, strategy, runs: 5000, seed: stretch })
      if (!passed) return yield* new BenchFailed({ message: "two updates of a Ref went wrong" })
      best = Math.max(best, (runs * 1000) / (performance.now() - start))
    }
    return best
  })

const figure = (mode: Explorer.Mode): Figure => ({
  id: `explorer/${mode}`,
  unit: "runs/s",
  subjects: {
    heddle: runsPerSecond(mode, Strategy.random()),
    pct: runsPerSecond(mode, Strategy.pct())
  }
})

export const explorer: Bench = {
  name: "explorer",
  description: "schedules per second, two fibers with one shared Ref",
  figures: Effect.sync(() => [figure("stock"), figure("op")])
}
