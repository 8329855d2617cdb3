/**
 * What a guarded execution costs under one of many keys, with a budget per key and a total; and how fair it is.
 *
 * - `keys-N`: 100 workers go through N keys, 10 permits each and 10 in all. With 100,000 keys nearly every execution is of
 *   a key that nobody else uses.
 * - `waiters-N`: N workers of 100 keys on 4 permits.
 * - `jain` and `p99-wait`: eight clients of 16 workers each compete for 16 permits. They ask for 1 to 8 at a time, the first
 *   client always for 1 and the last for 8. Jain's index of what each has got when 100,000 permits were handed out is 1 if
 *   all have got the same, and 1/8 if one has got it all. A wait is measured in the permits that were handed out meanwhile,
 *   so both figures are the same in every run.
 *
 * `PartitionedSemaphore` has no budget per key. `async-mutex` is what one writes by hand: a `Map` of semaphores, which is
 * never emptied, around one for the total.
 */
import { Semaphore as MutexSemaphore } from "async-mutex"
import * as Effect from "effect/Effect"
import * as PartitionedSemaphore from "effect/PartitionedSemaphore"
import * as KeyedSemaphore from "heddle/KeyedSemaphore"

import type { Figure } from "./harness.ts"
import { type Contender, executionsFigure, inFibers, inPromises, type Load, yielding } from "./workers.ts"

interface KeyedLoad extends Load {
  readonly keys: number
}

type EffectGuard = (key: string, permits: number) => (body: Effect.Effect<void>) => Effect.Effect<void>
type PromiseGuard = (key: string, permits: number, body: () => Promise<void>) => Promise<void>

const heddle = (permits: number): EffectGuard => {
  const semaphore = KeyedSemaphore.makeUnsafe<string>({ permitsPerKey: permits, total: permits })
  return (key, permits) => KeyedSemaphore.withPermits(semaphore, key, permits)
}

const effectPartitioned = (permits: number): EffectGuard => {
  const semaphore = PartitionedSemaphore.makeUnsafe<string>({ permits })
  return (key, permits) => PartitionedSemaphore.withPermits(semaphore, key, permits)
}

const none = (): EffectGuard => () => (body) => body

const asyncMutex = (permits: number): PromiseGuard => {
  const byKey = new Map<string, MutexSemaphore>()
  const total = new MutexSemaphore(permits)
  return (key, wanted, body) => {
    let own = byKey.get(key)
    if (own === undefined) {
      own = new MutexSemaphore(permits)
      byKey.set(key, own)
    }
    return own.runExclusive(() => total.runExclusive(body, wanted), wanted)
  }
}

const nonePromise = (): PromiseGuard => (_, __, body) => body()

/** The key of an execution: each worker goes from key to key. */
const keysOf = ({ executions, keys }: KeyedLoad) => {
  const names = Array.from({ length: keys }, (_, key) => `tenant-${key}`)
  return (worker: number, left: number) => names[(worker * executions + left) % keys]!
}

const fibers =
  (makeGuard: (permits: number) => EffectGuard): Contender<KeyedLoad> =>
  (load, body) => {
    const keyOf = keysOf(load)
    const guard = makeGuard(load.permits)
    return () => Effect.runPromise(inFibers(load, (worker, left) => guard(keyOf(worker, left), 1)(body.effect)))
  }

const promises =
  (makeGuard: (permits: number) => PromiseGuard): Contender<KeyedLoad> =>
  (load, body) => {
    const keyOf = keysOf(load)
    const guard = makeGuard(load.permits)
    return () => inPromises(load, (worker, left) => guard(keyOf(worker, left), 1, body.promise))
  }

export const contenders = {
  heddle: fibers(heddle),
  "effect-partitioned": fibers(effectPartitioned),
  none: fibers(none),
  "async-mutex": promises(asyncMutex),
  "none-promise": promises(nonePromise)
}

const keys = (count: number, executions: number, batches: number): Figure =>
  executionsFigure(`keyed/keys-${count}`, contenders, {
    permits: 10,
    workers: 100,
    executions,
    keys: count,
    batches,
    body: yielding
  })

