/**
 * The machinery of `WeightedSemaphore`: a count of permits, a line of requests, and the guards that cannot lose either.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Inspectable from "effect/Inspectable"
import * as Pipeable from "effect/Pipeable"
import type { Scheduler } from "effect/Scheduler"

import { checkCount } from "./defect.ts"
import { type ReadyRing, readyRing } from "./readyRing.ts"
import { StandingAside, Waiter, WaitLine } from "./waitLine.ts"

export const TypeId = "~heddle/WeightedSemaphore"

export type AnyEffect = Effect.Effect<any, any, any>

/** Who gives the permits back: the end of an effect or a scope, or somebody's `release`. */
type Holder = "guarded" | "loose"

/**
 * ```
 *   idle ──────── takeNow ────────▶ held
 *     │                             ▲  │
 *     └─ join ─▶ waiting ── grant ──┘  │ the end of the effect, or an interruption before it resumed
 *                 │   ▲                │
 *        too large│   │growth          ▼
 *                 ▼   │              idle
 *                aside ── interruption ─▲    (waiting likewise)
 * ```
 */
class Request extends Waiter<Request> {
  state: "idle" | "waiting" | "aside" | "held" = "idle"
  permits: number
  readonly holder: Holder
  /** What the fiber goes on with once it is served. */
  effect: AnyEffect
  resume: ((effect: AnyEffect) => void) | undefined = undefined
  ring: ReadyRing | undefined = undefined

  constructor(permits: number, holder: Holder, effect: AnyEffect) {
    super()
    this.permits = permits
    this.holder = holder
    this.effect = effect
  }
}

/**
 * A request that owns the effects which take, wait and give back. It is used again when the guarded effect has ended, so
 * that a guarded run builds none of them.
 *
 * The finalizer stands *around* the take, so no mask is needed: whenever an interruption comes, the state says what has
 * to go back. (A mask around the take costs two operations more and a restore of the body.)
 */
class Guard extends Request {
  readonly guarded: AnyEffect

  constructor(self: Permits, permits: number, effect: AnyEffect) {
    super(permits, "guarded", effect)
    const wait = self.park(this)
    const enter = Effect.suspend(() => {
      if (!self.takeNow(this.permits, "guarded")) return wait
      this.state = "held"
      return this.effect
    })
    this.guarded = Effect.onExitPrimitive(enter, () => {
      self.end(this)
      self.recycle(this)
      return undefined
    })
  }
}

const keptGuards = 256

/** Thrown by a take that has to wait, caught by the wait: see `Permits.take`. */
const mustWait = { mustWait: true }

export class Permits extends Inspectable.Class {
  readonly [TypeId]: typeof TypeId = TypeId
  readonly name: string | undefined
  private permits: number
  private largest: number
  private taken = 0
  /** What `take` handed out and `release` may give back. */
  private loose = 0
  // Invariant: the head of the line fits the capacity but not what is available, or the line is empty.
  private readonly line = new WaitLine<Request>()
  private readonly aside = new StandingAside<Request>()
  private readonly idleGuards: Array<Guard> = []

  constructor(options: { readonly permits: number; readonly name?: string | undefined }) {
    super()
    this.name = options.name
    checkCount(this.label("make"), "permits", options.permits, "or Infinity")
    // -0 is 0
    this.permits = this.largest = options.permits + 0
  }

  pipe() {
    return Pipeable.pipeArguments(this, arguments)
  }

  toJSON() {
    return { _id: "WeightedSemaphore", name: this.name, ...this.stats() }
  }

  stats() {
    const { available, permits, taken } = this
    return { permits, taken, available, waiting: this.line.length + this.aside.length }
  }

  get available(): number {
    return Math.max(0, this.permits - this.taken)
  }

  label(operation: string): string {
    return `WeightedSemaphore.${operation}${this.name === undefined ? "" : ` on ${JSON.stringify(this.name)}`}`
  }

  /** On the path of every request: nothing but two comparisons while all is well. */
  check(operation: string, permits: number): void {
    if (Number.isSafeInteger(permits) && permits >= 0 && permits <= this.largest) return
    checkCount(this.label(operation), "permits", permits, "finite")
    throw new RangeError(
      `${this.label(operation)}: a request for ${permits} permits can never be met, the largest capacity ever set is ${this.largest}`
    )
  }

  private isAvailable(permits: number): boolean {
    return this.line.head === undefined && this.fits(permits)
  }

