/**
 * Branches of a `Select`: a source, what is done with its values, and how that becomes an attempt of a run.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
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

/** A source whose result is there to stay, the same for whoever asks. */
export interface Lasting {
  /** `undefined` if there is none yet. */
  readonly result: () => AnyEffect | undefined
  /** Waits until there is one, and does not fail. */
  readonly ready: Effect.Effect<unknown>
}

/** A source from which a step can take without waiting. */
export interface Source {
  /** Whether `take` would take something now. */
  readonly has: () => boolean
  /** What was taken, or a failure that is there to stay; `undefined` if there is nothing. */
  readonly take: () => Exit.Exit<unknown, unknown> | undefined
  /** Puts back what was just taken, as if it had never been. Without it a handler is called in the step that takes. */
  readonly giveBack: ((value: any) => void) | undefined
  /** Waits until `take` would take something, takes nothing, and does not fail. */
  readonly ready: Effect.Effect<unknown>
}

const goOnWith = (taken: AnyEffect, { onFailure, onValue }: Handlers): AnyEffect => {
  if (onFailure !== undefined) return Effect.matchEffect(taken, { onSuccess: onValue ?? Effect.succeed, onFailure })
  return onValue === undefined ? taken : Effect.flatMap(taken, onValue)
}

export const lasting = (source: (fiber: AnyFiber) => Lasting, handlers: Handlers): Branch =>
  new Branch((fiber) => {
    const { ready, result } = source(fiber)
    return {
      attempt: () => {
        const there = result()
        return there === undefined ? undefined : goOnWith(there, handlers)
      },
      wait: () => ready
    }
  })

export const taking = (source: Source, handlers: Handlers): Branch =>
  new Branch(() => ({
    attempt: (orElse) => (source.has() ? take(source, handlers, orElse) : undefined),
    wait: () => source.ready
  }))

/** What a step goes on with in place of a value, which would be the result already: so it is thrown. */
class Instead {
  readonly effect: AnyEffect
  constructor(effect: AnyEffect) {
    this.effect = effect
  }
}

const isInstead = (reason: Cause.Reason<unknown>): boolean => reason._tag === "Die" && reason.defect instanceof Instead

/**
 * Takes, and hands over in the same step: an operation in between would be a place for an interruption to come, and to lose
 * what was taken. One may still come from within, since to take may wake a producer on this very stack. It ends the inner
 * region, and the outer one is there for the undoing. Once both have been left without it, nothing but the handler, or the
 * caller, is next. For the same reason no frame is left around the handler, so it may select again for ever.
 */
const take = ({ giveBack, take }: Source, handlers: Handlers, orElse: () => AnyEffect): AnyEffect => {
  const { onValue } = handlers
  let held: Exit.Success<unknown> | undefined
  const step = Effect.sync(() => {
    const taken = take()
    if (taken === undefined) throw new Instead(orElse())
    if (taken._tag === "Failure") throw new Instead(goOnWith(taken, handlers))
    if (giveBack === undefined && onValue !== undefined) throw new Instead(onValue(taken.value))
    held = taken as Exit.Success<unknown>
    return taken.value
  })
  // as a typed failure: that is what Effect drops where an interruption skips its handler
  const undo = (cause: Cause.Cause<never>): Effect.Effect<never, Instead> => {
    if (held !== undefined) giveBack?.(held.value)
    const thrown = cause.reasons.find(isInstead) as Cause.Die | undefined
    return thrown === undefined ? Effect.failCause(cause) : Effect.fail(thrown.defect as Instead)
  }
  const safely = Effect.uninterruptibleMask((restore) => Effect.catchCause(restore(step), undo))
  const onFailure = (cause: Cause.Cause<Instead>): AnyEffect => {
    const [reason] = cause.reasons
    return reason?._tag === "Fail" ? reason.error.effect : Effect.failCause(cause)
  }
  if (onValue === undefined || giveBack === undefined) return Effect.catchCause(safely, onFailure)
  return Effect.matchCauseEffect(safely, { onSuccess: onValue, onFailure })
}

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
      return Effect.flatten(Effect.uninterruptible(committed))
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
    attempt: (orElse) => Effect.flatMap(ifAvailable(body), Option.match({ onNone: orElse, onSome: Effect.succeed })),
    wait: (held) => inTurn(Effect.callback<never>(() => held(body)))
  }))
