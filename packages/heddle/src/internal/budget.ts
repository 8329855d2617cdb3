/**
 * The machinery of `RetryBudget`: two counts, and the rule between them. `Hedge` takes from it too.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Inspectable from "effect/Inspectable"
import type * as Option from "effect/Option"
import type * as Pipeable from "effect/Pipeable"

import { checkCount, checkOptions, checkThat, isWithin } from "./defect.ts"
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

/** Real traffic, once for all that runs inside of it: a hedge inside a retry is one execution, not two. */
class Execution {
  readonly budget: Budget
  /** What runs in it. At zero it is over: a daemon that has outlived it and calls again is traffic of its own. */
  users = 1

  constructor(budget: Budget) {
    this.budget = budget
  }
}

/** The executions that a fiber is part of, those that are over included. */
const Counted = Context.Reference<ReadonlyArray<Execution>>("heddle/RetryBudget/Counted", { defaultValue: () => [] })

export class Budget extends Handle implements RetryBudget {
  readonly [TypeId]: typeof TypeId = TypeId
  private readonly ratio: number
  private readonly minConcurrency: number
  private executions = 0
  private extra = 0
  private granted = 0
  private refused = 0

  constructor(options: Options) {
    const label = checkOptions("RetryBudget.make", options)
    const { minConcurrency = 3, name, ratio = 0.2 } = options
    super("RetryBudget", name)
    checkThat(isWithin(ratio, 0, 1), label, "ratio", ratio, "from 0 to 1")
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

  /** Runs real traffic: counted while it runs, with the execution around it if there is one. */
  execution<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.withFiber((fiber) => {
      let execution: Execution | undefined
      const enter = Effect.suspend(() => {
        const counted = fiber.getRef(Counted).filter(({ users }) => users > 0)
        execution = counted.find(({ budget }) => budget === this)
        if (execution !== undefined) {
          execution.users++
          return effect
        }
        execution = new Execution(this)
        this.executions++
        return Effect.provideService(effect, Counted, [...counted, execution])
      })
      return Effect.onExitPrimitive(enter, () => {
        if (execution !== undefined && --execution.users === 0) this.executions--
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
