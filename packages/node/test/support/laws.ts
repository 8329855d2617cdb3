/** The tasks of the laws on threads, and the world in which they are watched: a piece of shared memory. */
import * as Effect from "effect/Effect"
import * as WorkerPoolLaws from "heddle/WorkerPoolLaws"

import * as ThreadTask from "../../src/ThreadTask.ts"
import { until } from "./until.ts"
import { makeWords, set } from "./words.ts"

const tasks = 10_000
const word = { began: 0, now: 1, most: 2, log: 8 }
const begun = word.log + tasks
const released = begun + tasks
const interrupted = released + tasks

export const makeWorld = (): WorkerPoolLaws.World & { readonly words: Int32Array } => {
  const words = makeWords(interrupted + tasks)
  return {
    words,
    begun: (id) => until(words, begun + id),
    interrupted: (id) => until(words, interrupted + id),
    release: (id) => Effect.sync(() => set(words, released + id)),
    log: Effect.sync(() => Array.from(words.subarray(word.log, word.log + Atomics.load(words, word.began)))),
    most: Effect.sync(() => Atomics.load(words, word.most)),
    settle: Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 20)))
  }
}

const enter = (words: Int32Array, id: number) => {
  Atomics.store(words, word.log + Atomics.add(words, word.began, 1), id)
  const now = Atomics.add(words, word.now, 1) + 1
  for (let most = Atomics.load(words, word.most); most < now; most = Atomics.load(words, word.most)) {
    Atomics.compareExchange(words, word.most, most, now)
  }
  set(words, begun + id)
}

export const lawful = ThreadTask.define(import.meta.url, "lawful", {
  error: WorkerPoolLaws.Rejected,
  run: ({ task: { does, id }, words }: { readonly task: WorkerPoolLaws.Task; readonly words: Int32Array }) => {
    enter(words, id)
    const leave = () => Atomics.sub(words, word.now, 1)
    switch (does) {
      case "hold":
        return until(words, released + id).pipe(
          Effect.as(id),
          Effect.onInterrupt(() => Effect.sync(() => set(words, interrupted + id))),
          Effect.ensuring(Effect.sync(leave))
        )
      case "succeed":
        leave()
        return id
      case "fail":
        leave()
        return Effect.fail(new WorkerPoolLaws.Rejected({ id }))
      default:
        leave()
        throw new Error(String(id))
    }
  }
})
