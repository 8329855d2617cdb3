/**
 * Go's `errgroup` with structure: tasks that run together, stop together, and are all over when the group is.
 *
 * - **Forms.** `all` and `forEach` run what there is; `run` is a block whose body submits tasks with `go`; `make` gives a
 *   group for as long as a scope is open.
 * - **Policies.** What the end of a task means for the others is a value: `failFast` (the default), `collectAll`,
 *   `firstSuccess`, `quorum`, or one's own.
 * - **Failures.** Typed failures are combined in the order of submission; `Effect.catch` sees the first of them, `failures`
 *   all. If the body of a task dies, the defect wins. A defect in the cleanup of a task that the group interrupted is logged
 *   and in `stats`, so that a typed failure is still one. The interruptions that the group causes say why, see
 *   `stopReason`, and are not in its cause.
 * - **Interruption.** Interrupting the fiber that waits interrupts all tasks. Stopped or interrupted, a group ends when its
 *   last task has ended, whatever that takes.
 * - **Limit.** `concurrency` slots; who waits for one is served in order. What a task submits to its own group while no slot
 *   is free runs in the slot of the task, which waits for it, so that no limit is a deadlock. (Two groups whose tasks each
 *   wait for a slot of the other, from separate tasks, wait for ever, as with any two limits.)
 * - **Cost.** A fiber per task that is not finished already; submitting, serving and ending are O(1). A deep chain of tasks
 *   that submit each other does not nest on the stack.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type * as Inspectable from "effect/Inspectable"
import type * as Pipeable from "effect/Pipeable"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type * as Types from "effect/Types"

import { checkCount } from "./internal/defect.ts"
import { effectLast } from "./internal/effectLast.ts"
import type { Group, TypeId } from "./internal/group.ts"
import { makeGroup, runAll, runBlock, runForEach } from "./internal/groupForms.ts"
import type { FailsWith, Given, OptionOf, Own, Policy, PolicyOf, TaskExit } from "./internal/policy.ts"

export {
  collectAll,
  type CollectAll,
  failFast,
  type FailFast,
  firstSuccess,
  type FirstSuccess,
  type Own,
  type Policy,
  quorum,
  type Quorum,
  type Report,
  type State,
  type TaskExit
} from "./internal/policy.ts"
export { failures, stopReason, StopReason, stopReasons } from "./internal/tally.ts"

/**
 * A group that tasks are submitted to. Opaque: the functions of this module are its behaviour.
 *
 * @since 0.1.0
 * @category models
 */
export interface ErrorGroup<in out E> extends Pipeable.Pipeable, Inspectable.Inspectable {
  readonly [TypeId]: { readonly _E: Types.Invariant<E> }
}

/**
 * @since 0.1.0
 * @category models
 */
