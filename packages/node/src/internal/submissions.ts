/** How calls become tasks of a pool, and what whoever handed them in has of them. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as WorkerPool from "heddle/WorkerPool"

import type { Definition } from "./definition.ts"
import { Entry } from "./entry.ts"
import type { Shared } from "./families.ts"
import { transferOf } from "./moved.ts"
import type { Pool } from "./pool.ts"

interface AnyCall {
  readonly definition: Definition
  readonly input: unknown
}

type AnyJob = WorkerPool.Job<any, any>

const entryOf = (pool: Pool, call: AnyCall): Entry => {
  const { definition, input } = call
  // a task is easily given in the place of its call
  if (definition === undefined) throw new TypeError("ThreadPool: it takes a call of a task, `task(input)`")
  const { schemas } = definition
  if (definition.forkJoin !== undefined) return pool.families.rootOf(definition, input as Shared)
  return new Entry(
    definition,
    schemas.input === undefined ? input : Schema.encodeUnknownSync(schemas.input)(input),
    transferOf(input)
  )
}

export const run = (pool: Pool, call: AnyCall): Effect.Effect<any, any> =>
  Effect.suspend(() => runEntry(pool, entryOf(pool, call)))

export const runEntry = (pool: Pool, entry: Entry): Effect.Effect<any, any> =>
  Effect.callback((resume) => {
    const refusal = pool.enter(entry)
    if (refusal !== undefined) {
      resume(Effect.fail(refusal))
      return undefined
    }
    entry.onEnd(pool.wakes, resume)
    return pool.interrupt(entry)
  })

export const submit = (pool: Pool, call: AnyCall): Effect.Effect<AnyJob, any> =>
  Effect.suspend(() => submitEntry(pool, entryOf(pool, call)))

const submitEntry = (pool: Pool, entry: Entry): Effect.Effect<AnyJob, any> => {
  const refusal = pool.enter(entry)
  if (refusal !== undefined) return Effect.fail(refusal)
  const job = jobOf(pool, entry)
  if (entry.state !== "waiting") return Effect.succeed(job)
  return Effect.callback((resume) => {
    if (entry.state !== "waiting") {
      resume(accepted(entry, job))
      return undefined
    }
    pool.accepting.set(entry, () => resume(accepted(entry, job)))
    // one that was accepted meanwhile is the submitter's, who is gone: it goes back too, unless it has begun
    return Effect.sync(() => pool.withdraw(entry))
  })
}

/** A job that came to nothing in the line is no job. */
const accepted = (entry: Entry, job: AnyJob): Effect.Effect<AnyJob, any> =>
  entry.accepted === 0 ? Effect.andThen(job.await, Effect.succeed(job)) : Effect.succeed(job)

const jobOf = (pool: Pool, entry: Entry): AnyJob => {
  const exit: Effect.Effect<any, any> = Effect.callback((resume) => {
    const forget = entry.onEnd(pool.wakes, resume)
    return Effect.sync(forget)
  })
  return { await: exit, interrupt: pool.interrupt(entry) }
}

export const submitAll = (
  pool: Pool,
  calls: Iterable<AnyCall>,
  discard: boolean
): Effect.Effect<ReadonlyArray<AnyJob>, any> => {
  if (pool.settings.overflow === "fail") return submitTogether(pool, calls)
  return Effect.suspend(() => {
    const iterator = calls[Symbol.iterator]()
    const jobs: Array<AnyJob> = []
    let next = iterator.next()
    return Effect.as(
      Effect.whileLoop({
        while: () => next.done !== true,
        body: () => submit(pool, next.value as AnyCall),
        step: (job) => {
          if (!discard) jobs.push(job)
          next = iterator.next()
        }
      }),
      jobs
    )
  })
}

/** All or none. */
const submitTogether = (pool: Pool, calls: Iterable<AnyCall>) =>
  Effect.suspend(() => {
    const entries = Array.from(calls, (call) => entryOf(pool, call))
    if (pool.phase === "open" && pool.roomFor > 0 && entries.length > pool.roomFor) {
      return Effect.fail(pool.full(entries.length))
    }
    return Effect.forEach(entries, (entry) => submitEntry(pool, entry))
  })
