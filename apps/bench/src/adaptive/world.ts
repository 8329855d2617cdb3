/**
 * A world of its own: time passes only when nothing is left to run, and chance is a seeded stream. Fibers run in it as they
 * do outside, on a scheduler and a clock that the world owns, so hours take seconds and two runs are the same.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { Scheduler } from "effect/Scheduler"

import { Heap } from "./heap.ts"

export class World {
  /** In milliseconds. */
  now = 0
  private readonly timers = new Heap<() => void>()
  private readonly tasks: Array<() => void> = []
  private seed: number

  constructor(seed: number) {
    this.seed = seed
  }

  readonly scheduler: Scheduler = {
    executionMode: "async",
    shouldYield: (fiber) => fiber.currentOpCount >= 2048,
    makeDispatcher: () => ({ scheduleTask: (task) => void this.tasks.push(task), flush: () => this.drain() })
  }

  readonly clock: Clock.Clock = {
    currentTimeMillisUnsafe: () => this.now,
    currentTimeMillis: Effect.sync(() => this.now),
    currentTimeNanosUnsafe: () => this.nanos(),
    currentTimeNanos: Effect.sync(() => this.nanos()),
    monotonicTimeNanosUnsafe: () => this.nanos(),
    monotonicTimeNanos: Effect.sync(() => this.nanos()),
    sleep: (duration) =>
      Effect.callback((resume) => {
        // a timer of somebody who was interrupted resumes nobody
        this.after(Duration.toMillis(duration), () => resume(Effect.void))
      })
  }

  after(millis: number, action: () => void): void {
    this.timers.push(this.now + millis, action)
  }

  /** Starts a fiber and calls back with its exit. */
  start<A, E>(effect: Effect.Effect<A, E>, onExit: (exit: Exit.Exit<A, E>) => void): void {
    const here = Effect.provideService(effect, Clock.Clock, this.clock)
    Effect.runFork(here, { scheduler: this.scheduler }).addObserver(onExit)
  }

  /** Lets time pass until that moment. */
  run(untilMillis: number): void {
    this.drain()
    while (this.timers.least <= untilMillis) {
      this.now = this.timers.least
      this.timers.pop()!()
      this.drain()
    }
    this.now = untilMillis
  }

  /** A number from 0 up, below 1. */
  random(): number {
    // mulberry32
    this.seed = (this.seed + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.seed ^ (this.seed >>> 15), 1 | this.seed)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** Exponentially distributed: the time between two arrivals, or the work of a call. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.random())
  }

  private drain(): void {
    for (let task = this.tasks.shift(); task !== undefined; task = this.tasks.shift()) task()
  }

  private nanos(): bigint {
    return BigInt(Math.round(this.now * 1e6))
  }
}
