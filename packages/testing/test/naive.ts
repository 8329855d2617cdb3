/**
 * An explorer that shares nothing with ours, to compare with: it preempts before every operation, and takes whatever is
 * in the queue in any order, by depth-first search over prefixes. Exponential, so for very small programs.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Scheduler from "effect/Scheduler"

type Choose = (alternatives: number) => number

class EveryOperation implements Scheduler.Scheduler {
  readonly executionMode = "async" as const
  readonly tasks: Array<() => void> = []
  /** A fiber goes on with two operations: the end of its yield, and the one that was postponed. */
  private readonly skip = new WeakMap<object, number>()

  shouldYield(fiber: object): boolean {
    const skip = this.skip.get(fiber) ?? 0
    this.skip.set(fiber, skip > 0 ? skip - 1 : 2)
    return skip === 0
  }
  makeDispatcher(): Scheduler.SchedulerDispatcher {
    return { scheduleTask: (run) => void this.tasks.push(run), flush: () => {} }
  }
}

export const makeClock = () => {
  let now = 0
  const sleepers: Array<{ readonly at: number; readonly wake: () => void }> = []
  const clock: Clock.Clock = {
    currentTimeMillisUnsafe: () => now,
    currentTimeMillis: Effect.sync(() => now),
    currentTimeNanosUnsafe: () => BigInt(now) * 1_000_000n,
    currentTimeNanos: Effect.sync(() => BigInt(now) * 1_000_000n),
    monotonicTimeNanosUnsafe: () => BigInt(now) * 1_000_000n,
    monotonicTimeNanos: Effect.sync(() => BigInt(now) * 1_000_000n),
    sleep: (duration) =>
      Effect.callback<void>((resume) => {
        const sleeper = { at: now + Duration.toMillis(duration), wake: () => resume(Effect.void) }
        sleepers.push(sleeper)
        return Effect.sync(() => void sleepers.splice(sleepers.indexOf(sleeper), 1))
      })
  }
  /** Those whose time comes next, all of them at once. */
  const advance = (): ReadonlyArray<() => void> => {
    now = Math.min(...sleepers.map(({ at }) => at))
    const due = sleepers.filter(({ at }) => at === now)
    for (const sleeper of due) sleepers.splice(sleepers.indexOf(sleeper), 1)
    return due.map(({ wake }) => wake)
  }
  return { clock, advance, asleep: () => sleepers.length > 0 }
}

const once = (program: Effect.Effect<string>, choose: Choose): string => {
  const scheduler = new EveryOperation()
  const time = makeClock()
  const context = Context.add(Context.make(Clock.Clock, time.clock), Scheduler.Scheduler, scheduler)
  const root = Effect.runForkWith(context)(program)
  for (;;) {
    const { tasks } = scheduler
    if (tasks.length > 0) tasks.splice(tasks.length === 1 ? 0 : choose(tasks.length), 1)[0]!()
    else if (root.pollUnsafe() === undefined && time.asleep()) tasks.push(...time.advance())
    else break
  }
  const exit = root.pollUnsafe()
  return exit === undefined ? "stuck" : exit._tag === "Success" ? exit.value : "failed"
}

/** What can be reached, and how; undefined when that takes more runs than `limit`. */
export const naive = (make: () => Effect.Effect<string>, limit: number): Set<string> | undefined => {
  const found = new Set<string>()
  let prefix: Array<number> = []
  for (let runs = 0; runs < limit; runs++) {
    const choices: Array<readonly [choice: number, alternatives: number]> = []
    const choose: Choose = (alternatives) => {
      const choice = prefix[choices.length] ?? 0
      choices.push([choice, alternatives])
      return choice
    }
    found.add(once(make(), choose))
    let last = choices.length - 1
    while (last >= 0 && choices[last]![0] + 1 >= choices[last]![1]) last--
    if (last < 0) return found
    prefix = [...choices.slice(0, last).map(([choice]) => choice), choices[last]![0] + 1]
  }
  return undefined
}
