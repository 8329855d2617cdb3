/**
 * The engine of one `forEach`: elements are claimed one at a time, as there is room, and run in fibers of their own or in
 * workers that run one after the other.
 *
 * The parent fiber is parked meanwhile, and nobody else is woken: whoever ends claims the next element on his way out. An
 * element that is finished already (`Effect.succeed`) needs no fiber. (`Effect.forEach` copies the source first.)
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"

import { ArrayCursor, type Cursor, end, IteratorCursor, pending, PullCursor } from "./cursor.ts"
import { checkEffect } from "./defect.ts"
import { deeper } from "./stack.ts"
import { Tally } from "./tally.ts"
import { Tasks } from "./tasks.ts"

export interface Config<A, B, E, R> {
  readonly f: (element: A, index: number) => Effect.Effect<B, E, R>
  readonly concurrency: number
  /** Whether each element has a fiber of its own. */
  readonly isolated: boolean
  readonly tally: Tally<B, E>
  /** A chunk of the source, where that is pulled. */
  readonly pull?: Effect.Effect<NonEmptyReadonlyArray<A>, E | Cause.Done, R>
  /** Ends when the elements have to stop, if ever. */
  readonly limit?: Effect.Effect<void> | undefined
}

/** How many elements may be claimed without giving the event loop its turn; less than a fiber's time slice. */
const elementsPerTurn = 1024

/** A quarter of the cost of `Exit.isExit`. What it does not recognise gets a fiber. */
const isSuccess = <A, E, R>(effect: Effect.Effect<A, E, R>): effect is Effect.Effect<A, E, R> & Exit.Success<A> =>
  Object.getPrototypeOf(effect) === successPrototype

const successPrototype: unknown = Object.getPrototypeOf(Exit.void)

const none = -1

interface Worker<E, R> {
  /** The element that runs. */
  task: number
  readonly loop: Effect.Effect<void, E, R>
}

export class ForEach<A, B, E, R> extends Tasks<B, E> {
  /**
   * When V8 collects garbage it forgets the hidden classes of which there is no instance at the moment, and throws away the
   * code that was optimised for them: runs with a collection between them would cost three times as much. So one instance
   * of each class of the inner loop stays.
   */
  static readonly kept: unknown = [new ArrayCursor([]), new IteratorCursor([])].map((cursor) => {
    const tally = new Tally<never, never>({
      policy: { _tag: "failFast" },
      keep: "nothing",
      total: 0,
      name: undefined,
      label: ""
    })
    // as a double: a field that has only ever been a small integer has a class of its own
    const config = { f: () => Effect.never, concurrency: Infinity, isolated: true, tally }
    const engine = new ForEach<unknown, never, never, never>(config, cursor, Effect.runFork(Effect.void))
    return [engine, engine.worker()]
  })

  private readonly f: Config<A, B, E, R>["f"]
  private readonly concurrency: number
  private readonly isolated: boolean
  private readonly chunks: Config<A, B, E, R>["pull"]
  private readonly limit: Effect.Effect<void> | undefined
  private readonly cursor: Cursor<A>
  private readonly parent: Fiber.Fiber<unknown, unknown>
  private readonly runFork: <C, E2>(effect: Effect.Effect<C, E2, R>) => Fiber.Fiber<C, E2>
  private claimed = 0
  private task: number = none
  /** The source has no more elements, or has failed. */
  private exhausted = false
  /** The source has none, for good or at the moment. */
  private dry = false
  private pumping = false
  /** The source is being asked for an element: what it does meanwhile may wake a worker that asks too. */
  private asking = false
  /** How many elements may still be claimed in this turn. */
  private budget = elementsPerTurn
  private turnScheduled = false
  private puller: Fiber.Fiber<unknown, unknown> | undefined = undefined
  private timer: Fiber.Fiber<unknown, unknown> | undefined = undefined

  constructor(config: Config<A, B, E, R>, cursor: Cursor<A> | undefined, parent: Fiber.Fiber<unknown, unknown>) {
    super(config.tally, parent)
    this.f = config.f
    this.concurrency = config.concurrency
    this.isolated = config.isolated
    this.chunks = config.pull
    this.limit = config.limit
    this.cursor = cursor ?? new PullCursor<A, E>(() => this.pull())
    this.parent = parent
    // the parent's context has what the elements require
    this.runFork = Effect.runForkWith(parent.context as Context.Context<R>)
  }

  /** Runs all elements, and ends with the outcome when the last has ended and the source is closed. */
  run<C>(outcome: Effect.Effect<C, E, R>, closeSource: Effect.Effect<void> = Effect.void): Effect.Effect<C, E, R> {
    const begin = () => {
      const { limit } = this
      if (limit !== undefined) {
        const stop = Effect.sync(() => {
          this.halt("deadline")
          this.settle()
        })
        this.timer = Effect.runForkWith(this.parent.context)(Effect.andThen(limit, stop))
      }
      if (!deeper(() => this.pump())) this.scheduleTurn()
    }
    const cleanup = Effect.suspend(() => {
      this.timer?.interruptUnsafe(this.parent.id)
      this.tally.skipped = Math.max(0, (this.tally.total ?? 0) - this.claimed)
      // a source that ended is closed as part of the run, one that was stopped as a cleanup
      return this.tally.stopped === undefined ? closeSource : Effect.catchCause(closeSource, this.suppress)
    })
    return this.block(begin, outcome, cleanup)
  }

