import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"

import * as Explorer from "../../src/Explorer.ts"
import { claim, type Exhibit } from "./exhibit.ts"

type Call = Deferred.Deferred<void>
type Calls = Map<string, Call>

/** A singleflight: whoever asks for a key while it is being loaded shares that call, unless it was forgotten. */
const program = (remove: (calls: Calls, key: string, call: Call) => void) =>
  Effect.gen(function* () {
    const calls: Calls = new Map()
    const run = (key: string, load: Effect.Effect<void>) =>
      Effect.suspend(() => {
        const running = calls.get(key)
        if (running !== undefined) return Deferred.await(running)
        const call: Call = Deferred.makeUnsafe()
        calls.set(key, call)
        return Effect.onExit(load, (exit) => {
          remove(calls, key, call)
          return Deferred.done(call, exit)
        })
      })
    const forget = (key: string) =>
      Effect.andThen(
        Explorer.step("forget"),
        Effect.sync(() => calls.delete(key))
      )

    const loading = yield* Ref.make(0)
    const loadOld = Effect.andThen(Explorer.step("load old"), Effect.yieldNow)
    const loadNew = Effect.gen(function* () {
      yield* Explorer.step("load new")
      const atOnce = yield* Ref.updateAndGet(loading, (n) => n + 1)
      yield* claim(atOnce === 1, "the new value is loaded twice at once")
      yield* Effect.yieldNow
      yield* Ref.update(loading, (n) => n - 1)
    })
    const askNew = run("key", loadNew)
    const forgotten = yield* Deferred.make<void>()
    const renew = Effect.andThen(forget("key"), Effect.andThen(Deferred.succeed(forgotten, undefined), askNew))
    const follow = Effect.andThen(Deferred.await(forgotten), askNew)
    yield* Effect.all([run("key", loadOld), renew, follow], { concurrency: "unbounded" })
  })

export const lostSuccessor: Exhibit = {
  bug: "When a forgotten call of a singleflight completes it deletes the entry of the call that came after it.",
  broken: program((calls, key) => calls.delete(key)),
  mended: program((calls, key, call) => calls.get(key) === call && calls.delete(key)),
  verdict: "Failed",
  weakestMode: "op3"
}
