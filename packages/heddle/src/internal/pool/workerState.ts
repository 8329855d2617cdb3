/**
 * What the workers of a pool have of their own: made when a worker's first task begins, closed when the worker leaves, and
 * made anew for the next task when it has broken. A state that has broken is closed when nobody uses it any more: a task and
 * the one that it waits for have the same worker.
 */
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"

import type { AnyEffect, AnyExit, Frame, Worker } from "./entry.ts"

class State {
  readonly value: unknown
  readonly scope: Scope.Closeable
  users = 0
  isOver = false

  constructor(value: unknown, scope: Scope.Closeable) {
    this.value = value
    this.scope = scope
  }
}

export interface StateOptions {
  /** Requires a scope besides the services. */
  readonly init: AnyEffect
  readonly services: Context.Context<never>
  /** Whether a task that ended so leaves a state that is of no more use. */
  readonly isBroken: (cause: Cause.Cause<any>) => boolean
}

export class WorkerStates {
  private readonly options: StateOptions
  private readonly states = new Set<State>()
  /** Of workers that have left. */
  private readonly closing = new Set<Fiber.Fiber<void>>()

  constructor(options: StateOptions) {
    this.options = options
  }

  /** Runs a task with the state of its worker. */
  use(frame: Frame, task: (state: any) => AnyEffect): AnyEffect {
    return Effect.suspend(() => {
      const worker = frame.worker!
      const state = worker.state as State | undefined
      return state === undefined
        ? Effect.flatMap(this.make(worker), (state) => this.useState(worker, state, task))
        : this.useState(worker, state, task)
    })
  }

  private make(worker: Worker): Effect.Effect<State, any> {
    const { init, services } = this.options
    return Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Scope.make(), (scope) => {
        // the state outlives the task, and whatever surrounds that
        const begin: AnyEffect = Effect.updateContext(init, () => Context.add(services, Scope.Scope, scope))
        return Effect.flatMap(Effect.exit(restore(begin)), (exit) => {
          if (exit._tag === "Failure") return Effect.andThen(Scope.close(scope, exit), exit)
          const state = new State(exit.value, scope)
          this.states.add(state)
          worker.state = state
          return Exit.succeed(state)
        })
      })
    )
  }

  private useState(worker: Worker, state: State, task: (state: any) => AnyEffect): AnyEffect {
    let used = false
    const enter = Effect.suspend(() => {
      used = true
      state.users++
      return task(state.value)
    })
    return Effect.onExitPrimitive(enter, (exit: AnyExit) => {
      if (used) state.users--
      if (exit._tag === "Failure" && this.options.isBroken(exit.cause)) this.end(worker, state)
      return state.isOver && state.users === 0 ? this.close(state) : undefined
    })
  }

  private end(worker: Worker, state: State): void {
    state.isOver = true
    if (worker.state === state) worker.state = undefined
  }

  /** A finalizer that dies must not replace the end of a task. */
  private close(state: State): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (!this.states.delete(state)) return Effect.void
      return Effect.catchCause(Scope.close(state.scope, Exit.void), (cause) =>
        Effect.logWarning("A finalizer of a worker's state died", cause)
      )
    })
  }

  /** A worker has left. */
  readonly retire = (worker: Worker): void => {
    const state = worker.state as State | undefined
    if (state === undefined) return
    this.end(worker, state)
    const fiber = Effect.runForkWith(this.options.services)(this.close(state))
    this.closing.add(fiber)
    fiber.addObserver(() => this.closing.delete(fiber))
  }

  /** Closes all, when no task runs any more. */
  readonly closeAll: Effect.Effect<void> = Effect.suspend(() => {
    const close = Effect.forEach(this.states, (state) => this.close(state), { discard: true })
    return Effect.andThen(close, Fiber.awaitAll(this.closing))
  })
}
