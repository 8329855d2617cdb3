/** Five workers transform, one place collects, three workers store: fan out, fan in, and fan out again. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Pipeline from "heddle/Pipeline"

import { printed } from "./support/run.ts"

class BadReading extends Data.TaggedError("BadReading")<{ readonly sensor: number }> {}

const transform = (sensor: number) =>
  Effect.andThen(
    Effect.yieldNow, // stands for work that takes time
    sensor % 40 === 0 ? Effect.fail(new BadReading({ sensor })) : Effect.succeed(sensor * 2)
  )

export const program = Effect.gen(function* () {
  const stored: Array<number> = []
  const store = (batch: ReadonlyArray<number>) =>
    Effect.andThen(
      Effect.yieldNow,
      Effect.sync(() => stored.push(...batch))
    )

  const processData = Pipeline.from(Stream.range(1, 100)).pipe(
    Pipeline.stage("transform", transform, { concurrency: 5, onError: "skip" }),
    Pipeline.batch({ maxSize: 10, maxWait: "100 millis" }),
    Pipeline.stage("store", store, { concurrency: 3, ordered: false })
  )
  yield* Pipeline.runForEach(processData, () => Effect.void)

  const stages = yield* Pipeline.stats(processData)
  return [
    ...stages.map((stage) => `${stage.name}: ${stage.in} in, ${stage.out} out, ${stage.failed} failed`),
    `stored ${stored.length}, in all ${stored.reduce((sum, value) => sum + value, 0)}`
  ]
})

if (import.meta.main) await printed(program)
