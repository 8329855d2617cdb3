/**
 * Who works, who waits and who is turned away: the counts of a pool and all that changes them. Nothing here suspends, and
 * nobody's code runs on the stack of somebody else: whoever may begin or go on is put on the ready ring.
 *
 * Invariant: no worker is idle while somebody waits whom the backlog would give to it, unless the pool is paused.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { Scheduler } from "effect/Scheduler"

import { readyRing } from "../readyRing.ts"
import { WaitLine } from "../waitLine.ts"
import type { Backlog } from "./backlog.ts"
import { Books } from "./books.ts"
import { Crew } from "./crew.ts"
import { enclosing } from "./enclosing.ts"
import { type AnyEffect, type AnyExit, type Entry, type Frame, type Worker } from "./entry.ts"
import { PoolClosed, PoolFull, type Stats, StopReason } from "./model.ts"
import type { Overflow } from "./policies.ts"
import { Starts } from "./starts.ts"

export interface Config {
  readonly name: string | undefined
  readonly workers: number
  readonly capacity: number
  readonly overflow: Overflow
  /** How many callers may stand outside. */
  readonly maxWaiting: number
  readonly backlog: Backlog
  /** Whether tasks belong to certain workers. */
  readonly hasHomes: boolean
  /** Whether the workers have to be so many. */
  readonly isBounded: boolean
  readonly hasPriorities: boolean
  /** What a task does. */
  readonly attempt: (frame: Frame) => AnyEffect
  /** What it needs for that. */
  readonly services: Context.Context<never>
  /** What becomes of a wait that would never end. */
  readonly circular: (entry: Entry) => AnyEffect
  /** A worker is in the pool no more. */
  readonly retire: (worker: Worker) => void
  readonly scheduler: Scheduler
}

/** There is no room, and the pool has callers wait. */
export const mustWait: unique symbol = Symbol("mustWait")

export class Core {
  readonly config: Config
  readonly backlog: Backlog
  readonly crew: Crew
  readonly starts: Starts
  readonly closedExit: Exit.Exit<never, PoolClosed>
  paused = false
  phase: "open" | "draining" | "closed" = "open"
  /** How many have begun, or are about to, and have not ended. */
  live = 0
  private readonly retrying = new Set<Frame>()
  /** For whom there was no room. They stand in the backlog too, and may begin before there is any. */
  private readonly outside = new WaitLine<Frame>()
  private readonly books: Books
  private readonly reason: Context.Context<never>
  private readonly capacity: number
  private queued = 0
  private readonly waiters = new Set<{ readonly until: () => boolean; readonly wake: () => void }>()

  constructor(config: Config) {
    const { backlog, capacity, hasHomes, name: pool, retire, scheduler, services, workers } = config
    this.config = config
    this.backlog = backlog
    this.capacity = capacity
    this.crew = new Crew(workers, retire)
    if (hasHomes) this.crew.hireAll()
    this.books = new Books(pool, services, () => this.standing())
    this.starts = new Starts(readyRing(scheduler))
    this.closedExit = Exit.fail(new PoolClosed({ pool }))
    // an annotation has no type
    this.reason = Context.make(StopReason, { pool, because: "closed" }) as Context.Context<never>
  }

  get isOver(): boolean {
    return this.live === 0 && this.isUnasked
  }

  /** Nobody waits for a worker or for room. */
  private get isUnasked(): boolean {
    return this.queued === 0 && this.outside.head === undefined
  }

  private standing() {
    const { crew, outside, queued, retrying } = this
    const { busy: active, size: workers } = crew
    const idle = Math.max(0, workers - active)
    return { workers, active, idle, queued, waiting: outside.length, retrying: retrying.size }
  }

  stats(): Stats {
    return this.books.stats()
  }

  private readonly submitter = (): Frame | undefined => enclosing(this, Fiber.getCurrent())

  // -------------------------------------------------------------------------------------------------------------------
  // coming in

