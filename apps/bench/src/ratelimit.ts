/**
 * What a rate limit costs while it lets everything through, and what it costs to stand in its line.
 *
 * - `step` is the pure function alone, of every algorithm, one token at a time and never refused.
 * - `takeIfAvailable` and `take` are one token each of a limit of 10^9 a second, in a loop. Effect subjects run in one fiber,
 *   promise subjects in one async function, each library in its own shortest form that takes by a key or not, as it
 *   is made; `none` and `none-promise` are the loops alone, and `clock` is one that reads the monotonic clock, which whoever
 *   keeps a limit exactly has to do. What refuses and what waits is no difference here: nobody does.
 * - `step-bytes`, `takeIfAvailable-bytes` and `take-bytes` are what one operation of the same subjects allocates.
 * - `interrupt-10k` is ten thousand who wait and are interrupted, all at once, per waiter; the forks are not in it. Of the
 *   others only Effect's has interruption: each of its waiters sleeps by itself, and what they took is not given back.
 * - `keyed-1M-bytes` is what a million keys hold on the heap that have taken one token each a moment ago.
 */
import { RateLimit as SemaLimit } from "async-sema"
import Bottleneck from "bottleneck"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as EffectLimiter from "effect/persistence/RateLimiter"
import * as RateLimit from "heddle/RateLimit"
import * as RateLimiter from "heddle/RateLimiter"
import { RateLimiter as TokenLimiter } from "limiter"
import { RateLimiterMemory } from "rate-limiter-flexible"

import { type Bench, BenchFailed, bytesPerOperation, type Figure, perOperation, type Subject } from "./harness.ts"

const many = 1_000_000_000

const rated = { limit: many, interval: "1 second" } as const

const limits: Readonly<Record<string, RateLimit.RateLimit>> = {
  "token-bucket": RateLimit.tokenBucket(rated),
  gcra: RateLimit.gcra(rated),
  "leaky-bucket": RateLimit.leakyBucket({ ...rated, slack: many }),
  "fixed-window": RateLimit.fixedWindow(rated),
  "sliding-window": RateLimit.slidingWindow(rated),
  "sliding-log": RateLimit.slidingLog({ limit: 1000, interval: "1 second" })
}

const steps = (limit: RateLimit.RateLimit, count: number): void => {
  const step = RateLimit.step<RateLimit.RateLimit>(limit)
  let state = RateLimit.initial<RateLimit.RateLimit>(limit)
  let taken = 0
  for (let turn = 0; turn < count; turn++) {
    const [decision, next] = step(state, turn * 10_000_000, 1)
    state = next
    if (decision._tag === "Taken") taken++
  }
  if (taken !== count) throw new Error(`took ${taken} of ${count}`)
}

/** So many of one operation, each of which must be let through. */
type Operation = (count: number) => Promise<void>

/** In one fiber. */
const inFiber =
  (make: Effect.Effect<Effect.Effect<boolean, unknown>, unknown>): (() => Promise<Operation>) =>
  async () => {
    const operation = await Effect.runPromise(make as Effect.Effect<Effect.Effect<boolean, unknown>>)
    return (count) =>
      Effect.runPromise(
        Effect.suspend(() => {
          let left = count
          return Effect.whileLoop({
            while: () => left-- > 0,
            body: () => operation as Effect.Effect<boolean>,
            step: (taken) => {
              if (!taken) throw new Error("was refused")
            }
          })
        })
      )
  }

/** In one async function. */
const inPromises =
  (make: () => () => unknown): (() => Promise<Operation>) =>
  async () => {
    const operation = make()
    return async (count) => {
      for (let left = count; left > 0; left--) {
        // oxlint-disable-next-line no-await-in-loop -- one after the other is what is measured
        if ((await operation()) === false) throw new Error("was refused")
      }
    }
  }

/** Synchronous ones need no promise. */
const inLoop =
  (make: () => () => boolean): (() => Promise<Operation>) =>
  async () => {
    const operation = make()
    return async (count) => {
      for (let left = count; left > 0; left--) if (!operation()) throw new Error("was refused")
    }
  }

