import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"

import * as Explorer from "../src/Explorer.ts"
import type { Deviation, PointKind, Schedule } from "../src/internal/model.ts"
import { RandomStream } from "../src/internal/seeded.ts"
import { exhaustiveSearch } from "../src/internal/strategies/exhaustive.ts"
import * as Strategy from "../src/Strategy.ts"
import { lostUpdate, run } from "./support.ts"

interface Choice {
  readonly count: number
  readonly kind: PointKind
}

const kinds: ReadonlyArray<PointKind> = ["dispatch", "preemption", "resume", "value"]

const preempts = ({ kind }: Choice): boolean => kind === "preemption" || kind === "resume"

const numberOf = (text: string): number =>
  Array.from(text).reduce((sum, character) => sum * 31 + character.charCodeAt(0), 7)

/** The choice that a program has after these; undefined where it ends. What it is depends on what was chosen before. */
const programOf =
  (seed: number) =>
  (taken: ReadonlyArray<number>): Choice | undefined => {
    const stream = new RandomStream(seed ^ numberOf(taken.join()))
    return taken.length >= 3 + stream.below(3)
      ? undefined
      : { count: 2 + stream.below(2), kind: kinds[stream.below(kinds.length)]! }
  }

type Program = ReturnType<typeof programOf>

interface Run {
  readonly schedule: Schedule
  readonly preemptions: number
}

/** Takes each choice as it is told, up to the end of the program. */
const follow = (program: Program, choose: (choice: Choice) => number): Run => {
  const taken: Array<number> = []
  const schedule: Array<Deviation> = []
  let preemptions = 0
  for (let choice = program(taken); choice !== undefined; choice = program(taken)) {
    const alternative = choose(choice)
    if (alternative > 0) {
      schedule.push({ point: taken.length, alternative })
      if (preempts(choice)) preemptions++
    }
    taken.push(alternative)
  }
  return { schedule, preemptions }
}

/** All runs, by trying everything. */
const everything = (program: Program): ReadonlyArray<Run> => {
  const all: Array<Run> = []
  const open: Array<ReadonlyArray<number>> = [[]]
  for (let taken = open.pop(); taken !== undefined; taken = open.pop()) {
    const prefix = [...taken]
    const choice = program(prefix)
    if (choice === undefined) all.push(follow(program, () => prefix.shift()!))
    else for (let next = 0; next < choice.count; next++) open.push([...prefix, next])
  }
  return all
}

const searched = (program: Program, options: Parameters<typeof exhaustiveSearch>[1]) => {
  const search = exhaustiveSearch(0, options)
  const runs: Array<Run> = []
  while (search.next() !== undefined) {
    const made = follow(program, ({ count, kind }) =>
      search.choose(count, { kind, candidates: count, keyOf: () => 0, yieldsOf: () => 0, digest: 0 })
    )
    search.done({ points: 0, steps: 0, schedule: made.schedule, redundant: false, drawsRandom: false, digest: 0 })
    runs.push(made)
  }
  return { runs, exhausted: search.exhausted?.(), complete: search.complete?.() }
}

const keys = (runs: ReadonlyArray<Run>) => runs.map((run) => JSON.stringify(run)).toSorted()

describe("an exhaustive search of programs made at random", () => {
  for (const order of ["preemptions", "deviations"] as const) {
    it(`by ${order}: everything within the bound, each schedule once, in that order`, () => {
      for (let seed = 0; seed < 150; seed++) {
        const program = programOf(seed)
        const all = everything(program)
        for (const preemptions of [0, 1, 2, Infinity]) {
          const within = all.filter((run) => run.preemptions <= preemptions)
          const { complete, exhausted, runs } = searched(program, { order, preemptions })
          assert.deepStrictEqual(keys(runs), keys(within), `seed ${seed}`)
          assert.isTrue(exhausted)
          assert.strictEqual(complete, within.length === all.length)
          const ranks = runs.map(({ preemptions, schedule: { length } }) =>
            order === "preemptions" ? preemptions * 100 + length : length
          )
          assert.deepStrictEqual(
            ranks,
            ranks.toSorted((a, b) => a - b),
            `seed ${seed}`
          )
        }
      }
    })
  }
})

describe("Strategy.exhaustive", () => {
  /** Goes wrong after one preemption; and after none, where two choices are not the default. */
  const twoWays = Effect.gen(function* () {
    const [one, other] = [yield* Explorer.choose(2), yield* Explorer.choose(2)]
    if (one + other === 2) return yield* Effect.die(new Error("two choices"))
    return yield* lostUpdate
  })
  const first = async (strategy: Strategy.Strategy) => {
    const { failure } = await run(Explorer.explore(twoWays, { strategy, shrink: false }))
    return failure?.trace.split("\n")[0]
  }

  it("finds first what takes the fewest preemptions, or the fewest deviations where those are asked for", async () => {
    assert.strictEqual(await first(Strategy.exhaustive()), "failed: Error: two choices")
    assert.strictEqual(await first(Strategy.exhaustive({ preemptions: 2 })), "failed: Error: two choices")
    assert.strictEqual(await first(Strategy.exhaustive({ order: "deviations" })), "failed: Error: an update was lost")
  })
})
