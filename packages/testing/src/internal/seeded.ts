/** Streams of pseudo-random numbers: the same on every machine. */
import type { Random } from "effect/Random"

/** Numbers in [0, 1) with 32 random bits: the counter of Weyl with the mixer of MurmurHash3. */
export class RandomStream implements Random {
  private first: number
  private state: number

  constructor(seed: number) {
    this.first = this.state = seed | 0
  }
  reset(seed: number): void {
    this.first = this.state = seed | 0
  }
  /** Whether anything was drawn since it began. */
  get drawn(): boolean {
    return this.state !== this.first
  }
  next(): number {
    this.state = (this.state + 0x9e3779b9) | 0
    return mix(this.state) / 2 ** 32
  }
  /** An integer in [0, bound). */
  below(bound: number): number {
    return Math.floor(this.next() * bound)
  }
  nextDoubleUnsafe(): number {
    return (Math.floor(this.next() * 2 ** 26) * 2 ** 27 + Math.floor(this.next() * 2 ** 27)) / 2 ** 53
  }
  nextIntUnsafe(): number {
    const { MAX_SAFE_INTEGER: max, MIN_SAFE_INTEGER: min } = Number
    return Math.floor(this.nextDoubleUnsafe() * (max - min + 1)) + min
  }
}

const mix = (state: number): number => {
  let bits = state
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return (bits ^ (bits >>> 16)) >>> 0
}

/** The seed of run number `run`; run 0 has the seed itself. */
export const seedOfRun = (seed: number, run: number): number =>
  run === 0 ? seed >>> 0 : mix(Math.imul(seed ^ 0x5bd1e995, 0x9e3779b1) ^ Math.imul(run, 0x85ebca77))
