/**
 * A branch of `Select` that takes from a limiter: at once if a request would not wait; else it stands in line and takes at its
 * turn, as everybody does. What it took goes back unless its handler is the one that begins.
 */
import * as Effect from "effect/Effect"

import type { Attempt } from "../selection.ts"
import { asLimiter } from "./limiter.ts"
import type { RateLimiter, TakeOptions } from "./model.ts"

type AnyEffect = Effect.Effect<any, any, any>

export const tokens = <E>(
  self: RateLimiter<E>,
  n: number | undefined,
  options: TakeOptions | undefined,
  handler: () => AnyEffect
): Attempt => ({
  // `handler` is called in the step that takes
  attempt: (orElse) =>
    Effect.flatMap(asLimiter(self).takeIfAvailable(n, options), (taken) => (taken ? handler() : orElse())),
  wait: (held) => {
    let begun = false
    const body = Effect.suspend(() => {
      begun = true
      return handler()
    })
    return Effect.acquireUseRelease(
      asLimiter(self).reserve(n, options),
      (reservation) =>
        Effect.andThen(
          reservation.await,
          Effect.callback<never>(() => held(body))
        ),
      (reservation) => (begun ? Effect.void : reservation.undo)
    )
  }
})
