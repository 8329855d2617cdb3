/**
 * How deep the tests of a process explore: what their own budgets say, or what the environment says instead, and which
 * part of it where several processes share the work.
 */
import { portfolio, replay, type Strategy } from "../Strategy.ts"
import type { LinearizableOptions } from "./linearizable.ts"
import { seedOfRun } from "./seeded.ts"
import type { Options } from "./session.ts"

export interface Depth {
  readonly replay: string | undefined
  /** Of each test, over all shards. */
  readonly runs: number | undefined
  /** Of each test, in each shard. */
  readonly millis: number | undefined
  readonly seed: number | undefined
  readonly shard: { readonly index: number; readonly count: number }
}

/** What a test tells of itself. */
export interface Explored {
  readonly runs: number
  /** Distinct schedules; of a model, distinct histories. */
  readonly schedules: number
  readonly millis: number
  readonly replay?: string | undefined
}

type Environment = Readonly<Record<string, string | undefined>>

export const depthOf = (environment: Environment): Depth => {
  const text = (name: string) => (environment[name] === "" ? undefined : environment[name])
  const natural = (name: string, least: number): number | undefined => {
    const given = text(name)
    if (given === undefined) return undefined
    const value = Number(given)
    if (Number.isSafeInteger(value) && value >= least) return value
    throw new Error(`${name} has to be an integer of at least ${least}, and is ${JSON.stringify(given)}`)
  }
  return {
    replay: text("EXPLORE_REPLAY"),
    runs: natural("EXPLORE_RUNS", 1),
    millis: natural("EXPLORE_MILLIS", 1),
    seed: natural("EXPLORE_SEED", 0),
    shard: shardOf(text("EXPLORE_SHARD") ?? "0/1")
  }
}

const shardOf = (text: string): Depth["shard"] => {
  const [, index, count] = /^(\d+)\/(\d+)$/.exec(text) ?? []
  const shard = { index: Number(index), count: Number(count) }
  if (shard.index < shard.count) return shard
  throw new Error(`EXPLORE_SHARD has to be like 0/2, the first of two, and is ${JSON.stringify(text)}`)
}

/** Whether tests have the environment's budget. */
export const isDeep = ({ millis, runs }: Depth): boolean => runs !== undefined || millis !== undefined

/** The budget of this process; undefined where nothing is left to do for it. */
export const budgetOf = (
  { millis, runs, shard }: Depth,
  own: { readonly runs: number; readonly millis: number }
): { readonly runs: number; readonly millis: number } => {
  if (runs === undefined && millis === undefined) return own
  return { runs: runs === undefined ? Infinity : Math.ceil(runs / shard.count), millis: millis ?? Infinity }
}

/** Another seed in every shard. */
export const seedFor = ({ seed, shard }: Depth, own: number | undefined): number => {
  const base = own ?? seed ?? 0
  return shard.index === 0 ? base : seedOfRun(base ^ 0x3c6ef372, shard.index)
}

/** A strategy that ignores its seed is run by the first shard alone. */
export const strategyFor = ({ shard }: Depth, strategy: Strategy): Strategy | undefined =>
  shard.index === 0 ? strategy : strategy.seeded()

/** What `it.explore` asks for; undefined where nothing is left to do for this process. */
export const explorePlan = (depth: Depth, options: Options): Options | undefined => {
  const own = options.strategy ?? portfolio()
  const strategy = depth.replay === undefined ? strategyFor(depth, own) : replay(depth.replay)
  if (strategy === undefined) return undefined
  return {
    ...options,
    ...budgetOf(depth, { runs: options.runs ?? defaults.runs, millis: options.millis ?? defaults.millis }),
    seed: seedFor(depth, options.seed),
    strategy,
    shrink: depth.replay === undefined && options.shrink !== false
  }
}

/** What `it.linearizable` asks for; undefined where nothing is left to do for this process. */
export const linearizablePlan = (depth: Depth, options: LinearizableOptions): LinearizableOptions | undefined => {
  const strategy = strategyFor(depth, options.strategy ?? portfolio())
  if (strategy === undefined) return undefined
  const { runs: schedules = modelDefaults.runs, scenarios = modelDefaults.scenarios } = options
  const own = { runs: schedules * scenarios, millis: options.millis ?? modelDefaults.millis }
  const { millis, runs } = budgetOf(depth, own)
  // as many schedules of a scenario as scenarios
  const side = isDeep(depth) ? Math.ceil(Math.sqrt(Math.min(runs, 1_000_000))) : schedules
  return {
    ...options,
    runs: side,
    scenarios: Math.ceil(runs / side),
    millis,
    seed: seedFor(depth, options.seed),
    strategy,
    replay: depth.replay ?? options.replay
  }
}

/** The budgets of tests, so that those of a package take seconds in all. */
const defaults = { runs: 200, millis: 300 }
const modelDefaults = { runs: 30, scenarios: 30, millis: 1000 }
