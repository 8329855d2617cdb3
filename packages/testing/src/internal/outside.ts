/** What happens outside of a run: real timers, sockets, promises. */
import * as Effect from "effect/Effect"

import type { Engine } from "./engine.ts"

/** Turns the event loop until a fiber of the run moves (true), or this long (false). */
export const waitForOutside = (engine: Engine, millis: number): Effect.Effect<boolean> =>
  Effect.callback<boolean>((resume) => {
    const stop = () => {
      clearTimeout(timer)
      engine.onOutside = undefined
    }
    const timer = setTimeout(() => {
      stop()
      resume(Effect.succeed(false))
    }, millis)
    engine.onOutside = () => {
      stop()
      // not on the stack of the fiber that moves
      queueMicrotask(() => resume(Effect.succeed(true)))
    }
    return Effect.sync(stop)
  })

interface Process {
  readonly getActiveResourcesInfo?: () => ReadonlyArray<string>
}

/** How many things keep the process alive, where that can be known. */
const pendingResources = (): number => {
  const { process } = globalThis as { readonly process?: Process }
  return process?.getActiveResourcesInfo?.().length ?? 0
}

/** Whether `work`, which does not turn the event loop, has left a real timer, socket or the like behind. */
export const leavesPending = (work: () => void): boolean => {
  const before = pendingResources()
  work()
  return pendingResources() > before
}
