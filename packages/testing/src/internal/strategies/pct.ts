/**
 * Probabilistic concurrency testing (Burckhardt, Kothari, Musuvathi, Nagarakatte, 2010). Each fiber has a priority that
 * is drawn at random, the highest that can run runs, and at `depth - 1` points drawn at random the one that runs falls
 * below all others. With n fibers and k points a bug of that depth shows with probability 1 / (n k^(depth-1)) at least
 * in each run. The first run takes the defaults and measures n and k.
 *
 * A fiber that yields of its own accord falls below all others too, so that one that waits in a loop ends.
 */
import type { Point, Search } from "../search.ts"
import { RandomStream, seedOfRun } from "../seeded.ts"

export const pctSearch = (depth: number, seed: number): Search => {
  const stream = new RandomStream(seed)
  const priorities = new Map<number, number>()
  const changes = new Set<number>()
  let run = 0
  let fibers = 0
  let points = 0
  let point = 0
  let lowest = 0

  const priorityOf = (key: number): number => {
    let priority = priorities.get(key)
    if (priority === undefined) priorities.set(key, (priority = 1 + stream.next()))
    return priority
  }
  const demote = (key: number): void => void priorities.set(key, --lowest)

  const highest = (alternatives: number, at: Point): number => {
    let best = 0
    let bestPriority = -Infinity
    for (let index = 0; index < alternatives; index++) {
      // those that have yielded come after all others, in their order
      const priority = at.hasYielded(index) ? -Number.MAX_SAFE_INTEGER - index : priorityOf(at.keyOf(index))
      if (priority <= bestPriority) continue
      best = index
      bestPriority = priority
    }
    return best
  }

  return {
    next: () => {
      const seedOfThis = seedOfRun(seed, run++)
      stream.reset(seedOfThis ^ 0x1f123bb5)
      priorities.clear()
      changes.clear()
      point = lowest = 0
      if (points > 0) while (changes.size < Math.min(depth - 1, points)) changes.add(stream.below(points))
      return seedOfThis
    },
    choose: (alternatives, at) => {
      const here = point++
      if (run === 1) return 0
      if (at.kind === "value") return stream.below(alternatives)
      if (at.kind === "resume") return changes.has(here) ? 1 : 0
      if (changes.has(here)) demote(at.keyOf(highest(alternatives, at)))
      return highest(alternatives, at)
    },
    done: (facts) => {
      fibers = Math.max(fibers, facts.fibers)
      points = Math.max(points, facts.points)
    },
    probability: () => (points === 0 ? undefined : 1 / (fibers * points ** (depth - 1)))
  }
}
