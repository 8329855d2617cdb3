/** The task that runs on this thread, as it sees itself: there is one at a time. */

export interface Current {
  /** Whether the task was told to stop. One read of shared memory. */
  readonly interrupted: () => boolean
  readonly signal: () => AbortSignal
}

const never = new AbortController().signal

/** Outside of a pool's threads nobody is told to stop. */
const nobody: Current = { interrupted: () => false, signal: () => never }

let current: Current = nobody

export const enter = (task: Current): void => {
  current = task
}

export const leave = (): void => {
  current = nobody
}

export const interrupted = (): boolean => current.interrupted()

export const signal = (): AbortSignal => current.signal()
