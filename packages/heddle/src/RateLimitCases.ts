/**
 * What limits answer: one table for everything that keeps a limit. The pure step, the limiter in memory and every store are
 * held against it, and so can yours be.
 *
 * The names are those of the cases that they come from: RATE of golang.org/x/time/rate, UB of go.uber.org/ratelimit, FS of
 * failsafe-go, R of the libraries of JavaScript.
 *
 * @since 0.1.0
 */
import * as RateLimit from "./RateLimit.ts"

/**
 * At a time, in milliseconds since the first of a case, somebody asks for so many tokens. The answer is `true`, or the time
 * before which it cannot be. `available` is what could be taken before that.
 *
 * @since 0.1.0
 * @category models
 */
export type Row = readonly [at: number, n: number, answer: true | number, available?: number]

/**
 * @since 0.1.0
 * @category models
 */
export interface Case {
  readonly name: string
  readonly limit: RateLimit.RateLimit
  readonly rows: ReadonlyArray<Row>
}

const second = "1 second"
const never = Infinity

/** The same rows for both algorithms that keep the same promise. */
const bucket = (name: string, options: RateLimit.BurstOptions, rows: ReadonlyArray<Row>): ReadonlyArray<Case> => [
  { name: `${name}, token bucket`, limit: RateLimit.tokenBucket(options), rows },
  { name: `${name}, gcra`, limit: RateLimit.gcra(options), rows }
]

/** For those that answer alike where all is taken at once. */
const windows = (name: string, options: RateLimit.Options, rows: ReadonlyArray<Row>): ReadonlyArray<Case> => [
  { name: `${name}, fixed window`, limit: RateLimit.fixedWindow(options), rows },
  { name: `${name}, sliding log`, limit: RateLimit.slidingLog(options), rows }
]

const repeated = (times: number, row: Row): ReadonlyArray<Row> => Array.from({ length: times }, () => row)

/**
 * @since 0.1.0
 * @category cases
 */
