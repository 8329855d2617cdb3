/** From a run that failed to what is reported of it. */
import * as Effect from "effect/Effect"

import { type Mode, modes } from "./model.ts"
import { formatReplay } from "./replayString.ts"
import type { Runner, RunResult } from "./runner.ts"
import { shrink, weakest } from "./shrink.ts"
import { replaySearch } from "./strategies/replay.ts"
import { TraceRecorder } from "./trace.ts"
import { describeVerdict, type Verdict, verdictKey } from "./verdict.ts"

/** What is known of a run that failed. */
export interface Failure {
  /** What went wrong. */
  readonly verdict: Verdict
  /** The mode it was found in. */
  readonly mode: Mode
  /** The weakest mode in which it was seen; without shrinking the one it was found in. */
  readonly weakestMode: Mode
  /** A schedule that shows it there. */
  readonly weakestReplay: string
  /** What the run's `Random` began with; the replay strings carry it. */
  readonly seed: number
  /** How many deviations from the default order the shrunk schedule has. */
  readonly deviations: number
  /** The shrunk schedule. */
  readonly replay: string
  /** The schedule as it was found. */
  readonly found: string
  /** Whether the same schedule failed in the same way once more. */
  readonly reproducible: boolean
  /** The number of the run that found it, from 1. */
  readonly run: number
  /** What happened, as columns, the verdict, and how to run it again. */
  readonly trace: string
}

/** Runs that shrinking may take; where each of them waits for something outside, a good deal fewer. */
const shrinkRuns = 3000
const shrinkRunsOutside = 60
/** Runs of a strategy that looks for the same in a weaker mode: as many as it took to find it, within these. */
const weakestRuns = { least: 300, most: 1000 }

export const diagnose = Effect.fnUntraced(function* (
  runner: Runner,
  mode: Mode,
  failed: RunResult & { readonly verdict: Verdict },
  run: number,
  small: boolean
) {
  const key = verdictKey(failed.verdict)
  const { seed } = failed
  const original = failed.facts.schedule
  const again = yield* runner.attempt(mode, replaySearch(original, seed))
  const reproducible = again.verdict !== undefined && verdictKey(again.verdict) === key
  const shrinks = small && reproducible
  const runs = runner.mixed ? shrinkRunsOutside : shrinkRuns
  const schedule = shrinks ? yield* shrink(runner, { mode, seed, schedule: original }, key, runs) : original
  const weakerRuns = runner.mixed ? shrinkRunsOutside / 6 : Math.max(weakestRuns.least, Math.min(weakestRuns.most, run))
  const weaker = modes.slice(0, modes.indexOf(mode))
  const least = shrinks ? yield* weakest(runner, weaker, seed, key, weakerRuns) : undefined

  const recorder = new TraceRecorder(failed.verdict._tag === "Outside" ? "outside" : "quiescent")
  const traced = yield* runner.attempt(mode, replaySearch(schedule, seed), { trace: recorder })
  // where the explorer does not own everything, a run may be another one each time
  const verdict = traced.verdict !== undefined && verdictKey(traced.verdict) === key ? traced.verdict : failed.verdict
  const replay = formatReplay({ mode, seed, schedule, extra: undefined })
  const failure: Omit<Failure, "trace"> = {
    verdict,
    mode,
    weakestMode: least?.mode ?? mode,
    weakestReplay:
      least === undefined
        ? replay
        : formatReplay({
            ...least,
            schedule: yield* shrink(runner, least, key, runs / 3),
            extra: undefined
          }),
    seed,
    deviations: schedule.length,
    replay,
    found: formatReplay({ mode, seed, schedule: original, extra: undefined }),
    reproducible,
    run
  }
  const columns = recorder.render(runner.engineOf(mode))
  return { ...failure, trace: render(failure, columns) } satisfies Failure
})

const render = (failure: Omit<Failure, "trace">, columns: string): string => {
  const { deviations, mode, reproducible, run, seed, verdict, weakestMode, weakestReplay } = failure
  return [
    describeVerdict(verdict),
    "",
    columns,
    "",
    `found by run ${run} in mode ${mode} with seed ${seed}; ${deviations} deviation${deviations === 1 ? "" : "s"} from the default order`,
    ...(weakestMode === mode ? [] : [`also in mode ${weakestMode}: ${weakestReplay}`]),
    ...(reproducible
      ? []
      : ["NOT REPRODUCIBLE: something decides that the explorer does not own, such as Date.now or Math.random"]),
    `replay: ${failure.replay}`
  ].join("\n")
}
