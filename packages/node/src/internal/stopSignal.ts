/**
 * An `AbortSignal` for a task that may never give the event loop a turn: whoever reads `aborted` or calls
 * `throwIfAborted` reads the shared memory, and listeners are called when the thread's event loop gets to it.
 */
export interface StopSignal {
  readonly signal: AbortSignal
  readonly abort: () => void
}

export const makeStopSignal = (isStopping: () => boolean): StopSignal => {
  const controller = new AbortController()
  const { signal } = controller
  let aborted = false
  const abort = () => {
    aborted = true
    controller.abort(new DOMException("the task was interrupted", "AbortError"))
  }
  // whichever reads first: `reason` and the listeners agree with `aborted`
  const look = () => {
    if (!aborted && isStopping()) abort()
    return aborted
  }
  Object.defineProperty(signal, "aborted", { get: look })
  Object.defineProperty(signal, "throwIfAborted", {
    value: () => {
      if (look()) throw signal.reason
    }
  })
  return { signal, abort }
}
