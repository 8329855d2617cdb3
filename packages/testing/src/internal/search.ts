/** The seam between the engine and the strategies. */
import type { PointKind, Schedule } from "./model.ts"

/** What a strategy may know of the choice point that it is asked about. */
export interface Point {
  readonly kind: PointKind
  /**
   * How many could go on: as many as there are alternatives, and in the same order. Only where a fiber runs inside of
   * something that goes on before anything else can, all that it could give way to are one alternative.
   */
  readonly candidates: number
  /** Identifies candidate number `index`: the same fiber has the same key at every point. */
  readonly keyOf: (index: number) => number
  /** The number of yields that a fiber has made of its own accord, where one of them is why it is a candidate; else 0. */
  readonly yieldsOf: (index: number) => number
  /** Of the points up to this one, what was chosen before, and after how many operations each came: the same in equal runs. */
  readonly digest: number
}

/** What a run turned out to be. */
export interface RunFacts {
  readonly points: number
  /** Operations. */
  readonly steps: number
  readonly schedule: Schedule
  /** Its last deviation changed nothing: a fiber gave way, and nobody went on. */
  readonly redundant: boolean
  /** It was moved by `Random`, so another seed may bring another run. */
  readonly drawsRandom: boolean
  /** The digest of its last point. */
  readonly digest: number
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
