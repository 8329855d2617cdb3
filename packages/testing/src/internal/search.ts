/** The seam between the engine and the strategies. */
import type { PointKind, Schedule } from "./model.ts"

/** What a strategy may know of the choice point that it is asked about. */
export interface Point {
  readonly kind: PointKind
  /** Identifies what alternative number `index` goes on with: the same fiber has the same key at every point. */
  readonly keyOf: (index: number) => number
  /** Whether alternative number `index` is a fiber that has yielded of its own accord. */
  readonly hasYielded: (index: number) => boolean
}

/** What a run turned out to be. */
export interface RunFacts {
  readonly points: number
  readonly fibers: number
  readonly schedule: Schedule
  /** Its last deviation changed nothing: a fiber gave way, and nobody went on. */
  readonly redundant: boolean
}

/**
 * A strategy at work. The engine asks `next` for a run, `choose` at each of its choice points, and reports it with
 * `done`.
 */
export interface Search {
  /** The seed of the next run; undefined when there is nothing left to try. */
  readonly next: () => number | undefined
  /** Which of `alternatives` (at least 2) to take: a number below it, 0 for the default. */
  readonly choose: (alternatives: number, point: Point) => number
  readonly done: (facts: RunFacts) => void
  /** Whether every schedule was run that the strategy is about. */
  readonly exhausted?: () => boolean
  /** Whether every schedule was run that there is. */
  readonly complete?: () => boolean
  /** A lower bound for the probability that one run finds a bug of the depth that the strategy is made for. */
  readonly probability?: () => number | undefined
}
