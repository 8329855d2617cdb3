/**
 * The machinery of `Hedge`: what a handle knows, and one race of attempts.
 */
import * as Cause from "effect/Cause"
import { Clock } from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"

import { Budget, type RetryBudget } from "./budget.ts"
import { logSuppressed, stop } from "./children.ts"
import { nanosLeft } from "./deadline.ts"
import { checkDuration, checkOneOf, checkOptions, checkPositive, checkThat, isWithin } from "./defect.ts"
import type { AnyEffect } from "./effectLast.ts"
import { Handle } from "./handle.ts"
import { LatencyWindow } from "./latencyWindow.ts"

export const TypeId = "~heddle/Hedge"

export const CurrentAttempt = Context.Reference<number>("heddle/Hedge/CurrentAttempt", { defaultValue: () => 1 })

export interface Options {
  readonly delay?: Duration.Input | undefined
  readonly percentile?: number | undefined
  readonly maxAttempts?: number | undefined
  readonly budget?: RetryBudget | undefined
  readonly losers?: "await" | "scope" | undefined
  readonly name?: string | undefined
}

/** So many latencies before their percentile is believed, at the least. */
const fewest = 10

export class Hedging extends Handle {
  readonly [TypeId] = TypeId
  readonly maxAttempts: number
  readonly budget: Budget | undefined
  readonly losers: "await" | "scope"
  /** Nanoseconds; `Infinity` for never. */
  private readonly delay: number
  private readonly percentile: number
  readonly latencies: LatencyWindow | undefined
  runs = 0
  hedges = 0
  wins = 0
  refused = 0

  constructor(operation: string, options: Options) {
    const label = checkOptions(`Hedge.${operation}`, options)
    const { budget, delay, losers = "await", maxAttempts = 2, name, percentile } = options
    super("Hedge", name)
    const isPercentile = percentile === undefined || isWithin(percentile, 1, 99.9)
    checkThat(isPercentile, label, "percentile", percentile, "from 1 to 99.9, such as 95")
    if (percentile === undefined && delay === undefined) throw new Error(`${label}: needs a delay or a percentile`)
    checkPositive(label, "maxAttempts", maxAttempts, "or Infinity")
    checkOneOf(label, "losers", losers, ["await", "scope"])
    checkThat(budget === undefined || budget instanceof Budget, label, "budget", budget, "a RetryBudget")
    const nanos = Duration.toMillis(checkDuration(label, "delay", delay === undefined ? Infinity : delay)) * 1e6
    this.maxAttempts = maxAttempts
    this.budget = budget as Budget | undefined
    this.losers = losers
    this.delay = nanos < 0 ? Infinity : nanos
    this.percentile = percentile ?? 100
    this.latencies = percentile === undefined ? undefined : new LatencyWindow()
  }

  stats() {
    const { hedges, refused, runs, wins } = this
    return { delay: Duration.millis(this.currentDelay() / 1e6), runs, hedges, wins, refused }
  }

  currentDelay(): number {
    const { delay, latencies, percentile } = this
    const enough = latencies !== undefined && latencies.length >= Math.max(fewest, Math.ceil(100 / (100 - percentile)))
    return enough ? latencies.percentile(percentile) : delay
  }

  run(effect: AnyEffect): AnyEffect {
    const raced = Effect.withFiber((fiber) => {
      const race = new Race(this, fiber, effect)
      const enter = Effect.callback<any, any>((resume) => race.begin(resume))
      return Effect.onExitPrimitive(enter, (exit) => race.end(exit))
    })
    return this.budget === undefined ? raced : this.budget.execution(raced)
  }
}

/**
 * One run. Its attempts have fibers of their own; the caller is parked, and goes on on the stack of the fiber that ends last.
 *
 * ```
 *   racing ── a success, a defect, or the last failure ──▶ decided ── the losers have ended ──▶ the caller goes on
 *     └────── the caller is interrupted ──▶ abandoned
 * ```
 */
class Race {
  private state: "racing" | "decided" | "abandoned" = "racing"
  private readonly hedging: Hedging
  private readonly caller: Fiber.Fiber<unknown, unknown>
  private readonly effect: AnyEffect
  private readonly clock: Clock
  private readonly delay: number
  // the caller's context has what the effect requires; the caller itself may have left it when the last loser ends
  private context = Context.empty() as Context.Context<any>
  private begun = 0n
  /** How many attempts there were, those included that the budget refused, and how many have not ended. */
  private attempts = 0
  private open = 0
  private readonly fibers = new Map<number, Fiber.Fiber<any, any>>()
  /** By attempt. */
  private readonly failures: Array<Cause.Cause<any>> = []
  private timer: Fiber.Fiber<void> | undefined = undefined
  private resume: (exit: Exit.Exit<any, any>) => void = () => {}
  private outcome: Exit.Exit<any, any> = Exit.void

