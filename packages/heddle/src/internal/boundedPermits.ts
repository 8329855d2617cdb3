/**
 * Permits with a line that is bounded, in callers and in time, and that can be closed: a `Bulkhead`, an `AdaptiveLimiter`.
 *
 * Everybody who waits may wait equally long, so deadlines come in the order of tickets, and one timer, for whoever has
 * waited longest, serves the whole line. It sleeps while somebody waits and ends when nobody does.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

import { checkCount, checkDuration, checkPositive, describe } from "./defect.ts"
import type { AnyEffect } from "./effectLast.ts"
import { type Ask, Permits, type RequestOptions } from "./permits.ts"

const overflows = ["fail", "dropOldest", "dropLowestPriority"] as const

export type Overflow = (typeof overflows)[number]

export interface Bounds {
  readonly concurrency: number
  readonly maxWaiting: number
  readonly maxWait?: Duration.Input | undefined
  readonly overflow?: Overflow | undefined
  readonly priorityStep?: number | undefined
  readonly name?: string | undefined
}

export abstract class BoundedPermits extends Permits {
  protected readonly maxWaiting: number
  /** In nanoseconds; undefined for no limit. */
  private readonly maxWait: bigint | undefined
  private readonly overflow: Overflow
  protected refused = 0
  protected timedOut = 0
  /** The latest time of all that were read: see `now`. */
  private latest = 0n
  // Invariant: it runs while somebody waits and the wait is limited, and only then.
  private timer: Fiber.Fiber<void> | undefined = undefined

  constructor(kind: string, what: string, bounds: Bounds) {
    const { concurrency, maxWait, maxWaiting, name, overflow = "fail", priorityStep } = bounds
    super({ kind, what, permits: concurrency, priorityStep, name })
    const make = this.label("make")
    checkPositive(make, what, concurrency, "or Infinity")
    checkCount(make, "maxWaiting", maxWaiting, "or Infinity")
    if (!overflows.includes(overflow)) {
      throw new RangeError(`${make}: overflow must be one of ${overflows.join(", ")}, got ${describe(overflow)}`)
    }
    const duration = maxWait === undefined ? Duration.infinity : checkDuration(make, "maxWait", maxWait)
    this.maxWaiting = maxWaiting
    this.maxWait = Duration.isFinite(duration) ? Duration.toNanosUnsafe(duration) : undefined
    this.overflow = overflow
  }

  // What those fail with who are turned away: made by the fiber that fails.
  protected abstract errorOfFull(facts: { readonly waiting: number; readonly maxWaiting: number }): unknown
  protected abstract errorOfTimeout(waited: Duration.Duration): unknown

  override takeIfAvailable(permits: number, options: RequestOptions | undefined): AnyEffect {
    const ask = this.asking("takeIfAvailable", permits, options)
    const no = Effect.suspend(() => this.closed ?? Effect.succeed(false))
    return Effect.suspend(() => this.takeOrElse(ask(true), true, no))
  }

  /** Those who hold go on. */
  protected closeWith(error: () => unknown): void {
    if (this.closed !== undefined) return
    this.closed = failing(error)
    for (let request = this.line.head; request !== undefined; request = this.line.head) {
      this.dismiss(request, this.closed)
    }
    this.stopTimer()
  }

  protected override isAvailable(request: Ask): boolean {
    return this.closed === undefined && super.isAvailable(request)
  }

  protected override refusal(request: Ask): AnyEffect | undefined {
    if (this.closed !== undefined) return this.closed
    // there may be room since the take failed
    if (this.isAvailable(request) || this.waiting < this.maxWaiting) return undefined
    this.refused++
    const { maxWaiting, waiting } = this
    const full = failing(() => this.errorOfFull({ waiting, maxWaiting }))
    const victim = this.victim(request)
    if (victim === undefined) return full
    this.dismiss(victim, full)
    return undefined
  }

  protected override join(request: Ask): void {
    if (this.maxWait === undefined) {
      super.join(request)
      return
    }
    const fiber = Fiber.getCurrent()!
    request.since = this.now(fiber)
    super.join(request)
    if (this.waiting > 0 && this.timer === undefined) {
      const timer = Effect.runForkWith(fiber.context)(this.watch)
      // a wait of no time at all is over by now
      if (timer.pollUnsafe() === undefined) this.timer = timer
    }
  }

  protected override serve(): void {
    super.serve()
    if (this.waiting === 0) this.stopTimer()
  }

  /** Who is dropped instead of the newcomer. */
  private victim(newcomer: Ask): Ask | undefined {
    if (this.overflow === "fail") return undefined
    if (this.overflow === "dropOldest") return this.line.oldest()
    const lowest = this.line.lowest()
    return lowest !== undefined && lowest.priority < newcomer.priority ? lowest : undefined
  }

  private dismiss(request: Ask, effect: AnyEffect): void {
    this.line.leave(request)
    this.turnAway(request, effect)
  }

  private readonly watch: Effect.Effect<void> = Effect.suspend(() => {
    const now = this.now(Fiber.getCurrent()!)
    const left = this.expire(now)
    if (left === undefined) return Effect.void
    return Effect.flatMap(Effect.sleep(Duration.nanos(left)), () => {
      this.latest = maximum(this.latest, now + left)
      return this.watch
    })
  })

  /**
   * The monotonic clock, clamped: it neither goes back nor lags behind a sleep that is over. So a timer that is early by the
   * clock, and a clock that stands still, make nobody wait longer.
   */
  private now(fiber: Fiber.Fiber<unknown, unknown>): bigint {
    this.latest = maximum(this.latest, fiber.getRef(Clock.Clock).monotonicTimeNanosUnsafe())
    return this.latest
  }

  /** Turns those away who have waited long enough; gives the time that is left to the next. */
  private expire(now: bigint): bigint | undefined {
    for (let oldest = this.line.oldest(); oldest !== undefined; oldest = this.line.oldest()) {
      const waited = now - oldest.since
      if (waited < this.maxWait!) return this.maxWait! - waited
      this.timedOut++
      this.dismiss(
        oldest,
        failing(() => this.errorOfTimeout(Duration.nanos(waited)))
      )
      // those behind it may fit
      this.serve()
    }
    return undefined
  }

  private stopTimer(): void {
    this.timer?.interruptUnsafe()
    this.timer = undefined
  }
}

const failing = (error: () => unknown): AnyEffect => Effect.suspend(() => Effect.fail(withoutStack(error)))

const errors = Error as ErrorConstructor & { stackTraceLimit: number }
const isAdjustable = Object.getOwnPropertyDescriptor(errors, "stackTraceLimit")?.writable === true

/**
 * Whoever refuses does so because there is too much to do, and a stack costs three times what the rest of a refusal does. It
 * would show the run loop and nothing of the caller, whose spans are in the cause.
 */
const withoutStack = (error: () => unknown): unknown => {
  if (!isAdjustable) return error()
  const limit = errors.stackTraceLimit
  errors.stackTraceLimit = 0
  try {
    return error()
  } finally {
    errors.stackTraceLimit = limit
  }
}

const maximum = (a: bigint, b: bigint): bigint => (a > b ? a : b)
