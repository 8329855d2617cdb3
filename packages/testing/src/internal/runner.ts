/** Makes runs of one program: one at a time, or as many as a strategy has and a budget allows. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Tracer from "effect/Tracer"

import { Engine, type Recorder, type Stop } from "./engine.ts"
import { fiberNames } from "./fiberNames.ts"
import type { Intervention } from "./intervention.ts"
import type { Mode } from "./model.ts"
import { leavesPending, waitForOutside } from "./outside.ts"
import type { RunFacts, Search } from "./search.ts"
import { replaySearch } from "./strategies/replay.ts"
import { type NameOperation, type Verdict, verdictOf } from "./verdict.ts"

export type Program = () => Effect.Effect<unknown, unknown>

export interface RunnerOptions {
  readonly maxSteps: number
  readonly maxBypass: number | undefined
  readonly daemons: "forbid" | "allow"
  readonly outsideMillis: number
}

export interface RunResult {
  readonly verdict: Verdict | undefined
  readonly exit: Exit.Exit<unknown, unknown> | undefined
  readonly seed: number
  readonly facts: RunFacts
  readonly diverged: boolean
}

export interface Budget {
  readonly runs: number
  readonly millis: number
}

/** How long to work before the event loop has its turn. */
const turnMillis = 10

/** How often a run may be resumed from outside before it is given up. */
const outsideResumes = 1000

export class Runner {
  readonly options: RunnerOptions
  /** Fibers that were resumed by real timers or promises. */
  readonly outside = new Set<string>()
  private readonly program: Program
  private readonly base: Context.Context<never>
  private readonly engines = new Map<Mode, { readonly engine: Engine; readonly fork: Fork }>()
  /** Once a run was seen to be dead for the whole time, others of the same program are given one turn. */
  private patient = true

  constructor(program: Program, base: Context.Context<never>, options: RunnerOptions) {
    this.program = program
    this.base = base
    this.options = options
  }

  engineFor(mode: Mode): { readonly engine: Engine; readonly fork: Fork } {
    let made = this.engines.get(mode)
    if (made === undefined) {
      const engine = new Engine({ mode, maxSteps: this.options.maxSteps, maxBypass: this.options.maxBypass })
      made = { engine, fork: Effect.runForkWith(engine.context(this.base)) }
      this.engines.set(mode, made)
    }
    return made
  }

  /** The next run of a search, with a trace of it where one is given. */
  attempt(mode: Mode, search: Search, extra: Extra = {}): Effect.Effect<RunResult> {
    const { engine, fork: plain } = this.engineFor(mode)
    const { intervention, trace } = extra
    // in the context from the start: a service that is provided costs operations, and would shift the choice points
    const fork =
      trace === undefined
        ? plain
        : Effect.runForkWith(Context.add(engine.context(this.base), Tracer.Tracer, trace.tracer(this.base)))
    return Effect.suspend(() => {
      const seed = search.next() ?? 0
      engine.recorder = trace
      engine.start(fork, Effect.suspend(this.program), { search, seed, intervention })
      const stop = engine.advance()
      if (extra.patient === true) this.patient = true
      const finished = stop === "quiescent" ? this.waitOutside(engine, fork, seed, extra) : Effect.succeed(stop)
      return Effect.map(
        Effect.onInterrupt(finished, () => Effect.sync(() => engine.stop())),
        (stop) => {
          const result = this.conclude(engine, stop, seed, trace?.nameOperation)
          engine.recorder = undefined
          search.done(result.facts)
          return result
        }
      )
    })
  }

