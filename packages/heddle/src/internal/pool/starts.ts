/**
 * Tasks that have a worker and are about to begin or to go on, in the order in which they got it. They do so on nobody's
 * stack; jobs that follow each other share a turn of the ready ring, because a job that ends at once makes the next one
 * begin, and a turn for each would leave most of the time to whoever submits, while the queue grows.
 */
import type { ReadyRing } from "../readyRing.ts"
import type { Frame } from "./entry.ts"

interface Startable {
  begin(): void
}

const jobsPerTurn = 8

export class Starts {
  private readonly ring: ReadyRing
  /** The latest turn, while jobs may join it: it is not full, and nobody else goes on behind it. */
  private turn: Array<Startable> | undefined = undefined

  constructor(ring: ReadyRing) {
    this.ring = ring
  }

  begin(job: Startable): void {
    let { turn } = this
    if (turn === undefined || turn.length === jobsPerTurn) {
      this.turn = turn = []
      this.ring.push(this.take as any, turn as any)
    }
    turn.push(job)
  }

  goOn(frame: Frame): void {
    this.turn = undefined
    frame.resume()
  }

  private readonly take = (turn: ReadonlyArray<Startable>): void => {
    // more may join meanwhile
    for (const job of turn) job.begin()
    if (this.turn === turn) this.turn = undefined
  }
}
