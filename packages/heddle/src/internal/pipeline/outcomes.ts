/**
 * The elements of one stage of one run that have a slot, and what becomes of them.
 *
 * ```
 *   occupy ──▶ in a slot ── succeeds ──▶ results
 *                  ├─ fails, and is recovered ──▶ left out
 *                  └─ fails ──▶ failures, and the cutoff: nothing behind it begins or leaves
 * ```
 */
import * as Cause from "effect/Cause"
import type { Clock } from "effect/Clock"
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

import { combine, type Failure, isNoFailure, logLate } from "./failures.ts"
import { type Lane, Lanes } from "./lanes.ts"
import { InArrivalOrder, InInputOrder, type Results } from "./results.ts"
import type { Config } from "./stageConfig.ts"
import { isFinished, type Worker } from "./worker.ts"

export class Outcomes<In, Out, Failed, E, R> {
  readonly results: Results<Out>
  readonly lanes: Lanes<In> | undefined
  /** Slots in use. */
  active = 0
  /** Elements with a higher number are neither started nor delivered. */
  cutoff = Infinity
  private readonly failures: Array<Failure<E>> = []
  private readonly config: Config<In, Out, Failed, E, R>
  private readonly clock: Clock
  private readonly onCut: () => void

  constructor(config: Config<In, Out, Failed, E, R>, clock: Clock, onCut: () => void) {
    this.config = config
    this.clock = clock
    this.onCut = onCut
    this.results = config.ordered ? new InInputOrder() : new InArrivalOrder()
    this.lanes = config.key === undefined ? undefined : new Lanes(config.key)
  }

  hasRoom(): boolean {
    const { buffer, concurrency, ordered, readAhead } = this.config
    const room = ordered && !this.results.isReady() ? readAhead : buffer
    return this.active + this.results.size < concurrency + room
  }

  occupy(worker: Worker<In, Out>, sequence: number, input: In, lane: Lane<In> | undefined): void {
    const { meter } = this.config
    this.active++
    meter.in++
    meter.inFlight++
    worker.sequence = sequence
    worker.input = input
    worker.lane = lane
    worker.isBusy = true
    worker.recovers = false
    meter.begin(this.clock, worker)
  }

  /** The element is over, and its slot is free. */
  private vacate(worker: Worker<In, Out>): void {
    const { meter } = this.config
    worker.isBusy = false
    this.active--
    meter.inFlight--
    meter.end(this.clock, worker)
    if (worker.lane !== undefined) this.lanes?.leave(worker.lane)
  }

  /** What the worker ran for its element has given this. */
  complete(worker: Worker<In, Out>, result: Out): void {
    if (worker.recovers) this.leaveOut(worker)
    else this.succeed(worker, result)
  }

  succeed(worker: Worker<In, Out>, result: Out): void {
    const { fate, meter } = this.config
    this.vacate(worker)
    meter.queued++
    this.results.put(worker.sequence, fate.succeeded(worker.input as In, result))
  }

  private leaveOut(worker: Worker<In, Out>): void {
    const { fate, meter } = this.config
    meter.failed++
    this.vacate(worker)
    this.results.skip(worker.sequence)
    fate.leftOut(worker.input as In)
  }

  /** The worker's element has failed. True if its recovery has to be run. */
  recovery(worker: Worker<In, Out>, cause: Cause.Cause<Failed>): boolean {
    const { explain, recover } = this.config
    const input = worker.input as In
    const late = worker.sequence > this.cutoff
    if (recover === undefined) {
      this.fail(worker, explain(input, cause))
      return false
    }
    const failure = cause.reasons.find(Cause.isFailReason)
    // where failures are left out, they are not among the errors of the run either
    if (late || failure === undefined || Cause.hasDies(cause)) {
      this.fail(worker, Cause.fromReasons(cause.reasons.filter(isNoFailure)))
      return false
    }
    worker.recovers = true
    worker.effect = recover(input, failure.error)
    if (!isFinished(worker.effect)) return true
    if (worker.effect._tag === "Success") this.leaveOut(worker)
    else this.fail(worker, worker.effect.cause)
    return false
  }

  /** The element ends without a result, and the run with it. */
  fail(worker: Worker<In, Out>, cause: Cause.Cause<E>): void {
    const { fate, meter, ordered } = this.config
    const { sequence } = worker
    const late = sequence > this.cutoff
    this.vacate(worker)
    this.failures.push({ sequence, cause, late })
    if (!late || !Cause.hasInterruptsOnly(cause)) fate.failed(worker.input as In, cause)
    if (late) return
    meter.failed++
    this.cutAt(ordered ? sequence : -1)
  }

  /** Upstream has failed: that came after every element. */
  failUpstream(cause: Cause.Cause<E>): void {
    this.failures.push({ sequence: Infinity, cause, late: this.isCut })
  }

  get isCut(): boolean {
    return this.cutoff !== Infinity
  }

  /** Stops all that comes behind. */
  cutAt(sequence: number): void {
    const { meter } = this.config
    this.cutoff = Math.min(this.cutoff, sequence)
    if (this.lanes !== undefined) {
      meter.waiting -= this.lanes.parked
      this.lanes.dropBehind(this.cutoff)
      meter.waiting += this.lanes.parked
    }
    this.onCut()
  }

  /** What died in a cleanup is logged at the end of a run that was stopped: it has nowhere else to go. */
  logLate(): Effect.Effect<void> {
    return logLate(this.failures)
  }

  /** How the stage ends, when everything in it has. */
  end(): Exit.Exit<never, E | Cause.Done> {
    return this.failures.length === 0 ? Exit.fail(Cause.Done()) : Exit.failCause(combine(this.failures))
  }
}
