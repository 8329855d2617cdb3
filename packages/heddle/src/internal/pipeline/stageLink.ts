/**
 * From the options of a stage to the engine that runs it.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { hasProperty } from "effect/Predicate"

import { checkCount, checkDuration, checkPositive, describe } from "../defect.ts"
import { TypeId as WorkerPoolTypeId } from "../pool/model.ts"
import { attempts } from "./attempt.ts"
import type { Figures, Link } from "./description.ts"
import { Meter } from "./meter.ts"
import { type DeadLetter, type OnError, StageError, type StageOptions, StageTimeout } from "./model.ts"
import { Stage } from "./stage.ts"
import type { Config, Fate } from "./stageConfig.ts"
import { Tracked } from "./tracked.ts"

type AnyStageError = StageError<string, unknown, unknown> | StageTimeout<string, unknown>
type AnyOnError = OnError | DeadLetter<AnyStageError, unknown, unknown>
type AnyOptions = StageOptions & { readonly onError?: AnyOnError | undefined }
type AnyConfig = Config<any, any, any, any, any>

export const stageLink = (
  name: string,
  f: (input: any) => Effect.Effect<any, any, any>,
  options: AnyOptions,
  isTracked: boolean
): { readonly link: Link; readonly figures: Figures } => {
  const meter = new Meter()
  const link: Link = (upstream, context, scheduler) => {
    const config = configOf(name, f, options, meter)
    return new Stage(upstream, isTracked ? tracked(config) : config, context, scheduler)
  }
  return { link, figures: { name, meter } }
}

const configOf = (
  name: string,
  f: (input: any) => Effect.Effect<any, any, any>,
  options: AnyOptions,
  meter: Meter
): AnyConfig => {
  const label = `Pipeline.stage ${describe(name)}`
  const { buffer = 16, concurrency = 1, key, onError = "fail", ordered = true } = options
  const { readAhead = key === undefined ? buffer : 1024 } = options
  checkPositive(label, "concurrency", concurrency, "finite")
  checkCount(label, "buffer", buffer, "finite")
  checkCount(label, "readAhead", readAhead, "finite")
  const timeout = options.timeout === undefined ? undefined : checkDuration(label, "timeout", options.timeout)
  checkOnError(label, onError)
  checkPool(label, options.pool)
  return {
    run: attempts(name, f, { ...options, timeout }, meter),
    explain: (input, cause) => Cause.map(cause, (error) => stageError(name, error, input)),
    recover: recovery(name, onError),
    key,
    concurrency,
    ordered,
    buffer,
    readAhead,
    meter,
    fate: untold
  }
}

const untold: Fate<unknown, any> = { succeeded: (_, output) => output, failed: () => {}, leftOut: () => {} }

/** The same for elements that travel with a token. */
const tracked = (config: AnyConfig): AnyConfig => {
  const { explain, key, recover, run } = config
  return {
    ...config,
    run: ({ value }) => run(value),
    explain: ({ value }, cause) => explain(value, cause),
    recover: recover && (({ value }, error) => recover(value, error)),
    key: key && (({ value }) => key(value)),
    fate: told
  }
}

const told: Fate<Tracked<unknown>, any> = {
  succeeded: ({ token }, output) => new Tracked(output, token),
  failed: ({ token }, cause) => token.fail(cause),
  leftOut: ({ token }) => token.settle()
}

const recovery = (name: string, onError: AnyOnError): AnyConfig["recover"] => {
  if (onError === "fail") return undefined
  if (onError === "skip") return () => Effect.void
  return (input, error) => onError.deadLetter(stageError(name, error, input))
}

/** Without a stack: it would show the machinery, at ten times the cost. The error's own is its `cause`. */
const stageError = (name: string, error: unknown, input: unknown): AnyStageError => {
  // made by `timeout`, it says all that there is to say
  if (error instanceof StageTimeout && error.stage === name && error.input === input) return error
  const engine = Error as { stackTraceLimit?: number | undefined }
  const limit = engine.stackTraceLimit
  engine.stackTraceLimit = 0
  try {
    return new StageError({ stage: name, error, input, cause: error })
  } finally {
    engine.stackTraceLimit = limit
  }
}

const checkOnError = (label: string, onError: unknown): void => {
  const isSink = hasProperty(onError, "deadLetter") && typeof onError.deadLetter === "function"
  if (onError === "fail" || onError === "skip" || isSink) return
  throw new TypeError(
    `${label}: onError must be "fail", "skip" or { deadLetter: a function }, got ${describe(onError)}`
  )
}

const checkPool = (label: string, pool: unknown): void => {
  if (pool === undefined || hasProperty(pool, WorkerPoolTypeId)) return
  if (hasProperty(pool, "run") && typeof pool.run === "function") return
  throw new TypeError(`${label}: pool must be a WorkerPool or { run: a function }, got ${describe(pool)}`)
}
