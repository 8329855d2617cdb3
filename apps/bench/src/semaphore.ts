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

import type { Bench, Figure } from "./harness.ts"
import { keyedFigures } from "./keyed.ts"
import { type Contender, counting, executionsFigure, inFibers, inPromises, yielding } from "./workers.ts"

type EffectGuard = (body: Effect.Effect<void>) => Effect.Effect<void>
type PromiseGuard = (body: () => Promise<void>) => Promise<void>

const fibers =
  (makeGuard: (permits: number) => EffectGuard): Contender =>
  (load, body) => {
    const guard = makeGuard(load.permits)
    return () => Effect.runPromise(inFibers(load, () => guard(body.effect)))
  }

/** The same with the guarded effect built once, outside of the loop. */
const fibersPrebuilt =
  (makeGuard: (permits: number) => EffectGuard): Contender =>
  (load, body) => {
    const guarded = makeGuard(load.permits)(body.effect)
    return () => Effect.runPromise(inFibers(load, () => guarded))
  }

const promises =
  (makeGuard: (permits: number) => PromiseGuard): Contender =>
  (load, body) => {
    const guard = makeGuard(load.permits)
    return () => inPromises(load, () => guard(body.promise))
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

const waiters = (workers: number, batches: number): Figure =>
  executionsFigure(`semaphore/waiters-${workers}`, contenders, {
    permits: 4,
    workers,
    executions: 4,
    batches,
    body: yielding
  })

type Priorities = (worker: number) => number

const heddlePrioritised =
  (priorityOf: Priorities): Contender =>
  (load, body) => {
    const semaphore = WeightedSemaphore.makeUnsafe({ permits: load.permits })
    const guard = (worker: number) => WeightedSemaphore.withPermit(semaphore, { priority: priorityOf(worker) })
    return () => Effect.runPromise(inFibers(load, (worker) => guard(worker)(body.effect)))
  }

const asyncMutexPrioritised =
  (priorityOf: Priorities): Contender =>
  (load, body) => {
    const semaphore = new MutexSemaphore(load.permits)
    return () => inPromises(load, (worker) => semaphore.runExclusive(body.promise, 1, priorityOf(worker)))
  }

/** The same line without priorities, with three of them, and with one of its own for each of 1,000 workers. */
const priority = (id: string, priorityOf: Priorities): Figure =>
  executionsFigure(
    `semaphore/priority-${id}`,
    { heddle: heddlePrioritised(priorityOf), "async-mutex": asyncMutexPrioritised(priorityOf) },
    { permits: 4, workers: 1000, executions: 4, batches: 16, body: yielding }
  )

const alone = (id: string, subjects: Readonly<Record<string, Contender>>): Figure =>
  executionsFigure(`semaphore/${id}`, subjects, {
    permits: 1,
    workers: 1,
    executions: 200_000,
    batches: 1,
    body: counting
  })

export const semaphore: Bench = {
  name: "semaphore",
  description: "one guarded execution: alone, with up to 16,000 others in line, with priorities, and under keys",
  figures: Effect.sync(() => [
    alone("uncontended", contenders),
    alone("uncontended-prebuilt", prebuilt),
    executionsFigure("semaphore/fibers-100", contenders, {
      permits: 10,
      workers: 100,
      executions: 200,
      batches: 3,
      body: yielding
    }),
    waiters(1000, 16),
    waiters(5000, 3),
    waiters(16_000, 1),
    priority("off", () => 0),
    priority("on-3", (worker) => worker % 3),
    priority("on-1000", (worker) => worker),
    ...keyedFigures
  ])
}
