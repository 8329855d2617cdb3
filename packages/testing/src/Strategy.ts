/**
 * Strategies say which schedules are run, and in which order. Each is a plain value; a run of the explorer makes its
 * own search of it, so a strategy can be shared and reused.
 *
 * - `exhaustive` runs every schedule with at most so many preemptions, the fewest deviations first.
 * - `random` walks at random, and preempts at rates that change from run to run.
 * - `pct` gives the probability with which it finds a bug of a given depth.
 * - `portfolio` lets several take turns; it is the default.
 * - `replay` runs one schedule again.
 *
 * @since 0.1.0
 */
import { check, checkOneOf, rules } from "./internal/check.ts"
import type { Mode } from "./internal/model.ts"
import { parseReplay } from "./internal/replayString.ts"
import type { Search } from "./internal/search.ts"
import { exhaustiveSearch } from "./internal/strategies/exhaustive.ts"
import { pctSearch } from "./internal/strategies/pct.ts"
import { portfolioSearch } from "./internal/strategies/portfolio.ts"
import { randomSearch } from "./internal/strategies/random.ts"
import { replaySearch } from "./internal/strategies/replay.ts"

/**
 * Which schedules are run, and in which order: a value without a state of its own.
 *
 * @since 0.1.0
 * @category models
 */
export interface Strategy {
  /** For reports. */
  readonly name: string
  /** The one mode that it works in, where it has one. */
  readonly mode?: Mode | undefined
  /** Begins anew, with this seed unless it has its own. */
  readonly search: (seed: number) => Search
  /** What of it makes other runs with another seed; undefined when that is nothing. */
  readonly seeded: () => Strategy | undefined
}

/** A strategy whose runs are others with another seed, unless it states its own. */
const seeded = (name: string, own: number | undefined, search: (seed: number) => Search): Strategy => {
  const strategy: Strategy = {
    name,
    search: (seed) => search(own ?? seed),
    seeded: () => (own === undefined ? strategy : undefined)
  }
  return strategy
}

const none = () => undefined

/**
 * Every schedule with at most `preemptions` preemptions: first those with none, then those with one, and so on, so that
 * the first failure has the fewest. Among as many preemptions, those with the fewest deviations from the default order
 * come first. Where a fiber stops by itself, which one is next is no preemption, and not bounded: of a program with many
 * fibers that stop often there may be more schedules with no preemption than any budget has, and `order: "deviations"`,
 * which counts both alike, comes to preemptions sooner.
 *
 * `Report.exhausted` says whether all of them were run. Keeps 32 bytes for each run that others continue, of at most
 * four million runs. The seed decides nothing but what the program's `Random` begins with.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as Ref from "effect/Ref"
 * import * as Explorer from "@heddle/testing/Explorer"
 * import * as Strategy from "@heddle/testing/Strategy"
 *
 * const increments = Effect.gen(function* () {
 *   const ref = yield* Ref.make(0)
 *   const increment = Effect.flatMap(Ref.get(ref), (n) => Ref.set(ref, n + 1))
 *   yield* Effect.all([increment, increment], { concurrency: "unbounded" })
 *   if ((yield* Ref.get(ref)) !== 2) return yield* Effect.die(new Error("an update was lost"))
 * })
 * const explore = (preemptions: number) =>
 *   Effect.runPromise(Explorer.explore(increments, { strategy: Strategy.exhaustive({ preemptions }) }))
 *
 * const none = await explore(0)
 * none.passed && none.exhausted // => true
 * const one = await explore(1)
 * one.passed // => false
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const exhaustive = (
  options: {
    /** How often a fiber is stopped that could go on, at most. Default: no bound. */
    readonly preemptions?: number | undefined
    /** What comes first: the fewest preemptions, or the fewest deviations of any kind. Default: `preemptions`. */
    readonly order?: "preemptions" | "deviations" | undefined
  } = {}
): Strategy => {
  const { order = "preemptions", preemptions = Infinity } = options
  check("preemptions", preemptions, rules.countOrInfinity)
  checkOneOf("order", order, ["preemptions", "deviations"])
  return { name: "exhaustive", search: (seed) => exhaustiveSearch(seed, { order, preemptions }), seeded: none }
}

