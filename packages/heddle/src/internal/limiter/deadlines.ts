/** Those who will not wait for ever, the most impatient first: a binary heap in which everybody knows where he stands. */

interface Impatient {
  readonly deadline: number
  /** Where it stands in the heap; -1 outside. */
  position: number
}

export class Deadlines<W extends Impatient> {
  private readonly heap: Array<W> = []

  get first(): W | undefined {
    return this.heap[0]
  }

  add(one: W): void {
    this.rise(one, this.heap.length)
  }

  remove(one: W): void {
    const { position } = one
    if (position < 0) return
    const last = this.heap.pop()!
    if (last !== one) {
      this.rise(last, position)
      this.sink(last, last.position)
    }
    one.position = -1
  }

  private rise(one: W, from: number): void {
    let at = from
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = this.heap[above]!
      if (parent.deadline <= one.deadline) break
      this.put(parent, at)
      at = above
    }
    this.put(one, at)
  }

  private sink(one: W, from: number): void {
    let at = from
    for (;;) {
      let below = 2 * at + 1
      if (below >= this.heap.length) break
      if (below + 1 < this.heap.length && this.heap[below + 1]!.deadline < this.heap[below]!.deadline) below++
      const child = this.heap[below]!
      if (one.deadline <= child.deadline) break
      this.put(child, at)
      at = below
    }
    this.put(one, at)
  }

  private put(one: W, position: number): void {
    this.heap[position] = one
    one.position = position
  }
}
