/**
 * What is outside of a run (real timers, sockets, promises, other schedulers) and may move it when it cannot go on by
 * itself. Nothing is called a deadlock, a leak or a livelock before the event loop had its turn, and nothing is called a
 * deadlock that has begun something outside which has not ended.
 *
 * The first run of a program is watched from its beginning, as are those of programs that have to do with what is
 * outside. Any other run that cannot go on is made once more, watched. See docs/adr/0007.
 */
import * as Effect from "effect/Effect"

import type { Engine } from "./engine.ts"
import type { Stop } from "./run.ts"
import { canWatch, type Watch, watch } from "./watch.ts"

/** So often in the first run of a program the event loop has its turn before time moves, to see what that brings. */
const firstAsks = 10

/** A run that was moved from outside so often is given up, and one that never comes to rest a good deal sooner. */
const mostMoves = 1000
const mostExtensions = 20

/** How long what is pending may take, as far as it is known to pend; unless the caller says how long to wait. */
const knownMillis = 2000
/** How often to look whether it still is. */
const lookMillis = 10

/** A run that is under way. */
export interface Run {
  readonly engine: Engine
  stop: Stop
  watch: Watch | undefined
}

export class Surroundings {
  /** The program has to do with what is outside, in this run or an earlier one: time waits for that. */
  mixed = false
  /** What may have begun before the runs is waited for once: when nothing can run, and before time moves. */
  private patient = true
  private patientAsleep = true
  private asks = firstAsks
  /** Where one run could not go on, the next may not either: it is watched, so that it need not be made twice. */
  private restedLast = false
  private rested = false
  /** How long to wait for what may be pending, and for what is. */
  private readonly millis: number
  private patience: number

  constructor(millis: number | undefined) {
    this.millis = millis ?? 50
    this.patience = millis ?? knownMillis
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
    this.restedLast = this.rested
    this.rested = false
  }

  /** Makes a run as far as it goes without the event loop. */
  begin(engine: Engine, start: () => void, watched = this.asksFirst || this.restedLast): Run {
    engine.asksFirst = this.asksFirst
    const watching = watched ? watch() : undefined
    const begin = () => {
      start()
      return engine.advance()
    }
    return { engine, stop: watching === undefined ? begin() : watching.during(begin), watch: watching }
  }

  /** Whether something outside could still change how a run has stopped. */
  isOpen(stop: Stop, daemons: "forbid" | "allow"): boolean {
    if (stop === "left") return daemons === "forbid"
    return stop === "quiescent" || stop === "asleep" || stop === "steps"
  }

  /**
   * Gives the event loop its turn until that changes nothing any more. `again` makes the same run once more, watched.
   * `known` is how a run that is made for its trace has ended before.
   */
  settle(
    run: Run,
    options: {
      readonly daemons: "forbid" | "allow"
      readonly again: () => Run
      readonly known: "quiescent" | "outside" | undefined
    }
  ): Effect.Effect<Stop | "outside"> {
    const { again, daemons, known } = options
    return Effect.gen({ self: this }, function* () {
      let extensions = 0
      let left = this.patience
      for (let moves = 0; moves < mostMoves && this.isOpen(run.stop, daemons); advance(run)) {
        let moved = yield* waitForOutside(run.engine, 0)
        if (!moved && run.watch === undefined && canWatch && run.stop !== "asleep") {
          if (known !== undefined && !this.mixed) return run.stop === "quiescent" ? known : run.stop
          Object.assign(run, again())
          if (!this.isOpen(run.stop, daemons)) break
          moved = yield* waitForOutside(run.engine, 0)
        }
        if (run.watch?.pends === true) this.mixed = true
        if (!moved) {
          const begun = performance.now()
          moved = yield* this.wait(run, left, known)
          left -= performance.now() - begun
        }
        if (moved) {
          this.mixed = true
          moves++
          if (run.stop === "steps") {
            if (++extensions > mostExtensions) return run.stop
            run.engine.extend()
          }
        } else if (run.stop === "asleep") {
          if (!this.mixed) run.engine.asksFirst = --this.asks > 0
          run.engine.passTime()
        } else return this.atRest(run, known)
      }
      return run.stop === "quiescent" || run.stop === "asleep" ? "outside" : run.stop
    })
  }

