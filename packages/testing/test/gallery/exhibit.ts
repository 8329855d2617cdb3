/** What hangs in the gallery: a bug of the textbooks, as a program that has it and as one that has not. */
import * as Effect from "effect/Effect"

import type * as Explorer from "../../src/Explorer.ts"

export interface Exhibit {
  /** What goes wrong, in one sentence. */
  readonly bug: string
  readonly broken: Effect.Effect<unknown, unknown>
  readonly mended: Effect.Effect<unknown, unknown>
  readonly verdict: Explorer.Verdict["_tag"]
  /** The weakest mode that shows it. */
  readonly weakestMode: Explorer.Mode
  /** What the explorer has to be told, for both programs. */
  readonly options?: Pick<Explorer.Options, "maxBypass" | "maxSteps"> | undefined
}

/** Dies where the claim does not hold. */
export const claim = (holds: boolean, otherwise: string): Effect.Effect<void> =>
  holds ? Effect.void : Effect.die(new Error(otherwise))
