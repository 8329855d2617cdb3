/** Tasks that are held and let go, for tests of pools. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

import * as WorkerPool from "../../src/WorkerPool.ts"
import type { Task } from "../../src/WorkerPoolLaws.ts"

export { makeWorld, type Task } from "../../src/WorkerPoolLaws.ts"

export const succeed = (id: number): Task => ({ id, does: "succeed" })
export const fail = (id: number): Task => ({ id, does: "fail" })
export const die = (id: number): Task => ({ id, does: "die" })
export const hold = (id: number): Task => ({ id, does: "hold" })

/** The numbers from `from` up to `to`, which is not one of them. */
export const range = (from: number, to: number): Array<number> =>
  Array.from({ length: to - from }, (_, index) => from + index)

/** How something ended, in a word. */
export const endOf = (exit: Exit.Exit<unknown, unknown>): unknown => {
  if (Exit.isSuccess(exit)) return exit.value
  const [reason] = exit.cause.reasons
  if (reason?._tag === "Fail") return reason.error instanceof Error ? reason.error.name : reason.error
  if (reason?._tag === "Die") return `died: ${reason.defect instanceof Error ? reason.defect.message : ""}`
  return "interrupted"
}

export const awaitAll = <Out, E>(jobs: ReadonlyArray<WorkerPool.Job<Out, E>>) =>
  Effect.forEach(jobs, (job) => Effect.map(Effect.exit(job.await), endOf))

/** The counts of a pool that are asked for. */
export const counts = <Name extends keyof WorkerPool.Stats>(
  pool: WorkerPool.WorkerPool<never, unknown, unknown, unknown>,
  ...names: ReadonlyArray<Name>
) =>
  Effect.map(
    WorkerPool.stats(pool),
    (stats) => Object.fromEntries(names.map((name) => [name, stats[name]])) as Pick<WorkerPool.Stats, Name>
  )
