/**
 * The line before a limit.
 *
 * **Who keeps the time.** No fiber of the limiter's own: it would outlive its users or need a scope. One of the fibers that
 * wait, the timekeeper, has a child that sleeps until the head of the line is due, looks, and sleeps again, for all of
 * them. When the timekeeper is served or interrupted it hands over to the fiber that came last, which waits longest, so
 * that a line of ten thousand changes hands a few times and not ten thousand times. When nobody waits nothing runs.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type { Scheduler } from "effect/Scheduler"

import { PriorityLine } from "../priorityLine.ts"
import { readyRing } from "../readyRing.ts"
import { WaitLine } from "../waitLine.ts"
import { Deadlines } from "./deadlines.ts"
import { durationOf } from "./durations.ts"
import { RateLimited, RateLimiterFull } from "./errors.ts"
import { Parked, Place } from "./place.ts"
import type { Ticks } from "./ticks.ts"

export type Overflow = "fail" | "dropOldest" | "dropLowestPriority"

/** What a limiter was made with, durations in nanoseconds. */
export interface Rules {
  readonly name: string | undefined
  readonly maxWait: number
  readonly maxWaiting: number
  readonly overflow: Overflow
  readonly priorityStep: number | undefined
}

/** What one request asks for. */
export interface Request {
  readonly n: number
  readonly priority: number
  /** In nanoseconds. */
  readonly maxWait: number
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
  private readonly parked = new WaitLine<Parked>()
  // Invariant: where a fiber is parked there is a timekeeper, or one is on the ring.
  protected timekeeper: Parked | undefined = undefined
  /** Nobody is served before. */
  protected heldUntil = 0
  /** When the head of the line became that, or the limit changed: no turn is earlier. */
  protected turn = 0

  constructor(rules: Rules, ticks: Ticks) {
    this.rules = rules
    this.ticks = ticks
    this.line = new PriorityLine(rules.priorityStep)
  }

  /** What a request can never ask for more than: the largest capacity of all limits so far. */
  largest = 0
  /** Called when nobody waits any more. */
  whenEmpty: (() => void) | undefined = undefined

  /** How long one would wait for `n` with so many ahead, in nanoseconds, as far as it is known. */
  abstract estimate(n: number, ahead: number): number
  /** When the head of the line is due. */
  protected abstract nextDue(): number
  /** Serves who is due. */
  protected abstract serve(): void
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

  /** Serves who is due, and has somebody keep the time until the next is, and sleep no longer than until then. */
  look(): void {
    this.serve()
    // Invariant: behind those who were served now, so that they wake in the order of the line
    this.wakeTimekeeper()
    if (this.waiting === 0) this.whenEmpty?.()
  }

