/** Which task goes to which worker, and when: those that wait. `Core` says who has a worker, this says who is next. */
import { PriorityLine } from "../priorityLine.ts"
import { Waiter, WaitLine } from "../waitLine.ts"
import type { Entry, Frame, Worker } from "./entry.ts"

export interface Backlog {
  /** Whether an entry that has just come begins at once: then its worker is the last of the idle ones. */
  claim(entry: Entry, idle: Array<Worker>): boolean
  /** Stands with those that wait. `submitter` says which task submits it, if that is one of the same pool. */
  join(entry: Entry, submitter: () => Frame | undefined): void
  /** Comes back after a backoff. */
  rejoin(entry: Entry): void
  /** Leaves those that wait, for good. */
  leave(entry: Entry): void
  /** Takes out who is next for one of the idle workers, which becomes the last of them. */
  next(idle: Array<Worker>): Entry | undefined
  /** Takes out an entry to begin in the worker out of turn; false where it must not. */
  take(entry: Entry, worker: Worker): boolean
  /** Who has to begin before it, or has begun and has to end, if a task of `worker` waits for it: perhaps itself. */
  ahead(entry: Entry, worker: Worker | undefined): Entry
  /** What had begun has ended. */
  ends(entry: Entry): void
  /** There are so many workers now. */
  resized(size: number): void
  /** Who has waited longest. */
  oldest(): Entry | undefined
  /** Empties it. */
  clear(): ReadonlyArray<Entry>
}

/** One line for all, by priority and then by arrival. */
export class Shared implements Backlog {
  private readonly line = new PriorityLine<Entry>()

  // while somebody waits here no worker is idle, unless the pool is paused
  claim(_entry: Entry, idle: Array<Worker>): boolean {
    return idle.length > 0
  }
  join(entry: Entry): void {
    this.line.join(entry)
  }
  rejoin(entry: Entry): void {
    this.line.join(entry)
  }
  leave(entry: Entry): void {
    this.line.leave(entry)
  }
  next(): Entry | undefined {
    const { head } = this.line
    if (head !== undefined) this.line.leave(head)
    return head
  }
  take(entry: Entry): boolean {
    this.line.leave(entry)
    return true
  }
  ahead(entry: Entry): Entry {
    return entry
  }
  ends(): void {}
  resized(): void {}
  oldest(): Entry | undefined {
    return this.line.oldest()
  }
  clear(): ReadonlyArray<Entry> {
    return emptied(this.line)
  }
}

interface Line<W> {
  readonly head: W | undefined
  leave(waiter: W): void
}

/** Whoever stood in a line, in its order. */
export const emptied = <W>(line: Line<W>): ReadonlyArray<W> => {
  const left: Array<W> = []
  for (let waiter = line.head; waiter !== undefined; waiter = line.head) {
    line.leave(waiter)
    left.push(waiter)
  }
  return left
}

class Age extends Waiter<Age> {
  readonly entry: Entry

  constructor(entry: Entry) {
    super()
    this.entry = entry
  }
}

/** Entries in the order in which they came, for backlogs that have no such line. Only kept where somebody drops the oldest. */
export class Ages {
  private readonly line = new WaitLine<Age>()
  private readonly ages = new Map<Entry, Age>()

  join(entry: Entry): void {
    const age = new Age(entry)
    this.ages.set(entry, age)
    this.line.join(age)
  }
  leave(entry: Entry): void {
    this.line.leave(this.ages.get(entry)!)
    this.ages.delete(entry)
  }
  oldest(): Entry | undefined {
    return this.line.head?.entry
  }
}
