/** Who waits for tokens: places in a line, and the fibers that wait for a place's turn. */
import * as Cause from "effect/Cause"
import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"

import { PriorityWaiter } from "../priorityLine.ts"
import type { ReadyRing } from "../readyRing.ts"
import { Waiter } from "../waitLine.ts"

/**
 * A request for tokens that stands in line. It holds none: they are taken at its turn and not before, so leaving costs
 * nothing and moves the later ones forward.
 *
 * ```
 *   waiting ── its turn ──▶ granted ── interrupted before it went on, or cancelled at that instant ──▶ left
 *     │                                                        (the tokens go back)
 *     ├─ interrupted, cancelled ──▶ left
 *     └─ too long, dropped, too large for a new limit ──▶ failed
 * ```
 */
export class Place extends PriorityWaiter<Place> {
  state: "waiting" | "granted" | "left" | "failed" = "waiting"
  readonly n: number
  since = 0
  /** It fails rather than wait any longer. */
  deadline = Infinity
  position = -1
  grantedAt = 0
  /** A fiber has gone on with what was granted. */
  claimed = false
  /** With what it failed. */
  cause: Cause.Cause<unknown> = Cause.empty
  /** The latest fiber that waits for its turn. A request has one; a reservation any number, or none. */
  awaiting: Parked | undefined = undefined

  constructor(n: number, priority: number) {
    super()
    this.n = n
    this.priority = priority
  }
}

/** A fiber that waits for the turn of a place. While it is parked it stands in its gate's list of those who are. */
export class Parked extends Waiter<Parked> {
  readonly place: Place
  resume: ((effect: Effect.Effect<any, any>) => void) | undefined = undefined
  isListed = false
  ring: ReadyRing | undefined = undefined
  /** The child that sleeps for the whole line, and until when, while this fiber keeps the time. */
  sleeper: Fiber.Fiber<unknown, unknown> | undefined = undefined
  wakesAt = -Infinity
  /** On the ring, to look how long it has to sleep. */
  isWoken = false
  /** Those who wait for the same place. */
  private older: Parked | undefined
  private younger: Parked | undefined = undefined

  constructor(place: Place) {
    super()
    this.place = place
    this.older = place.awaiting
    if (this.older !== undefined) this.older.younger = this
    place.awaiting = this
  }

  /** Waits no more. */
  end(): void {
    if (this.older !== undefined) this.older.younger = this.younger
    if (this.younger !== undefined) this.younger.older = this.older
    else if (this.place.awaiting === this) this.place.awaiting = this.older
    this.older = this.younger = undefined
  }

  /** Who began to wait for the same place before this one. */
  get before(): Parked | undefined {
    return this.older
  }
}
