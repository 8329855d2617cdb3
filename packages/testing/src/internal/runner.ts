/** Makes runs of one program: one at a time, or as many as a strategy has and a budget allows. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Tracer from "effect/Tracer"

import { Engine, type Plan, type Recorder, type Stop } from "./engine.ts"
import { fiberNames } from "./fiberNames.ts"
import type { Intervention } from "./intervention.ts"
import type { Mode } from "./model.ts"
import type { RunFacts, Search } from "./search.ts"
import { replaySearch } from "./strategies/replay.ts"
import { Surroundings } from "./surroundings.ts"
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
}

export interface Budget {
  readonly runs: number
  readonly millis: number
}

/** How long to work before the event loop has its turn. */
const turnMillis = 10

export class Runner {
  readonly options: RunnerOptions
  /** Fibers that were resumed by real timers or promises. */
  readonly outside = new Set<string>()
  /** Some run came to an `Explorer.step`. */
  private hasSteps = false
  private readonly program: Effect.Effect<unknown, unknown>
  private readonly base: Context.Context<never>
  private readonly engines = new Map<Mode, { readonly engine: Engine; readonly fork: Fork }>()
  private readonly surroundings: Surroundings

  constructor(program: Program, base: Context.Context<never>, options: RunnerOptions) {
    this.program = Effect.suspend(program)
    this.base = base
    this.options = options
    this.surroundings = new Surroundings(options.outsideMillis)
  }

  /** A bound on overtaking says nothing where nobody comes to a step. */
  checkSteps(): void {
    if (this.options.maxBypass === undefined || this.hasSteps) return
    throw new Error(
      `maxBypass: ${this.options.maxBypass} counts who is overtaken at an Explorer.step, and no run came to one`
    )
  }

  /** Whether a fiber was moved from outside, in any run so far. */
  get mixed(): boolean {
    return this.surroundings.mixed
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
      const stop = this.run(engine, fork, { search, seed, intervention })
      return Effect.map(this.settle(engine, fork, stop, seed, extra), (stop) => {
        const result = this.conclude(engine, stop, seed, trace?.nameOperation)
        engine.recorder = undefined
        search.done(result.facts)
        return result
      })
    })
  }

  /**
   * Whether a failure stays when time waits for the event loop: where a program is moved from outside for the first
   * time, it may have passed too soon.
   */
  holds(mode: Mode, failed: RunResult): Effect.Effect<boolean> {
    return Effect.suspend(() => {
      if (this.mixed) return Effect.succeed(true)
      this.surroundings.askAgain()
      return Effect.map(
        this.attempt(mode, replaySearch(failed.facts.schedule, failed.seed)),
        ({ verdict }) => !this.mixed || verdict?._tag === failed.verdict?._tag
      )
    })
  }

  /** Runs until the search has nothing left, the budget is spent, or `each` answers true. */
  explore(
    mode: Mode,
    search: Search,
    budget: Budget,
    each: (result: RunResult) => boolean,
    intervention?: Intervention
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
    /** Works for one turn; answers how a run has stopped where it is the event loop's turn to move it. */
    const work = (): Stop | undefined => {
      const start = performance.now()
      for (let now = start; !over && now - start <= turnMillis; now = performance.now()) {
        const next = runs < budget.runs && now - begun < budget.millis ? search.next() : undefined
        if (next === undefined) {
          over = true
          break
        }
        seed = next
        const stop = this.run(engine, fork, { search, seed, intervention })
        if (this.surroundings.isOpen(stop, this.options.daemons)) return stop
        finish(stop)
      }
      return undefined
    }
    return Effect.gen({ self: this }, function* () {
      for (;;) {
        const open = work()
        if (open !== undefined) finish(yield* this.settle(engine, fork, open, seed, { intervention }))
        if (over) break
        yield* Effect.yieldNow
      }
      return { runs }
    })
  }

  /** Runs as far as that goes without the event loop. */
  private run(engine: Engine, fork: Fork, plan: Plan): Stop {
    engine.asksFirst = this.surroundings.asksFirst
    engine.start(fork, this.program, plan)
    return engine.advance()
  }

  /** And then with it. */
  private settle(
    engine: Engine,
    fork: Fork,
    stop: Stop,
    seed: number,
    { intervention, trace }: Extra = {}
  ): Effect.Effect<Stop | "outside"> {
    const again = () => {
      const search = replaySearch(engine.choices.deviations, seed)
      search.next()
      engine.start(fork, this.program, { search, seed, intervention })
      engine.asksFirst = false
      return engine.advance()
    }
    return this.surroundings
      .settle(engine, stop, { daemons: this.options.daemons, again, known: trace?.atRest })
      .pipe(Effect.onInterrupt(() => Effect.sync(() => engine.stop())))
  }

  private conclude(
    engine: Engine,
    stop: Stop | "outside",
    seed: number,
    nameOperation: NameOperation | undefined
  ): RunResult {
    if (engine.wasMoved) {
      const names = fiberNames(engine.records)
      for (const record of engine.records) {
        if (!record.outside) continue
        const { doing } = record
        this.outside.add(doing === undefined ? names.get(record)! : `${names.get(record)!} at "${doing}"`)
      }
    }
    this.hasSteps ||= engine.bypass.hasSteps
    const verdict = verdictOf(engine, stop, { daemons: this.options.daemons, nameOperation })
    engine.stop()
    this.surroundings.runEnded()
    return { verdict, exit: engine.exit, seed, facts: engine.facts }
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
}
