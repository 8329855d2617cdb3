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
 * @since 0.1.0
 * @category models
 */
export interface Strategy {
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
 * Every schedule with at most `preemptions` preemptions (default: no bound): 0, 1, 2, … deviations from the default
 * order, so that the first failure has the fewest. Where a fiber stops by itself, which one is next is not bounded.
 * `Report.exhausted` says whether all of them were run.
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
 * with n threads and k points, and half of that where fibers yield of their own accord.
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
 * The strategies take turns, run by run. By default: `exhaustive`, `random`, `pct`.
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
 * by now, it is followed as far as that goes, and `Report.exhausted` is false.
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
