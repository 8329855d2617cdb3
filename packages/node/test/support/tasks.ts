/** Tasks of the tests that use Effect: schemas, failures, effects. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

import * as ThreadTask from "../../src/ThreadTask.ts"
import { set } from "./words.ts"

const here = import.meta.url

export class Odd extends Schema.TaggedError<Odd>()("Odd", { n: Schema.Number }) {}

export class Point extends Schema.Class<Point>("Point")({ x: Schema.Number, y: Schema.Number }) {}

export const half = ThreadTask.define(here, "half", {
  error: Odd,
  run: (n: number) => (n % 2 === 0 ? Effect.succeed(n / 2) : Effect.fail(new Odd({ n })))
})

export const mirror = ThreadTask.define(here, "mirror", {
  input: Point,
  output: Point,
  run: ({ x, y }: Point) => new Point({ x: y, y: x })
})

/** Its failure has no schema. */
export const unschemed = ThreadTask.define(here, "unschemed", { run: (n: number) => Effect.fail(new Odd({ n })) })

export const slept = ThreadTask.define(here, "slept", { run: (n: number) => Effect.as(Effect.sleep(1), n) })

/** Never ends, and says that it was interrupted. */
export const never = ThreadTask.define(here, "never", {
  run: (words: Int32Array) =>
    Effect.andThen(
      Effect.sync(() => set(words, 0)),
      Effect.onInterrupt(Effect.never, () => Effect.sync(() => set(words, 1)))
    )
})
