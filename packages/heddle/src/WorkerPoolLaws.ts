/**
 * What every engine of a worker pool keeps to, as a list of named effects: run each of them, and whatever breaks a law
 * fails with `LawBroken`.
 *
 * An engine is shown to the laws as a `Subject`: how to make a pool of it whose workers do what a `Task` says, and a `World`
 * in which the tasks can be watched and held. Engines that run tasks in this process take both from `makeWorld`; others
 * build a world of their own. No law knows of time: those that have to see that nothing happens ask the world to settle.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { equals } from "effect/Equal"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"

import { describe } from "./internal/defect.ts"
import * as WorkerPool from "./WorkerPool.ts"

/**
 * A task of the laws: plain data, so that it can be sent anywhere. The worker notes that it has begun, and then
 *
 * - `succeed`: succeeds with the id;
 * - `fail`: fails with `Rejected`;
 * - `die`: dies with an `Error` whose message is the id;
 * - `hold`: waits until the world releases it, and succeeds with the id.
 *
 * @since 0.1.0
 * @category models
 */
export interface Task {
  readonly id: number
  readonly does: "succeed" | "fail" | "die" | "hold"
}

/**
 * What a task fails with that is told to.
 *
 * @since 0.1.0
 * @category models
 */
export class Rejected extends Schema.TaggedError<Rejected>()("Rejected", { id: Schema.Number }) {}

/**
 * Where the tasks of one pool run.
 *
 * @since 0.1.0
 * @category models
 */
export interface World {
  /** Waits until the task has begun. */
  readonly begun: (id: number) => Effect.Effect<void>
  /** Waits until the task that holds has been interrupted. */
  readonly interrupted: (id: number) => Effect.Effect<void>
  /** Lets the task go on that holds, or will. */
  readonly release: (id: number) => Effect.Effect<void>
  /** The tasks that have begun so far, in that order. */
  readonly log: Effect.Effect<ReadonlyArray<number>>
  /** How many ran at a time, at the most so far. */
  readonly most: Effect.Effect<number>
  /** Waits until the engine has done whatever it can do without being asked. */
  readonly settle: Effect.Effect<void>
}

/**
 * @since 0.1.0
 * @category models
 */
export interface PoolOptions {
  readonly workers: number
  readonly capacity: number
  /** What a submission does that finds the queue full: waits, or fails with `PoolFull`. */
  readonly overflow: "suspend" | "fail"
}

/**
 * An engine, as the laws see it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Subject {
  readonly world: World
  /** A pool that is closed with the scope. It may have errors of its own besides `Rejected` and `PoolFull`. */
  readonly make: (
    options: PoolOptions
  ) => Effect.Effect<WorkerPool.WorkerPool<Task, number, unknown, unknown>, never, Scope.Scope>
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Law<in out R> {
  readonly name: string
  readonly check: Effect.Effect<void, LawBroken, R>
}

/**
 * An engine does not keep to a law.
 *
 * @since 0.1.0
 * @category errors
 */
export class LawBroken extends Schema.TaggedError<LawBroken>()("LawBroken", { message: Schema.String }) {}

/**
 * The handler and the world of engines that run tasks in this process.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeWorld: Effect.Effect<World & { readonly handle: (task: Task) => Effect.Effect<number, Rejected> }> =
  Effect.sync(() => {
    const log: Array<number> = []
    let now = 0
    let most = 0
    const gates = new Map<string, Deferred.Deferred<void>>()
    const gate = (name: string, id: number) => {
      const key = `${name} ${id}`
      let found = gates.get(key)
      if (found === undefined) gates.set(key, (found = Deferred.makeUnsafe()))
      return found
    }
    const open = (name: string, id: number) => Effect.asVoid(Deferred.succeed(gate(name, id), undefined))

    const act = ({ does, id }: Task): Effect.Effect<number, Rejected> => {
      if (does === "fail") return Effect.fail(new Rejected({ id }))
      if (does === "die") return Effect.die(new Error(String(id)))
      if (does === "succeed") return Effect.succeed(id)
      return Effect.as(Deferred.await(gate("release", id)), id)
    }
    const begin = (task: Task) =>
      Effect.suspend(() => {
        log.push(task.id)
        now++
        most = Math.max(most, now)
        return Effect.andThen(open("begun", task.id), act(task))
      })
    const end = (id: number) => (exit: Exit.Exit<number, Rejected>) => {
      now--
      return Exit.hasInterrupts(exit) ? open("interrupted", id) : Effect.void
    }
    return {
      handle: (task) => Effect.onExit(begin(task), end(task.id)),
      begun: (id) => Deferred.await(gate("begun", id)),
      interrupted: (id) => Deferred.await(gate("interrupted", id)),
      release: (id) => open("release", id),
      log: Effect.sync(() => [...log]),
      most: Effect.sync(() => most),
      settle: Effect.replicateEffect(Effect.yieldNow, 10, { discard: true })
    }
  })

/**
 * The laws for one engine. Each check makes a subject and a pool of its own.
 *
 * @since 0.1.0
 * @category laws
 */
