/**
 * Branches of a `Select`: a source, what is done with its values, and how that becomes an attempt of a run.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { identity } from "effect/Function"
import * as Option from "effect/Option"
import { pipeArguments } from "effect/Pipeable"

import type { Attempt } from "./selection.ts"

export const TypeId = "~heddle/Select/Branch"

type AnyEffect = Effect.Effect<any, any, any>
type AnyFiber = Fiber.Fiber<unknown, unknown>

/** A description: each run begins its own attempt. */
export class Branch {
  readonly [TypeId] = variance
  readonly begin: (fiber: AnyFiber) => Attempt

  constructor(begin: (fiber: AnyFiber) => Attempt) {
    this.begin = begin
  }

  pipe() {
    return pipeArguments(this, arguments)
  }
}

const variance = { _A: identity, _E: identity, _R: identity }

/** What is done with a value, and with a failure of the source itself. Without a handler they are the result. */
export interface Handlers {
  readonly onValue: ((value: any) => AnyEffect) | undefined
  readonly onFailure: ((error: any) => AnyEffect) | undefined
}

/** A source from which a step can take without waiting. */
export interface Source {
  /** What was taken, as an exit; an effect if it is there to stay; `undefined` if there is nothing. */
  readonly take: () => AnyEffect | undefined
  /** Waits until `take` would take something, takes nothing, and does not fail. */
  readonly ready: Effect.Effect<unknown>
}

export const taking = (source: (fiber: AnyFiber) => Source, { onFailure, onValue }: Handlers): Branch =>
  new Branch((fiber) => {
    const { ready, take } = source(fiber)
    const goOnWith = (taken: AnyEffect): AnyEffect => {
      if (onFailure !== undefined) return Effect.matchEffect(taken, { onSuccess: onValue ?? Effect.succeed, onFailure })
      return onValue === undefined ? taken : Effect.flatMap(taken, onValue)
    }
    return {
      attempt: () => {
        const taken = take()
        if (taken === undefined) return undefined
        if (!Exit.isExit(taken) || taken._tag === "Failure") return { effect: goOnWith(taken) }
        // here and now, while nothing can come in between
        return onValue === undefined ? { value: taken.value } : { effect: onValue(taken.value) }
      },
      wait: () => ready
    }
  })

/** A bridge: only its `commit` can tell whether there is something. */
export const committing = (
  ready: AnyEffect,
  commit: Effect.Effect<Option.Option<unknown>, unknown, any>,
  { onFailure = Effect.fail, onValue = Effect.succeed }: Handlers
): Branch =>
  new Branch(() => ({
    attempt: (orElse) => {
      // the handler is called before an interruption is looked for, and runs outside of the mask
      const committed = Effect.match(commit, {
        onFailure,
        onSuccess: Option.match({ onNone: orElse, onSome: onValue })
      })
      return { effect: Effect.flatten(Effect.uninterruptible(committed)) }
    },
    wait: () => ready
  }))

/** A source that has a line, and takes back what it gave: waiting is standing in the line. */
export const holding = (
  ifAvailable: (body: AnyEffect) => Effect.Effect<Option.Option<unknown>, any, any>,
  inTurn: (body: AnyEffect) => AnyEffect,
  body: AnyEffect
): Branch =>
  new Branch(() => ({
    attempt: (orElse) => ({
      effect: Effect.flatMap(ifAvailable(body), Option.match({ onNone: orElse, onSome: Effect.succeed }))
    }),
    wait: (held) => inTurn(Effect.callback<never>(() => held(body)))
  }))
