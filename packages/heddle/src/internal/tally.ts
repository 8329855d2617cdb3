/**
 * What has ended in a group, and what follows from it: when it stops, and with what it ends.
 *
 * **Causes.** Typed failures are combined in the order of submission. A defect of a task's body wins over them. Once the
 * group is stopped its tasks have been interrupted by it, so of what ends later only typed failures count: the
 * interruption is the group's own doing, and a defect is one of a cleanup, which must not turn a failure that
 * `Effect.catch` sees into one that it does not. Such defects are kept aside and logged.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"

import { annotationsOf, logSuppressed } from "./children.ts"
import { checkEffect } from "./defect.ts"
import { enough, type Policy, type Report, stopsAt, type TaskExit } from "./policy.ts"

/**
 * Why a task was interrupted: an annotation of the interruption in its cause, which `stopReason` reads.
 *
 * @since 0.1.0
 * @category models
 */
export class StopReason extends Context.Service<
  StopReason,
  {
    /** The name of the group. */
    readonly group: string | undefined
    /**
     * - `"failure"`, `"success"`: a task ended so, and the policy stopped the group.
     * - `"source"`: the source of a `forEach` failed.
     * - `"interruption"`: the fiber that waits for the group was interrupted.
     * - `"closed"`: the scope of the group was closed.
     * - `"deadline"`: `deadline: "partial"` ended a `forEach`.
     * - `"itself"`: nobody stopped the group; the task interrupted itself, and the group ends with that interruption.
     */
    readonly because: "failure" | "success" | "source" | "interruption" | "closed" | "deadline" | "itself"
    /** The number of the task that stopped the group or interrupted itself, where one did. */
    readonly task: number | undefined
    /** What the task, or the source, failed with. */
    readonly cause: Cause.Cause<unknown> | undefined
  }
>()("heddle/ErrorGroup/StopReason") {}

type Because = StopReason["Service"]["because"]

/** The reasons of the groups around the one that interrupted a task, the inner ones first: an annotation. */
class Outer extends Context.Service<Outer, ReadonlyArray<StopReason["Service"]>>()("heddle/ErrorGroup/OuterReasons") {}

/** How many failures were left out of a cause: an annotation. */
class Omitted extends Context.Service<Omitted, number>()("heddle/ErrorGroup/Omitted") {}

/**
 * All typed failures in the cause of a group, in the order of submission, and how many were left out of it.
 *
 * @since 0.1.0
 * @category observing
 */
export const failures = <E>(
  cause: Cause.Cause<E>
): { readonly failures: ReadonlyArray<E>; readonly omitted: number } => ({
  failures: cause.reasons.filter(Cause.isFailReason).map(({ error }) => error),
  omitted: Option.getOrElse(Context.getOption(Cause.annotations(cause), Omitted), () => 0)
})

/**
 * Why a group interrupted a task, from the cause of the task, as its finalizers see it: which group, and which of its tasks
 * stopped it with what. `None` where no group did. It is kept where the task is inside of a `Deadline.within`, a hedge, or
 * whatever else of heddle runs it in a fiber of its own.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as Option from "effect/Option"
 * import * as ErrorGroup from "heddle/ErrorGroup"
 *
 * const program = Effect.gen(function* () {
 *   const reasons: Array<string> = []
 *   const patient = Effect.onInterrupt(Effect.never, () => Effect.void).pipe(
 *     Effect.onExit((exit) => Effect.sync(() => {
 *       const reason = exit._tag === "Failure" ? ErrorGroup.stopReason(exit.cause) : Option.none()
 *       if (Option.isSome(reason)) reasons.push(`task ${reason.value.task} of ${reason.value.group}: ${reason.value.because}`)
 *     }))
 *   )
 *   yield* ErrorGroup.all([patient, Effect.fail("boom")], { name: "fetch" }).pipe(Effect.ignore)
 *   return reasons
 * })
 *
 * await Effect.runPromise(program) // => ["task 1 of fetch: failure"]
 * ```
 *
 * @since 0.1.0
 * @category observing
 */
export const stopReason = (cause: Cause.Cause<unknown>): Option.Option<StopReason["Service"]> =>
  Option.firstSomeOf(
    cause.reasons
      .filter(Cause.isInterruptReason)
      .map((reason) => Context.getOption(Cause.reasonAnnotations(reason), StopReason))
  )

/**
 * `stopReason`, and behind it those of the groups around: where a group was interrupted because one around it was stopped,
 * that one's is the next. The last says what began it.
 *
 * @since 0.1.0
 * @category observing
 */
export const stopReasons = (cause: Cause.Cause<unknown>): ReadonlyArray<StopReason["Service"]> => {
  const outer = Context.getOption(annotationsOf(cause), Outer)
  return [...Option.toArray(stopReason(cause)), ...Option.getOrElse(outer, () => [])]
}

/**
 * What is kept of the tasks that succeed: nothing; their values, as far as the policy gives them back; or their exits.
 */
export type Keep = "nothing" | "values" | "exits"

