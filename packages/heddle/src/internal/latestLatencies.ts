/** The last 256 latencies, exact, for quantiles when somebody looks. (`latencyWindow` is for whoever asks before each call.) */
import * as Duration from "effect/Duration"

const kept = 256

export class LatestLatencies {
  private readonly nanos = new Float64Array(kept)
  private count = 0

  add(nanos: number): void {
    this.nanos[this.count++ % kept] = nanos
  }

  /** The least latency that so great a part did not exceed; undefined where there is none yet. */
  quantile(part: number): Duration.Duration | undefined {
    const sorted = this.nanos.slice(0, Math.min(this.count, kept)).toSorted()
    const nanos = sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)]
    return nanos === undefined ? undefined : Duration.millis(nanos / 1e6)
  }
}