  constructor(hedging: Hedging, caller: Fiber.Fiber<unknown, unknown>, effect: AnyEffect) {
    this.hedging = hedging
    this.caller = caller
    this.effect = effect
    this.clock = caller.getRef(Clock)
    this.delay = hedging.currentDelay()
  }

  begin(resume: (exit: Exit.Exit<any, any>) => void): void {
    this.resume = resume
    this.context = this.caller.context as Context.Context<any>
    this.hedging.runs++
    this.begun = this.clock.monotonicTimeNanosUnsafe()
    this.start(++this.attempts)
    if (this.mayHedge()) this.timer = Effect.runForkWith(this.context)(this.hedgeOnTime)
  }

  /** For the caller's finalizer: nothing outlives the run. */
  end(exit: Exit.Exit<unknown, unknown>): AnyEffect | undefined {
    const { fibers, state } = this
    if (fibers.size === 0 || (state === "decided" && this.hedging.losers === "scope")) return undefined
    if (state === "decided") return Effect.asVoid(Fiber.awaitAll(fibers.values()))
    // a further attempt was due, so the first one has taken longer than the delay: as good as a loser
    if (fibers.has(1) && this.attempts > 1) this.observe()
    this.state = "abandoned"
    this.timer?.interruptUnsafe(this.caller.id)
    return stop([...fibers.values()], exit)
  }

  /** A delay that outlasts the deadline would be for nothing. */
  private mayHedge(): boolean {
    return this.state === "racing" && this.attempts < this.hedging.maxAttempts && this.delay < nanosLeft(this.caller)
  }

  private readonly hedgeOnTime: Effect.Effect<void> = Effect.suspend(() => {
    if (!this.mayHedge()) return Effect.void
    const hedge = Effect.suspend(() => {
      this.hedge()
      return this.hedgeOnTime
    })
    return Effect.andThen(Effect.sleep(Duration.nanos(BigInt(Math.round(this.delay)))), hedge)
  })

  private hedge(): void {
    const { budget } = this.hedging
    const attempt = ++this.attempts
    if (budget !== undefined && !budget.takeIfAvailable()) {
      this.hedging.refused++
      return
    }
    this.hedging.hedges++
    this.start(attempt)
  }

  private start(attempt: number): void {
    this.open++
    const fiber = Effect.runForkWith(Context.add(this.context, CurrentAttempt, attempt))(this.effect)
    this.fibers.set(attempt, fiber)
    fiber.addObserver((exit) => this.ended(attempt, exit))
    // its own first steps may have decided the race
    if (this.state === "decided") this.lose(fiber)
  }

  private ended(attempt: number, exit: Exit.Exit<any, any>): void {
    this.open--
    this.fibers.delete(attempt)
    if (attempt > 1) this.hedging.budget?.release()
    if (this.state === "racing") this.judge(attempt, exit)
    else if (this.state === "decided") logSuppressed(this.context, "A hedge was decided", exit)
    if (this.state === "decided" && this.open === 0) this.resume(this.outcome)
  }

  private judge(attempt: number, exit: Exit.Exit<any, any>): void {
    if (exit._tag === "Success") {
      if (attempt === 1) this.observe()
      else this.hedging.wins++
      return this.decide(exit)
    }
    if (Cause.hasDies(exit.cause)) return this.decide(exit)
    this.failures[attempt] = exit.cause
    const reasons = this.failures.flatMap((cause) => cause.reasons)
    if (this.open === 0) this.decide(Exit.failCause(Cause.fromReasons(reasons)))
  }

  private decide(outcome: Exit.Exit<any, any>): void {
    this.state = "decided"
    this.outcome = outcome
    this.timer?.interruptUnsafe(this.caller.id)
    if (this.fibers.has(1)) this.observe()
    for (const fiber of this.fibers.values()) this.lose(fiber)
    if (this.hedging.losers === "scope") this.resume(outcome)
  }

  private lose(fiber: Fiber.Fiber<unknown, unknown>): void {
    if (this.hedging.losers === "scope") Fiber.runIn(fiber, Context.get(this.context, Scope.Scope))
    fiber.interruptUnsafe(this.caller.id)
  }

  /**
   * How long the first attempt took, or at least took when it lost. First attempts only, and losers too: those that were
   * overtaken all took longer than the delay, so what is known of them is enough for the percentile to stay where it is.
   * (Without them, or with the hedges, it would sink with every hedge, and more would follow.)
   */
  private observe(): void {
    this.hedging.latencies?.record(Number(this.clock.monotonicTimeNanosUnsafe() - this.begun))
  }
}