  /** Waits for what pends as long as it does; for what may pend, once; and never longer than until somebody wakes. */
  private wait(run: Run, left: number, known: "quiescent" | "outside" | undefined): Effect.Effect<boolean> {
    const { engine, stop, watch } = run
    const promised = watch?.promised === true
    if (stop === "asleep") {
      const most = Math.min(left, engine.clock.untilNext)
      if (watch?.pends === true) return waitWhile(engine, most, () => watch.pends)
      const millis = promised && this.patientAsleep ? Math.min(most, this.millis) : 0
      if (millis > 0) this.patientAsleep = false
      return waitWhile(engine, millis, () => true)
    }
    if (watch?.pends === true) return waitWhile(engine, left, () => watch.pends)
    const first = this.patient && known === undefined
    if (first && promised) return waitWhile(engine, left, () => true)
    const mayPend = first || promised || (watch === undefined && this.mixed)
    return waitWhile(engine, mayPend ? Math.min(left, this.millis) : 0, () => true)
  }

  private atRest({ engine, stop, watch }: Run, known: "quiescent" | "outside" | undefined): Stop | "outside" {
    this.patient = false
    this.rested = true
    if (stop !== "quiescent") return stop
    const pends = watch === undefined ? engine.wasMoved : watch.pends || watch.promised
    // those that follow may end in the same way
    if (pends) this.patience = this.millis
    return known ?? (pends ? "outside" : "quiescent")
  }
}

const advance = (run: Run): void => {
  const { engine, watch } = run
  run.stop = watch === undefined ? engine.advance() : watch.during(() => engine.advance())
}

/** Waits until a fiber of the run moves (true); at most this long, and while it is worth it (false). */
const waitWhile = Effect.fnUntraced(function* (engine: Engine, millis: number, isWorthIt: () => boolean) {
  const end = performance.now() + millis
  for (let left = millis; left > 0 && isWorthIt(); left = end - performance.now()) {
    if (yield* waitForOutside(engine, Math.min(left, lookMillis))) return true
  }
  return false
})

/** Turns the event loop until a fiber of the run moves (true), or this long (false). */
const waitForOutside = (engine: Engine, millis: number): Effect.Effect<boolean> =>
  Effect.callback<boolean>((resume) => {
    if (engine.moved) return resume(Effect.succeed(true))
    let waiting = true
    // several things may move, and another wait may have begun since the first
    const answer = () => {
      if (!waiting) return
      stop()
      resume(Effect.succeed(engine.moved))
    }
    const cancel = after(millis, answer)
    // not on the stack of the fiber that moves
    engine.onOutside = () => queueMicrotask(answer)
    // which may end under another scheduler, where nobody sees it move
    const forget = engine.exit === undefined ? engine.root?.addObserver(() => engine.movesFromOutside()) : undefined
    const stop = () => {
      waiting = false
      cancel()
      forget?.()
      engine.onOutside = undefined
    }
    return Effect.sync(stop)
  })

interface Immediates {
  readonly setImmediate?: (run: () => void) => object
  readonly clearImmediate?: (handle: object) => void
}

const { clearImmediate, setImmediate } = globalThis as Immediates

/** One turn of the event loop is over in microseconds where there is `setImmediate`, and in a millisecond elsewhere. */
const after = (millis: number, run: () => void): (() => void) => {
  if (millis === 0 && setImmediate !== undefined) {
    const immediate = setImmediate(run)
    return () => clearImmediate?.(immediate)
  }
  const timer = setTimeout(run, millis)
  return () => clearTimeout(timer)
}