const heddle = RateLimiter.make({ limit: RateLimit.tokenBucket(rated) })

const heddleKey = Effect.map(RateLimiter.keyed<string>({ limit: () => limits["gcra"]! }), RateLimiter.forKey("key"))

const effectStore = Effect.provide(EffectLimiter.make, EffectLimiter.layerStoreMemory)

const effectConsume = (onExceeded: "fail" | "delay") =>
  Effect.map(effectStore, (limiter) =>
    Effect.as(
      limiter.consume({ algorithm: "token-bucket", onExceeded, window: "1 second", limit: many, key: "key" }),
      true
    )
  )

const flexible = () => {
  const limiter = new RateLimiterMemory({ points: many, duration: 1 })
  return () => limiter.consume("key")
}

const count = 200_000

/** It gives way to a timer for each. */
const countOfBottleneck = 100

export const operations: Readonly<Record<"takeIfAvailable" | "take", Record<string, () => Promise<Operation>>>> = {
  takeIfAvailable: {
    heddle: inFiber(Effect.map(heddle, (limiter) => RateLimiter.takeIfAvailable(limiter))),
    "heddle-keyed": inFiber(Effect.map(heddleKey, (limiter) => RateLimiter.takeIfAvailable(limiter))),
    effect: inFiber(effectConsume("fail")),
    "rate-limiter-flexible": inPromises(flexible),
    limiter: inLoop(() => {
      const limiter = new TokenLimiter({ tokensPerInterval: many, interval: "second" })
      return () => limiter.tryRemoveTokens(1)
    }),
    clock: inFiber(
      Clock.clockWith((clock) => Effect.succeed(Effect.sync(() => clock.monotonicTimeNanosUnsafe() > 0n)))
    ),
    none: inFiber(Effect.succeed(Effect.sync(() => true)))
  },
  take: {
    heddle: inFiber(Effect.map(heddle, (limiter) => Effect.as(RateLimiter.take(limiter), true))),
    "heddle-keyed": inFiber(Effect.map(heddleKey, (limiter) => Effect.as(RateLimiter.take(limiter), true))),
    effect: inFiber(effectConsume("delay")),
    bottleneck: inPromises(() => {
      const limiter = new Bottleneck()
      return () => limiter.schedule(async () => true)
    }),
    "rate-limiter-flexible": inPromises(flexible),
    limiter: inPromises(() => {
      const limiter = new TokenLimiter({ tokensPerInterval: many, interval: "second" })
      return () => limiter.removeTokens(1)
    }),
    // its tokens are an array: one for each that it may give in a second
    "async-sema": inPromises(() => SemaLimit(count, { timeUnit: 1 })),
    none: inFiber(Effect.succeed(Effect.sync(() => true))),
    "none-promise": inPromises(() => async () => true)
  }
}

const made = (make: () => Promise<Operation>): Effect.Effect<Operation, BenchFailed> =>
  Effect.tryPromise({ try: make, catch: (cause) => new BenchFailed({ message: String(cause) }) })

const measured = (make: () => Promise<Operation>, name: string): Subject<never> =>
  Effect.flatMap(made(make), (operation) => {
    const times = name === "bottleneck" ? countOfBottleneck : count
    return perOperation(times, () => operation(times))
  })

/** Few enough that nothing is collected meanwhile. */
const countOfAllocations = 10_000

const allocated = (make: () => Promise<Operation>, name: string): Subject<never> =>
  Effect.flatMap(made(make), (operation) => {
    const times = name === "bottleneck" ? countOfBottleneck : countOfAllocations
    return bytesPerOperation(times, () => operation(times))
  })

const waiters = 10_000

/** Ten thousand fibers that wait, and then do not. */
const interrupted = (make: Effect.Effect<Effect.Effect<unknown, unknown>>): Subject<never> =>
  Effect.gen(function* () {
    const wait = yield* make
    const fibers = yield* Effect.replicateEffect(Effect.forkChild(wait, { startImmediately: true }), waiters)
    return yield* perOperation(waiters, () => Effect.runPromise(Fiber.interruptAll(fibers)))
  })

