/**
 * Tasks stay where they were made: what a task submits waits for its own worker, newest first, so that what is related runs
 * in the same worker, while what it works on is fresh. A worker that has nothing left takes from the injector, in which
 * tasks from outside wait in the order in which they came, and then steals the older half of what a random other has: the
 * older a task, the more it is likely to bring forth.
 *
 * ```
 *   outside ──▶ injector ○○○○ ──┐
 *                               ▼
 *   worker 0  oldest ○○○○ newest ──▶ runs ──┐
 *               │          ▲                │ what it submits
 *        steals │          └────────────────┘
 *               ▼
 *   worker 1  (has nothing)
 * ```
 */
import { WaitLine } from "../waitLine.ts"
import { Ages, type Backlog, emptied } from "./backlog.ts"
import type { Entry, Frame, Worker } from "./entry.ts"

/** Each worker looks into the injector first every so often: tasks that submit themselves again must not starve it. */
const injectorEvery = 61

export interface StealingOptions {
  /** A number from 0 up to 1. */
  readonly random: () => number
  readonly keepAges: boolean
}

type Deque = WaitLine<Entry>

export class Stealing implements Backlog {
  private readonly injector: Deque = new WaitLine()
  /** By the worker's index. */
  private readonly deques: Array<Deque> = []
  private turns = 0
  private readonly random: () => number
  private readonly ages: Ages | undefined

  constructor({ keepAges, random }: StealingOptions) {
    this.random = random
    this.ages = keepAges ? new Ages() : undefined
  }

  // as with one line for all: while somebody waits no worker is idle, because whoever is idle steals
  claim(_entry: Entry, idle: Array<Worker>): boolean {
    return idle.length > 0
  }

  join(entry: Entry, submitter: () => Frame | undefined): void {
    const worker = submitter()?.worker
    this.ages?.join(entry)
    this.append(worker === undefined || worker.retired ? this.injector : this.dequeOf(worker), entry)
  }

  rejoin(entry: Entry): void {
    this.ages?.join(entry)
    this.append(this.injector, entry)
  }

  leave(entry: Entry): void {
    this.ages?.leave(entry)
    const deque = entry.place as Deque
    deque.leave(entry)
  }

  next(idle: Array<Worker>): Entry | undefined {
    const own = this.dequeOf(idle.at(-1)!)
    const injected = this.injector.head
    const isInjectorsTurn = ++this.turns % injectorEvery === 0
    const entry = isInjectorsTurn ? (injected ?? own.tail) : (own.tail ?? injected)
    if (entry === undefined) return this.steal(own)
    this.leave(entry)
    return entry
  }

  /** Gives the oldest of them, and keeps the others. */
  private steal(thief: Deque): Entry | undefined {
    const { deques } = this
    const start = Math.floor(this.random() * deques.length)
    for (let step = 0; step < deques.length; step++) {
      const victim = deques[(start + step) % deques.length]!
      const oldest = victim.head
      if (oldest === undefined) continue
      this.leave(oldest)
      for (let left = victim.length >> 1; left > 0; left--) this.move(victim.head!, thief)
      return oldest
    }
    return undefined
  }

  take(entry: Entry): boolean {
    this.leave(entry)
    return true
  }

  ahead(entry: Entry): Entry {
    return entry
  }

  ends(): void {}

  /** What waits for a worker that leaves waits for any. */
  resized(size: number): void {
    for (const deque of this.deques.splice(Math.min(size, this.deques.length))) {
      for (const entry of emptied(deque)) this.append(this.injector, entry)
    }
  }

  oldest(): Entry | undefined {
    return this.ages?.oldest()
  }

  clear(): ReadonlyArray<Entry> {
    return [this.injector, ...this.deques].flatMap(emptied)
  }

  private dequeOf({ index }: Worker): Deque {
    while (this.deques.length <= index) this.deques.push(new WaitLine())
    return this.deques[index]!
  }

  private append(deque: Deque, entry: Entry): void {
    entry.place = deque
    deque.append(entry)
  }

  private move(entry: Entry, to: Deque): void {
    const from = entry.place as Deque
    from.leave(entry)
    this.append(to, entry)
  }
}
