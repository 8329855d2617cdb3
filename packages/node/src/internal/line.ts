/** Entries in order, of which any may leave: what was accepted and not sent, and who waits for room. */
export class Line<E extends Linked<E>> {
  size = 0
  first: E | undefined = undefined
  private last: E | undefined = undefined

  append(entry: E): void {
    this.insert(entry, this.last, undefined)
  }

  prepend(entry: E): void {
    this.insert(entry, undefined, this.first)
  }

  remove(entry: E): void {
    const { next, previous } = entry
    if (previous === undefined) this.first = next
    else previous.next = next
    if (next === undefined) this.last = previous
    else next.previous = previous
    entry.previous = entry.next = undefined
    this.size--
  }

  shift(): E | undefined {
    const { first } = this
    if (first !== undefined) this.remove(first)
    return first
  }

  private insert(entry: E, previous: E | undefined, next: E | undefined): void {
    entry.previous = previous
    entry.next = next
    if (previous === undefined) this.first = entry
    else previous.next = entry
    if (next === undefined) this.last = entry
    else next.previous = entry
    this.size++
  }
}

/** An entry stands in one line at a time. */
export interface Linked<E> {
  previous: E | undefined
  next: E | undefined
}
