/** What a pool tells of itself: its counts; who waits and who works, to whoever observes it; and how long, if it has a name. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"

import { Histogram } from "../histogram.ts"
import { observe, type Subject } from "../observer.ts"
import type { AnyExit, Entry, Frame } from "./entry.ts"
import type { Latency, Stats } from "./model.ts"

type Standing = Pick<Stats, "workers" | "active" | "idle" | "queued" | "waiting" | "retrying">

export class Books {
  submitted = 0
  dropped = 0
  running = 0
  private succeeded = 0
  private failed = 0
  private interrupted = 0
  private readonly standing: () => Standing
  private readonly timings: Timings | undefined
  private readonly subject: Subject | undefined

  /** `standing` tells what it does not count itself: who works and who waits at this instant. */
  constructor(pool: string | undefined, services: Context.Context<never>, standing: () => Standing) {
    this.standing = standing
    this.timings = pool === undefined ? undefined : new Timings(Context.get(services, Clock.Clock))
    this.subject = observe("WorkerPool", pool, () => this.counts())
  }

  private counts() {
    const { dropped, failed, interrupted, running, submitted, succeeded } = this
    return { ...this.standing(), running, submitted, succeeded, failed, interrupted, dropped }
  }

  stats(): Stats {
    return { ...this.counts(), ...this.timings?.stats(), ...this.subject?.parties() }
  }

  waits(entry: Entry): void {
    this.timings?.waits(entry.framed())
    this.subject?.waits(entry)
  }

  /** Waits no more, and has not begun. */
  leaves(entry: Entry): void {
    this.subject?.leaves(entry)
  }

  works(frame: Frame): void {
    this.running++
    this.timings?.begins(frame)
    if (this.subject === undefined) return
    if (frame.entry.state === "queued") this.subject.serves(frame.entry)
    else this.subject.takes(frame.entry)
  }

  stops(frame: Frame): void {
    this.running--
    this.timings?.ends(frame)
    this.subject?.leaves(frame.entry)
  }

  ended(exit: AnyExit): void {
    if (exit._tag === "Success") this.succeeded++
    else if (Cause.hasInterruptsOnly(exit.cause)) this.interrupted++
    else this.failed++
  }
}

class Timings {
  private readonly clock: Clock.Clock
  private readonly queueTime = new Histogram()
  private readonly runTime = new Histogram()

  constructor(clock: Clock.Clock) {
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
