/**
 * `f(self, ...options)(effect)`, a combinator, and `f(self, ...options, effect)`, which runs: for a function of so many
 * parameters, of which the effect is the last. Not `dual`: there, the effect would come first. One form per number of
 * parameters, since gathering and spreading them costs as much as taking a permit.
 */
import type * as Effect from "effect/Effect"

export type AnyEffect = Effect.Effect<any, any, any>

type Run = (...args: Array<any>) => AnyEffect

const forms = {
  2: (f: Run) => (self: unknown, effect?: AnyEffect) =>
    effect === undefined ? (effect: AnyEffect) => f(self, effect) : f(self, effect),
  3: (f: Run) => (self: unknown, a: unknown, effect?: AnyEffect) =>
    effect === undefined ? (effect: AnyEffect) => f(self, a, effect) : f(self, a, effect),
  4: (f: Run) => (self: unknown, a: unknown, b: unknown, effect?: AnyEffect) =>
    effect === undefined ? (effect: AnyEffect) => f(self, a, b, effect) : f(self, a, b, effect)
}

export const effectLast = <F>(parameters: keyof typeof forms, f: Run): F => forms[parameters](f) as F
