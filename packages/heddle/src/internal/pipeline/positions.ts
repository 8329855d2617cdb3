/**
 * Which elements of a source have left, by their places: all before `next`, and some beyond it. Pure.
 *
 * There are as many beyond as are in flight, not as many as there are.
 */
export class Positions {
  next: number
  private readonly beyond: Set<number>

  constructor(next = 0, beyond: ReadonlyArray<number> = []) {
    this.next = next
    this.beyond = new Set(beyond)
  }

  has(position: number): boolean {
    return position < this.next || this.beyond.has(position)
  }

  add(position: number): void {
    this.beyond.add(position)
    while (this.beyond.delete(this.next)) this.next++
  }

  get ahead(): ReadonlyArray<number> {
    return Array.from(this.beyond).toSorted((a, b) => a - b)
  }
}