  /** Runs until the search has nothing left, the budget is spent, or `each` answers true. */
  explore(
    mode: Mode,
    search: Search,
    budget: Budget,
    each: (result: RunResult) => boolean
  ): Effect.Effect<{ readonly runs: number }> {
    const { engine, fork } = this.engineFor(mode)
    const begun = performance.now()
    let runs = 0
    let over = budget.runs <= 0
    let seed = 0
    const finish = (stop: Stop | "outside") => {
      runs++
      const result = this.conclude(engine, stop, seed, undefined)
      search.done(result.facts)
      over = each(result)
    }
    const stop = () => Effect.sync(() => engine.stop())
    /** Works for one turn; true when the run is at rest, and it is the event loop's turn to move it. */
    const work = (): boolean => {
      const start = performance.now()
      while (!over) {
        const next = runs < budget.runs && performance.now() - begun < budget.millis ? search.next() : undefined
        if (next === undefined) {
          over = true
          return false
        }
        seed = next
        engine.start(fork, Effect.suspend(this.program), { search, seed })
        const stop = engine.advance()
        if (stop === "quiescent") return true
        finish(stop)
        if (performance.now() - start > turnMillis) return false
      }
      return false
    }
    return Effect.gen({ self: this }, function* () {
      for (;;) {
        if (work()) finish(yield* Effect.onInterrupt(this.waitOutside(engine, fork, seed), stop))
        if (over) break
        yield* Effect.yieldNow
      }
      return { runs }
    })
  }

  /** A run is at rest: whether something outside moves it, and if not, whether anything could. */
  private waitOutside(
    engine: Engine,
    fork: Fork,
    seed: number,
    { intervention, trace }: Extra = {}
  ): Effect.Effect<Stop | "outside"> {
    return Effect.gen({ self: this }, function* () {
      const { outsideMillis } = this.options
      for (let resumes = 0; resumes < outsideResumes; resumes++) {
        const patient = this.patient && trace === undefined
        if (yield* waitForOutside(engine, patient ? outsideMillis : 0)) {
          const stop = engine.advance()
          if (stop !== "quiescent") return stop
          continue
        }
        // whoever was resumed by a promise once may be waiting for another
        if (engine.records.some(({ outside }) => outside)) return "outside"
        if (!patient) return trace?.atRest ?? "quiescent"
        // the same once more, without a turn of the event loop: what is pending then is its own
        const search = replaySearch(engine.choices.deviations, seed)
        search.next()
        let stop: Stop = "quiescent"
        const pending = leavesPending(() => {
          engine.start(fork, Effect.suspend(this.program), { search, seed, intervention })
          stop = engine.advance()
        })
        if (pending) return "outside"
        if (stop === "quiescent") this.patient = false
        return stop
      }
      return "outside"
    })
  }

  private conclude(
    engine: Engine,
    stop: Stop | "outside",
    seed: number,
    nameOperation: NameOperation | undefined
  ): RunResult {
    if (engine.records.some(({ outside }) => outside)) {
      const names = fiberNames(engine.records)
      for (const record of engine.records) {
        if (record.outside)
          this.outside.add(
            record.doing === undefined ? names.get(record)! : `${names.get(record)!} at "${record.doing}"`
          )
      }
    }
    if (this.options.maxBypass !== undefined && !engine.observations.hasSteps) {
      throw new Error("maxBypass counts who is overtaken at an Explorer.step, and the program has none")
    }
    const verdict = verdictOf(engine, stop, { daemons: this.options.daemons, nameOperation })
    engine.stop()
    return { verdict, exit: engine.exit, seed, facts: engine.facts, diverged: engine.choices.diverged }
  }
}

type Fork = (effect: Effect.Effect<unknown, unknown>) => Fiber.Fiber<unknown, unknown>

/** Listens to a run that is made for its trace. */
export interface Trace extends Recorder {
  readonly tracer: (base: Context.Context<never>) => Tracer.Tracer
  readonly nameOperation: NameOperation
  /** What is known already of a run that comes to rest. */
  readonly atRest: "quiescent" | "outside"
}

interface Extra {
  readonly intervention?: Intervention | undefined
  readonly trace?: Trace | undefined
  /** Wait for what is outside as long as for the first run. */
  readonly patient?: boolean | undefined
}
