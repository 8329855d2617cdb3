/** Interruption at every step of one fiber. */
import type * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"

import type { AnyFiber, FiberRecord } from "./fibers.ts"
import type { Intervention } from "./intervention.ts"
import { formatReplay, parseReplay } from "./replayString.ts"
import { Runner, type RunResult } from "./runner.ts"
import type { Search } from "./search.ts"
import { replaySearch } from "./strategies/replay.ts"
import { TraceRecorder } from "./trace.ts"
import { describeVerdict, reasonOf } from "./verdict.ts"

/**
 * @since 0.1.0
 * @category models
 */
export interface Scenario {
  /** Run beside the target, started before it. */
  readonly before?: ReadonlyArray<Effect.Effect<unknown, unknown>> | undefined
  readonly target: Effect.Effect<unknown, unknown>
  /** Run beside the target, started after it. */
  readonly after?: ReadonlyArray<Effect.Effect<unknown, unknown>> | undefined
}

/**
 * - `operation`: the fiber finds itself interrupted as it runs an operation; the operation still runs.
 * - `preemption`: the fiber is preempted before an operation, and interrupted while it is.
 * - `task`: the fiber is interrupted between two tasks of the scheduler: while it waits, or was granted what it waited
 *   for and has not been resumed yet.
 * - `pause`: the fiber is preempted before an operation, and not interrupted: what happens meanwhile must not be missed.
 *
 * @since 0.1.0
 * @category models
 */
export type Moment = "operation" | "preemption" | "task" | "pause"

/**
 * @since 0.1.0
 * @category models
 */
