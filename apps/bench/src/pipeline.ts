/**
 * What one element costs on its way through one stage that works on ten at a time.
 *
 * A measurement streams an array through the stage and sums what comes out; from the first pull to the sum is the
 * figure, so source, hand-over and sink are inside it, and they are the same `Stream` source and a fold for all
 * subjects. Buffers are as each library sets them by default. The ordered subjects are the ones to compare with each
 * other, and so are the `-unordered` ones.
 *
 * The three bodies: `sync` never suspends, `yield` gives way to the event loop once, `promise` awaits a promise that is
 * already resolved.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Pipeline from "heddle/Pipeline"

import { type Bench, type Figure, perOperation } from "./harness.ts"

type Body = (element: number) => Effect.Effect<number>

/** Sends the elements through the body and sums the results. */
export type Conveyor = (elements: ReadonlyArray<number>, body: Body) => Effect.Effect<number, unknown>

const concurrency = 10
const add = (sum: number, element: number) => sum + element
const zero = () => 0

const heddle =
  (ordered: boolean): Conveyor =>
  (elements, body) =>
    Pipeline.from(Stream.fromIterable(elements)).pipe(
      Pipeline.stage("body", body, { concurrency, ordered }),
      Pipeline.runFold(zero, add)
    )

const effect =
  (ordered: boolean): Conveyor =>
  (elements, body) =>
    Stream.fromIterable(elements).pipe(
      Stream.mapEffect(body, { concurrency, unordered: !ordered }),
      Stream.runFold(zero, add)
    )

export const conveyors: Readonly<Record<string, Conveyor>> = {
  heddle: heddle(true),
  effect: effect(true),
  "heddle-unordered": heddle(false),
  "effect-unordered": effect(false)
}

export const bodies = {
  sync: (element: number) => Effect.sync(() => element + 1),
  yield: (element: number) => Effect.as(Effect.yieldNow, element + 1),
  promise: (element: number) => Effect.promise(() => Promise.resolve(element + 1))
}

const figure = (name: keyof typeof bodies, count: number): Figure => {
  const elements = Array.from({ length: count }, (_, index) => index)
  const expected = (count * (count + 1)) / 2
  return {
    id: `pipeline/${name}`,
    unit: "ns/element",
    subjects: Object.fromEntries(
      Object.entries(conveyors).map(([subject, conveyor]) => [
        subject,
        perOperation(count, async () => {
          const sum = await Effect.runPromise(conveyor(elements, bodies[name]))
          if (sum !== expected) throw new Error(`the elements add up to ${sum} instead of ${expected}`)
        })
      ])
    )
  }
}

export const pipeline: Bench = {
  name: "pipeline",
  description: "one element through one stage, ten at a time",
  figures: Effect.sync(() => [figure("sync", 100_000), figure("yield", 20_000), figure("promise", 20_000)])
}
