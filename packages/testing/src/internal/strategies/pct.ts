/**
 * Probabilistic concurrency testing (Burckhardt, Kothari, Musuvathi, Nagarakatte, 2010). Each thread has a priority that
 * is drawn at random, the highest that can run runs, and at `depth - 1` points drawn at random the one that would run
 * falls below all others; which of those that fell stands above which is drawn too. With n threads and k points a bug of
 * that depth shows with probability 1 / (n k^(depth-1)) at least in each run. The first run takes the defaults.
 *
 * Threads are the fibers, and the tasks that are not known to continue one: whoever such a task resumes goes on by his
 * own priority. Values that the program asks for are drawn evenly, and are no points.
 *
 * In every other run a fiber that yields of its own accord stands behind all others, so that one that waits in a loop
 * ends. In the runs between it keeps its priority for its first yields, or a bug would never be found for which it has
 * to go on at once; so where fibers yield the bound is halved.
 */
import type { Point, Search } from "../search.ts"
import { RandomStream, seedOfRun } from "../seeded.ts"

/** Yields of a fiber that mean nothing, in the runs in which they do not. */
const freeYields = 16

export const pctSearch = (depth: number, seed: number): Search => {
  const stream = new RandomStream(seed)
  const priorities = new Map<number, number>()
  /** The points of the changes, each with the priority that it leaves: all below those drawn at first. */
  const changes = new Map<number, number>()
  let run = 0
  let threads = 0
  let points = 0
  let point = 0
  let mayYield = 0
  let yields = false

  const priorityOf = (key: number): number => {
    let priority = priorities.get(key)
    if (priority === undefined) priorities.set(key, (priority = 1 + stream.next()))
    return priority
  }

  const highest = (at: Point): number => {
    let best = 0
    let bestPriority = -Infinity
    for (let index = 0; index < at.candidates; index++) {
      const drawn = priorityOf(at.keyOf(index))
      const yielded = at.yieldsOf(index)
      if (yielded > 0) yields = true
      // in their order
      const priority = yielded > mayYield ? -Number.MAX_SAFE_INTEGER - index : drawn
      if (priority <= bestPriority) continue
      best = index
      bestPriority = priority
    }
    return best
  }

  return {
    next: () => {
      const seedOfThis = seedOfRun(seed, run)
      mayYield = run % 2 === 0 ? freeYields : 0
      run++
      stream.reset(seedOfThis ^ 0x1f123bb5)
      priorities.clear()
      changes.clear()
      point = 0
      while (changes.size < Math.min(depth - 1, points)) {
        const drawn = stream.below(points)
        if (!changes.has(drawn)) changes.set(drawn, changes.size - depth)
      }
      return seedOfThis
    },
    choose: (alternatives, at) => {
      if (at.kind === "value") return run === 1 ? 0 : stream.below(alternatives)
      const change = changes.get(point++)
      if (change !== undefined) priorities.set(at.keyOf(highest(at)), change)
      const best = highest(at)
      // on the stack of another there is but one way to give way
      return run === 1 ? 0 : Math.min(best, alternatives - 1)
    },
    done: () => {
      threads = Math.max(threads, priorities.size)
      points = Math.max(points, point)
    },
    probability: () => (points === 0 ? undefined : 1 / (threads * points ** (depth - 1) * (yields ? 2 : 1)))
  }
}
