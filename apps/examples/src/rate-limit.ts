/**
 * A client of an API that takes so many requests a second and answers the others with 429: golang.org/x/time/rate, and what
 * to do with the Retry-After. With `--full` it is 1,000 requests, which take 20 seconds
 * each time.
 */
import { createServer } from "node:http"

import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as RateLimit from "heddle/RateLimit"
import * as RateLimiter from "heddle/RateLimiter"

import { printed } from "./support/run.ts"

const requests = process.argv.includes("--full") ? 1_000 : 30

/** What the server enforces. It says how long to wait, more precisely than the standard asks of it. */
const api = RateLimit.tokenBucket({ limit: 50, interval: "1 second", burst: 10 })

const server = Effect.acquireRelease(
  Effect.callback<{ readonly url: string; readonly close: () => void }>((resume) => {
    const step = RateLimit.step(api)
    let state = RateLimit.initial(api)
    const started = performance.now()
    const server = createServer((_, response) => {
      const now = (performance.now() - started) * 1e6
      const [decision, next] = step(state, now, 1)
      state = next
      if (decision._tag === "Taken") response.end("here you are")
      else response.writeHead(429, { "retry-after": ((decision.at - now) / 1e9).toFixed(3) }).end()
    })
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, close: () => void server.close() }))
    })
  }),
  ({ close }) => Effect.sync(close)
)

class TooManyRequests extends Data.TaggedError("TooManyRequests")<{ readonly headers: Headers }> {}

/** Asks `requests` times at once, through whatever `limited` makes of a request; how many were answered and refused. */
const run = (limited: (request: Effect.Effect<void, TooManyRequests>) => Effect.Effect<void, unknown>) =>
  Effect.gen(function* () {
    const { url } = yield* server
    const seen = { answered: 0, refused: 0 }
    const request = Effect.gen(function* () {
      const response = yield* Effect.promise(async () => {
        const response = await fetch(url)
        await response.arrayBuffer()
        return response
      })
      if (response.status !== 429) return void seen.answered++
      seen.refused++
      return yield* new TooManyRequests({ headers: response.headers })
    })
    yield* Effect.forEach(Array.from({ length: requests }), () => Effect.ignore(limited(request)), {
      concurrency: "unbounded",
      discard: true
    })
    return seen
  }).pipe(Effect.scoped)

/** Most of the burst is left to the network, on which requests close up. */
const right = RateLimit.tokenBucket({ limit: 50, interval: "1 second", burst: 2 })

const wrong = RateLimit.tokenBucket({ limit: 200, interval: "1 second", burst: 20 })

/** A request in its turn. If the server has had enough everybody waits, and this request tries again. */
const inTurn = (limiter: RateLimiter.RateLimiter, request: Effect.Effect<void, TooManyRequests>) =>
  request.pipe(
    RateLimiter.withLimit(limiter),
    Effect.tapError((error) =>
      Effect.gen(function* () {
        if (error._tag !== "TooManyRequests") return
        const wait = yield* RateLimiter.retryAfter(error.headers)
        if (Option.isSome(wait)) yield* RateLimiter.penalize(limiter, wait.value)
      })
    ),
    Effect.retry({ while: (error) => error._tag === "TooManyRequests" })
  )

export const program = Effect.gen(function* () {
  const without = yield* run((request) => request)

  const rightly = yield* RateLimiter.make({ limit: right })
  const through = yield* run((request) => inTurn(rightly, request))

  const wrongly = yield* RateLimiter.make({ limit: wrong })
  const recovered = yield* run((request) => inTurn(wrongly, request))

  return [
    `without a limiter: of ${requests}, ${without.refused > 0 ? "some" : "none"} were refused`,
    `at the right limit: ${through.answered} answered, ${through.refused} refused`,
    `at four times that: ${recovered.answered} answered, ${recovered.refused > 0 ? "some" : "none"} after a refusal`
  ]
})

if (import.meta.main) await printed(program)
