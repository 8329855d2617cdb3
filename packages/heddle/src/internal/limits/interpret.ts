/** From a limit to the algorithm that keeps it. */
import { checkThat, describe } from "../defect.ts"
import type { Algorithm } from "./algorithm.ts"
import { gcra, leakyBucket, tokenBucket } from "./buckets.ts"
import { all, unlimited } from "./compound.ts"
import type { AnyState, RateLimit, State } from "./model.ts"
import { slidingLog } from "./slidingLog.ts"
import { fixedWindow, slidingWindow } from "./windows.ts"

/** An algorithm that knows what it keeps. */
export interface Interpreted<S> extends Algorithm<S> {
  readonly kept: RateLimit
}

// The states of different limits have different types, which the tag says and a map cannot.
const interpreted = new WeakMap<RateLimit, Interpreted<any>>()

const interpreters: {
  readonly [Tag in RateLimit["_tag"]]: (limit: RateLimit & { readonly _tag: Tag }) => Algorithm<any>
} = {
  TokenBucket: ({ burst, interval, limit }) => tokenBucket(limit, interval, burst),
  Gcra: ({ burst, interval, limit }) => gcra(limit, interval, burst),
  LeakyBucket: ({ interval, limit, slack }) => leakyBucket(limit, interval, slack),
  FixedWindow: ({ interval, limit }) => fixedWindow(limit, interval),
  SlidingWindow: ({ interval, limit }) => slidingWindow(limit, interval),
  SlidingLog: ({ interval, limit }) => slidingLog(limit, interval),
  All: ({ limits }) => all(limits.map(algorithmOf)),
  Unlimited: () => unlimited
}

const rated = ["limit", "interval"]

const parts: { readonly [Tag in RateLimit["_tag"]]: ReadonlyArray<string> } = {
  TokenBucket: [...rated, "burst"],
  Gcra: [...rated, "burst"],
  LeakyBucket: [...rated, "slack"],
  FixedWindow: rated,
  SlidingWindow: rated,
  SlidingLog: rated,
  All: [],
  Unlimited: []
}

/** Limits are data, which may have been read from somewhere: without a number in its place nobody would ever be served. */
const hasParts = (limit: RateLimit): boolean =>
  parts[limit._tag].every((part) => {
    const value: unknown = Reflect.get(limit, part)
    return Number.isFinite(value) && Number(value) >= (part === "interval" ? 1 : 0)
  })

/** Worked out once per limit. */
export const algorithmOf = <L extends RateLimit>(limit: L): Interpreted<State<L>> => {
  let algorithm = interpreted.get(limit)
  if (algorithm === undefined) {
    const interpret = interpreters[limit?._tag] as ((limit: L) => Algorithm<any>) | undefined
    if (interpret === undefined || !hasParts(limit)) throw new TypeError(`RateLimit: ${describe(limit)} is no limit`)
    algorithm = { ...interpret(limit), kept: limit }
    interpreted.set(limit, algorithm)
  }
  return algorithm
}

export type Carry = "keep" | "proportional" | "reset"

export const checkCarry = (operation: string, carry: Carry): Carry => {
  checkThat(carries.has(carry), operation, "carry", carry, `"keep", "proportional" or "reset"`)
  return carry
}

const carries: ReadonlySet<Carry> = new Set(["keep", "proportional", "reset"])

/** What becomes of a state when the limit changes: a window keeps what was taken in it, a bucket what is left. */
export const retuned = (
  previous: Interpreted<AnyState>,
  next: Interpreted<AnyState>,
  state: AnyState,
  now: number,
  carry: Carry
): AnyState => {
  const from = previous.kept
  const to = next.kept
  if (carry === "reset") return next.initial
  if (isSame(from, to)) return state
  if (from._tag === "All" && to._tag === "All" && from.limits.length === to.limits.length) {
    const states = state as State<typeof from>
    return states.map((state, index) =>
      retuned(algorithmOf(from.limits[index]!), algorithmOf(to.limits[index]!), state, now, carry)
    )
  }
  // of an unlimited one, and of one where nothing fits, all is left
  const share =
    previous.capacity > 0 && previous.capacity < Infinity ? previous.available(state, now) / previous.capacity : 1
  const sameWindow = from._tag === to._tag && (from._tag !== "SlidingWindow" || intervalOf(from) === intervalOf(to))
  if (sameWindow && previous.scale !== undefined) {
    return carry === "keep" || share === 1 ? state : previous.scale(state, next.capacity / previous.capacity)
  }
  const left = carry === "keep" ? previous.available(state, now) : share * next.capacity
  return next.withAvailable(now, Math.min(next.capacity, left))
}

export const isSame = (a: RateLimit, b: RateLimit): boolean => a === b || JSON.stringify(a) === JSON.stringify(b)

const intervalOf = (limit: RateLimit): number => ("interval" in limit ? limit.interval : 0)
