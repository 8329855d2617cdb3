/**
 * The latest latencies, and their percentiles. Pure: who observes says how long it took.
 *
 * A window of counts: each latency falls into a bucket that is a sixteenth of its value wide, and the oldest leaves its
 * bucket when the window is full. So memory is 5 KB whatever the traffic, and what was long ago does not count. (A sorted
 * array of the same window costs a move of a thousand numbers per observation; a sketch that never forgets goes on
 * believing in a night without traffic.)
 */
const windowSize = 2048

/** From a microsecond to 71 minutes: 16 buckets to each doubling, below 16 microseconds one to each. */
const buckets = 464
const largest = 0xff_ff_ff_ff

const bucketOf = (nanos: number): number => {
  const micros = Math.min(largest, Math.max(0, Math.floor(nanos / 1_000)))
  if (micros < 16) return micros
  const doublings = 31 - Math.clz32(micros)
  return (doublings - 3) * 16 + ((micros >>> (doublings - 4)) & 15)
}

/** Nanoseconds that are above all latencies of a bucket. */
const aboveBucket = (bucket: number): number => {
  if (bucket < 16) return (bucket + 1) * 1_000
  return (17 + (bucket % 16)) * 2 ** (Math.floor(bucket / 16) - 1) * 1_000
}

export class LatencyWindow {
  private readonly window = new Uint16Array(windowSize)
  private readonly counts = new Uint16Array(buckets)
  private recorded = 0

  get length(): number {
    return Math.min(this.recorded, windowSize)
  }

  record(nanos: number): void {
    const at = this.recorded % windowSize
    if (this.recorded >= windowSize) this.counts[this.window[at]!]!--
    this.window[at] = bucketOf(nanos)
    this.counts[this.window[at]]!++
    this.recorded++
  }

  /** Nanoseconds above which there are no more than the rest of the latencies, at most a sixteenth too many. */
  percentile(percent: number): number {
    const below = Math.ceil((this.length * percent) / 100)
    let bucket = 0
    for (let seen = this.counts[0]!; seen < below; seen += this.counts[bucket]!) bucket++
    return aboveBucket(bucket)
  }
}
