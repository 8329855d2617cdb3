/**
 * Where those wake who wait for tasks: in order, never on the stack of whoever ended the task, and at most 256 on one turn of
 * the event loop. (Resuming an `Effect.callback` runs the resumed fiber inside the caller's stack, and that one may end another
 * task.)
 */
const perTurn = 256

export class Wakes {
  private queue: Array<() => void> = []
  private head = 0
  private scheduled = false

  push(wake: () => void): void {
    this.queue.push(wake)
    if (this.scheduled) return
    this.scheduled = true
    queueMicrotask(this.flush)
  }

  private readonly flush = (): void => {
    const end = Math.min(this.queue.length, this.head + perTurn)
    while (this.head < end) this.queue[this.head++]!()
    if (this.head < this.queue.length) {
      setImmediate(this.flush)
      return
    }
    this.queue = []
    this.head = 0
    this.scheduled = false
  }
}
