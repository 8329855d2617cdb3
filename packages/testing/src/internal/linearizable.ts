/** Comparison of concurrent histories with a sequential model. */
import * as Arbitrary from "effect/Arbitrary"
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { format } from "effect/Formatter"
import type * as Scope from "effect/Scope"

import { portfolio, type Strategy } from "../Strategy.ts"
import { check, checkOneOf, mistake, rules } from "./check.ts"
import { diagnose } from "./diagnose.ts"
import { CurrentEngine } from "./engine.ts"
import { copyOf } from "./linearizability/copy.ts"
import { type Call, History } from "./linearizability/history.ts"
import type { Operation, Operations } from "./linearizability/model.ts"
import { describeHistory, describeScenario, describeUnexplained, fiberName, nameOf } from "./linearizability/report.ts"
import { type Cell, Coverage, type Scenario, scenarios } from "./linearizability/scenario.ts"
import { explain, type Unexplained } from "./linearizability/search.ts"
import { type Mode, modes } from "./model.ts"
import { parseReplay, type Replay } from "./replayString.ts"
import { Runner, type RunResult } from "./runner.ts"
import type { Search } from "./search.ts"
import { replaySearch } from "./strategies/replay.ts"
import type { Verdict } from "./verdict.ts"
import { reasonOf } from "./waiting.ts"

/**
 * The real thing, its model, and the operations that both have.
 *
 * @since 0.1.0
 * @category models
 */
export interface LinearizableSpec<System, State, Inputs, R> {
  /**
   * Makes the real thing, anew in every run. What it requires the operations may use too. It must not fail; that it
   * did, and not an operation, is what the message says.
   */
  readonly make: Effect.Effect<System, unknown, R>
  /** The state of the model at the beginning: a value, which nobody changes. */
  readonly model: State
  /** At least one, by names that the scenarios are told in. */
  readonly operations: { readonly [Name in keyof Inputs]: Operation<System, State, Inputs[Name], R> }
}

/**
 * How large scenarios are, and how many of them are run how often.
 *
 * @since 0.1.0
 * @category models
 */
export interface LinearizableOptions {
  /** Fibers of a scenario, at most. Default: 3. */
  readonly fibers?: number | undefined
  /** Operations of one fiber, at most. Default: 3. */
  readonly perFiber?: number | undefined
  /** How many scenarios are generated; Infinity for as many as `millis` allows. Default: 50. */
  readonly scenarios?: number | undefined
  /** Schedules of each scenario, at most. Default: 50. */
  readonly runs?: number | undefined
  /** No scenario is begun after so many milliseconds. Default: no limit. */
  readonly millis?: number | undefined
  /** Whether the interruption of another fiber is one of the operations. Default: true. */
  readonly interruption?: boolean | undefined
  /** Which interleavings are explored. Default: `op`. */
  readonly mode?: Mode | undefined
  /** Which schedules of a scenario are run. Default: `Strategy.portfolio()`. */
  readonly strategy?: Strategy | undefined
  /** An integer from 0 to 2^32 - 1, for the scenarios and their schedules. Default: 0. */
  readonly seed?: number | undefined
  /** Run one scenario with one schedule again, and nothing else: what `LinearizabilityFailure.replay` says. */
  readonly replay?: string | undefined
}

/**
 * What a check without a failure came to.
 *
 * @since 0.1.0
 * @category models
 */
export interface LinearizableReport {
  /** Scenarios that were generated. */
  readonly scenarios: number
  /** Runs of all scenarios together. */
  readonly runs: number
  /** Different histories, each of which the model explains. */
  readonly histories: number
}

/**
 * A history that no order of its operations explains, or a run that did not end well. The message has the scenario, the
 * history, the nearest explanation and the trace.
 *
 * @since 0.1.0
 * @category errors
 */
export class LinearizabilityFailure extends Data.TaggedError("LinearizabilityFailure")<{
  readonly message: string
  readonly runs: number
  readonly replay: string
}> {}

/** Longer than anything that an operation waits for: who sleeps so long wakes when nothing else moves. */
const untilAtRest = Effect.sleep(Duration.days(365_000))

