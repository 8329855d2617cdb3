/** What an explored program tells about itself; outside of the explorer it tells nobody. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

import { CurrentEngine } from "./engine.ts"

/**
 * Labels what a fiber does from here on, in traces and reports. Outside of the explorer it does nothing.
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
 * One of the numbers 0 to n - 1, all of which are explored. Outside of the explorer it is 0.
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
 * @since 0.1.0
 * @category models
 */
export interface Resource {
  readonly acquire: Effect.Effect<void>
  readonly release: Effect.Effect<void>
  /** Both, for the time of a scope. */
  readonly scoped: Effect.Effect<void, never, Scope.Scope>
}

/**
 * A resource for testing what looks after resources: a run in which it was acquired more often than released is
 * reported. Releasing more than was acquired dies.
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
