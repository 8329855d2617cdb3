/**
 * What a limit that finds itself is worth, in a simulation: more calls than a server can take, through an
 * `AdaptiveLimiter`, in virtual time. Beside the three algorithms stand limits that do not move: one that is right before the
 * server changes, one that is right after it (or the other way round), and one that is too high for both.
 *
 * `throughput` and `p99` (of the answers) are those of the last twenty seconds, `settle` is how long it takes after the
 * start or the change until throughput is four fifths of what the right limit gives; the whole time where it never is.
 * All are the mean of three runs with other seeds, and the same on every machine.
 */
import * as Effect from "effect/Effect"
import * as AdaptiveLimit from "heddle/AdaptiveLimit"

import type { ServerOptions } from "./adaptive/server.ts"
import { p99, type Run, type Scenario, settling, simulate, throughput } from "./adaptive/simulation.ts"
import { type Bench, BenchFailed, type Figure } from "./harness.ts"

/** Up to 320 calls per second, of 50 ms each. */
const server: ServerOptions = { cores: 16, workMillis: 50, contention: 0.3, timeoutMillis: 1000 }
const fewer = 5

const arrivals = 480

/** Half as much again as the server can take, and then another server. */
export const scenarios = {
  steady: { server, arrivals, seconds: 40 },
  /** Two thirds of its cores are gone. */
  down: { server, arrivals, seconds: 70, change: { atSecond: 30, server: { cores: fewer } } },
  /** They come back. */
  up: { server: { ...server, cores: fewer }, arrivals, seconds: 70, change: { atSecond: 30, server } },
  /** Every call takes twice as long, and would without a queue: the right limit is the one before. */
  slower: { server, arrivals, seconds: 70, change: { atSecond: 30, server: { workMillis: 100 } } },
  /** A third of what the server can take: nobody has to be turned away. */
  light: { server, arrivals: 100, seconds: 60 }
} satisfies Record<string, Scenario>

export type ScenarioName = keyof typeof scenarios

/** What the right limit gives at the end of each scenario, in calls per second. */
export const attainable = { steady: 320, down: 100, up: 320, slower: 160, light: 100 } satisfies Record<
  ScenarioName,
  number
>

const fixed = (limit: number) => AdaptiveLimit.aimd({ minimum: limit, maximum: limit })

export const limits: Readonly<Record<string, AdaptiveLimit.AdaptiveLimit>> = {
  [`fixed-${server.cores}`]: fixed(server.cores),
  [`fixed-${fewer}`]: fixed(fewer),
  "fixed-64": fixed(64),
  "heddle-aimd": AdaptiveLimit.aimd(),
  "heddle-aimd-400ms": AdaptiveLimit.aimd({ timeout: "400 millis" }),
  "heddle-vegas": AdaptiveLimit.vegas(),
  "heddle-gradient2": AdaptiveLimit.gradient2()
}

const seeds = [1, 2, 3]

type Measure = (run: Run, name: ScenarioName) => number

const lastTwenty =
  (measure: (run: Run, from: number, to: number) => number): Measure =>
  (run, name) =>
    measure(run, scenarios[name].seconds - 20, scenarios[name].seconds)

const changedAt = (scenario: Scenario): number => scenario.change?.atSecond ?? 0

export const measures = {
  throughput: { unit: "calls/s", of: lastTwenty(throughput) },
  p99: { unit: "ms", of: lastTwenty(p99) },
  settle: {
    unit: "s",
    of: (run, name) => settling(run, changedAt(scenarios[name]), scenarios[name].seconds, 0.8 * attainable[name])
  },
  rejected: { unit: "%", of: (run) => (100 * run.rejected) / run.arrived }
} satisfies Record<string, { readonly unit: string; readonly of: Measure }>

const figures: ReadonlyArray<readonly [ScenarioName, keyof typeof measures]> = [
  ...(["steady", "down", "up", "slower"] as const).flatMap((name) => [
    [name, "throughput"] as const,
    [name, "p99"] as const,
    [name, "settle"] as const
  ]),
  ["light", "rejected"]
]

export const adaptive: Bench = {
  name: "adaptive",
  description: "limits that find themselves beside fixed ones, on a simulated server that changes",
  figures: Effect.gen(function* () {
    const runs = new Map<string, Effect.Effect<ReadonlyArray<Run>, BenchFailed>>()
    for (const name of Object.keys(scenarios) as ReadonlyArray<ScenarioName>) {
      for (const [subject, limit] of Object.entries(limits)) {
        const simulated = Effect.try({
          try: () => seeds.map((seed) => simulate(scenarios[name], limit, seed)),
          catch: (cause) => new BenchFailed({ message: String(cause) })
        })
        runs.set(`${name} ${subject}`, yield* Effect.cached(simulated))
      }
    }
    return figures.map(([name, measure]): Figure => {
      const mean = (runs: ReadonlyArray<Run>) =>
        runs.reduce((sum, run) => sum + measures[measure].of(run, name), 0) / runs.length
      const subjects = Object.keys(limits).map((subject) => [
        subject,
        Effect.map(runs.get(`${name} ${subject}`)!, mean)
      ])
      return {
        id: `adaptive/${name}-${measure}`,
        unit: measures[measure].unit,
        exact: true,
        subjects: Object.fromEntries(subjects)
      }
    })
  })
}
