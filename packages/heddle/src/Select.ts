/**
 * Go's `select`: waits for several things at once and takes exactly one.
 *
 * `Effect.race` of two `Queue.take`s loses an element: both take, one result is thrown away. A branch here *waits* without
 * taking and *takes* without waiting. The branches are tried; if none has anything all wait; when one is ready the others
 * stop waiting and the branches are tried again.
 *
 * - **Nothing is lost or taken twice.** A branch that is not chosen has taken nothing. What was taken is given to the
 *   branch's handler, or to the caller of `first`, in the same step: no interruption comes in between. One that the taking
 *   itself provokes, by waking a producer, puts an element back to the front of its queue; of a message of a `PubSub`, which
 *   cannot be put back, the handler is told, and without a handler it is lost. A queue of capacity 0 has no place to put
 *   anything back to: its producer goes on a task after the taking. Permits are given back when the handler has ended.
 * - **Ties.** Of several branches that are ready one is chosen at random, so that none starves, or the one that is listed
 *   first, by `order: "listed"`.
 * - **Fairness.** A select that waits on a queue, or for permits, is served in its turn among the others who do. If
 *   something was taken in the moment between by somebody else, it waits again, behind the others.
 * - **Interruption.** Waiting is interruptible and takes nothing. When `first` ends or a handler begins, no branch waits any
 *   more. A handler runs with the interruptibility of the caller, and may select again, for ever.
 * - **Cost.** While something is ready no fiber begins, and to take is some twenty times a `Queue.take`; otherwise a fiber
 *   per branch that waits.
 *
 * @since 0.1.0
 */
import { Clock } from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Option from "effect/Option"
import type * as Pipeable from "effect/Pipeable"
import type * as PubSub from "effect/PubSub"
import type * as Queue from "effect/Queue"
import { Random } from "effect/Random"
import type * as Types from "effect/Types"

import * as Branches from "./internal/branch.ts"
import { checkDuration, checkEffect, checkOneOf, checkOptions, checkThat } from "./internal/defect.ts"
import { tokens as takingTokens } from "./internal/limiter/branch.ts"
import { deferredDone, fromQueue, fromSubscription } from "./internal/readiness.ts"
import { Selection } from "./internal/selection.ts"
import type { RateLimited, RateLimiter, TakeOptions } from "./RateLimiter.ts"
import * as WeightedSemaphore from "./WeightedSemaphore.ts"

/**
 * Something to wait for and what is done with it: `A` is the result of `first` when it is chosen. A description: a branch
 * may be used again and again, and by several fibers at once.
 *
 * @since 0.1.0
 * @category models
 */