  private readonly suppress = ({ reasons }: Cause.Cause<never>): Effect.Effect<void> =>
    Effect.sync(() => void this.tally.suppressed.push(...reasons.filter(Cause.isDieReason)))

  protected isOver(): boolean {
    if (this.running.size > 0 || this.puller !== undefined || this.pumping) return false
    return this.exhausted || this.tally.stopped !== undefined
  }

  protected override interruptAll(): void {
    super.interruptAll()
    if (this.puller !== undefined) this.interrupt(this.puller)
  }

  /** Starts as much as there is room for. Never nested: an inner call leaves the work to the outer loop. */
  private pump(): void {
    if (this.pumping) return
    this.pumping = true
    if (this.isolated) this.startElements()
    else this.startWorkers()
    this.pumping = false
  }

  private scheduleTurn(): void {
    if (this.turnScheduled) return
    this.turnScheduled = true
    this.parent.currentDispatcher.scheduleTask(() => {
      this.turnScheduled = false
      this.budget = elementsPerTurn
      this.pump()
      this.settle()
    }, 0)
  }

  private startElements(): void {
    const { concurrency, running } = this
    while (running.size < concurrency) {
      const effect = this.claim()
      if (effect === undefined) return
      this.startElement(this.task, effect)
    }
  }

  private startElement(task: number, effect: Effect.Effect<B, E, R>): void {
    const fiber = this.runFork(effect)
    const exit = fiber.pollUnsafe()
    if (exit !== undefined) return this.record(task, exit)
    this.follow(fiber, (exit) => {
      this.record(task, exit)
      this.pump()
    })
  }

  private startWorkers(): void {
    const { concurrency, running } = this
    while (running.size < concurrency && this.mayClaim()) {
      const worker = this.worker()
      this.follow(this.runFork(worker.loop), (exit) => {
        if (exit._tag === "Failure" && worker.task !== none) this.record(worker.task, Exit.failCause(exit.cause))
        this.pump()
      })
    }
  }

  /** Runs elements one after the other in one fiber. */
  private worker(): Worker<E, R> {
    const { tally } = this
    let effect: Effect.Effect<B, E, R> | undefined
    const worker: Worker<E, R> = {
      task: none,
      loop: Effect.whileLoop({
        while: () => {
          effect = this.claim()
          if (effect === undefined) return false
          worker.task = this.task
          return true
        },
        body: () => effect!,
        step: (value) => {
          const { task } = worker
          worker.task = none
          if (tally.succeed(task, value)) this.interruptAll()
        }
      })
    }
    return worker
  }

  /** The next element that has to run, whose number is then `task`; those that are finished have been taken down. */
  private claim(): Effect.Effect<B, E, R> | undefined {
    const { tally } = this
    while (this.mayClaim()) {
      const element = this.next()
      // to ask the source may have stopped the group, and so may `f`: nothing begins after that
      if (element === end || tally.stopped !== undefined) return undefined
      this.budget--
      const task = this.claimed++
      const effect = this.effectOf(element, task)
      if (isSuccess(effect)) {
        if (tally.succeed(task, effect.value)) this.interruptAll()
        continue
      }
      if (tally.stopped !== undefined) {
        this.claimed--
        return undefined
      }
      this.task = task
      return effect
    }
    return undefined
  }

  private mayClaim(): boolean {
    if (this.dry || this.tally.stopped !== undefined) return false
    // an iterator cannot be asked from inside of itself: a turn that is scheduled makes up for it
    const may = this.budget > 0 && !this.asking
    if (!may) this.scheduleTurn()
    return may
  }

  private next(): A | typeof end {
    this.asking = true
    try {
      const element = this.cursor.next()
      this.asking = false
      if (element !== end && element !== pending) return element
      this.dry = true
      this.exhausted = element === end
    } catch (defect) {
      this.asking = false
      this.failSource(Cause.die(defect))
    }
    return end
  }

  private failSource(cause: Cause.Cause<E>): void {
    this.dry = this.exhausted = true
    if (this.tally.recordBeside(this.claimed, cause, "source")) this.interruptAll()
  }

  private effectOf(element: A, index: number): Effect.Effect<B, E, R> {
    try {
      const effect = this.f(element, index)
      if (!Effect.isEffect(effect)) checkEffect(this.tally.label, `what task ${index} runs`, effect)
      return effect
    } catch (defect) {
      return Effect.die(defect)
    }
  }

  private pull(): void {
    const cursor = this.cursor as PullCursor<A, E>
    const puller = this.runFork(this.chunks!)
    const receive = (exit: Exit.Exit<NonEmptyReadonlyArray<A>, E | Cause.Done>) => {
      this.puller = undefined
      this.dry = false
      const cause = cursor.receive(exit)
      if (cause !== undefined) this.failSource(cause)
    }
    const exit = puller.pollUnsafe()
    if (exit !== undefined) return receive(exit)
    this.puller = puller
    puller.addObserver((exit) => {
      receive(exit)
      this.pump()
      this.settle()
    })
    if (this.tally.stopped !== undefined) this.interrupt(puller)
  }
}
