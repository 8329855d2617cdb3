/** Time that moves only when nothing can run. */
import type { Clock } from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

import type { FiberRecord } from "./fibers.ts"

export interface Sleeper {
  readonly at: number
  /** How long it sleeps: timers of one length fire in the order in which they were set. */
  readonly millis: number
  readonly wake: () => void
  readonly fiber: FiberRecord | undefined
}

/** How the clock reaches the run: who sleeps, and that a sleeper's time has come, or that it was interrupted. */
export interface Wakes {
  readonly running: () => FiberRecord | undefined
  readonly due: (sleeper: Sleeper) => void
  readonly gone: (sleeper: Sleeper) => void
}

/** The last instant that a Date can hold. Time stands still there; whoever sleeps wakes even so. */
const endOfTime = 8.64e15

export class VirtualClock implements Clock {
  private now = 0
  /** By time, and at one time in the order in which they fell asleep. */
  private readonly sleepers: Array<Sleeper> = []
  private readonly wakes: Wakes
  readonly currentTimeMillis = Effect.sync(() => this.now)
  readonly currentTimeNanos = Effect.sync(() => this.currentTimeNanosUnsafe())
  readonly monotonicTimeNanos = this.currentTimeNanos

  constructor(wakes: Wakes) {
    this.wakes = wakes
  }
  reset(): void {
    this.now = 0
    this.sleepers.length = 0
  }
  currentTimeMillisUnsafe(): number {
    return this.now
  }
  currentTimeNanosUnsafe(): bigint {
    const millis = Math.floor(this.now)
    return BigInt(millis) * 1_000_000n + BigInt(Math.round((this.now - millis) * 1e6))
  }
  monotonicTimeNanosUnsafe(): bigint {
    return this.currentTimeNanosUnsafe()
  }
  sleep(duration: Duration.Duration): Effect.Effect<void> {
    const millis = Duration.toMillis(duration)
    if (millis <= 0) return Effect.yieldNow
    if (!Number.isFinite(millis)) return Effect.never
    return Effect.callback<void>((resume) => {
      const at = Math.min(this.now + millis, endOfTime)
      const sleeper = { at, millis, wake: () => resume(Effect.void), fiber: this.wakes.running() }
      if (sleeper.fiber !== undefined) sleeper.fiber.wakesAt = at
      let index = this.sleepers.length
      while (index > 0 && this.sleepers[index - 1]!.at > sleeper.at) index--
      this.sleepers.splice(index, 0, sleeper)
      return Effect.sync(() => this.remove(sleeper))
    })
  }
  get hasSleepers(): boolean {
    return this.sleepers.length > 0
  }
  /** How long until anybody wakes. */
  get untilNext(): number {
    return (this.sleepers[0]?.at ?? Infinity) - this.now
  }
  /** Moves on to the next instant at which anybody wakes. */
  advance(): boolean {
    const first = this.sleepers[0]
    if (first === undefined) return false
    this.moveTo(first.at)
    return true
  }
  /** Moves on by so much, or to the next instant at which anybody wakes. */
  pass(millis: number): void {
    this.moveTo(Math.min(this.now + millis, this.sleepers[0]?.at ?? endOfTime))
  }
  private moveTo(time: number): void {
    this.now = time
    while (this.sleepers.length > 0 && this.sleepers[0]!.at <= time) {
      const sleeper = this.sleepers.shift()!
      if (sleeper.fiber !== undefined) sleeper.fiber.wakesAt = undefined
      this.wakes.due(sleeper)
    }
  }
  private remove(sleeper: Sleeper): void {
    if (sleeper.fiber !== undefined) sleeper.fiber.wakesAt = undefined
    const index = this.sleepers.indexOf(sleeper)
    if (index >= 0) this.sleepers.splice(index, 1)
    else this.wakes.gone(sleeper)
  }
}