export interface Branch<out A, out E = never, out R = never> extends Pipeable.Pipeable {
  readonly [Branches.TypeId]: {
    readonly _A: Types.Covariant<A>
    readonly _E: Types.Covariant<E>
    readonly _R: Types.Covariant<R>
  }
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Options<A = never, E = never, R = never> {
  /** Runs at once if no branch has anything: Go's `default`. Default: none, `first` waits. */
  readonly otherwise?: Effect.Effect<A, E, R> | undefined
  /** Which one is chosen of several that are ready. Default: `"random"`. */
  readonly order?: "random" | "listed" | undefined
}

/**
 * Chooses one branch that has something, waiting for it if need be, and gives the result of its handler, or without a
 * handler what it took. Of no branches at all it waits for ever, as in Go.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Deferred from "effect/Deferred"
 * import * as Effect from "effect/Effect"
 * import * as Queue from "effect/Queue"
 * import * as Select from "heddle/Select"
 *
 * const program = Effect.gen(function* () {
 *   const jobs = yield* Queue.unbounded<number>()
 *   const stop = yield* Deferred.make<void>()
 *   const next = Select.first([
 *     Select.queue(jobs, (job) => Effect.succeed(`job ${job}`)),
 *     Select.deferred(stop, () => Effect.succeed("stopped")),
 *     Select.timer("1 second", () => Effect.succeed("nothing to do"))
 *   ])
 *   yield* Queue.offer(jobs, 1)
 *   const first = yield* next
 *   yield* Deferred.succeed(stop, undefined)
 *   return [first, yield* next]
 * })
 *
 * await Effect.runPromise(program) // => ["job 1", "stopped"]
 * ```
 *
 * @since 0.1.0
 * @category selecting
 */
export const first = <const Branches extends ReadonlyArray<AnyBranch>, A = never, E = never, R = never>(
  branches: Branches,
  options: Options<A, E, R> = {}
): Effect.Effect<A | Success<Branches[number]>, E | Failure<Branches[number]>, R | Services<Branches[number]>> =>
  Effect.withFiber((fiber) => {
    checkOptions("Select.first", options)
    const { order = "random", otherwise } = options
    checkOneOf("Select.first", "order", order, ["random", "listed"])
    if (otherwise !== undefined) checkEffect("Select.first", "otherwise", otherwise)
    const areBranches = Array.isArray(branches) && branches.every((branch) => branch instanceof Branches.Branch)
    checkThat(areBranches, "Select.first", "the branches", branches, "an array of branches")
    const attempts = branches.map((branch) => (branch as unknown as Branches.Branch).begin(fiber))
    return new Selection(attempts, order === "random" ? fiber.getRef(Random) : undefined, fiber).run(otherwise)
  })

/**
 * Takes one element of a queue.
 *
 * A queue that has failed or ended is ready for ever, with its error or `Cause.Done`: give it `onFailure`, and leave the
 * branch out from then on. One that was shut down interrupts, as `Queue.take` does.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Cause from "effect/Cause"
 * import * as Effect from "effect/Effect"
 * import * as Queue from "effect/Queue"
 * import * as Select from "heddle/Select"
 *
 * const program = Effect.gen(function* () {
 *   const numbers = yield* Queue.unbounded<number, Cause.Done>()
 *   yield* Queue.offer(numbers, 5)
 *   yield* Queue.end(numbers)
 *   const branch = Select.queue(
 *     numbers,
 *     (n) => Effect.succeed(`took ${n}`),
 *     () => Effect.succeed("no more")
 *   )
 *   return [yield* Select.first([branch]), yield* Select.first([branch])]
 * })
 *
 * await Effect.runPromise(program) // => ["took 5", "no more"]
 * ```
 *
 * @since 0.1.0
 * @category branches
 */
export const queue = <A, E, const Handlers extends HandlersOf<A, E>>(
  queue: Queue.Dequeue<A, E>,
  ...[onValue, onFailure]: Handlers
): BranchOf<A, E, Handlers> => {
  return asBranch(Branches.taking(fromQueue(queue), { onValue, onFailure }))
}

/**
 * Takes one message of a subscription. After `PubSub.end` it is ready for ever, with the final message; when its scope is
 * closed or the `PubSub` shut down it interrupts, as `PubSub.take` does.
 *
 * @since 0.1.0
 * @category branches
 */
export const subscription = <A, const Handlers extends OnValue<A>>(
  subscription: PubSub.Subscription<A>,
  ...[onValue]: Handlers
): BranchOf<A, never, Handlers> => {
  return asBranch(Branches.taking(fromSubscription(subscription), { onValue, onFailure: undefined }))
}

/**
 * The result of a `Deferred`, which stays: it is ready for ever once it is done.
 *
 * @since 0.1.0
 * @category branches
 */
export const deferred = <A, E, const Handlers extends HandlersOf<A, E>>(
  deferred: Deferred.Deferred<A, E>,
  ...[onValue, onFailure]: Handlers
): BranchOf<A, E, Handlers> => {
  const awaited = Deferred.await(deferred)
  const result = () => (Deferred.isDoneUnsafe(deferred) ? awaited : undefined)
  const source = { result, ready: deferredDone(deferred) }
  return asBranch(Branches.lasting(() => source, { onValue, onFailure }))
}

/**
 * The result of a fiber, which stays. The fiber is not interrupted, whatever becomes of the select.
 *
 * @since 0.1.0
 * @category branches
 */
export const fiber = <A, E, const Handlers extends HandlersOf<A, E>>(
  fiber: Fiber.Fiber<A, E>,
  ...[onValue, onFailure]: Handlers
): BranchOf<A, E, Handlers> => {
  const source = { result: () => fiber.pollUnsafe(), ready: Fiber.await(fiber) }
  return asBranch(Branches.lasting(() => source, { onValue, onFailure }))
}

/**
 * Is ready so long after `first` began, and not before: each run has a timer of its own. Zero and less are ready at once,
 * `Infinity` never is; what is no duration dies, `NaN` included.
 *
 * @since 0.1.0
 * @category branches
 */
export const timer = <const Handlers extends OnValue<void>>(
  duration: Duration.Input,
  ...[onValue]: Handlers
): BranchOf<void, never, Handlers> =>
  asBranch(
    Branches.lasting(
      (fiber) => {
        const checked = checkDuration("Select.timer", "the duration", duration)
        const clock = fiber.getRef(Clock)
        const nanos = Duration.isFinite(checked) ? Duration.toNanosUnsafe(checked) : undefined
        const at = nanos === undefined ? undefined : clock.monotonicTimeNanosUnsafe() + nanos
        const left = () => (at === undefined ? 1n : at - clock.monotonicTimeNanosUnsafe())
        const isReady = () => left() <= 0n
        // timers of whole milliseconds may be early
        const sleep: Effect.Effect<void> = Effect.suspend(() =>
          isReady() ? Effect.void : Effect.andThen(clock.sleep(Duration.nanos(left())), sleep)
        )
        const ready = at === undefined ? Effect.never : sleep
        return { result: () => (isReady() ? Exit.void : undefined), ready }
      },
      { onValue, onFailure: undefined }
    )
  )

/**
 * Runs `body` under permits of a semaphore, which are given back when it has ended. While it waits it stands in the line of
 * the semaphore, like any request; when another branch is chosen it leaves the line, or gives back what it was just given.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as Select from "heddle/Select"
 * import * as WeightedSemaphore from "heddle/WeightedSemaphore"
 *
 * const program = Effect.gen(function* () {
 *   const sem = yield* WeightedSemaphore.make({ permits: 1 })
 *   const work = Select.permits(sem, 1, () => Effect.succeed("worked"))
 *   const giveUp = Select.timer("5 millis", () => Effect.succeed("gave up"))
 *   const select = Select.first([work, giveUp])
 *   return [yield* select, yield* select.pipe(WeightedSemaphore.withPermit(sem))]
 * })
 *
 * await Effect.runPromise(program) // => ["worked", "gave up"]
 * ```
 *
 * @since 0.1.0
 * @category branches
 */
export const permits = <B, E2, R2>(
  semaphore: WeightedSemaphore.WeightedSemaphore,
  permits: number,
  body: () => Effect.Effect<B, E2, R2>
): Branch<B, E2, R2> =>
  asBranch(
    Branches.holding(
      WeightedSemaphore.withPermitsIfAvailable(semaphore, permits),
      WeightedSemaphore.withPermits(semaphore, permits),
      Effect.suspend(body)
    )
  )

/**
 * Takes `n` tokens of a limiter, by default one. While it waits it stands in the line of the limiter, like any request; when
 * another branch is chosen it leaves the line, or gives back what it was just given, as if it had never come. The tokens
 * are spent when `onTaken` begins.
 *
 * Its wait is bounded by `maxWait`, its own or the limiter's: one that would be longer fails `first` with `RateLimited`,
 * unless another branch has something at once. The `Deadline` of the caller is no such bound, since another branch may be
 * ready in time.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as RateLimit from "heddle/RateLimit"
 * import * as RateLimiter from "heddle/RateLimiter"
 * import * as Select from "heddle/Select"
 *
 * const program = Effect.gen(function* () {
 *   const limiter = yield* RateLimiter.make({ limit: RateLimit.tokenBucket({ limit: 1, interval: "1 hour" }) })
 *   const call = Select.tokens(limiter, 1, () => Effect.succeed("called"))
 *   const giveUp = Select.timer("5 millis", () => Effect.succeed("gave up"))
 *   const select = Select.first([call, giveUp], { order: "listed" })
 *   const results = [yield* select, yield* select]
 *   const { waiting } = yield* RateLimiter.stats(limiter)
 *   return [...results, waiting]
 * })
 *
 * await Effect.runPromise(program) // => ["called", "gave up", 0]
 * ```
 *
 * @since 0.1.0
 * @category branches
 */
export const tokens = <E, B = void, E2 = never, R2 = never>(
  limiter: RateLimiter<E>,
  n?: number,
  onTaken?: () => Effect.Effect<B, E2, R2>,
  options?: TakeOptions
): Branch<B, RateLimited | E | E2, R2> =>
  asBranch(new Branches.Branch(() => takingTokens(limiter, n, options, onTaken ?? (() => Effect.void))))

/**
 * A branch of one's own. `ready` waits until there may be something, and takes nothing; it is interrupted when another
 * branch is chosen. `commit` takes what there is, or gives `None` if there is nothing (any more), and never waits: it is not
 * interruptible. If somebody was faster, `first` tries the others and waits again. A failure of `ready` fails `first`.
 *
 * What `commit` took is given to `onValue`, also if the fiber was interrupted meanwhile; without `onValue` it is lost then.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as Latch from "effect/Latch"
 * import * as Option from "effect/Option"
 * import * as Select from "heddle/Select"
 *
 * const stack = [1, 2, 3]
 * const filled = Latch.makeUnsafe(true)
 * const top = Select.make({
 *   ready: filled.await,
 *   commit: Effect.sync(() => Option.fromUndefinedOr(stack.pop()))
 * })
 *
 * await Effect.runPromise(Select.first([top])) // => 3
 * ```
 *
 * @since 0.1.0
 * @category branches
 */
export const make = <A, X, EX, RX, E, R, const Handlers extends HandlersOf<A, E>>(
  bridge: {
    readonly ready: Effect.Effect<X, EX, RX>
    readonly commit: Effect.Effect<Option.Option<A>, E, R>
  },
  ...[onValue, onFailure]: Handlers
): BranchOf<A, E, Handlers, EX, RX | R> =>
  asBranch(Branches.committing(bridge.ready, bridge.commit, { onValue, onFailure }))

// ---------------------------------------------------------------------------------------------------------------------
// machinery

type Handler<A> = ((value: A) => Effect.Effect<any, any, any>) | undefined

/**
 * What is done with a value, and with an error, as they are given: one that may be missing does not pass for one that is there,
 * and leaves the value, or the error, in the type.
 */
type HandlersOf<A, E> = readonly [onValue?: Handler<A>, onFailure?: Handler<E>]
type OnValue<A> = readonly [onValue?: Handler<A>]

type ResultOf<H, Otherwise> = H extends (value: never) => Effect.Effect<infer A, infer _E, infer _R> ? A : Otherwise
type FailureOf<H, Otherwise> = H extends (value: never) => Effect.Effect<infer _A, infer E, infer _R> ? E : Otherwise
type ServicesOf<H> = H extends (value: never) => Effect.Effect<infer _A, infer _E, infer R> ? R : never

/** What a source gives and fails with, its handlers if there are any, and what it fails with and needs besides. */
type BranchOf<A, E, Handlers extends ReadonlyArray<unknown>, E2 = never, R = never> = Branch<
  ResultOf<Handlers[0], A> | ResultOf<Handlers[1], never>,
  FailureOf<Handlers[0], never> | FailureOf<Handlers[1], E> | E2,
  ServicesOf<Handlers[number]> | R
>

type Success<B> = B extends Branch<infer A, infer _E, infer _R> ? A : never
type Failure<B> = B extends Branch<infer _A, infer E, infer _R> ? E : never
type Services<B> = B extends Branch<infer _A, infer _E, infer R> ? R : never

/** Without type parameters, so that those of a branch are not inferred from here. */
interface AnyBranch {
  readonly [Branches.TypeId]: object
}

const asBranch = <A, E, R>(branch: Branches.Branch): Branch<A, E, R> => branch
