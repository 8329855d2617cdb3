/** What is done to a run besides scheduling it. */
import type { FiberRecord } from "./fibers.ts"

export interface Intervention {
  /** A run begins, which may be the same once more. */
  readonly begins: () => void
  /** Asked before each operation: true preempts the fiber there. */
  readonly beforeOperation: (record: FiberRecord) => boolean
  /** Told before each task, and when there is none; true when it has made something runnable. */
  readonly betweenTasks: () => boolean
}
