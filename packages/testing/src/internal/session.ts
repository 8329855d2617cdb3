/** What an exploration is made of: the options of its caller, checked, and what runs it. */
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

import { portfolio, type Strategy } from "../Strategy.ts"
import { check, checkOneOf, mistake, rules } from "./check.ts"
import { type Mode, modes } from "./model.ts"
import { Runner } from "./runner.ts"

/**
 * How an effect is explored. Each of them dies when it makes no sense.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Which interleavings are explored. Default: `op`. */
  readonly mode?: Mode | undefined
  /** Which schedules are run, and in which order. Default: `Strategy.portfolio()`. */
  readonly strategy?: Strategy | undefined
  /** At most so many runs; Infinity for no limit. Default: 2,000. */
  readonly runs?: number | undefined
  /** No run is begun after so many milliseconds of real time. Default: no limit. */
  readonly millis?: number | undefined
  /** An integer from 0 to 2^32 - 1: what strategies and the program's `Random` begin with. Default: 0. */
  readonly seed?: number | undefined
  /** Operations after which a run goes on in fair order, and after as many more is a livelock. Default: 20,000. */
  readonly maxSteps?: number | undefined
  /**
   * How often a fiber that waits at an `Explorer.step` may be overtaken there by others, which come to the same step
   * later and to their next one sooner. Whoever sleeps, or has been served and waits for its turn, does not wait in
   * this sense. Default: not counted.
   */
  readonly maxBypass?: number | undefined
  /** Whether fibers may outlive the root. Default: `forbid`. */
  readonly daemons?: "forbid" | "allow" | undefined
  /**
   * How long to wait for real timers, sockets and promises when nothing can run. Default: 2 seconds for what a run has
   * begun and is known to be pending, 50 ms for what may be.
   */
  readonly outside?: Duration.Input | undefined
  /**
   * Whether a failure is made as small as possible, and looked for in weaker modes. Otherwise it is reported as it was
   * found, and its weakest mode is the one it was found in. Default: true.
   */
  readonly shrink?: boolean | undefined
}

/** The effect, or how to make it: it is begun anew in every run. */
export type Make<A, E, R> = Effect.Effect<A, E, R> | (() => Effect.Effect<A, E, R>)

export interface Session {
  readonly runner: Runner
  readonly mode: Mode
  readonly strategy: Strategy
  readonly seed: number
  readonly budget: { readonly runs: number; readonly millis: number }
}

export const session = <A, E, R>(
  make: Make<A, E, R>,
  context: Context.Context<R>,
  options: Options,
  fallback: { readonly runs: number; readonly strategy?: Strategy }
): Session => {
  const { daemons = "forbid", maxBypass, maxSteps = 20_000, millis = Infinity, mode = "op", outside } = options
  const { runs = fallback.runs, seed = 0, strategy = fallback.strategy ?? portfolio() } = options
  checkOneOf("mode", mode, modes)
  checkOneOf("daemons", daemons, ["forbid", "allow"])
  check("runs", runs, rules.positiveOrInfinity)
  check("millis", millis, rules.time)
  check("maxSteps", maxSteps, rules.positive)
  check("seed", seed, rules.seed)
  if (maxBypass !== undefined) check("maxBypass", maxBypass, rules.count)
  return {
    // the context of the caller has what the program requires
    runner: new Runner((Effect.isEffect(make) ? () => make : make) as () => Effect.Effect<A, E>, context, {
      maxSteps,
      maxBypass,
      daemons,
      outsideMillis: outside === undefined ? undefined : millisOf("outside", outside)
    }),
    mode: strategy.mode ?? mode,
    strategy,
    seed,
    budget: { runs, millis }
  }
}

/** As long as a real timer can be. */
const millisOf = (what: string, input: Duration.Input): number => {
  const millis = Option.getOrUndefined(Option.map(Duration.fromInput(input), Duration.toMillis))
  if (millis !== undefined && millis >= 0 && millis < 2 ** 31) return millis
  return mistake(what, "a duration of less than 2^31 milliseconds", input)
}
