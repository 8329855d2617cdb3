/**
 * A task of a pool, from its submission to its end.
 *
 * ```
 *   new ──┬── a worker is free ──▶ granted ── begins ──▶ running ── ends ──▶ ended
 *         │                          ▲                   │   ▲
 *         └──▶ queued ───────────────┘          backs off│   │granted again
 *                ▲  │                                    ▼   │
 *                │  └─▶ dropped                        retrying
 *                └────────────── the backoff is over ────┘
 * ```
 * What is granted or running has a worker, or a place in that of another task. An interruption undoes what the state says
 * there is: a place in the queue, a worker, a backoff, or nothing.
 */
import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { AnySpan } from "effect/Tracer"

import type { Claim } from "../observer.ts"
import { PriorityWaiter } from "../priorityLine.ts"
import { Waiter } from "../waitLine.ts"

/** What it requires it has been given. */
export type AnyEffect = Effect.Effect<any, any>
export type AnyExit = Exit.Exit<any, any>
export type AnyFiber = Fiber.Fiber<any, any>

export type State = "new" | "queued" | "granted" | "running" | "retrying" | "dropped" | "ended"

export interface Watcher {
  /** It has ended, or stands in the queue again. */
  readonly wake: (has: "ended" | "queued") => void
  /** The task in which somebody waits. */
  readonly mark?: Mark | undefined
}

/** There may be a million of these, so they are small: a job that waits is this object and nothing else. */
export abstract class Entry extends PriorityWaiter<Entry> implements Claim {
  state: State = "new"
  /** Where the backlog has put it, if that is not one line for all. */
  place: unknown = undefined
  /** The task; from when it is more than a job in the queue, its frame; at the end, its exit. */
  slot: unknown
  /** The pool. */
  readonly owner: object
  private watchers: Watcher | Set<Watcher> | undefined = undefined

  constructor(owner: object, task: unknown, priority: number) {
    super()
    this.owner = owner
    this.slot = task
    this.priority = priority
  }

  /** As somebody sees it who observes the pool. */
  get permits(): number {
    return 1
  }
  get loose(): boolean {
    return false
  }

  abstract readonly task: unknown
  /** While it has one. */
  abstract readonly frame: Frame | undefined

  /** Gives it a frame, if it has none. */
  abstract framed(): Frame
  /** There is room for it now, or a worker: whoever waits for that may go on. */
  abstract accepted(): void
  /** It has a worker: begins soon, or goes on. */
  abstract go(): void
  /** It is over. Called once. */
  abstract settle(exit: AnyExit): void

  watch(watcher: Watcher): void {
    if (this.watchers === undefined) this.watchers = watcher
    else if (this.watchers instanceof Set) this.watchers.add(watcher)
    else this.watchers = new Set([this.watchers, watcher])
  }

  unwatch(watcher: Watcher): void {
    if (this.watchers === watcher) this.watchers = undefined
    else if (this.watchers instanceof Set) this.watchers.delete(watcher)
  }

  /** A task in which somebody waits for this one. */
  get awaitedIn(): Mark | undefined {
    const { watchers } = this
    if (!(watchers instanceof Set)) return watchers?.mark
    for (const { mark } of watchers) if (mark !== undefined) return mark
    return undefined
  }

  /** Tells all who watch, in the order in which they came. */
  tell(has: "ended" | "queued"): void {
    const { watchers } = this
    if (watchers === undefined) return
    if (watchers instanceof Set) for (const watcher of watchers) watcher.wake(has)
    else watchers.wake(has)
  }
}

/** What a task has that is more than a job in the queue: a worker, a fiber, or somebody who waits with it. */
export class Frame extends Waiter<Frame> implements Mark {
  readonly entry: Entry
  task: unknown
  /** Not accepted yet: there is no room. */
  outside = false
  /** Has begun, or is about to, and has not ended. */
  live = false
  /** Since when it waits or runs, in nanoseconds, where somebody wants to know; -1 while it does neither. */
  since = -1
  /** The span in which it was submitted, where somebody wants to know. */
  span: AnySpan | undefined = undefined
  worker: Worker | undefined = undefined
  /** What its fibers carry: a job's frame is used once, that of a run is not. */
  mark: Mark = this
  /** Who waits for it and lets it run in his place; then `worker` is his. */
  lender: Frame | undefined = undefined
  fiber: AnyFiber | undefined = undefined
  /** By whom and why it was interrupted while its fiber was just starting, on the stack of whoever did that. */
  private doom: readonly [by: number, why: Context.Context<never> | undefined] | undefined = undefined
  /** Wakes the fiber that is parked with it, which goes on with what it waited for or with this. */
  wake: ((instead?: AnyEffect) => void) | undefined = undefined
  nesting: Nesting | undefined = undefined

  constructor(entry: Entry, task: unknown) {
    super()
    this.entry = entry
    this.task = task
  }

  get frame(): Frame {
    return this
  }

  /** A job has a frame of its own, and lets go of it at its end. */
  get isOpen(): boolean {
    return this.entry.slot === this
  }

  /** What was submitted runs in nobody's task, but while somebody waits for it inside one it is as if it did. */
  get outer(): Mark | undefined {
    return this.entry.awaitedIn ?? this.lender?.mark
  }

  interrupt(by: number, why?: Context.Context<never>): void {
    if (this.fiber === undefined) this.doom = [by, why]
    else this.fiber.interruptUnsafe(by, why)
  }

  runsIn(fiber: AnyFiber): void {
    this.fiber = fiber
    if (this.doom !== undefined) fiber.interruptUnsafe(...this.doom)
  }

  resume(instead?: AnyEffect): void {
    const { wake } = this
    this.wake = undefined
    wake?.(instead)
  }

  get nested(): Nesting {
    return (this.nesting ??= new Nesting())
  }
}

/** What the fibers of a task carry. Never used again: a daemon that has outlived its task still has it. */
export interface Mark {
  readonly frame: Frame
  /** The task has not ended. */
  readonly isOpen: boolean
  /** That of the task around it. */
  readonly outer: Mark | undefined
}

/** What goes on inside a task that waits for others of its own pool. */
class Nesting {
  /** Runs in the place of the task meanwhile. */
  guest: Frame | undefined = undefined
  /** Who wants to be told when there is no guest. */
  readonly candidates = new Set<Watcher>()
  /** What its fibers wait for. */
  readonly waitsFor = new Map<Watcher, Entry>()
}

/** One of the workers of a pool: a number, a task at most, and what it has of its own. */
export class Worker {
  readonly index: number
  /** A shrink has taken it out of the pool. */
  retired = false
  /** The task that it has. */
  frame: Frame | undefined = undefined
  /** What `init` made for it. */
  state: unknown = undefined

  constructor(index: number) {
    this.index = index
  }
}