/**
 * A random walk: each choice is drawn, and how eagerly fibers are preempted changes from run to run. Good for large
 * programs and long schedules; it has no bound, and runs a schedule twice. Default seed: that of the exploration.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as Explorer from "@heddle/testing/Explorer"
 * import * as Strategy from "@heddle/testing/Strategy"
 *
 * const rare = Effect.gen(function* () {
 *   for (let index = 0; index < 6; index++) if ((yield* Explorer.choose(2)) === 0) return
 *   return yield* Effect.die(new Error("six times"))
 * })
 *
 * const { failure } = await Effect.runPromise(Explorer.explore(rare, { strategy: Strategy.random({ seed: 7 }) }))
 * failure?.deviations // => 6
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const random = (options: { readonly seed?: number | undefined } = {}): Strategy => {
  if (options.seed !== undefined) check("seed", options.seed, rules.seed)
  return seeded("random", options.seed, randomSearch)
}

/**
 * Priorities at random, with `depth - 1` changes at random points (default depth: 3). `Report.probability` is the
 * chance that one run finds a bug which takes that many constraints on the order of two operations: 1 / (n k^(depth-1))
 * with n threads and k points, and half of that where fibers yield of their own accord. The first run takes the default
 * order and counts both. Default seed: that of the exploration.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as Explorer from "@heddle/testing/Explorer"
 * import * as Strategy from "@heddle/testing/Strategy"
 *
 * const twice = Effect.all([Effect.yieldNow, Effect.yieldNow], { concurrency: "unbounded" })
 * const options = { strategy: Strategy.pct({ depth: 2 }), runs: 10 }
 * const { probability = 0 } = await Effect.runPromise(Explorer.explore(twice, options))
 * probability > 0 && probability < 1 // => true
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const pct = (
  options: { readonly depth?: number | undefined; readonly seed?: number | undefined } = {}
): Strategy => {
  const { depth = 3 } = options
  check("depth", depth, rules.positive)
  if (options.seed !== undefined) check("seed", options.seed, rules.seed)
  return seeded("pct", options.seed, (seed) => pctSearch(depth, seed))
}

/**
 * The strategies take turns, run by run, within the budget of the exploration, be it runs or time; each keeps its own
 * place. One that has nothing left drops out, and one that has run all there is ends the exploration. By default:
 * `exhaustive({ order: "deviations" })`, `random()`, `pct()`. Throws when there is none.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as Explorer from "@heddle/testing/Explorer"
 * import * as Strategy from "@heddle/testing/Strategy"
 *
 * const strategy = Strategy.portfolio([Strategy.exhaustive({ preemptions: 2 }), Strategy.random()])
 * const { exhausted } = await Effect.runPromise(Explorer.explore(Effect.yieldNow, { strategy }))
 * exhausted // => true
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const portfolio = (
  strategies: ReadonlyArray<Strategy> = [exhaustive({ order: "deviations" }), random(), pct()]
): Strategy => {
  check("the number of strategies", strategies.length, rules.positive)
  return {
    name: "portfolio",
    search: (seed) => portfolioSearch(strategies.map((strategy) => strategy.search(seed))),
    seeded: () => {
      const members = strategies.flatMap((strategy) => strategy.seeded() ?? [])
      return members.length === 0 ? undefined : portfolio(members)
    }
  }
}

/**
 * One run, of the schedule that a failure reports. Throws when the text is none. Where the program has another schedule
 * by now, it is followed as far as that goes, and `Report.exhausted` is false. Brings its own mode and seed.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as Explorer from "@heddle/testing/Explorer"
 * import * as Strategy from "@heddle/testing/Strategy"
 *
 * const program = Effect.flatMap(Explorer.choose(9), (n) => (n === 4 ? Effect.die("four") : Effect.void))
 * const { failure } = await Effect.runPromise(Explorer.explore(program))
 * failure?.replay // => "op:0:0.4"
 * const strategy = Strategy.replay("op:0:0.4")
 * const { passed, runs } = await Effect.runPromise(Explorer.explore(program, { strategy }))
 * passed || runs // => 1
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const replay = (schedule: string): Strategy => {
  const parsed = parseReplay(schedule)
  if (parsed === undefined) {
    throw new Error(`${JSON.stringify(schedule)} is not a replay string; one looks like "op:0:4.1,2.2"`)
  }
  if (parsed.extra !== undefined) {
    throw new Error(`${JSON.stringify(schedule)} is a replay string of interruptEverywhere, and an option of that`)
  }
  return { name: "replay", mode: parsed.mode, search: () => replaySearch(parsed.schedule, parsed.seed), seeded: none }
}
