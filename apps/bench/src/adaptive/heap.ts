/** A binary heap: what has the least key leaves first, and of equal keys what came first. */
export class Heap<A> {
  private readonly entries: Array<{ readonly key: number; readonly order: number; readonly value: A }> = []
  private pushed = 0

  /** The least key, or Infinity. */
  get least(): number {
    return this.entries[0]?.key ?? Infinity
  }

  push(key: number, value: A): void {
    const { entries } = this
    const entry = { key, order: this.pushed++, value }
    let at = entries.push(entry) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (this.before(parent, entry)) break
      entries[at] = entries[parent]!
      at = parent
    }
    entries[at] = entry
  }

  pop(): A | undefined {
    const { entries } = this
    const first = entries[0]
    const last = entries.pop()
    if (first === undefined || last === undefined || entries.length === 0) return first?.value
    let at = 0
    for (let child = 1; child < entries.length; child = 2 * at + 1) {
      if (child + 1 < entries.length && this.before(child + 1, entries[child]!)) child++
      if (!this.before(child, last)) break
      entries[at] = entries[child]!
      at = child
    }
    entries[at] = last
    return first.value
  }

  private before(index: number, than: { readonly key: number; readonly order: number }): boolean {
    const { key, order } = this.entries[index]!
    return key < than.key || (key === than.key && order < than.order)
  }
}
