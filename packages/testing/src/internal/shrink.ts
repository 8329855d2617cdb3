/** Makes a failing schedule small: first what can be left out, then whether fewer deviations do from the start. */
import * as Effect from "effect/Effect"

import type { Mode, Schedule } from "./model.ts"
import type { Runner, RunResult } from "./runner.ts"
import { exhaustiveSearch } from "./strategies/exhaustive.ts"
import { randomSearch } from "./strategies/random.ts"
import { replaySearch } from "./strategies/replay.ts"
import { verdictKey } from "./verdict.ts"

export interface Found {
  readonly mode: Mode
  readonly seed: number
  readonly schedule: Schedule
}

const isSame = (key: string) => (result: RunResult) =>
  result.verdict !== undefined && verdictKey(result.verdict) === key

/** Fewer deviations, and lower ones, that end in the same verdict. */
export const shrink = Effect.fnUntraced(function* (runner: Runner, found: Found, key: string, limit: number) {
  const { mode, seed } = found
  let best = found.schedule
  let left = limit
  const improves = Effect.fnUntraced(function* (candidate: Schedule) {
    if (left-- <= 0) return false
    const result = yield* runner.attempt(mode, replaySearch(candidate, seed))
    if (!isSame(key)(result)) return false
    // what was really taken may be less than what was asked for
    const { schedule } = result.facts
    if (schedule.length > best.length) return false
    if (schedule.length === best.length && weight(schedule) >= weight(best)) return false
    best = schedule
    return true
  })

  // delta debugging: ever smaller pieces
  for (let size = Math.ceil(best.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let end = best.length; end > 0; end -= size) {
      const candidate = best.filter((_, index) => index < end - size || index >= end)
      yield* improves(candidate)
      end = Math.min(end, best.length)
    }
  }

  // fewer deviations than these, all of them, the fewest first
  if (best.length > 1) {
    let smaller: Schedule | undefined
    const { length } = best
    yield* runner.explore(mode, exhaustiveSearch(Infinity, seed), { runs: limit, millis: 2000 }, (result) => {
      const { schedule } = result.facts
      if (schedule.length >= length) return true
      if (isSame(key)(result)) smaller = schedule
      return smaller !== undefined
    })
    best = smaller ?? best
  }

  for (let index = 0; index < best.length; index++) {
    for (let alternative = 1; alternative < best[index]!.alternative; alternative++) {
      const lower = best.map((deviation, at) => (at === index ? { ...deviation, alternative } : deviation))
      if (yield* improves(lower)) break
    }
  }
  return best
})

const weight = (schedule: Schedule): number => schedule.reduce((sum, { alternative }) => sum + alternative, 0)

/** The weakest of these modes in which some schedule ends in the same verdict, with that schedule. */
export const weakest = Effect.fnUntraced(function* (
  runner: Runner,
  modes: ReadonlyArray<Mode>,
  seed: number,
  key: string,
  limit: number
) {
  for (const mode of modes) {
    let found: Found | undefined
    const look = (result: RunResult): boolean => {
      if (isSame(key)(result)) found = { mode, seed: result.seed, schedule: result.facts.schedule }
      return found !== undefined
    }
    yield* runner.explore(mode, exhaustiveSearch(2, seed), { runs: limit, millis: 500 }, look)
    if (found === undefined) {
      yield* runner.explore(mode, randomSearch(seed), { runs: limit, millis: 500 }, look)
    }
    if (found !== undefined) return found
  }
  return undefined
})