  /** The second rule holds back only where there is no limit: beyond it, the sum of the holds would not be exact. */
  private fits(permits: number): boolean {
    return permits <= this.available && this.taken + permits <= Number.MAX_SAFE_INTEGER
  }

  takeNow(permits: number, holder: Holder): boolean {
    if (!this.isAvailable(permits)) return false
    this.taken += permits
    if (holder === "loose") this.loose += permits
    return true
  }

  giveBack(permits: number): void {
    this.taken -= permits
    this.serve()
  }

  release(permits: number): void {
    if (!(Number.isSafeInteger(permits) && permits >= 0 && permits <= this.loose)) {
      const label = this.label("release")
      checkCount(label, "permits", permits, "finite")
      throw new RangeError(
        `${label}: cannot release ${permits} permits, only ${this.loose} are held by take or takeIfAvailable`
      )
    }
    this.loose -= permits
    this.giveBack(permits)
  }

  resize(permits: number): void {
    checkCount(this.label("resize"), "permits", permits, "or Infinity")
    this.permits = permits + 0
    this.largest = Math.max(this.largest, permits)
    const returning = this.aside.returning(permits)
    for (const request of returning) request.state = "waiting"
    this.line.merge(returning)
    this.serve()
  }

  /** Parks the fiber until the request is served; it then goes on with the request's effect. */
  park(request: Request, onInterrupt?: Effect.Effect<void>): AnyEffect {
    const join = (scheduler: Scheduler, resume: (effect: AnyEffect) => void) => {
      request.state = "waiting"
      request.resume = resume
      request.ring = readyRing(scheduler)
      this.line.join(request)
      // also when room was made since the take failed: a fiber may be preempted between the two
      this.serve()
      return onInterrupt
    }
    return Effect.callback<any, any, any>(function (this: Scheduler, resume) {
      return join(this, resume)
    })
  }

  /** Waits without a guard around it: an interruption, also one that races the grant, undoes the request. */
  wait(permits: number, holder: Holder): Effect.Effect<void> {
    return Effect.suspend((): Effect.Effect<void> => {
      const request = new Request(permits, holder, Effect.void)
      const leave = Effect.sync(() => this.end(request))
      return this.park(request, leave) as Effect.Effect<void>
    })
  }

  /**
   * Takes without installing a release. Inside a mask, `restore(take)` must not lose permits to an interruption, so there
   * may be no operation between the taking and the caller's next step, where a fiber could be preempted and interrupted.
   * `sync`, and a `callback` that was parked, hand their value straight to the caller; a `suspend` that takes and returns
   * has such a gap, and so has a `callback` that resumes as it is registered.
   * Between `suspend` and `sync` others may take the room: then, and only then, the throw leads to the wait.
   */
  take(permits: number): Effect.Effect<void> {
    const wait = this.wait(permits, "loose")
    const takeOrThrow = Effect.sync(() => {
      if (!this.takeNow(permits, "loose")) throw mustWait
    })
    const takeOrWait = Effect.catchCause(takeOrThrow, (cause) =>
      Cause.squash(cause) === mustWait ? wait : Effect.failCause(cause)
    )
    return Effect.suspend(() => {
      this.check("take", permits)
      return this.isAvailable(permits) ? takeOrWait : wait
    })
  }

  /** Undoes whatever the request has: its place, its permits, or nothing. */
  end(request: Request): void {
    const { state } = request
    request.state = "idle"
    if (state === "held") {
      this.taken -= request.permits
      if (request.holder === "loose") this.loose -= request.permits
    } else if (state === "waiting") this.line.leave(request)
    else if (state === "aside") this.aside.remove(request.permits, request)
    this.serve()
  }

  private serve(): void {
    for (let request = this.line.head; request !== undefined; request = this.line.head) {
      if (request.permits > this.permits) {
        this.line.leave(request)
        this.aside.add(request.permits, request)
        request.state = "aside"
        continue
      }
      if (!this.fits(request.permits)) return
      this.line.leave(request)
      this.taken += request.permits
      if (request.holder === "loose") this.loose += request.permits
      request.state = "held"
      request.ring!.push(request.resume!, request.effect)
    }
  }

  guard(permits: number, effect: AnyEffect): Guard {
    const guard = this.idleGuards.pop()
    if (guard === undefined) return new Guard(this, permits, effect)
    guard.permits = permits
    guard.effect = effect
    return guard
  }

  recycle(guard: Guard): void {
    guard.effect = Effect.void
    guard.resume = undefined
    guard.ring = undefined
    if (this.idleGuards.length < keptGuards) this.idleGuards.push(guard)
  }
}
