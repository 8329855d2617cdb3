/** Makes runs of one program: one at a time, or as many as a strategy has and a budget allows. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"

import { Engine } from "./engine.ts"
import { fiberNames } from "./fiberNames.ts"
import type { Mode } from "./model.ts"
import type { Intervention, Plan, Recorder, Stop } from "./run.ts"
import type { RunFacts, Search } from "./search.ts"
import { replaySearch } from "./strategies/replay.ts"
import { type Run, Surroundings } from "./surroundings.ts"
import { type Verdict, verdictOf } from "./verdict.ts"
import type { Operations } from "./waiting.ts"

export type Program = () => Effect.Effect<unknown, unknown>

export interface RunnerOptions {
  readonly maxSteps: number
  readonly maxBypass: number | undefined
  readonly daemons: "forbid" | "allow"
  /** How long to wait for what is outside; undefined for the defaults. */
  readonly outsideMillis: number | undefined
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

/** So many fibers that were moved from outside are named. */
const mostNames = 100

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
  private readonly engines = new Map<Mode, Ready>()
  private readonly surroundings: Surroundings

  constructor(program: Program, base: Context.Context<never>, options: RunnerOptions) {
    const each = Effect.suspend(program)
    // what a run leaves to the scope of whoever explores would end after the run, and nobody ends what is left of one
    this.program = hasScope(base) ? Effect.scoped(each) : each
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

  /** The engine of the last run in this mode, or of the next. */
  engineOf(mode: Mode): Engine {
    return this.engineFor(mode).engine
  }

  private engineFor(mode: Mode): Ready {
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
    return Effect.suspend(() => {
      const seed = search.next() ?? 0
      const run = this.begin(mode, { search, seed, intervention: extra.intervention }, extra)
      return Effect.map(this.settle(mode, run, seed, extra), (stop) => {
        const result = this.conclude(run, stop, seed, extra.trace)
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
    const begun = performance.now()
    let runs = 0
    let over = budget.runs <= 0
    let seed = 0
    const finish = (run: Run, stop: Stop | "outside") => {
      runs++
      const result = this.conclude(run, stop, seed, undefined)
      search.done(result.facts)
      over = each(result)
    }
    /** Works for one turn; answers a run that it is the event loop's turn to move. */
    const work = (): Run | undefined => {
      const start = performance.now()
      for (let now = start; !over && now - start <= turnMillis; now = performance.now()) {
        const next = runs < budget.runs && now - begun < budget.millis ? search.next() : undefined
        if (next === undefined) {
          over = true
          break
        }
        seed = next
        const run = this.begin(mode, { search, seed, intervention })
        if (this.surroundings.isOpen(run.stop, this.options.daemons)) return run
        finish(run, run.stop)
      }
      return undefined
    }
    return Effect.gen({ self: this }, function* () {
      for (;;) {
        const open = work()
        if (open !== undefined) finish(open, yield* this.settle(mode, open, seed, { intervention }))
        if (over) break
        yield* Effect.yieldNow
      }
      return { runs }
    })
  }

  /** Runs as far as that goes without the event loop. */
  private begin(mode: Mode, plan: Plan, { trace, watched }: Extra = {}): Run {
    // whoever keeps something by scheduler must not find there what an unfinished run has left
    if (this.engines.get(mode)?.engine.isFinished === false) this.engines.delete(mode)
    const { engine, fork: plain } = this.engineFor(mode)
    // in the context from the start: a service that is provided costs operations, and would shift the choice points
    const fork =
      trace === undefined
        ? plain
        : Effect.runForkWith(Context.add(engine.context(this.base), Tracer.Tracer, trace.tracer(this.base)))
    engine.recorder = trace
    return this.surroundings.begin(engine, () => engine.start(fork, this.program, plan), watched)
  }

  /** And then with it. */
  private settle(mode: Mode, run: Run, seed: number, extra: Extra): Effect.Effect<Stop | "outside"> {
    const { daemons } = this.options
    const again = () => {
      const search = replaySearch(run.engine.choices.deviations, seed)
      search.next()
      return this.begin(mode, { search, seed, intervention: extra.intervention }, { ...extra, watched: true })
    }
    return Effect.onInterrupt(this.surroundings.settle(run, { daemons, again, known: extra.trace?.atRest }), () =>
      this.abandon(run)
    )
  }

  /** Nobody waits for a run any more: its fibers are interrupted, and their finalizers run. */
  private abandon(run: Run): Effect.Effect<void> {
    return Effect.suspend(() => {
      run.engine.abandon()
      run.stop = run.engine.advance()
      return this.surroundings.settle(run, { daemons: "forbid", again: () => run, known: undefined })
    }).pipe(Effect.andThen(Effect.sync(() => this.end(run))))
  }

  private end({ engine, watch }: Run): void {
    engine.recorder = undefined
    engine.stop()
    watch?.stop()
  }

  private conclude(run: Run, stop: Stop | "outside", seed: number, operations: Operations | undefined): RunResult {
    const { engine } = run
    if (engine.wasMoved && this.outside.size < mostNames) {
      const names = fiberNames(engine.records)
      for (const record of engine.records) {
        if (!record.outside) continue
        const { doing } = record
        this.outside.add(doing === undefined ? names.get(record)! : `${names.get(record)!} at "${doing}"`)
      }
    }
    this.hasSteps ||= engine.bypass.hasSteps
    const verdict = verdictOf(engine, stop, { daemons: this.options.daemons, operations })
    this.end(run)
    this.surroundings.runEnded()
    return { verdict, exit: engine.exit, seed, facts: engine.facts }
  }
}

const hasScope = (context: Context.Context<never>): boolean =>
  Option.isSome(Context.getOption(context as Context.Context<Scope.Scope>, Scope.Scope))

type Fork = (effect: Effect.Effect<unknown, unknown>) => Fiber.Fiber<unknown, unknown>

interface Ready {
  readonly engine: Engine
  readonly fork: Fork
}

/** Listens to a run that is made for its trace. */
export interface Trace extends Recorder, Operations {
  readonly tracer: (base: Context.Context<never>) => Tracer.Tracer
  /** What is known already of a run that comes to rest. */
  readonly atRest: "quiescent" | "outside"
}

interface Extra {
  readonly intervention?: Intervention | undefined
  readonly trace?: Trace | undefined
  readonly watched?: boolean | undefined
}
