/** What holds of a limit whatever the samples are. */
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"

import * as AdaptiveLimit from "../src/AdaptiveLimit.ts"
import { drive } from "./support/formulaServer.ts"

const { aimd, gradient2, initial, update, vegas } = AdaptiveLimit

// rounds of five calls, so that a program of a few hundred calls sees many of them
const quick = { samples: 5, window: 0 } as const
const limits: Readonly<Record<string, AdaptiveLimit.AdaptiveLimit>> = {
  aimd: aimd({ ...quick, minimum: 2, maximum: 30, initial: 6 }),
  vegas: vegas({ ...quick, minimum: 2, maximum: 30, initial: 6, probeEvery: 4 }),
  gradient2: gradient2({ ...quick, minimum: 2, maximum: 30, initial: 6, probeEvery: 4, timeout: "1 hour" })
}

/** Mostly sensible latencies, with the extremes among them; runs of the same, as a server gives them. */
const Call = Schema.Struct({ latency: Schema.Int, load: Schema.Int, dropped: Schema.Int, times: Schema.Int })
type Call = typeof Call.Type

const extremes = [0, 1, Number.MIN_VALUE, Number.MAX_VALUE, Number.MAX_SAFE_INTEGER]

const rttOf = ({ latency }: Call): number => {
  const number = Math.abs(latency)
  return number % 5 === 0 ? extremes[(number / 5) % extremes.length]! : 1e6 * (1 + (number % 300))
}

/** The samples of a program; the load keeps to the limit, unless `load` is odd. */
const play = (
  limit: AdaptiveLimit.AdaptiveLimit,
  program: ReadonlyArray<Call>,
  look: (before: AdaptiveLimit.State, sample: AdaptiveLimit.Sample, after: AdaptiveLimit.State) => void
): AdaptiveLimit.State => {
  let state = initial(limit)
  let now = 0
  for (const call of program) {
    for (let time = 0; time < 1 + (Math.abs(call.times) % 60); time++) {
      const load = 1 + (Math.abs(call.load) % 40)
      const inFlight = call.load % 2 === 0 ? Math.min(load, state.limit) : load
      const sample = { rtt: rttOf(call), inFlight, dropped: call.dropped % 4 === 0, now }
      const after = update(limit)(state, sample)
      look(state, sample, after)
      state = after
      now += 1e6
    }
  }
  return state
}

/** Asked of every sample of every program, where a chain of an assertion costs more than the sample does. */
const holds = (condition: boolean, message: string): void => {
  if (!condition) assert.fail(message)
}

const hasNaN = (value: unknown): boolean =>
  typeof value === "object" && value !== null ? Object.values(value).some(hasNaN) : Number.isNaN(value)

const deepFreeze = <A>(value: A): A => {
  if (typeof value === "object" && value !== null) {
    Object.freeze(value)
    Object.values(value).forEach(deepFreeze)
  }
  return value
}

const options = { arbitrary: { runs: 150, size: 30 } }

describe.each(Object.entries(limits))("%s, whatever the samples", (_, limit) => {
  it.prop(
    "the limit is a whole number within its bounds, and no number of the state is NaN",
    [Schema.Array(Call)],
    ([program]) => {
      play(limit, program, (_, __, { limit: now, ...state }) => {
        holds(Number.isInteger(now) && now >= 2 && now <= 30, `limit ${now}`)
        holds(!hasNaN(state), "NaN")
        const { baseline } = state
        holds(baseline === undefined || (baseline >= 1 && Number.isFinite(baseline)), `baseline ${baseline}`)
      })
    },
    options
  )

  it.prop(
    "update is pure: it changes nothing, and gives the same for the same",
    [Schema.Array(Call)],
    ([program]) => {
      play(limit, program, (before, sample, after) => {
        deepFreeze(before)
        holds(JSON.stringify(update(limit)(before, sample)) === JSON.stringify(after), "the same gave something else")
      })
    },
    options
  )

  it.prop(
    "a drop never raises the limit, but that a probe ends with it",
    [Schema.Array(Call)],
    ([program]) => {
      play(limit, program, (before, sample, after) => {
        if (!sample.dropped) return
        holds(after.estimate <= before.estimate, `estimate ${after.estimate} after ${before.estimate}`)
        holds(before.probe !== undefined || after.limit <= before.limit, `limit ${after.limit} after ${before.limit}`)
      })
    },
    options
  )

  it.prop(
    "the limit never grows beyond twice what was in flight",
    [Schema.Array(Call)],
    ([program]) => {
      let most = 0
      play(limit, program, (before, sample, after) => {
        most = Math.max(most, sample.inFlight)
        holds(
          after.estimate <= before.estimate || after.estimate <= 2 * most,
          `${after.estimate} with ${most} in flight`
        )
      })
    },
    options
  )

  it.prop(
    "time has no unit: latencies that are all longer by the same factor give the same limits",
    [Schema.Array(Call)],
    ([program]) => {
      const at = (factor: number) => {
        const seen: Array<number> = []
        const sensible = program.filter(({ latency }) => latency % 5 !== 0)
        let state = initial({ ...limit, timeoutNanos: Infinity })
        play(limit, sensible, (_, sample) => {
          state = update({ ...limit, timeoutNanos: Infinity })(state, { ...sample, rtt: sample.rtt * factor })
          seen.push(state.limit)
        })
        return seen
      }
      // a power of two: exact in floating point
      assert.deepStrictEqual(at(1024), at(1))
    },
    options
  )
})

const Server = Schema.Struct({ cores: Schema.Int, service: Schema.Int, initial: Schema.Int })

describe("any server", () => {
  it.prop(
    "the limit comes to its knee from wherever it begins, and stays there",
    [Server],
    ([server]) => {
      const cores = 2 + (Math.abs(server.cores) % 100)
      const service = 1 + (Math.abs(server.service) % 500)
      const begin = 1 + (Math.abs(server.initial) % 200)
      for (const limit of [vegas({ initial: begin }), gradient2({ initial: begin })]) {
        const { limits } = drive(limit, { cores, service }, 25_000)
        const settled = limits.slice(-8_000)
        const mean = settled.reduce((sum, limit) => sum + limit, 0) / settled.length
        const about = `${limit._tag}, ${cores} cores, ${service} ms, from ${begin}: ${mean}`
        assert.isAtLeast(mean, cores * 0.9, about)
        assert.isAtMost(mean, cores * 1.6 + 6, about)
      }
    },
    { arbitrary: { runs: 40 } }
  )
})
