/** The limits as data. `RateLimit` makes and documents them. */
import type { TokenBucketState } from "./buckets.ts"
import type { SlidingLogState } from "./slidingLog.ts"
import type { FixedWindowState, SlidingWindowState } from "./windows.ts"

interface Rated {
  /** So many tokens… */
  readonly limit: number
  /** … every so many nanoseconds. */
  readonly interval: number
}

export interface TokenBucket extends Rated {
  readonly _tag: "TokenBucket"
  readonly burst: number
}

export interface Gcra extends Rated {
  readonly _tag: "Gcra"
  readonly burst: number
}

export interface LeakyBucket extends Rated {
  readonly _tag: "LeakyBucket"
  readonly slack: number
}

export interface FixedWindow extends Rated {
  readonly _tag: "FixedWindow"
}

export interface SlidingWindow extends Rated {
  readonly _tag: "SlidingWindow"
}

export interface SlidingLog extends Rated {
  readonly _tag: "SlidingLog"
}

export interface All {
  readonly _tag: "All"
  readonly limits: ReadonlyArray<RateLimit>
}

export interface Unlimited {
  readonly _tag: "Unlimited"
}

export type RateLimit = TokenBucket | Gcra | LeakyBucket | FixedWindow | SlidingWindow | SlidingLog | All | Unlimited

interface States {
  readonly TokenBucket: TokenBucketState
  readonly Gcra: number
  readonly LeakyBucket: number
  readonly FixedWindow: FixedWindowState
  readonly SlidingWindow: SlidingWindowState
  readonly SlidingLog: SlidingLogState
  readonly All: ReadonlyArray<AnyState>
  readonly Unlimited: null
}

export type AnyState =
  | TokenBucketState
  | number
  | FixedWindowState
  | SlidingWindowState
  | SlidingLogState
  | ReadonlyArray<AnyState>
  | null

export type State<L extends RateLimit> = States[L["_tag"]]
