import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"

import * as Explorer from "../../src/Explorer.ts"
import type { Exhibit } from "./exhibit.ts"

/** A connection per host, made when it is asked for first, and closed at the end. */
const program = (guard: (lock: Semaphore.Semaphore) => (body: Effect.Effect<void>) => Effect.Effect<void>) =>
  Effect.gen(function* () {
    const connection = Explorer.resource("connection")
    const lock = yield* Semaphore.make(1)
    const closers = new Map<string, Effect.Effect<void>>()
    const connect = (host: string) =>
      Effect.gen(function* () {
        yield* Explorer.step("check")
        if (closers.has(host)) return
        yield* connection.acquire
        yield* Explorer.step("act")
        closers.set(host, connection.release)
      }).pipe(guard(lock))
    yield* Effect.all([connect("db"), connect("db")], { concurrency: "unbounded" })
    yield* Effect.all(closers.values(), { discard: true })
  })

export const checkThenAct: Exhibit = {
  bug: "Both find no entry in the map and make one; the second overwrites the first, which nobody closes.",
  broken: program(() => (body) => body),
  mended: program(Semaphore.withPermit),
  verdict: "LostResource",
  weakestMode: "op3"
}
