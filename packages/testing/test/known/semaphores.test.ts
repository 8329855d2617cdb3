import * as Effect from "effect-4.1.0/Effect"
import * as Fiber from "effect-4.1.0/Fiber"
import * as PartitionedSemaphore from "effect-4.1.0/PartitionedSemaphore"
import * as Semaphore from "effect-4.1.0/Semaphore"
import * as TxReentrantLock from "effect-4.1.0/TxReentrantLock"
import * as TxSemaphore from "effect-4.1.0/TxSemaphore"
import { describe } from "vitest"

import { finds, must, step } from "./known.ts"

/** Runs it in a fiber that is interrupted when it has begun. */
const interrupted = (guarded: Effect.Effect<void>): Effect.Effect<void> =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(guarded)
    yield* Effect.yieldNow
    yield* step("interrupt")
    yield* Fiber.interrupt(fiber)
  })

const mustBeFree = (available: number) => must(available === 1, `${available} of 1 permit`)

describe("what was taken is not given back when an interruption comes before the release is installed", () => {
  // PartitionedSemaphore.ts:222, 288: `take` lets go of its exit handler one operation before `ensuring` is there, and
  // `restore` makes that operation interruptible.
  finds("PartitionedSemaphore.withPermits", {
    program: Effect.gen(function* () {
      const semaphore = yield* PartitionedSemaphore.make<string>({ permits: 1 })
      yield* interrupted(semaphore.withPermits("key", 1)(Effect.void))
      yield* mustBeFree(yield* semaphore.available)
    }),
    weakestMode: "op3",
    runs: 20,
    trace: "PartitionedSemaphore.withPermits"
  })

  // TxSemaphore.ts:756: the transaction is committed inside of `restore`, a few operations before `ensuring`.
  finds("TxSemaphore.withPermit", {
    program: Effect.gen(function* () {
      const semaphore = yield* TxSemaphore.make(1)
      yield* interrupted(TxSemaphore.withPermit(semaphore, Effect.void))
      yield* mustBeFree(yield* TxSemaphore.available(semaphore))
    }),
    weakestMode: "op3",
    runs: 50,
    trace: "TxSemaphore.withPermit"
  })

  // TxSemaphore.ts:1150: the same, by way of `acquireRelease` with `interruptible: true`.
  finds("TxSemaphore.withPermitScoped", {
    program: Effect.gen(function* () {
      const semaphore = yield* TxSemaphore.make(1)
      yield* interrupted(Effect.scoped(TxSemaphore.withPermitScoped(semaphore)))
      yield* mustBeFree(yield* TxSemaphore.available(semaphore))
    }),
    weakestMode: "op3",
    runs: 100,
    trace: "TxSemaphore.withPermitScoped"
  })

  // TxReentrantLock.ts:453: the same once more; the lock is held for ever by a fiber that has ended.
  finds("TxReentrantLock.withWriteLock", {
    program: Effect.gen(function* () {
      const lock = yield* TxReentrantLock.make()
      yield* interrupted(TxReentrantLock.withWriteLock(lock, Effect.void))
      yield* must(!(yield* Effect.tx(TxReentrantLock.locked(lock))), "locked, and nobody holds it")
    }),
    weakestMode: "op3",
    runs: 50,
    trace: "TxReentrantLock.withWriteLock"
  })
})

// Semaphore.ts:241: the first request in line that fits is served, so those that need more are passed by for ever.
finds("Semaphore lets a large request starve", {
  program: Effect.gen(function* () {
    const semaphore = yield* Semaphore.make(2)
    const use = (permits: number) =>
      Effect.andThen(step("wait"), semaphore.withPermits(permits)(Effect.andThen(step("hold"), Effect.yieldNow)))
    const small = Effect.replicateEffect(use(1), 4, { discard: true })
    yield* Effect.all([small, small, use(2)], { concurrency: "unbounded" })
  }),
  weakestMode: "stock",
  runs: 1,
  maxBypass: 4,
  trace: "Semaphore"
})
