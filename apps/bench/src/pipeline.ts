/**
 * What one element costs on its way through three stages, one or ten at a time in each.
 *
 * A measurement streams a million elements through the stages and sums what comes out; from the first pull to the sum is
 * the figure, so source, hand-over and sink are inside it. Buffers are as each library sets them by default. A body adds
 * one: `sync` never suspends, `suspend` gives way to the event loop once for an Effect, and awaits a resolved promise for
 * the libraries of the promise world, which is the least that can be called suspending there.
 *
 * p-map has no stages: its subject maps the whole array three times. The hand-written loop has n workers, each of which
 * takes an element through all three bodies.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Pipeline from "heddle/Pipeline"
import pMap from "p-map"
import { from as observableFrom, lastValueFrom, mergeMap, of, reduce } from "rxjs"
import { parallelMap, reduce as reduceAsync, transform } from "streaming-iterables"

import { type Bench, BenchFailed, type Figure, perOperation, type Subject } from "./harness.ts"

/** What a stage does with an element, in either world. */
export interface Body {
  readonly effect: (element: number) => Effect.Effect<number>
  readonly promise: (element: number) => number | Promise<number>
}

/** Sends elements through three stages of the body and sums the results. */
export type Conveyor = (elements: Iterable<number>, body: Body, concurrency: number) => Promise<number>

const add = (sum: number, element: number) => sum + element
const zero = () => 0

const heddle =
  (ordered: boolean): Conveyor =>
  (elements, { effect }, concurrency) =>
    Pipeline.from(Stream.fromIterable(elements)).pipe(
      Pipeline.stage("a", effect, { concurrency, ordered }),
      Pipeline.stage("b", effect, { concurrency, ordered }),
      Pipeline.stage("c", effect, { concurrency, ordered }),
      Pipeline.runFold(zero, add),
      Effect.runPromise
    )

const effect =
  (ordered: boolean): Conveyor =>
  (elements, { effect }, concurrency) => {
    const options = { concurrency, unordered: !ordered }
    return Stream.fromIterable(elements).pipe(
      Stream.mapEffect(effect, options),
      Stream.mapEffect(effect, options),
      Stream.mapEffect(effect, options),
      Stream.runFold(zero, add),
      Effect.runPromise
    )
  }

const rxjs: Conveyor = (elements, { promise }, concurrency) => {
  const project = (element: number) => {
    const result = promise(element)
    return typeof result === "number" ? of(result) : result
  }
  return lastValueFrom(
    observableFrom(elements).pipe(
      mergeMap(project, concurrency),
      mergeMap(project, concurrency),
      mergeMap(project, concurrency),
      reduce(add, 0)
    )
  )
}

const streamingIterables =
  (map: typeof parallelMap): Conveyor =>
  (elements, { promise }, concurrency) => {
    const body = async (element: number) => promise(element)
    return reduceAsync(add, 0, map(concurrency, body, map(concurrency, body, map(concurrency, body, elements))))
  }

const inPMap: Conveyor = async (elements, { promise }, concurrency) => {
  let results: Iterable<number> = elements
  // oxlint-disable-next-line no-await-in-loop -- one stage after the other is all that p-map has
  for (let stage = 0; stage < 3; stage++) results = await pMap(results, promise, { concurrency })
  let sum = 0
  for (const result of results) sum += result
  return sum
}

const loop: Conveyor = async (elements, { promise }, concurrency) => {
  const iterator = elements[Symbol.iterator]()
  let sum = 0
  const worker = async () => {
    for (let next = iterator.next(); next.done !== true; next = iterator.next()) {
      // oxlint-disable-next-line no-await-in-loop -- a worker takes one after the other
      const element = await promise(await promise(await promise(next.value)))
      sum += element
    }
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
  return sum
}

export const ordered: Readonly<Record<string, Conveyor>> = {
  heddle: heddle(true),
  effect: effect(true),
  "p-map": inPMap,
  "streaming-iterables": streamingIterables(parallelMap)
}

export const unordered: Readonly<Record<string, Conveyor>> = {
  heddle: heddle(false),
  effect: effect(false),
  rxjs,
  "streaming-iterables": streamingIterables(transform),
  loop
}

export const bodies = {
  sync: {
    effect: (element) => Effect.sync(() => element + 1),
    promise: (element) => element + 1
  },
  suspend: {
    effect: (element) => Effect.as(Effect.yieldNow, element + 1),
    promise: (element) => Promise.resolve(element + 1)
  }
} as const satisfies Readonly<Record<string, Body>>

const million = 1_000_000

const check = (sum: number, count: number): void => {
  const expected = (count * (count + 5)) / 2
  if (sum !== expected) throw new Error(`the elements add up to ${sum} instead of ${expected}`)
}

const figure = (id: string, conveyors: Readonly<Record<string, Conveyor>>, body: Body, concurrency: number): Figure => {
  const elements = Array.from({ length: million }, (_, index) => index)
  return {
    id: `pipeline/${id}`,
    unit: "ns/element",
    subjects: Object.fromEntries(
      Object.entries(conveyors).map(([subject, conveyor]) => [
        subject,
        perOperation(million, async () => check(await conveyor(elements, body, concurrency), million))
      ])
    )
  }
}

/** What is alive at most while elements that nobody holds stream through, looked at after each collection of garbage. */
const peakOf = (conveyor: Conveyor): Subject<never> =>
  Effect.tryPromise({
    try: async () => {
      const { gc } = globalThis
      if (gc === undefined) throw new Error("needs `node --expose-gc`")
      const alive = () => {
        gc()
        return process.memoryUsage().heapUsed
      }
      const before = alive()
      let peak = before
      const counting = function* () {
        for (let n = 0; n < million; n++) {
          if (n % 100_000 === 99_999) peak = Math.max(peak, alive())
          yield n
        }
      }
      check(await conveyor(counting(), bodies.suspend, 10), million)
      return Math.max(0, peak - before)
    },
    catch: (cause) => new BenchFailed({ message: String(cause) })
  })

const peak = (): Figure => ({
  id: "pipeline/peak-bytes",
  unit: "bytes",
  exact: true,
  subjects: {
    heddle: peakOf(heddle(true)),
    effect: peakOf(effect(true)),
    "p-map": peakOf(inPMap),
    rxjs: peakOf(rxjs),
    "streaming-iterables": peakOf(streamingIterables(parallelMap))
  }
})

export const pipeline: Bench = {
  name: "pipeline",
  description: "one element of a million through three stages",
  figures: Effect.sync(() => [
    figure("c1", ordered, bodies.sync, 1),
    figure("c10-ordered", ordered, bodies.sync, 10),
    figure("c10-unordered", unordered, bodies.sync, 10),
    figure("c10-ordered-suspend", ordered, bodies.suspend, 10),
    figure("c10-unordered-suspend", unordered, bodies.suspend, 10),
    peak()
  ])
}
