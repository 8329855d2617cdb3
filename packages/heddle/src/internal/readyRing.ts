/**
 * Where fibers wake.
 *
 * Resuming an `Effect.callback` runs the resumed fiber inside the stack of the one who resumes it: a chain of a thousand
 * hand-overs would nest a thousand run loops and abort the process, and a release that wakes 50,000 waiters would run
 * 50,000 bodies before it returns. So nobody wakes anybody on his own stack: who is served goes on the ring, and a task
 * of the scheduler resumes those on the ring in order, at most 256 per task, so that the event loop gets its turn.
 *
 * There is one ring per `Scheduler`, not one per primitive: waiters of different primitives wake in the order in which
 * they were served, and a chain through many primitives costs one task per 256 links, not one per link. A waiter wakes
 * on the ring of its own scheduler, whoever served it.
 */
import type * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { Scheduler, SchedulerDispatcher } from "effect/Scheduler"

type AnyEffect = Effect.Effect<any, any, any>
type Resume = (effect: any) => void

const resumesPerTask = 256

export class ReadyRing {
  private readonly scheduler: Scheduler
  /** Of the task that is scheduled, or was last. */
  private dispatcher: SchedulerDispatcher | undefined = undefined
  // A circular buffer as two columns; the capacity is a power of two. Whoever is interrupted on the ring is not
  // looked for: its entry stays, counts as one of the 256, and resumes nobody.
  private resumes: Array<Resume | undefined> = emptyColumn(16)
  private effects: Array<AnyEffect | undefined> = emptyColumn(16)
  private first = 0
  private size = 0
  private scheduled = false

  constructor(scheduler: Scheduler) {
    this.scheduler = scheduler
  }

  /** Has `resume(effect)` called soon, behind all earlier ones, never on the caller's stack. */
  push<A, E, R>(resume: (effect: Effect.Effect<A, E, R>) => void, effect: Effect.Effect<A, E, R>): void {
    if (this.size === this.resumes.length) this.grow()
    const slot = (this.first + this.size++) & (this.resumes.length - 1)
    this.resumes[slot] = resume
    this.effects[slot] = effect
    if (!this.scheduled) this.schedule(this.dispatcherOfServer())
  }

  // On the dispatcher of whoever serves, as Effect's own primitives do: `Effect.runSync` runs the tasks of its root fiber and
  // no others. Outside of a fiber on a new one: that of an earlier server may be as dead as its fiber.
  private dispatcherOfServer(): SchedulerDispatcher {
    const fiber = Fiber.getCurrent()
    return fiber?.cache.scheduler === this.scheduler ? fiber.currentDispatcher : this.scheduler.makeDispatcher()
  }

  private schedule(dispatcher: SchedulerDispatcher): void {
    this.scheduled = true
    this.dispatcher = dispatcher
    dispatcher.scheduleTask(this.flush, 0)
  }

  // Invariant: while it runs, `scheduled` stays true, so whoever is pushed by a resumed fiber waits for this loop or for
  // the next task and never starts a second one.
  private readonly flush = (): void => {
    let budget = resumesPerTask
    try {
      while (this.size > 0 && budget-- > 0) {
        const slot = this.first
        const resume = this.resumes[slot]!
        const effect = this.effects[slot]!
        this.resumes[slot] = this.effects[slot] = undefined
        this.first = (slot + 1) & (this.resumes.length - 1)
        this.size--
        resume(effect)
      }
    } finally {
      // also when an observer of a resumed fiber throws: those behind it still wake
      this.scheduled = false
      if (this.size > 0) this.schedule(this.dispatcher!)
      else if (this.resumes.length > keptCapacity) this.reset()
    }
  }

  private grow(): void {
    this.resumes = unrolled(this.resumes, this.first)
    this.effects = unrolled(this.effects, this.first)
    this.first = 0
  }

  /** One burst of 50,000 must not hold its memory for ever. */
  private reset(): void {
    this.resumes = emptyColumn(keptCapacity)
    this.effects = emptyColumn(keptCapacity)
    this.first = 0
  }
}

const keptCapacity = 1024

const emptyColumn = <A>(length: number): Array<A | undefined> => Array.from({ length }, () => undefined)

const unrolled = <A>(column: ReadonlyArray<A | undefined>, first: number): Array<A | undefined> => [
  ...column.slice(first),
  ...column.slice(0, first),
  ...emptyColumn<A>(column.length)
]

const rings = new WeakMap<Scheduler, ReadyRing>()
// Nearly every program has one scheduler: its ring is found by one comparison.
let latestScheduler: Scheduler | undefined
let latestRing: ReadyRing | undefined

/** The ring of a scheduler, made when first asked for. */
export const readyRing = (scheduler: Scheduler): ReadyRing => {
  if (scheduler === latestScheduler && latestRing !== undefined) return latestRing
  let ring = rings.get(scheduler)
  if (ring === undefined) {
    ring = new ReadyRing(scheduler)
    rings.set(scheduler, ring)
  }
  latestScheduler = scheduler
  latestRing = ring
  return ring
}
