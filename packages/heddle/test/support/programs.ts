/**
 * Random programs against a model: a program takes, gives back, interrupts and does what else its subject can, and after
 * every step the subject has to look like the model, which is small enough to be read. Four things must hold whatever the
 * model says: `taken` is the sum of holds; never more than the capacity but for debt; nobody waits who could be served;
 * nobody is served out of turn.
 */
import { assert } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

import { ManualClock } from "./manualClock.ts"
import { SteppingScheduler } from "./steppingScheduler.ts"

/** `what` is done, `a` and `b` say with what; `settles` whether those who can go on do so before the next step. */
export const Steps = Schema.Array(
  Schema.Struct({ what: Schema.Natural, a: Schema.Natural, b: Schema.Natural, settles: Schema.Boolean })
)
export type Step = (typeof Steps.Type)[number]

/** A request: who asks is a number, what for is the subject's affair. */
export interface Request<Ask> {
  readonly id: number
  readonly ask: Ask
}

export interface Model<Ask> {
  /** Those who wait, in the order in which they came. */
  waiting: Array<Request<Ask>>
  /** Those who were served, in the order in which they were. */
  readonly served: Array<Request<Ask>>
  /** What those failed with who were turned away. */
  readonly refused: Map<number, string>
  /** Somebody comes. */
  come(request: Request<Ask>): void
  takeIfAvailable(ask: Ask): boolean
  giveBack(ask: Ask): void
  /** Serves whoever can be served. */
  serve(): void
  /** What `stats` says. */
  stats(): unknown
}

/** What is counted against one capacity. */
interface Account<Ask> {
  readonly taken: number
  readonly capacity: number
  /** Whether a hold counts here. Default: all do. */
  readonly has?: (ask: Ask) => boolean
}

interface Subject<Ask, Stats> {
  readonly take: (ask: Ask) => Effect.Effect<void, { readonly _tag: string }>
  readonly takeIfAvailable: (ask: Ask) => Effect.Effect<boolean, { readonly _tag: string }>
  readonly release: (ask: Ask) => Effect.Effect<void>
  readonly stats: Effect.Effect<Stats>
}

interface Program<Ask, M extends Model<Ask>, Stats> {
  readonly model: M
  readonly subject: Subject<Ask, Stats>
  readonly accounts: (stats: Stats) => ReadonlyArray<Account<Ask>>
  readonly ask: (step: Step) => Ask
  /** Done to both. Chosen as often as each of: come (twice), take if available, give back, interrupt. */
  readonly others: ReadonlyArray<(step: Step) => Effect.Effect<void>>
  readonly clock?: ManualClock
}

export const runProgram = <
  Ask extends { readonly permits: number },
  M extends Model<Ask>,
  Stats extends { readonly waiting: number }
>(
  steps: ReadonlyArray<Step>,
  { accounts, ask, clock = new ManualClock(), model, others, subject }: Program<Ask, M, Stats>
): void => {
  const scheduler = new SteppingScheduler(2048)
  const run = <A, E>(effect: Effect.Effect<A, E>) => Effect.runFork(clock.provide(effect), { scheduler })
  const fibers = new Map<number, Fiber.Fiber<unknown, { readonly _tag: string }>>()
  const resumed: Array<number> = []
  // whoever is served as it comes goes on at once; only those who waited resume in the order in which they were served
  const waited = new Set<number>()
  const undone = new Set<number>()
  let holds: Array<{ readonly ask: Ask; readonly id?: number }> = []
  const nth = <A>(all: ReadonlyArray<A>, n: number): A | undefined => all[n % Math.max(1, all.length)]

  const perform = (step: Step): void => {
    const choice = step.what % (5 + others.length)
    if (choice < 2) {
      const request = { id: fibers.size, ask: ask(step) }
      const taking = Effect.andThen(
        subject.take(request.ask),
        Effect.sync(() => resumed.push(request.id))
      )
      fibers.set(request.id, run(taking))
      model.come(request)
    } else if (choice === 2) {
      const wanted = ask(step)
      const taken = Effect.runSync(Effect.orElseSucceed(subject.takeIfAvailable(wanted), () => false))
      assert.strictEqual(taken, model.takeIfAvailable(wanted), "takeIfAvailable")
      if (taken) holds.push({ ask: wanted })
    } else if (choice === 3) {
      const held = nth(
        holds.filter(({ id }) => id === undefined || resumed.includes(id)),
        step.a
      )
      if (held === undefined) return
      holds = holds.filter((other) => other !== held)
      run(subject.release(held.ask))
      model.giveBack(held.ask)
    } else if (choice === 4) {
      // one who waits, or one who was served and has not resumed yet
      const served = model.served.filter(({ id }) => !resumed.includes(id) && !undone.has(id))
      const request = nth([...model.waiting, ...served], step.a)
      if (request === undefined) return
      fibers.get(request.id)!.interruptUnsafe()
      model.waiting = model.waiting.filter((other) => other !== request)
      if (!served.includes(request)) return
      undone.add(request.id)
      holds = holds.filter(({ id }) => id !== request.id)
      model.giveBack(request.ask)
    } else {
      run(others[choice - 5]!(step))
    }
  }

  let taken: ReadonlyArray<number> = []
  const check = (stats: Stats): void => {
    const seen = accounts(stats)
    for (const [index, account] of seen.entries()) {
      const { capacity, has = () => true } = account
      const held = holds.filter((hold) => has(hold.ask)).reduce((sum, hold) => sum + hold.ask.permits, 0)
      assert.strictEqual(account.taken, held, "taken is the sum of holds")
      assert.isAtMost(account.taken, Math.max(capacity, taken[index] ?? 0), "never more than the capacity but for debt")
    }
    taken = seen.map((account) => account.taken)
    assert.strictEqual(
      stats.waiting,
      model.waiting.length,
      "nobody waits who could be served, and nobody else does not"
    )
    assert.deepStrictEqual<unknown>(stats, model.stats())
  }

  for (const step of steps) {
    const before = model.served.length
    perform(step)
    model.serve()
    holds.push(...model.served.slice(before))
    for (const { id } of model.waiting) waited.add(id)
    if (step.settles) scheduler.drain()
    check(Effect.runSync(clock.provide(subject.stats)))
  }
  scheduler.drain()

  const inOrder = (ids: ReadonlyArray<number>) => ids.filter((id) => waited.has(id))
  const served = model.served.map(({ id }) => id).filter((id) => !undone.has(id))
  assert.deepStrictEqual(inOrder(resumed), inOrder(served), "nobody is served out of turn")
  assert.sameMembers(resumed, served)
  for (const [id, fiber] of fibers)
    assert.strictEqual(failureOf(fiber.pollUnsafe()), model.refused.get(id), `caller ${id}`)
}

const failureOf = (exit: Exit.Exit<unknown, { readonly _tag: string }> | undefined): string | undefined => {
  if (exit === undefined || Exit.isSuccess(exit)) return undefined
  const error = Cause.findErrorOption(exit.cause)
  return Option.isSome(error) ? error.value._tag : undefined
}
