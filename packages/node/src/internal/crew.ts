/** The threads of a pool: started together, replaced when they have ended, and given up where they cannot be started again. */
import * as Effect from "effect/Effect"

import { ThreadStartFailed } from "./errors.ts"
import { reasonOf } from "./exits.ts"
import { Hand, type Listener } from "./hand.ts"
import type { Settings } from "./settings.ts"

/** Starts in a row that may fail before a thread is given up. */
const attempts = 3

export class Crew {
  readonly hands: Array<Hand> = []
  /** Why a thread was given up, and why there is none left. */
  failure: ThreadStartFailed | undefined
  broken: ThreadStartFailed | undefined
  private readonly settings: Settings
  private readonly listener: Listener
  private readonly failures: Array<number>
  private starting: ((failure: ThreadStartFailed | undefined) => void) | undefined

  constructor(settings: Settings, listener: Listener) {
    this.settings = settings
    this.listener = listener
    this.failures = Array.from({ length: settings.threads }, () => 0)
  }

  readonly start: Effect.Effect<void, ThreadStartFailed> = Effect.callback((resume) => {
    this.starting = (failure) => {
      if (failure === undefined && this.hands.some(({ state }) => state !== "ready")) return
      this.starting = undefined
      resume(failure === undefined ? Effect.void : Effect.fail(failure))
    }
    for (let index = 0; index < this.settings.threads; index++) this.spawn(index)
  })

  ready(hand: Hand): void {
    this.failures[hand.index] = 0
    this.starting?.(undefined)
  }

  /** Whether another thread should take its place. */
  isSpent(hand: Hand): boolean {
    const { aboveHeapBytes, afterMillis, afterTasks } = this.settings.recycle
    return (
      hand.state === "ready" &&
      hand.tasks > 0 &&
      (hand.tasks >= afterTasks ||
        performance.now() - hand.started >= afterMillis ||
        hand.lane.heapBytes() > aboveHeapBytes)
    )
  }

  /**
   * Starts a thread in the place of one that has ended, and says whether it does: one that ends before it is ready is started
   * again a few times, and then no more. While the pool is made, it is not started again at all.
   */
  replace({ index, wasReady }: Hand, code: number, error: unknown): boolean {
    if (wasReady || (this.starting === undefined && ++this.failures[index]! < attempts)) {
      this.spawn(index)
      return true
    }
    const reason = reasonOf(error) ?? `it ended with exit code ${code} before it was ready`
    const failure = new ThreadStartFailed({ pool: this.settings.name, reason })
    if (this.starting !== undefined) this.starting(failure)
    else {
      this.failure = failure
      if (this.hands.every(({ state }) => state === "gone")) this.broken = failure
    }
    return false
  }

  private spawn(index: number): void {
    const { preload, recycle, resourceLimits } = this.settings
    const watchHeap = recycle.aboveHeapBytes < Infinity
    this.hands[index] = new Hand({ index, preload, resourceLimits, watchHeap }, this.listener)
  }
}
