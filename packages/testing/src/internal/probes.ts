/** What an explored program tells about itself; outside of the explorer it tells nobody. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

import { CurrentEngine } from "./engine.ts"

/**
 * Labels what a fiber does from here on, in traces and reports, up to its next step or span. With `maxBypass` a step is
 * also where fibers are counted that overtake each other. Outside of the explorer it does nothing. Costs one operation,
 * at which a fiber can be preempted.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as Explorer from "@heddle/testing/Explorer"
 *
 * const waits = Effect.andThen(Explorer.step("wait for the letter"), Effect.never)
 * const { failure } = await Effect.runPromise(Explorer.explore(waits, { outside: 0 }))
 * failure?.trace.includes("[wait for the letter]") // => true
 * ```
 *
 * @since 0.1.0
 * @category probes
 */
export const step = (name: string): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    fiber.getRef(CurrentEngine)?.reachStep(fiber, name)
    return Effect.void
  })

/**
 * One of the numbers 0 to n - 1, all of which are explored: for inputs, faults, and whatever else is not a matter of
 * scheduling. The choice is part of the schedule: it is replayed, and shrunk towards 0. Outside of the explorer it is 0.
 * Dies unless `n` is a positive integer.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as Explorer from "@heddle/testing/Explorer"
 *
 * const coin = Effect.map(Explorer.choose(2), (n) => ["heads", "tails"][n])
 * const { outcomes } = await Effect.runPromise(Explorer.outcomes(coin))
 * outcomes.map(({ result }) => result) // => ['"heads"', '"tails"']
 * ```
 *
 * @since 0.1.0
 * @category probes
 */
export const choose = (n: number): Effect.Effect<number> =>
  Effect.withFiber((fiber) => {
    if (!Number.isSafeInteger(n) || n < 1) {
      return Effect.die(new Error(`Explorer.choose takes a positive integer, and was given ${n}`))
    }
    return Effect.succeed(fiber.getRef(CurrentEngine)?.chooseValue(n) ?? 0)
  })

/**
 * A resource that is only counted, in the run that uses it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Resource {
  /** One more is held. */
  readonly acquire: Effect.Effect<void>
  /** One fewer is held. Dies when none is. */
  readonly release: Effect.Effect<void>
  /** Acquired at once, and released when the scope closes. */
  readonly scoped: Effect.Effect<void, never, Scope.Scope>
}

/**
 * A resource for testing what looks after resources: a run in which it was acquired more often than released is
 * reported as lost, by its name. Releasing more than was acquired dies. Resources of one name are one. Outside of the
 * explorer they do nothing.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as Explorer from "@heddle/testing/Explorer"
 *
 * const connection = Explorer.resource("connection")
 * const forgetful = Effect.andThen(connection.acquire, Effect.void)
 * const { failure } = await Effect.runPromise(Explorer.explore(forgetful))
 * failure?.verdict._tag // => "LostResource"
 * const { passed } = await Effect.runPromise(Explorer.explore(Effect.scoped(connection.scoped)))
 * passed // => true
 * ```
 *
 * @since 0.1.0
 * @category probes
 */
export const resource = (name: string): Resource => {
  const acquire = Effect.withFiber((fiber) => {
    const found = fiber.getRef(CurrentEngine)?.resources.get(name)
    if (found !== undefined) found.acquired++
    return Effect.void
  })
  const release = Effect.withFiber((fiber) => {
    const found = fiber.getRef(CurrentEngine)?.resources.get(name)
    if (found === undefined) return Effect.void
    return ++found.released > found.acquired
      ? Effect.die(new Error(`the resource "${name}" was released more often than acquired`))
      : Effect.void
  })
  return { acquire, release, scoped: Effect.acquireRelease(acquire, () => release) }
}
