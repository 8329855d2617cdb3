/**
 * Whose turn it is: deficit round robin.
 *
 * Whoever comes to the front may spend what he has saved and his share of the round, on as many of his requests as that pays
 * for; then he goes to the back with what is left. All get the same share, so whoever asks for many small things and whoever
 * asks for few large ones are served alike, and nobody is ahead of another by more than three of the largest.
 *
 * The share is the largest first request of a turn in this round or the last one, so that every turn pays for one request
 * at least, and finding who is next costs O(1), however many there are. Those whose turn came before the share was raised
 * get the difference in their next. (A fixed share would cost as many fruitless rounds as a large request is larger.)
 */
import { Waiter, WaitLine } from "./waitLine.ts"

export abstract class Turn<T extends Turn<T>> extends Waiter<T> {
  /** Whether it stands in the ring. */
  inRing = false
  /** What its turns have given it and it has not spent. */
  saved = 0
  /** `Turns.level` at its last turn; undefined before its first. */
  level: number | undefined = undefined
  /** What its next request costs. Only asked for while it stands in the ring. */
  abstract readonly cost: number
}

export class Turns<T extends Turn<T>> {
  private readonly ring = new WaitLine<T>()
  /** Whose turn has begun: the front's, or nobody's. */
  private begun: T | undefined = undefined
  /** Whose turn ends the round; undefined between rounds. */
  private last: T | undefined = undefined
  private share = 0
  /** The sum of the shares of all rounds. */
  private level = 0
  private largestOfRound = 0

  get isEmpty(): boolean {
    return this.ring.length === 0
  }

  /** Stands at the back. */
  enter(one: T): void {
    one.inRing = true
    this.ring.append(one)
  }

  /** Whoever leaves takes nothing along: savings are for those who wait. */
  leave(one: T): void {
    if (this.last === one) this.last = one.previous
    if (this.begun === one) this.begun = undefined
    this.ring.leave(one)
    one.inRing = false
    one.saved = 0
    one.level = undefined
  }

  /** Who can pay for his next request. The same until he spends, or leaves. */
  next(): T | undefined {
    for (let front = this.ring.head; front !== undefined; front = this.ring.head) {
      if (this.begun !== front) this.begin(front)
      if (front.cost <= front.saved) return front
      this.ring.leave(front)
      this.ring.append(front)
      if (this.last === front) this.last = undefined
      this.begun = undefined
    }
    return undefined
  }

  private begin(front: T): void {
    if (this.last === undefined) {
      this.last = this.ring.tail
      this.share = this.largestOfRound
      this.level += this.share
      this.largestOfRound = 0
    }
    const { cost } = front
    this.largestOfRound = Math.max(this.largestOfRound, cost)
    const raise = Math.max(0, cost - this.share)
    this.share += raise
    this.level += raise
    front.saved += front.level === undefined ? this.share : this.level - front.level
    front.level = this.level
    this.begun = front
  }
}
