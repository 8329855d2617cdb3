/**
 * The simulation, and what its runs must show. They are seeded and in virtual time, so the same on every machine: the bounds
 * leave room for a change of the algorithms, not for chance.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as AdaptiveLimit from "heddle/AdaptiveLimit"

import { adaptive, attainable, limits, measures, type ScenarioName, scenarios } from "../src/adaptive.ts"
import { Heap } from "../src/adaptive/heap.ts"
import { Server } from "../src/adaptive/server.ts"
import { meanLimit, type Run, simulate } from "../src/adaptive/simulation.ts"
import { World } from "../src/adaptive/world.ts"

const runs = new Map<string, Run>()

const run = (scenario: ScenarioName, subject: string, seed = 1): Run => {
  const key = `${scenario} ${subject} ${seed}`
  let known = runs.get(key)
  if (known === undefined) runs.set(key, (known = simulate(scenarios[scenario], limits[subject]!, seed)))
  return known
}

const measured = (measure: keyof typeof measures, scenario: ScenarioName, subject: string, seed?: number) =>
  measures[measure].of(run(scenario, subject, seed), scenario)

describe("the world of the simulation", () => {
  it.prop("a heap gives back in order, and of equals the first first", [Schema.Array(Schema.Int)], ([keys]) => {
    const heap = new Heap<number>()
    const small = keys.map((key) => key % 10)
    small.forEach((key, index) => heap.push(key, index))
    const order = small.map((_, index) => index).toSorted((a, b) => small[a]! - small[b]! || a - b)
    assert.deepStrictEqual(
      small.map(() => heap.pop()),
      order
    )
    assert.strictEqual(heap.least, Infinity)
  })

  it("time passes when nothing can run, in the order of the timers", () => {
    const world = new World(1)
    const log: Array<string> = []
    const sleeper = (name: string, millis: number) =>
      Effect.andThen(
        Effect.sleep(millis),
        Effect.sync(() => log.push(`${name} ${world.now}`))
      )
    world.start(Effect.all([sleeper("b", 20), sleeper("a", 10)], { concurrency: 2 }), () => log.push("done"))
    world.start(Effect.flatMap(Effect.forkChild(sleeper("never", 5)), Fiber.interrupt), () => log.push("interrupted"))
    world.run(15)
    assert.deepStrictEqual(log, ["interrupted", "a 10"])
    world.run(100)
    assert.deepStrictEqual(log, ["interrupted", "a 10", "b 20", "done"])
    assert.strictEqual(world.now, 100)
  })

  it("up to the knee calls go at full speed, beyond it they share, and are in each other's way", () => {
    const perSecond = (concurrency: number, contention: number) => {
      const world = new World(7)
      const server = new Server(world, { cores: 10, workMillis: 50, contention, timeoutMillis: 1e9 })
      let answers = 0
      const again = () => world.start(server.call, () => (answers++, again()))
      for (let client = 0; client < concurrency; client++) again()
      world.run(100_000)
      return answers / 100
    }
    assert.closeTo(perSecond(5, 0), 100, 5)
    assert.closeTo(perSecond(10, 0), 200, 8)
    assert.closeTo(perSecond(40, 0), 200, 8)
    // twice as many as cores: everything takes half as long again
    assert.closeTo(perSecond(20, 0.5), 200 / 1.5, 8)
  })

  it("a caller goes away when his time is up, and his call with him", () => {
    const world = new World(3)
    const server = new Server(world, { cores: 1, workMillis: 1e6, contention: 0, timeoutMillis: 100 })
    const ends: Array<string> = []
    world.start(Effect.flip(server.call), (exit) => ends.push(`${exit._tag} at ${world.now}`))
    world.run(1_000)
    server.become({ workMillis: 1e-6 })
    world.start(server.call, (exit) => ends.push(exit._tag))
    world.run(2_000)
    assert.deepStrictEqual(ends, ["Success at 100", "Success"])
  })

  it("a run is the same every time", () => {
    const scenario = { ...scenarios.down, seconds: 10, change: { ...scenarios.down.change, atSecond: 5 } }
    const limit = AdaptiveLimit.gradient2()
    assert.deepStrictEqual(simulate(scenario, limit, 5), simulate(scenario, limit, 5))
    assert.notDeepEqual(simulate(scenario, limit, 5), simulate(scenario, limit, 6))
  })
})

const found = ["heddle-vegas", "heddle-gradient2"]

describe.each(found)("%s", (subject) => {
  it.each([1, 2])("finds the knee from a cold start, within ten seconds (seed %i)", (seed) => {
    assert.isAtMost(measured("settle", "steady", subject, seed), 10)
    const limit = meanLimit(run("steady", subject, seed), 20, 40)
    assert.isAtLeast(limit, 16)
    assert.isAtMost(limit, 16 * 1.8)
  })

  it.each(["steady", "up"] as const)("%s: nine tenths of the best fixed limit's throughput", (scenario) => {
    const best = measured("throughput", scenario, "fixed-16")
    assert.isAtLeast(measured("throughput", scenario, subject), 0.9 * best)
  })

  it("down: follows within 15 seconds, where the limit that was right gives less for good", () => {
    assert.isAtMost(measured("settle", "down", subject), 15)
    assert.isAtLeast(measured("throughput", "down", subject), 0.75 * attainable.down)
    assert.isAtMost(measured("throughput", "down", "fixed-16"), 0.7 * attainable.down)
  })

  it("down: p99 is at most two thirds of that of the limit that was right, once it has settled", () => {
    assert.isAtMost(measured("p99", "down", subject), measured("p99", "down", "fixed-16") * 0.66)
  })

  it("up: is there within ten seconds, where the limit that was right stays at a third", () => {
    assert.isAtMost(measured("settle", "up", subject), 10)
    assert.isAtMost(measured("throughput", "up", "fixed-5"), 0.4 * attainable.up)
  })

  it.each([1, 2])("slower: a server that became slower in itself keeps its limit (seed %i)", (seed) => {
    const best = measured("throughput", "slower", "fixed-16", seed)
    assert.isAtLeast(measured("throughput", "slower", subject, seed), 0.85 * best)
    assert.isAtLeast(meanLimit(run("slower", subject, seed), 50, 70), 16 * 0.8)
  })

  it("light: turns nobody away who could have been served", () => {
    assert.isAtMost(measured("rejected", "light", subject), 0.1)
  })
})

describe("heddle-aimd", () => {
  it("hears drops alone: it fills the server until calls time out", () => {
    assert.isAbove(measured("p99", "steady", "heddle-aimd"), 2 * measured("p99", "steady", "heddle-vegas"))
    assert.isAtLeast(measured("throughput", "steady", "heddle-aimd"), 2 * measured("throughput", "steady", "fixed-5"))
  })

  it("with a timeout of its own it stays near to that", () => {
    assert.isAtMost(measured("p99", "steady", "heddle-aimd-400ms"), 600)
    assert.isAtLeast(measured("throughput", "steady", "heddle-aimd-400ms"), 0.8 * 300)
  })
})

describe("adaptive", () => {
  it.effect("has its figures, each taken once", () =>
    Effect.gen(function* () {
      const figures = yield* adaptive.figures
      const ids = ["steady", "down", "up", "slower"].flatMap((scenario) =>
        ["throughput", "p99", "settle"].map((measure) => `adaptive/${scenario}-${measure}`)
      )
      assert.deepStrictEqual(
        figures.map(({ id }) => id),
        [...ids, "adaptive/light-rejected"]
      )
      assert.isTrue(figures.every(({ exact, subjects }) => exact === true && Object.keys(subjects).length === 7))
    })
  )
})
