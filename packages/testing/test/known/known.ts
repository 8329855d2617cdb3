/**
 * Bugs of Effect 4.1.0 that the explorer has to find. The programs are built from the alias `effect-4.1.0`, so that they
 * go on testing that version when the workspace moves on; the explorer runs them with the Effect of the workspace.
 *
 * This file is the one place where the two meet. At run time they agree on strings: the keys of services, the protocol
 * of the primitives. The types are the same as long as the versions are; here is where to cast when they no longer are.
 */
import * as Pinned from "effect-4.1.0/Effect"
import * as Effect from "effect/Effect"
import { assert, it } from "vitest"

import * as Explorer from "../../src/Explorer.ts"
import * as Strategy from "../../src/Strategy.ts"

/** A program of the pinned version, for `it.explore`. */
export const pinned = (program: Pinned.Effect<unknown, unknown>): Effect.Effect<unknown, unknown> => program

/** `Explorer.step` for programs of the pinned version. */
export const step = Explorer.step

/** Dies of what holds otherwise. */
export const must = (holds: boolean, otherwise: string): Pinned.Effect<void> =>
  holds ? Pinned.void : Pinned.die(new Error(otherwise))

export interface Finding {
  readonly program: Pinned.Effect<unknown, unknown>
  /** The weakest mode that shows it: it is explored in this one, and those before it show nothing. */
  readonly weakestMode: Explorer.Mode
  /** How many runs it takes the portfolio at most, from seed 0. */
  readonly runs: number
  /** How many preemptions it takes at least. Default: 1. */
  readonly preemptions?: number
  readonly maxBypass?: number
  /** The file in `traces/` that has the shrunk trace. */
  readonly trace: string
}

/**
 * A test that the portfolio finds the bug within its runs, and that the trace with the fewest deviations is the same on
 * every machine. That one is found by exhaustion, which leaves nothing to shrink: shrinking has a limit in time.
 */
export const finds = (name: string, { program, trace, weakestMode, ...finding }: Finding): void =>
  it(name, async ({ expect }) => {
    const { maxBypass, preemptions = 1, runs } = finding
    const explore = (options: Explorer.Options) =>
      Effect.runPromise(Explorer.explore(pinned(program), { mode: weakestMode, maxBypass, ...options }))

    assert.isFalse((await explore({ runs, shrink: false })).passed, `not found in ${runs} runs`)

    const { failure } = await explore({
      strategy: Strategy.exhaustive({ preemptions, order: "deviations" }),
      runs: 10_000
    })
    assert(failure !== undefined, `not found by exhaustion with ${preemptions} preemptions`)
    assert.strictEqual(failure.weakestMode, weakestMode)
    await expect(`${failure.trace}\n`).toMatchFileSnapshot(`traces/${trace}.txt`)

    const again = await explore({ strategy: Strategy.replay(failure.replay), shrink: false })
    assert.strictEqual(again.failure?.verdict._tag, failure.verdict._tag)
  })
