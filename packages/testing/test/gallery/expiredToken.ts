import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Semaphore from "effect/Semaphore"

import * as Explorer from "../../src/Explorer.ts"
import { claim, type Exhibit } from "./exhibit.ts"

const lifetime = 60

/** Requests that go out one at a time, each with a token from a cache. */
const program = (checked: "before the wait" | "after the wait") =>
  Effect.gen(function* () {
    const line = yield* Semaphore.make(1)
    const cache = yield* Ref.make({ expiresAt: lifetime })
    const freshToken = Effect.gen(function* () {
      yield* Explorer.step("check")
      const now = yield* Clock.currentTimeMillis
      const token = yield* Ref.get(cache)
      return token.expiresAt > now ? token : yield* Ref.setAndGet(cache, { expiresAt: now + lifetime })
    })
    const send = (millis: number) =>
      Effect.fnUntraced(function* (token: { readonly expiresAt: number }) {
        yield* Explorer.step("send")
        const now = yield* Clock.currentTimeMillis
        yield* claim(token.expiresAt > now, `sent at ${now} with a token that expired at ${token.expiresAt}`)
        yield* Effect.sleep(millis)
      })
    const request = (millis: number) =>
      checked === "before the wait"
        ? Effect.flatMap(freshToken, (token) => line.withPermit(send(millis)(token)))
        : line.withPermit(Effect.flatMap(freshToken, send(millis)))
    yield* Effect.all([request(10), request(100)], { concurrency: "unbounded" })
  })

export const expiredToken: Exhibit = {
  bug: "The time of a token is checked before the request waits for its turn, and when it is sent the token has expired.",
  broken: program("before the wait"),
  mended: program("after the wait"),
  verdict: "Failed",
  weakestMode: "op3"
}
