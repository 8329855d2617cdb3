import { afterAll } from "@effect/vitest"
/** Pools for tests: made once for a file where nothing is done to their threads. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"

import * as ThreadPool from "../../src/ThreadPool.ts"

/** One pool for all tests of a file. */
export const shared = (threads: number): Effect.Effect<ThreadPool.ThreadPool> => {
  const scope = Scope.makeUnsafe()
  let made: Promise<ThreadPool.ThreadPool> | undefined
  afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))
  return Effect.promise(() => (made ??= Effect.runPromise(Scope.provide(ThreadPool.make({ threads }), scope))))
}
