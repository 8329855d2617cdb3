/**
 * The machinery of `RetryBudget`: two counts, and the rule between them. `Hedge` takes from it too.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Inspectable from "effect/Inspectable"
import type * as Option from "effect/Option"
import type * as Pipeable from "effect/Pipeable"

import { checkCount } from "./defect.ts"
import { Handle } from "./handle.ts"

export const TypeId = "~heddle/RetryBudget"

/**
 * A bound on retries and hedges together. Opaque: the functions of `RetryBudget` are its behaviour.
 *
 * @since 0.1.0
 * @category models
 */
export interface RetryBudget extends Pipeable.Pipeable, Inspectable.Inspectable {
  readonly [TypeId]: typeof TypeId
}

export interface Options {
  readonly ratio?: number | undefined
  readonly minConcurrency?: number | undefined
  readonly name?: string | undefined
}

/** The budgets under which a fiber's execution is counted already: a hedge inside a retry is one execution, not two. */
const Counted = Context.Reference<ReadonlyArray<Budget>>("heddle/RetryBudget/Counted", { defaultValue: () => [] })

export class Budget extends Handle implements RetryBudget {
  readonly [TypeId]: typeof TypeId = TypeId
  private readonly ratio: number
  private readonly minConcurrency: number
  private executions = 0
  private extra = 0
  private granted = 0
  private refused = 0

  constructor({ minConcurrency = 3, name, ratio = 0.2 }: Options) {
    super("RetryBudget", name)
    const label = this.label("make")
    if (!(ratio >= 0 && ratio <= 1)) throw new RangeError(`${label}: ratio must be from 0 to 1, got ${ratio}`)
    checkCount(label, "minConcurrency", minConcurrency, "or Infinity")
    this.ratio = ratio
    this.minConcurrency = minConcurrency
  }

  stats() {
    const { executions, extra, granted, refused } = this
    return { executions, extra, granted, refused }
  }

  /** Takes room for one further attempt, until `release`. */
  takeIfAvailable(): boolean {
    const inShare = this.ratio > 0 && this.extra / this.executions <= this.ratio
    if (this.extra >= this.minConcurrency && !inShare) {
      this.refused++
      return false
    }
    this.granted++
    this.extra++
    this.executions++
    return true
  }

  release(): void {
    this.extra--
    this.executions--
  }

  /** Runs real traffic: counted while it runs. */
  execution<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.withFiber((fiber) => {
      const counted = fiber.getRef(Counted)
      if (counted.includes(this)) return effect
      let running = false
      const enter = Effect.suspend(() => {
        running = true
        this.executions++
        return Effect.provideService(effect, Counted, [...counted, this])
      })
      return Effect.onExitPrimitive(enter, () => {
        if (running) this.executions--
        return undefined
      })
    })
  }

  /** Runs a further attempt if there is room. */
  attemptIfAvailable<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Option.Option<A>, E, R> {
    return Effect.suspend(() => {
      let held = false
      const enter = Effect.suspend(() => {
        held = this.takeIfAvailable()
        return held ? Effect.asSome(effect) : Effect.succeedNone
      })
      return Effect.onExitPrimitive(enter, () => {
        if (held) this.release()
        return undefined
      })
    })
  }
}