export const cases: ReadonlyArray<Case> = [
  ...bucket("RATE-01 a burst of one", { limit: 10, interval: second, burst: 1 }, [
    [0, 1, true, 1],
    [0, 1, 100, 0],
    [0, 1, 100, 0],
    [100, 1, true, 1],
    [100, 1, 200, 0],
    [100, 1, 200, 0],
    [200, 2, never, 1],
    [200, 1, true, 1],
    [200, 1, 300, 0]
  ]),
  ...bucket("RATE-02 a burst of three", { limit: 10, interval: second, burst: 3 }, [
    [0, 2, true, 3],
    [0, 2, 100, 1],
    [0, 1, true, 1],
    [0, 1, 100, 0],
    [100, 4, never, 1],
    [200, 1, true, 2],
    [300, 1, true, 2],
    [400, 1, true, 2],
    [400, 1, true, 1],
    [400, 1, 500, 0],
    [400, 1, 500, 0],
    [900, 3, true, 3],
    [900, 0, true, 0]
  ]),
  ...bucket("RATE-03 a clock that goes back is taken to stand still", { limit: 10, interval: second, burst: 3 }, [
    [100, 1, true, 3],
    [0, 1, true, 2],
    [0, 1, true, 1],
    [0, 1, 200, 0],
    [100, 1, 200, 0],
    [200, 1, true, 1],
    [200, 1, 300, 0]
  ]),
  ...bucket("RATE-04 a rate below one a second", { limit: 0.7692307692307693, interval: second, burst: 1 }, [
    [0, 1, true, 1],
    [1299, 1, 1300]
  ]),
  ...bucket("RATE-05 fifteen at once", { limit: 1, interval: second, burst: 5 }, [
    ...repeated(5, [0, 1, true]),
    ...repeated(10, [0, 1, 1000])
  ]),
  ...bucket("RATE-07 a rate of nothing", { limit: 0, interval: second, burst: 1 }, [
    [0, 1, true, 1],
    [0, 1, never, 0],
    [31_536_000_000, 1, never, 0]
  ]),
  ...bucket("RATE-09 a token in 317 years", { limit: 1e-10, interval: second, burst: 1 }, [
    [0, 1, true, 1],
    [1000, 1, 1e13],
    [31_536_000_000, 1, 1e13]
  ]),
  ...bucket("10^9 a second", { limit: 1e9, interval: second, burst: 1000 }, [
    [0, 1000, true, 1000],
    [0, 1, 0.000_001, 0],
    [0.000_5, 500, true, 500],
    [0.000_5, 1, 0.000_501, 0],
    [31_536_000_000, 1000, true, 1000],
    [31_536_000_000, 1000, 31_536_000_000.001, 0]
  ]),
  ...bucket("a token in 2.5 seconds", { limit: 0.4, interval: second, burst: 2 }, [
    [0, 2, true, 2],
    [2499, 1, 2500],
    [2500, 1, true, 1],
    [2500, 2, 7500, 0]
  ]),
  ...bucket("parts of tokens", { limit: 10, interval: second, burst: 1 }, [
    [0, 0.5, true, 1],
    [0, 0.75, 25, 0.5],
    [25, 0.75, true, 0.75],
    [25, 0.5, 75, 0]
  ]),
  ...bucket("an idle time gives the burst once", { limit: 10, interval: second, burst: 2 }, [
    [0, 2, true, 2],
    [60_000, 2, true, 2],
    [60_000, 1, 60_100, 0],
    [120_000, 1, true, 2],
    [120_000, 1, true, 1],
    [120_000, 1, 120_100, 0]
  ]),
  ...bucket("R20 five a minute", { limit: 5, interval: "1 minute" }, [
    ...repeated(5, [0, 1, true]),
    [0, 1, 12_000, 0],
    [36_000, 1, true, 3],
    [36_000, 2, true, 2],
    [36_000, 1, 48_000, 0]
  ]),
  {
    name: "UB-05 slack is not there at first",
    limit: RateLimit.leakyBucket({ limit: 10, interval: second, slack: 10 }),
    rows: [
      [0, 1, true, 1],
      [0, 1, 100, 0],
      [100, 1, true, 1],
      [100, 1, 200, 0]
    ]
  },
  {
    name: "UB-05 the same without slack, which is a spacing of at least the interval (FS-S1)",
    limit: RateLimit.leakyBucket({ limit: 10, interval: second }),
    rows: [
      [0, 1, true, 1],
      [0, 1, 100, 0],
      [150, 1, true, 1],
      [150, 1, 250, 0],
      [210, 1, 250, 0.6],
      [60_000, 1, true, 1],
      [60_000, 1, 60_100, 0]
    ]
  },
  {
    name: "UB-08 after 45 ms at 100 a second, three turns that were missed",
    limit: RateLimit.leakyBucket({ limit: 100, interval: second, slack: 10 }),
    rows: [[0, 1, true], ...repeated(4, [45, 1, true]), [45, 1, 50], [50, 1, true], [50, 1, 60], [60, 1, true]]
  },
  {
    name: "UB-09 after any idle time, slack and one more",
    limit: RateLimit.leakyBucket({ limit: 1, interval: second, slack: 2 }),
    rows: [[0, 1, true], ...repeated(3, [4000, 1, true]), [4000, 1, 5000], [5000, 1, true], [5000, 1, 6000]]
  },
  {
    name: "slack that nobody used for ten times its length lapses",
    limit: RateLimit.leakyBucket({ limit: 1, interval: second, slack: 2 }),
    rows: [
      [0, 1, true],
      [33_000, 1, true, 1],
      [33_000, 1, 34_000, 0]
    ]
  },
  ...windows("R1 two in 200 ms", { limit: 2, interval: "200 millis" }, [
    [0, 1, true, 2],
    [0, 1, true, 1],
    [120, 1, 200, 0],
    [220, 1, true, 2],
    [220, 1, true, 1],
    [220, 1, 420, 0]
  ]),
  ...windows("R13 more than there ever is", { limit: 2, interval: second }, [
    [0, 1, true, 2],
    [0, 3, never, 1],
    [0, 2, 1000, 1]
  ]),
  ...windows("R20 five a minute", { limit: 5, interval: "1 minute" }, [
    ...repeated(5, [0, 1, true]),
    [0, 1, 60_000, 0],
    [30_000, 1, 60_000, 0],
    [60_000, 1, true, 5],
    [60_000, 4, true, 4]
  ]),
  ...windows("parts of tokens", { limit: 1, interval: second }, [
    [0, 0.5, true, 1],
    [0, 0.25, true, 0.5],
    [0, 0.5, 1000, 0.25],
    [1000, 1, true, 1]
  ]),
  {
    name: "FS-B a fixed window opens with what is taken first, and never holds more than its limit",
    limit: RateLimit.fixedWindow({ limit: 5, interval: second }),
    rows: [
      [300, 3, true, 5],
      [1299, 3, 1300, 2],
      [1550, 5, true, 5],
      [1550, 1, 2550, 0],
      [60_000, 5, true, 5],
      [60_000, 1, 61_000, 0]
    ]
  },
  {
    name: "two fixed windows meet: twice the limit",
    limit: RateLimit.fixedWindow({ limit: 5, interval: second }),
    rows: [
      [0, 1, true],
      [999, 4, true],
      [1000, 5, true],
      [1000, 1, 2000]
    ]
  },
  {
    name: "two sliding windows meet: the one before counts for what of it is within a second",
    limit: RateLimit.slidingWindow({ limit: 10, interval: second }),
    rows: [
      [0, 1, true, 10],
      [900, 9, true, 9],
      [1000, 1, 1100, 0],
      [1100, 1, true, 1],
      [1500, 5, 1600, 4],
      [1500, 4, true, 4],
      [2000, 10, 3000, 5]
    ]
  },
  {
    name: "a sliding log is exact",
    limit: RateLimit.slidingLog({ limit: 3, interval: second }),
    rows: [
      [0, 1, true, 3],
      [400, 2, true, 2],
      [999, 1, 1000, 0],
      [1000, 2, 1400, 1],
      [1000, 1, true, 1],
      [1399, 1, 1400, 0],
      [1400, 2, true, 2],
      [1400, 1, 2000, 0]
    ]
  },
  {
    name: "R10 two limits at once: each holds, and a refusal takes from neither",
    limit: RateLimit.all(
      RateLimit.leakyBucket({ limit: 10, interval: second }),
      RateLimit.fixedWindow({ limit: 2, interval: second })
    ),
    rows: [
      [0, 1, true, 1],
      [0, 1, 100, 0],
      [100, 1, true, 1],
      [150, 1, 1000, 0],
      [1000, 1, true, 1],
      [1000, 1, 1100, 0],
      [1100, 1, true, 1]
    ]
  },
  {
    name: "no limit",
    limit: RateLimit.unlimited,
    rows: [
      [0, 1e9, true, Infinity],
      [0, 1e9, true, Infinity]
    ]
  }
]
