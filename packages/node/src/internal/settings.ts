/** What a pool is made with: checked, its defaults filled in. */
import { availableParallelism } from "node:os"
import type { ResourceLimits } from "node:worker_threads"

import * as Duration from "effect/Duration"
import { toStringUnknown } from "effect/Inspectable"
import * as Option from "effect/Option"

import { TypeId as TaskTypeId } from "./definition.ts"

/**
 * @since 0.1.0
 * @category models
 */
export interface Options<Overflow extends "suspend" | "fail" = "suspend"> {
  /** How many threads: an integer from 1 up. Default: as many as there are processors. */
  readonly threads?: number | undefined
  /** How many tasks may wait for a thread: an integer from 0 up, or `Infinity`. Default: 1,024. */
  readonly capacity?: number | undefined
  /** What a submission does that finds no room: waits for it in order, or fails with `PoolFull`. Default: `"suspend"`. */
  readonly overflow?: Overflow | undefined
  /** How long a task that was told to stop may go on before its thread is terminated. Default: 1 second. */
  readonly grace?: Duration.Input | undefined
  /** When a thread is replaced by a new one, between two tasks. Default: never. */
  readonly recycle?:
    | {
        /** After so many tasks: an integer from 1 up. */
        readonly tasks?: number | undefined
        /** When it is so old. */
        readonly age?: Duration.Input | undefined
        /** When its heap is larger, in bytes: an integer from 1 up. */
        readonly heap?: number | undefined
      }
    | undefined
  /** What the memory of a thread is limited to, in megabytes, as Node.js names it. Default: as Node.js has it. */
  readonly resourceLimits?: ResourceLimits | undefined
  /** Tasks whose modules each thread loads before it is ready. Default: none; a module is loaded for its first task. */
  readonly preload?: ReadonlyArray<{ readonly [TaskTypeId]: { readonly module: string } }> | undefined
  /** Names the pool in messages, errors and statistics. Default: none. */
  readonly name?: string | undefined
}

interface Recycle {
  readonly afterTasks: number
  readonly afterMillis: number
  readonly aboveHeapBytes: number
}

export interface Settings {
  readonly name: string | undefined
  readonly threads: number
  readonly capacity: number
  readonly overflow: "suspend" | "fail"
  readonly grace: Duration.Duration
  readonly recycle: Recycle
  readonly resourceLimits: ResourceLimits | undefined
  readonly preload: ReadonlyArray<string>
}

export const settingsOf = (options: Options<"suspend" | "fail">): Settings => {
  checkThat(isObject(options), "the options", options, "an object")
  const { capacity = 1_024, grace = "1 second", name, overflow = "suspend" } = options
  const { preload = [], recycle = {}, resourceLimits, threads = availableParallelism() } = options
  checkThat(name === undefined || typeof name === "string", "name", name, "a string")
  checkCount("threads", threads, 1)
  if (capacity !== Infinity) checkCount("capacity", capacity, 0, ", or Infinity")
  checkThat(overflow === "suspend" || overflow === "fail", "overflow", overflow, '"suspend" or "fail"')
  checkLimits(resourceLimits)
  return {
    name,
    threads,
    capacity,
    overflow,
    grace: durationOf("grace", grace),
    recycle: recycleOf(recycle),
    resourceLimits,
    preload: Array.from(preload, moduleOf)
  }
}

const recycleOf = (recycle: NonNullable<Options["recycle"]>): Recycle => {
  checkThat(isObject(recycle), "recycle", recycle, "an object")
  const { age = Infinity, heap = Infinity, tasks = Infinity } = recycle
  if (tasks !== Infinity) checkCount("recycle.tasks", tasks, 1, ", or Infinity")
  if (heap !== Infinity) checkCount("recycle.heap", heap, 1, ", or Infinity")
  return {
    afterTasks: tasks,
    afterMillis: Duration.toMillis(durationOf("recycle.age", age)),
    aboveHeapBytes: heap
  }
}

const limits = new Set(["maxOldGenerationSizeMb", "maxYoungGenerationSizeMb", "codeRangeSizeMb", "stackSizeMb"])

/** Node.js passes over what it does not know, and the memory has no limit. */
const checkLimits = (resourceLimits: ResourceLimits | undefined): void => {
  if (resourceLimits === undefined) return
  checkThat(isObject(resourceLimits), "resourceLimits", resourceLimits, "an object")
  for (const [name, limit] of Object.entries(resourceLimits)) {
    checkThat(limits.has(name), "resourceLimits", name, `of ${Array.from(limits).join(", ")}`)
    const holds = limit === undefined || (Number.isFinite(limit) && limit > 0)
    checkThat(holds, `resourceLimits.${name}`, limit, "a number of megabytes above 0")
  }
}

const moduleOf = (task: { readonly [TaskTypeId]: { readonly module: string } }): string => {
  const isTask = (typeof task === "function" || isObject(task)) && TaskTypeId in task
  checkThat(isTask, "preload", task, "a list of tasks")
  return task[TaskTypeId].module
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null

const checkCount = (what: string, value: number, least: number, or = ""): void =>
  checkThat(Number.isSafeInteger(value) && value >= least, what, value, `an integer from ${least} up${or}`)

const durationOf = (what: string, input: Duration.Input): Duration.Duration => {
  const duration = Number.isNaN(input) ? Option.none() : Duration.fromInput(input)
  checkThat(Option.isSome(duration), what, input, 'a duration such as "5 seconds"')
  return Option.getOrThrow(duration)
}

const checkThat = (holds: boolean, what: string, value: unknown, rule: string): void => {
  if (holds) return
  const shown = typeof value === "string" ? JSON.stringify(value) : toStringUnknown(value, 0)
  throw new RangeError(`ThreadPool.make: ${what} must be ${rule}, got ${shown}`)
}
