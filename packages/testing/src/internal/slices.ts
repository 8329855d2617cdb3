/**
 * Who runs. A fiber runs in slices, each from a first operation to where it stops. A task begins with one slice, and
 * others may begin inside of it: of a fiber that an operation starts or resumes on the spot, or of one that the same
 * task resumes next. All of it is told from the outside, at the first operation of each slice and when a task is
 * scheduled.
 */
import { type AnyFiber, FiberRecord, Fibers, nextFiberId } from "./fibers.ts"
import type { Dispatcher, ReadyQueue, Task } from "./readyQueue.ts"

export class Slices {
  readonly fibers = new Fibers()
  /** The fiber that runs. */
  current: FiberRecord | undefined = undefined
  /** Operations so far. */
  steps = 0
  /** Tasks, and fibers that no task has started, so far. */
  order = 0
  /** Tasks that are over. */
  private turns = 0

  private readonly ready: ReadyQueue
  /** The task that runs; whether none of its slices has begun yet. */
  private task: Task | undefined = undefined
  private fresh = false
  private lastScheduled: Task | undefined = undefined
  /** The number of a fiber that was made when a task was scheduled last. */
  private newestScheduled = 0

  constructor(ready: ReadyQueue) {
    this.ready = ready
  }

  reset(): void {
    this.fibers.reset()
    this.steps = this.order = this.turns = 0
    this.current = this.task = this.lastScheduled = undefined
  }

  /** A task begins, or the root where there is none. */
  begin(task: Task | undefined): void {
    this.task = task
    this.fresh = true
  }

  /** No fiber runs. */
  rest(): void {
    this.settle()
    this.task = this.current = undefined
    this.fresh = false
    this.turns++
  }

  recordOf(fiber: AnyFiber | undefined): FiberRecord | undefined {
    if (fiber === undefined) return undefined
    return this.current?.fiber === fiber ? this.current : this.fibers.get(fiber)
  }

  /** Whether a fiber is certain to be suspended: it waits for more than its turn, and the task of its last slice is over. */
  isSuspended(fiber: AnyFiber): boolean {
    const record = this.recordOf(fiber)
    return record !== undefined && this.waits(record)
  }
  /** Whether it waits for something else than a time. */
  readonly isParked = (record: FiberRecord): boolean => record.wakesAt === undefined && this.waits(record)

  private waits(record: FiberRecord): boolean {
    return !record.ended && record.continuation === undefined && record.turn !== this.turns
  }

  schedule(dispatcher: Dispatcher, run: () => void, priority: number, owner: FiberRecord | undefined): Task {
    const forced = owner?.forced === true
    const order = ++this.order
    const task: Task = {
      run,
      priority,
      turn: this.ready.turnOf(dispatcher),
      owner,
      step: this.steps,
      order,
      doing: owner?.doing,
      fiber: undefined,
      forced,
      key: order,
      yields: 0
    }
    this.ready.add(task)
    this.lastScheduled = task
    if (forced) {
      owner.forced = false
      this.continues(task, owner)
    }
    return task
  }

  continues(task: Task, record: FiberRecord): void {
    task.fiber = record
    task.key = record.key
    record.continuation = task
  }

  /** Tells the fibers that were made up to now from those that will be. */
  noteNewest(): void {
    this.newestScheduled = nextFiberId()
  }

  /**
   * A fiber begins a slice (at its first operation), or goes on after another on its stack. Undefined where it is not
   * of this run.
   */
  enter(fiber: AnyFiber, operation: number): FiberRecord | undefined {
    this.settle()
    const known = this.fibers.get(fiber)
    if (known === undefined && this.fibers.predates(fiber)) return undefined
    const record = operation === 1 || known === undefined ? this.beginSlice(fiber, known) : known
    record.turn = this.turns
    return (this.current = record)
  }

  /** A slice has ended: a task that its last operation scheduled is the fiber itself, which has yielded. */
  private settle(): void {
    const { current, lastScheduled: task } = this
    if (task === undefined || task.fiber !== undefined || current === undefined) return
    if (task.owner !== current || task.step !== this.steps || current.ended) return
    this.continues(task, current)
    task.yields = ++current.yields
  }

  private beginSlice(fiber: AnyFiber, known: FiberRecord | undefined): FiberRecord {
    const { current, fresh: started, task } = this
    this.fresh = false
    const record = known ?? this.register(fiber, started ? task : undefined, started ? task?.owner : parentOf(current))
    const direct = started && (known === undefined || task?.fiber === record)
    record.immediate = known === undefined && !started
    record.resumed = known !== undefined && !direct
    record.nested = !direct
    record.below = this.whatIsBelow(record)
    record.forced = false
    // to switch away from a fiber that was switched to this instant is another choice of what to switch to
    record.skip = direct ? (task?.forced === true ? 2 : 1) : record.immediate && !this.startsHere(fiber) ? 1 : 0
    const { continuation } = record
    record.continuation = undefined
    if (continuation !== undefined && continuation !== task) this.ready.abandon(continuation as Task)
    return record
  }

  /** The fibers that run in this task are a line; one that begins a slice leaves it, and joins it again at its end. */
  private whatIsBelow(record: FiberRecord): FiberRecord | undefined {
    for (let above = this.current; above !== undefined; above = above.below) {
      if (above.below === record) above.below = record.below
    }
    let below = this.current === record ? record.below : this.current
    while (below?.ended === true) below = below.below
    return below
  }

  /**
   * Whether a fiber that was not seen before, and that no task has started, is started by whoever forked it. If not, it
   * is interrupted before its start, and must not yield before it ends: the task that would have started it is still
   * in the queue, and would start it then. A fork that does not start at once schedules that task right after it made
   * the fiber.
   */
  private startsHere(fiber: AnyFiber): boolean {
    return fiber.id > this.newestScheduled
  }

  private register(fiber: AnyFiber, task: Task | undefined, parent: FiberRecord | undefined): FiberRecord {
    const record = new FiberRecord(
      fiber,
      task?.key ?? ++this.order,
      parent ?? (this.fibers.records.length > 0 ? this.task?.owner : undefined),
      task?.order ?? this.order,
      task === undefined ? parent?.doing : task.doing
    )
    this.fibers.add(record)
    return record
  }
}

/**
 * Who forked a fiber that started at once. One that started at once itself just before has most likely been suspended
 * since: `Effect.all` and its like start their fibers one after the other within one operation.
 */
const parentOf = (below: FiberRecord | undefined): FiberRecord | undefined =>
  below?.immediate === true ? below.parent : below
