import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"

import * as Explorer from "../../src/Explorer.ts"
import { claim, type Exhibit } from "./exhibit.ts"

type Jobs = Queue.Queue<string>

const program = (next: (jobs: Jobs, run: (job: string) => Effect.Effect<void>) => Effect.Effect<void>) =>
  Effect.gen(function* () {
    const jobs: Jobs = yield* Queue.unbounded<string>()
    const done: Array<string> = []
    const run = (job: string) =>
      Effect.andThen(
        Explorer.step("run"),
        Effect.sync(() => void done.push(job))
      )
    const work = Effect.andThen(Explorer.step("next job"), next(jobs, run))
    const worker = yield* Effect.forkChild(Effect.forever(work))
    yield* Queue.offer(jobs, "job")
    yield* Effect.yieldNow
    yield* Explorer.step("stop the worker")
    yield* Fiber.interrupt(worker)
    yield* claim(done.length + (yield* Queue.size(jobs)) === 1, "the job is neither done nor in the queue")
  })

export const jobInHand: Exhibit = {
  bug: "A worker is stopped when it has taken a job from the queue and has not yet begun it.",
  broken: program((jobs, run) => Effect.flatMap(Queue.take(jobs), run)),
  // only the wait for a job can be interrupted
  mended: program((jobs, run) =>
    Effect.uninterruptibleMask((restore) => Effect.flatMap(restore(Queue.take(jobs)), run))
  ),
  verdict: "Failed",
  weakestMode: "op3"
}
