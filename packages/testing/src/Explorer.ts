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
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"

import { diagnose, type Failure } from "./internal/diagnose.ts"
import { CurrentEngine } from "./internal/engine.ts"
import {
  interruptEverywhere,
  InterruptionFailure,
  type InterruptOptions,
  type InterruptReport,
  type Moment,
  type Scenario
} from "./internal/interruptEverywhere.ts"
import type { Operation } from "./internal/linearizability/model.ts"
import {
  LinearizabilityFailure,
  linearizable,
  type LinearizableOptions,
  type LinearizableReport,
  type LinearizableSpec
} from "./internal/linearizable.ts"
import type { Mode, Schedule } from "./internal/model.ts"
import { formatReplay } from "./internal/replayString.ts"
import { Runner, type RunResult } from "./internal/runner.ts"
import { describeVerdict, reasonOf, type Verdict } from "./internal/verdict.ts"
import { exhaustive, portfolio, type Strategy } from "./Strategy.ts"

export type {
  /** @since 0.1.0 @category models */
  Failure,
  /** @since 0.1.0 @category models */
  Mode,
  /** @since 0.1.0 @category models */
  Verdict
}

export {
  interruptEverywhere,
  InterruptionFailure,
  type InterruptOptions,
  type InterruptReport,
  type Moment,
  type Scenario
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
export interface Options {
  /** Which interleavings are explored. Default: `op`. */
  readonly mode?: Mode | undefined
  /** Default: `Strategy.portfolio()`. */
  readonly strategy?: Strategy | undefined
  /** At most so many runs. Default: 2,000. */
  readonly runs?: number | undefined
  /** At most so many milliseconds. Default: no limit. */
  readonly millis?: number | undefined
  /** Default: 0. */
  readonly seed?: number | undefined
  /** Operations after which a run goes on in fair order, and after as many more is a livelock. Default: 20,000. */
  readonly maxSteps?: number | undefined
  /** How often a fiber that waits at an `Explorer.step` may be overtaken there by others. Default: not counted. */
  readonly maxBypass?: number | undefined
  /** Whether fibers may outlive the root. Default: `forbid`. */
  readonly daemons?: "forbid" | "allow" | undefined
  /** How long to wait for real timers and promises when nothing can run. Default: 50 ms. */
  readonly outside?: Duration.Input | undefined
  /** Whether a failure is shrunk. Default: true. */
  readonly shrink?: boolean | undefined
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
  readonly distinctSchedules: number
  /** Every schedule was run that the strategy is about. */
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

/** The effect, or how to make it: it is begun anew in every run. */
type Make<A, E, R> = Effect.Effect<A, E, R> | (() => Effect.Effect<A, E, R>)

interface Session {
  readonly runner: Runner
  readonly mode: Mode
  readonly strategy: Strategy
  readonly seed: number
  readonly budget: { readonly runs: number; readonly millis: number }
}

const session = <A, E, R>(
  make: Make<A, E, R>,
  context: Context.Context<R>,
  options: Options,
  fallback: { readonly runs: number; readonly strategy?: Strategy }
): Session => {
  const program = typeof make === "function" ? make : () => make
  const strategy = options.strategy ?? fallback.strategy ?? portfolio()
  const maxSteps = options.maxSteps ?? 20_000
  if (!(maxSteps > 0)) throw new Error(`maxSteps has to be positive, and is ${maxSteps}`)
  return {
    // the context of the caller has what the program requires
    runner: new Runner(program as () => Effect.Effect<A, E>, context, {
      maxSteps,
      maxBypass: options.maxBypass,
      daemons: options.daemons ?? "forbid",
      outsideMillis: Duration.toMillis(options.outside ?? 50)
    }),
    mode: strategy.mode ?? options.mode ?? "op",
    strategy,
    seed: options.seed ?? 0,
    budget: { runs: options.runs ?? fallback.runs, millis: options.millis ?? Infinity }
  }
}

const scheduleKey = (schedule: Schedule, seed: number): string =>
  formatReplay({ mode: "op", seed, schedule, extra: undefined })

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
      const schedules = new Set<string>()
      let failed: (RunResult & { readonly verdict: Verdict }) | undefined
      const { runs } = yield* runner.explore(mode, search, budget, (result) => {
        schedules.add(scheduleKey(result.facts.schedule, 0))
        const { verdict } = result
        if (verdict !== undefined) failed = { ...result, verdict }
        return failed !== undefined
      })
      const failure =
        failed === undefined ? undefined : yield* diagnose(runner, mode, failed, runs, options.shrink !== false)
      return {
        passed: failure === undefined,
        mode,
        strategy: strategy.name,
        runs,
        distinctSchedules: schedules.size,
        exhausted: failure === undefined && search.exhausted?.() === true,
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
  /** There are no others: every schedule was run that the strategy is about. */
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
    /** How a result is written. Default: as JSON. */
    readonly render?: ((exit: Exit.Exit<A, E>) => string) | undefined
  } = {}
): Effect.Effect<Outcomes, never, R> =>
  Effect.contextWith((context: Context.Context<R>) =>
    Effect.gen(function* () {
      const { budget, mode, runner, seed, strategy } = session(make, context, options, {
        runs: 20_000,
        strategy: exhaustive()
      })
      const search = strategy.search(seed)
      const found = new Map<string, { count: number; readonly replay: string }>()
      const render = options.render ?? renderExit
      const { runs } = yield* runner.explore(mode, search, budget, ({ exit, facts, seed, verdict }) => {
        const ended = exit !== undefined && (verdict === undefined || verdict._tag === "Failed")
        // the exit of the program is an exit of its types
        const result = ended ? render(exit as Exit.Exit<A, E>) : describeVerdict(verdict!).split(":")[0]!
        const known = found.get(result)
        if (known !== undefined) known.count++
        else {
          const replay = formatReplay({ mode, seed, schedule: facts.schedule, extra: undefined })
          found.set(result, { count: 1, replay })
        }
        return false
      })
      const all = Array.from(found, ([result, { count, replay }]) => ({ result, count, replay }))
      return {
        outcomes: all.toSorted((a, b) => (a.result < b.result ? -1 : 1)),
        exhausted: search.exhausted?.() === true,
        runs
      }
    })
  )

const renderExit = (exit: Exit.Exit<unknown, unknown>): string =>
  Exit.isSuccess(exit) ? (JSON.stringify(exit.value) ?? "undefined") : reasonOf(exit.cause)

/**
 * Labels what a fiber does from here on, in traces and reports. Outside of the explorer it does nothing.
 *
 * @since 0.1.0
 * @category probes
 */
export const step = (name: string): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    fiber.getRef(CurrentEngine)?.reachStep(fiber, name)
    return Effect.void
  })

