/**
 * Where fibers park, in order.
 *
 * A line is an intrusive, doubly linked list: whoever waits *is* its own node, so joining, leaving from anywhere and
 * being served from the front touch at most three nodes, whatever the number of waiters. (Effect's own semaphore walks
 * every waiter on every release; an array or a ring makes leaving from the middle linear.)
 *
 * Every waiter gets a ticket when it joins. A waiter that stands aside for a while goes back to its ticket's place, so
 * standing aside never costs a turn.
 */

/** A place in a line. At any time a waiter stands in one line at most. */
export class Waiter<W extends Waiter<W>> {
  /** Position in the order of arrival. Set by `join`, kept while the waiter stands aside. */
  ticket = 0
  previous: W | undefined = undefined
  next: W | undefined = undefined
}

export class WaitLine<W extends Waiter<W>> {
  head: W | undefined = undefined
  tail: W | undefined = undefined
  length = 0
  private tickets = 0

  /** Takes the next ticket and stands at the end. */
  join(waiter: W): void {
    waiter.ticket = ++this.tickets
    this.insertBefore(waiter, undefined)
  }

  /** Leaves from wherever it stands. */
  leave(waiter: W): void {
    this.length--
    if (waiter.previous === undefined) this.head = waiter.next
    else waiter.previous.next = waiter.next
    if (waiter.next === undefined) this.tail = waiter.previous
    else waiter.next.previous = waiter.previous
    waiter.previous = waiter.next = undefined
  }

  /** Stands at the end with the ticket it has. */
  append(waiter: W): void {
    this.insertBefore(waiter, undefined)
  }

  /** Takes back, to their tickets' places, those who come in the order of their tickets: one walk over whoever is older. */
  merge(returning: Iterable<W>): void {
    let at = this.head
    for (const waiter of returning) {
      while (at !== undefined && at.ticket < waiter.ticket) at = at.next
      this.insertBefore(waiter, at)
    }
  }

  private insertBefore(waiter: W, behind: W | undefined): void {
    this.length++
    const ahead = behind === undefined ? this.tail : behind.previous
    waiter.previous = ahead
    waiter.next = behind
    if (ahead === undefined) this.head = waiter
    else ahead.next = waiter
    if (behind === undefined) this.tail = waiter
    else behind.previous = waiter
  }
}

/**
 * Those who are too large for the moment, by size. Whoever of a size steps aside is younger than all of that size who stand
 * here already (they all come back together), so each size is a line, and stepping aside walks past nobody. (One line for
 * all sizes would make a shrink quadratic.)
 */
export class StandingAside<W extends Waiter<W>> {
  length = 0
  private readonly bySize = new Map<number, WaitLine<W>>()
  /** Not above the smallest size that stands here. */
  private smallest = Infinity

  add(size: number, waiter: W): void {
    let line = this.bySize.get(size)
    if (line === undefined) {
      line = new WaitLine()
      this.bySize.set(size, line)
      this.smallest = Math.min(this.smallest, size)
    }
    line.append(waiter)
    this.length++
  }

  remove(size: number, waiter: W): void {
    const line = this.bySize.get(size)
    if (line === undefined) return
    line.leave(waiter)
    this.length--
    if (line.length === 0) this.bySize.delete(size)
  }

  /** All who fit a limit leave, in the order of their tickets. Looks at sizes, and only if one of them may fit. */
  returning(limit: number): ReadonlyArray<W> {
    if (limit < this.smallest) return []
    const found: Array<W> = []
    this.smallest = Infinity
    for (const [size, line] of this.bySize) {
      if (size > limit) {
        this.smallest = Math.min(this.smallest, size)
        continue
      }
      for (let waiter = line.head; waiter !== undefined; waiter = line.head) {
        line.leave(waiter)
        found.push(waiter)
      }
      this.bySize.delete(size)
    }
    this.length -= found.length
    return found.toSorted((a, b) => a.ticket - b.ticket)
  }
}
