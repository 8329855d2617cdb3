/**
 * What a run is made of. A run is a function of its seed and of what was chosen at its choice points; at each of them
 * there are at least two alternatives in a canonical order, and alternative 0 is what happens by default.
 */
/** Which interleavings are explored, the weakest first; each mode has all schedules of those before it. */
export type Mode = "stock" | "resume" | "op3" | "op"

export const modes: ReadonlyArray<Mode> = ["stock", "resume", "op3", "op"]

/** `alternative` was taken at choice point number `point`; everywhere else the default. */
export interface Deviation {
  readonly point: number
  readonly alternative: number
}

export type Schedule = ReadonlyArray<Deviation>

/**
 * - `dispatch`: the running fiber has stopped by itself; which task is next?
 * - `preemption`: the running fiber could go on (alternative 0) or be preempted for another task.
 * - `resume`: a fiber was resumed on the stack of another: at once (alternative 0), or later.
 * - `value`: `Explorer.choose`.
 */
export type PointKind = "dispatch" | "preemption" | "resume" | "value"
