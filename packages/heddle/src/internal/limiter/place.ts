/** Who waits for tokens: places in a line, and the fibers that wait for a place's turn. */
import * as Cause from "effect/Cause"

import type { Claim } from "../observer.ts"
import { PriorityWaiter } from "../priorityLine.ts"
import { Parked } from "./timekeeper.ts"

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
export class Place extends PriorityWaiter<Place> implements Claim {
  state: "waiting" | "granted" | "left" | "failed" = "waiting"
  readonly n: number
  /** Of which key, where the limiter has keys. */
  readonly key: unknown
  since = 0
  /** It fails rather than wait any longer. */
  deadline = Infinity
  position = -1
  grantedAt = 0
  /** Of the limit by which it was granted. */
  era = 0
  /** A fiber has gone on with what was granted. */
  claimed = false
  /** With what it failed. */
  cause: Cause.Cause<unknown> = Cause.empty
  /** The latest fiber that waits for its turn. A request has one; a reservation any number, or none. */
  awaiting: Awaiting | undefined = undefined

  constructor(n: number, priority: number, key: unknown) {
    super()
    this.n = n
    this.priority = priority
    this.key = key
  }

  get permits(): number {
    return this.n
  }

  get loose(): boolean {
    return true
  }
}

/** A fiber that waits for the turn of a place. */
export class Awaiting extends Parked<Awaiting> {
  readonly place: Place
  /** Those who wait for the same place. */
  private older: Awaiting | undefined
  private younger: Awaiting | undefined = undefined

  constructor(place: Place) {
    super()
    this.place = place
    this.older = place.awaiting
    if (this.older !== undefined) this.older.younger = this
    place.awaiting = this
  }

  /** Who began before this one. */
  get before(): Awaiting | undefined {
    return this.older
  }

  /** Waits no more. */
  end(): void {
    if (this.older !== undefined) this.older.younger = this.younger
    if (this.younger !== undefined) this.younger.older = this.older
    else if (this.place.awaiting === this) this.place.awaiting = this.older
    this.older = this.younger = undefined
  }
}
