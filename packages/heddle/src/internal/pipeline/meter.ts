/**
 * What a stage counts and measures, over all runs of its pipeline.
 *
 * Two looks at the clock cost as much as a short element itself: of those that take less than a millisecond one in 16 is
 * timed and stands for the others. Who takes longer is always timed.
 */
import type { Clock } from "effect/Clock"
import * as Duration from "effect/Duration"

import { LatencyWindow } from "../latencyWindow.ts"

const shortNanos = 1_000_000
const manyShort = 16

/** Of one element. */
export interface Timing {
  begun: number
  /** How many elements it stands for; 0 if it is not timed. */
  standsFor: number
}

const nanosOf = (clock: Clock): number => Number(clock.monotonicTimeNanosUnsafe())

export class Meter {
  in = 0
  out = 0
  failed = 0
  retried = 0
  inFlight = 0
  queued = 0
  waiting = 0
  private readonly shifts = new Set<Shift>()
  private latencies: LatencyWindow | undefined
  private busyNanos = 0
  /** Of the runs that are over. */
  private slotNanos = 0
  /** One element in so many is timed. */
  private every = 1
  private untilTimed = 1

  /** An element begins. */
  begin(clock: Clock, timing: Timing): void {
    if (--this.untilTimed > 0) {
      timing.standsFor = 0
      return
    }
    this.untilTimed = this.every
    timing.standsFor = this.every
    timing.begun = nanosOf(clock)
  }

  /** It has ended. */
  end(clock: Clock, { begun, standsFor }: Timing): void {
    if (standsFor === 0) return
    const nanos = Math.max(0, nanosOf(clock) - begun)
    this.latencies ??= new LatencyWindow()
    this.latencies.record(nanos)
    this.busyNanos += nanos * standsFor
    this.every = nanos < shortNanos ? manyShort : 1
    this.untilTimed = Math.min(this.untilTimed, this.every)
  }

  /** A run begins. */
  open(shift: Shift): Shift {
    this.shifts.add(shift)
    return shift
  }

  /** It is over. */
  close(shift: Shift): void {
    if (this.shifts.delete(shift)) this.slotNanos += shift.slotNanos()
  }

  percentile(percent: number): Duration.Duration {
    return Duration.nanos(BigInt(Math.round(this.latencies?.percentile(percent) ?? 0)))
  }

  /** The share of the slots' time in which they were used, from 0 to 1. */
  utilisation(): number {
    let busy = this.busyNanos
    let slots = this.slotNanos
    for (const shift of this.shifts) {
      busy += shift.busyNanos()
      slots += shift.slotNanos()
    }
    return slots === 0 ? 0 : Math.min(1, busy / slots)
  }
}

/** What a run in progress adds to the figures. */
export class Shift {
  private readonly clock: Clock
  private readonly slots: number
  private readonly workers: Iterable<Timing & { readonly isBusy: boolean }>
  private readonly opened: number

  constructor(clock: Clock, slots: number, workers: Iterable<Timing & { readonly isBusy: boolean }>) {
    this.clock = clock
    this.slots = slots
    this.workers = workers
    this.opened = nanosOf(clock)
  }

  /** Nanoseconds that the elements which run now have run. */
  busyNanos(): number {
    const now = nanosOf(this.clock)
    let nanos = 0
    for (const { begun, isBusy, standsFor } of this.workers) if (isBusy && standsFor > 0) nanos += now - begun
    return nanos
  }

  /** Nanoseconds that the slots of the run have existed, used or not. */
  slotNanos(): number {
    return (nanosOf(this.clock) - this.opened) * this.slots
  }
}
