/**
 * The client of the enricher: who owns a package, asked for many at once.
 */
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as RateLimit from "heddle/RateLimit"
import * as RateLimiter from "heddle/RateLimiter"

/** The enricher has not done what it was asked for; in time it may. */
export class EnricherError extends Data.TaggedError("EnricherError")<{ readonly reason: string }> {
  override get message(): string {
    return `the enricher ${this.reason}`
  }
}

export interface Options {
  readonly url: string
  /** Requests per second. */
  readonly rate: number
  /** How long an enricher may be away before the run ends. */
  readonly patience: Duration.Duration
}

/** Packages in a request at most. */
export const maxPackages = 256

/** One answer per package, in their order: null for one that it does not know. */
const Owners = Schema.Array(Schema.NullOr(Schema.String))

export interface Enricher {
  /** The pace at which it may be asked. What it says with a 429 counts for all who wait. */
  readonly limiter: RateLimiter.RateLimiter
  readonly owners: (packages: ReadonlyArray<string>) => Effect.Effect<typeof Owners.Type, EnricherError>
  /** Goes on as long as it answers at all, if only that it is busy, and for `patience` when it does not. */
  readonly retry: Schedule.Schedule<unknown>
}

export const make = Effect.fnUntraced(function* ({ patience, rate, url }: Options): Effect.fn.Return<Enricher> {
  const limiter = yield* RateLimiter.make({
    name: "enricher",
    limit: RateLimit.tokenBucket({ limit: rate, interval: "1 second", burst: 1 })
  })
  const silence = `${Duration.toSeconds(patience)} s`
  // Of all requests together: one that is answered shows that the enricher is there.
  let answered = yield* Clock.currentTimeMillis

  const owners = Effect.fnUntraced(function* (packages: ReadonlyArray<string>) {
    const response = yield* post(url, packages)
    if (response.status === 429) {
      answered = yield* Clock.currentTimeMillis
      const after = yield* RateLimiter.retryAfter(response.headers)
      yield* RateLimiter.penalize(
        limiter,
        Option.getOrElse(after, () => Duration.seconds(1))
      )
      return yield* new EnricherError({ reason: "is busy" })
    }
    if (response.status !== 200) return yield* new EnricherError({ reason: `answered with status ${response.status}` })
    const owners = yield* Effect.mapError(
      decodeOwners(response.body),
      () => new EnricherError({ reason: "answered with something else than a list of owners" })
    )
    if (owners.length !== packages.length) {
      return yield* new EnricherError({ reason: `gave ${owners.length} answers to ${packages.length} questions` })
    }
    answered = yield* Clock.currentTimeMillis
    return owners
  })

  const retry = Schedule.spaced("200 millis").pipe(
    Schedule.while(({ now }) => now - answered < Duration.toMillis(patience))
  )
  const named = (error: EnricherError) =>
    new EnricherError({ reason: `at ${url} ${error.reason}, and gave no answer for ${silence}` })
  return { limiter, owners: (packages) => Effect.mapError(owners(packages), named), retry }
})

// ---------------------------------------------------------------------------------------------------------------------
// machinery

const decodeOwners = Schema.decodeEffect(Schema.fromJsonString(Owners))

const post = (url: string, packages: ReadonlyArray<string>) =>
  Effect.tryPromise({
    try: async (signal) => {
      const body = JSON.stringify(packages)
      const response = await fetch(url, {
        method: "POST",
        body,
        headers: { "content-type": "application/json" },
        // an enricher that has stopped in the midst of an answer is as good as gone
        signal: AbortSignal.any([signal, AbortSignal.timeout(10_000)])
      })
      return { status: response.status, headers: response.headers, body: await response.text() }
    },
    catch: () => new EnricherError({ reason: "cannot be reached" })
  })
