/** `ctx, cancel := context.WithTimeout(ctx, 200*time.Millisecond)` around a slow call, and what is left behind. */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Deadline from "heddle/Deadline"

import { printed } from "./support/run.ts"

class BadInput extends Data.TaggedError("BadInput")<{ readonly job: string }> {}

/** A service that counts its connections, and keeps what it is told of the time that a call has. */
const makeService = () => {
  const seen = { open: 0, headers: [] as Array<string> }

  const connection = Effect.acquireRelease(
    Effect.sync(() => void seen.open++),
    () =>
      Effect.andThen(
        Effect.yieldNow, // stands for a goodbye
        Effect.sync(() => void seen.open--)
      )
  )

  // far down, where nobody has heard of the timeout
  const call = (answer: Effect.Effect<void>) =>
    Effect.gen(function* () {
      const left = yield* Deadline.remaining
      if (Option.isSome(left)) seen.headers.push(Deadline.toHeader(left.value))
      yield* answer
    })

  return { call, connection, seen }
}

export const program = Effect.gen(function* () {
  const { call, connection, seen } = makeService()

  const work = (job: string) =>
    Effect.gen(function* () {
      yield* connection
      if (job === "broken") return yield* new BadInput({ job })
      const answer = job === "large" ? Effect.sleep("10 minutes") : Effect.yieldNow
      // more time than there is: the earlier deadline holds
      yield* call(answer).pipe(Deadline.within("1 hour"))
      return `${job}: done`
    }).pipe(Effect.scoped)

  const processWithTimeout = (job: string) =>
    work(job).pipe(
      Deadline.within("200 millis"),
      Effect.catchTags({
        DeadlineExceeded: () => Effect.succeed(`${job}: too slow, connections left open: ${seen.open}`),
        BadInput: ({ job }) => Effect.succeed(`${job}: bad input`)
      })
    )

  const lines = yield* Effect.forEach(["small", "broken", "large"], processWithTimeout)
  const told = seen.headers.every((header) =>
    Option.exists(Deadline.fromHeader(header), Duration.isLessThanOrEqualTo(Duration.millis(200)))
  )
  return [...lines, `each call told the service that it had at most 200 ms: ${told}`]
})

if (import.meta.main) await printed(program)
