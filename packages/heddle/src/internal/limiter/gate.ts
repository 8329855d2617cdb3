/**
 * The line before a limit: who stands in it and for how long, who is dropped, and who is told what became of his place.
 * What the limit is, and who is due by it, is up to the kinds of gates.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"

import { type Counts, observe, type Subject } from "../observer.ts"
import { PriorityLine } from "../priorityLine.ts"
import { Deadlines } from "./deadlines.ts"
import { durationOf } from "./durations.ts"
import { RateLimited, RateLimiterFull } from "./errors.ts"
import type { BoundedOptions } from "./model.ts"
import { Awaiting, Place } from "./place.ts"
import type { Ticks } from "./ticks.ts"
import { parking, Timekeeper } from "./timekeeper.ts"

/** What a limiter was made with, durations in nanoseconds. */
export interface Rules {
  readonly name: string | undefined
  readonly maxWait: number
  readonly maxWaiting: number
  readonly overflow: NonNullable<BoundedOptions["overflow"]>
  readonly priorityStep: number | undefined
}

/** What one request asks for. */
export interface Request {
  readonly n: number
  readonly priority: number
  /** In nanoseconds. */
  readonly maxWait: number
}

/** Of whom a gate is one of many: what they are seen as, and how many wait before all. */
export interface Whole {
  readonly subject: Subject | undefined
  waiting: number
}

/** Turns are rounded up to nanoseconds, one by one, and timers to milliseconds: so much later than foreseen is not late. */
const tolerance = 1_000_000

export abstract class Gate {
  readonly rules: Rules
  readonly ticks: Ticks
  protected readonly line: PriorityLine<Place>
  /** How many wait, and for how many tokens, by priority. */
  private readonly queues = new Map<number, { places: number; tokens: number }>()
  private readonly deadlines = new Deadlines<Place>()
  private readonly timekeeper: Timekeeper<Awaiting>
  /** Nobody is served before. */
  protected heldUntil = 0
  /** When the head of the line became that, or the limit changed: no turn is earlier. */
  protected turn = 0
  /** Of the limit where it is kept here: what an earlier one gave does not go back to this one. A store sees to that itself. */
  protected era = 0

  constructor(rules: Rules, ticks: Ticks) {
    this.rules = rules
    this.ticks = ticks
    this.line = new PriorityLine(rules.priorityStep)
    this.timekeeper = new Timekeeper(ticks, {
      nextDue: () => this.nextDue(),
      attend: Effect.suspend(() => this.attend())
    })
  }

  /** What a request can never ask for more than: the largest capacity of all limits so far. */
  largest = 0
  private whole: Whole | undefined = undefined
  /** What it is seen as, and as which key of that. */
  protected subject: Subject | undefined = undefined
  protected seenKey: unknown = undefined
  /** Called when nobody waits any more. */
  whenEmpty: (() => void) | undefined = undefined

  /** Shows it to the seam, by its name. */
  observed(): this {
    this.subject = observe("RateLimiter", this.rules.name, () => this.counts())
    return this
  }

  /** Is the gate of a key, and seen as that. */
  partOf(whole: Whole, key: unknown): void {
    this.whole = whole
    this.subject = whole.subject
    this.seenKey = key
  }

  /** The numbers of `stats`. */
  protected abstract counts(): Counts
  /** How long one would wait for `n` with so many ahead, in nanoseconds, as far as it is known. */
  abstract estimate(n: number, ahead: number): number
  /** When the head of the line is due. */
  protected abstract nextDue(): number
  /** Serves who is due. */
  protected abstract serve(): void
  /** What is done when the head of the line is due. */
  protected abstract attend(): Effect.Effect<void>
  /** Gives back what a place was granted and has not used; an effect where that takes one. */
  protected abstract giveBack(place: Place): Effect.Effect<void> | undefined
  /** Whether a place was granted at this very instant. */
  protected abstract grantedNow(place: Place): boolean

