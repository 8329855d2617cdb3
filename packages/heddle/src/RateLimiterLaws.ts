/**
 * What any `RateLimiterStore` must do, for the tests of those who write one, with whatever they test:
 *
 * ```ts
 * for (const { check, name } of RateLimiterLaws.laws({ advance: (millis) => TestClock.adjust(millis) })) {
 *   it.effect(name, () => Effect.provide(check, layerStoreMine))
 * }
 * ```
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

import * as RateLimit from "./RateLimit.ts"
import { type Case, cases } from "./RateLimitCases.ts"
import { type Answer, RateLimiterStore, type RateLimiterStoreError } from "./RateLimiterStore.ts"

/**
 * A store did something else.
 *
 * @since 0.1.0
 * @category errors
 */
export class LawBroken extends Schema.TaggedError<LawBroken>()("LawBroken", { message: Schema.String }) {}

/**
 * A law, to be checked with a store of its own: keys that another has used are not fresh.
 *
 * @since 0.1.0
 * @category models
 */
export interface Law {
  readonly name: string
  readonly check: Effect.Effect<void, LawBroken | RateLimiterStoreError, RateLimiterStore>
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Has so many milliseconds pass on the clock of the store, fractions included. */
  readonly advance: (millis: number) => Effect.Effect<void>
  /** How far a time may be off, in milliseconds: the resolution of the store's clock. Default: 0. */
  readonly tolerance?: number | undefined
  /** Rows of the table that are later than so many milliseconds are left out. Default: none. */
  readonly longest?: number | undefined
}

const expect = (holds: boolean, message: string): Effect.Effect<void, LawBroken> =>
  holds ? Effect.void : Effect.fail(new LawBroken({ message }))

const shown = (answer: Answer): string =>
  answer._tag === "Taken" ? "taken" : `not before ${Duration.format(answer.retryAfter)}`

const expectTaken = (answer: Answer, what: string) =>
  expect(answer._tag === "Taken", `${what}: expected taken, got ${shown(answer)}`)

const expectWait = (answer: Answer, millis: number, tolerance: number, what: string) => {
  const wait = answer._tag === "NotBefore" ? Duration.toMillis(answer.retryAfter) : -1
  const close = wait === millis || Math.abs(wait - millis) <= tolerance + 1e-6 + millis * 1e-9
  return expect(close, `${what}: expected not before ${millis} ms, got ${shown(answer)}`)
}

const limit = RateLimit.tokenBucket({ limit: 10, interval: "1 second", burst: 2 })

/** Of every kind that gives two at once. */
const twos: ReadonlyArray<RateLimit.RateLimit> = [
  limit,
  RateLimit.gcra({ limit: 1, interval: "1 second", burst: 2 }),
  RateLimit.fixedWindow({ limit: 2, interval: "1 second" }),
  RateLimit.slidingWindow({ limit: 2, interval: "1 second" }),
  RateLimit.slidingLog({ limit: 2, interval: "1 second" }),
  RateLimit.all(limit, RateLimit.slidingLog({ limit: 2, interval: "1 second" }))
]

/**
 * The table, and what it does not say.
 *
 * @since 0.1.0
 * @category laws
 */
