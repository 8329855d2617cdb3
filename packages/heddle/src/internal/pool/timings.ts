/** How long tasks of a pool that has a name wait, and how long they run. */
import type { Clock } from "effect/Clock"
import * as Duration from "effect/Duration"

import { Histogram } from "../histogram.ts"
import type { Frame } from "./entry.ts"
import type { Latency } from "./model.ts"

export class Timings {
  private readonly clock: Clock
  private readonly queueTime = new Histogram()
  private readonly runTime = new Histogram()

  constructor(clock: Clock) {
    this.clock = clock
  }

  waits(frame: Frame): void {
    frame.since = this.now
  }

  begins(frame: Frame): void {
    const { now } = this
    this.queueTime.record(frame.since < 0 ? 0 : now - frame.since)
    frame.since = now
  }

  ends(frame: Frame): void {
    this.runTime.record(this.now - frame.since)
    frame.since = -1
  }

  stats(): { readonly queueTime: Latency; readonly runTime: Latency } {
    return { queueTime: summary(this.queueTime), runTime: summary(this.runTime) }
  }

  private get now(): number {
    return Number(this.clock.monotonicTimeNanosUnsafe())
  }
}

const nanos = (value: number): Duration.Duration => Duration.nanos(BigInt(Math.round(value)))

const summary = (histogram: Histogram): Latency => ({
  count: histogram.count,
  p50: nanos(histogram.quantile(0.5)),
  p99: nanos(histogram.quantile(0.99)),
  max: nanos(histogram.max)
})
