/**
 * What it costs to run many small tasks together, so many at a time, and to stop them.
 *
 * A measurement runs all tasks and ends when the last has. The source, the loop and the bodies are inside the figure, and
 * they are the same for all subjects of a world; the promise libraries run async functions, whose bodies are cheaper.
 *
 * - `trivial`: bodies that compute (`Effect.sync`), from an array, at most 1,000 or at most 10 at a time. What an element
 *   forks ends with it: each has a fiber. `heddle-go` submits each to a group; a `FiberSet` knows no limit.
 * - `trivial-bare`: the same without isolation. Effect's `forEach` has nothing like it, and is there as it is.
 * - `finished`: bodies that are done already (`Effect.succeed`).
 * - `lazy`: a million elements from a generator; `lazy-bytes` is what such a run keeps alive at the most, by the live heap
 *   after a collection, at every 100,000th element pulled and begun.
 * - `stop`: from the failure of one task to the end of the run, with 10,000 suspended ones to interrupt.
 */
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as ErrorGroup from "heddle/ErrorGroup"
import pLimit from "p-limit"
import pMap from "p-map"

import { type Bench, BenchFailed, type Figure, perOperation, type Subject } from "./harness.ts"

/** What is done for every element, in either world. */
export interface Body {
  readonly effect: (element: number) => Effect.Effect<unknown>
  readonly promise: (element: number) => Promise<unknown>
}

/** Runs the body for every element, at most so many at a time. */
export type Contender = (elements: Iterable<number>, limit: number, body: Body) => Promise<unknown>

const inFibers =
  (run: (elements: Iterable<number>, limit: number, body: Body["effect"]) => Effect.Effect<unknown>): Contender =>
  (elements, limit, { effect }) =>
    Effect.runPromise(run(elements, limit, effect))

const heddle = inFibers((elements, limit, body) => ErrorGroup.forEach(elements, body, { concurrency: limit }))

const bare = inFibers((elements, limit, body) =>
  ErrorGroup.forEach(elements, body, { concurrency: limit, isolation: "none" })
)

const effect = inFibers((elements, limit, body) =>
  Effect.forEach(elements, body, { concurrency: limit, discard: true })
)

const loop = (elements: Iterable<number>, each: (element: number) => Effect.Effect<unknown>): Effect.Effect<void> =>
  Effect.suspend(() => {
    const iterator = elements[Symbol.iterator]()
    let next = iterator.next()
    return Effect.whileLoop({
      while: () => next.done !== true,
      body: () => each(next.value as number),
      step: () => (next = iterator.next())
    })
  })

const go = inFibers((elements, limit, body) =>
  ErrorGroup.run({ concurrency: limit })((group) => loop(elements, (element) => ErrorGroup.go(group, body(element))))
)

const fiberSet = inFibers((elements, _, body) =>
  Effect.scoped(
    Effect.flatMap(FiberSet.make(), (set) =>
      Effect.andThen(
        loop(elements, (element) => FiberSet.run(set, body(element))),
        FiberSet.awaitEmpty(set)
      )
    )
  )
)

const promiseMap: Contender = (elements, limit, { promise }) => pMap(elements, promise, { concurrency: limit })

const promiseLimit: Contender = (elements, limit, { promise }) => {
  const limited = pLimit(limit)
  return Promise.all(Array.from(elements, (element) => limited(promise, element)))
}

export const contenders: Readonly<Record<string, Contender>> = {
  heddle,
  effect,
  "heddle-go": go,
  "fiber-set": fiberSet,
  "p-map": promiseMap,
  "p-limit": promiseLimit
}

/** Of these the limit does not hold: they have none. */
export const unlimited: ReadonlySet<string> = new Set(["fiber-set"])

const bareContenders: Readonly<Record<string, Contender>> = {
  heddle: bare,
  effect,
  "heddle-fiber": heddle,
  "p-map": promiseMap,
  "p-limit": promiseLimit
}

const lazyContenders: Readonly<Record<string, Contender>> = {
  heddle,
  "heddle-bare": bare,
  effect,
  "p-map": promiseMap,
  "p-limit": promiseLimit
}

const counting = (count: () => void): Body => ({
  effect: () => Effect.sync(count),
  promise: async () => count()
})

const finished = (count: () => void): Body => ({
  effect: () => {
    count()
    return Effect.void
  },
  promise: async () => count()
})

