/**
 * How a fiber takes, waits and gives back, and cannot lose what it took, whatever is counted and in whatever order it is
 * served. A subclass counts and keeps the line: `Permits` one budget, `KeyedPermits` a budget per key.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type { Scheduler } from "effect/Scheduler"
import * as Scope from "effect/Scope"

import type { AnyEffect } from "./effectLast.ts"
import { Handle } from "./handle.ts"
import { type Claim, type Counts, observe, type Parties, type Subject } from "./observer.ts"
import { PriorityWaiter } from "./priorityLine.ts"
import { type ReadyRing, readyRing } from "./readyRing.ts"

/**
 * ```
 *   idle ─────────── take ────────▶ held
 *     │                             ▲  │
 *     └─ join ─▶ waiting ── grant ──┘  │ the end of the effect, or an interruption before it resumed
 *                 │   ▲                │
 *        too large│   │growth          ▼
 *                 ▼   │              idle
 *                aside ── interruption ─▲    (waiting likewise, and one that is turned away)
 * ```
 */
export class Request<R extends Request<R>> extends PriorityWaiter<R> implements Claim {
  state: "idle" | "waiting" | "aside" | "held" = "idle"
  permits = 0
  /** Given back by somebody's `release`, and not by the end of an effect or a scope. */
  readonly loose: boolean
  /** What the fiber goes on with once it is served. */
  effect: AnyEffect = Effect.void
  resume: ((effect: AnyEffect) => void) | undefined = undefined
  ring: ReadyRing | undefined = undefined
  /** Takes or waits, goes on, and gives back: see `Turnstile.guard`. */
  guarded: AnyEffect | undefined = undefined

  constructor(loose: boolean) {
    super()
    this.loose = loose
  }
}

/** Parks the fiber until the request is served; it then goes on with the request's effect. */
const parked = <R extends Request<R>>(
  turnstile: Turnstile<R>,
  request: R,
  onInterrupt?: Effect.Effect<void>
): AnyEffect =>
  Effect.callback<any, any, any>(function (this: Scheduler, resume) {
    return turnstile.enter(request, this, resume) ? onInterrupt : undefined
  })

const keptRequests = 1024

/** Thrown by a take, caught by what is done instead: see `Turnstile.takeOrElse`. */
const noRoom = { noRoom: true }

export abstract class Turnstile<R extends Request<R>> extends Handle {
  /** What whoever comes goes on with once nobody is served any more. */
  protected closed: AnyEffect | undefined = undefined
  private subject: Subject | undefined = undefined
  private readonly idleRequests: Array<R> = []

  /** Shows it to the seam, once it is whole. */
  observed(): this {
    this.subject = observe(this.kind, this.name, () => this.counts())
    return this
  }

  /** The numbers of `stats`. */
  protected abstract counts(): Counts
  protected abstract newRequest(loose: boolean): R
  /** Whether the request would be served now: it overtakes nobody, and fits. */
  protected abstract isAvailable(request: R): boolean
  /** Counts what `isAvailable` has said to be there. */
  protected abstract count(request: R): void
  /** Stands in line, and serves: there may be room since the take failed, a fiber may be preempted between the two. */
  protected abstract join(request: R): void
  /** Takes back the count or the place that the state says, and serves those who have room now. */
  protected abstract undo(request: R, state: "waiting" | "aside" | "held"): void

  /** Why the request may not wait, as what it goes on with instead. */
  protected refusal(_request: R): AnyEffect | undefined {
    return this.closed
  }

  /** Who holds and who waits, while somebody looks. */
  protected parties(): Parties | undefined {
    return this.subject?.parties()
  }

  takeNow(request: R): boolean {
    if (!this.isAvailable(request)) return false
    this.count(request)
    request.state = "held"
    this.subject?.takes(request)
    return true
  }

  /** A fiber parks. False if it may not, and has resumed with why. */
  enter(request: R, scheduler: Scheduler, resume: (effect: AnyEffect) => void): boolean {
    const refusal = this.refusal(request)
    if (refusal !== undefined) {
      resume(refusal)
      return false
    }
    request.state = "waiting"
    request.resume = resume
    request.ring = readyRing(scheduler)
    this.subject?.waits(request)
    this.join(request)
    return true
  }

  /** Counted and out of the line: the fiber resumes soon. */
  protected grant(request: R): void {
    this.count(request)
    request.state = "held"
    this.subject?.serves(request)
    this.wake(request, request.effect)
  }