/** Begins every message of a history that nothing explains, so that shrinking stays with them. */
const unexplainedMessage = "not linearizable: no order of the operations explains their answers"

const currentEngine = Effect.withFiber((fiber) => Effect.succeed(fiber.getRef(CurrentEngine)!))

type FailedRun = RunResult & { readonly verdict: Verdict; readonly mode: Mode }

interface Ran {
  readonly history: History
  readonly unexplained: Unexplained
}

/**
 * Checks that operations which run at once answer as if each had happened at one instant between its call and its end,
 * in an order that the model allows: generates short scenarios (a few operations for each of a few fibers, the
 * interruption of another fiber among them), runs each under many schedules, and looks for that order in every history.
 * What still waits when nothing moves any more must have to wait in the model too, so lost wake-ups are found.
 *
 * An operation that can wait is a request and a follow-up. The request is made when its fiber is seen to wait, so what
 * the model says of the order of a line is checked.
 *
 * An input is its own in every run: arrays, plain objects, maps, sets, dates and binary data are copied for the
 * operation and for the model. An instance of a class is the same one in all runs, so nobody must change it.
 *
 * A failing scenario is made smaller before its schedule is. Fails with a `LinearizabilityFailure`; dies where the
 * caller is mistaken: of options that make no sense, of schemas that generate nothing, of a program that decides by
 * something that the explorer does not own. Costs `scenarios` x `runs` runs at most, 2,500 by default, and for each new
 * history the search for an order, which is quick for as many operations as a scenario has.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as Ref from "effect/Ref"
 * import * as Explorer from "@heddle/testing/Explorer"
 *
 * const counter = (increment: (ref: Ref.Ref<number>) => Effect.Effect<number>) =>
 *   Explorer.linearizable({
 *     make: Ref.make(0),
 *     model: 0,
 *     operations: {
 *       increment: { run: increment, respond: (n) => [n + 1, n + 1], interrupted: "either" },
 *       get: { run: Ref.get, respond: (n) => [n, n] }
 *     }
 *   })
 *
 * const atomic = counter((ref) => Ref.updateAndGet(ref, (n) => n + 1))
 * const torn = counter((ref) => Effect.flatMap(Ref.get(ref), (n) => Effect.as(Ref.set(ref, n + 1), n + 1)))
 *
 * const { histories } = await Effect.runPromise(atomic)
 * histories > 10 // => true
 * const { message } = await Effect.runPromise(Effect.flip(torn))
 * message.split("\n")[0] // => "not linearizable: no order of the operations explains their answers"
 * ```
 *
 * @since 0.1.0
 * @category exploring
 */
