/** Interrupted at every step: slots come back, tasks that were begun are the group's, sources are closed, nobody hangs. */
import { assert, describe, it } from "@effect/vitest"
import * as Explorer from "@heddle/testing/Explorer"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

import * as ErrorGroup from "../src/ErrorGroup.ts"

const { all, forEach, go, goIfAvailable, make, run, setConcurrency, stats, wait } = ErrorGroup

const budgets = [3, 4, 5, 6, 9, 64]

const yields = (count: number) => Effect.replicateEffect(Effect.yieldNow, count, { discard: true })

type Group = ErrorGroup.ErrorGroup<never>

interface Beside {
  readonly before?: ReadonlyArray<Effect.Effect<unknown>>
  readonly target: Effect.Effect<unknown>
  readonly after?: ReadonlyArray<Effect.Effect<unknown>>
}

/** A group with two slots: after the sweep of the target nothing runs or waits, and both slots are there. */
const wholeAfterwards = (name: string, scenario: (group: Group, body: Effect.Effect<void>) => Beside) =>
  it.effect(name, () =>
    Effect.gen(function* () {
      let begun = 0
      const report = yield* Explorer.interruptEverywhere(
        Effect.gen(function* () {
          const scope = yield* Scope.make()
          const group = yield* Scope.provide(make({ concurrency: 2 }), scope)
          const body = Effect.andThen(
            Effect.sync(() => begun++),
            yields(2)
          )
          return { ...scenario(group, body), group, scope }
        }),
        (exit, { group, scope }) =>
          Effect.gen(function* () {
            assert.isTrue(Exit.isSuccess(exit) || Exit.hasInterrupts(exit), String(exit))
            yield* wait(group)
            const { failed, interrupted, running, skipped, submitted, succeeded, waiting } = yield* stats(group)
            assert.deepStrictEqual({ running, waiting, failed, interrupted, skipped }, none)
            assert.strictEqual(submitted, succeeded)
            const taken = yield* Effect.replicateEffect(goIfAvailable(group, Effect.never), 3)
            assert.deepStrictEqual(taken, [true, true, false])
            yield* Scope.close(scope, Exit.void)
            assert.include(yield* stats(group), { running: 0, interrupted: 2 })
          }),
        { budgets }
      )
      assert.isAbove(report.interrupted, 10)
      assert.isAbove(begun, 0)
    })
  )

const none = { running: 0, waiting: 0, failed: 0, interrupted: 0, skipped: 0 }

describe("a submitter, interrupted everywhere", () => {
  wholeAfterwards("with a free slot", (group, body) => ({ target: go(group, body) }))
  wholeAfterwards("in line, before another", (group, body) => ({
    before: [go(group, yields(3)), go(group, yields(4))],
    target: go(group, body),
    after: [go(group, body), go(group, body)]
  }))
  wholeAfterwards("if available", (group, body) => ({
    before: [go(group, yields(2)), go(group, yields(2))],
    target: goIfAvailable(group, body),
    after: [go(group, body)]
  }))
  wholeAfterwards("while the limit shrinks to nothing and grows", (group, body) => ({
    before: [
      go(group, yields(2)),
      Effect.andThen(setConcurrency(group, 0), Effect.andThen(yields(4), setConcurrency(group, 2)))
    ],
    target: go(group, body),
    after: [go(group, body)]
  }))
  wholeAfterwards("who waits for the end", (group, body) => ({
    before: [go(group, yields(3)), go(group, yields(3)), go(group, body)],
    target: wait(group)
  }))
})

/** What is open while a task runs, and while a source is read. */
const counted = () => {
  const open = { tasks: 0, sources: 0 }
  const held = Effect.acquireUseRelease(
    Effect.sync(() => open.tasks++),
    () => yields(2),
    () =>
      Effect.andThen(
        Effect.yieldNow,
        Effect.sync(() => open.tasks--)
      )
  )
  const stream = Effect.acquireRelease(
    Effect.sync(() => open.sources++),
    () => Effect.sync(() => open.sources--)
  ).pipe(
    Effect.as(
      Stream.make(1, 2, 3).pipe(
        Stream.rechunk(1),
        Stream.tap(() => Effect.yieldNow)
      )
    ),
    Stream.unwrap
  )
  const iterable = function* () {
    open.sources++
    try {
      yield* [1, 2, 3]
    } finally {
      open.sources--
    }
  }
  return { open, held, stream, iterable }
}

type Counted = ReturnType<typeof counted>

const closedAfterwards = (name: string, target: (parts: Counted) => Effect.Effect<unknown>) =>
  it.effect(name, () =>
    Effect.gen(function* () {
      const report = yield* Explorer.interruptEverywhere(
        Effect.sync(() => {
          const parts = counted()
          const closed = Effect.sync(() => assert.deepStrictEqual(parts.open, { tasks: 0, sources: 0 }))
          // nothing is open any more at the moment when it ends
          return { target: Effect.ensuring(target(parts), closed) }
        }),
        (exit) => Effect.sync(() => assert.isTrue(Exit.isSuccess(exit) || Exit.hasInterrupts(exit), String(exit))),
        { budgets }
      )
      assert.isAbove(report.interrupted, 10)
    })
  )

describe("whoever waits for a group, interrupted everywhere", () => {
  closedAfterwards("all", ({ held }) => all([held, held, held], { concurrency: 2 }))
  closedAfterwards("a block", ({ held }) =>
    run({ concurrency: 1 })((group) => Effect.andThen(go(group, held), go(group, held)))
  )
  closedAfterwards("a block whose task submits to its own group", ({ held }) =>
    run({ concurrency: 1 })((group) => go(group, Effect.andThen(held, go(group, held))))
  )
  closedAfterwards("blocks across each other", ({ held }) =>
    run({ concurrency: 1 })((outer) =>
      go(
        outer,
        run({ concurrency: 1 })((inner) => go(inner, go(outer, held)))
      )
    )
  )
  closedAfterwards("a scope", ({ held }) =>
    Effect.scoped(Effect.flatMap(make({ concurrency: 1 }), (group) => Effect.andThen(go(group, held), go(group, held))))
  )
  for (const isolation of ["fiber", "none"] as const) {
    closedAfterwards(`forEach over an iterable, isolation ${isolation}`, ({ held, iterable }) =>
      forEach(iterable(), () => held, { concurrency: 2, isolation })
    )
    closedAfterwards(`forEach over a stream, isolation ${isolation}`, ({ held, stream }) =>
      forEach(stream, () => held, { concurrency: 2, isolation })
    )
  }
})
