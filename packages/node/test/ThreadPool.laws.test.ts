/** The engine on threads keeps to the laws of `WorkerPool`. */
import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as WorkerPoolLaws from "heddle/WorkerPoolLaws"

import * as ThreadPool from "../src/ThreadPool.ts"
import { lawful, makeWorld } from "./support/laws.ts"

const subject = Effect.sync((): WorkerPoolLaws.Subject => {
  const { words, ...world } = makeWorld()
  return {
    world,
    make: ({ workers, ...options }) =>
      Effect.map(Effect.orDie(ThreadPool.make({ threads: workers, ...options })), (pool) =>
        ThreadPool.of(pool, (task: WorkerPoolLaws.Task) => lawful({ task, words }))
      )
  }
})

// a few at a time: each has threads of its own
describe("laws", { concurrent: false }, () => {
  for (const { check, name } of WorkerPoolLaws.laws(subject)) it.live(name, () => check)
})
