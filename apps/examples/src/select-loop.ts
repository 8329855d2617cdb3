/** `for { select { … } }`: jobs, a ticker and a stop signal in one loop, beside the race that loses a job. */
import type * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Select from "heddle/Select"

import { printed } from "./support/run.ts"

/** Urgent jobs, ordinary ones, and a second without either: what a worker does until it is told to stop. */
const worker = (
  urgent: Queue.Dequeue<string>,
  ordinary: Queue.Dequeue<string, Cause.Done>,
  stop: Deferred.Deferred<void>
) =>
  Effect.gen(function* () {
    const log: Array<string> = []
    const write = (line: string) => Effect.sync(() => log.push(line) > 0)
    const next = Select.first(
      [
        Select.deferred(stop, () => Effect.succeed(false)),
        Select.queue(urgent, (job) => write(`urgent ${job}`)),
        Select.queue(
          ordinary,
          (job) => write(`ordinary ${job}`),
          () => Effect.as(write("no more"), false)
        ),
        Select.timer("1 second", () => write("idle"))
      ],
      { order: "listed" }
    )
    while (yield* next);
    return log.join(", ")
  })

const loop = Effect.gen(function* () {
  const urgent = yield* Queue.unbounded<string>()
  const ordinary = yield* Queue.unbounded<string, Cause.Done>()
  const stop = yield* Deferred.make<void>()
  const working = yield* Effect.forkChild(worker(urgent, ordinary, stop))
  yield* Queue.offerAll(ordinary, ["a", "b"])
  yield* Queue.offer(urgent, "x")
  yield* Queue.end(ordinary)
  return yield* Fiber.join(working)
})

/** Lets everybody do what there is to do: each turn is one task of whoever has one. Nothing here depends on the time. */
const untilQuiet = Effect.replicateEffect(Effect.yieldNow, 20, { discard: true })

/** Jobs arrive two at a time, one in each queue; a consumer takes from whichever has one, until nothing is left. */
const handled = (
  next: (a: Queue.Queue<number>, b: Queue.Queue<number>, handle: typeof check) => Effect.Effect<number>
) =>
  Effect.gen(function* () {
    const [a, b] = [yield* Queue.unbounded<number>(), yield* Queue.unbounded<number>()]
    let count = 0
    const consume = Effect.map(next(a, b, check), () => void count++)
    const consuming = yield* Effect.forkChild(Effect.forever(consume), { startImmediately: true })
    for (let job = 0; job < 20; job++) {
      yield* Queue.offer(a, job)
      yield* Queue.offer(b, job)
      yield* untilQuiet
    }
    yield* Fiber.interrupt(consuming)
    return `${count} of 40 jobs handled`
  })

const check = (job: number) => Effect.as(Effect.yieldNow, job)

const race = handled((a, b, handle) =>
  Effect.race(Effect.flatMap(Queue.take(a), handle), Effect.flatMap(Queue.take(b), handle))
)

const select = handled((a, b, handle) => Select.first([Select.queue(a, handle), Select.queue(b, handle)]))

export const program = Effect.gen(function* () {
  return [yield* loop, `race of two takes: ${yield* race}`, `select: ${yield* select}`]
})

if (import.meta.main) await printed(program)
