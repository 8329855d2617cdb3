/**
 * `it.explore` and `it.linearizable` beside `it.effect`: tests that pass when every run does.
 *
 * The budgets are small, so that the tests of a package take seconds in all: by default 200 runs or 300 ms, whichever is
 * less, of an effect; 30 scenarios with 30 runs each of a model. When a run fails the message of the test is its trace.
 * The environment changes what the same tests do:
 *
 * - `EXPLORE_REPLAY=<replay string>` runs that one schedule again. Name the test with `-t`.
 * - `EXPLORE_RUNS=<n>`, `EXPLORE_MILLIS=<n>`: that many runs, or that long, for each test instead of its own budget.
 * - `EXPLORE_SEED=<n>`: another seed for tests that state none.
 * - `EXPLORE_SHARD=<i>/<k>`: this process is number i (from 0) of k that share the work: each does its part of the runs,
 *   with seeds of its own.
 *
 * @since 0.1.0
 */
import * as Vitest from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { TestContext } from "vitest"

import * as Explorer from "./Explorer.ts"
import { depthOf, type Explored, explorePlan, isDeep, linearizablePlan } from "./internal/depth.ts"

export * from "@effect/vitest"

declare module "vitest" {
  interface TaskMeta {
    /** Of a test that explores: what it found, once it has run. */
    explored?: Explored | "not yet"
  }
}

/**
 * How `it.explore` explores: `Explorer.Options` with smaller budgets, which the environment replaces.
 *
 * @since 0.1.0
 * @category models
 */
export interface ExploreOptions extends Explorer.Options {
  /** At most so many runs. Default: 200; `EXPLORE_RUNS` and `EXPLORE_MILLIS` replace it. */
  readonly runs?: number | undefined
  /** No run is begun after so many milliseconds. Default: 300; `EXPLORE_RUNS` and `EXPLORE_MILLIS` replace it. */
  readonly millis?: number | undefined
  /** Default: what `EXPLORE_SEED` says, or 0. */
  readonly seed?: number | undefined
  /** In milliseconds, for Vitest. Default: Vitest's; none where the environment has set a budget. */
  readonly timeout?: number | undefined
}

/**
 * How `it.linearizable` checks: `Explorer.LinearizableOptions` with smaller budgets, which the environment replaces. Of
 * `EXPLORE_RUNS=n` there are as many scenarios as schedules of each: the square root of n.
 *
 * @since 0.1.0
 * @category models
 */
export interface LinearizableOptions extends Explorer.LinearizableOptions {
  /** How many scenarios are generated. Default: 30; `EXPLORE_RUNS` and `EXPLORE_MILLIS` replace it. */
  readonly scenarios?: number | undefined
  /** Schedules of each scenario. Default: 30; `EXPLORE_RUNS` and `EXPLORE_MILLIS` replace it. */
  readonly runs?: number | undefined
  /** No scenario is begun after so many milliseconds. Default: 1,000; the environment replaces it likewise. */
  readonly millis?: number | undefined
  /** Default: what `EXPLORE_SEED` says, or 0. */
  readonly seed?: number | undefined
  /** In milliseconds, for Vitest. Default: Vitest's; none where the environment has set a budget. */
  readonly timeout?: number | undefined
}

