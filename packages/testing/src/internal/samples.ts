/**
 * Whether a program is the same each time. What it keeps outside of its runs, or draws from `Math.random`, cannot be
 * seen; but some of its runs, made once more in the end, must not turn out otherwise.
 */
import * as Effect from "effect/Effect"

import type { Mode } from "./model.ts"
import type { Runner, RunResult } from "./runner.ts"
import { replaySearch } from "./strategies/replay.ts"
import { verdictKey } from "./verdict.ts"

/** So many of the first runs, and of the last, are made once more. */
const most = 8

export class Samples {
  private readonly first: Array<RunResult> = []
  private readonly last: Array<RunResult> = []
  private count = 0
  private readonly resultOf: (run: RunResult) => string

  /** `resultOf` says what has to be the same, besides the verdict and the course of the run. */
  constructor(resultOf: (run: RunResult) => string = () => "") {
    this.resultOf = resultOf
  }

  add(run: RunResult): void {
    const at = this.count++
    if (at < most) this.first.push(run)
    else this.last[at % most] = run
  }

  /** Whether they are the same once more; the first one several times, where there are few. */
  areSteady(runner: Runner, mode: Mode): Effect.Effect<boolean> {
    return Effect.gen({ self: this }, function* () {
      const again = [...this.first, ...this.last]
      while (again.length > 0 && again.length < most) again.push(this.first[0]!)
      for (const before of again) {
        const { verdict } = before
        const now = yield* runner.attempt(mode, replaySearch(before.facts.schedule, before.seed))
        if (this.courseOf(now) !== this.courseOf(before)) return false
        if ((now.verdict && verdictKey(now.verdict)) !== (verdict && verdictKey(verdict))) return false
      }
      return true
    })
  }

  private courseOf(run: RunResult): string {
    const { digest, points, steps } = run.facts
    return `${points} ${steps} ${digest} ${this.resultOf(run)}`
  }
}
