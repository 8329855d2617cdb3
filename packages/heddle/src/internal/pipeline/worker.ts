/**
 * Who runs the elements of a stage.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"

import { forksSoFar } from "./forks.ts"
import type { Lane } from "./lanes.ts"
import type { Timing } from "./meter.ts"

/** Needs no fiber. (No effect but an exit has a tag, mostly: that is the cheaper question.) */
export const isFinished = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): effect is Effect.Effect<A, E, R> & Exit.Exit<A, E> =>
  (effect as { readonly _tag?: string })._tag !== undefined && Exit.isExit(effect)

/** Those who work on one stage. */
export interface Crew<In, Out> {
  /** Gives a worker the next element, and the effect that it has to run for it. */
  claim(worker: Worker<In, Out>): boolean
  onSuccess(worker: Worker<In, Out>, result: unknown): void
}

/**
 * Runs elements one after the other, bare, in one fiber.
 *
 * ```
 *   idle ── claim ──▶ has an element ── succeeds ──▶ claims the next, or ends
 *                          ├─ has forked, and succeeds ──▶ ends, then gives its result
 *                          └─ fails ──▶ ends
 * ```
 */
export class Worker<In, Out> implements Timing {
  /** How many fibers had been forked anywhere when its fiber began. */
  mark = 0
  begun = 0
  standsFor = 0
  fiber: Fiber.Fiber<void, unknown> | undefined = undefined
  sequence = -1
  input: In | undefined = undefined
  lane: Lane<In> | undefined = undefined
  /** It has an element, which occupies a slot. */
  isBusy = false
  /** The element has failed, and this is its recovery. */
  recovers = false
  /** It has been interrupted, and its fiber must not come near another element. */
  isDoomed = false
  effect: Effect.Effect<any, any, any> = Effect.void
  /** The result of an element that has forked. */
  held: Out | undefined = undefined
  readonly loop: Effect.Effect<void, any, any>

  constructor(crew: Crew<In, Out>) {
    let begins = true
    const rounds = Effect.whileLoop({
      while: () => {
        if (begins) {
          begins = false
          return true
        }
        return !this.isBusy && !this.isDoomed && crew.claim(this)
      },
      body: () => this.effect,
      step: (result) => crew.onSuccess(this, result)
    })
    this.loop = Effect.withFiber((fiber) => {
      begins = true
      this.fiber = fiber as Fiber.Fiber<void, unknown>
      this.mark = forksSoFar()
      return rounds
    })
  }
}
