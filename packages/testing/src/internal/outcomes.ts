/** Which results can be reached. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { format } from "effect/Formatter"

import { exhaustive } from "../Strategy.ts"
import { formatReplay } from "./replayString.ts"
import type { RunResult } from "./runner.ts"
import { type Make, type Options, session } from "./session.ts"
import { describeVerdict, reasonOf, type Verdict } from "./verdict.ts"

/**
 * One result that was reached.
 *
 * @since 0.1.0
 * @category models
 */
export interface Outcome {
  readonly result: string
  readonly count: number
  /** The schedule of the first run that had it. */
  readonly replay: string
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Outcomes {
  /** Sorted by result. */
  readonly outcomes: ReadonlyArray<Outcome>
  /** There are no others: every schedule was run that the strategy is about, and none draws from `Random`. */
  readonly exhausted: boolean
  readonly runs: number
}

/**
 * The results that can be reached, with how often each was. A run that does not end well has its verdict as result.
 * Explores exhaustively by default, with at most 20,000 runs.
 *
 * @since 0.1.0
 * @category exploring
 */
export const outcomes = <A, E, R>(
  make: Make<A, E, R>,
  options: Options & {
    /** How a result is written. Default: as JSON, and in the form of `effect/Formatter` what that cannot tell apart. */
    readonly render?: ((exit: Exit.Exit<A, E>) => string) | undefined
  } = {}
): Effect.Effect<Outcomes, never, R> =>
  Effect.contextWith((context: Context.Context<R>) =>
    Effect.gen(function* () {
      const { budget, mode, runner, seed, strategy } = session(make, context, options, {
        runs: 20_000,
        strategy: exhaustive({ order: "deviations" })
      })
      const render = options.render ?? renderExit
      const look = Effect.fnUntraced(function* () {
        const search = strategy.search(seed)
        const found = new Map<string, { count: number; readonly first: RunResult }>()
        let drawsRandom = false
        const { runs } = yield* runner.explore(mode, search, budget, (run) => {
          drawsRandom ||= run.facts.drawsRandom
          const result = resultOf(run.exit as Exit.Exit<A, E> | undefined, run.verdict, render)
          const known = found.get(result)
          if (known === undefined) found.set(result, { count: 1, first: run })
          else known.count++
          return false
        })
        return { found, runs, exhausted: search.exhausted?.() === true && !drawsRandom }
      })
      let seen = yield* look()
      // time may have passed before a promise could answer: once that is known, it waits
      for (const { first } of seen.found.values()) if (!runner.mixed) yield* runner.holds(mode, first)
      if (runner.mixed) seen = yield* look()
      runner.checkSteps()
      const { exhausted, found, runs } = seen
      const all = Array.from(found, ([result, { count, first }]) => ({
        result,
        count,
        replay: formatReplay({ mode, seed: first.seed, schedule: first.facts.schedule, extra: undefined })
      }))
      return { outcomes: all.toSorted((a, b) => (a.result < b.result ? -1 : 1)), exhausted, runs }
    })
  )

/** The exit of the program, which is one of its types, or what else became of it. */
const resultOf = <A, E>(
  exit: Exit.Exit<A, E> | undefined,
  verdict: Verdict | undefined,
  render: (exit: Exit.Exit<A, E>) => string
): string => {
  if (exit !== undefined && (verdict === undefined || Exit.isFailure(exit))) return render(exit)
  if (verdict?._tag === "Failed") return reasonOf(verdict.cause)
  return describeVerdict(verdict!).split(":")[0]!
}

const renderExit = (exit: Exit.Exit<unknown, unknown>): string =>
  Exit.isSuccess(exit) ? format(exit.value) : reasonOf(exit.cause)
