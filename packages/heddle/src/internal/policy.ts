/**
 * What a group does when one of its tasks ends, and what becomes of it in the end. Policies are data: `Tally` interprets
 * the ones that have a tag, and asks one's own.
 */
import type * as Cause from "effect/Cause"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"

import { checkOneOf, checkOptions, checkPositive, checkThat } from "./defect.ts"

/**
 * The first failure interrupts what runs and skips what waits. The default.
 *
 * @since 0.1.0
 * @category policies
 */
export interface FailFast {
  readonly _tag: "failFast"
}

/**
 * Everything runs; in the end the group fails with all failures.
 *
 * @since 0.1.0
 * @category policies
 */
export interface CollectAll {
  readonly _tag: "collectAll"
  /** How many failures are kept. The others are counted. */
  readonly maxFailures: number
}

/**
 * The first success interrupts the rest. The group fails when every task did.
 *
 * @since 0.1.0
 * @category policies
 */
export interface FirstSuccess {
  readonly _tag: "firstSuccess"
}

/**
 * So many successes interrupt the rest. The group fails when they cannot be reached any more.
 *
 * @since 0.1.0
 * @category policies
 */
export interface Quorum {
  readonly _tag: "quorum"
  readonly successes: number
}

/**
 * A policy of one's own. It is asked after every exit until it says "stop"; `result` is asked once, when the last task has
 * ended, and its exit is that of the group.
 *
 * @since 0.1.0
 * @category policies
 */
export interface Own<in A, in E, out B, out E2> {
  readonly onExit: (state: State, exit: Exit.Exit<A, E>) => "continue" | "stop"
  readonly result: (report: Report<A, E>) => Effect.Effect<B, E2>
}

/**
 * @since 0.1.0
 * @category policies
 */
export type Policy<A, E, B = unknown, E2 = unknown> = FailFast | CollectAll | FirstSuccess | Quorum | Own<A, E, B, E2>

/**
 * What a policy of one's own decides by: the counts with the exit that it is asked about.
 *
 * @since 0.1.0
 * @category policies
 */
export interface State {
  /** The number of the task that ended: its place in the order of submission, from 0. In a block, 0 is the body. */
  readonly task: number
  /** How many tasks there are, where that is known beforehand. */
  readonly total: number | undefined
  readonly succeeded: number
  readonly failed: number
}

/**
 * How a task ended.
 *
 * @since 0.1.0
 * @category policies
 */
export interface TaskExit<A, E> {
  readonly task: number
  readonly exit: Exit.Exit<A, E>
  /** It ended after the group had been stopped. */
  readonly late: boolean
}

/**
 * All that is known of a group when its last task has ended.
 *
 * @since 0.1.0
 * @category policies
 */
export interface Report<A, E> {
  /** The tasks that were started, in the order of submission. Where a group keeps no results, only those that failed. */
  readonly exits: ReadonlyArray<TaskExit<A, E>>
  /** What the built-in policies fail with: see the rules in the head of the module. */
  readonly cause: Cause.Cause<E> | undefined
  /** Defects that are not in `cause`: of cleanups after the group had been stopped. They are logged, too. */
  readonly suppressed: ReadonlyArray<unknown>
  /** Tasks that were never started. */
  readonly skipped: number
}

/**
 * The first failure interrupts what runs and skips what waits. The default.
 *
 * @since 0.1.0
 * @category policies
 */
export const failFast: FailFast = { _tag: "failFast" }

/**
 * Runs all; in the end the group fails with all failures, in the order of submission. Of more than `maxFailures` (default:
 * 100; from 1 up, or `Infinity`) the earliest submitted are kept, and the others counted: see `failures`. Throws where the
 * number is out of range.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as ErrorGroup from "heddle/ErrorGroup"
 *
 * const checks = [Effect.fail("no name"), Effect.succeed("ok"), Effect.fail("no age")]
 * const program = ErrorGroup.all(checks, { policy: ErrorGroup.collectAll() }).pipe(
 *   Effect.catchCause((cause) => Effect.succeed(ErrorGroup.failures(cause)))
 * )
 *
 * await Effect.runPromise(program) // => { failures: ["no name", "no age"], omitted: 0 }
 * ```
 *
 * @since 0.1.0
 * @category policies
 */