  refuses(): boolean {
    return this.phase !== "open" && (this.phase === "closed" || this.submitter() === undefined)
  }

  /** Accepts an entry, or says why not. */
  offer(entry: Entry): AnyExit | typeof mustWait | undefined {
    if (this.refuses()) return this.closedExit
    if (this.beginsAtOnce(entry)) {
      entry.go()
      return undefined
    }
    let displaced: Entry | undefined
    if (this.queued >= this.capacity) {
      const { maxWaiting, overflow } = this.config
      if (overflow === "suspend" && this.outside.length < maxWaiting) return mustWait
      if (overflow === "dropOldest" && this.capacity > 0) displaced = this.backlog.oldest()
      if (displaced === undefined) return this.turnAway(1)
    }
    this.stand(entry)
    if (displaced !== undefined) this.drop(displaced, this.fullExit)
    this.books.submitted++
    this.queued++
    return undefined
  }

  /** Where a newcomer need not wait, gives it a worker. */
  beginsAtOnce(entry: Entry): boolean {
    if (this.paused || !this.crew.hasIdle() || !this.backlog.claim(entry, this.crew.idle)) return false
    this.books.submitted++
    this.hold(entry.framed())
    return true
  }

  /** So many find no room. */
  turnAway(count: number): Exit.Exit<never, PoolFull> {
    this.books.submitted += count
    this.books.dropped += count
    return this.fullExit
  }

  get fullExit(): Exit.Exit<never, PoolFull> {
    const { capacity, queued } = this
    return Exit.fail(new PoolFull({ pool: this.config.name, capacity, queued }))
  }

  /** How many would find room. */
  get room(): number {
    const free = this.paused ? 0 : Math.max(0, this.crew.size - this.crew.busy)
    return free + Math.max(0, this.capacity - this.queued)
  }

  private stand(entry: Entry): void {
    this.backlog.join(entry, this.submitter)
    entry.state = "queued"
    this.books.waits(entry)
  }

  /** Has an entry stand outside until there is room, or a worker. */
  standOutside(frame: Frame): void {
    this.stand(frame.entry)
    frame.outside = true
    this.outside.join(frame)
    // there may be room since it was refused: a fiber may be preempted between the two
    this.serve()
  }

  private admit(): void {
    for (let frame = this.outside.head; frame !== undefined; frame = this.outside.head) {
      if (this.queued >= this.capacity) return
      this.queued++
      this.comeIn(frame)
    }
  }

  private comeIn(frame: Frame): void {
    this.outside.leave(frame)
    frame.outside = false
    this.books.submitted++
    frame.entry.accepted()
  }

  // -------------------------------------------------------------------------------------------------------------------
  // working

  /** Gives workers to those who wait, and room to those who stand outside. */
  serve(): void {
    if (this.isUnasked || this.phase === "closed") return
    const { backlog, crew } = this
    while (!this.paused && crew.hasIdle()) {
      const entry = backlog.next(crew.idle)
      if (entry === undefined) break
      this.comeOut(entry)
      this.hold(entry.framed())
      entry.go()
    }
    this.admit()
  }

  /** Whoever leaves the queue to begin may have stood outside of it. */
  private comeOut({ frame }: Entry): void {
    if (frame?.outside === true) this.comeIn(frame)
    else this.queued--
  }

  private hold(frame: Frame, lender?: Frame): void {
    const { entry } = frame
    this.books.works(frame)
    entry.state = "granted"
    if (lender === undefined) frame.worker = this.crew.take(frame)
    else {
      frame.lender = lender
      frame.worker = lender.worker
      lender.nested.guest = frame
    }
    if (frame.live) return
    frame.live = true
    this.live++
  }

  private release(frame: Frame): void {
    const { lender, worker } = frame
    this.books.stops(frame)
    frame.worker = undefined
    if (lender === undefined) this.crew.giveBack(worker!)
    else {
      const { candidates } = lender.nested
      lender.nested.guest = frame.lender = undefined
      for (const candidate of candidates) candidate.wake("queued")
    }
  }

