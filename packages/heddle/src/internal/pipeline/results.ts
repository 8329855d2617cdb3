/**
 * The finished results of a stage that have not left yet, in one of two orders. Elements are numbered from 0 as they come
 * in, and each number is put or skipped at most once.
 */
import { isReadonlyArrayNonEmpty, type NonEmptyReadonlyArray } from "effect/Array"

export interface Results<A> {
  /** How many are stored. In input order a skipped element holds its place until it is passed over. */
  readonly size: number
  put(sequence: number, result: A): void
  /** The element ended without a result. */
  skip(sequence: number): void
  /** Whether `take` has something to take or to pass over. */
  isReady(): boolean
  /** Whether all others have to wait for this one. */
  isAwaited(sequence: number): boolean
  /** All that may leave now. */
  take(): NonEmptyReadonlyArray<A> | undefined
  /** Forgets all that is stored and says how many results that were. */
  clear(): number
}

export class InArrivalOrder<A> implements Results<A> {
  private stored: Array<A> = []

  get size(): number {
    return this.stored.length
  }
  put(_sequence: number, result: A): void {
    this.stored.push(result)
  }
  skip(): void {}
  isReady(): boolean {
    return this.stored.length > 0
  }
  isAwaited(): boolean {
    return false
  }
  take(): NonEmptyReadonlyArray<A> | undefined {
    const { stored } = this
    if (!isReadonlyArrayNonEmpty(stored)) return undefined
    this.stored = []
    return stored
  }
  clear(): number {
    const { length } = this.stored
    this.stored = []
    return length
  }
}

const empty = Symbol("empty")
const skipped = Symbol("skipped")
type Slot<A> = A | typeof empty | typeof skipped

/**
 * A circular buffer indexed by number: what leaves is the prefix without a gap. Its capacity is a power of two that grows
 * to the distance between the first that has not left and the last that has finished.
 */
export class InInputOrder<A> implements Results<A> {
  size = 0
  private first = 0
  private slots: Array<Slot<A>> = emptySlots(16)

  put(sequence: number, result: A): void {
    this.store(sequence, result)
  }
  skip(sequence: number): void {
    this.store(sequence, skipped)
  }
  isReady(): boolean {
    return this.slots[this.first & (this.slots.length - 1)] !== empty
  }
  isAwaited(sequence: number): boolean {
    return sequence === this.first
  }
  take(): NonEmptyReadonlyArray<A> | undefined {
    const { slots } = this
    const mask = slots.length - 1
    const chunk: Array<A> = []
    let slot: Slot<A>
    while ((slot = slots[this.first & mask] as Slot<A>) !== empty) {
      slots[this.first & mask] = empty
      this.first++
      this.size--
      if (slot !== skipped) chunk.push(slot)
    }
    return isReadonlyArrayNonEmpty(chunk) ? chunk : undefined
  }
  clear(): number {
    const results = this.slots.filter((slot) => slot !== empty && slot !== skipped).length
    this.slots = emptySlots(16)
    this.size = 0
    return results
  }

  private store(sequence: number, slot: Slot<A>): void {
    while (sequence - this.first >= this.slots.length) this.grow()
    this.slots[sequence & (this.slots.length - 1)] = slot
    this.size++
  }
  private grow(): void {
    const { first, slots } = this
    const larger = emptySlots<A>(slots.length * 2)
    for (let number = first; number < first + slots.length; number++) {
      larger[number & (larger.length - 1)] = slots[number & (slots.length - 1)] as Slot<A>
    }
    this.slots = larger
  }
}

const emptySlots = <A>(length: number): Array<Slot<A>> => Array.from({ length }, () => empty)