  /** Out of the line, and served nothing: the fiber goes on with this instead. */
  protected turnAway(request: R, effect: AnyEffect): void {
    request.state = "idle"
    this.subject?.leaves(request)
    this.wake(request, effect)
  }

  private wake(request: R, effect: AnyEffect): void {
    request.ring!.push(request.resume!, effect)
    request.resume = undefined
  }

  /** Undoes whatever the request has: its place, its permits, or nothing. */
  end(request: R): void {
    const { state } = request
    if (state === "idle") return
    request.state = "idle"
    if (state !== "held") request.resume = undefined
    this.subject?.leaves(request)
    this.undo(request, state)
  }

  /** A request whose `guarded` runs the effect. The caller fills in what it asks for. */
  protected guard(effect: AnyEffect): R {
    const request = this.idleRequests.pop() ?? this.newGuarded()
    request.effect = effect
    return request
  }

  /**
   * A request that is used again when its effect has ended, so that a guarded run builds no effects but the wait. (That one
   * is not kept: a fiber that is parked does without it, and a long line is made of what those who wait keep.)
   *
   * The finalizer stands *around* the take, so no mask is needed: whenever an interruption comes, the state says what has
   * to go back. (A mask around the take costs two operations more and a restore of the body.)
   */
  private newGuarded(): R {
    const request = this.newRequest(false)
    const enter = Effect.suspend(() => (this.takeNow(request) ? request.effect : parked(this, request)))
    request.guarded = Effect.onExitPrimitive(enter, () => {
      this.end(request)
      this.recycle(request)
      return undefined
    })
    return request
  }

  protected recycle(request: R): void {
    request.effect = Effect.void
    if (this.idleRequests.length < keptRequests) this.idleRequests.push(request)
  }

  protected guardIfAvailable(ask: (loose: boolean) => R, effect: AnyEffect): AnyEffect {
    return Effect.suspend(() => {
      const request = ask(false)
      const enter = Effect.suspend(() => {
        if (this.takeNow(request)) return Effect.asSome(effect)
        return this.closed ?? Effect.succeedNone
      })
      return Effect.onExitPrimitive(enter, () => {
        this.end(request)
        return undefined
      })
    })
  }

  protected takeLoose(ask: (loose: boolean) => R): AnyEffect {
    return Effect.suspend(() => {
      const request = ask(true)
      return this.takeOrElse(request, undefined, this.wait(request))
    })
  }

  protected takeLooseIfAvailable(ask: (loose: boolean) => R): AnyEffect {
    return Effect.sync(() => this.takeNow(ask(true)))
  }

  /**
   * Takes without installing a release, and gives the value, or does something else. Inside a mask, `restore(take)` must
   * not lose permits to an interruption, so there may be no operation between the taking and the caller's next step, where a
   * fiber could be preempted and interrupted. `sync`, and a `callback` that was parked, hand their value straight to the
   * caller; a `suspend` that takes and returns has such a gap, and so has a `callback` that resumes as it is registered.
   * Between this call and the `sync` others may take the room: then, and only then, the throw leads to the other way.
   */
  protected takeOrElse(request: R, value: unknown, otherwise: AnyEffect): AnyEffect {
    if (!this.isAvailable(request)) return otherwise
    const takeOrThrow = Effect.sync(() => {
      if (!this.takeNow(request)) throw noRoom
      return value
    })
    return Effect.catchCause(takeOrThrow, (cause) =>
      Cause.squash(cause) === noRoom ? otherwise : Effect.failCause(cause)
    )
  }

  protected takeForScope(ask: (loose: boolean) => R): AnyEffect {
    return Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Effect.scope, (scope) => {
        const request = ask(false)
        const takeOrWait = Effect.suspend(() => (this.takeNow(request) ? Effect.void : restore(this.wait(request))))
        const giveBack = Effect.sync(() => this.end(request))
        return Effect.andThen(takeOrWait, Scope.addFinalizer(scope, giveBack))
      })
    )
  }

  /** Tells the seam that loose permits went back. */
  protected returned(permits: number, key?: unknown): void {
    this.subject?.returns(permits, key)
  }

  /** Waits without a guard around it: an interruption, also one that races the grant, undoes the request. */
  private wait(request: R): AnyEffect {
    return parked(
      this,
      request,
      Effect.sync(() => this.end(request))
    )
  }
}
