/** Interruption at every step of one fiber. */
import type * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"

import { check, checkOneOf, rules } from "./check.ts"
import {
  describePlan,
  formatPlan,
  Interruption,
  type Moment,
  moments,
  parsePlan,
  type Plan,
  sweepSearch
} from "./interruption.ts"
import { formatReplay, parseReplay } from "./replayString.ts"
import { Runner, type RunResult } from "./runner.ts"
import { Allowance } from "./shrink.ts"
import { replaySearch } from "./strategies/replay.ts"
import { TraceRecorder } from "./trace.ts"
import { describeVerdict, verdictKey } from "./verdict.ts"
import { reasonOf } from "./waiting.ts"

/**
 * What runs while the target is interrupted. `make` may put more into it, for the invariant to look at.
 *
 * @since 0.1.0
 * @category models
 */
export interface Scenario<R = never> {
  /** Run beside the target, started before it. */
  readonly before?: ReadonlyArray<Effect.Effect<unknown, unknown, R>> | undefined
  /** The one that is interrupted. */
  readonly target: Effect.Effect<unknown, unknown, R>
  /** Run beside the target, started after it. */
  readonly after?: ReadonlyArray<Effect.Effect<unknown, unknown, R>> | undefined
}

/** What the effects of a scenario require. */
type Requires<S extends Scenario<unknown>> =
  | Effect.Services<S["target"]>
  | RequiresAll<S["before"]>
  | RequiresAll<S["after"]>
type RequiresAll<Effects> = Effects extends ReadonlyArray<infer One> ? Effect.Services<One> : never

/** How the target of a scenario ended. */
type TargetExit<S extends Scenario<unknown>> = Exit.Exit<Effect.Success<S["target"]>, Effect.Error<S["target"]>>

/**
 * How much is swept.
 *
 * @since 0.1.0
 * @category models
 */
export interface InterruptOptions {
  /** At which moments the target is interrupted. Default: all. */
  readonly moments?: ReadonlyArray<Moment> | undefined
  /** The values of `MaxOpsBeforeYield`, from 3 up. Default: 3 to 64. */
  readonly budgets?: ReadonlyArray<number> | undefined
  /** Run one of the runs again: what `InterruptionFailure.replay` says. */
  readonly replay?: string | undefined
}

/**
 * What a sweep without a failure came to.
 *
 * @since 0.1.0
 * @category models
 */
export interface InterruptReport {
  /** Runs in all: one for each place, and one without an interruption, for each budget. */
  readonly runs: number
  /** Runs in which the target succeeded. */
  readonly completed: number
  /** Runs in which the target was interrupted. */
  readonly interrupted: number
}

/**
 * Some interruption broke the invariant, stranded a fiber, or no run got through. The message says where, and shows the
 * run.
 *
 * @since 0.1.0
 * @category errors
 */
export class InterruptionFailure extends Data.TaggedError("InterruptionFailure")<{
  readonly message: string
  readonly replay: string | undefined
}> {}

/**
 * Runs a scenario again and again, its target interrupted each time at another place: before it starts, before and as
 * it runs each of its operations, while it waits, and when it has been granted what it waited for but has not been
 * resumed; with every `MaxOpsBeforeYield` from 3 to 64, and with fibers that are resumed at once and that are queued
 * first. The invariant is looked at in each run when all fibers have ended. What it and the scenario require, the
 * caller provides.
 *
 * Fails when the invariant does, when a fiber is stranded or left, when one beside the target fails, and when no run
 * got through. The failure is that of the calmest run that shows it: with the largest `MaxOpsBeforeYield`.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as Semaphore from "effect/Semaphore"
 * import * as Explorer from "@heddle/testing/Explorer"
 *
 * const sweep = Explorer.interruptEverywhere(
 *   Effect.gen(function* () {
 *     const semaphore = yield* Semaphore.make(1)
 *     return { semaphore, target: semaphore.withPermit(Effect.yieldNow), after: [semaphore.withPermit(Effect.void)] }
 *   }),
 *   (_, { semaphore }) =>
 *     Effect.gen(function* () {
 *       if (!(yield* semaphore.withPermitsIfAvailable(1)(Effect.void))) return yield* Effect.die("a permit was lost")
 *     }),
 *   { budgets: [3, 4, 5] }
 * )
 *
 * const { interrupted } = await Effect.runPromise(sweep)
 * interrupted > 50 // => true
 * ```
 *
 * @since 0.1.0
 * @category exploring
 */
