import type { ResourceLimits } from "node:worker_threads"

/** What a pool is made with, its defaults filled in. */
import type * as Duration from "effect/Duration"

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
