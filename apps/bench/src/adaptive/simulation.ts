/** Calls arrive at a server, more than it can take, through an `AdaptiveLimiter`: what got through, how fast, under which limit. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { AdaptiveLimit } from "heddle/AdaptiveLimit"
import * as AdaptiveLimiter from "heddle/AdaptiveLimiter"

import { Server, type ServerOptions } from "./server.ts"
import { World } from "./world.ts"

export interface Scenario {
  readonly server: ServerOptions
  /** Arrivals per second, at random moments. Whoever is turned away does not come back. */
  readonly arrivals: number
  readonly seconds: number
  /** What the server becomes in the midst. */
  readonly change?: { readonly atSecond: number; readonly server: Partial<ServerOptions> }
}

export interface Run {
  readonly answers: ReadonlyArray<{ readonly second: number; readonly millis: number }>
  /** Ten per second. */
  readonly limits: ReadonlyArray<{ readonly second: number; readonly limit: number }>
  readonly arrived: number
  readonly rejected: number
  readonly timedOut: number
}

export const simulate = (scenario: Scenario, limit: AdaptiveLimit, seed: number): Run => {
  const world = new World(seed)
  const server = new Server(world, scenario.server)
  const limiter = AdaptiveLimiter.makeUnsafe({ limit })
  const call = AdaptiveLimiter.withPermit(limiter, server.call)
  const answers: Array<{ second: number; millis: number }> = []
  const limits: Array<{ second: number; limit: number }> = []
  const { change } = scenario
  let arrived = 0

  const arrive = () => {
    arrived++
    const begun = world.now
    world.start(call, (exit) => {
      if (Exit.isSuccess(exit)) answers.push({ second: world.now / 1000, millis: world.now - begun })
    })
    world.after(world.exponential(1000 / scenario.arrivals), arrive)
  }
  const look = () => {
    limits.push({ second: world.now / 1000, limit: Effect.runSync(AdaptiveLimiter.stats(limiter)).limit })
    world.after(100, look)
  }

  if (change !== undefined) world.after(change.atSecond * 1000, () => server.become(change.server))
  world.after(0, arrive)
  world.after(0, look)
  world.run(scenario.seconds * 1000)

  const { dropped, rejected } = Effect.runSync(AdaptiveLimiter.stats(limiter))
  return { answers, limits, arrived, rejected, timedOut: dropped }
}

/** Answers per second between two moments. */
export const throughput = ({ answers }: Run, from: number, to: number): number =>
  answers.filter(({ second }) => second >= from && second < to).length / (to - from)

/** What 99 of 100 answers between two moments did not exceed, in milliseconds. */
export const p99 = ({ answers }: Run, from: number, to: number): number => {
  const millis = answers.filter(({ second }) => second >= from && second < to).map(({ millis }) => millis)
  return millis.toSorted((a, b) => a - b)[Math.max(0, Math.ceil(millis.length * 0.99) - 1)] ?? 0
}

/** The mean limit between two moments. */
export const meanLimit = ({ limits }: Run, from: number, to: number): number => {
  const between = limits.filter(({ second }) => second >= from && second < to)
  return between.reduce((sum, { limit }) => sum + limit, 0) / between.length
}

/** How many seconds it takes from a moment on until the answers of two seconds are so many per second. */
export const settling = (run: Run, from: number, to: number, wanted: number): number => {
  for (let second = from; second + 2 <= to; second += 0.5) {
    if (throughput(run, second, second + 2) >= wanted) return second - from
  }
  return to - from
}