export const linearizable = <System, State, Inputs, R = never>(
  spec: LinearizableSpec<System, State, Inputs, R>,
  options: LinearizableOptions = {}
): Effect.Effect<LinearizableReport, LinearizabilityFailure, Exclude<R, Scope.Scope>> =>
  Effect.contextWith((context: Context.Context<Exclude<R, Scope.Scope>>) => {
    const operations: Operations = spec.operations
    if (Object.keys(operations).length === 0) mistake("operations", "at least one", "none")
    const { fibers = 3, interruption = true, millis = Infinity, perFiber = 3, seed = 0 } = options
    const { runs: perScenario = 50, scenarios: count = 50, strategy = portfolio() } = options
    check("fibers", fibers, rules.positive)
    check("perFiber", perFiber, rules.positive)
    check("runs", perScenario, rules.positive)
    check("scenarios", count, rules.positiveOrInfinity)
    check("millis", millis, rules.time)
    check("seed", seed, rules.seed)
    const mode = strategy.mode ?? options.mode ?? "op"
    checkOneOf("mode", mode, modes)
    const scenario = scenarios({ operations, fibers, perFiber, interruption })
    const histories = new Set<string>()
    const untouched = format(spec.model)
    const coverage = new Coverage(Object.keys(operations))
    let current: Scenario = []
    let last: Ran | undefined
    const lastUnexplained = () => last
    let runs = 0

    const program: Effect.Effect<unknown, unknown, R | Scope.Scope> = Effect.gen(function* () {
      const scenario = current
      const system = yield* Effect.catchCause(spec.make, failing("make"))
      const engine = yield* currentEngine
      const fibers: Array<Fiber.Fiber<void, unknown>> = []
      const doing: Array<string> = []
      const history = new History((fiber) => engine.slices.isSuspended(fibers[fiber]!))

      const step = (fiber: number, cell: Cell): Effect.Effect<unknown, unknown, R> => {
        return Effect.withFiber((self) => {
          // who went on because another was interrupted in the end
          if (history.closed) return Effect.void
          doing[fiber] = nameOf(cell)
          engine.reachStep(self, nameOf(cell))
          if (cell._tag === "Interrupt") {
            const other = fibers[cell.fiber]
            return other === undefined ? Effect.void : Fiber.interrupt(other)
          }
          // the finalizer stands around the call: what has begun ends
          let call: Call | undefined
          const begin = Effect.suspend(() => {
            call = history.call(fiber, cell.name, copyOf(cell.input))
            return operations[cell.name]!.run(system, copyOf(cell.input))
          })
          return Effect.onExitPrimitive(begin, (exit) => {
            if (call !== undefined) history.end(call, exit)
            return undefined
          })
        })
      }
      for (const [fiber, cells] of scenario.entries()) {
        fibers.push(yield* Effect.forkChild(Effect.forEach(cells, (cell) => step(fiber, cell), { discard: true })))
      }
      yield* untilAtRest
      history.close()
      for (const [index, fiber] of fibers.entries()) {
        const exit = fiber.pollUnsafe() ?? (yield* Effect.as(Fiber.interrupt(fiber), Exit.void))
        // also where an interruption came in between
        if (Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)) {
          return yield* failing(`${doing[index]} of ${fiberName(index)}`)(exit.cause)
        }
      }
      const key = describeHistory(history.calls)
      if (histories.has(key)) return undefined
      const unexplained = explained(() => explain(operations, spec.model, history.calls))
      if (format(spec.model) !== untouched || describeHistory(history.calls) !== key) {
        return yield* Effect.die(new Error(impureMessage))
      }
      if (unexplained !== undefined) {
        last = { history, unexplained }
        return yield* Effect.die(new Error(unexplainedMessage))
      }
      histories.add(key)
      return undefined
    })

    // the context of the caller has what the program requires
    const runner = new Runner(() => Effect.scoped(program) as Effect.Effect<unknown, unknown>, context, {
      maxSteps: 20_000,
      maxBypass: undefined,
      daemons: "forbid",
      outsideMillis: 50
    })

    /** The first run of a scenario that goes wrong. */
    const look = Effect.fnUntraced(function* (scenario: Scenario, search: () => Search, mode: Mode) {
      current = scenario
      let failed: FailedRun | undefined
      coverage.add(scenario)
      const run = Effect.suspend(() => {
        failed = undefined
        return runner.explore(mode, search(), { runs: perScenario, millis: Infinity }, (result) => {
          if (result.verdict !== undefined) failed = { ...result, verdict: result.verdict, mode }
          return failed !== undefined
        })
      })
      runs += (yield* run).runs
      // time may have passed before a promise could answer: once that is known, it waits
      if (failed !== undefined && !(yield* runner.holds(mode, failed))) runs += (yield* run).runs
      return failed
    })

    const fail = Effect.fnUntraced(function* (scenario: Scenario, token: string, failed: FailedRun, small: boolean) {
      last = undefined
      const { replay, trace } = yield* diagnose(runner, failed.mode, failed, runs, small)
      const ran = lastUnexplained()
      const text = `${token} ${replay}`
      const [reason = "", ...rest] = trace.split("\n")
      const message = [
        ran === undefined ? reason : unexplainedMessage,
        "",
        describeScenario(scenario),
        ...(ran === undefined
          ? []
          : ["", describeHistory(ran.history.calls), "", describeUnexplained(ran.unexplained)]),
        ...rest.slice(0, -1),
        `replay: ${text}`
      ]
      return yield* new LinearizabilityFailure({ message: message.join("\n"), runs, replay: text })
    })

    const generate = (
      batch: Arbitrary.CheckOptions,
      property: (scenario: Scenario) => boolean | Effect.Effect<boolean>
    ) => Arbitrary.checkEffect(scenario, property, { maxShrinks: 500, concurrency: 1, ...batch })

    if (options.replay !== undefined) {
      const { replay, token } = parse(options.replay)
      return Effect.gen(function* () {
        // whatever it is, it is the scenario that failed; a token that is none may throw
        const found = yield* Effect.catchDefect(
          generate({ replay: token }, () => false),
          () => Effect.undefined
        )
        if (found?._tag !== "Falsified") return mistake("replay", "of this test as it is now", options.replay)
        let search: Search | undefined
        const failed = yield* look(
          found.shrunkInput,
          () => (search = replaySearch(replay.schedule, replay.seed)),
          replay.mode
        )
        if (failed !== undefined) return yield* fail(found.shrunkInput, token, failed, false)
        if (search?.exhausted?.() !== true) return mistake("replay", "of this test as it is now", options.replay)
        return { scenarios: 1, runs, histories: histories.size }
      })
    }
    return Effect.gen(function* () {
      const begun = performance.now()
      const search = () => strategy.search(seed)
      const isLate = () => performance.now() - begun >= millis
      let done = 0
      while (done < count && !isLate()) {
        const batch = { runs: Math.min(count - done, batchSize), seed: `${seed}.${done / batchSize}` }
        const found = yield* generate(batch, (scenario) => {
          if (isLate()) return true
          return Effect.map(look(scenario, search, mode), (failed) => failed === undefined)
        })
        if (found._tag === "Falsified") {
          const { replay, shrunkInput } = found
          const failed = yield* look(shrunkInput, search, mode)
          if (failed === undefined)
            return yield* Effect.die(new Error(`${notReproducible}\n${describeScenario(shrunkInput)}`))
          return yield* fail(shrunkInput, replay, failed, true)
        }
        done += batch.runs
        // a batch that was cut short says nothing of what the schemas let through
        if (isLate()) break
        const missing = coverage.missing(done)
        if (found._tag === "Exhausted" || missing.length > 0) return yield* Effect.die(new Error(refused(missing)))
      }
      return { scenarios: done, runs, histories: histories.size }
    })
  })