  /** Lets an entry that waits run in the place of a task that waits for it. */
  lend(entry: Entry, lender: Frame): boolean {
    if (!this.backlog.take(entry, lender.worker!)) return false
    this.comeOut(entry)
    this.hold(entry.framed(), lender)
    entry.go()
    this.admit()
    return true
  }

  /** A task has failed and is to be tried again: until then it has no worker, and keeps whatever else it has. */
  backOff(frame: Frame): void {
    frame.entry.state = "retrying"
    this.retrying.add(frame)
    this.release(frame)
    this.serve()
  }

  /** The backoff is over, and the task's fiber is parked. */
  comeBack(frame: Frame): void {
    const { entry } = frame
    this.retrying.delete(frame)
    this.queued++
    this.backlog.rejoin(entry)
    entry.state = "queued"
    this.books.waits(entry)
    this.serve()
    entry.tell("queued")
  }

  // -------------------------------------------------------------------------------------------------------------------
  // ending

  /** Undoes whatever the entry has, and counts how it ended. */
  end(entry: Entry, exit: AnyExit): void {
    const { frame, state } = entry
    if (state === "new" || state === "ended") return
    const counts = state !== "dropped" && this.undo(entry)
    entry.state = "ended"
    if (frame?.live === true) this.live--
    if (counts) this.books.ended(exit)
    entry.settle(exit)
    this.serve()
    if (this.waiters.size > 0) this.tellWaiters()
  }

  /** Says whether it had been accepted. */
  private undo(entry: Entry, stands = true): boolean {
    const { frame, state } = entry
    if (state === "queued") {
      this.books.leaves(entry)
      if (stands) this.backlog.leave(entry)
      if (frame?.outside === true) {
        this.outside.leave(frame)
        return false
      }
      this.queued--
      return true
    }
    if (state === "retrying") this.retrying.delete(frame!)
    else this.release(frame!)
    this.backlog.ends(entry)
    return true
  }

  /** Has what has not begun, or has a fiber that is parked, go on with `exit` instead. */
  private drop(entry: Entry, exit: AnyExit, stands = true): void {
    const { frame } = entry
    if (this.undo(entry, stands)) this.books.dropped++
    entry.state = "dropped"
    if (frame?.wake === undefined) this.end(entry, exit)
    else frame.resume(exit)
  }

  resize(size: number): void {
    this.crew.resize(size)
    if (this.config.hasHomes) this.crew.hireAll()
    this.backlog.resized(size)
    this.serve()
  }

  /** Drops what waits and interrupts what runs, but for some. */
  halt(by: number, spared: ReadonlySet<Frame>): void {
    this.phase = "closed"
    for (const entry of this.backlog.clear()) this.drop(entry, this.closedExit, false)
    const frames = new Set([...this.crew.frames(), ...this.retrying])
    for (const { nesting } of frames) if (nesting?.guest !== undefined) frames.add(nesting.guest)
    for (const frame of frames) if (!spared.has(frame)) this.stop(frame, by)
  }

  private stop(frame: Frame, by: number): void {
    if (frame.fiber === undefined && frame.entry.state === "granted") this.drop(frame.entry, this.closedExit)
    else frame.interrupt(by, this.reason)
  }

  /** Waits until something holds. */
  until(condition: () => boolean): Effect.Effect<void> {
    const park = (scheduler: Scheduler, resume: (effect: Effect.Effect<void>) => void) => {
      if (condition()) return resume(Effect.void)
      const ring = readyRing(scheduler)
      const waiter = { until: condition, wake: () => ring.push(resume, Effect.void) }
      this.waiters.add(waiter)
      return Effect.sync(() => void this.waiters.delete(waiter))
    }
    return Effect.callback<void>(function (this: Scheduler, resume) {
      return park(this, resume)
    })
  }

  private tellWaiters(): void {
    for (const waiter of this.waiters) {
      if (!waiter.until()) continue
      this.waiters.delete(waiter)
      waiter.wake()
    }
  }
}
