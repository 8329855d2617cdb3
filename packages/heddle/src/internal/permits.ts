/**
 * One budget of permits and one line of requests.
 */
import * as Effect from "effect/Effect"

import { checkCount, checkPriority, checkPriorityStep } from "./defect.ts"
import type { AnyEffect } from "./effectLast.ts"
import { PriorityLine } from "./priorityLine.ts"
import { Request, Turnstile } from "./turnstile.ts"
import { StandingAside } from "./waitLine.ts"

export class Ask extends Request<Ask> {
  /** When it began to wait, in nanoseconds, where a wait is limited. */
  since = 0n
}

export interface RequestOptions {
  readonly priority?: number | undefined
}

type Options = RequestOptions | undefined

export abstract class Permits extends Turnstile<Ask> {
  protected permits: number
  private largest: number
  protected taken = 0
  /** What `take` handed out and `release` may give back. */
  private loose = 0
  // Invariant: the head of the line fits the capacity but not what is available, or the line is empty.
  protected readonly line: PriorityLine<Ask>
  private readonly aside = new StandingAside<Ask>()

  constructor(options: {
    readonly kind: string
    /** What the options of `make` call the permits. */
    readonly what: string
    readonly permits: number
    readonly priorityStep: number | undefined
    readonly name: string | undefined
  }) {
    super(options.kind, options.name)
    const make = this.label("make")
    checkCount(make, options.what, options.permits, "or Infinity")
    if (options.priorityStep !== undefined) checkPriorityStep(make, options.priorityStep)
    // -0 is 0
    this.permits = this.largest = options.permits + 0
    this.line = new PriorityLine(options.priorityStep)
  }

  protected get waiting(): number {
    return this.line.length + this.aside.length
  }

  protected get available(): number {
    return Math.max(0, this.permits - this.taken)
  }

  withPermits(permits: number, effect: AnyEffect, options: Options): AnyEffect {
    return Effect.suspend(() => {
      const priority = this.check("withPermits", permits, options)
      const request = this.guard(effect)
      request.permits = permits
      request.priority = priority
      return request.guarded!
    })
  }

  withPermitsIfAvailable(permits: number, effect: AnyEffect, options: Options): AnyEffect {
    return this.guardIfAvailable(this.asking("withPermitsIfAvailable", permits, options), effect)
  }

  take(permits: number, options: Options): AnyEffect {
    return this.takeLoose(this.asking("take", permits, options))
  }

  takeIfAvailable(permits: number, options: Options): AnyEffect {
    return this.takeLooseIfAvailable(this.asking("takeIfAvailable", permits, options))
  }

  takeScoped(permits: number, options: Options): AnyEffect {
    return this.takeForScope(this.asking("takeScoped", permits, options))
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
    this.taken -= permits
    this.returned(permits)
    this.serve()
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

  protected newRequest(loose: boolean): Ask {
    return new Ask(loose)
  }

  protected asking(operation: string, permits: number, options: Options): (loose: boolean) => Ask {
    return (loose) => {
      const request = new Ask(loose)
      request.priority = this.check(operation, permits, options)
      request.permits = permits
      return request
    }
  }

  /** On the path of every request: nothing but a few comparisons while all is well. Gives the priority. */
  private check(operation: string, permits: number, options: Options): number {
    const priority = options?.priority ?? 0
    if (priority !== 0) checkPriority(this.label(operation), priority)
    if (Number.isSafeInteger(permits) && permits >= 0 && permits <= this.largest) return priority
    checkCount(this.label(operation), "permits", permits, "finite")
    throw new RangeError(
      `${this.label(operation)}: a request for ${permits} permits can never be met, the largest capacity ever set is ${this.largest}`
    )
  }

  protected isAvailable({ permits, priority }: Ask): boolean {
    return (this.line.length === 0 || this.line.wouldLead(priority)) && this.fits(permits)
  }

  /** The second rule holds back only where there is no limit: beyond it, the sum of the holds would not be exact. */
  private fits(permits: number): boolean {
    return permits <= this.available && this.taken + permits <= Number.MAX_SAFE_INTEGER
  }

  protected count(request: Ask): void {
    this.taken += request.permits
    if (request.loose) this.loose += request.permits
    // who takes without having waited, while others do, has overtaken them
    if (request.state === "idle" && this.line.length > 0) this.line.pass()
  }

  protected join(request: Ask): void {
    this.line.join(request)
    this.serve()
  }

  protected undo(request: Ask, state: "waiting" | "aside" | "held"): void {
    if (state === "held") {
      this.taken -= request.permits
      if (request.loose) this.loose -= request.permits
    } else if (state === "waiting") this.line.leave(request)
    else this.aside.remove(request.permits, request)
    this.serve()
  }

  protected serve(): void {
    if (this.line.length === 0) return
    for (let request = this.line.head; request !== undefined; request = this.line.head) {
      if (request.permits > this.permits) {
        this.line.leave(request)
        this.aside.add(request.permits, request)
        request.state = "aside"
        continue
      }
      if (!this.fits(request.permits)) return
      this.line.leave(request)
      this.grant(request)
    }
  }
}

/**
 * `f(self, permits, options?)(effect)` and `f(self, permits, effect, options?)`. Not `dual`: there, the effect would come
 * first.
 */
export const combinator = <F>(
  f: (self: Permits, permits: number, effect: AnyEffect, options: Options) => AnyEffect
): F =>
  ((self: Permits, permits: number, third?: AnyEffect | RequestOptions, options?: RequestOptions) =>
    Effect.isEffect(third)
      ? f(self, permits, third, options)
      : (effect: AnyEffect) => f(self, permits, effect, third as Options)) as F

/** `f(self, permits, options?)` and `f(permits, options?)(self)`. */
export const operation = <F>(f: (self: Permits, permits: number, options: Options) => AnyEffect): F =>
  ((first: Permits | number, second?: number | RequestOptions, third?: RequestOptions) =>
    first instanceof Permits
      ? f(first, second as number, third)
      : (self: Permits) => f(self, first, second as Options)) as F