/**
 * One of the numbers 0 to n - 1, all of which are explored. Outside of the explorer it is 0.
 *
 * @since 0.1.0
 * @category probes
 */
export const choose = (n: number): Effect.Effect<number> =>
  Effect.withFiber((fiber) => {
    if (!Number.isSafeInteger(n) || n < 1) {
      return Effect.die(new Error(`Explorer.choose takes a positive integer, and was given ${n}`))
    }
    return Effect.succeed(fiber.getRef(CurrentEngine)?.chooseValue(n) ?? 0)
  })

/**
 * @since 0.1.0
 * @category models
 */
export interface Resource {
  readonly acquire: Effect.Effect<void>
  readonly release: Effect.Effect<void>
  /** Both, for the time of a scope. */
  readonly scoped: Effect.Effect<void, never, Scope.Scope>
}

/**
 * A resource for testing what looks after resources: a run in which it was acquired more often than released is
 * reported. Releasing more than was acquired dies.
 *
 * @since 0.1.0
 * @category probes
 */
export const resource = (name: string): Resource => {
  const acquire = Effect.withFiber((fiber) => {
    const found = fiber.getRef(CurrentEngine)?.observations.resource(name)
    if (found !== undefined) found.acquired++
    return Effect.void
  })
  const release = Effect.withFiber((fiber) => {
    const found = fiber.getRef(CurrentEngine)?.observations.resource(name)
    if (found === undefined) return Effect.void
    return ++found.released > found.acquired
      ? Effect.die(new Error(`the resource "${name}" was released more often than acquired`))
      : Effect.void
  })
  return { acquire, release, scoped: Effect.acquireRelease(acquire, () => release) }
}