export const interruptEverywhere = <S extends Scenario<unknown>, E, R, E2, R2>(
  make: Effect.Effect<S, E, R> | (() => Effect.Effect<S, E, R>),
  invariant: (exit: TargetExit<S>, scenario: S) => Effect.Effect<unknown, E2, R2>,
  options: InterruptOptions = {}
): Effect.Effect<InterruptReport, InterruptionFailure, R | R2 | Requires<S>> =>
  Effect.contextWith((context: Context.Context<R | R2 | Requires<S>>) => {
    const { budgets = allBudgets } = options
    check("the number of budgets", budgets.length, rules.positive)
    for (const budget of budgets) check("budget", budget, rules.budget)
    for (const moment of options.moments ?? moments) checkOneOf("moment", moment, moments)

    const interruption = new Interruption({ budget: 3, queued: false, at: undefined })
    let completed = 0
    let interrupted = 0
    const program = Effect.gen(function* () {
      const scenario = yield* Effect.isEffect(make) ? make : Effect.suspend(make)
      const start = (effect: Effect.Effect<unknown, unknown, unknown>) =>
        Effect.forkDetach(Effect.provideService(effect, Scheduler.MaxOpsBeforeYield, interruption.plan.budget))
      const beside: Array<Fiber.Fiber<unknown, unknown>> = []
      for (const effect of scenario.before ?? []) beside.push(yield* start(effect))
      const target = yield* start(scenario.target)
      interruption.target = target
      for (const effect of scenario.after ?? []) beside.push(yield* start(effect))
      const exit = yield* Fiber.await(target)
      for (const fiber of beside) {
        const exit = yield* Fiber.await(fiber)
        if (Exit.isFailure(exit))
          return yield* Effect.die(new Error(`a fiber beside the target failed: ${reasonOf(exit.cause)}`))
      }
      if (Exit.isSuccess(exit)) completed++
      else if (Exit.hasInterrupts(exit)) interrupted++
      // the exit of the target is one of its types
      return yield* invariant(exit as TargetExit<S>, scenario)
    })
    // the context of the caller has what the program requires
    const runner = new Runner(() => program as Effect.Effect<unknown, unknown>, context, {
      maxSteps: 20_000,
      maxBypass: undefined,
      daemons: "forbid",
      outsideMillis: undefined
    })

    /** Runs a sweep up to its first failure. */
    const sweep = Effect.fnUntraced(function* (
      queued: boolean,
      budgets: ReadonlyArray<number>,
      isOver: (result: RunResult) => boolean
    ) {
      const search = sweepSearch(interruption, queued, budgets, options.moments ?? moments)
      let last: RunResult | undefined
      const { runs } = yield* runner.explore(
        modeOf(queued),
        search,
        { runs: Infinity, millis: Infinity },
        (result) => {
          last = result
          return result.verdict !== undefined || isOver(result)
        },
        interruption
      )
      return { runs, failed: last?.verdict === undefined ? undefined : { ...last, plan: interruption.plan } }
    })

    /** The same with the largest budget that shows it: the fewest forced yields. */
    const calmest = Effect.fnUntraced(function* (first: Failed) {
      const key = verdictKey(first.verdict!)
      const allowance = new Allowance(calmRuns)
      for (const budget of budgets.filter((budget) => budget > first.plan.budget).toSorted((a, b) => b - a)) {
        const { failed } = yield* sweep(first.plan.queued, [budget], (result) => {
          allowance.spend(result)
          return allowance.isSpent
        })
        if (failed !== undefined && verdictKey(failed.verdict!) === key) return failed
        if (allowance.isSpent) break
      }
      return first
    })

    const again = (plan: Plan, schedule: RunResult["facts"]["schedule"], trace?: TraceRecorder) => {
      interruption.plan = plan
      interruption.recorder = trace
      return Effect.ensuring(
        runner.attempt(modeOf(plan.queued), replaySearch(schedule, 0), { intervention: interruption, trace }),
        Effect.sync(() => {
          interruption.recorder = undefined
        })
      )
    }

    const fail = Effect.fnUntraced(function* ({ facts: { schedule }, plan, verdict }: Failed) {
      const mode = modeOf(plan.queued)
      const replay = formatReplay({ mode, seed: 0, schedule, extra: formatPlan(plan) })
      const recorder = new TraceRecorder(verdict!._tag === "Outside" ? "outside" : "quiescent")
      const traced = yield* again(plan, schedule, recorder)
      const same = traced.verdict !== undefined && verdictKey(traced.verdict) === verdictKey(verdict!)
      const message = [
        describeVerdict(same ? traced.verdict : verdict!),
        "",
        recorder.render(runner.engineOf(mode)),
        "",
        describePlan(plan),
        `replay: ${replay}`
      ].join("\n")
      return yield* new InterruptionFailure({ message, replay })
    })

    if (options.replay !== undefined) {
      const parsed = parseReplay(options.replay)
      const plan = parsePlan(parsed?.extra, parsed?.mode === "resume")
      if (parsed === undefined || plan === undefined) {
        return Effect.die(new Error(`${JSON.stringify(options.replay)} is not a replay string of interruptEverywhere`))
      }
      return Effect.gen(function* () {
        const result = yield* again(plan, parsed.schedule)
        if (result.verdict !== undefined) return yield* fail({ ...result, plan })
        return { runs: 1, completed, interrupted }
      })
    }
    return Effect.gen(function* () {
      let runs = 0
      for (const queued of [false, true]) {
        const swept = yield* sweep(queued, budgets, () => false)
        runs += swept.runs
        if (swept.failed !== undefined) return yield* fail(yield* calmest(swept.failed))
      }
      if (completed > 0) return { runs, completed, interrupted }
      const message = `no run got through: the target never succeeded in ${runs} runs`
      return yield* new InterruptionFailure({ message, replay: undefined })
    })
  })

interface Failed extends RunResult {
  readonly plan: Plan
}

const modeOf = (queued: boolean) => (queued ? "resume" : "stock")

/** Below 3 a fiber never gets on: a forced yield costs two operations of its next slice. */
const allBudgets = Array.from({ length: 62 }, (_, index) => index + 3)

/** Runs that looking for the calmest may take. */
const calmRuns = 5000
