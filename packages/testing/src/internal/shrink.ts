/** Makes a failing schedule small: first what can be left out, then whether fewer deviations do from the start. */
import * as Effect from "effect/Effect"

import type { Mode, Schedule } from "./model.ts"
import type { Runner, RunResult } from "./runner.ts"
import type { Search } from "./search.ts"
import { exhaustiveSearch } from "./strategies/exhaustive.ts"
import { pctSearch } from "./strategies/pct.ts"
import { randomSearch } from "./strategies/random.ts"
import { replaySearch } from "./strategies/replay.ts"
import { verdictKey } from "./verdict.ts"

export interface Found {
  readonly mode: Mode
  readonly seed: number
  readonly schedule: Schedule
}

/** What may be spent: runs, and operations, a thousand for each. Not time, or each machine would find another schedule. */
export class Allowance {
  private runs: number
  private steps: number

  constructor(runs: number) {
    this.runs = runs
    this.steps = runs * 1000
  }
  get isSpent(): boolean {
    return this.runs <= 0 || this.steps <= 0
  }
  spend({ facts }: RunResult): void {
    this.runs--
    this.steps -= facts.steps
  }
}

const isSame = (key: string, { verdict }: RunResult): boolean => verdict !== undefined && verdictKey(verdict) === key

/** The first run of a search that ends in this verdict. */
const first = Effect.fnUntraced(function* (
  runner: Runner,
  mode: Mode,
  search: Search,
  allowance: Allowance,
  key: string,
  isTooFar: (schedule: Schedule) => boolean = () => false
) {
  let found: Found | undefined
  if (allowance.isSpent) return found
  yield* runner.explore(mode, search, { runs: Infinity, millis: Infinity }, (result) => {
    allowance.spend(result)
    const { schedule } = result.facts
    if (isTooFar(schedule)) return true
    if (isSame(key, result)) found = { mode, seed: result.seed, schedule }
    return found !== undefined || allowance.isSpent
  })
  return found
})

/** Fewer deviations, and lower ones, that end in the same verdict. */
export const shrink = Effect.fnUntraced(function* (runner: Runner, found: Found, key: string, runs: number) {
  const { mode, seed } = found
  let best = found.schedule
  const improves = Effect.fnUntraced(function* (candidate: Schedule, allowance: Allowance) {
    if (allowance.isSpent) return false
    const result = yield* runner.attempt(mode, replaySearch(candidate, seed))
    allowance.spend(result)
    if (!isSame(key, result)) return false
    // what was really taken may be less than what was asked for
    const { schedule } = result.facts
    if (schedule.length > best.length) return false
    if (schedule.length === best.length && weight(schedule) >= weight(best)) return false
    best = schedule
    return true
  })

  // delta debugging: ever smaller pieces
  const leavingOut = new Allowance(Math.ceil(runs / 2))
  for (let size = Math.ceil(best.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let end = best.length; end > 0; end = Math.min(end - size, best.length)) {
      const candidate = best.filter((_, index) => index < end - size || index >= end)
      yield* improves(candidate, leavingOut)
    }
  }

  // fewer deviations than these, all of them, the fewest first
  if (best.length > 1) {
    const { length } = best
    const isTooFar = (schedule: Schedule) => schedule.length >= length
    const anew = new Allowance(Math.floor(runs / 3))
    const smaller = yield* first(runner, mode, exhaustiveSearch(seed), anew, key, isTooFar)
    best = smaller?.schedule ?? best
  }

  const lowering = new Allowance(Math.floor(runs / 6))
  for (let index = 0; index < best.length; index++) {
    for (let alternative = 1; alternative < best[index]!.alternative && !lowering.isSpent; alternative++) {
      const lower = best.map((deviation, at) => (at === index ? { ...deviation, alternative } : deviation))
      if (yield* improves(lower, lowering)) break
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
  runs: number
) {
  for (const mode of modes) {
    for (const search of [exhaustiveSearch(seed, { preemptions: 2 }), randomSearch(seed), pctSearch(3, seed)]) {
      const found = yield* first(runner, mode, search, new Allowance(runs), key)
      if (found !== undefined) return found
    }
  }
  return undefined
})
