/**
 * What the engine of a stage is told.
 */
import type * as Cause from "effect/Cause"
import type * as Effect from "effect/Effect"

import type { Meter } from "./meter.ts"

export interface Config<In, Out, Failed, E, R> {
  readonly run: (input: In) => Effect.Effect<Out, Failed, R>
  /** What a failure that stops the run looks like downstream. */
  readonly explain: (input: In, cause: Cause.Cause<Failed>) => Cause.Cause<E>
  /** What is done instead of stopping when an element fails in its error channel. Runs in the element's slot. */
  readonly recover: ((input: In, error: Failed) => Effect.Effect<unknown, E, R>) | undefined
  readonly key: ((input: In) => unknown) | undefined
  readonly concurrency: number
  readonly ordered: boolean
  /** How many results may wait to be taken. */
  readonly buffer: number
  /** How many results may wait for one ahead of them, and how many elements for others of their key. */
  readonly readAhead: number
  readonly meter: Meter
  readonly fate: Fate<In, Out>
}

/** Who wants to know what became of an element. */
export interface Fate<In, Out> {
  readonly succeeded: (input: In, output: Out) => Out
  readonly failed: (input: In, cause: Cause.Cause<unknown>) => void
  readonly leftOut: (input: In) => void
}
