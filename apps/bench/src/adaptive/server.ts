/**
 * A server with a knee. Its cores are shared: of `n` calls each goes at full speed while there is a core for it, and at
 * `cores / n` of it beyond. And beyond the knee calls are in each other's way: with twice as many as cores everything takes
 * `contention` longer again. So up to the knee throughput grows with concurrency and latency stays; beyond it latency
 * grows faster than concurrency, and throughput falls.
 *
 * A caller waits for `timeout`, then goes away, and his call is abandoned: whatever was done for it was in vain.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"

import { Heap } from "./heap.ts"
import type { World } from "./world.ts"

export interface ServerOptions {
  readonly cores: number
  /** How long a call takes alone, on the average, in milliseconds. */
  readonly workMillis: number
  readonly contention: number
  readonly timeoutMillis: number
}

interface Call {
  readonly finish: (result: Effect.Effect<void, Cause.TimeoutError>) => void
  active: boolean
}

export class Server {
  private readonly world: World
  private options: ServerOptions
  // How much a call would have got done that was there from the beginning: a call is through when this has grown by its work.
  private done = 0
  private doneAt = 0
  private active = 0
  private readonly calls = new Heap<Call>()
  private departure = 0

  constructor(world: World, options: ServerOptions) {
    this.world = world
    this.options = options
  }

  /** From now on it is like this. */
  become(options: Partial<ServerOptions>): void {
    this.proceed()
    this.options = { ...this.options, ...options }
    this.awaitDeparture()
  }

  readonly call: Effect.Effect<void, Cause.TimeoutError> = Effect.callback((resume) => {
    this.proceed()
    const call: Call = { finish: resume, active: true }
    this.calls.push(this.done + this.world.exponential(this.options.workMillis), call)
    this.active++
    this.world.after(this.options.timeoutMillis, () => this.leave(call, Effect.fail(new Cause.TimeoutError())))
    this.awaitDeparture()
  })

  private get speed(): number {
    const { contention, cores } = this.options
    const beyond = Math.max(0, this.active - cores) / cores
    return Math.min(1, cores / Math.max(1, this.active)) / (1 + contention * beyond)
  }

  private proceed(): void {
    this.done += (this.world.now - this.doneAt) * this.speed
    this.doneAt = this.world.now
  }

  private leave(call: Call, result: Effect.Effect<void, Cause.TimeoutError>): void {
    if (!call.active) return
    this.proceed()
    call.active = false
    this.active--
    call.finish(result)
    this.awaitDeparture()
  }

  /** The next who is through. Whenever the speed changes the time is another: of several timers only the latest counts. */
  private awaitDeparture(): void {
    const latest = ++this.departure
    if (this.active === 0) return
    this.world.after(Math.max(0, this.calls.least - this.done) / this.speed, () => {
      if (latest !== this.departure) return
      this.proceed()
      const call = this.calls.pop()!
      if (call.active) this.leave(call, Effect.void)
      else this.awaitDeparture()
    })
  }
}