const waiters = (workers: number, batches: number): Figure =>
  executionsFigure(`keyed/waiters-${workers}`, contenders, {
    permits: 4,
    workers,
    executions: 4,
    keys: 100,
    batches,
    body: yielding
  })

const clients = 8
const permits = 16
const handedOut = 100_000
/** Each goes on until all is handed out. */
const contestants = { workers: clients * 16, executions: 1 }

/** What each client got, and for each of its requests how many permits were handed out while it waited. */
export interface Shares {
  readonly received: ReadonlyArray<number>
  readonly waits: ReadonlyArray<ReadonlyArray<number>>
}

/** How many permits a client asks for, the `index`-th time: as if at random, and the same in every run. */
const wants = (client: number, index: number): number => {
  if (client === 0) return 1
  if (client === clients - 1) return clients
  const mixed = (index * 2_654_435_761 + client * 40_503) % 4_294_967_296
  return 1 + ((mixed >>> 3) % clients)
}

class Contest {
  readonly received: Array<number> = Array.from({ length: clients }, () => 0)
  readonly waits: Array<Array<number>> = Array.from({ length: clients }, () => [])
  total = 0

  get isOver(): boolean {
    return this.total >= handedOut
  }

  serve(client: number, permits: number, since: number): void {
    if (this.isOver) return
    this.waits[client]!.push(this.total - since)
    this.received[client]! += permits
    this.total += permits
  }
}

const contest = (run: (contest: Contest) => Promise<void>): Effect.Effect<Shares> =>
  Effect.promise(async () => {
    const contest = new Contest()
    await run(contest)
    return { received: contest.received, waits: contest.waits }
  })

const ofFibers = (makeGuard: (permits: number) => EffectGuard) =>
  contest((contest) => {
    const guard = makeGuard(permits)
    const client = (worker: number) => {
      const own = worker % clients
      let index = worker
      return Effect.whileLoop({
        while: () => !contest.isOver,
        body: () => {
          const wanted = wants(own, index++)
          const since = contest.total
          const body = Effect.suspend(() => {
            contest.serve(own, wanted, since)
            return Effect.yieldNow
          })
          return guard(`client-${own}`, wanted)(body)
        },
        step: () => undefined
      })
    }
    return Effect.runPromise(inFibers(contestants, client))
  })

const ofPromises = (makeGuard: (permits: number) => PromiseGuard) =>
  contest((contest) => {
    const guard = makeGuard(permits)
    return inPromises(contestants, async (worker) => {
      const own = worker % clients
      for (let index = worker; !contest.isOver; index++) {
        const wanted = wants(own, index)
        const since = contest.total
        // oxlint-disable-next-line no-await-in-loop -- one after the other is what a worker is
        await guard(`client-${own}`, wanted, async () => {
          contest.serve(own, wanted, since)
          await new Promise((resolve) => setImmediate(resolve))
        })
      }
    })
  })

export const contests: Readonly<Record<string, Effect.Effect<Shares>>> = {
  heddle: ofFibers(heddle),
  "effect-partitioned": ofFibers(effectPartitioned),
  "async-mutex": ofPromises(asyncMutex)
}

const sum = (values: ReadonlyArray<number>) => values.reduce((total, value) => total + value, 0)

export const jain = ({ received }: Shares): number =>
  sum(received) ** 2 / (received.length * sum(received.map((share) => share ** 2)))

export const p99 = (waits: ReadonlyArray<number>): number =>
  waits.toSorted((a, b) => a - b)[Math.floor(waits.length * 0.99)]!

const fairness = (id: string, unit: string, of: (shares: Shares) => number): Figure => ({
  id: `keyed/${id}`,
  unit,
  exact: true,
  subjects: Object.fromEntries(Object.entries(contests).map(([name, shares]) => [name, Effect.map(shares, of)]))
})

export const keyedFigures: ReadonlyArray<Figure> = [
  keys(1, 200, 3),
  keys(100, 200, 3),
  keys(100_000, 1000, 1),
  waiters(1000, 16),
  waiters(16_000, 1),
  fairness("jain", "index", jain),
  fairness("p99-wait", "permits", ({ waits }) => p99(waits.flat()))
]