  /** Stands in line, or fails with what is known already. */
  join({ maxWait, n, priority }: Request): Place | RateLimited | RateLimiterFull {
    const wait = this.estimate(n, this.ahead(priority))
    if (wait > maxWait) return this.limited(n, wait)
    if (this.line.length >= this.rules.maxWaiting && !this.makeRoom(priority)) return this.full(n, priority)
    const place = new Place(n, priority)
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
      const parked = new Parked(place)
      self.park(parked, scheduler, resume)
      return Effect.suspend(() => {
        self.depart(parked)
        return self.leave(place) ?? Effect.void
      })
    })
  }

  /** Waits for the turn of a reservation. An interruption leaves the place where it is. */
  await(place: Place): Effect.Effect<void, RateLimited | RateLimiterFull> {
    return parking((scheduler, resume) => {
      const parked = new Parked(place)
      this.park(parked, scheduler, resume)
      return Effect.sync(() => {
        this.depart(parked)
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
    if (state === "waiting") this.remove(place)
    place.state = "left"
    const back = state === "granted" ? this.giveBack(place) : undefined
    this.deliverAll(place)
    this.look()
    return back
  }

  /** Until it is served, or has to keep the time. */
  private park(parked: Parked, scheduler: Scheduler, resume: Resume): void {
    parked.resume = resume
    parked.ring = readyRing(scheduler)
    // it may have been served as it came, or while it was about to park again
    if (parked.place.state !== "waiting") return this.deliver(parked)
    this.parked.join(parked)
    parked.isListed = true
    // also where it keeps the time already, and what it waits for has changed while it was not parked
    this.wakeTimekeeper()
  }

  private keepTime(parked: Parked): Effect.Effect<void, RateLimited | RateLimiterFull> {
    const parkAgain = parking((scheduler, resume) => this.park(parked, scheduler, resume))
    return Effect.suspend(() => {
      parked.sleeper?.interruptUnsafe()
      if (this.timekeeper !== parked) return parkAgain
      const sleeping = Effect.whileLoop({
        while: () => this.timekeeper === parked,
        body: () => this.tick(parked),
        step: () => undefined
      })
      return Effect.flatMap(Effect.forkChild(sleeping, { startImmediately: true }), (sleeper) => {
        parked.sleeper = sleeper
        return parkAgain
      })
    })
  }

  /** Sleeps until somebody is due, and sees to it. */
  private tick(keeper: Parked): Effect.Effect<void> {
    return Effect.suspend(() => {
      const due = this.nextDue()
      keeper.wakesAt = due
      // the timekeeper has to be parked by then
      const sleep = due > this.ticks.now() ? this.ticks.sleepUntil(due) : Effect.yieldNow
      return Effect.andThen(sleep, this.attend)
    })
  }

  /** What is done when somebody is due. */
  protected readonly attend: Effect.Effect<void> = Effect.sync(() => this.look())

  /** Has somebody keep the time, and look again if he sleeps too long. One who is not parked is about to. */
  private wakeTimekeeper(): void {
    const keeper = (this.timekeeper ??= this.parked.tail)
    if (keeper?.resume === undefined || keeper.isWoken) return
    if (keeper.sleeper !== undefined && keeper.wakesAt <= this.nextDue()) return
    keeper.isWoken = true
    const goOn: Resume = (effect) => {
      keeper.isWoken = false
      // one that has been served meanwhile goes on in its turn, which comes behind this on the ring
      if (keeper.place.state === "waiting") this.unpark(keeper)?.(effect)
    }
    keeper.ring!.push(goOn, this.keepTime(keeper))
  }

  private unpark(parked: Parked): Resume | undefined {
    const { isListed, resume } = parked
    if (isListed) this.parked.leave(parked)
    parked.isListed = false
    parked.resume = undefined
    return resume
  }

  private dismiss(keeper: Parked): void {
    if (this.timekeeper !== keeper) return
    this.timekeeper = undefined
    keeper.sleeper?.interruptUnsafe()
  }

  /** Goes on with what became of its place. One that is not parked does so when it is. */
  private deliver(parked: Parked): void {
    this.dismiss(parked)
    if (parked.isListed) this.parked.leave(parked)
    parked.isListed = false
    if (parked.resume === undefined) return
    const { place } = parked
    place.claimed = true
    parked.end()
    parked.ring!.push((effect) => this.unpark(parked)?.(effect), outcome(place))
  }

  private deliverAll(place: Place): void {
    for (let parked = place.awaiting; parked !== undefined; ) {
      const { before } = parked
      this.deliver(parked)
      parked = before
    }
  }

  /** The fiber was interrupted, parked or not. */
  private depart(parked: Parked): void {
    this.unpark(parked)
    this.dismiss(parked)
    parked.end()
  }

  protected grant(place: Place, at: number): void {
    this.remove(place)
    this.turn = at
    place.state = "granted"
    place.grantedAt = at
    this.deliverAll(place)
  }

  protected fail(place: Place, cause: Cause.Cause<unknown>): void {
    this.remove(place)
    this.end(place, cause)
  }

  private end(place: Place, cause: Cause.Cause<unknown>): void {
    place.state = "failed"
    place.cause = cause
    this.deliverAll(place)
  }

  private remove(place: Place): void {
    if (this.line.head === place) this.turn = this.ticks.latest
    this.line.leave(place)
    this.deadlines.remove(place)
    const queue = this.queues.get(place.priority)!
    queue.tokens -= place.n
    if (--queue.places === 0) this.queues.delete(place.priority)
  }
}

type Resume = (effect: Effect.Effect<any, any>) => void

/** `Effect.callback`, with the scheduler as an argument. */
const parking = (
  register: (scheduler: Scheduler, resume: Resume) => Effect.Effect<void> | undefined | void
): Effect.Effect<void, RateLimited | RateLimiterFull> =>
  Effect.callback<void, RateLimited | RateLimiterFull>(function (this: Scheduler, resume) {
    return register(this, resume)
  })

const outcome = (place: Place): Effect.Effect<void, unknown> => {
  if (place.state === "granted") return Effect.void
  if (place.state === "failed") return Effect.failCause(place.cause)
  return Effect.die(new Error("RateLimiter: this reservation was cancelled"))
}
