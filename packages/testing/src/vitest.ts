/**
 * `it.explore` beside `it.effect`: a test that passes when every run does.
 *
 * The budget is small, so that the tests of a package take seconds in all: 200 runs or 300 ms, whichever is less. When
 * a run fails the message of the test is its trace, and `EXPLORE_REPLAY=<replay string>` in the environment runs that
 * one schedule again.
 *
 * @since 0.1.0
 */
import * as Vitest from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

import * as Explorer from "./Explorer.ts"
import * as Strategy from "./Strategy.ts"

export * from "@effect/vitest"

/**
 * @since 0.1.0
 * @category models
 */
export interface ExploreOptions extends Explorer.Options {
  /** In milliseconds, for Vitest. */
  readonly timeout?: number | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Explore {
  <A, E>(
    name: string,
    effect: Effect.Effect<A, E, Scope.Scope> | (() => Effect.Effect<A, E, Scope.Scope>),
    options?: ExploreOptions
  ): void
}

/** What a test explores without being told otherwise. */
const defaults = { runs: 200, millis: 300 }

interface Environment {
  readonly process?: { readonly env?: Readonly<Record<string, string | undefined>> }
}

/** The schedule that the environment asks for. */
const replayOf = (): string | undefined => {
  const text = (globalThis as Environment).process?.env?.["EXPLORE_REPLAY"]
  return text === undefined || text === "" ? undefined : text
}

const registerWith =
  (register: (name: string, body: () => Promise<void>, timeout?: number) => void): Explore =>
  (name, effect, options = {}) =>
    register(
      name,
      () => {
        const replay = replayOf()
        const make = () => Effect.scoped(Effect.suspend(() => (typeof effect === "function" ? effect() : effect)))
        return Effect.runPromise(
          Explorer.check(make, {
            ...defaults,
            ...options,
            ...(replay === undefined ? {} : { strategy: Strategy.replay(replay), runs: 1, shrink: false })
          }).pipe(Effect.asVoid)
        )
      },
      options.timeout
    )

/**
 * `it` of `@effect/vitest`, and `it.explore`.
 *
 * @since 0.1.0
 * @category testing
 */
export const it = Object.assign(Vitest.it, {
  explore: Object.assign(
    registerWith((name, body, timeout) => Vitest.it(name, body, timeout)),
    {
      only: registerWith((name, body, timeout) => Vitest.it.only(name, body, timeout)),
      skip: registerWith((name, body, timeout) => Vitest.it.skip(name, body, timeout))
    }
  )
})
