/**
 * A line in which priorities count, and nobody starves.
 *
 * One level of priority is worth `step` places: a waiter stands as if it had come `priority * step` places earlier. Its
 * key, `ticket - priority * step`, is fixed when it joins; the smallest key goes first, and of equal keys the higher
 * priority. So
 *
 * - of one priority, first come, first served;
 * - a waiter overtakes at most `step` older ones of each priority per level above theirs, and **is overtaken by at most
 *   `step` younger ones per level that the highest of them stands above it**, however many come and however long it takes.
 *
 * Places and not seconds, because a wait is made of those who are served before: see ADR 0020.
 *
 * ```
 *   priority 2    ○ 41   ○ 57                     a lane per priority that waits, each in order of tickets;
 *   priority 0    ● 3    ○ 4    ○ 6   ○ 40 ...    their heads compete by key, in a heap of lanes
 *   priority -1   ○ 5
 * ```
 *
 * Inside a lane keys grow with tickets, so joining is an append and only heads are compared: joining, leaving from anywhere
 * and being served cost O(log lanes), and O(1) while there is one, which is how a line without priorities stays a plain one.
 */
import { Waiter, WaitLine } from "./waitLine.ts"

export class PriorityWaiter<W extends PriorityWaiter<W>> extends Waiter<W> {
  /** An integer; higher goes first. Fixed while it waits or stands aside. */
  priority = 0
}

class Lane<W extends PriorityWaiter<W>> extends WaitLine<W> {
  readonly priority: number
  /** Where it stands in the heap; -1 while nobody waits in it. */
  position = -1

  constructor(priority: number) {
    super()
    this.priority = priority
  }
}

/** What one level of priority is worth where nobody says otherwise: more places than most lines have. */
const defaultStep = 1000

export class PriorityLine<W extends PriorityWaiter<W>> {
  length = 0
  private readonly step: number
  private tickets = 0
  private readonly plain = new Lane<W>(0)
  /** Every other lane in which somebody waits, and no more: whoever uses a million priorities keeps no million lanes. */
  private readonly others = new Map<number, Lane<W>>()
  // Invariant: the lanes in which somebody waits, a binary heap by the keys of their heads.
  private readonly heap: Array<Lane<W>> = []

  constructor(step = defaultStep) {
    this.step = step
  }

  /** Who goes first. */
  get head(): W | undefined {
    return this.heap.length === 0 ? undefined : this.heap[0]!.head
  }

  /** Takes the next ticket and stands at the place of its priority. */
  join(waiter: W): void {
    waiter.ticket = ++this.tickets
    const lane = this.laneOf(waiter.priority)
    lane.append(waiter)
    this.length++
    if (lane.position < 0) this.enter(lane)
  }

  /** Leaves from wherever it stands. */
  leave(waiter: W): void {
    const lane = this.laneOf(waiter.priority)
    const wasHead = lane.head === waiter
    lane.leave(waiter)
    this.length--
    if (!wasHead) return
    if (lane.head === undefined) this.exit(lane)
    else if (this.heap.length > 1) this.sink(lane, lane.position)
  }

  /** Takes back, to the places of their tickets and priorities, those who come in the order of their tickets. */
  merge(returning: ReadonlyArray<W>): void {
    const byLane = new Map<Lane<W>, Array<W>>()
    for (const waiter of returning) {
      const lane = this.laneOf(waiter.priority)
      const those = byLane.get(lane)
      if (those === undefined) byLane.set(lane, [waiter])
      else those.push(waiter)
    }
    for (const [lane, those] of byLane) {
      lane.merge(those)
      if (lane.position < 0) this.enter(lane)
      else this.rise(lane, lane.position)
    }
    this.length += returning.length
  }

  /** Whether somebody of this priority who came now would go first. */
  wouldLead(priority: number): boolean {
    const { head } = this
    return head === undefined || this.tickets + 1 - priority * this.step <= this.keyOf(head)
  }

  /**
   * Uses up a ticket. Whoever is served at once although others wait has overtaken them and must count as one who did:
   * else an endless row of those could pass the same waiter for ever.
   */
  pass(): void {
    this.tickets++
  }

  /** Who has waited longest. Looks at every priority that waits. */
  oldest(): W | undefined {
    return this.heap.reduce<W | undefined>(
      (oldest, { head }) => (oldest === undefined || head!.ticket < oldest.ticket ? head : oldest),
      undefined
    )
  }

  /** The youngest of the lowest priority. Looks at every priority that waits. */
  lowest(): W | undefined {
    return this.heap.reduce<Lane<W> | undefined>(
      (lowest, lane) => (lowest === undefined || lane.priority < lowest.priority ? lane : lowest),
      undefined
    )?.tail
  }

  private keyOf(waiter: W): number {
    return waiter.ticket - waiter.priority * this.step
  }

  private laneOf(priority: number): Lane<W> {
    if (priority === 0) return this.plain
    let lane = this.others.get(priority)
    if (lane === undefined) {
      lane = new Lane(priority)
      this.others.set(priority, lane)
    }
    return lane
  }

  private enter(lane: Lane<W>): void {
    this.rise(lane, this.heap.length)
  }

  private exit(lane: Lane<W>): void {
    const last = this.heap.pop()!
    if (last !== lane) {
      this.rise(last, lane.position)
      this.sink(last, last.position)
    }
    lane.position = -1
    if (lane !== this.plain) this.others.delete(lane.priority)
  }

  private goesBefore(a: Lane<W>, b: Lane<W>): boolean {
    const keyA = this.keyOf(a.head!)
    const keyB = this.keyOf(b.head!)
    return keyA === keyB ? a.priority > b.priority : keyA < keyB
  }

  private rise(lane: Lane<W>, from: number): void {
    let at = from
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = this.heap[above]!
      if (!this.goesBefore(lane, parent)) break
      this.put(parent, at)
      at = above
    }
    this.put(lane, at)
  }

  private sink(lane: Lane<W>, from: number): void {
    let at = from
    for (;;) {
      let below = 2 * at + 1
      if (below >= this.heap.length) break
      if (below + 1 < this.heap.length && this.goesBefore(this.heap[below + 1]!, this.heap[below]!)) below++
      const child = this.heap[below]!
      if (!this.goesBefore(child, lane)) break
      this.put(child, at)
      at = below
    }
    this.put(lane, at)
  }

  private put(lane: Lane<W>, position: number): void {
    this.heap[position] = lane
    lane.position = position
  }
}
