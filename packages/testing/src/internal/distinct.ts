/** How many different schedules there were, without keeping them. */
import type { Schedule } from "./model.ts"

/** Counted up to this number, in 16 MB at most. */
export const mostDistinct = 1_000_000

/** A set of 53-bit numbers, never 0, with open addressing. A million schedules collide with a probability of 1 in 18,000. */
export class DistinctSchedules {
  size = 0
  private slots = new Float64Array(1024)

  add(schedule: Schedule): void {
    if (this.size >= mostDistinct) return
    if (this.size * 2 >= this.slots.length) this.grow()
    if (insert(this.slots, hashOf(schedule))) this.size++
  }
  private grow(): void {
    const grown = new Float64Array(this.slots.length * 2)
    for (const hash of this.slots) if (hash !== 0) insert(grown, hash)
    this.slots = grown
  }
}

const insert = (slots: Float64Array, hash: number): boolean => {
  let at = hash % slots.length
  while (slots[at] !== 0) {
    if (slots[at] === hash) return false
    at = (at + 1) % slots.length
  }
  slots[at] = hash
  return true
}

const hashOf = (schedule: Schedule): number => {
  let [one, other] = [0x9e3779b9, 0x85ebca6b]
  const mix = (value: number) => {
    one = Math.imul(one ^ value, 0x9e3779b1)
    one ^= one >>> 15
    other = Math.imul(other ^ value, 0xc2b2ae35)
    other ^= other >>> 13
  }
  for (const { alternative, point } of schedule) {
    mix(point)
    mix(alternative)
    mix(alternative / 2 ** 32)
  }
  return (one >>> 0) * 2 ** 21 + (other >>> 11) + 1
}
