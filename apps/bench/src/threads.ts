/**
 * What threads cost and what they give, on two of them.
 *
 * A measurement opens a pool, has it do a part of the load so that its threads have compiled what they run, and then takes the
 * time of the whole load. All pools run the same functions (`threads/work.ts`), and are asked in the same way: so many callers, each
 * of whom waits for his result before he asks again. heddle and Effect's RPC are asked by fibers, the others by async
 * functions. `-tuned` is a peer with 32 tasks at a time per thread; workerpool has no such option.
 */
import * as ThreadPool from "@heddle/node/ThreadPool"
import type * as ThreadTask from "@heddle/node/ThreadTask"
import * as Effect from "effect/Effect"

import { type Bench, BenchFailed, type Figure, type Subject } from "./harness.ts"
import { type Contender, contenders, moving, type Task, threads as count, trivial } from "./threads/contenders.ts"
import { sortAlone } from "./threads/sort.ts"
import * as tasks from "./threads/tasks.ts"
import * as work from "./threads/work.ts"

const failed = (cause: unknown) => new BenchFailed({ message: cause instanceof Error ? cause.message : String(cause) })

const measured = (run: () => Promise<number>): Subject<never> => Effect.tryPromise({ try: run, catch: failed })

interface Load {
  readonly task: Task
  readonly inputs: (operations: number) => Iterator<unknown>
  readonly operations: number
  readonly warmUp: number
  readonly atATime: number
}

const loaded =
  (contender: Contender, { atATime, inputs, operations, task, warmUp }: Load, perOperation: boolean) =>
  async () => {
    const pool = await contender()
    try {
      await pool.all(task, inputs(warmUp), atATime)
      globalThis.gc?.()
      const asked = inputs(operations)
      const start = performance.now()
      await pool.all(task, asked, atATime)
      const took = performance.now() - start
      return perOperation ? (took * 1e3) / operations : took
    } finally {
      await pool.close()
    }
  }

const figure = (id: string, pools: Readonly<Record<string, Contender>>, load: Load): Figure => ({
  id,
  unit: "us/op",
  subjects: Object.fromEntries(
    Object.entries(pools).map(([name, contender]) => [name, measured(loaded(contender, load, true))])
  )
})

function* numbers(operations: number): Iterator<unknown> {
  for (let n = 0; n < operations; n++) yield n
}

/** Distinct buffers, made before the time is taken: one that is sent twice in a message is copied once. */
const buffers = (bytes: number) => (operations: number) =>
  Array.from({ length: operations }, () => new Uint8Array(bytes)).values()

const long = 800
const batch = [long, ...Array.from({ length: 15 }, () => 50)]

/** Elements that all threads see, so that nothing is copied. */
const sharedOf = (length: number, value: (index: number) => number): Float64Array => {
  const data = new Float64Array(new SharedArrayBuffer(8 * length))
  for (let index = 0; index < length; index++) data[index] = value(index)
  return data
}

const alone = (run: (value: number) => number, source: Float64Array): number => {
  const target = new Float64Array(source.length)
  const start = performance.now()
  for (let index = 0; index < source.length; index++) target[index] = run(source[index]!)
  return performance.now() - start
}

const onPool = <E>(threads: number, use: (pool: ThreadPool.ThreadPool) => Effect.Effect<unknown, E>): Subject<never> =>
  Effect.gen(function* () {
    const pool = yield* ThreadPool.make({ threads, preload: [tasks.identity] })
    // the threads compile
    yield* use(pool)
    globalThis.gc?.()
    const start = performance.now()
    yield* use(pool)
    return performance.now() - start
  }).pipe(Effect.scoped, Effect.mapError(failed))

const mapped = (id: string, task: ThreadTask.ThreadTask<number, number>, run: (value: number) => number): Figure => {
  let source: Float64Array | undefined
  const elements = () => (source ??= sharedOf(work.elements, (index) => index))
  return {
    id,
    unit: "ms",
    subjects: {
      heddle: onPool(count, (pool) => ThreadPool.map(pool, task, elements())),
      "heddle-1": onPool(1, (pool) => ThreadPool.map(pool, task, elements())),
      "one-thread": measured(async () => alone(run, elements()))
    }
  }
}

