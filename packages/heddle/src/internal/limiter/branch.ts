/**
 * What a branch of `Select` needs of a limiter: to take if nobody has to be waited for, and to stand in line. Standing there
 * takes at its turn, as everybody does; when another branch is chosen then, what was taken goes back.
 */
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"

import { asLimiter } from "./limiter.ts"
import type { RateLimiter, TakeOptions } from "./model.ts"

type AnyEffect = Effect.Effect<any, any, any>

/** Runs `body` if a request would not wait. */
export const ifAvailable =
  <E>(self: RateLimiter<E>, n: number, options?: TakeOptions) =>
  (body: AnyEffect): Effect.Effect<Option.Option<any>, any, any> => {
    const taken: Effect.Effect<boolean, unknown> = asLimiter(self).takeIfAvailable(n, options)
    return Effect.flatMap(taken, (taken) => (taken ? Effect.asSome(body) : Effect.succeedNone))
  }

/** Runs `body` at its turn. Unless `isChosen` when that ends, however it does, nothing was taken. */
export const inTurn =
  <E>(self: RateLimiter<E>, n: number, isChosen: () => boolean, options?: TakeOptions) =>
  (body: AnyEffect): AnyEffect =>
    Effect.acquireUseRelease(
      asLimiter(self).reserve(n, options),
      (reservation) => Effect.andThen(reservation.await, body),
      (reservation) => (isChosen() ? Effect.void : reservation.undo)
    )