export interface GroupOptions<E = never> {
  /** How many tasks run at a time: an integer from 1 up, or "unbounded". Default: "unbounded". */
  readonly concurrency?: number | "unbounded" | undefined
  /** Names the group in messages, in the reasons of interruptions, and the span of a block. Default: none, and no span. */
  readonly name?: string | undefined
  /** What the end of a task means for the others. Default: `failFast`. */
  readonly policy?: Policy<unknown, E, unknown, E> | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface AllOptions<A, E> {
  /** How many effects run at a time: an integer from 1 up, or "unbounded". Default: "unbounded". */
  readonly concurrency?: number | "unbounded" | undefined
  /** Names the group in messages, in the reasons of interruptions, and its span. Default: none, and no span. */
  readonly name?: string | undefined
  /** What the end of a task means for the others. Default: `failFast`. */
  readonly policy?: Policy<A, E> | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface ForEachOptions<A, E> extends AllOptions<A, E> {
  /** How many elements run at a time, and how many are pulled from the source: an integer from 1 up, or "unbounded". */
  readonly concurrency: number | "unbounded"
  /** Whether the results are kept and given, in the order of the elements. Default: false. */
  readonly collect?: boolean | undefined
  /**
   * - `"fiber"` (default): each element runs in a fiber of its own; what it forks ends with it.
   * - `"none"`: elements run bare, one after the other, in as many fibers as run at a time, at half the cost or less. But what
   *   an element forks with `Effect.forkChild` lives on while later elements run in the same fiber.
   */
  readonly isolation?: "fiber" | "none" | undefined
  /**
   * `"partial"`: a margin before the deadline that holds here (`Deadline.within`) the elements are stopped, and the result is
   * `SoFar`, which is also the result when all were done in time. Default: the deadline interrupts, and nothing is given.
   */
  readonly deadline?: "partial" | undefined
  /** How long before the deadline to stop; at most half of the time that is left at the start. Default: 50 milliseconds. */
  readonly margin?: Duration.Input | undefined
}

/**
 * What a `forEach` with `deadline: "partial"` gives.
 *
 * @since 0.1.0
 * @category models
 */
export interface SoFar<A, E> {
  /**
   * How the elements ended that were started: the first ones of the source, in its order. Those that the deadline stopped
   * have an interruption whose `stopReason` says so.
   */
  readonly exits: ReadonlyArray<TaskExit<A, E>>
  /** Every element of the source was run to its end. */
  readonly complete: boolean
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Stats {
  readonly concurrency: number
  /** Tasks that `go` and `goIfAvailable` have taken on, whatever became of them: the sum of all below but `suppressed`. */
  readonly submitted: number
  /** Tasks that wait for a slot. */
  readonly waiting: number
  /** Tasks that run now. */
  readonly running: number
  readonly succeeded: number
  /** Tasks that failed, died or interrupted themselves. A failure shows at once, also while other tasks still end. */
  readonly failed: number
  /** Tasks that the group interrupted. */
  readonly interrupted: number
  /** Tasks that were submitted after the group had been stopped, or waited then. They never begin. */
  readonly skipped: number
  /** Defects of cleanups after the group had been stopped. */
  readonly suppressed: ReadonlyArray<unknown>
}

/**
 * A group for as long as the scope is open. When it closes, tasks that still run are interrupted and awaited; a failure
 * that no `wait` has given to anybody is logged. An option out of its range dies.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as ErrorGroup from "heddle/ErrorGroup"
 *
 * const program = Effect.gen(function* () {
 *   const group = yield* ErrorGroup.make<"disk full">({ concurrency: 2 })
 *   yield* ErrorGroup.go(group, Effect.fail("disk full"))
 *   yield* ErrorGroup.go(group, Effect.succeed("never begun"))
 *   return yield* ErrorGroup.wait(group)
 * }).pipe(Effect.scoped, Effect.flip)
 *
 * await Effect.runPromise(program) // => "disk full"
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <E = never>(options: GroupOptions<E> = {}): Effect.Effect<ErrorGroup<E>, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.withFiber((fiber) => Effect.succeed(makeGroup("make", options, fiber))),
    (group) => group.close
  )

/**
 * A block: runs the body with a group, and ends when the body and all tasks have ended, with the result of the body. The
 * body is task 0: it needs no slot, and if either it or a task fails, the other is interrupted, or whatever the policy says.
 * A success that decides (`firstSuccess`, `quorum`) stops the other tasks and not the body, which has its own result to give.
 *
 * `E`, what tasks and body may fail with, is stated once: `run<E>(options)(body)`, or in the type of the body's parameter.
 * Not stated, it is `never`. (`run<E>(options, body)` fits bodies that need no services; their results are `unknown`.)
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as ErrorGroup from "heddle/ErrorGroup"
 *
 * const pages = [1, 2, 3, 4]
 * const program = ErrorGroup.run<"not found">({ concurrency: 2 })((group) =>
 *   Effect.gen(function* () {
 *     const read: Array<number> = []
 *     for (const page of pages) yield* ErrorGroup.go(group, Effect.sync(() => read.push(page)))
 *     return read
 *   })
 * )
 *
 * await Effect.runPromise(program) // => [1, 2, 3, 4]
 * ```
 *
 * @since 0.1.0
 * @category running
 */
export const run: {
  <E = never>(
    options: GroupOptions<E>
  ): <A, E2 extends E, R>(body: (group: ErrorGroup<E>) => Effect.Effect<A, E2, R>) => Effect.Effect<A, E, R>
  <E = never, A = unknown, R = never>(
    options: GroupOptions<E>,
    body: (group: ErrorGroup<E>) => Effect.Effect<A, NoInfer<E>, R>
  ): Effect.Effect<A, E, R>
} = effectLast(2, runBlock)

/**
 * Runs all effects, of a tuple, an iterable or a record, and gives their results in the same shape; or what the policy says:
 * one result for `firstSuccess`, so many for `quorum`, anything for one's own.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as ErrorGroup from "heddle/ErrorGroup"
 *
 * const user = Effect.succeed({ name: "Ada" })
 * const orders = Effect.succeed([17, 4])
 *
 * await Effect.runPromise(ErrorGroup.all([user, orders])) // => [{ name: "Ada" }, [17, 4]]
 * await Effect.runPromise(ErrorGroup.all({ user, orders })) // => { user: { name: "Ada" }, orders: [17, 4] }
 * ```
 *
 * @since 0.1.0
 * @category running
 */
export const all: {
  <const Arg extends Effects, B, E2>(
    effects: Arg,
    options: OwnPolicy<AllOptions<Success<Arg>, Failure<Arg>>, Success<Arg>, Failure<Arg>, B, E2>
  ): Effect.Effect<B, E2, Effect.Services<Member<Arg>>>
  <const Arg extends Effects, const Options extends AllOptions<Success<Arg>, Failure<Arg>> = {}>(
    effects: Arg,
    // the options are inferred as a whole, so that a policy that may be missing does not pass for one that is there
    options?: Options & { readonly [Unknown in Exclude<keyof Options, keyof AllOptions<any, any>>]: never }
  ): Effect.Effect<
    Given<PolicyOf<Options>, Effect.Success<Effect.All.Return<Arg, {}>>, Success<Arg>>,
    FailsWith<PolicyOf<Options>, Failure<Arg>>,
    Effect.Services<Member<Arg>>
  >
} = (effects: Effects, options?: AllOptions<any, any>) => runAll(effects, options ?? {})

/**
 * Runs `f` for every element of an iterable, an async iterable or a `Stream`, so many at a time. The source is pulled as there
 * is room for elements and never copied, so its length may be anything, and it is closed when the run ends. Gives nothing,
 * or the results in the order of the elements with `collect: true`; or what the policy says, as in `all`.
 *
 * A source that fails, throws or rejects ends like an element that does; what an iterable throws and an async iterable
 * rejects with is a defect (`Stream.fromAsyncIterable` makes it a typed error). After every 1,024 elements the
 * event loop has its turn.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as ErrorGroup from "heddle/ErrorGroup"
 *
 * function* lines() {
 *   for (let line = 1; line <= 100_000; line++) yield line
 * }
 *
 * let sum = 0
 * const add = (line: number) => Effect.sync(() => (sum += line))
 * const program = ErrorGroup.forEach(lines(), add, { concurrency: 10 })
 *
 * await Effect.runPromise(Effect.map(program, () => sum)) // => 5000050000
 * ```
 *
 * @since 0.1.0
 * @category running
 */
export const forEach: {
  <A, B, E, R, B2, E3, E2 = never, R2 = never>(
    source: Iterable<A> | AsyncIterable<A> | Stream.Stream<A, E2, R2>,
    f: (element: A, index: number) => Effect.Effect<B, E, R>,
    options: OwnPolicy<Omit<ForEachOptions<B, E | E2>, "deadline">, B, E | E2, B2, E3>
  ): Effect.Effect<B2, E3, R | R2>
  <A, B, E, R, const Options extends ForEachOptions<B, E | E2>, E2 = never, R2 = never>(
    source: Iterable<A> | AsyncIterable<A> | Stream.Stream<A, E2, R2>,
    f: (element: A, index: number) => Effect.Effect<B, E, R>,
    options: Options & { readonly [Unknown in Exclude<keyof Options, keyof ForEachOptions<any, any>>]: never }
  ): Effect.Effect<Elements<Options, B, E | E2>, FailsWith<PolicyOf<Options>, E | E2>, R | R2>
} = runForEach

/**
 * Submits a task: waits for a slot, begins the task, and returns. The wait can be interrupted, and then the task was never
 * submitted. From inside a task of the same group it does not wait for a slot: where none is free the new task runs in that
 * of the submitter, who goes on when it has ended.
 *
 * In a group that has been stopped, and in a block that is over, the task counts as skipped.
 *
 * @since 0.1.0
 * @category tasks
 */
export const go: {
  <E>(self: ErrorGroup<E>): <A, E2 extends E, R>(effect: Effect.Effect<A, E2, R>) => Effect.Effect<void, never, R>
  <E, A, E2 extends E, R>(self: ErrorGroup<E>, effect: Effect.Effect<A, E2, R>): Effect.Effect<void, never, R>
} = effectLast(2, (self: Group<any>, effect: Effect.Effect<any, any, any>) => self.go(effect))

/**
 * Begins a task if a slot is free and nobody waits for one; otherwise false, at once, and nothing was submitted. False in a
 * group that has been stopped, too.
 *
 * @since 0.1.0
 * @category tasks
 */
export const goIfAvailable: {
  <E>(self: ErrorGroup<E>): <A, E2 extends E, R>(effect: Effect.Effect<A, E2, R>) => Effect.Effect<boolean, never, R>
  <E, A, E2 extends E, R>(self: ErrorGroup<E>, effect: Effect.Effect<A, E2, R>): Effect.Effect<boolean, never, R>
} = effectLast(2, (self: Group<any>, effect: Effect.Effect<any, any, any>) => self.goIfAvailable(effect))

/**
 * Waits until nothing runs and nobody waits for a slot, and fails if the group has failed until then; also a second time.
 * While it was not stopped, tasks can be submitted afterwards. Interrupting it stops nothing.
 *
 * From inside a task of the group it dies, since it would wait for itself; and in a block, which waits by itself.
 *
 * @since 0.1.0
 * @category tasks
 */
export const wait = <E>(self: ErrorGroup<E>): Effect.Effect<void, E> => (self as Group<E>).wait

/**
 * Sets how many tasks run at a time. Nothing that runs is stopped: after a shrink no task begins until fewer run, after a
 * growth those that wait are served. Zero pauses. Takes an integer from 0 up or "unbounded".
 *
 * @since 0.1.0
 * @category tasks
 */
export const setConcurrency: {
  (concurrency: number | "unbounded"): <E>(self: ErrorGroup<E>) => Effect.Effect<void>
  <E>(self: ErrorGroup<E>, concurrency: number | "unbounded"): Effect.Effect<void>
} = dual(2, <E>(self: Group<E>, concurrency: number | "unbounded") =>
  Effect.sync(() => {
    const slots = concurrency === "unbounded" ? Infinity : concurrency
    checkCount(self.label("setConcurrency"), "concurrency", slots, "or Infinity")
    self.slots.resize(slots)
  })
)

/**
 * Reads the group as it is at this instant. The body of a block is not counted.
 *
 * @since 0.1.0
 * @category observing
 */
export const stats = <E>(self: ErrorGroup<E>): Effect.Effect<Stats> => Effect.sync(() => (self as Group<E>).stats())

// ---------------------------------------------------------------------------------------------------------------------
// types

type Effects = Iterable<Effect.Effect<any, any, any>> | Record<string, Effect.Effect<any, any, any>>

type Member<Arg> = Arg extends Iterable<infer Effect> ? Effect : Arg[keyof Arg]
type Success<Arg> = Effect.Success<Member<Arg>>
type Failure<Arg> = Effect.Error<Member<Arg>>

/** Options with a policy of one's own, whose functions get the types of their parameters from here. */
type OwnPolicy<Options, A, E, B, E2> = Omit<Options, "policy"> & { readonly policy: Own<A, E, B, E2> }

type Collected<Options, B> = OptionOf<Options, "collect"> extends infer C ? (C extends true ? Array<B> : void) : never

/** What `forEach` gives. */
type Elements<Options, B, E> =
  OptionOf<Options, "deadline"> extends infer D
    ? D extends "partial"
      ? SoFar<B, E>
      : Given<PolicyOf<Options>, Collected<Options, B>, B>
    : never