const notReproducible =
  "a scenario failed, and then it did not: something decides that the explorer does not own, such as Date.now, " +
  "Math.random, or what was made outside of make"

/** A check that compares nothing would pass. */
const refused = (missing: ReadonlyArray<string>): string =>
  `no scenario has ${missing.length === 0 ? "any operation" : missing.join(", ")}: ` +
  "the schemas refuse nearly all that is generated for them as input"

const impureMessage = "the model changed the state or the input it was given, instead of returning another state"

/** What the model says; what it throws is the caller's mistake, and told as that. */
const explained = <A>(explain: () => A): A => {
  try {
    return explain()
  } catch (cause) {
    throw new Error(`the model threw ${String(cause)}`, { cause })
  }
}

/** Which of the caller's effects it was. */
const failing =
  (what: string) =>
  (cause: Cause.Cause<unknown>): Effect.Effect<never> =>
    Effect.die(new Error(`${what} failed with ${reasonOf(cause)}`, { cause }))

/** Scenarios grow over a batch, from a few short ones to the full size. */
const batchSize = 50

/** `<token of the scenario> <schedule>`. */
const parse = (text: string): { readonly token: string; readonly replay: Replay } => {
  const at = text.lastIndexOf(" ")
  const replay = parseReplay(text.slice(at + 1))
  if (at < 0 || replay === undefined) {
    return mistake("replay", "a replay string of linearizable", text)
  }
  const token = text.slice(0, at)
  try {
    JSON.parse(token)
  } catch {
    mistake("replay", "a replay string of linearizable", text)
  }
  return { replay, token }
}
