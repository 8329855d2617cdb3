/**
 * Elements of the same key, one at a time and in the order of the input.
 *
 * ```
 *   element ──▶ its key is idle: begins
 *          └──▶ its key is busy: waits in the key's lane ── the one before it has ended ──▶ due ──▶ begins
 * ```
 *
 * A key that nobody works on and nobody waits for takes no memory.
 */
import { StructuralMap } from "../structuralMap.ts"

export interface Waiting<In> {
  readonly sequence: number
  readonly input: In
  readonly lane: Lane<In>
}

/** Exists while an element of its key runs, is due, or waits. */
export class Lane<In> {
  readonly key: unknown
  readonly waiting: Array<Waiting<In>> = []
  first = 0

  constructor(key: unknown) {
    this.key = key
  }
}

/** The key of an element whose key function threw: nobody else's. The element dies of that. */
export class BrokenKey {
  readonly defect: unknown

  constructor(defect: unknown) {
    this.defect = defect
  }
}

export class Lanes<In> {
  /** Elements that wait behind their key or are due. */
  parked = 0
  private readonly lanes = new StructuralMap<unknown, Lane<In>>()
  /** The first of each lane that nobody works on, the oldest first. At most as many as have ended and not been replaced. */
  private readonly due: Array<Waiting<In>> = []

  private readonly key: (input: In) => unknown

  constructor(key: (input: In) => unknown) {
    this.key = key
  }

  keyOf(input: In): unknown {
    try {
      return this.key(input)
    } catch (defect) {
      return new BrokenKey(defect)
    }
  }

  /** The lane of a key that is busy; undefined if an element of it may begin. */
  busy(key: unknown): Lane<In> | undefined {
    return this.lanes.get(key)
  }

  /** An element of an idle key begins. */
  enter(key: unknown): Lane<In> {
    const lane = new Lane<In>(key)
    this.lanes.set(key, lane)
    return lane
  }

  /** Waits until all that entered the lane before it have left. */
  park(lane: Lane<In>, sequence: number, input: In): void {
    lane.waiting.push({ sequence, input, lane })
    this.parked++
  }

  /** The one that works on the lane's element has ended. */
  leave(lane: Lane<In>): void {
    const next = lane.waiting[lane.first]
    if (next === undefined) {
      this.lanes.delete(lane.key)
      return
    }
    if (++lane.first === 64) {
      lane.waiting.splice(0, 64)
      lane.first = 0
    }
    let at = this.due.length
    while (at > 0 && this.due[at - 1]!.sequence > next.sequence) at--
    this.due.splice(at, 0, next)
  }

  /** The oldest element that waits for a slot only. */
  oldest(): Waiting<In> | undefined {
    return this.due[0]
  }

  /** It begins. */
  shift(): void {
    this.due.shift()
    this.parked--
  }

  /** Forgets those with a higher number that have not begun. */
  dropBehind(cutoff: number): void {
    for (const lane of this.lanes.values()) {
      const kept = lane.waiting.slice(lane.first).filter(({ sequence }) => sequence <= cutoff)
      this.parked -= lane.waiting.length - lane.first - kept.length
      lane.waiting.splice(0, lane.waiting.length, ...kept)
      lane.first = 0
    }
    const due = this.due.filter(({ sequence }) => sequence <= cutoff)
    this.parked -= this.due.length - due.length
    this.due.splice(0, this.due.length, ...due)
  }
}