export const laws = <R>(subject: Effect.Effect<Subject, never, R>): ReadonlyArray<Law<Exclude<R, Scope.Scope>>> =>
  statements.map(({ name, prove }) => ({
    name,
    check: Effect.scoped(Effect.flatMap(subject, prove))
  }))

type Check = Effect.Effect<void, LawBroken, Scope.Scope>
type Exits = ReadonlyArray<Exit.Exit<unknown, unknown>>

const statements: Array<{ readonly name: string; readonly prove: (subject: Subject) => Check }> = []

const law = (name: string, prove: (subject: Subject) => Effect.Effect<void, unknown, Scope.Scope>): void => {
  const explain = (error: unknown) =>
    error instanceof LawBroken ? error : new LawBroken({ message: `unexpected failure: ${describe(error)}` })
  statements.push({ name, prove: (subject) => Effect.mapError(prove(subject), explain) })
}

const same = (what: string, actual: unknown, expected: unknown): Effect.Effect<void, LawBroken> =>
  equals(actual, expected)
    ? Effect.void
    : Effect.fail(new LawBroken({ message: `${what}: expected ${describe(expected)}, got ${describe(actual)}` }))

const succeed = (id: number): Task => ({ id, does: "succeed" })
const fail = (id: number): Task => ({ id, does: "fail" })
const die = (id: number): Task => ({ id, does: "die" })
const hold = (id: number): Task => ({ id, does: "hold" })
const wide: PoolOptions = { workers: 1, capacity: 1_000, overflow: "suspend" }
const ids = (from: number, to: number): ReadonlyArray<number> => Array.from({ length: to - from }, (_, i) => from + i)

const sorted = (numbers: ReadonlyArray<number>): ReadonlyArray<number> => numbers.toSorted((a, b) => a - b)

/** How something ended, so that it can be compared. */
const endOf = (exit: Exit.Exit<unknown, unknown>): unknown => {
  if (exit._tag === "Success") return exit.value
  const [reason] = exit.cause.reasons
  if (reason?._tag === "Fail") return (reason.error as { readonly _tag: string })._tag
  if (reason?._tag === "Die") return `died: ${reason.defect instanceof Error ? reason.defect.message : ""}`
  return "interrupted"
}
const ends = (exits: Exits): ReadonlyArray<unknown> => exits.map(endOf)

const awaitAll = <Out, E>(jobs: ReadonlyArray<WorkerPool.Job<Out, E>>) =>
  Effect.map(
    Effect.forEach(jobs, (job) => Effect.exit(job.await)),
    ends
  )

law("a task's value, failure or defect is its own, whatever became of those before it", ({ make }) =>
  Effect.gen(function* () {
    const pool = yield* make(wide)
    const jobs = yield* WorkerPool.submitAll(pool, [succeed(1), fail(2), succeed(3), die(4), succeed(5)])
    yield* same("the ends", yield* awaitAll(jobs), [1, "Rejected", 3, "died: 4", 5])
    const runs = [succeed(6), fail(7), die(8), succeed(9)].map((task) => Effect.exit(WorkerPool.run(pool, task)))
    yield* same("the runs", ends(yield* Effect.all(runs)), [6, "Rejected", "died: 8", 9])
    const { failed, interrupted, submitted, succeeded } = yield* WorkerPool.stats(pool)
    yield* same("the counts", [submitted, succeeded, failed, interrupted], [9, 5, 4, 0])
  })
)

law("no more tasks run at a time than there are workers, and no fewer while there is work", ({ make, world }) =>
  Effect.gen(function* () {
    const pool = yield* make({ ...wide, workers: 3 })
    const jobs = yield* WorkerPool.submitAll(pool, ids(0, 9).map(hold))
    yield* Effect.forEach([0, 1, 2], world.begun)
    yield* world.settle
    yield* same("tasks that have begun", (yield* world.log).length, 3)
    const { active, idle, queued, running } = yield* WorkerPool.stats(pool)
    yield* same("active, idle, running, queued", [active, idle, running, queued], [3, 0, 3, 6])
    yield* Effect.forEach(ids(0, 9), world.release)
    yield* same("the ends", yield* awaitAll(jobs), ids(0, 9))
    yield* same("the most at a time", yield* world.most, 3)
  })
)