export interface InterruptOptions {
  /** Default: all. */
  readonly moments?: ReadonlyArray<Moment> | undefined
  /** The values of `MaxOpsBeforeYield`. Default: 3 to 64. */
  readonly budgets?: ReadonlyArray<number> | undefined
  /** Run one of the runs again: what `InterruptionFailure.replay` says. */
  readonly replay?: string | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface InterruptReport {
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

const letters: Readonly<Record<Moment, string>> = { operation: "o", preemption: "p", task: "t", pause: "w" }

interface Plan {
  readonly budget: number
  /** Fibers that are resumed on the stack of another are put into the queue. */
  readonly queued: boolean
  readonly at: { readonly moment: Moment; readonly number: number } | undefined
}

class Interruption implements Intervention {
  target: AnyFiber | undefined = undefined
  operations = 0
  tasks = 0
  private due = false
  private readonly at: Plan["at"]

  constructor(at: Plan["at"]) {
    this.at = at
  }
  begins(): void {
    this.target = undefined
    this.operations = this.tasks = 0
    this.due = false
  }
  beforeOperation({ fiber }: FiberRecord): boolean {
    if (fiber !== this.target) return false
    this.operations++
    const { at } = this
    if (at === undefined || at.moment === "task" || at.number !== this.operations) return false
    if (at.moment === "operation") fiber.interruptUnsafe()
    this.due = at.moment === "preemption"
    return at.moment !== "operation"
  }
  betweenTasks(): boolean {
    if (this.target === undefined || this.target.pollUnsafe() !== undefined) return false
    this.tasks++
    const { at } = this
    if (!this.due && !(at?.moment === "task" && at.number === this.tasks)) return false
    this.due = false
    this.target.interruptUnsafe()
    return true
  }
}

/** All defaults, but resumed fibers wait in the queue where they are to. */
const searchOf = (queued: boolean): Search => ({
  next: () => 0,
  choose: (_, { kind }) => (queued && kind === "resume" ? 1 : 0),
  done: () => {}
})

/**
 * Runs a scenario again and again, its target interrupted each time at another place: before and as it runs each of its
 * operations, while it waits, and when it has been granted what it waited for but has not been resumed; with every
 * `MaxOpsBeforeYield` from 3 to 64, and with fibers that are resumed at once and that are queued first. The invariant
 * is looked at in each run when all fibers have ended.
 *
 * Fails when the invariant does, when a fiber is stranded, when one beside the target fails, and when no run got
 * through.
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
export const interruptEverywhere = <S extends Scenario, E, E2, R>(
  make: Effect.Effect<S, E, R> | (() => Effect.Effect<S, E, R>),
  invariant: (exit: Exit.Exit<unknown, unknown>, scenario: S) => Effect.Effect<unknown, E2, R>,
  options: InterruptOptions = {}
): Effect.Effect<InterruptReport, InterruptionFailure, R> =>
  Effect.contextWith((context: Context.Context<R>) => {
    const { budgets = allBudgets, moments = ["operation", "preemption", "task", "pause"] } = options
    let interruption = new Interruption(undefined)
    let plan: Plan = { budget: 3, queued: false, at: undefined }
    let runs = 0
    let completed = 0
    let interrupted = 0

    const program = Effect.gen(function* () {
      const scenario = yield* Effect.suspend(() => (typeof make === "function" ? make() : make))
      const start = (effect: Effect.Effect<unknown, unknown>) =>
        Effect.forkDetach(Effect.provideService(effect, Scheduler.MaxOpsBeforeYield, plan.budget))
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
      return yield* invariant(exit, scenario)
    })
    // the context of the caller has what the program requires
    const runner = new Runner(() => program as Effect.Effect<unknown, unknown>, context, {
      maxSteps: 20_000,
      maxBypass: undefined,
      daemons: "forbid",
      outsideMillis: 50
    })
    const once = (next: Plan, search: Search, trace?: TraceRecorder): Effect.Effect<RunResult> =>
      Effect.suspend(() => {
        plan = next
        interruption = new Interruption(plan.at)
        return runner.attempt(modeOf(plan), search, { intervention: interruption, trace })
      })

    const fail = Effect.fnUntraced(function* (failed: Plan, result: RunResult) {
      const { schedule } = result.facts
      const replay = formatReplay({ mode: modeOf(failed), seed: 0, schedule, extra: extraOf(failed) })
      const recorder = new TraceRecorder(result.verdict?._tag === "Outside" ? "outside" : "quiescent")
      const traced = yield* once(failed, replaySearch(schedule, 0), recorder)
      const message = [
        describeVerdict(traced.verdict ?? result.verdict!),
        "",
        recorder.render(runner.engineFor(modeOf(failed)).engine.records),
        "",
        `MaxOpsBeforeYield ${failed.budget}, ${failed.at === undefined ? "no interruption" : `${failed.at.moment} ${failed.at.number}`}`,
        `replay: ${replay}`
      ].join("\n")
      return yield* new InterruptionFailure({ message, replay })
    })

    const sweep = Effect.gen(function* () {
      let turn = performance.now()
      const attempt = Effect.fnUntraced(function* (plan: Plan) {
        if (performance.now() - turn > 10) {
          yield* Effect.yieldNow
          turn = performance.now()
        }
        runs++
        const result = yield* once(plan, searchOf(plan.queued))
        if (result.verdict !== undefined) return yield* fail(plan, result)
        return undefined
      })
      for (const queued of [false, true]) {
        for (const budget of budgets) {
          yield* attempt({ budget, queued, at: undefined })
          const { operations, tasks } = interruption
          for (const moment of moments) {
            const count = moment === "task" ? tasks : operations
            for (let number = 1; number <= count; number++) yield* attempt({ budget, queued, at: { moment, number } })
          }
        }
      }
      if (completed > 0) return { runs, completed, interrupted } satisfies InterruptReport
      const message = `no run got through: the target never succeeded in ${runs} runs`
      return yield* new InterruptionFailure({ message, replay: undefined })
    })

    if (options.replay === undefined) return sweep
    const parsed = parseReplay(options.replay)
    const again = planOf(parsed?.extra)
    if (parsed === undefined || again === undefined) {
      return Effect.die(new Error(`${JSON.stringify(options.replay)} is not a replay string of interruptEverywhere`))
    }
    return Effect.gen(function* () {
      const result = yield* once({ ...again, queued: parsed.mode === "resume" }, replaySearch(parsed.schedule, 0))
      if (result.verdict !== undefined) return yield* fail({ ...again, queued: parsed.mode === "resume" }, result)
      return { runs: 1, completed, interrupted }
    })
  })

const modeOf = ({ queued }: Plan) => (queued ? "resume" : "stock")

const extraOf = ({ at, budget }: Plan): string =>
  `b${budget.toString(36)}${at === undefined ? "" : `,${letters[at.moment]}${at.number.toString(36)}`}`

const planOf = (extra: string | undefined): Plan | undefined => {
  const match = /^b([0-9a-z]+)(?:,([optw])([0-9a-z]+))?$/.exec(extra ?? "")
  if (match === null) return undefined
  const moment = (Object.keys(letters) as ReadonlyArray<Moment>).find((moment) => letters[moment] === match[2])
  const at = moment === undefined ? undefined : { moment, number: Number.parseInt(match[3]!, 36) }
  return { budget: Number.parseInt(match[1]!, 36), queued: false, at }
}

/** Below 3 a fiber never gets on: a forced yield costs two operations of its next slice. */
const allBudgets = Array.from({ length: 62 }, (_, index) => index + 3)
