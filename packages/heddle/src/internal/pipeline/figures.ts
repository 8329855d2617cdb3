/**
 * What can be seen of a pipeline while it runs.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type * as Terminal from "effect/Terminal"

import { described, type Pipeline } from "./description.ts"
import type { StageStats } from "./model.ts"
import { display, type ProgressOptions } from "./progress.ts"

export type {
  /** @since 0.1.0 @category models */
  ProgressOptions
} from "./progress.ts"

/**
 * What goes on in the stages at this instant, first stage first, those of branches and merged pipelines behind those
 * before them. Counts all runs of this pipeline value together.
 *
 * @since 0.1.0
 * @category observing
 */
export const stats = <A, E, R>(self: Pipeline<A, E, R>): Effect.Effect<ReadonlyArray<StageStats>> =>
  Effect.sync(() => described(self).stats())

/**
 * The stage that sets the pace: the one whose slots are used most. None if no stage uses more than half of the time of its
 * slots, since then it is the source or the consumer.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as Option from "effect/Option"
 * import * as Stream from "effect/Stream"
 * import * as Pipeline from "heddle/Pipeline"
 *
 * const pipeline = Pipeline.from(Stream.range(1, 10)).pipe(
 *   Pipeline.stage("read", (n) => Effect.as(Effect.sleep("1 milli"), n), { concurrency: 4 }),
 *   Pipeline.stage("write", (n) => Effect.as(Effect.sleep("5 millis"), n))
 * )
 * const program = Effect.gen(function* () {
 *   yield* Pipeline.runCollect(pipeline)
 *   const slowest = Pipeline.bottleneck(yield* Pipeline.stats(pipeline))
 *   return Option.map(slowest, ({ name }) => name)
 * })
 *
 * await Effect.runPromise(program) // => Option.some("write")
 * ```
 *
 * @since 0.1.0
 * @category observing
 */
export const bottleneck = (stats: ReadonlyArray<StageStats>): Option.Option<StageStats> =>
  stats.reduce<Option.Option<StageStats>>(
    (busiest, stage) =>
      stage.utilisation > Option.match(busiest, { onNone: () => 0.5, onSome: ({ utilisation }) => utilisation })
        ? Option.some(stage)
        : busiest,
    Option.none()
  )

/**
 * Shows the figures of the stages until the scope ends, and once more then. Somebody who watches a terminal sees a line for
 * each stage, which is drawn anew, and the bottleneck marked. Where the output is piped, each time is a line of JSON:
 * `{"elapsed":1.5,"bottleneck":"parse","stages":[{"name":"parse","in":10,...}]}`, in seconds and, for latencies,
 * milliseconds.
 *
 * What cannot be displayed is not: a terminal that has gone stops the display, not the pipeline.
 *
 * @since 0.1.0
 * @category observing
 */
export const progress = <A, E, R>(
  self: Pipeline<A, E, R>,
  options: ProgressOptions = {}
): Effect.Effect<void, never, Scope.Scope | Terminal.Terminal> =>
  display(() => {
    const stages = described(self).stats()
    return { stages, bottleneck: Option.map(bottleneck(stages), ({ name }) => name) }
  }, options)
