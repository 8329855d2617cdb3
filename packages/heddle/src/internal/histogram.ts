/**
 * Durations, counted in buckets: quantiles of any number of them in bounded memory.
 *
 * A bucket is 2.2 % wide: 32 of them for each doubling. What a quantile answers is the middle of its bucket, so it is within
 * `relativeError` of the value at that rank, whatever the distribution. A nanosecond to a hundred days are 1,700 buckets of
 * four bytes; as many exist as the largest duration so far needs. (A sample of the latest is exact for those, and says
 * nothing of the one in a thousand.)
 */
export class Histogram {
  count = 0
  max = 0
  private buckets = new Uint32Array(bucketsPerDoubling)

  /** Counts a duration in nanoseconds. Below one, it is taken for one. */
  record(nanos: number): void {
    const bucket = bucketOf(nanos)
    if (bucket >= this.buckets.length) this.grow(bucket + 1)
    this.buckets[bucket]!++
    this.count++
    if (nanos > this.max) this.max = nanos
  }

  /** The least duration that is not exceeded by so great a part of all; 0 where there is none. */
  quantile(part: number): number {
    let rank = Math.max(1, Math.ceil(part * this.count))
    for (let bucket = 0; bucket < this.buckets.length; bucket++) {
      rank -= this.buckets[bucket]!
      if (rank <= 0) return Math.min(middleOf(bucket), this.max)
    }
    return 0
  }

  private grow(needed: number): void {
    const buckets = new Uint32Array(Math.ceil(needed / bucketsPerDoubling) * bucketsPerDoubling)
    buckets.set(this.buckets)
    this.buckets = buckets
  }
}

const bucketsPerDoubling = 32

/** Half of a bucket's width: how far a quantile may be off, as a part of it. */
export const relativeError = 2 ** (0.5 / bucketsPerDoubling) - 1

const bucketOf = (nanos: number): number => (nanos > 1 ? Math.floor(Math.log2(nanos) * bucketsPerDoubling) : 0)

const middleOf = (bucket: number): number => 2 ** ((bucket + 0.5) / bucketsPerDoubling)
