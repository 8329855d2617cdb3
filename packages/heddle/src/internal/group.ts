/**
 * Tasks that are submitted one by one, each in a slot, beside the body of a block or for as long as a scope is open.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { identity } from "effect/Function"
import * as Inspectable from "effect/Inspectable"
import { pipeArguments } from "effect/Pipeable"
import type { Scheduler } from "effect/Scheduler"

import { checkEffect, labelOf } from "./defect.ts"
import { type Slot, Slots } from "./slots.ts"
import { deeper, wake } from "./stack.ts"
import type { Tally } from "./tally.ts"
import { Tasks } from "./tasks.ts"

export const TypeId = "~heddle/ErrorGroup"

const variance = { _E: identity }

export type AnyFiber = Fiber.Fiber<unknown, unknown>

export class Group<E> extends Tasks<unknown, E> {
  readonly [TypeId] = variance
  readonly slots: Slots
  readonly name: string | undefined
  private numbers = 0
  private started = 0
  private active = 0
  /** Of a block: its body, which is task 0 and needs no slot. */
  private body: AnyFiber | undefined = undefined
  private bodyExit: Exit.Exit<unknown, E> | undefined = undefined
  private inBlock = false
  /** Somebody has been told how the group ended. */
  private delivered = false

  constructor(tally: Tally<unknown, E>, owner: AnyFiber, concurrency: number, name: string | undefined) {
    super(tally, owner)
    this.slots = new Slots(concurrency)
    this.name = name
  }

  pipe() {
    return pipeArguments(this, arguments)
  }

  toJSON() {
    return { _id: "ErrorGroup", name: this.name, ...this.stats() }
  }

  override toString() {
    return Inspectable.toStringUnknown(this.toJSON())
  }

  [Inspectable.NodeInspectSymbol]() {
    return this.toJSON()
  }

  stats() {
    const { failed, interrupted, skipped, succeeded, suppressed } = this.tally
    const { concurrency, waiting } = this.slots
    return {
      concurrency,
      submitted: this.started + skipped + waiting,
      waiting,
      running: this.active,
      succeeded,
      failed,
      interrupted,
      skipped,
      suppressed: suppressed.map(({ defect }) => defect)
    }
  }

  label(operation: string): string {
    return labelOf(`ErrorGroup.${operation}`, this.name)
  }

  protected isOver(): boolean {
    return this.active === 0 && this.slots.waiting === 0 && (!this.inBlock || this.bodyExit !== undefined)
  }

  /** No task begins any more: the group was stopped, or it is a block that is over. */
  private get closed(): boolean {
    return this.tally.stopped !== undefined || (this.inBlock && this.isOver())
  }

  protected override interruptAll(): void {
    this.tally.skipped += this.slots.dismiss(Effect.void)
    super.interruptAll()
    this.interruptBody()
  }

  /** What a success stops is the search for it; the body still has its own result to give. */
  private interruptBody(): void {
    const { because } = this.tally
    if (this.body !== undefined && because !== undefined && because !== "success") this.interrupt(this.body)
  }

  go<R>(effect: Effect.Effect<unknown, E, R>): Effect.Effect<void, never, R> {
    return Effect.withFiber((fiber) => {
      this.checkTask("go", effect)
      return this.submit(++this.numbers, effect, fiber)
    })
  }

  goIfAvailable<R>(effect: Effect.Effect<unknown, E, R>): Effect.Effect<boolean, never, R> {
    return Effect.withFiber((fiber) => {
      this.checkTask("goIfAvailable", effect)
      const slot = this.closed ? undefined : this.slots.take()
      if (slot !== undefined) this.start(++this.numbers, effect, fiber, slot)
      return Effect.succeed(slot !== undefined)
    })
  }

  private checkTask(operation: string, effect: unknown): void {
    if (!Effect.isEffect(effect)) checkEffect(this.label(operation), "the task", effect)
  }

  private submit<R>(
    task: number,
    effect: Effect.Effect<unknown, E, R>,
    fiber: AnyFiber
  ): Effect.Effect<void, never, R> {
    if (this.closed) {
      this.tally.skipped++
      return Effect.void
    }
    const slot = this.slots.take()
    if (slot !== undefined) {
      this.start(task, effect, fiber, slot)
      return Effect.void
    }
    if (this.slots.carriedBy(fiber) !== undefined) return this.startInside(task, effect, fiber)
    const begin = (slot: Slot) => {
      if (this.closed) {
        this.tally.skipped++
        slot.leave()
      } else this.start(task, effect, fiber, slot)
      this.settle()
      return Effect.void
    }
    return this.slots.wait(begin, () => this.settle())
  }

  /** The submitter is in a task himself: he lends its slot and waits until he has it back. */
  private startInside<R>(
    task: number,
    effect: Effect.Effect<unknown, E, R>,
    fiber: AnyFiber
  ): Effect.Effect<void, never, R> {
    const begin = (scheduler: Scheduler, resume: (effect: Effect.Effect<void, never, R>) => void) => {
      const slot = this.slots.carriedBy(fiber)
      // a fiber may be preempted between the look and the park, and its task may end meanwhile
      if (slot === undefined || this.closed) return resume(this.submit(task, effect, fiber))
      slot.users++
      const child = this.start(task, effect, fiber, slot)
      if (child.pollUnsafe() !== undefined) return resume(Effect.void)
      child.addObserver(() => wake(scheduler, resume, Effect.void))
    }
    return Effect.callback<void, never, R>(function (this: Scheduler, resume) {
      return begin(this, resume)
    })
  }

  private start<R>(task: number, effect: Effect.Effect<unknown, E, R>, fiber: AnyFiber, slot: Slot): AnyFiber {
    this.started++
    this.active++
    // the submitter's context has what the effect requires
    const child = this.fork(this.slots.contextOf(fiber, slot) as Context.Context<R>, effect)
    this.follow(child, (exit) => {
      this.active--
      this.record(task, exit)
      slot.leave()
    })
    return child
  }

  /** Begins on this stack, where that is not too deep already. */
  private fork<A, R>(context: Context.Context<R>, effect: Effect.Effect<A, E, R>): Fiber.Fiber<A, E> {
    const runFork = Effect.runForkWith(context)
    let fiber: Fiber.Fiber<A, E> | undefined
    deeper(() => (fiber = runFork(effect)))
    return fiber ?? runFork(Effect.andThen(Effect.yieldNow, effect))
  }

  /** Runs the body of a block as task 0. */
  runBody<A, R>(body: Effect.Effect<A, E, R>, owner: AnyFiber): Effect.Effect<A, E, R> {
    this.inBlock = true
    const begin = () => {
      const fiber = this.fork(owner.context as Context.Context<R>, body)
      this.body = fiber
      const onExit = (exit: Exit.Exit<A, E>) => {
        this.bodyExit = exit
        this.body = undefined
        if (exit._tag === "Failure" && this.tally.recordBeside(0, exit.cause, "failure")) this.interruptAll()
        this.settle()
      }
      fiber.addObserver(onExit)
      // what it did so far may have stopped the group, which did not know of it yet
      this.interruptBody()
    }
    const outcome = Effect.suspend(() => {
      // it has ended, and so has everything else
      const result = this.bodyExit as Exit.Exit<A, E>
      return Effect.andThen(this.tally.outcome, result)
    })
    return this.block(begin, outcome)
  }

  readonly wait: Effect.Effect<void, E> = Effect.withFiber((fiber) => {
    if (this.inBlock || this.slots.carriedBy(fiber) !== undefined) {
      throw new Error(`${this.label("wait")}: a task cannot wait for its own group, which would wait for the task`)
    }
    return this.afterwards(
      Effect.suspend(() => {
        this.delivered = true
        return Effect.asVoid(this.tally.outcome)
      })
    )
  })

  /** The scope closes: interrupts whatever runs and waits for it. */
  readonly close: Effect.Effect<void> = Effect.withFiber((fiber) => {
    this.halt("closed")
    // whoever closes it from inside a task cannot wait for that task
    const own = this.slots.carriedBy(fiber)
    return this.afterwards(Effect.andThen(this.tally.logSuppressed, this.logUndelivered), {
      until: () => this.active <= (own?.users ?? 0) && this.slots.waiting === 0
    })
  })

  private readonly logUndelivered: Effect.Effect<void> = Effect.suspend(() => {
    const cause = this.delivered ? undefined : this.tally.cause()
    if (cause === undefined) return Effect.void
    return Effect.logWarning(`${this.label("make")}: a task failed, and nobody waited for the group`, cause)
  })
}
