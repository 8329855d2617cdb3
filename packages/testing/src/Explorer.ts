/**
 * Runs an effect under a scheduler and a clock that own every choice, again and again, each time in another order, and
 * reports the first order in which it goes wrong: shrunk, readable, and replayable.
 *
 * - **What is found.** A failed effect or assertion, deadlock, livelock, starvation, a leaked fiber, a lost resource.
 * - **Determinism.** A run is a function of its seed and of the choices that its replay string holds. `Clock` is
 *   virtual and moves only when nothing can run; `Random` is a seeded stream.
 * - **What it cannot see.** Between two operations of a fiber nothing is interleaved, so a race inside one
 *   `Effect.sync` does not exist, here as in production. `Date.now`, `Math.random` and fibers started with a nested
 *   `Effect.runFork` are outside; real timers and promises are noticed and named, not controlled.
 * - **Modes**, the weakest first: `stock` (all that Effect's own scheduler can do), `resume` (a fiber that is resumed
 *   on the stack of another may go on later), `op3` (what it could do with `MaxOpsBeforeYield` of 3 and more), `op`
 *   (preempted anywhere, forks of one fiber in any order). Every failure names the weakest mode that shows it.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"

import { diagnose, type Failure } from "./internal/diagnose.ts"
import { DistinctSchedules } from "./internal/distinct.ts"
import {
  interruptEverywhere,
  InterruptionFailure,
  type InterruptOptions,
  type InterruptReport,
  type Scenario
} from "./internal/interruptEverywhere.ts"
import type { Moment } from "./internal/interruption.ts"
import type { Operation } from "./internal/linearizability/model.ts"
import {
  LinearizabilityFailure,
  linearizable,
  type LinearizableOptions,
  type LinearizableReport,
  type LinearizableSpec
} from "./internal/linearizable.ts"
import type { Mode } from "./internal/model.ts"
import { type Outcome, type Outcomes, outcomes } from "./internal/outcomes.ts"
import { choose, type Resource, resource, step } from "./internal/probes.ts"
import type { RunResult } from "./internal/runner.ts"
import { type Make, type Options, session } from "./internal/session.ts"
import type { Verdict } from "./internal/verdict.ts"

export type {
  /** @since 0.1.0 @category models */
  Failure,
  /** @since 0.1.0 @category models */
  Mode,
  /** @since 0.1.0 @category models */
  Verdict
}

export {
  choose,
  interruptEverywhere,
  InterruptionFailure,
  type InterruptOptions,
  type InterruptReport,
  type Moment,
  type Options,
  type Outcome,
  type Outcomes,
  outcomes,
  type Resource,
  resource,
  type Scenario,
  step
}

export {
  LinearizabilityFailure,
  linearizable,
  type LinearizableOptions,
  type LinearizableReport,
  type LinearizableSpec,
  type Operation
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Report {
  readonly passed: boolean
  readonly mode: Mode
  readonly strategy: string
  readonly runs: number
  /** Counted up to a million. */
  readonly distinctSchedules: number
  /** Every schedule was run that the strategy is about; for a replay: the one that it is about, as it was. */
  readonly exhausted: boolean
  /** For `pct`: the chance that one run finds a bug of its depth. */
  readonly probability: number | undefined
  /** Fibers that were resumed from outside: by a real timer or promise, which no replay controls. */
  readonly outside: ReadonlyArray<string>
  readonly failure: Failure | undefined
}

/**
 * What `check` fails with. The message is the trace.
 *
 * @since 0.1.0
 * @category errors
 */
export class ExplorationFailure extends Data.TaggedError("ExplorationFailure")<{ readonly report: Report }> {
  override get message(): string {
    return this.report.failure?.trace ?? ""
  }
}

/**
 * Explores until the first failure, or until the budget is spent. Never fails: the report has the failure.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as Fiber from "effect/Fiber"
 * import * as Ref from "effect/Ref"
 * import * as Explorer from "@heddle/testing/Explorer"
 *
 * const lostUpdate = Effect.gen(function* () {
 *   const counter = yield* Ref.make(0)
 *   const increment = Effect.flatMap(Ref.get(counter), (n) => Ref.set(counter, n + 1))
 *   const fibers = [yield* Effect.forkChild(increment), yield* Effect.forkChild(increment)]
 *   yield* Fiber.joinAll(fibers)
 *   if ((yield* Ref.get(counter)) !== 2) return yield* Effect.die(new Error("an update was lost"))
 * })
 *
 * const report = await Effect.runPromise(Explorer.explore(lostUpdate))
 * report.passed // => false
 * report.failure?.deviations // => 1
 * ```
 *
 * @since 0.1.0
 * @category exploring
 */
export const explore = <A, E, R>(make: Make<A, E, R>, options: Options = {}): Effect.Effect<Report, never, R> =>
  Effect.contextWith((context: Context.Context<R>) =>
    Effect.gen(function* () {
      const { budget, mode, runner, seed, strategy } = session(make, context, options, { runs: 2000 })
      const search = strategy.search(seed)
      const schedules = new DistinctSchedules()
      let failed: (RunResult & { readonly verdict: Verdict }) | undefined
      let runs = 0
      const begun = performance.now()
      while (true) {
        const left = { runs: budget.runs - runs, millis: budget.millis - (performance.now() - begun) }
        const made = yield* runner.explore(mode, search, left, (result) => {
          schedules.add(result.facts.schedule)
          const { verdict } = result
          if (verdict !== undefined) failed = { ...result, verdict }
          return failed !== undefined
        })
        runs += made.runs
        if (failed === undefined || (yield* runner.holds(mode, failed))) break
        failed = undefined
      }
      if (failed === undefined) runner.checkSteps()
      const failure =
        failed === undefined ? undefined : yield* diagnose(runner, mode, failed, runs, options.shrink !== false)
      return {
        passed: failure === undefined,
        mode,
        strategy: strategy.name,
        runs,
        distinctSchedules: schedules.size,
        exhausted: search.exhausted?.() === true,
        probability: search.probability?.(),
        outside: [...runner.outside],
        failure
      }
    })
  )

/**
 * `explore` that fails when a run does.
 *
 * @since 0.1.0
 * @category exploring
 */
export const check = <A, E, R>(
  make: Make<A, E, R>,
  options: Options = {}
): Effect.Effect<Report, ExplorationFailure, R> =>
  Effect.flatMap(explore(make, options), (report) =>
    report.passed ? Effect.succeed(report) : Effect.fail(new ExplorationFailure({ report }))
  )