export const collectAll = (options: { readonly maxFailures?: number | undefined } = {}): CollectAll => {
  const label = checkOptions("ErrorGroup.collectAll", options)
  const { maxFailures = 100 } = options
  checkPositive(label, "maxFailures", maxFailures, "or Infinity")
  return { _tag: "collectAll", maxFailures }
}

/**
 * The first success interrupts the rest, and is the result of `all` and `forEach`. When all have failed, the group fails
 * with their failures.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as ErrorGroup from "heddle/ErrorGroup"
 *
 * const mirrors = [Effect.delay(Effect.succeed("slow"), "1 second"), Effect.fail("down"), Effect.succeed("fast")]
 * const program = ErrorGroup.all(mirrors, { policy: ErrorGroup.firstSuccess })
 *
 * await Effect.runPromise(program) // => "fast"
 * ```
 *
 * @since 0.1.0
 * @category policies
 */
export const firstSuccess: FirstSuccess = { _tag: "firstSuccess" }

/**
 * So many successes (from 1 up) interrupt the rest, and are the result of `all` and `forEach`, in the order of submission.
 * The group fails when too few are left to reach them; in `all` as soon as that is certain. Throws where the number is out
 * of range.
 *
 * @since 0.1.0
 * @category policies
 */
export const quorum = (successes: number): Quorum => {
  checkPositive("ErrorGroup.quorum", "the number of successes", successes, "finite")
  return { _tag: "quorum", successes }
}

const tags: ReadonlyArray<Exclude<Policy<any, any>, Own<any, any, any, any>>["_tag"]> = [
  "failFast",
  "collectAll",
  "firstSuccess",
  "quorum"
]

/** Policies are data, so a caller may have written one down himself. */
export const checkPolicy = (label: string, policy: Policy<any, any>): void => {
  const { _tag, onExit, result }: { _tag?: unknown; onExit?: unknown; result?: unknown } = policy ?? {}
  const isOwn = _tag === undefined && typeof onExit === "function" && typeof result === "function"
  const rule = "one of ErrorGroup, or have the functions onExit and result"
  checkThat(isOwn || tags.some((tag) => tag === _tag), label, "the policy", policy, rule)
  if (isOwn) return
  if (_tag === "quorum") checkPositive(label, "the number of successes", (policy as Quorum).successes, "finite")
  if (_tag === "collectAll") checkPositive(label, "maxFailures", (policy as CollectAll).maxFailures, "or Infinity")
}

/** Successes of which the group needs no more; `undefined` where it needs all. */
export const enough = (policy: Policy<any, any>): number | undefined => {
  if (!("_tag" in policy)) return undefined
  if (policy._tag === "firstSuccess") return 1
  return policy._tag === "quorum" ? policy.successes : undefined
}

/** Whether a group stops at this exit. */
export const stopsAt = <A, E>(label: string, policy: Policy<A, E>, state: State, exit: Exit.Exit<A, E>): boolean => {
  if (!("_tag" in policy)) {
    const answer = policy.onExit(state, exit)
    checkOneOf(label, "the answer of the policy's onExit", answer, ["continue", "stop"])
    return answer === "stop"
  }
  if (policy._tag === "failFast") return exit._tag === "Failure"
  const needed = enough(policy)
  if (needed === undefined) return false
  return state.succeeded >= needed || (state.total !== undefined && state.total - state.failed < needed)
}

/** What options say of one thing, `undefined` where they may leave it out. Of a union of options, the union. */
export type OptionOf<Options, Name extends PropertyKey> = Options extends unknown
  ? Name extends keyof Options
    ? Options[Name]
    : undefined
  : never

/** The policy that options say, and `FailFast` where they may leave it out. */
export type PolicyOf<Options> =
  OptionOf<Options, "policy"> extends infer P ? (P extends undefined ? FailFast : P) : never

/** What a group gives: all that there is, one, some, or what one's own policy says. */
export type Given<P, All, One> = P extends FirstSuccess
  ? One
  : P extends Quorum
    ? Array<One>
    : P extends { readonly result: (report: never) => Effect.Effect<infer B, infer _E, infer _R> }
      ? B
      : All

/** What a group fails with. */
export type FailsWith<P, E> = P extends {
  readonly result: (report: never) => Effect.Effect<infer _B, infer E2, infer _R>
}
  ? E2
  : E
