/**
 * What a guarded execution costs: take one permit, run a body, give the permit back.
 *
 * A measurement starts `workers` fibers (for the promise libraries: async functions) at once, each of which performs
 * the same number of guarded executions one after the other, and ends when the last has. Divided by the number of
 * executions, that is the figure. So the start of the workers, their loop and the body are inside every figure, and
 * `none` and `none-promise`, which differ from the others in the guard alone, say how much that is: subtract the one
 * of the subject's own world before comparing guards. What is outside: making the semaphore and collecting garbage.
 *
 * - All Effect subjects are one program with another guard, written as users write it, `withPermit(sem)(body)` per
 *   execution. The guard that is built once and reused has figures of its own, `semaphore/uncontended-prebuilt`.
 * - All promise subjects are one program with another guard, each library in its own shortest form.
 * - A yielding body gives way to the event loop once: `Effect.yieldNow`, or a promise that `setImmediate` resolves. The
 *   two do not cost the same; that too is in the baselines.
 * - Each worker performs 4 executions whatever the number of workers, and several batches are run one after the other
 *   where the workers are few, so that every measurement is some 60,000 executions and meets the garbage collector
 *   alike. The line is as long as there are workers for three quarters of that, and empties during the last.
 */
import { Semaphore as MutexSemaphore } from "async-mutex"
import { Sema } from "async-sema"
import * as Effect from "effect/Effect"
import * as PartitionedSemaphore from "effect/PartitionedSemaphore"
import * as Semaphore from "effect/Semaphore"
import * as WeightedSemaphore from "heddle/WeightedSemaphore"
import pLimit from "p-limit"

import { type Bench, type Figure, perOperation } from "./harness.ts"

/** What is executed under a permit, in either world. */
export interface Body {
  readonly effect: Effect.Effect<void>
  readonly promise: () => Promise<void>
}

interface Load {
  readonly permits: number
  readonly workers: number
  /** Guarded executions of each worker. */
  readonly executions: number
}

/** Makes a semaphore, and says how to run a load under it. */
export type Contender = (load: Load, body: Body) => () => Promise<void>

type EffectGuard = (body: Effect.Effect<void>) => Effect.Effect<void>
type PromiseGuard = (body: () => Promise<void>) => Promise<void>

const fibers =
  (makeGuard: (permits: number) => EffectGuard): Contender =>
  ({ permits, workers, executions }, body) => {
    const guard = makeGuard(permits)
    return () => Effect.runPromise(inFibers(workers, executions, () => guard(body.effect)))
  }

/** The same with the guarded effect built once, outside of the loop. */
const fibersPrebuilt =
  (makeGuard: (permits: number) => EffectGuard): Contender =>
  ({ permits, workers, executions }, body) => {
    const guarded = makeGuard(permits)(body.effect)
    return () => Effect.runPromise(inFibers(workers, executions, () => guarded))
  }

const inFibers = (workers: number, executions: number, next: () => Effect.Effect<void>): Effect.Effect<void> =>
  Effect.forEach(
    Array.from({ length: workers }),
    () =>
      Effect.suspend(() => {
        let left = executions
        return Effect.whileLoop({ while: () => left-- > 0, body: next, step: () => undefined })
      }),
    { concurrency: "unbounded", discard: true }
  )

const promises =
  (makeGuard: (permits: number) => PromiseGuard): Contender =>
  ({ permits, workers, executions }, body) => {
    const guard = makeGuard(permits)
    return async () => {
      await Promise.all(
        Array.from({ length: workers }, async () => {
          // oxlint-disable-next-line no-await-in-loop -- one after the other is what a worker is
          for (let left = executions; left > 0; left--) await guard(body.promise)
        })
      )
    }
  }

const heddle = (permits: number): EffectGuard => {
  const semaphore = WeightedSemaphore.makeUnsafe({ permits })
  return (body) => WeightedSemaphore.withPermit(semaphore)(body)
}

const effect = (permits: number): EffectGuard => {
  const semaphore = Semaphore.makeUnsafe(permits)
  return (body) => Semaphore.withPermit(semaphore)(body)
}

const effectPartitioned = (permits: number): EffectGuard => {
  const semaphore = PartitionedSemaphore.makeUnsafe<string>({ permits })
  return (body) => PartitionedSemaphore.withPermit(semaphore, "key")(body)
}

const asyncSema = (permits: number): PromiseGuard => {
  const semaphore = new Sema(permits)
  return async (body) => {
    await semaphore.acquire()
    try {
      await body()
    } finally {
      semaphore.release()
    }
  }
}

const asyncMutex = (permits: number): PromiseGuard => {
  const semaphore = new MutexSemaphore(permits)
  return (body) => semaphore.runExclusive(body)
}

export const contenders = {
  heddle: fibers(heddle),
  effect: fibers(effect),
  "effect-partitioned": fibers(effectPartitioned),
  none: fibers(() => (body) => body),
  "p-limit": promises((permits) => pLimit(permits)),
  "async-sema": promises(asyncSema),
  "async-mutex": promises(asyncMutex),
  "none-promise": promises(() => (body) => body())
}

export const prebuilt = {
  heddle: fibersPrebuilt(heddle),
  effect: fibersPrebuilt(effect),
  "effect-partitioned": fibersPrebuilt(effectPartitioned),
  none: fibersPrebuilt(() => (body) => body)
}

let executed = 0
const count = () => {
  executed++
}

const counting: Body = { effect: Effect.sync(count), promise: async () => count() }

const yielding: Body = {
  effect: Effect.map(Effect.yieldNow, count),
  promise: () =>
    new Promise((resolve) => {
      setImmediate(() => {
        count()
        resolve()
      })
    })
}

const figure = (
  id: string,
  subjects: Readonly<Record<string, Contender>>,
  load: Load & { readonly body: Body; readonly batches: number }
): Figure => {
  const operations = load.batches * load.workers * load.executions
  return {
    id: `semaphore/${id}`,
    unit: "ns/op",
    subjects: Object.fromEntries(
      Object.entries(subjects).map(([name, contender]) => [
        name,
        Effect.suspend(() => {
          const batch = contender(load, load.body)
          return perOperation(operations, async () => {
            executed = 0
            // oxlint-disable-next-line no-await-in-loop -- batches do not overlap
            for (let left = load.batches; left > 0; left--) await batch()
            if (executed !== operations) throw new Error(`executed ${executed} of ${operations}`)
          })
        })
      ])
    )
  }
}

const waiters = (workers: number, batches: number): Figure =>
  figure(`waiters-${workers}`, contenders, { permits: 4, workers, executions: 4, batches, body: yielding })

export const semaphore: Bench = {
  name: "semaphore",
  description: "one guarded execution: alone, and with up to 16,000 others in line",
  figures: Effect.sync(() => [
    figure("uncontended", contenders, { permits: 1, workers: 1, executions: 200_000, batches: 1, body: counting }),
    figure("uncontended-prebuilt", prebuilt, {
      permits: 1,
      workers: 1,
      executions: 200_000,
      batches: 1,
      body: counting
    }),
    figure("fibers-100", contenders, { permits: 10, workers: 100, executions: 200, batches: 3, body: yielding }),
    waiters(1000, 16),
    waiters(5000, 3),
    waiters(16_000, 1)
  ])
}