  get waiting(): number {
    return this.line.length
  }

  protected admit(capacity: number): void {
    this.largest = Math.max(this.largest, capacity)
  }

  /** How long a place that waits will wait on. Walks past those of its priority who are ahead. */
  estimateOf(place: Place): number {
    this.look()
    if (place.state !== "waiting") return 0
    let ahead = this.ahead(place.priority + 1)
    for (let other = place.previous; other !== undefined; other = other.previous) ahead += other.n
    return this.estimate(place.n, ahead)
  }

  /** How long nobody will be served, whatever the limit says, in nanoseconds. */
  get penalizedFor(): number {
    return Math.max(0, this.heldUntil - this.ticks.now())
  }

  /** Whether nothing tells it from a new one but the limit and where that stands. */
  get isIdle(): boolean {
    return this.waiting === 0 && this.penalizedFor === 0
  }

  /** Tokens that go first to others. Those of lower priority count as behind, also where age brought them before. */
  ahead(priority: number): number {
    let sum = 0
    for (const [other, { tokens }] of this.queues) if (other >= priority) sum += tokens
    return sum
  }

  /** Serves who is due, and has somebody keep the time until the next is. */
  look(): void {
    this.serve()
    this.timekeeper.check()
    if (this.waiting === 0) this.whenEmpty?.()
  }

  /** Stands in line, or fails with what is known already. */
  join({ maxWait, n, priority }: Request): Place | RateLimited | RateLimiterFull {
    const wait = this.estimate(n, this.ahead(priority))
    if (wait > maxWait) return this.limited(n, wait)
    if (this.line.length >= this.rules.maxWaiting && !this.makeRoom(priority)) return this.full(n, priority)
    const place = new Place(n, priority, this.seenKey)
    place.since = this.ticks.latest
    place.deadline = place.since + maxWait
    if (place.deadline < Infinity) this.deadlines.add(place)
    const queue = this.queues.get(priority)
    if (queue === undefined) this.queues.set(priority, { places: 1, tokens: n })
    else {
      queue.places++
      queue.tokens += n
    }
    this.line.join(place)
    if (this.whole !== undefined) this.whole.waiting++
    this.subject?.waits(place)
    this.look()
    return place
  }

  /** Drops whom the rules say, unless it is the newcomer. */
  private makeRoom(priority: number): boolean {
    const { overflow } = this.rules
    const victim = overflow === "fail" ? undefined : overflow === "dropOldest" ? this.line.oldest() : this.line.lowest()
    if (victim === undefined || (overflow === "dropLowestPriority" && victim.priority >= priority)) return false
    this.fail(victim, Cause.fail(this.full(victim.n, victim.priority)))
    return true
  }

  limited(n: number, wait: number): RateLimited {
    return new RateLimited(this.facts(n, wait))
  }

  private full(n: number, priority: number): RateLimiterFull {
    const wait = this.estimate(n, this.ahead(priority))
    return new RateLimiterFull({ ...this.facts(n, wait), maxWaiting: this.rules.maxWaiting })
  }

  private facts(n: number, wait: number) {
    return { limiter: this.rules.name, n, retryAfter: durationOf(wait), waiting: this.waiting }
  }

  /**
   * Waits for the turn of a new place. `gate` is asked as it joins: that of a key may have gone meanwhile.
   *
   * Joining and installing what undoes it are one step, the registration of the callback; whatever the fiber is resumed
   * with later runs under that. (A finalizer around the wait would not do: between its end and the caller's next step
   * the fiber can be preempted and interrupted, and what was granted would be lost.)
   */
  static take(gate: () => Gate, request: Request): Effect.Effect<void, RateLimited | RateLimiterFull> {
    return parking((scheduler, resume) => {
      const self = gate()
      const place = self.join(request)
      if (!(place instanceof Place)) {
        resume(Effect.fail(place))
        return undefined
      }
      const awaiting = new Awaiting(place)
      self.stand(awaiting, scheduler, resume)
      return Effect.suspend(() => {
        self.depart(awaiting)
        return self.leave(place) ?? Effect.void
      })
    })
  }

