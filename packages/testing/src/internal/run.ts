/** What a run is made from, who looks at it or meddles with it, and how it stops. */
import type { AnyFiber, FiberRecord } from "./fibers.ts"
import type { Mode } from "./model.ts"
import type { Search } from "./search.ts"

export interface EngineOptions {
  readonly mode: Mode
  /** Operations after which a run goes on in fair order; twice as many and it is given up. */
  readonly maxSteps: number
  readonly maxBypass: number | undefined
}

/** What a run is made from. */
export interface Plan {
  readonly search: Search
  readonly seed: number
  readonly intervention?: Intervention | undefined
}

/**
 * Why a run cannot go on by itself: it has `ended`, or its root has and fibers are `left`; only time could move it, and
 * that waits to be told (`asleep`), or not even that (`quiescent`).
 */
export type Stop = "ended" | "left" | "quiescent" | "asleep" | "steps" | "starved" | "thrown"

/** What is done to a run besides scheduling it. */
export interface Intervention {
  /** A run begins, which may be the same once more. */
  readonly begins: () => void
  /** Asked before each operation: true preempts the fiber there. */
  readonly beforeOperation: (record: FiberRecord) => boolean
  /** Told before each task, and when there is none; true when it has made something runnable. */
  readonly betweenTasks: () => boolean
}

/** Listens to a run that is made once more for its trace. */
export interface Recorder {
  /** A fiber begins a slice, or goes on after those on its stack. */
  readonly enters: (record: FiberRecord) => void
  readonly preempted: (record: FiberRecord) => void
  readonly steps: (record: FiberRecord) => void
  /** It was served before others who have waited longer. */
  readonly overtakes: (record: FiberRecord, others: ReadonlyArray<FiberRecord>) => void
  /** Something is done to a fiber. */
  readonly remarks: (fiber: AnyFiber, text: string) => void
}
