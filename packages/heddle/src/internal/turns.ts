/**
 * Whose turn it is: deficit round robin.
 *
 * Whoever comes to the front may spend what he has saved and a quantum more, on as many of his requests as that pays for;
 * then he goes to the back with what is left. So all get the same, whoever asks for many small things and whoever for few
 * large ones, and nobody is ahead of another by more than a few of the largest.
 *
 * The quantum is the largest first request of a turn in this round or the last one. So every turn pays for one request at
 * least, and finding who is next costs O(1), however many there are. (A fixed quantum would be unfair to large requests,
 * or cost as many fruitless rounds as they are larger.)
 */
import { Waiter, WaitLine } from "./waitLine.ts"

export abstract class Turn<T extends Turn<T>> extends Waiter<T> {
  /** Whether it stands in the ring. */
  inRing = false
  /** What its turns have given it and it has not spent. */
  saved = 0
  /** What its next request costs. Only asked for while it stands in the ring. */
  abstract readonly cost: number
}

export class Turns<T extends Turn<T>> {
  private readonly ring = new WaitLine<T>()
  /** Whose turn has begun: the front's, or nobody's. */
  private begun: T | undefined = undefined
  private quantum = 0
  private largestOfRound = 0
  private turnsLeft = 0

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
    this.ring.leave(one)
    one.inRing = false
    one.saved = 0
    if (this.begun === one) this.begun = undefined
  }

  /** Who can pay for his next request. The same until he spends, or leaves. */
  next(): T | undefined {
    for (let front = this.ring.head; front !== undefined; front = this.ring.head) {
      if (this.begun !== front) this.begin(front)
      if (front.cost <= front.saved) return front
      this.ring.leave(front)
      this.ring.append(front)
      this.begun = undefined
    }
    return undefined
  }

  private begin(front: T): void {
    if (this.turnsLeft === 0) {
      this.turnsLeft = this.ring.length
      this.quantum = this.largestOfRound
      this.largestOfRound = 0
    }
    this.turnsLeft--
    this.largestOfRound = Math.max(this.largestOfRound, front.cost)
    this.quantum = Math.max(this.quantum, front.cost)
    front.saved += this.quantum
    this.begun = front
  }
}
