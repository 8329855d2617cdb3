/**
 * Permits with a line that is bounded, in callers and in time, and that can be closed.
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

/** The errors of those who are turned away. */
export interface Errors {
  readonly full: (facts: { readonly waiting: number; readonly maxWaiting: number }) => unknown
  readonly timedOut: (facts: { readonly waited: Duration.Duration }) => unknown
  readonly closed: () => unknown
}

export class BoundedPermits extends Permits {
  private readonly maxWaiting: number
  /** In nanoseconds; undefined for no limit. */
  private readonly maxWait: bigint | undefined
  private readonly overflow: Overflow
  private readonly errors: Errors
  private refused = 0
  private timedOut = 0
  // Invariant: it runs while somebody waits and the wait is limited, and only then.
  private timer: Fiber.Fiber<void> | undefined = undefined

  constructor(kind: string, bounds: Bounds, errors: Errors) {
    const { concurrency, maxWait, maxWaiting, name, overflow = "fail", priorityStep } = bounds
    super({ kind, what: "concurrency", permits: concurrency, priorityStep, name })
    const make = this.label("make")
    checkPositive(make, "concurrency", concurrency, "or Infinity")
    checkCount(make, "maxWaiting", maxWaiting, "or Infinity")
    if (!overflows.includes(overflow)) {
      throw new RangeError(`${make}: overflow must be one of ${overflows.join(", ")}, got ${describe(overflow)}`)
    }
    const duration = maxWait === undefined ? Duration.infinity : checkDuration(make, "maxWait", maxWait)
    this.maxWaiting = maxWaiting
    this.maxWait = Duration.isFinite(duration) ? Duration.toNanosUnsafe(duration) : undefined
    this.overflow = overflow
    this.errors = errors
  }

  protected counts() {
    const { permits: concurrency, taken, available, waiting, maxWaiting, refused, timedOut } = this
    return { concurrency, taken, available, waiting, maxWaiting, refused, timedOut }
  }

  stats() {
    return { ...this.counts(), closed: this.closed !== undefined, ...this.parties() }
  }

  override takeIfAvailable(permits: number, options: RequestOptions | undefined): AnyEffect {
    const ask = this.asking("takeIfAvailable", permits, options)
    const no = Effect.suspend(() => this.closed ?? Effect.succeed(false))
    return Effect.suspend(() => this.takeOrElse(ask(true), true, no))
  }

  /** Those who hold go on. */
  close(): void {
    if (this.closed !== undefined) return
    this.closed = this.failing(this.errors.closed)
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
    const full = this.failing(() => this.errors.full({ waiting, maxWaiting }))
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
    request.since = now(fiber)
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

  /** The error is made by the fiber that fails with it. */
  private failing(error: () => unknown): AnyEffect {
    return Effect.suspend(() => Effect.fail(error()))
  }

  private readonly watch: Effect.Effect<void> = Effect.suspend(() => {
    const left = this.expire(now(Fiber.getCurrent()!))
    return left === undefined ? Effect.void : Effect.flatMap(Effect.sleep(Duration.nanos(left)), () => this.watch)
  })

  /** Turns those away who have waited long enough; gives the time that is left to the next. */
  private expire(now: bigint): bigint | undefined {
    for (let oldest = this.line.oldest(); oldest !== undefined; oldest = this.line.oldest()) {
      const waited = now - oldest.since
      if (waited < this.maxWait!) return this.maxWait! - waited
      this.timedOut++
      this.dismiss(
        oldest,
        this.failing(() => this.errors.timedOut({ waited: Duration.nanos(waited) }))
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

const now = (fiber: Fiber.Fiber<unknown, unknown>): bigint => fiber.getRef(Clock.Clock).monotonicTimeNanosUnsafe()
