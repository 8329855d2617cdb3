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
import { Samples } from "./internal/samples.ts"
import { type Make, type Options, session } from "./internal/session.ts"
import type { Verdict } from "./internal/verdict.ts"

export type {
  /**
   * What is known of a run that failed: what went wrong, the schedule as it was found and as small as it got, the
   * weakest mode that shows it, and the trace for a person.
   *
   * @since 0.1.0
   * @category models
   */
  Failure,
  /**
   * Which interleavings are explored, the weakest first: `stock`, `resume`, `op3`, `op`. Each has all schedules of
   * those before it.
   *
   * @since 0.1.0
   * @category models
   */
  Mode,
  /**
   * What went wrong: `Failed` (with the cause), `Deadlock`, `Livelock`, `Starvation`, `Leak`, `LostResource`, or
   * `Outside`: nothing can run, and something that the explorer does not own could still move the program.
   *
   * @since 0.1.0
   * @category models
   */
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
 * What `explore` came to: how much was run, whether that was all there is, and the first failure.
 *
 * @since 0.1.0
 * @category models
 */
export interface Report {
  /** No run failed. */
  readonly passed: boolean
  /** The mode that was explored. */
  readonly mode: Mode
  /** The strategy's name. */
  readonly strategy: string
  /** Runs up to the first failure, without those that shrank it. */
  readonly runs: number
  /** Counted up to a million. */
  readonly distinctSchedules: number
  /**
   * Every schedule was run that the strategy is about, and some of them once more, as a program that keeps something
   * from run to run is another one each time; for a replay: the one that it is about, as it was.
   */
  readonly exhausted: boolean
  /** For `pct`, also in a portfolio: the least chance that one run finds a bug of its depth. Else undefined. */
  readonly probability: number | undefined
  /** Fibers that were resumed from outside: by a real timer or promise, which no replay controls. */
  readonly outside: ReadonlyArray<string>
  /** The first failure, shrunk unless `shrink` is false; undefined when all runs passed. */
  readonly failure: Failure | undefined
}

/**
 * What `check` fails with. The message is the trace; the report has all else.
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
 * Runs the effect again and again, each time in another order, until the first failure or until the budget is spent:
 * 2,000 runs by default. The effect is begun anew in every run, so what a run changes has to be made inside of it.
 *
 * Never fails: the report has the failure. Dies of options that make no sense, with their name and the rule.
 *
 * A run costs what its operations do, and some microseconds: a small program has tens of thousands of runs per second.
 * It works for 10 ms at a time and lets the event loop have its turn in between; interrupting it stops the run under
 * way. A failure is run some thousands of times more to shrink it.
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
      const samples = new Samples()
      let failed: (RunResult & { readonly verdict: Verdict }) | undefined
      let runs = 0
      const begun = performance.now()
      while (true) {
        const left = { runs: budget.runs - runs, millis: budget.millis - (performance.now() - begun) }
        const made = yield* runner.explore(mode, search, left, (result) => {
          schedules.add(result.facts.schedule)
          samples.add(result)
          const { verdict } = result
          if (verdict !== undefined) failed = { ...result, verdict }
          return failed !== undefined
        })
        runs += made.runs
        if (failed === undefined || (yield* runner.holds(mode, failed))) break
        failed = undefined
      }
      if (failed === undefined) runner.checkSteps()
      const exhausted = search.exhausted?.() === true && (runner.mixed || (yield* samples.areSteady(runner, mode)))
      const failure =
        failed === undefined ? undefined : yield* diagnose(runner, mode, failed, runs, options.shrink !== false)
      return {
        passed: failure === undefined,
        mode,
        strategy: strategy.name,
        runs,
        distinctSchedules: schedules.size,
        exhausted,
        probability: search.probability?.(),
        outside: [...runner.outside],
        failure
      }
    })
  )

/**
 * `explore` that fails when a run does: with an `ExplorationFailure`, whose message is the trace. For test runners other
 * than Vitest.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as Ref from "effect/Ref"
 * import * as Explorer from "@heddle/testing/Explorer"
 *
 * const counting = Effect.gen(function* () {
 *   const counter = yield* Ref.make(0)
 *   const increment = Ref.update(counter, (n) => n + 1)
 *   yield* Effect.all([increment, increment], { concurrency: "unbounded" })
 *   if ((yield* Ref.get(counter)) !== 2) return yield* Effect.die(new Error("an update was lost"))
 * })
 *
 * const { exhausted } = await Effect.runPromise(Explorer.check(counting))
 * exhausted // => true
 * const { message } = await Effect.runPromise(Effect.flip(Explorer.check(Effect.never, { outside: 0 })))
 * message.split("\n")[0] // => "deadlock: 1 fiber waits and nothing can run"
 * ```
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
