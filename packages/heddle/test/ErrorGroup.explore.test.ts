/** Groups of three tasks under every policy, in every form, with an interruption anywhere: nothing leaks, hangs or is lost. */
import { assert, describe } from "@effect/vitest"
import * as Explorer from "@heddle/testing/Explorer"
import { it } from "@heddle/testing/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"

import * as ErrorGroup from "../src/ErrorGroup.ts"
import { reasonsOf } from "./support/group.ts"

const modes: ReadonlyArray<Explorer.Mode> = ["stock", "resume", "op3", "op"]

/** How a task ends by itself, if the group lets it. */
const endings = ["succeeds", "fails", "dies", "fails, uninterruptible", "succeeds, dirty"] as const
type Ending = (typeof endings)[number]

const task = (ending: Ending, n: number, open: { now: number }): Effect.Effect<number, number> => {
  const body = Effect.gen(function* () {
    yield* Effect.yieldNow
    if (ending === "dies") return yield* Effect.die(`defect ${n}`)
    return ending.startsWith("fails") ? yield* Effect.fail(n) : n
  })
  const held = Effect.acquireUseRelease(
    Effect.sync(() => open.now++),
    () => (ending === "fails, uninterruptible" ? Effect.uninterruptible(body) : body),
    (_, exit) => {
      open.now--
      return ending === "succeeds, dirty" && Exit.hasInterrupts(exit) ? Effect.die("cleanup") : Effect.yieldNow
    }
  )
  return held
}

const policies = {
  failFast: ErrorGroup.failFast,
  collectAll: ErrorGroup.collectAll(),
  firstSuccess: ErrorGroup.firstSuccess,
  quorum: ErrorGroup.quorum(2)
}
type PolicyName = keyof typeof policies
type Policy = (typeof policies)[PolicyName]
type Tasks = ReadonlyArray<Effect.Effect<number, number>>

const forms = {
  all: (tasks: Tasks, policy: Policy) => ErrorGroup.all(tasks, { policy, concurrency: 2 }),
  bare: (tasks: Tasks, policy: Policy) =>
    ErrorGroup.forEach(new Set(tasks), (task) => task, { policy, concurrency: 2, isolation: "none" }),
  run: (tasks: Tasks, policy: Policy) =>
    ErrorGroup.run<number>({ policy, concurrency: 2 })((group) =>
      Effect.forEach(tasks, (task) => ErrorGroup.go(group, task), { discard: true })
    ),
  make: (tasks: Tasks, policy: Policy) =>
    Effect.scoped(
      Effect.gen(function* () {
        const group = yield* ErrorGroup.make<number>({ policy, concurrency: 1 })
        for (const task of tasks) yield* ErrorGroup.go(group, task)
        return yield* ErrorGroup.wait(group)
      })
    )
} as const

/** What is certain of the outcome, whatever the order: who fails by himself, in the order of submission. */
const check = (policy: PolicyName, kinds: ReadonlyArray<Ending>, exit: Exit.Exit<unknown, number>) => {
  const failing = kinds.flatMap((kind, n) => (kind.startsWith("fails") ? [n] : []))
  const dying = kinds.flatMap((kind, n) => (kind === "dies" ? [`died: defect ${n}`] : []))
  const succeeding = kinds.length - failing.length - dying.length
  const reasons = reasonsOf(exit)
  const told = `${policy} of ${kinds.join(", ")}: ${reasons.join(", ")}`
  // no cleanup and no interruption of the group's own is ever in the cause
  assert.notInclude(reasons, "interrupted", told)
  assert.notInclude(reasons, "died: cleanup", told)
  if (policy === "failFast") {
    assert.strictEqual(Exit.isSuccess(exit), failing.length + dying.length === 0, told)
    if (Exit.isFailure(exit)) assert.includeMembers([...failing, ...dying], [...reasons], told)
  } else if (policy === "collectAll") {
    const all = dying.length > 0 ? dying : failing
    assert.deepStrictEqual(reasons, all.length === 0 ? ["succeeded"] : all, told)
  } else {
    const needed = policy === "firstSuccess" ? 1 : 2
    assert.strictEqual(Exit.isSuccess(exit), succeeding >= needed, told)
  }
}

const scenario = (form: (tasks: Tasks, policy: Policy) => Effect.Effect<unknown, number>, policy: PolicyName) =>
  Effect.gen(function* () {
    const kinds: Array<Ending> = []
    for (let n = 0; n < 3; n++) kinds.push(endings[yield* Explorer.choose(endings.length)]!)
    const open = { now: 0 }
    const tasks = kinds.map((kind, n) => task(kind, n, open))
    const interrupts = (yield* Explorer.choose(2)) === 1
    const fiber = yield* Effect.forkChild(
      Effect.ensuring(
        form(tasks, policies[policy]),
        // the group is over when it returns
        Effect.sync(() => assert.strictEqual(open.now, 0))
      )
    )
    yield* Effect.yieldNow
    if (interrupts) yield* Fiber.interrupt(fiber)
    const exit = yield* Fiber.await(fiber)
    if (!Exit.hasInterrupts(exit) || Exit.isSuccess(exit)) return check(policy, kinds, exit)
    assert.isTrue(interrupts)
    // the interruption may come when the group has failed, and is then told besides
    const others = exit.cause.reasons.filter((reason) => !Cause.isInterruptReason(reason))
    if (others.length > 0) check(policy, kinds, Exit.failCause(Cause.fromReasons(others)))
    return undefined
  }).pipe(Effect.provide(Logger.layer([])))

describe("every policy and form, explored", () => {
  for (const policy of ["failFast", "collectAll", "firstSuccess", "quorum"] as const) {
    for (const form of ["all", "bare", "run", "make"] as const) {
      for (const mode of form === "all" || form === "run" ? modes : (["resume", "op"] as const)) {
        it.explore(`${form} with ${policy} (${mode})`, scenario(forms[form], policy), { mode, runs: 150, millis: 400 })
      }
    }
  }
})

/** With both slots taken, one task submits to its own group, which nobody can interrupt, while the other fails. */
const submittingFromInside = Effect.gen(function* () {
  let begun = 0
  let late = false
  const exit = yield* Effect.exit(
    ErrorGroup.run<string>({ concurrency: 2 })((group) => {
      const child = Effect.gen(function* () {
        // a failure shows at once, and nothing begins after it
        late ||= (yield* ErrorGroup.stats(group)).failed > 0
        begun++
        yield* Effect.yieldNow
      })
      return Effect.andThen(
        ErrorGroup.go(
          group,
          Effect.uninterruptible(Effect.andThen(ErrorGroup.go(group, child), ErrorGroup.go(group, child)))
        ),
        ErrorGroup.go(group, Effect.andThen(Effect.yieldNow, Effect.fail("boom")))
      )
    })
  )
  assert.deepStrictEqual(reasonsOf(exit), ["boom"])
  assert.isFalse(late)
  assert.isAtMost(begun, 2)
})

describe("from inside a task, explored", () => {
  for (const mode of modes) {
    it.explore(`nothing begins after the failure (${mode})`, submittingFromInside, { mode, runs: 400, millis: 400 })
  }
})
