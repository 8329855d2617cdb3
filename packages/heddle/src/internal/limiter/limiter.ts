/**
 * The handle of a limiter: its operations over a gate, which is there always, or which a key has for as long as it needs
 * one.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Inspectable from "effect/Inspectable"
import * as Pipeable from "effect/Pipeable"

import { nanosLeft } from "../deadline.ts"
import { checkCount, checkPriority, checkPriorityStep, checkThat, describe, labelOf } from "../defect.ts"
import type { Carry } from "../limits/interpret.ts"
import type { RateLimit } from "../limits/model.ts"
import { checkedNanos, durationOf } from "./durations.ts"
import type { RateLimited } from "./errors.ts"
import { Gate, type Request, type Rules } from "./gate.ts"
import type { MemoryGate } from "./memoryGate.ts"
import { type BoundedOptions, type RateLimiter, type TakeOptions, TypeId } from "./model.ts"
import { Place } from "./place.ts"
import type { SharedGate } from "./sharedGate.ts"
import type { MemorySource, Source } from "./source.ts"

type AnyEffect = Effect.Effect<any, any, any>

/** Nothing is required but by what `withLimit` runs. */
type Answer = Effect.Effect<any, any>

const variance = { _E: (): never => undefined as never }

export type AnyLimiter = Limiter<any>

/** Handles are opaque to users; there are no others than these. */
export const asLimiter = (self: RateLimiter<any>): AnyLimiter => self as unknown as AnyLimiter

/** Whether a function that takes the limiter first was called with all its arguments at once. */
export const isFirst = (args: ArrayLike<unknown>): boolean => args[0] instanceof Limiter

const overflows: ReadonlySet<Rules["overflow"]> = new Set(["fail", "dropOldest", "dropLowestPriority"])

export const rulesOf = (operation: string, options: BoundedOptions): Rules => {
  const { maxWait = Infinity, maxWaiting = Infinity, name, overflow = "fail", priorityStep } = options
  checkCount(operation, "maxWaiting", maxWaiting, "or Infinity")
  if (priorityStep !== undefined) checkPriorityStep(operation, priorityStep)
  checkThat(overflows.has(overflow), operation, "overflow", overflow, "one of " + [...overflows].join(", "))
  return { name, maxWait: checkedNanos(operation, "maxWait", maxWait), maxWaiting, overflow, priorityStep }
}

/** Thrown by a take that has to wait, caught by the wait: see `MemoryLimiter.take`. */
const mustWait = new Error("must wait")

abstract class Limiter<G extends Gate & { readonly capacity: number }> extends Inspectable.Class {
  readonly [TypeId] = variance
  abstract readonly source: Source<G>

  abstract takeIfAvailable(n?: number, options?: TakeOptions): Answer
  abstract take(n?: number, options?: TakeOptions): Answer
  abstract guard(effect: AnyEffect, n?: number, options?: TakeOptions): AnyEffect
  abstract peek(n?: number, options?: TakeOptions): Answer
  abstract stats(): Answer
  abstract setLimit(limit: RateLimit, carry: Carry): Effect.Effect<void>
  abstract penalize(nanos: number): Answer
  abstract override toJSON(): object

  pipe() {
    return Pipeable.pipeArguments(this, arguments)
  }

  reserve(n?: number, options?: TakeOptions): Answer {
    return Effect.suspend((): Answer => {
      const request = this.request("reserve", n, options)
      const tooMuch = this.tooMuch("reserve", request.n)
      if (tooMuch !== undefined) return Effect.fail(tooMuch)
      const gate = this.source.gate()
      const place = gate.join(request)
      if (!(place instanceof Place)) return Effect.fail(place)
      return Effect.succeed({
        delay: Effect.sync(() => durationOf(gate.estimateOf(place))),
        await: gate.await(place),
        cancel: Effect.suspend(() => gate.cancel(place) ?? Effect.void),
        undo: Effect.suspend(() => gate.leave(place) ?? Effect.void)
      })
    })
  }

  /** The longest wait that is asked for, where one is. */
  protected check(operation: string, n: number, options: TakeOptions | undefined): number | undefined {
    if (!(typeof n === "number" && n >= 0 && n < Infinity)) {
      throw new RangeError(`${this.label(operation)}: n must be a finite number from zero up, got ${describe(n)}`)
    }
    if (options === undefined) return undefined
    const { maxWait, priority = 0 } = options
    checkPriority(this.label(operation), priority)
    return maxWait === undefined ? undefined : checkedNanos(this.label(operation), "maxWait", maxWait)
  }

  protected request(operation: string, n = 1, options?: TakeOptions): Request {
    const maxWait = this.check(operation, n, options) ?? this.source.rules.maxWait
    return { n, priority: options?.priority ?? 0, maxWait }
  }

  label(operation: string): string {
    return labelOf(`RateLimiter.${operation}`, this.source.rules.name)
  }

  /** Looked at where there was not enough: a request that nothing could ever meet dies, one that a former limit could fails. */
  protected tooMuch(operation: string, n: number): RateLimited | undefined {
    return this.source.with((gate) => {
      if (n <= gate.capacity) return undefined
      if (n <= gate.largest) return gate.limited(n, Infinity)
      throw new RangeError(
        `${this.label(operation)}: ${n} can never be taken at once, the largest capacity ever set is ${gate.largest}`
      )
    })
  }

  protected waitOrRefuse(operation: string, request: Request): Answer {
    const tooMuch = this.tooMuch(operation, request.n)
    return tooMuch === undefined ? this.wait(request) : Effect.fail(tooMuch)
  }

