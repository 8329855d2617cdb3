/**
 * A random walk. Each run draws how eagerly it preempts: one rate for all would either hardly ever leave a fiber alone
 * for long, or hardly ever cut in twice in a row, and bugs are of both kinds.
 */
import type { Search } from "../search.ts"
import { RandomStream, seedOfRun } from "../seeded.ts"

const rates = [1 / 3, 1 / 10, 1 / 30, 0.6]

export const randomSearch = (seed: number): Search => {
  const stream = new RandomStream(seed)
  let run = 0
  let rate = rates[0]!
  return {
    next: () => {
      const seedOfThis = seedOfRun(seed, run)
      rate = rates[run % rates.length]!
      run++
      stream.reset(seedOfThis ^ 0x2545f491)
      return seedOfThis
    },
    choose: (alternatives, { kind }) => {
      if (kind === "dispatch" || kind === "value") return stream.below(alternatives)
      if (stream.next() >= (kind === "resume" ? Math.max(rate, 0.25) : rate)) return 0
      return 1 + stream.below(alternatives - 1)
    },
    done: () => {}
  }
}