const perHour = RateLimit.tokenBucket({ limit: 1, interval: "1 hour" })

const keys = 1_000_000

const collected = Effect.promise(async () => {
  for (let round = 0; round < 3; round++) {
    // oxlint-disable-next-line no-await-in-loop -- what finalizers let go is collected by the next
    await new Promise((resolve) => setImmediate(resolve))
    globalThis.gc?.()
  }
  return process.memoryUsage().heapUsed
})

/** Bytes per key; what is made has to be kept alive until then. */
const held = (fill: Effect.Effect<object, unknown>): Subject<never> =>
  Effect.gen(function* () {
    const before = yield* collected
    const alive = yield* Effect.orDie(fill)
    const bytes = ((yield* collected) - before) / keys
    return Object.keys(alive).length < 0 ? 0 : bytes
  })

const eachKey = (take: (key: string) => Effect.Effect<unknown, unknown>) =>
  Effect.suspend(() => {
    let key = 0
    return Effect.whileLoop({ while: () => key < keys, body: () => take(`tenant-${key++}`), step: () => undefined })
  })

const keyed: Readonly<Record<string, Subject<never>>> = {
  heddle: held(
    Effect.tap(RateLimiter.keyed<string>({ limit: () => hourly }), (limits) =>
      eachKey((key) => RateLimiter.takeIfAvailable(RateLimiter.forKey(limits, key)))
    )
  ),
  effect: held(
    Effect.tap(effectStore, (limiter) =>
      eachKey((key) => limiter.consume({ algorithm: "token-bucket", window: "1 hour", limit: 10, key }))
    )
  ),
  "rate-limiter-flexible": held(
    Effect.promise(async () => {
      const limiter = new RateLimiterMemory({ points: 10, duration: 3600 })
      // oxlint-disable-next-line no-await-in-loop -- one after the other, as the others
      for (let key = 0; key < keys; key++) await limiter.consume(`tenant-${key}`)
      return limiter
    })
  ),
  // the keys themselves and a number each
  "a Map": held(Effect.sync(() => new Map(Array.from({ length: keys }, (_, key) => [`tenant-${key}`, key + 0.5]))))
}

const hourly = RateLimit.gcra({ limit: 10, interval: "1 hour" })

const figure = (id: string, unit: string, subjects: Readonly<Record<string, Subject<never>>>): Figure => ({
  id: `ratelimit/${id}`,
  unit,
  subjects
})

const mapped = <A, B>(record: Readonly<Record<string, A>>, f: (value: A, name: string) => B): Record<string, B> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, f(value, name)]))

export const ratelimit: Bench = {
  name: "ratelimit",
  description: "one token: pure, taken, waited for in vain; and what a key costs",
  figures: Effect.sync(() => [
    figure(
      "step",
      "ns/op",
      mapped(limits, (limit) => perOperation(500_000, async () => steps(limit, 500_000)))
    ),
    figure(
      "step-bytes",
      "bytes",
      mapped(limits, (limit) => bytesPerOperation(countOfAllocations, async () => steps(limit, countOfAllocations)))
    ),
    figure("takeIfAvailable", "ns/op", mapped(operations.takeIfAvailable, measured)),
    figure("takeIfAvailable-bytes", "bytes", mapped(operations.takeIfAvailable, allocated)),
    figure("take", "ns/op", mapped(operations.take, measured)),
    figure("take-bytes", "bytes", mapped(operations.take, allocated)),
    figure("interrupt-10k", "ns/waiter", {
      heddle: interrupted(
        Effect.gen(function* () {
          const limiter = yield* RateLimiter.make({ limit: perHour })
          yield* RateLimiter.takeIfAvailable(limiter)
          return RateLimiter.take(limiter)
        })
      ),
      effect: interrupted(
        Effect.map(effectStore, (limiter) =>
          EffectLimiter.sleep(limiter, { algorithm: "token-bucket", window: "1 hour", limit: 1, key: "key" })
        )
      )
    }),
    figure("keyed-1M-bytes", "bytes/key", keyed)
  ])
}
