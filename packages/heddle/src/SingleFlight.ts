/**
 * One execution per key at a time: whoever asks for what is being worked on already waits for it and shares its exit. Go's
 * `singleflight`, without its traps. Nothing is cached: what comes after the end starts anew.
 *
 * - **Interruption.** A caller that is interrupted leaves, and the others never notice, whether it began the execution or
 *   joined it. When the last one leaves, the execution is interrupted; a call that comes while its finalizers run starts
 *   after them.
 * - **What is shared.** The exit, whatever it is: a success, failures, defects, and an interruption that nobody asked for.
 * - **What the execution sees.** The services, references and span of the caller who began it, but not his deadline (each
 *   caller bounds his own wait with `Deadline.within`), and a scope of its own, which closes at its end.
 * - **Cost.** A fiber per execution; joining and leaving cost the same however many wait. Those who waited wake in order, from
 *   a task of the scheduler.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { dual } from "effect/Function"
import type * as Inspectable from "effect/Inspectable"
import type * as Pipeable from "effect/Pipeable"
import type * as Scope from "effect/Scope"

import { type AnyEffect, effectLast } from "./internal/effectLast.ts"
import { Flight, type TypeId } from "./internal/flight.ts"

/**
 * A handle on calls that are in flight. Opaque: the functions of this module are its behaviour.
 *
 * Keys are compared by `Equal`: strings and numbers by value, and so are tuples, plain objects and data classes.
 *
 * @since 0.1.0
 * @category models
 */
export interface SingleFlight<in K, in out A, in out E = never> extends Pipeable.Pipeable, Inspectable.Inspectable {
  readonly [TypeId]: (key: K, exit: Exit.Exit<A, E>) => Exit.Exit<A, E>
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Names it in messages and in inspections. Default: none. */
  readonly name?: string | undefined
}

/**
 * A result, and whether others got the very same.
 *
 * @since 0.1.0
 * @category models
 */
export interface Shared<out A> {
  readonly value: A
  /** Whether more than one caller was given the result: then none of them may change it. */
  readonly shared: boolean
}

/**
 * What it looks like at one instant.
 *
 * @since 0.1.0
 * @category models
 */
export interface Stats {
  /** Executions that have not ended, forgotten ones and those that are being interrupted included. */
  readonly running: number
  /** Callers that wait for one. */
  readonly waiting: number
  /** Executions that were begun, in all. */
  readonly started: number
  /** Callers that found an execution to wait for, in all. */
  readonly joined: number
}

/**
 * Makes a handle, for keys of type `K` and effects that succeed with `A` or fail with `E`.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as SingleFlight from "heddle/SingleFlight"
 *
 * const program = Effect.gen(function* () {
 *   const flight = yield* SingleFlight.make<string, string>({ name: "users" })
 *   let queries = 0
 *   const query = Effect.andThen(Effect.sleep("1 millis"), Effect.sync(() => `query ${++queries}`))
 *   const user = query.pipe(SingleFlight.run(flight, "user 42"))
 *   return yield* Effect.all([user, user, user], { concurrency: "unbounded" })
 * })
 *
 * await Effect.runPromise(program) // => ["query 1", "query 1", "query 1"]
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <K, A, E = never>(options: Options = {}): Effect.Effect<SingleFlight<K, A, E>> =>
  Effect.sync(() => makeUnsafe(options))

/**
 * `make` outside of Effect, for a module's top level.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeUnsafe = <K, A, E = never>(options: Options = {}): SingleFlight<K, A, E> =>
  new Flight(options) as never

/**
 * Gives the exit of the execution that runs for the key; if there is none, of the effect, which becomes it. The effect of
 * a caller that joins does not run.
 *
 * A run inside an execution, in its fiber, in one that it forked or in its finalizers, dies if it could only wait for itself:
 * for the key of that execution, or for one whose execution waits for that, however many there are between.
 *
 * @since 0.1.0
 * @category running
 */
export const run: {
  <K, A, E>(
    self: SingleFlight<K, A, E>,
    key: K
  ): <R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, Exclude<R, Scope.Scope>>
  <K, A, E, R>(
    self: SingleFlight<K, A, E>,
    key: K,
    effect: Effect.Effect<A, E, R>
  ): Effect.Effect<A, E, Exclude<R, Scope.Scope>>
} = effectLast(3, (self: Flight, key: unknown, effect: AnyEffect) => self.run(key, effect, (exit) => exit))

/**
 * `run`, and whether the result was given to others too.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as SingleFlight from "heddle/SingleFlight"
 *
 * const flight = SingleFlight.makeUnsafe<number, string>()
 * const load = (id: number) => SingleFlight.runShared(flight, id, Effect.delay(Effect.succeed(`item ${id}`), "1 millis"))
 * const program = Effect.all([load(1), load(1), load(2)], { concurrency: "unbounded" })
 *
 * const results = await Effect.runPromise(program)
 * results.map(({ shared, value }) => `${value} ${shared}`) // => ["item 1 true", "item 1 true", "item 2 false"]
 * ```
 *
 * @since 0.1.0
 * @category running
 */
export const runShared: {
  <K, A, E>(
    self: SingleFlight<K, A, E>,
    key: K
  ): <R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<Shared<A>, E, Exclude<R, Scope.Scope>>
  <K, A, E, R>(
    self: SingleFlight<K, A, E>,
    key: K,
    effect: Effect.Effect<A, E, R>
  ): Effect.Effect<Shared<A>, E, Exclude<R, Scope.Scope>>
} = effectLast(3, (self: Flight, key: unknown, effect: AnyEffect) =>
  self.run(key, effect, (exit, shared) => Exit.map(exit, (value) => ({ value, shared })))
)

/**
 * The next call for the key starts anew, beside the execution that runs, if there is one. That goes on for those who wait
 * for it, and its end touches nobody else.
 *
 * @since 0.1.0
 * @category running
 */
export const forget: {
  <K>(key: K): <A, E>(self: SingleFlight<K, A, E>) => Effect.Effect<void>
  <K, A, E>(self: SingleFlight<K, A, E>, key: K): Effect.Effect<void>
} = dual(2, (self: Flight, key: unknown) => Effect.sync(() => self.forget(key)))

/**
 * Reads it as it is at this instant.
 *
 * @since 0.1.0
 * @category observing
 */
export const stats = <K, A, E>(self: SingleFlight<K, A, E>): Effect.Effect<Stats> =>
  Effect.sync(() => (self as unknown as Flight).stats())