export const laws = ({ advance, longest = Infinity, tolerance = 0 }: Options): ReadonlyArray<Law> => {
  const table = ({ limit, name, rows }: Case): Law => ({
    name,
    check: Effect.gen(function* () {
      const store = yield* RateLimiterStore
      let now = 0
      for (const [index, [at, n, answer, available]] of rows.entries()) {
        if (at > longest || n > RateLimit.capacity(limit)) continue
        if (at > now) yield* advance(at - now)
        now = Math.max(now, at)
        const consumption = { key: name, limit, n }
        const row = `row ${index + 1}`
        const standing = yield* store.peek(consumption)
        if (available !== undefined && tolerance === 0) {
          const right = standing.available === available
          yield* expect(right, `${row}: expected ${available} available, got ${standing.available}`)
        }
        const given = yield* store.take(consumption)
        if (answer === true) yield* expectTaken(given, row)
        else yield* expectWait(given, answer - now, tolerance, row)
        const foreseen: Answer = { _tag: "NotBefore", retryAfter: standing.retryAfter }
        yield* expectWait(foreseen, answer === true ? 0 : answer - now, tolerance, `${row}, as foreseen`)
      }
    })
  })

  const law = (
    name: string,
    check: (store: RateLimiterStore["Service"]) => Effect.Effect<void, LawBroken | RateLimiterStoreError>
  ): Law => ({ name, check: Effect.flatMap(RateLimiterStore, check) })

  return [
    ...cases.map(table),
    law(
      "keys do not touch each other",
      Effect.fnUntraced(function* (store) {
        for (const key of ["a", "b", "c"]) {
          yield* expectTaken(yield* store.take({ key, limit, n: 2 }), key)
          yield* expectWait(yield* store.take({ key, limit, n: 1 }), 100, tolerance, key)
        }
      })
    ),
    law(
      "of many at once, no more than there is",
      Effect.fnUntraced(function* (store) {
        const large = RateLimit.gcra({ limit: 1, interval: "1 hour", burst: 7 })
        const answers = yield* Effect.all(
          Array.from({ length: 50 }, () => store.take({ key: "many", limit: large, n: 1 })),
          { concurrency: "unbounded" }
        )
        const taken = answers.filter(({ _tag }) => _tag === "Taken").length
        yield* expect(taken === 7, `expected 7 of 50 to be taken, got ${taken}`)
      })
    ),
    law(
      "what is given back can be taken again",
      Effect.fnUntraced(function* (store) {
        for (const limit of twos) {
          const consumption = { key: `given back, ${limit._tag}`, limit, n: 2 }
          const answer = yield* store.take(consumption)
          yield* expectTaken(answer, limit._tag)
          if (answer._tag === "Taken") yield* store.giveBack({ ...consumption, at: answer.at })
          yield* expectTaken(yield* store.take(consumption), `${limit._tag}, again`)
          const third = yield* store.take(consumption)
          yield* expect(third._tag === "NotBefore", `${limit._tag}, a third time: got ${shown(third)}`)
        }
      })
    ),
    law(
      "what is given back is no more than that, and comes back to where it was taken from",
      Effect.fnUntraced(function* (store) {
        for (const limit of twos) {
          const consumption = { key: `partly given back, ${limit._tag}`, limit, n: 2 }
          // in a window that does not begin with the store
          yield* advance(500)
          const answer = yield* store.take(consumption)
          yield* expectTaken(answer, limit._tag)
          if (answer._tag === "Taken") yield* store.giveBack({ ...consumption, n: 1, at: answer.at })
          const both = yield* store.take(consumption)
          yield* expect(both._tag === "NotBefore", `${limit._tag}, two where one was given back: got ${shown(both)}`)
          yield* expectTaken(yield* store.take({ ...consumption, n: 1 }), `${limit._tag}, the one that was given back`)
        }
        for (const limit of twos) {
          const consumption = { key: `given back too late, ${limit._tag}`, limit, n: 2 }
          const answer = yield* store.take(consumption)
          // by then there are two again, whatever becomes of these
          yield* advance(2000)
          yield* expectTaken(yield* store.take(consumption), `${limit._tag}, two seconds later`)
          if (answer._tag === "Taken") yield* store.giveBack({ ...consumption, at: answer.at })
          const third = yield* store.take(consumption)
          yield* expect(third._tag === "NotBefore", `${limit._tag}, of what had come back: got ${shown(third)}`)
        }
      })
    ),
    law(
      "what was taken by a limit that has changed is not given back",
      Effect.fnUntraced(function* (store) {
        const key = "changed before it was given back"
        const ten = RateLimit.tokenBucket({ limit: 1, interval: "1 hour", burst: 10 })
        const five = RateLimit.tokenBucket({ limit: 1, interval: "1 hour", burst: 5 })
        const answer = yield* store.take({ key, limit: ten, n: 5 })
        yield* expectTaken(answer, "five of ten")
        yield* expectTaken(yield* store.take({ key, limit: five, n: 5 }), "five that were left")
        if (answer._tag === "Taken") yield* store.giveBack({ key, limit: ten, n: 5, at: answer.at })
        const more = yield* store.take({ key, limit: five, n: 1 })
        yield* expect(more._tag === "NotBefore", `five that were taken by another limit: got ${shown(more)}`)
      })
    ),
    law(
      "a look takes nothing, and zero tokens are taken always",
      Effect.fnUntraced(function* (store) {
        const consumption = { key: "looked at", limit, n: 2 }
        yield* store.peek(consumption)
        yield* expectTaken(yield* store.take({ ...consumption, n: 0 }), "zero")
        yield* expectTaken(yield* store.take(consumption), "all")
        yield* store.peek(consumption)
        yield* expectTaken(yield* store.take({ ...consumption, n: 0 }), "zero of none")
        yield* expectWait(yield* store.take({ ...consumption, n: 1 }), 100, tolerance, "one of none")
      })
    ),
    law(
      "a penalty holds for its key, and for the longer of two",
      Effect.fnUntraced(function* (store) {
        const consumption = { key: "penalized", limit, n: 1 }
        yield* store.penalize("penalized", Duration.millis(300))
        yield* store.penalize("penalized", Duration.millis(100))
        yield* expectTaken(yield* store.take({ ...consumption, key: "another" }), "another key")
        yield* expectWait(yield* store.take(consumption), 300, tolerance, "at once")
        yield* expectWait(yield* store.take({ ...consumption, n: 0 }), 300, tolerance, "zero")
        const { available, retryAfter } = yield* store.peek(consumption)
        yield* expect(available === 0, `expected nothing available, got ${available}`)
        yield* expectWait({ _tag: "NotBefore", retryAfter }, 300, tolerance, "as foreseen")
        yield* advance(100)
        yield* expectWait(yield* store.take(consumption), 200, tolerance, "after 100 ms")
        yield* advance(200)
        yield* expectTaken(yield* store.take(consumption), "after 300 ms")
      })
    ),
    law(
      "a limit that has changed goes on with what it kept",
      Effect.fnUntraced(function* (store) {
        const key = "changed"
        const ten = RateLimit.tokenBucket({ limit: 10, interval: "1 second", burst: 10 })
        const five = RateLimit.tokenBucket({ limit: 5, interval: "1 second", burst: 5 })
        yield* expectTaken(yield* store.take({ key, limit: ten, n: 8 }), "eight of ten")
        yield* expectWait(yield* store.take({ key, limit: five, n: 3 }), 200, tolerance, "three by the lower limit")
        yield* expectTaken(yield* store.take({ key, limit: five, n: 2 }), "the two that were left")
        yield* expectWait(yield* store.take({ key, limit: ten, n: 1 }), 100, tolerance, "one by the higher limit")
        // the same limit, written down anew
        const again = RateLimit.tokenBucket({ limit: 10, interval: "1 second", burst: 10 })
        yield* expectWait(yield* store.take({ key, limit: again, n: 1 }), 100, tolerance, "one by the same limit")
      })
    )
  ]
}
