/** Work that computes, over threads: whole ranges, the elements of an array, and a search that is given up. */
import * as ThreadPool from "@heddle/node/ThreadPool"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

import { countPrimes, largestFactor } from "./support/primes.ts"
import { printed } from "./support/run.ts"

/** The last ones take longest. */
const ranges = Array.from({ length: 20 }, (_, index) => ({ from: 10_000 * index, to: 10_000 * (index + 1) }))

export const program = Effect.gen(function* () {
  const pool = yield* ThreadPool.make({ threads: 2, grace: "5 seconds" })

  const counts = yield* ThreadPool.map(pool, countPrimes, ranges)
  const primes = counts.reduce((sum, count) => sum + count, 0)

  const numbers = Float64Array.from({ length: 10_000 }, (_, index) => index + 1)
  const factors = yield* ThreadPool.map(pool, largestFactor, numbers)

  const search = ThreadPool.run(pool, countPrimes({ from: 0, to: 1e15 }))
  const found = yield* Effect.timeoutOption(search, "20 millis")
  const { replaced, active } = yield* ThreadPool.stats(pool)

  return [
    `primes below 200,000: ${primes}`,
    `largest factors of 9,998, 9,999 and 10,000: ${factors.slice(-3).join(", ")}`,
    `the search was given up: ${Option.isNone(found)}; threads busy: ${active}, replaced: ${replaced}`
  ]
}).pipe(Effect.scoped)

if (import.meta.main) await printed(program)