export interface TallyOptions<A, E> {
  readonly policy: Policy<A, E>
  readonly keep: Keep
  readonly total: number | undefined
  readonly name: string | undefined
  /** Stands in front of messages. */
  readonly label: string
}

/** Of failures and defects that a policy does not bound by itself. */
const defaultMaxFailures = 100

export class Tally<A, E> {
  succeeded = 0
  failed = 0
  interrupted = 0
  skipped = 0
  /** What the group's interruptions carry, once it has been stopped. */
  stopped: Context.Context<never> | undefined = undefined
  /** Why: one of the reasons that have no failure of their own, or the failure. */
  because: Because | undefined = undefined
  readonly suppressed: Array<Cause.Die> = []
  private logged = 0
  /** What the policy itself died with. */
  private broken: Cause.Die | undefined = undefined

  readonly total: number | undefined
  /** Stands in front of messages. */
  readonly label: string
  private readonly options: TallyOptions<A, E>
  private readonly needed: number | undefined
  /** Successes are only counted, or only counted and stored. */
  private readonly plain: boolean
  private readonly values: Array<A> | undefined
  private readonly winners: Array<{ readonly task: number; readonly value: A }> = []
  private readonly exits: Array<TaskExit<A, E>> | undefined
  private readonly failures: Earliest<Failure<E>>
  private readonly defects: Earliest<Failure<never>>

  constructor(options: TallyOptions<A, E>) {
    const { keep, policy } = options
    this.options = options
    this.total = options.total
    this.label = options.label
    this.needed = enough(policy)
    const own = !("_tag" in policy)
    this.exits = keep === "exits" || (own && keep === "values") ? [] : undefined
    this.values = keep === "values" && !own && this.needed === undefined ? [] : undefined
    this.plain = !own && this.needed === undefined && this.exits === undefined
    const bound = "_tag" in policy && policy._tag === "collectAll" ? policy.maxFailures : defaultMaxFailures
    this.failures = new Earliest(bound)
    this.defects = new Earliest(bound)
  }

  /** Takes down how a task ended; true if that stops the group. */
  record(task: number, exit: Exit.Exit<A, E>): boolean {
    return exit._tag === "Success" ? this.succeed(task, exit.value) : this.fail(task, exit)
  }

  succeed(task: number, value: A): boolean {
    this.succeeded++
    if (!this.plain) return this.consider(task, Exit.succeed(value))
    if (this.values !== undefined) this.values[task] = value
    return false
  }

  private fail(task: number, exit: Exit.Failure<A, E>): boolean {
    if (this.keepFailure(task, exit.cause)) this.failed++
    else this.interrupted++
    return this.consider(task, exit)
  }

  /** What no task is, yet can fail as one does: the body of a block, or a source. True if that stops the group. */
  recordBeside(task: number, cause: Cause.Cause<E>, because: "failure" | "source"): boolean {
    this.keepFailure(task, cause)
    if (this.stopped !== undefined || !this.stopsAt(task, Exit.failCause(cause))) return false
    return this.broken === undefined ? this.stop(because, task, cause) : this.stop("failure", task, this.cause())
  }

  /** False if there is nothing to keep but that the group interrupted it. */
  private keepFailure(task: number, { reasons }: Cause.Cause<E>): boolean {
    if (this.stopped !== undefined && reasons.every(Cause.isInterruptReason)) return false
    const dies = reasons.filter(Cause.isDieReason)
    if (this.stopped === undefined) {
      const others = reasons.filter((reason) => !Cause.isDieReason(reason))
      if (dies.length > 0) this.defects.add({ task, reasons: dies })
      if (others.length > 0) this.failures.add({ task, reasons: others.map((reason) => this.explained(task, reason)) })
      return true
    }
    this.suppressed.push(...dies)
    const typed = reasons.filter(Cause.isFailReason)
    if (typed.length > 0) this.failures.add({ task, reasons: typed })
    return typed.length > 0
  }

  private consider(task: number, exit: Exit.Exit<A, E>): boolean {
    const late = this.stopped !== undefined
    this.exits?.push({ task, exit, late })
    if (exit._tag === "Success" && this.winners.length < (this.needed ?? 0) && this.options.keep === "values") {
      this.winners.push({ task, value: exit.value })
    }
    if (late || !this.stopsAt(task, exit)) return false
    if (this.broken !== undefined) return this.stop("failure", task, this.cause())
    return exit._tag === "Success" ? this.stop("success", task) : this.stop("failure", task, exit.cause)
  }

  /** A policy that dies stops the group, as a task that dies would. */
  private stopsAt(task: number, exit: Exit.Exit<A, E>): boolean {
    const { failed, label, succeeded, total } = this
    try {
      return stopsAt(label, this.options.policy, { task, total, succeeded, failed }, exit)
    } catch (defect) {
      this.broken = Cause.makeDieReason(defect)
      return true
    }
  }

  /** Ends the group's life for new tasks; false if that had been done before. */
  stop(because: Because, task?: number, cause?: Cause.Cause<unknown>): boolean {
    if (this.stopped !== undefined) return false
    this.because = because
    this.stopped = this.reason(because, task, cause)
    return true
  }