law("tasks begin in the order in which they came, submitted or run", ({ make, world }) =>
  Effect.gen(function* () {
    const pool = yield* make(wide)
    yield* WorkerPool.submit(pool, hold(0))
    yield* world.begun(0)
    yield* WorkerPool.submit(pool, succeed(1))
    const second = yield* Effect.forkChild(WorkerPool.run(pool, succeed(2)))
    yield* world.settle
    const third = yield* WorkerPool.submit(pool, succeed(3))
    yield* world.release(0)
    yield* third.await
    yield* Fiber.join(second)
    yield* same("the order", yield* world.log, [0, 1, 2, 3])
  })
)

law("an interrupted caller takes the task that it runs along, and nothing that it submitted", ({ make, world }) =>
  Effect.gen(function* () {
    const pool = yield* make(wide)
    const runner = yield* Effect.forkChild(WorkerPool.run(pool, hold(0)))
    yield* world.begun(0)
    const waiting = yield* Effect.forkChild(WorkerPool.run(pool, succeed(1)))
    yield* world.settle
    const submitter = yield* Effect.forkChild(Effect.andThen(WorkerPool.submit(pool, succeed(2)), Effect.never))
    yield* world.settle
    yield* Fiber.interruptAll([submitter, waiting])
    yield* Fiber.interrupt(runner)
    yield* world.interrupted(0)
    yield* world.begun(2)
    yield* same("what began", yield* world.log, [0, 2])
  })
)

law("an interrupted job makes room at once where it waits, and when it has ended where it runs", ({ make, world }) =>
  Effect.gen(function* () {
    const pool = yield* make(wide)
    const [first, second, third] = yield* WorkerPool.submitAll(pool, [hold(0), succeed(1), hold(2)])
    yield* world.begun(0)
    yield* second!.interrupt
    yield* same("queued", (yield* WorkerPool.stats(pool)).queued, 1)
    yield* first!.interrupt
    yield* world.interrupted(0)
    yield* world.begun(2)
    yield* world.release(2)
    yield* same("the ends", yield* awaitAll([first!, second!, third!]), ["interrupted", "interrupted", 2])
    yield* third!.interrupt
    const { interrupted, succeeded } = yield* WorkerPool.stats(pool)
    yield* same("interrupted, succeeded", [interrupted, succeeded], [2, 1])
  })
)

law("whoever waits for a job gets its end: two at a time, later, and again after an interruption", ({ make, world }) =>
  Effect.gen(function* () {
    const pool = yield* make(wide)
    const job = yield* WorkerPool.submit(pool, hold(0))
    const waiters = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(job.await))
    yield* world.begun(0)
    yield* world.settle
    yield* Fiber.interrupt(waiters[1]!)
    yield* world.release(0)
    yield* same("the two", [yield* Fiber.join(waiters[0]!), yield* Fiber.join(waiters[2]!)], [0, 0])
    yield* same("later", yield* job.await, 0)
  })
)

law("a full queue has submitters wait in order, and an interrupted one takes its task back", ({ make, world }) =>
  Effect.gen(function* () {
    const pool = yield* make({ ...wide, capacity: 1 })
    yield* WorkerPool.submitAll(pool, [hold(0), succeed(1)])
    yield* world.begun(0)
    const blocked = yield* Effect.forEach([2, 3, 4], (id) =>
      Effect.tap(Effect.forkChild(WorkerPool.submit(pool, succeed(id))), () => world.settle)
    )
    const { queued, submitted, waiting } = yield* WorkerPool.stats(pool)
    yield* same("queued, waiting, submitted", [queued, waiting, submitted], [1, 3, 2])
    yield* Fiber.interrupt(blocked[1]!)
    yield* world.release(0)
    const last = yield* Fiber.join(blocked[2]!)
    yield* same("the last", yield* last.await, 4)
    yield* same("what began", yield* world.log, [0, 1, 2, 4])
  })
)

law(
  "a full queue that fails refuses with PoolFull, all of several or none, and counts what it dropped",
  ({ make, world }) =>
    Effect.gen(function* () {
      const pool = yield* make({ workers: 1, capacity: 2, overflow: "fail" })
      const first = yield* WorkerPool.submit(pool, hold(0))
      yield* world.begun(0)
      yield* WorkerPool.submit(pool, succeed(1))
      const both = yield* Effect.exit(WorkerPool.submitAll(pool, [succeed(2), succeed(3)]))
      const fits = yield* Effect.exit(WorkerPool.submit(pool, succeed(4)))
      const single = yield* Effect.exit(WorkerPool.submit(pool, succeed(5)))
      const run = yield* Effect.exit(WorkerPool.run(pool, succeed(6)))
      yield* same("refused", [endOf(both), endOf(single), endOf(run)], ["PoolFull", "PoolFull", "PoolFull"])
      yield* same("accepted", Exit.isSuccess(fits), true)
      const { dropped, submitted } = yield* WorkerPool.stats(pool)
      yield* same("submitted, dropped", [submitted, dropped], [7, 4])
      yield* world.release(0)
      yield* first.await
      yield* WorkerPool.drain(pool)
      yield* same("what began", yield* world.log, [0, 1, 4])
    })
)

