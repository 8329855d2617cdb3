/**
 * A deque of integers in shared memory, after Chase and Lev: its owner pushes and pops at the bottom, newest first, and any
 * number of thieves take from the top, oldest first.
 *
 * ```
 *   top ──▶ oldest … newest ◀── bottom        both only grow (and wrap); an entry's place is its count modulo the capacity
 *   thieves: one compare-and-swap             owner: no compare-and-swap but for the last one
 * ```
 * - An entry leaves once: thieves move `top` by compare-and-swap, and so does the owner where he and they may mean the same one.
 * - The owner lowers `bottom` before he reads `top`, and thieves read `top` before `bottom`. In that order (and all operations of
 *   `Atomics` have one order that all threads agree on) one of the two sees the other.
 * - A thief may read a place that the owner has filled anew in between. Then `top` has moved too, so that thief's swap fails.
 *
 * The operations on memory are a parameter, so that tests can stop between any two of them.
 */

/** What a deque needs of memory: each is one step that no other thread can divide. */
export type Memory = Pick<typeof Atomics, "load" | "store" | "compareExchange">

/** Nothing there. */
export const empty = -1
/** Somebody else was faster; there may be more. */
export const lost = -2

// `top` and `bottom` on cache lines of their own: thieves write one, the owner the other
const top = 0
const bottom = 16
const entries = 32

/** The counts wrap around, so only their distance says which is ahead. */
const distance = (from: number, to: number): number => (to - from) | 0

export class Deque {
  private readonly words: Int32Array
  private readonly mask: number
  private readonly memory: Memory

  /** The capacity is a power of two. */
  static bytes(capacity: number): number {
    return (entries + capacity) * Int32Array.BYTES_PER_ELEMENT
  }

  constructor(words: Int32Array, memory: Memory = Atomics) {
    this.words = words
    this.mask = words.length - entries - 1
    this.memory = memory
  }

  /** Owner: adds an entry, which is not negative; false where there is no room. */
  push(entry: number): boolean {
    const { mask, memory, words } = this
    const at = memory.load(words, bottom)
    if (distance(memory.load(words, top), at) > mask) return false
    memory.store(words, entries + (at & mask), entry)
    memory.store(words, bottom, at + 1)
    return true
  }

  /** Owner: the newest entry, or `empty`. */
  pop(): number {
    const { mask, memory, words } = this
    const at = memory.load(words, bottom) - 1
    memory.store(words, bottom, at)
    const first = memory.load(words, top)
    if (distance(first, at) < 0) {
      memory.store(words, bottom, at + 1)
      return empty
    }
    const entry = memory.load(words, entries + (at & mask))
    if (first !== at) return entry
    // the last one: whoever moves `top` has it
    const won = memory.compareExchange(words, top, first, first + 1) === first
    memory.store(words, bottom, at + 1)
    return won ? entry : empty
  }

  /** Anybody: whether there was nothing at the moment of the look. */
  isEmpty(): boolean {
    const first = this.memory.load(this.words, top)
    return distance(first, this.memory.load(this.words, bottom)) <= 0
  }

  /** Thieves: the oldest entry, `empty`, or `lost`. */
  steal(): number {
    const { mask, memory, words } = this
    const first = memory.load(words, top)
    if (distance(first, memory.load(words, bottom)) <= 0) return empty
    const entry = memory.load(words, entries + (first & mask))
    return memory.compareExchange(words, top, first, first + 1) === first ? entry : lost
  }
}
