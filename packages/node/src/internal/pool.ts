/**
 * The pool: what it has accepted, which thread gets it, and what becomes of it when a thread does not come back.
 *
 * ```
 *   callers ──▶ line (no room) ──▶ queue ──▶ lanes of 64 ──▶ threads
 *                                    ▲           │ what a busy thread has not begun is taken back when another is idle,
 *                                    └───────────┘ when it is told to stop, or when it is gone
 * ```
 * Threads are sent ahead of what they do, so that none waits for the next task; and since nothing that has not begun belongs to
 * the thread that it was sent to, no task waits for a thread while another has none.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as WorkerPool from "heddle/WorkerPool"

import { Crew } from "./crew.ts"
import { deal } from "./dealing.ts"
import { nameOf } from "./definition.ts"
import type { Entry } from "./entry.ts"
import type { ThreadStartFailed } from "./errors.ts"
import { exitOf, exitOfLost } from "./exits.ts"
import { Families } from "./families.ts"
import type { Hand, Listener } from "./hand.ts"
import type { Status } from "./lane.ts"
import { Line } from "./line.ts"
import type { Settings } from "./settings.ts"
import { Timings } from "./timings.ts"
import { Wakes } from "./wakes.ts"

export class Pool implements Listener {
  readonly settings: Settings
  readonly hands: ReadonlyArray<Hand>
  readonly timings = new Timings()
  readonly counts = {
    submitted: 0,
    succeeded: 0,
    failed: 0,
    interrupted: 0,
    dropped: 0,
    steals: 0,
    parks: 0,
    replaced: 0
  }
  readonly wakes = new Wakes()
  readonly families = new Families(this)
  phase: "open" | "draining" | "closed" = "open"
  /** Accepted, and not ended. */
  private inFlight = 0
  private readonly queue = new Line<Entry>()
  private readonly waiting = new Line<Entry>()
  /** Whom to tell that an entry has found room, or never will. */
  readonly accepting = new Map<Entry, () => void>()
  private readonly empty = new Set<() => void>()
  private readonly gone = new Set<() => void>()
  private readonly graces = new Map<Entry, Fiber.Fiber<unknown>>()
  private readonly tasks = new Map<string, number>()
  private readonly crew: Crew
  /** Starts all threads, and waits until they are ready. */
  readonly start: Effect.Effect<void, ThreadStartFailed>
  private readonly fork: (effect: Effect.Effect<unknown>) => Fiber.Fiber<unknown>
  private pumping = false

  constructor(settings: Settings, context: Context.Context<never>) {
    this.settings = settings
    this.fork = Effect.runForkWith(context)
    this.crew = new Crew(settings, this)
    this.hands = this.crew.hands
    this.start = this.crew.start
  }

  // ---- submitting

  get roomFor(): number {
    return this.settings.threads + this.settings.capacity - this.inFlight
  }

  full(refused: number): WorkerPool.PoolFull {
    const { capacity, name, threads } = this.settings
    this.counts.submitted += refused
    this.counts.dropped += refused
    return new WorkerPool.PoolFull({ pool: name, capacity, queued: Math.max(0, this.inFlight - threads) })
  }

  /** What the entry is refused with; otherwise it is accepted, or stands in line. */
  enter(entry: Entry): WorkerPool.PoolClosed | WorkerPool.PoolFull | ThreadStartFailed | undefined {
    if (this.phase !== "open") return new WorkerPool.PoolClosed({ pool: this.settings.name })
    if (this.crew.broken !== undefined) return this.crew.broken
    if (this.roomFor > 0) this.accept(entry)
    else if (this.settings.overflow === "fail") return this.full(1)
    else this.waiting.append(entry)
    return undefined
  }

  private accept(entry: Entry): void {
    this.inFlight++
    this.counts.submitted++
    entry.accepted = performance.now()
    this.enqueue(entry)
    const accepted = this.accepting.get(entry)
    if (accepted === undefined) return
    this.accepting.delete(entry)
    this.wakes.push(accepted)
  }

  enqueue(entry: Entry): void {
    entry.state = "queued"
    this.queue.append(entry)
    this.schedule()
  }

  private admit(): void {
    while (this.waiting.first !== undefined && this.roomFor > 0) this.accept(this.waiting.shift()!)
  }

  // ---- dealing

  private schedule(): void {
    if (this.pumping || this.queue.size === 0) return
    this.pumping = true
    queueMicrotask(this.pump)
  }

  /** Those who came first begin first. */
  private readonly pump = (): void => {
    this.pumping = false
    for (const { entries, hand } of deal(this.queue, this.hands)) {
      this.families.makeWay(hand)
      hand.send(entries, this.taskOf)
    }
  }

  readonly taskOf = ({ definition }: Entry): number => {
    const key = nameOf(definition)
    let task = this.tasks.get(key)
    if (task === undefined) this.tasks.set(key, (task = this.tasks.size))
    return task
  }

  onReady(hand: Hand): void {
    this.crew.ready(hand)
    this.onResults(hand)
  }

  onResults(hand: Hand): void {
    if (this.crew.isSpent(hand)) this.retire(hand)
    else if (hand.state === "retiring" && hand.isDone) void hand.terminate()
    else if (hand.load === 0 && hand.room > 0 && this.queue.size === 0) this.find(hand)
    this.schedule()
  }

  /** Work for a thread that has none: half of what another has not begun, or help with a task that forks. */
  private find(hand: Hand): void {
    const victims = this.hands.filter((other) => other !== hand && other.load > 1).toSorted((a, b) => b.load - a.load)
    for (const victim of victims) {
      const stolen = victim.giveUp(Math.max(1, victim.load >> 1))
      if (stolen.length === 0) continue
      this.counts.steals += stolen.length
      this.putBack(stolen)
      return
    }
    this.families.invite(hand)
  }

  /** To the front, in their order: they came before what is there. */
  private putBack(entries: ReadonlyArray<Entry>): void {
    for (const entry of entries.toReversed()) {
      entry.state = "queued"
      this.queue.prepend(entry)
    }
    this.schedule()
  }

  // ---- ending

  onEnd(hand: Hand, entry: Entry, status: Status, value: unknown): void {
    const { lane } = hand
    const { slot } = entry
    entry.took = lane.took(slot)
    if (entry.accepted > 0) this.timings.record(lane.began(slot) - entry.accepted, entry.took)
    this.end(entry, exitOf(entry, status, value, this.settings))
  }

  onUnsendable(entry: Entry, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error)
    this.end(
      entry,
      Exit.die(new Error(`the input of ${nameOf(entry.definition)} cannot be sent to a thread: ${reason}`))
    )
  }

  private end(entry: Entry, exit: Exit.Exit<any, any>): void {
    this.graces.get(entry)?.interruptUnsafe()
    this.graces.delete(entry)
    entry.end(exit, this.wakes)
    if (entry.accepted === 0) return
    this.inFlight--
    if (Exit.isSuccess(exit)) this.counts.succeeded++
    else if (entry.closed || Exit.hasInterrupts(exit)) this.counts.interrupted++
    else this.counts.failed++
    this.admit()
    this.settle()
  }

  /** It never begins, because the pool is closed. */
  private drop(entry: Entry): void {
    const isAccepted = entry.accepted > 0
    entry.end(Exit.fail(new WorkerPool.PoolClosed({ pool: this.settings.name })), this.wakes)
    if (!isAccepted) {
      const accepting = this.accepting.get(entry)
      if (accepting !== undefined) this.wakes.push(accepting)
      this.accepting.delete(entry)
      return
    }
    this.inFlight--
    this.counts.dropped++
  }

  interrupt(entry: Entry): Effect.Effect<void> {
    return Effect.callback((resume) => {
      this.stop(entry)
      if (entry.state === "ended") {
        resume(Effect.void)
        return undefined
      }
      const forget = entry.onEnd(this.wakes, () => resume(Effect.void))
      return Effect.sync(forget)
    })
  }

  /** Takes an entry back, unless it has begun. */
  withdraw(entry: Entry): boolean {
    switch (entry.state) {
      case "waiting":
        this.waiting.remove(entry)
        this.accepting.delete(entry)
        break
      case "queued":
        this.queue.remove(entry)
        break
      case "sent":
        if (!entry.hand!.takeBack(entry)) return false
        break
      default:
        return true
    }
    this.end(entry, Exit.interrupt())
    return true
  }

  private stop(entry: Entry): void {
    if (this.withdraw(entry)) return
    const hand = entry.hand!
    if (!hand.stop(entry)) return
    entry.onStop?.()
    const terminate = Effect.promise(() => hand.terminate())
    this.graces.set(entry, this.fork(Effect.andThen(Effect.sleep(this.settings.grace), terminate)))
  }

  // ---- threads that end

  /** Another one takes its place when it has ended what it has begun. */
  private retire(hand: Hand): void {
    hand.state = "retiring"
    this.putBack(hand.giveUp(Infinity))
    if (hand.isDone) void hand.terminate()
  }

  onExit(hand: Hand, code: number, error: unknown): void {
    const { begun, unseen } = hand.remains()
    // what was moved went with the thread
    const [lost, kept] = [unseen.filter(isMoved), unseen.filter((entry) => !isMoved(entry))]
    this.putBack(kept)
    for (const entry of [...begun, ...lost]) this.end(entry, exitOfLost(hand, entry, code, error, this.settings))
    this.families.lost(hand)
    if (this.phase === "closed") this.settle()
    else if (this.crew.replace(hand, code, error)) this.counts.replaced++
    else this.giveUp()
  }

  /** One thread less; without any, nobody waits any more. */
  private giveUp(): void {
    const { broken, failure } = this.crew
    if (failure !== undefined) this.fork(Effect.logError(failure.message))
    if (broken === undefined) return
    for (const entry of this.unsent()) this.end(entry, Exit.fail(broken))
  }

  /** Takes out all that stands in the queue and in the line. */
  private unsent(): ReadonlyArray<Entry> {
    const entries: Array<Entry> = []
    for (const line of [this.queue, this.waiting]) {
      for (let entry = line.shift(); entry !== undefined; entry = line.shift()) entries.push(entry)
    }
    return entries
  }

  // ---- the end of the pool

  readonly drain: Effect.Effect<void> = Effect.callback((resume) => {
    if (this.phase === "open") this.phase = "draining"
    const wake = () => resume(Effect.void)
    this.empty.add(wake)
    this.settle()
    return Effect.sync(() => this.empty.delete(wake))
  })

  readonly close: Effect.Effect<void> = Effect.callback((resume) => {
    this.gone.add(() => resume(Effect.void))
    if (this.phase !== "closed") this.beginClose()
    this.settle()
  })

  private beginClose(): void {
    this.phase = "closed"
    for (const entry of this.unsent()) this.drop(entry)
    const attached = this.hands.flatMap((hand) => hand.attached())
    for (const entry of attached.filter((entry) => !entry.hand!.takeBack(entry))) {
      entry.closed = !entry.hand!.lane.isStopping(entry.slot)
      this.stop(entry)
    }
    for (const entry of attached) if (entry.state === "queued") this.drop(entry)
  }

  private settle(): void {
    if (this.inFlight > 0 || this.waiting.size > 0) return
    for (const wake of this.empty) this.wakes.push(wake)
    this.empty.clear()
    if (this.phase !== "closed") return
    const left = this.hands.filter(({ state }) => state !== "gone")
    for (const hand of left) if (hand.state !== "retiring") this.dismiss(hand)
    if (left.length > 0) return
    for (const wake of this.gone) this.wakes.push(wake)
    this.gone.clear()
  }

  private dismiss(hand: Hand): void {
    hand.state = "retiring"
    void hand.terminate()
  }

  // ---- how it is

  stats() {
    const { name, threads: workers } = this.settings
    const { queueTime, runTime } = this.timings
    const active = this.hands.filter(({ isRunning }) => isRunning).length
    return {
      ...this.counts,
      workers,
      active,
      idle: workers - active,
      running: active,
      queued: Math.max(0, this.inFlight - active),
      waiting: this.waiting.size,
      retrying: 0,
      queueTime,
      runTime,
      threads: this.hands.map((hand) => hand.stats()),
      ...(name === undefined ? {} : { name })
    }
  }
}

const isMoved = ({ transfer }: Entry): boolean => transfer !== undefined
