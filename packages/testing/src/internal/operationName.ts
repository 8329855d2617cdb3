/**
 * Names the operations of a run that is made for its trace. Effect keeps the name of a primitive under a string key
 * that is not public; this file alone reads it, through the public hook of `Tracer`, and where the key is not there
 * operations have no names and traces are the poorer for it, no less true.
 */
import type * as Context from "effect/Context"
import * as Tracer from "effect/Tracer"

import type { AnyFiber } from "./fibers.ts"

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

const plain: Tracer.Tracer = Tracer.make({ span: (options) => new Tracer.NativeSpan(options) })

/** A tracer that tells each operation before it runs it, and otherwise does what the one around it does. */
export const namingTracer = (
  context: Context.Context<never>,
  tell: (fiber: AnyFiber, name: string) => void
): Tracer.Tracer => {
  const inner = context.mapUnsafe.get(Tracer.TracerKey) as Tracer.Tracer | undefined
  const outer = inner ?? plain
  return Tracer.make({
    span: (options) => outer.span(options),
    context(primitive, fiber) {
      const name = nameOf(primitive)
      if (name !== undefined) tell(fiber, name)
      return outer.context === undefined ? primitive["~effect/Effect/evaluate"](fiber) : outer.context(primitive, fiber)
    }
  })
}
