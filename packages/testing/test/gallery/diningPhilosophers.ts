import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"

import * as Explorer from "../../src/Explorer.ts"
import type { Exhibit } from "./exhibit.ts"

/** The philosopher at seat n sits between fork n and the next, round the table. */
const program = (order: (left: number, right: number) => readonly [first: number, second: number]) =>
  Effect.gen(function* () {
    const forks = [yield* Semaphore.make(1), yield* Semaphore.make(1), yield* Semaphore.make(1)]
    const holding = (fork: number) => (body: Effect.Effect<void>) =>
      Effect.andThen(Explorer.step(`fork ${fork}`), forks[fork]!.withPermit(body))
    const dine = (seat: number) => {
      const [first, second] = order(seat, (seat + 1) % forks.length)
      return Explorer.step("eat").pipe(holding(second), holding(first))
    }
    yield* Effect.all([dine(0), dine(1), dine(2)], { concurrency: "unbounded" })
  })

export const diningPhilosophers: Exhibit = {
  bug: "Each of three philosophers holds the fork on the left, and waits for the one on the right.",
  broken: program((left, right) => [left, right]),
  // the lower number first: no circle can close
  mended: program((left, right) => [Math.min(left, right), Math.max(left, right)]),
  verdict: "Deadlock",
  weakestMode: "op3"
}