law("a drain refuses what comes, ends when all is done, and can be waited for by several", ({ make, world }) =>
  Effect.gen(function* () {
    const pool = yield* make(wide)
    const jobs = yield* WorkerPool.submitAll(pool, [hold(0), succeed(1), succeed(2)])
    yield* world.begun(0)
    const drains = yield* Effect.forEach([1, 2], () => Effect.forkChild(WorkerPool.drain(pool)))
    yield* world.settle
    const refused = yield* Effect.exit(WorkerPool.submit(pool, succeed(3)))
    const run = yield* Effect.exit(WorkerPool.run(pool, succeed(4)))
    yield* same("refused", [endOf(refused), endOf(run)], ["PoolClosed", "PoolClosed"])
    yield* same(
      "drained",
      drains.map((fiber) => fiber.pollUnsafe() !== undefined),
      [false, false]
    )
    yield* world.release(0)
    yield* Fiber.joinAll(drains)
    yield* same("the ends", yield* awaitAll(jobs), [0, 1, 2])
    yield* WorkerPool.drain(pool)
    const { queued, running, submitted, succeeded } = yield* WorkerPool.stats(pool)
    yield* same("queued, running, submitted, succeeded", [queued, running, submitted, succeeded], [0, 0, 3, 3])
  })
)

law("a close interrupts what runs, fails what waits, and strands nobody", ({ make, world }) =>
  Effect.gen(function* () {
    const pool = yield* make({ ...wide, workers: 2, capacity: 1 })
    const [submitted] = yield* WorkerPool.submitAll(pool, [hold(0)])
    const runner = yield* Effect.forkChild(WorkerPool.run(pool, hold(1)))
    yield* Effect.forEach([0, 1], world.begun)
    const queued = yield* WorkerPool.submit(pool, succeed(2))
    const blocked = yield* Effect.forkChild(WorkerPool.submit(pool, succeed(3)))
    const waiting = yield* Effect.forkChild(WorkerPool.run(pool, succeed(4)))
    const drain = yield* Effect.forkChild(WorkerPool.drain(pool))
    yield* world.settle
    yield* Effect.all([WorkerPool.close(pool), WorkerPool.close(pool)], { concurrency: 2 })
    yield* Effect.forEach([0, 1], world.interrupted)
    yield* same("the jobs", yield* awaitAll([submitted!, queued]), ["PoolClosed", "PoolClosed"])
    const callers = [yield* Fiber.await(blocked), yield* Fiber.await(waiting)]
    yield* same("the callers", ends(callers), ["PoolClosed", "PoolClosed"])
    yield* same("the runner", Exit.isFailure(yield* Fiber.await(runner)), true)
    yield* Fiber.join(drain)
    yield* WorkerPool.close(pool)
    yield* same("later", endOf(yield* Effect.exit(WorkerPool.submit(pool, succeed(5)))), "PoolClosed")
    yield* same("what began", sorted(yield* world.log), [0, 1])
    const { active, dropped, interrupted, waiting: left } = yield* WorkerPool.stats(pool)
    yield* same("active, waiting, interrupted, dropped", [active, left, interrupted, dropped], [0, 0, 2, 1])
  })
)

law("the end of its scope closes a pool", ({ make, world }) =>
  Effect.gen(function* () {
    const [pool, job] = yield* Effect.scoped(
      Effect.gen(function* () {
        const pool = yield* make(wide)
        const job = yield* WorkerPool.submit(pool, hold(0))
        yield* world.begun(0)
        return [pool, job] as const
      })
    )
    yield* world.interrupted(0)
    yield* same("the job", endOf(yield* Effect.exit(job.await)), "PoolClosed")
    yield* same("later", endOf(yield* Effect.exit(WorkerPool.run(pool, succeed(1)))), "PoolClosed")
  })
)

law("ten thousand tasks at once all end, each once", ({ make, world }) =>
  Effect.gen(function* () {
    const pool = yield* make({ workers: 4, capacity: 100, overflow: "suspend" })
    const jobs = yield* WorkerPool.submitAll(pool, ids(0, 10_000).map(succeed))
    yield* WorkerPool.drain(pool)
    yield* same("the ends", yield* awaitAll(jobs), ids(0, 10_000))
    yield* same("what began", sorted(yield* world.log), ids(0, 10_000))
  })
)
