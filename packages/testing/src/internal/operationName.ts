/**
 * Names the operations of a run that is made for its trace, and what a fiber waits for. Effect keeps the name of a
 * primitive under a string key that is not public, and what registers a callback in a field; this file alone reads
 * them, through the public hook of `Tracer`, and sees which fibers are observed meanwhile. Where any of it is not there
 * operations have no names and traces are the poorer for it, no less true.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Scheduler from "effect/Scheduler"
import * as Tracer from "effect/Tracer"

import type { AnyFiber } from "./fibers.ts"
import { waits } from "./waits.ts"

const key = "~effect/Effect/identifier"

const readable: Readonly<Record<string, string>> = {
  Async: "wait",
  AsyncFinalizer: "cancel",
  Failure: "fail",
  Iterator: "generator",
  OnSuccess: "flatMap",
  OnFailure: "catch",
  OnSuccessAndFailure: "matchCause",
  Success: "succeed",
  Sync: "sync",
  Suspend: "suspend",
  While: "loop",
  WithFiber: "withFiber",
  Yield: "yield"
}

const nameOf = (primitive: object): string | undefined => {
  const name: unknown = Reflect.get(primitive, key)
  return typeof name === "string" ? (readable[name] ?? name) : undefined
}

/** What a primitive registers when it waits: of all that one function of Effect makes it is the same. */
const registerOf = (primitive: object): string | undefined => {
  const register: unknown = Reflect.get(primitive, "register")
  return typeof register === "function" ? String(register) : undefined
}

type Observer = (exit: Exit.Exit<unknown, unknown>) => void

/** Who wants to know which fibers are observed. */
let onObserved: ((fiber: AnyFiber) => void) | undefined

/** Tells which fibers are observed by `work`, and by observers that it leaves. */
const observing = <A>(fiber: AnyFiber, tell: typeof onObserved, work: () => A): A => {
  const before = onObserved
  if (before === tell) return work()
  const prototype: { addObserver: AnyFiber["addObserver"] } = Object.getPrototypeOf(fiber)
  const { addObserver } = prototype
  onObserved = tell
  if (before === undefined) {
    prototype.addObserver = function (this: AnyFiber, observer: Observer) {
      const tell = onObserved
      tell?.(this)
      return addObserver.call(
        this,
        tell === undefined ? observer : (exit) => observing(this, tell, () => observer(exit))
      )
    }
  }
  try {
    return work()
  } finally {
    onObserved = before
    if (before === undefined) prototype.addObserver = addObserver
  }
}

/** Hears of each operation before it runs. */
export interface Listener {
  readonly operation: (fiber: AnyFiber, name: string) => void
  /** It waits, unless it is answered at once. `what` names the function of Effect that it waits in, where known. */
  readonly waits: (fiber: AnyFiber, what: string | undefined) => void
  /** And for this fiber among others. */
  readonly waitsFor: (fiber: AnyFiber, other: AnyFiber) => void
}

const plain: Tracer.Tracer = Tracer.make({ span: (options) => new Tracer.NativeSpan(options) })

/** A tracer that tells each operation before it runs it, and otherwise does what the one around it does. */
export const namingTracer = (context: Context.Context<never>, listener: Listener): Tracer.Tracer => {
  const inner = context.mapUnsafe.get(Tracer.TracerKey) as Tracer.Tracer | undefined
  const outer = inner ?? plain
  const known = knownWaits()
  return Tracer.make({
    span: (options) => outer.span(options),
    context(primitive, fiber) {
      const name = nameOf(primitive)
      if (name !== undefined) listener.operation(fiber, name)
      const register = registerOf(primitive)
      if (register !== undefined) listener.waits(fiber, known.get(register))
      return observing(fiber, register === undefined ? undefined : (other) => listener.waitsFor(fiber, other), () =>
        outer.context === undefined ? primitive["~effect/Effect/evaluate"](fiber) : outer.context(primitive, fiber)
      )
    }
  })
}

let known: ReadonlyMap<string, string> | undefined

/** From what is registered to the function of Effect that does: learnt by running each of them until it waits. */
const knownWaits = (): ReadonlyMap<string, string> => {
  if (known !== undefined) return known
  const found = new Map<string, string>()
  known = found
  for (const [name, wait] of waits) {
    let first: object | undefined
    let register: string | undefined
    const tracer = Tracer.make({
      span: (options) => plain.span(options),
      context(primitive, fiber) {
        first ??= fiber
        if (fiber === first) register = registerOf(primitive) ?? register
        return primitive["~effect/Effect/evaluate"](fiber)
      }
    })
    const fiber = Effect.runFork(Effect.provideService(wait, Tracer.Tracer, tracer), {
      scheduler: new Scheduler.MixedScheduler("sync")
    })
    if (register !== undefined && !found.has(register)) found.set(register, name)
    fiber.interruptUnsafe()
  }
  return known
}
