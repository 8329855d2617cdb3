/**
 * What is outside of a run (real timers, sockets, promises, other schedulers) and may move it when it cannot go on by
 * itself. Nothing is called a deadlock, a leak or a livelock before the event loop had its turn.
 */
import * as Effect from "effect/Effect"

import type { Engine, Stop } from "./engine.ts"

/** So often in the first run of a program the event loop has its turn before time moves, to see what that brings. */
const firstAsks = 10

/** A run that was moved from outside so often is given up, and one that never comes to rest a good deal sooner. */
const mostMoves = 1000
const mostExtensions = 20

export class Surroundings {
  /** Some fiber was moved from outside, in this run or in an earlier one: time waits for a turn of the event loop. */
  mixed = false
  /** Once a run was not moved for the whole time, only those wait as long that have left something pending. */
  private patient = true
  private asks = firstAsks
  private readonly millis: number

  constructor(millis: number) {
    this.millis = millis
  }

  /** Whether a run has to stop before time moves. */
  get asksFirst(): boolean {
    return this.mixed || this.asks > 0
  }

  /** The next run is looked at like the first. */
  askAgain(): void {
    this.asks = firstAsks
  }
  runEnded(): void {
    this.asks = 0
  }

  /** Whether something outside could still change how a run has stopped. */
  isOpen(stop: Stop, daemons: "forbid" | "allow"): boolean {
    if (stop === "left") return daemons === "forbid"
    return stop === "quiescent" || stop === "asleep" || stop === "steps"
  }

  /**
   * Gives the event loop its turn until that changes nothing any more. `again` runs the same once more, without a turn
   * of the event loop. `known` is how a run that is made for its trace has ended before.
   */
  settle(
    engine: Engine,
    first: Stop,
    options: {
      readonly daemons: "forbid" | "allow"
      readonly again: () => Stop
      readonly known: "quiescent" | "outside" | undefined
    }
  ): Effect.Effect<Stop | "outside"> {
    return Effect.gen({ self: this }, function* () {
      const { again, daemons, known } = options
      let stop = first
      let extensions = 0
      for (let moves = 0; moves < mostMoves && this.isOpen(stop, daemons); stop = engine.advance()) {
        const waits = stop !== "asleep" && this.patient && (known === undefined || this.mixed)
        let moved = yield* waitForOutside(engine, waits ? this.millis : 0)
        if (!moved && stop === "asleep") {
          if (!this.mixed) engine.asksFirst = --this.asks > 0
          engine.passTime()
          continue
        }
        if (!moved) {
          const unmoved = stop === "quiescent" ? "outside" : stop
          if (known !== undefined) return stop === "quiescent" ? known : stop
          // whoever was moved from outside once may be waiting for more
          if (engine.wasMoved) return unmoved
          const pending = leavesPending(() => {
            stop = again()
          })
          if (!pending) {
            this.patient = false
            return stop
          }
          moved = !this.patient && (yield* waitForOutside(engine, this.millis))
          if (!moved) return unmoved
        }
        this.mixed = true
        moves++
        if (stop === "steps") {
          if (++extensions > mostExtensions) return stop
          engine.extend()
        }
      }
      return stop === "quiescent" || stop === "asleep" ? "outside" : stop
    })
  }
}

/** Turns the event loop until a fiber of the run moves (true), or this long (false). */
const waitForOutside = (engine: Engine, millis: number): Effect.Effect<boolean> =>
  Effect.callback<boolean>((resume) => {
    if (engine.moved) return resume(Effect.succeed(true))
    const answer = () => {
      stop()
      resume(Effect.succeed(engine.moved))
    }
    const timer = setTimeout(answer, millis)
    // not on the stack of the fiber that moves
    engine.onOutside = () => queueMicrotask(answer)
    // which may end under another scheduler, where nobody sees it move
    const forget = engine.exit === undefined ? engine.root?.addObserver(() => engine.movesFromOutside()) : undefined
    const stop = () => {
      clearTimeout(timer)
      forget?.()
      engine.onOutside = undefined
    }
    return Effect.sync(stop)
  })

interface Process {
  readonly getActiveResourcesInfo?: () => ReadonlyArray<string>
}

/** How many things keep the process alive, where that can be known. */
const pendingResources = (): number => {
  const { process } = globalThis as { readonly process?: Process }
  return process?.getActiveResourcesInfo?.().length ?? 0
}

/** Whether `work`, which does not turn the event loop, has left a real timer, socket or the like behind. */
const leavesPending = (work: () => void): boolean => {
  const before = pendingResources()
  work()
  return pendingResources() > before
}