function* generator(count: number, onPull: () => void = () => undefined) {
  for (let n = 0; n < count; n++) {
    onPull()
    yield n
  }
}

interface Load {
  readonly count: number
  readonly limit: number
  readonly source: (count: number) => Iterable<number>
  readonly body: (count: () => void) => Body
}

const array = (count: number): Iterable<number> => Array.from({ length: count }, (_, n) => n)

const figure = (name: string, subjects: Readonly<Record<string, Contender>>, load: Load): Figure => {
  const { body, count, limit, source } = load
  const made = source === array ? array(count) : undefined
  const measured = (contender: Contender) =>
    perOperation(count, async () => {
      let ran = 0
      await contender(
        made ?? source(count),
        limit,
        body(() => ran++)
      )
      if (ran !== count) throw new Error(`${ran} of ${count} elements ran`)
    })
  return { id: `group/${name}`, unit: "ns/element", subjects: mapped(subjects, measured) }
}

const mapped = (
  subjects: Readonly<Record<string, Contender>>,
  f: (contender: Contender) => Subject<never>
): Readonly<Record<string, Subject<never>>> =>
  Object.fromEntries(Object.entries(subjects).map(([name, contender]) => [name, f(contender)]))

/** What a run keeps alive at the most, beyond what was alive before it. */
export const liveBytes = (contender: Contender, count: number, limit: number, every: number): Subject<never> =>
  Effect.tryPromise({
    try: async () => {
      const alive = () => {
        globalThis.gc?.()
        return process.memoryUsage().heapUsed
      }
      await new Promise((resolve) => {
        setImmediate(resolve)
      })
      const before = alive()
      let peak = before
      const sampler = () => {
        let calls = 0
        return () => {
          if (++calls % every === 0) peak = Math.max(peak, alive())
        }
      }
      await contender(generator(count, sampler()), limit, counting(sampler()))
      return Math.max(0, peak - before)
    },
    catch: (cause) => new BenchFailed({ message: String(cause) })
  })

/** Milliseconds from the failure of one task until all others have been interrupted and the run has ended. */
export const stopping = (
  run: (tasks: ReadonlyArray<Effect.Effect<never, "boom">>) => Effect.Effect<unknown, "boom">,
  count: number
): Subject<never> =>
  Effect.tryPromise({
    try: async () => {
      let begun = 0
      let failed = 0
      const suspended = Effect.suspend(() => {
        begun++
        return Effect.never
      })
      const failing = Effect.andThen(
        Effect.yieldNow,
        Effect.suspend(() => {
          globalThis.gc?.()
          failed = performance.now()
          return Effect.fail("boom" as const)
        })
      )
      const tasks = [...Array.from({ length: count }, () => suspended), failing]
      await Effect.runPromise(Effect.flip(run(tasks)))
      if (begun !== count) throw new Error(`${begun} of ${count} tasks were begun`)
      return performance.now() - failed
    },
    catch: (cause) => new BenchFailed({ message: String(cause) })
  })

const stop: Figure = {
  id: "group/stop-10k",
  unit: "ms",
  subjects: {
    heddle: stopping((tasks) => ErrorGroup.all(tasks), 10_000),
    effect: stopping((tasks) => Effect.all(tasks, { concurrency: "unbounded", discard: true }), 10_000)
  }
}

const lazyBytes: Figure = {
  id: "group/lazy-1M-bytes",
  unit: "bytes",
  subjects: mapped(lazyContenders, (contender) => liveBytes(contender, 1_000_000, 1000, 100_000))
}

const trivial = { count: 100_000, limit: 1000, source: array, body: counting }

export const group: Bench = {
  name: "group",
  description: "many small tasks together, at most 1,000 at a time, and stopping 10,000 of them",
  figures: Effect.sync(() => [
    figure("trivial-100k", contenders, trivial),
    figure("trivial-100k-limit-10", contenders, { ...trivial, limit: 10 }),
    figure("trivial-100k-bare", bareContenders, trivial),
    figure("trivial-100k-bare-limit-10", bareContenders, { ...trivial, limit: 10 }),
    figure("finished-100k", lazyContenders, { ...trivial, body: finished }),
    figure("lazy-1M", lazyContenders, { ...trivial, count: 1_000_000, source: generator }),
    lazyBytes,
    stop
  ])
}
