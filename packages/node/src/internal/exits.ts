/** How a task ends for whoever waits for it. */
import * as Exit from "effect/Exit"
import * as Inspectable from "effect/Inspectable"
import * as Schema from "effect/Schema"
import { PoolClosed } from "heddle/WorkerPool"

import type { Definition } from "./definition.ts"
import type { Entry } from "./entry.ts"
import { ThreadCrashed, type ThreadFailure, ThreadOutOfMemory } from "./errors.ts"
import type { Hand } from "./hand.ts"
import { Status } from "./lane.ts"
import type { Settings } from "./settings.ts"

/** Of a task that has ended on its thread. */
export const exitOf = (entry: Entry, status: Status, value: unknown, { name }: Settings): Exit.Exit<any, any> => {
  const { closed, definition, failure, isWork, resultOf } = entry
  const { error, output } = definition.schemas
  switch (status) {
    case Status.success:
      if (resultOf !== undefined) return Exit.succeed(resultOf(value))
      return output === undefined || isWork ? Exit.succeed(value) : decoded(output, value)
    case Status.failure:
      return error === undefined ? Exit.fail(value) : failed(decoded(error, value))
    case Status.defect:
      return failure ?? Exit.die(value)
    default:
      return closed ? Exit.fail(new PoolClosed({ pool: name })) : Exit.interrupt()
  }
}

/** Of one that has lost its thread. */
export const exitOfLost = (
  hand: Hand,
  entry: Entry,
  code: number,
  error: unknown,
  settings: Settings
): Exit.Exit<any, any> =>
  hand.lane.isStopping(entry.slot)
    ? exitOf(entry, Status.interrupted, undefined, settings)
    : Exit.fail(failureOf(entry.definition, code, error, settings))

const failureOf = (
  { module, name: task }: Definition,
  exitCode: number,
  error: unknown,
  { name: pool, resourceLimits }: Settings
): ThreadFailure => {
  const code: unknown = error instanceof Error && "code" in error ? error.code : undefined
  return code === "ERR_WORKER_OUT_OF_MEMORY"
    ? new ThreadOutOfMemory({ pool, task, module, maxOldGenerationSizeMb: resourceLimits?.maxOldGenerationSizeMb })
    : new ThreadCrashed({ pool, task, module, exitCode, reason: reasonOf(error) })
}

export const reasonOf = (error: unknown): string | undefined => {
  if (error === undefined) return undefined
  return error instanceof Error ? error.message : Inspectable.toStringUnknown(error, 0)
}

const decoded = (schema: Schema.Codec<any, any>, value: unknown): Exit.Exit<any> => {
  try {
    return Exit.succeed(Schema.decodeUnknownSync(schema)(value))
  } catch (error) {
    return Exit.die(error)
  }
}

/** A failure that arrived; one that does not decode is a defect as it is. */
const failed = (exit: Exit.Exit<any>): Exit.Exit<any, any> => (Exit.isSuccess(exit) ? Exit.fail(exit.value) : exit)
