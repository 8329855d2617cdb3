/** What an exploration is made of: the options of its caller, checked, and what runs it. */
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"

import { portfolio, type Strategy } from "../Strategy.ts"
import type { Mode } from "./model.ts"
import { Runner } from "./runner.ts"

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Which interleavings are explored. Default: `op`. */
  readonly mode?: Mode | undefined
  /** Default: `Strategy.portfolio()`. */
  readonly strategy?: Strategy | undefined
  /** At most so many runs. Default: 2,000. */
  readonly runs?: number | undefined
  /** At most so many milliseconds. Default: no limit. */
  readonly millis?: number | undefined
  /** Default: 0. */
  readonly seed?: number | undefined
  /** Operations after which a run goes on in fair order, and after as many more is a livelock. Default: 20,000. */
  readonly maxSteps?: number | undefined
  /** How often a fiber that waits at an `Explorer.step` may be overtaken there by others. Default: not counted. */
  readonly maxBypass?: number | undefined
  /** Whether fibers may outlive the root. Default: `forbid`. */
  readonly daemons?: "forbid" | "allow" | undefined
  /** How long to wait for real timers and promises when nothing can run. Default: 50 ms. */
  readonly outside?: Duration.Input | undefined
  /** Whether a failure is shrunk. Default: true. */
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
  const program = typeof make === "function" ? make : () => make
  const strategy = options.strategy ?? fallback.strategy ?? portfolio()
  const maxSteps = options.maxSteps ?? 20_000
  if (!(maxSteps > 0)) throw new Error(`maxSteps has to be positive, and is ${maxSteps}`)
  return {
    // the context of the caller has what the program requires
    runner: new Runner(program as () => Effect.Effect<A, E>, context, {
      maxSteps,
      maxBypass: options.maxBypass,
      daemons: options.daemons ?? "forbid",
      outsideMillis: Duration.toMillis(options.outside ?? 50)
    }),
    mode: strategy.mode ?? options.mode ?? "op",
    strategy,
    seed: options.seed ?? 0,
    budget: { runs: options.runs ?? fallback.runs, millis: options.millis ?? Infinity }
  }
}