  /** Waits for the turn of a reservation. An interruption leaves the place where it is. */
  await(place: Place): Effect.Effect<void, RateLimited | RateLimiterFull> {
    return parking((scheduler, resume) => {
      const awaiting = new Awaiting(place)
      this.stand(awaiting, scheduler, resume)
      return Effect.sync(() => {
        this.depart(awaiting)
        place.claimed = false
        this.look()
      })
    })
  }

  /** A reservation is given up: before its turn, or at that instant while nobody has gone on with it. */
  cancel(place: Place): Effect.Effect<void> | undefined {
    this.look()
    return place.state === "waiting" || (!place.claimed && this.grantedNow(place)) ? this.leave(place) : undefined
  }

  /** Who will not wait until the next turn of all need not wait any longer. */
  protected expire(due: number): boolean {
    let expired = false
    for (;;) {
      const place = this.deadlines.first
      if (place === undefined || place.deadline + tolerance >= due) return expired
      this.remove(place)
      // as for one who comes now
      this.end(place, Cause.fail(this.limited(place.n, this.estimate(place.n, this.ahead(place.priority)))))
      expired = true
    }
  }

  /** Leaves, and gives back what the place has. */
  leave(place: Place): Effect.Effect<void> | undefined {
    const { state } = place
    if (state !== "waiting" && state !== "granted") return undefined
    if (state === "waiting") {
      this.remove(place)
      this.subject?.leaves(place)
    }
    place.state = "left"
    const back = state === "granted" && place.era === this.era ? this.giveBack(place) : undefined
    this.tellAll(place)
    this.look()
    return back
  }

  private stand(awaiting: Awaiting, ...[scheduler, resume]: Parameters<Parameters<typeof parking>[0]>): void {
    if (awaiting.place.state !== "waiting") this.tell(awaiting)
    this.timekeeper.park(awaiting, scheduler, resume)
  }

  /** The fiber was interrupted, waiting or served. */
  private depart(awaiting: Awaiting): void {
    awaiting.end()
    this.timekeeper.depart(awaiting)
  }

  private tellAll(place: Place): void {
    for (let awaiting = place.awaiting; awaiting !== undefined;) {
      const { before } = awaiting
      this.tell(awaiting)
      awaiting = before
    }
  }

  private tell(awaiting: Awaiting): void {
    awaiting.place.claimed = true
    awaiting.end()
    this.timekeeper.serve(awaiting, outcome(awaiting.place))
  }

  protected grant(place: Place, at: number): void {
    this.remove(place)
    this.turn = at
    place.state = "granted"
    place.grantedAt = at
    place.era = this.era
    this.subject?.served(place)
    this.tellAll(place)
  }

  protected fail(place: Place, cause: Cause.Cause<unknown>): void {
    this.remove(place)
    this.end(place, cause)
  }

  private end(place: Place, cause: Cause.Cause<unknown>): void {
    place.state = "failed"
    place.cause = cause
    this.subject?.leaves(place)
    this.tellAll(place)
  }

  private remove(place: Place): void {
    if (this.line.head === place) this.turn = this.ticks.now()
    this.line.leave(place)
    if (this.whole !== undefined) this.whole.waiting--
    this.deadlines.remove(place)
    const queue = this.queues.get(place.priority)!
    queue.tokens -= place.n
    if (--queue.places === 0) this.queues.delete(place.priority)
  }
}

const outcome = (place: Place): Effect.Effect<void, unknown> => {
  if (place.state === "granted") return Effect.void
  if (place.state === "failed") return Effect.failCause(place.cause)
  return Effect.die(new Error("RateLimiter: this reservation was cancelled"))
}