  protected wait(request: Request): Answer {
    const gate = () => this.source.gate()
    return Effect.withFiber((fiber) =>
      Gate.take(gate, { ...request, maxWait: Math.min(request.maxWait, nanosLeft(fiber)) })
    )
  }
}

export class MemoryLimiter extends Limiter<MemoryGate> {
  readonly source: MemorySource

  constructor(source: MemorySource) {
    super()
    this.source = source
  }

  // Nothing is made per request in these three where it need not wait.

  takeIfAvailable(n = 1, options?: TakeOptions): Effect.Effect<boolean> {
    const priority = options?.priority ?? 0
    return Effect.sync(() => {
      this.check("takeIfAvailable", n, options)
      if (this.source.takeNow(n, priority)) return true
      this.tooMuch("takeIfAvailable", n)
      return false
    })
  }

  /**
   * Inside a mask, `restore(take)` must not lose tokens to an interruption, so there may be no operation between the taking
   * and the caller's next step. `sync` hands its value straight to the caller, where a `suspend` that takes and returns
   * has a gap. Where it has to wait, and only then, a throw leads to the wait.
   */
  take(n = 1, options?: TakeOptions): Answer {
    const priority = options?.priority ?? 0
    const takeOrThrow = Effect.sync(() => {
      this.check("take", n, options)
      if (!this.source.takeNow(n, priority)) throw mustWait
    })
    return Effect.catchCause(takeOrThrow, (cause) =>
      Cause.squash(cause) === mustWait
        ? this.waitOrRefuse("take", this.request("take", n, options))
        : Effect.failCause(cause)
    )
  }

  guard(effect: AnyEffect, n = 1, options?: TakeOptions): AnyEffect {
    const priority = options?.priority ?? 0
    return Effect.suspend(() => {
      this.check("withLimit", n, options)
      if (this.source.takeNow(n, priority)) return effect
      return Effect.flatMap(this.waitOrRefuse("withLimit", this.request("withLimit", n, options)), () => effect)
    })
  }

  peek(n?: number, options?: TakeOptions): Effect.Effect<Duration.Duration> {
    return Effect.sync(() => {
      const request = this.request("peek", n, options)
      const delay = (gate: MemoryGate) =>
        gate.canTake(request.n, request.priority) ? 0 : gate.estimate(request.n, gate.ahead(request.priority))
      return durationOf(this.source.with(delay))
    })
  }

  stats() {
    return Effect.sync(() => this.source.with(shown))
  }

  setLimit(limit: RateLimit, carry: Carry): Effect.Effect<void> {
    return Effect.sync(() =>
      this.source.with((gate) => {
        this.source.keep(gate)
        gate.setLimit(limit, carry)
      })
    )
  }

  penalize(nanos: number): Effect.Effect<void> {
    return Effect.sync(() => this.source.with((gate) => gate.penalize(nanos)))
  }

  toJSON() {
    const { penalizedFor, ...stats } = this.source.with(shown)
    return { _id: "RateLimiter", name: this.source.rules.name, ...stats, penalizedFor: Duration.format(penalizedFor) }
  }
}

const shown = (gate: MemoryGate) => ({
  limit: gate.account.algorithm.kept,
  available: gate.available(),
  waiting: gate.waiting,
  penalizedFor: durationOf(gate.penalizedFor)
})

export class SharedLimiter extends Limiter<SharedGate> {
  readonly source: Source<SharedGate>

  constructor(source: Source<SharedGate>) {
    super()
    this.source = source
  }

  takeIfAvailable(n?: number, options?: TakeOptions): Answer {
    return Effect.suspend(() => {
      const request = this.request("takeIfAvailable", n, options)
      if (this.tooMuch("takeIfAvailable", request.n) !== undefined) return Effect.succeed(false)
      return this.source.with((gate) => gate.takeNow(request.n, request.priority))
    })
  }

  take(n?: number, options?: TakeOptions): Answer {
    return Effect.suspend(() => this.waitOrRefuse("take", this.request("take", n, options)))
  }

  guard(effect: AnyEffect, n?: number, options?: TakeOptions): AnyEffect {
    const turn = Effect.suspend(() => this.waitOrRefuse("withLimit", this.request("withLimit", n, options)))
    return Effect.flatMap(turn, () => effect)
  }

  peek(n?: number, options?: TakeOptions): Answer {
    return Effect.suspend(() => {
      const request = this.request("peek", n, options)
      const standing = this.source.with((gate) => gate.peek(request.n))
      return Effect.map(standing, ({ retryAfter }) => durationOf(retryAfter))
    })
  }

  stats(): Answer {
    return Effect.suspend(() =>
      this.source.with((gate) =>
        Effect.map(gate.peek(1), ({ available }) => ({
          limit: gate.limit,
          available,
          waiting: gate.waiting,
          penalizedFor: durationOf(gate.penalizedFor)
        }))
      )
    )
  }

  setLimit(limit: RateLimit): Effect.Effect<void> {
    return Effect.sync(() =>
      this.source.with((gate) => {
        this.source.keep(gate)
        gate.setLimit(limit)
      })
    )
  }

  penalize(nanos: number): Answer {
    return Effect.suspend(() => this.source.with((gate) => gate.penalize(nanos)))
  }

  toJSON() {
    const { limit, waiting } = this.source.with((gate) => gate)
    return { _id: "RateLimiter", name: this.source.rules.name, limit, waiting }
  }
}
