/** Which results can be reached. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { format } from "effect/Formatter"

import { exhaustive, type Strategy } from "../Strategy.ts"
import { formatReplay } from "./replayString.ts"
import type { RunResult } from "./runner.ts"
import { Samples } from "./samples.ts"
import { type Make, type Options, session } from "./session.ts"
import { describeVerdict, type Verdict } from "./verdict.ts"
import { reasonOf } from "./waiting.ts"

/**
 * One result that was reached.
 *
 * @since 0.1.0
 * @category models
 */
export interface Outcome {
  /** As `render` writes it, or the verdict of runs that did not end well, such as `deadlock`. */
  readonly result: string
  /** Runs that had it. */
  readonly count: number
  /** The schedule of the first run that had it. */
  readonly replay: string
}

/**
 * The results that `outcomes` has seen.
 *
 * @since 0.1.0
 * @category models
 */
export interface Outcomes {
  /** Sorted by result. */
  readonly outcomes: ReadonlyArray<Outcome>
  /** There are no others: every schedule was run that the strategy is about, and none draws from `Random`. */
  readonly exhausted: boolean
  /** Runs in all. */
  readonly runs: number
}

/**
 * The results that can be reached, with how often each was, for the question "what can this do?". A run that does not
 * end well has its verdict as result. Explores exhaustively by default, by deviations, with at most 20,000 runs: when
 * `exhausted` is true there are no other results in this mode. `count` says in how many schedules a result came, which
 * is no probability.
 *
 * Never fails, and does not stop at a failure. Dies of options that make no sense. Costs as much as `explore` with so
 * many runs.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as Exit from "effect/Exit"
 * import * as Ref from "effect/Ref"
 * import * as Explorer from "@heddle/testing/Explorer"
 *
 * const program = Effect.gen(function* () {
 *   const ref = yield* Ref.make(1)
 *   const double = Effect.flatMap(Ref.get(ref), (n) => Ref.set(ref, n * 2))
 *   yield* Effect.all([double, Ref.update(ref, (n) => n + 1)], { concurrency: "unbounded" })
 *   return yield* Ref.get(ref)
 * })
 *
 * const { exhausted, outcomes } = await Effect.runPromise(Explorer.outcomes(program))
 * exhausted // => true
 * outcomes.map(({ result }) => result) // => ["2", "3", "4"]
 *
 * const parity = (exit: Exit.Exit<number>) => (Exit.isSuccess(exit) && exit.value % 2 === 0 ? "even" : "odd")
 * const coarse = await Effect.runPromise(Explorer.outcomes(program, { render: parity }))
 * coarse.outcomes.map(({ result }) => result) // => ["even", "odd"]
 * ```
 *
 * @since 0.1.0
 * @category exploring
 */
export const outcomes = <A, E, R>(
  make: Make<A, E, R>,
  options: Omit<Options, "strategy" | "runs" | "shrink"> & {
    /** Default: `Strategy.exhaustive({ order: "deviations" })`. */
    readonly strategy?: Strategy | undefined
    /** At most so many runs. Default: 20,000. */
    readonly runs?: number | undefined
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
        const writtenOf = (run: RunResult) => resultOf(run.exit as Exit.Exit<A, E> | undefined, run.verdict, render)
        const samples = new Samples(writtenOf)
        let drawsRandom = false
        const { runs } = yield* runner.explore(mode, search, budget, (run) => {
          drawsRandom ||= run.facts.drawsRandom
          samples.add(run)
          const result = writtenOf(run)
          const known = found.get(result)
          if (known === undefined) found.set(result, { count: 1, first: run })
          else known.count++
          return false
        })
        return { found, runs, samples, exhausted: search.exhausted?.() === true && !drawsRandom }
      })
      let seen = yield* look()
      // time may have passed before a promise could answer: once that is known, it waits
      for (const { first } of seen.found.values()) if (!runner.mixed) yield* runner.holds(mode, first)
      if (runner.mixed) seen = yield* look()
      runner.checkSteps()
      const { found, runs, samples } = seen
      const exhausted = seen.exhausted && (runner.mixed || (yield* samples.areSteady(runner, mode)))
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
