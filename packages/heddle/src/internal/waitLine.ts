/**
 * Where fibers park, in order.
 *
 * A line is an intrusive, doubly linked list: whoever waits *is* its own node, so joining, leaving from anywhere and
 * being served from the front touch at most three nodes, whatever the number of waiters. (Effect's own semaphore walks
 * every waiter on every release; an array or a ring makes leaving from the middle linear.)
 *
 * Every waiter gets a ticket when it joins. A waiter that was taken out of the line for a while goes back to its
 * ticket's place, so standing aside never costs a turn.
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

  /** Stands with the ticket it has. Walks from the end: whoever stands aside last usually has the youngest ticket. */
  insert(waiter: W): void {
    let behind: W | undefined = undefined
    let at = this.tail
    while (at !== undefined && at.ticket > waiter.ticket) {
      behind = at
      at = at.previous
    }
    this.insertBefore(waiter, behind)
  }

  /**
   * Calls back from `aside`, to their tickets' places, all who satisfy `returns`. One walk over `aside` and over those
   * in this line who are older than the youngest in `aside`.
   */
  merge(aside: WaitLine<W>, returns: (waiter: W) => boolean): void {
    let at = this.head
    let waiter = aside.head
    while (waiter !== undefined) {
      const following: W | undefined = waiter.next
      if (returns(waiter)) {
        while (at !== undefined && at.ticket < waiter.ticket) at = at.next
        aside.leave(waiter)
        this.insertBefore(waiter, at)
      }
      waiter = following
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