const toSort = 2_000_000

const unsorted = (): Float64Array => {
  let state = 42
  return sharedOf(toSort, () => (state = (state * 48_271) % 2_147_483_647))
}

const sorted = (sort: (data: Float64Array) => void): Subject<never> =>
  measured(async () => {
    const data = unsorted()
    const start = performance.now()
    sort(data)
    return performance.now() - start
  })

const sortedOn = (threads: number): Subject<never> =>
  Effect.gen(function* () {
    const pool = yield* ThreadPool.make({ threads, preload: [tasks.identity] })
    const sort = Effect.suspend(() => {
      const data = unsorted()
      const start = performance.now()
      return Effect.map(ThreadPool.run(pool, tasks.sort(data, 0, data.length)), () => performance.now() - start)
    })
    yield* sort
    return yield* sort
  }).pipe(Effect.scoped, Effect.mapError(failed))

const skewed: Load = {
  task: "spin",
  inputs: () => batch.values(),
  operations: batch.length,
  warmUp: 0,
  atATime: batch.length
}

/** The pool is warm, so the batch is not held up by the start of its threads. */
const skewedOn = (contender: Contender) => async () => {
  const pool = await contender()
  try {
    await pool.all("spin", [1, 1, 1, 1][Symbol.iterator](), 4)
    const start = performance.now()
    await pool.all("spin", skewed.inputs(0), skewed.atATime)
    return performance.now() - start
  } finally {
    await pool.close()
  }
}

/** How long 64 small tasks take that are asked for right after a long one, or after none. */
const beside = (contender: Contender, before: ReadonlyArray<number>) => async () => {
  const pool = await contender()
  try {
    await pool.all("identity", numbers(1_000), 64)
    const busy = pool.all("spin", before.values(), 1)
    const start = performance.now()
    await pool.all("identity", numbers(64), 64)
    const took = performance.now() - start
    await busy
    return took
  } finally {
    await pool.close()
  }
}

const small = { task: "identity", inputs: numbers } as const

const figures: ReadonlyArray<Figure> = [
  figure("threads/sequential", trivial, { ...small, warmUp: 1_000, operations: 2_000, atATime: 1 }),
  figure("threads/inflight-64", trivial, { ...small, warmUp: 8_000, operations: 10_000, atATime: 64 }),
  figure("threads/payload-1KiB", contenders, {
    task: "touch",
    inputs: buffers(1_024),
    warmUp: 2_000,
    operations: 4_000,
    atATime: 64
  }),
  figure("threads/payload-1MiB", moving, {
    task: "touch",
    inputs: buffers(1 << 20),
    warmUp: 40,
    operations: 100,
    atATime: 8
  }),
  {
    id: "threads/skewed",
    unit: "ms",
    subjects: {
      ...Object.fromEntries(Object.entries(contenders).map(([name, one]) => [name, measured(skewedOn(one))])),
      ideal: Effect.succeed(Math.max(long, batch.reduce((sum, millis) => sum + millis, 0) / count))
    }
  },
  {
    id: "threads/beside-long",
    unit: "ms",
    subjects: {
      ...Object.fromEntries(Object.entries(contenders).map(([name, one]) => [name, measured(beside(one, [long]))])),
      "heddle-alone": measured(beside(contenders["heddle"]!, []))
    }
  },
  mapped("threads/map-uniform", tasks.uniform, work.uniform),
  mapped("threads/map-skewed", tasks.skewed, work.skewed),
  {
    id: "threads/sort",
    unit: "ms",
    subjects: {
      heddle: sortedOn(count),
      "heddle-1": sortedOn(1),
      "one-thread": sorted((data) => sortAlone(data, 0, data.length)),
      "TypedArray.sort": sorted((data) => {
        data.sort()
      })
    }
  }
]

export const threads: Bench = {
  name: "threads",
  description: "what a task on another thread costs, and what two threads give",
  figures: Effect.succeed(figures)
}
