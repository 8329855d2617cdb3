/**
 * How many tasks run at a time, who waits for a slot, and the slot that a task's fibers carry.
 *
 * A task's slot is in its context, where whatever it forks inherits it. So somebody who asks for a slot from inside a task
 * of the same owner can be told from somebody outside: he does not wait for a slot that perhaps nobody but he himself can
 * free, but runs what he wants to run in the slot that he carries. It is free again when all who share it have ended.
 *
 * ```
 *   asks ── take ──────────────────────────────▶ holds ── leave ──▶ gone
 *    │                                             ▲
 *    └─ wait ─▶ waiting ── a slot is free ─▶ served ┘ on the ready ring
 *                  └──────── interruption ─────┴───────────────────▶ gone
 * ```
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { Fiber } from "effect/Fiber"
import type { Scheduler } from "effect/Scheduler"

import { type ReadyRing, readyRing } from "./readyRing.ts"
import { Waiter, WaitLine } from "./waitLine.ts"

export class Slot {
  readonly owner: Slots
  /** Tasks that run in it. At zero it is nobody's: a daemon that has outlived its task carries nothing. */
  users = 1

  constructor(owner: Slots) {
    this.owner = owner
  }

  leave(): void {
    if (--this.users === 0) this.owner.giveBack()
  }
}

/** The slots of all the tasks that enclose a fiber, the innermost first. */
interface Carried {
  readonly slot: Slot
  readonly outer: Carried | undefined
}

export const CarriedSlots = Context.Reference<Carried | undefined>("heddle/CarriedSlots", {
  defaultValue: () => undefined
})

/** What a new task of `owner` inherits. Without this the chain of a task that submits the next one would never end. */
const inherited = (carried: Carried | undefined, owner: Slots): Carried | undefined => {
  if (carried === undefined) return undefined
  const outer = inherited(carried.outer, owner)
  const { slot } = carried
  if (slot.owner === owner || slot.users === 0) return outer
  return outer === carried.outer ? carried : { slot, outer }
}

class Place extends Waiter<Place> {
  state: "waiting" | "served" | "gone" = "waiting"
  readonly ring: ReadyRing
  readonly resume: (effect: Effect.Effect<any, any, any>) => void
  /** What the fiber goes on with once it is served. */
  readonly begin: Effect.Effect<any, any, any>

  constructor(scheduler: Scheduler, resume: Place["resume"], begin: (place: Place) => Place["begin"]) {
    super()
    this.ring = readyRing(scheduler)
    this.resume = resume
    this.begin = Effect.suspend(() => begin(this))
  }
}

export class Slots {
  concurrency: number
  private taken = 0
  /** Slots of those that are served and have not gone on yet. */
  private promised = 0
  // Invariant: nobody waits, or no slot is free. So whoever takes a free one overtakes nobody.
  private readonly line = new WaitLine<Place>()

  constructor(concurrency: number) {
    this.concurrency = concurrency
  }

  get waiting(): number {
    return this.line.length + this.promised
  }

  /** A slot, if a newcomer need not wait for one. */
  take(): Slot | undefined {
    if (this.taken >= this.concurrency) return undefined
    this.taken++
    return new Slot(this)
  }

  /** Waits for a slot and goes on with it. An interruption until then gives back what there is to give back. */
  wait<A, E, R>(use: (slot: Slot) => Effect.Effect<A, E, R>, onLeft: () => void): Effect.Effect<A, E, R> {
    const begin = (place: Place): Effect.Effect<A, E, R> => {
      place.state = "gone"
      this.promised--
      return use(new Slot(this))
    }
    const join = (scheduler: Scheduler, resume: Place["resume"]) => {
      const place = new Place(scheduler, resume, begin)
      this.line.join(place)
      // also when a slot became free since `take` failed: a fiber may be preempted between the two
      this.serve()
      return Effect.sync(() => {
        this.undo(place)
        onLeft()
      })
    }
    return Effect.callback<A, E, R>(function (this: Scheduler, resume) {
      return join(this, resume)
    })
  }

  private undo(place: Place): void {
    const { state } = place
    place.state = "gone"
    if (state === "waiting") this.line.leave(place)
    else if (state === "served") {
      this.promised--
      this.giveBack()
    }
  }

  /** All who wait go on with `instead`, without a slot. Says how many they were. */
  dismiss(instead: Effect.Effect<void>): number {
    const { length } = this.line
    for (let place = this.line.head; place !== undefined; place = this.line.head) {
      this.line.leave(place)
      place.state = "gone"
      place.ring.push(place.resume, instead)
    }
    return length
  }

  resize(concurrency: number): void {
    this.concurrency = concurrency
    this.serve()
  }

  giveBack(): void {
    this.taken--
    this.serve()
  }

  private serve(): void {
    for (let place = this.line.head; place !== undefined && this.taken < this.concurrency; place = this.line.head) {
      this.line.leave(place)
      place.state = "served"
      this.taken++
      this.promised++
      place.ring.push(place.resume, place.begin)
    }
  }

  /** The slot of these that the fiber runs in. */
  carriedBy(fiber: Fiber<unknown, unknown>): Slot | undefined {
    let carried = fiber.getRef(CarriedSlots)
    while (carried !== undefined && carried.slot.owner !== this) carried = carried.outer
    return carried === undefined || carried.slot.users === 0 ? undefined : carried.slot
  }

  /** The context of a task that runs in `slot` and was submitted by `fiber`. */
  contextOf(fiber: Fiber<unknown, unknown>, slot: Slot): Context.Context<never> {
    return Context.add(fiber.context, CarriedSlots, { slot, outer: inherited(fiber.getRef(CarriedSlots), this) })
  }
}
