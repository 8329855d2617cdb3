/** The workers of a pool: who is there, who is idle, who leaves. */
import { type Frame, Worker } from "./entry.ts"

export class Crew {
  size: number
  busy = 0
  /** Workers without a task. The last of them works next, so that as few as possible are used. */
  readonly idle: Array<Worker> = []
  private readonly workers: Array<Worker> = []
  /** Those that a shrink has taken out while they had a task. */
  private readonly leaving = new Set<Worker>()
  private readonly onLeft: (worker: Worker) => void

  constructor(size: number, onLeft: (worker: Worker) => void) {
    this.size = size
    this.onLeft = onLeft
  }

  /** Whether there is a worker without a task. Workers are hired when they are needed first. */
  hasIdle(): boolean {
    if (this.busy >= this.size) return false
    if (this.idle.length === 0) this.hire()
    return true
  }

  /** Hires all there may be: where tasks belong to certain workers. */
  hireAll(): void {
    while (this.workers.length < this.size) this.hire()
  }

  private hire(): void {
    const worker = new Worker(this.workers.length)
    this.workers.push(worker)
    this.idle.push(worker)
  }

  take(frame: Frame): Worker {
    this.busy++
    const worker = this.idle.pop()!
    worker.frame = frame
    return worker
  }

  giveBack(worker: Worker): void {
    this.busy--
    worker.frame = undefined
    if (!worker.retired) this.idle.push(worker)
    else if (this.leaving.delete(worker)) this.onLeft(worker)
  }

  /** Nobody is interrupted: a worker that is one too many leaves when its task has ended. */
  resize(size: number): void {
    this.size = size
    for (const worker of this.workers.splice(Math.min(size, this.workers.length))) {
      worker.retired = true
      if (worker.frame !== undefined) this.leaving.add(worker)
      else {
        this.idle.splice(this.idle.indexOf(worker), 1)
        this.onLeft(worker)
      }
    }
  }

  /** The tasks that have a worker. */
  frames(): ReadonlyArray<Frame> {
    return [...this.workers, ...this.leaving].flatMap(({ frame }) => (frame === undefined ? [] : [frame]))
  }
}
