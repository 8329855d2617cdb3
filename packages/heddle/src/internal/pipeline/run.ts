import * as Cause from "effect/Cause"
/**
 * One run of a pipeline, from the call of a `run*` function to its end.
 *
 * It knows the sources that have to be stopped when it is drained, and the ledgers that have to be empty when it ends. The
 * run has a fiber of its own, so that a drain whose grace period is over can interrupt it without interrupting its caller.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Pull from "effect/Pull"

import { stop } from "../children.ts"

/** Where acknowledgements are made. */
export interface Books {
  /** Waits until all that was settled has been acknowledged; fails if an acknowledgement has failed. */
  readonly balanced: Effect.Effect<void, any>
  /** Waits for what is being written, whatever ended the run. */
  readonly close: Effect.Effect<void>
}

export class Run {
  readonly books: Array<Books> = []
  private isDraining = false
  private readonly stoppers = new Set<() => void>()
  private fiber: Fiber.Fiber<unknown, unknown> | undefined = undefined

  /** The effect in this run: it ends when what it settled is acknowledged. */
  within<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.provideService(
      Effect.ensuring(
        Effect.tap(effect, () => this.balanced),
        this.closed
      ),
      CurrentRun,
      this
    )
  }

  /** In a fiber of its own, unless everything has to happen in the caller's (`Effect.runSync`). */
  execute<A, E, R>(effect: Effect.Effect<A, E, R>, caller: Fiber.Fiber<unknown, unknown>): Effect.Effect<A, E, R> {
    if (caller.cache.scheduler.executionMode === "sync") return this.within(effect)
    const fork = Effect.runForkWith(caller.context as Context.Context<R>)
    return inFiber(
      () => (this.fiber = fork(this.within(effect))),
      (exit) => exit
    )
  }

  /** Its failures are those of acknowledgements, which are among the errors of a pipeline that has any. */
  readonly balanced: Effect.Effect<void> = Effect.suspend(() =>
    this.books.length === 0 ? Effect.void : Effect.forEach(this.books, ({ balanced }) => balanced, { discard: true })
  ) as Effect.Effect<void>

  /** At the end of the run and not with the scope of the source, which ends while its last elements are in flight. */
  readonly closed: Effect.Effect<void> = Effect.suspend(() =>
    this.books.length === 0 ? Effect.void : Effect.forEach(this.books, ({ close }) => close, { discard: true })
  )

  /** Its sources give no more elements. */
  stopSources(): void {
    this.isDraining = true
    for (const stopSource of Array.from(this.stoppers)) stopSource()
  }

  readonly ended: Effect.Effect<void> = Effect.suspend(() =>
    this.fiber === undefined ? Effect.void : Effect.asVoid(Fiber.await(this.fiber))
  )

  readonly interrupt: Effect.Effect<void> = Effect.suspend(() =>
    this.fiber === undefined ? Effect.void : Fiber.interrupt(this.fiber)
  )

  /** The pull of a source of this run: ends when the run is drained, also while it waits. */
  stoppable<A, E, R>(pull: Pull.Pull<A, E, void, R>, context: Context.Context<R>): Pull.Pull<A, E> {
    const fork = Effect.runForkWith(context)
    return Effect.suspend((): Pull.Pull<A, E> => {
      if (this.isDraining) return Cause.done()
      let isStopped = false
      let stopSource = () => {}
      return inFiber<A, E | Cause.Done>(
        () => {
          const fiber = fork(pull)
          stopSource = () => {
            isStopped = true
            fiber.interruptUnsafe()
          }
          this.stoppers.add(stopSource)
          return fiber
        },
        (exit) => {
          this.stoppers.delete(stopSource)
          return isStopped && Exit.hasInterrupts(exit) ? Cause.done() : exit
        }
      )
    })
  }
}

/**
 * Waits for a fiber that it starts, and goes on with what `onExit` makes of its end. That is handed over on the stack on
 * which the fiber ends, as a call returns: through the ready ring it could be lost to an interruption on the way.
 */
const inFiber = <A, E>(
  start: () => Fiber.Fiber<A, E>,
  onExit: (exit: Exit.Exit<A, E>) => Effect.Effect<A, E>
): Effect.Effect<A, E> =>
  Effect.suspend(() => {
    let fiber: Fiber.Fiber<A, E> | undefined
    const enter = Effect.callback<A, E>((resume) => {
      fiber = start()
      fiber.addObserver((exit) => resume(onExit(exit)))
    })
    return Effect.onExitPrimitive(enter, (exit) =>
      fiber === undefined || fiber.pollUnsafe() !== undefined ? undefined : stop([fiber], exit)
    )
  })

/** The run that a fiber belongs to, where it belongs to one. */
export const CurrentRun = Context.Reference<Run | undefined>("heddle/Pipeline/Run", { defaultValue: () => undefined })
