/**
 * `f(self, ...options)(effect)`, a combinator, and `f(self, ...options, effect)`, which runs: for a function of so many
 * parameters, of which the effect is the last. Not `dual`: there, the effect would come first.
 */
import type * as Effect from "effect/Effect"

export type AnyEffect = Effect.Effect<any, any, any>

export const effectLast = <F>(parameters: number, f: (...args: Array<any>) => AnyEffect): F =>
  ((...args: Array<any>) => (args.length < parameters ? (effect: AnyEffect) => f(...args, effect) : f(...args))) as F