  /** Whoever waits for the group was interrupted. */
  interrupt(interruption: Cause.Cause<unknown>): boolean {
    if (!this.stop("interruption")) return false
    this.stopped = this.passedOn(interruption)
    return true
  }

  private reason(because: Because, task?: number, cause?: Cause.Cause<unknown>): Context.Context<never> {
    return Context.make(StopReason, { group: this.options.name, because, task, cause }) as Context.Context<never>
  }

  /** What is written on an interruption goes on to the tasks, with the group's own reason before those of the groups around. */
  private passedOn(interruption: Cause.Cause<unknown>): Context.Context<never> {
    return annotationsOf(interruption).pipe(
      Context.merge(this.reason("interruption")),
      Context.add(Outer, stopReasons(interruption))
    ) as Context.Context<never>
  }

  /** An interruption that is not the group's own doing stays in the cause, and says whose it was. */
  private explained(task: number, reason: Cause.Fail<E> | Cause.Interrupt): Cause.Reason<E> {
    return Cause.isFailReason(reason) ? reason : reason.annotate(this.reason("itself", task))
  }

  /** How the group ends, when the last task has. What has no place in that is logged. */
  readonly outcome: Effect.Effect<any, E> = Effect.suspend(() => {
    const verdict = this.verdict()
    return this.suppressed.length === 0 ? verdict : Effect.andThen(this.logSuppressed, verdict)
  })

  private verdict(): Effect.Effect<unknown, E> {
    const { keep, label, policy } = this.options
    const cause = this.cause()
    if (!("_tag" in policy)) {
      if (cause !== undefined && this.broken !== undefined) return Exit.failCause(cause)
      const result = policy.result(this.report()) as Effect.Effect<unknown, E>
      checkEffect(label, "the result of the policy", result)
      return result
    }
    if (this.needed === undefined) return cause === undefined ? Exit.succeed(this.values) : Exit.failCause(cause)
    if (this.succeeded >= this.needed) {
      // what went wrong elsewhere has no part in the result
      this.suppressed.push(...this.defects.drain().filter(Cause.isDieReason))
      if (keep !== "values") return Exit.void
      const values = this.winners.toSorted((a, b) => a.task - b.task).map(({ value }) => value)
      return Exit.succeed(policy._tag === "firstSuccess" ? values[0] : values)
    }
    if (cause !== undefined) return Exit.failCause(cause)
    const tasks = this.total ?? this.succeeded
    return Exit.die(new RangeError(`${label}: ${policy._tag} needs ${this.needed} to succeed, and there were ${tasks}`))
  }

  /** The exits so far, in the order of submission. */
  exitsSoFar(): ReadonlyArray<TaskExit<A, E>> {
    const failed = [...this.defects.items, ...this.failures.items]
    const exits =
      this.exits ??
      failed.map(({ reasons, task }) => ({ task, exit: Exit.failCause(Cause.fromReasons<E>(reasons)), late: false }))
    return exits.toSorted((a, b) => a.task - b.task)
  }

  private report(): Report<A, E> {
    return {
      exits: this.exitsSoFar(),
      cause: this.cause(),
      suppressed: this.suppressed.map(({ defect }) => defect),
      skipped: this.skipped
    }
  }

  cause(): Cause.Cause<E> | undefined {
    const broken = this.broken === undefined ? [] : [this.broken]
    const kept = broken.length > 0 || this.defects.items.length > 0 ? this.defects : this.failures
    const reasons = [...broken, ...kept.reasons()]
    if (reasons.length === 0) return undefined
    const cause = Cause.fromReasons(reasons)
    if (kept.omitted === 0) return cause
    return Cause.annotate(cause, Context.make(Omitted, kept.omitted) as Context.Context<never>)
  }

  /** Says what has no place in the outcome; each defect once. */
  readonly logSuppressed: Effect.Effect<void> = Effect.withFiber((fiber) => {
    const defects = Cause.fromReasons(this.suppressed.slice(this.logged))
    this.logged = this.suppressed.length
    logSuppressed(fiber.context, `${this.options.label} was stopped`, Exit.failCause(defects))
    return Effect.void
  })
}

interface Failure<E> {
  readonly task: number
  readonly reasons: ReadonlyArray<Cause.Reason<E>>
}

/** Those that were submitted first, at most `bound` of them, in that order. */
class Earliest<F extends Failure<any>> {
  readonly items: Array<F> = []
  omitted = 0
  private readonly bound: number

  constructor(bound: number) {
    this.bound = bound
  }

  add(item: F): void {
    // they come nearly in order
    let at = this.items.length
    while (at > 0 && this.items[at - 1]!.task > item.task) at--
    if (at < this.bound) this.items.splice(at, 0, item)
    if (at >= this.bound || this.items.length > this.bound) this.omitted++
    if (this.items.length > this.bound) this.items.pop()
  }

  reasons(): ReadonlyArray<F["reasons"][number]> {
    return this.items.flatMap(({ reasons }) => reasons)
  }

  drain(): ReadonlyArray<F["reasons"][number]> {
    const reasons = this.reasons()
    this.items.length = 0
    return reasons
  }
}
