/**
 * What a stage does with one element: its function, and around it what the options say, from the inside out: the pool, the
 * time that it has, the token, the permit, the schedule.
 *
 * The token is taken last before the work begins, so that a limiter's promise holds for the work itself. The time starts
 * behind both: a long line would otherwise fail elements that have not begun.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

import { type Bulkhead, withPermit } from "../../Bulkhead.ts"
import { type RateLimiter, withLimit } from "../../RateLimiter.ts"
import { run as runIn } from "../../WorkerPool.ts"
import { TypeId } from "../pool/model.ts"
import type { Meter } from "./meter.ts"
import { type AnyPool, type StageOptions, StageTimeout } from "./model.ts"

type Work<In> = (input: In) => Effect.Effect<any, any, any>

/** An effect that is guarded in some way, for each element. */
type Around<In> = (effect: Effect.Effect<any, any, any>, input: In) => Effect.Effect<any, any, any>

export interface AttemptOptions extends Omit<StageOptions, "timeout"> {
  readonly timeout: Duration.Duration | undefined
}

/** The function itself where there is nothing around it. */
export const attempts = <In>(name: string, f: Work<In>, options: AttemptOptions, meter: Meter): Work<In> => {
  const guards = [
    inPool<In>(options.pool),
    inTime<In>(name, options.timeout),
    withToken<In>(options.limiter),
    inBulkhead<In>(options.bulkhead),
    again<In>(options.retry, meter)
  ].filter((guard) => guard !== undefined)
  if (guards.length === 0) return f
  return (input) =>
    guards.reduce<Effect.Effect<any, any, any>>(
      (effect, guard) => guard(effect, input),
      Effect.suspend(() => f(input))
    )
}

const inPool = <In>(pool: AnyPool<any> | undefined): Around<In> | undefined => {
  if (pool === undefined) return undefined
  const run: Work<any> = TypeId in pool ? (task) => runIn(pool, task) : (task) => pool.run(task)
  return (effect) => Effect.flatMap(effect, run)
}

const inTime = <In>(name: string, timeout: Duration.Duration | undefined): Around<In> | undefined =>
  timeout &&
  ((effect, input) =>
    Effect.timeoutOrElse(effect, {
      duration: timeout,
      orElse: () => Effect.fail(new StageTimeout({ stage: name, input, timeout }))
    }))

const withToken = <In>(limiter: RateLimiter<any> | undefined): Around<In> | undefined =>
  limiter && ((effect) => withLimit(limiter, 1, effect))

const inBulkhead = <In>(bulkhead: Bulkhead | undefined): Around<In> | undefined =>
  bulkhead && ((effect) => withPermit(bulkhead, effect))

const again = <In>(retry: StageOptions["retry"], meter: Meter): Around<In> | undefined =>
  retry &&
  ((effect) =>
    Effect.suspend(() => {
      let attempts = 0
      const counted = Effect.suspend(() => {
        if (attempts++ > 0) meter.retried++
        return effect
      })
      return Effect.retry(counted, retry)
    }))
