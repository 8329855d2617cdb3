/**
 * Acknowledgements of one source in one run.
 *
 * Elements are settled one by one; their acknowledgements are written in groups, one group at a time: whatever is settled
 * while a group is being written makes the next one. So a store that takes a millisecond per write does not hold up a
 * pipeline of 100,000 elements per second, and a source that gets ahead of its store by more than `maxPending` waits.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import { isReadonlyArrayNonEmpty } from "effect/Array"
import type * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { Scheduler } from "effect/Scheduler"

import { logSuppressed } from "../children.ts"
import { type ReadyRing, readyRing } from "../readyRing.ts"
import type { Listener } from "./tracked.ts"

export interface Acknowledgement<in A, out E, out R> {
  readonly acknowledge: (elements: NonEmptyReadonlyArray<A>) => Effect.Effect<unknown, E, R>
  readonly fail?: ((element: A, cause: Cause.Cause<unknown>) => Effect.Effect<unknown, E, R>) | undefined
  readonly maxPending: number
}

interface Waiter {
  readonly until: () => boolean
  readonly resume: (effect: Effect.Effect<void, any>) => void
}

export class Ledger<A, E, R> implements Listener<A> {
  private readonly options: Acknowledgement<A, E, R>
  private readonly context: Context.Context<R>
  private readonly ring: ReadyRing
  private settledElements: Array<A> = []
  private isWriting = false
  /** Of those that have failed. */
  private readonly reports = new Set<Fiber.Fiber<unknown, E>>()
  private failure: Exit.Exit<never, E> | undefined = undefined
  private waiters: ReadonlyArray<Waiter> = []

  constructor(options: Acknowledgement<A, E, R>, context: Context.Context<R>, scheduler: Scheduler) {
    this.options = options
    this.context = context
    this.ring = readyRing(scheduler)
  }

  settled(element: A): void {
    this.settledElements.push(element)
    this.startWriting()
  }

  private startWriting(): void {
    if (this.isWriting || this.failure !== undefined || this.settledElements.length === 0) return
    this.isWriting = true
    const writer = Effect.runForkWith(this.context)(this.write)
    writer.addObserver((exit) => {
      if (exit._tag === "Success") return
      this.isWriting = false
      this.note(exit)
    })
  }

  // Invariant: who settles either finds a writer that will look again, or starts one. So it is over at its last look, and
  // not when its fiber ends: in between it may be preempted.
  private readonly write: Effect.Effect<void, E, R> = Effect.whileLoop({
    while: () => {
      this.isWriting = this.settledElements.length > 0
      if (!this.isWriting) this.serve()
      return this.isWriting
    },
    body: () => {
      const group = this.settledElements
      this.settledElements = []
      this.serve()
      return isReadonlyArrayNonEmpty(group) ? this.options.acknowledge(group) : Effect.void
    },
    step: () => {}
  })

  failed(element: A, cause: Cause.Cause<unknown>): void {
    const { fail } = this.options
    if (fail === undefined) return
    const report = Effect.runForkWith(this.context)(Effect.suspend(() => fail(element, cause)))
    this.reports.add(report)
    report.addObserver((exit) => {
      this.reports.delete(report)
      this.note(exit)
    })
  }

  private note(exit: Exit.Exit<unknown, E>): void {
    if (exit._tag === "Failure") {
      if (this.failure === undefined) this.failure = Exit.failCause(exit.cause)
      else logSuppressed(this.context, "An acknowledgement failed", exit)
    }
    this.serve()
  }

  private get isIdle(): boolean {
    return !this.isWriting && this.reports.size === 0
  }

  /** Waits while too many are settled and not acknowledged. */
  readonly room: Effect.Effect<void, E> = this.when(() => this.settledElements.length < this.options.maxPending)

  readonly balanced: Effect.Effect<void, E> = this.when(() => this.isIdle)

  /** Never comes but as a failure. */
  readonly broken: Effect.Effect<never, E> = Effect.andThen(
    this.when(() => false),
    Effect.never
  )

  /** What has been settled is acknowledged even if the run is interrupted: it would only be repeated. */
  readonly close: Effect.Effect<void> = Effect.suspend(() =>
    this.isIdle ? Effect.void : Effect.andThen(Effect.exit(this.park(() => this.isIdle)), this.close)
  )

  private when(until: () => boolean): Effect.Effect<void, E> {
    const parked = this.park(() => this.failure !== undefined || until())
    return Effect.suspend(() => this.failure ?? (until() ? Effect.void : parked))
  }

  private park(until: () => boolean): Effect.Effect<void, E> {
    return Effect.callback((resume) => {
      const waiter: Waiter = { until, resume }
      this.waiters = [...this.waiters, waiter]
      this.serve()
      return Effect.sync(() => {
        this.waiters = this.waiters.filter((other) => other !== waiter)
      })
    })
  }

  private serve(): void {
    if (this.waiters.length === 0) return
    const served = this.waiters.filter(({ until }) => until())
    this.waiters = this.waiters.filter((waiter) => !served.includes(waiter))
    for (const { resume } of served) this.ring.push(resume, this.failure ?? Effect.void)
  }
}