/**
 * A test that passes when every run of the effect does. The effect is begun anew in every run, in a scope of its own;
 * its failure, or any other verdict, fails the test with the trace as message.
 *
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

/**
 * A test that passes when the model explains every history: `Explorer.linearizable`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Linearizable {
  <System, State, Inputs>(
    name: string,
    spec: Explorer.LinearizableSpec<System, State, Inputs, Scope.Scope>,
    options?: LinearizableOptions
  ): void
}

type Register = (name: string, options: Vitest.TestOptions, body: (context: TestContext) => Promise<void>) => void

interface Environment {
  readonly process?: { readonly env?: Readonly<Record<string, string | undefined>> }
}

const depth = depthOf((globalThis as Environment).process?.env ?? {})

/** Registers a test that tells what it explored, whether it passes or fails. */
const test = (
  register: Register,
  name: string,
  timeout: number | undefined,
  explore: (tell: (explored: Explored) => void) => Effect.Effect<unknown, Error>
): void => {
  const options = { meta: { explored: "not yet" as const }, ...(timeout === undefined ? {} : { timeout }) }
  register(name, isDeep(depth) ? { ...options, timeout: 0 } : options, ({ task }) => {
    const begun = performance.now()
    const tell = (explored: Explored) => {
      task.meta.explored = { ...explored, millis: performance.now() - begun }
    }
    return Effect.runPromise(Effect.asVoid(explore(tell)))
  })
}

const nothing: Explored = { runs: 0, schedules: 0, millis: 0 }

const exploreWith =
  (register: Register): Explore =>
  (name, effect, { timeout, ...options } = {}) =>
    test(register, name, timeout, (tell) => {
      const plan = explorePlan(depth, options)
      if (plan === undefined) return Effect.sync(() => tell(nothing))
      const make = () => Effect.scoped(Effect.suspend(() => (typeof effect === "function" ? effect() : effect)))
      return Effect.flatMap(Explorer.explore(make, plan), (report) => {
        const { distinctSchedules: schedules, failure, runs } = report
        tell({ ...nothing, runs, schedules, replay: failure?.replay })
        if (failure !== undefined) return Effect.fail(new Explorer.ExplorationFailure({ report }))
        // a replay that was not followed to its end shows nothing
        return depth.replay === undefined || report.exhausted ? Effect.void : Effect.die(new Error(notOfThisTest))
      })
    })

const notOfThisTest =
  "EXPLORE_REPLAY is not a schedule of this test as it is now; name the test that it belongs to with -t"

const linearizableWith =
  (register: Register): Linearizable =>
  (name, spec, { timeout, ...options } = {}) =>
    test(register, name, timeout, (tell): Effect.Effect<unknown, Error> => {
      const plan = linearizablePlan(depth, options)
      if (plan === undefined) return Effect.sync(() => tell(nothing))
      return Explorer.linearizable(spec, plan).pipe(
        Effect.tap(({ histories: schedules, runs }) => Effect.sync(() => tell({ ...nothing, runs, schedules }))),
        Effect.tapError(({ replay, runs }) => Effect.sync(() => tell({ ...nothing, runs, replay })))
      )
    })

/**
 * `it` of `@effect/vitest`, with `it.explore` and `it.linearizable`, each with `only` and `skip`.
 *
 * @example
 * ```ts
 * import { it } from "@heddle/testing/vitest"
 * import * as Effect from "effect/Effect"
 * import * as Ref from "effect/Ref"
 * import { assert } from "vitest"
 *
 * it.explore(
 *   "no update is lost",
 *   Effect.gen(function* () {
 *     const counter = yield* Ref.make(0)
 *     const increment = Ref.update(counter, (n) => n + 1)
 *     yield* Effect.all([increment, increment], { concurrency: "unbounded" })
 *     assert.strictEqual(yield* Ref.get(counter), 2)
 *   })
 * )
 *
 * it.linearizable("a counter counts", {
 *   make: Ref.make(0),
 *   model: 0,
 *   operations: {
 *     next: { run: (ref) => Ref.getAndUpdate(ref, (n) => n + 1), respond: (n) => [n, n + 1], interrupted: "either" }
 *   }
 * })
 * ```
 *
 * @since 0.1.0
 * @category testing
 */
export const it = Object.assign(Vitest.it, {
  explore: Object.assign(exploreWith(Vitest.it), {
    only: exploreWith(Vitest.it.only),
    skip: exploreWith(Vitest.it.skip)
  }),
  linearizable: Object.assign(linearizableWith(Vitest.it), {
    only: linearizableWith(Vitest.it.only),
    skip: linearizableWith(Vitest.it.skip)
  })
})
