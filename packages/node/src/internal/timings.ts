/** How long tasks waited and ran: durations counted in buckets that are an eighth of a doubling wide. */
import * as Duration from "effect/Duration"
import type { Latency } from "heddle/WorkerPool"

const bucketsPerDoubling = 8
/** From a nanosecond to some days. */
const buckets = 50 * bucketsPerDoubling

class Counts {
  private readonly counts = new Uint32Array(buckets)
  private count = 0
  private max = 0

  record(nanos: number): void {
    const bucket = nanos > 1 ? Math.floor(Math.log2(nanos) * bucketsPerDoubling) : 0
    this.counts[Math.min(bucket, buckets - 1)]!++
    this.count++
    if (nanos > this.max) this.max = nanos
  }

  latency(): Latency {
    const quantile = (part: number) => Duration.nanos(BigInt(Math.round(this.quantile(part))))
    return {
      count: this.count,
      p50: quantile(0.5),
      p99: quantile(0.99),
      max: Duration.nanos(BigInt(Math.round(this.max)))
    }
  }

  private quantile(part: number): number {
    let rank = Math.ceil(part * this.count)
    for (let bucket = 0; rank > 0; bucket++) {
      rank -= this.counts[bucket]!
      if (rank <= 0) return Math.min(this.max, 2 ** ((bucket + 0.5) / bucketsPerDoubling))
    }
    return 0
  }
}

export class Timings {
  private readonly waits = new Counts()
  private readonly runs = new Counts()

  /** In milliseconds. */
  record(waited: number, ran: number): void {
    this.waits.record(waited * 1e6)
    this.runs.record(ran * 1e6)
  }

  get queueTime(): Latency {
    return this.waits.latency()
  }

  get runTime(): Latency {
    return this.runs.latency()
  }
}
