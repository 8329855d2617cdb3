/** Every option of these modules, with what it must not be: a defect that names the operation, the rule and the value. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"

import * as Batcher from "../../src/Batcher.ts"
import * as Deadline from "../../src/Deadline.ts"
import * as ErrorGroup from "../../src/ErrorGroup.ts"
import * as Hedge from "../../src/Hedge.ts"
import * as RetryBudget from "../../src/RetryBudget.ts"
import * as Select from "../../src/Select.ts"
import * as SingleFlight from "../../src/SingleFlight.ts"
import * as WorkerPool from "../../src/WorkerPool.ts"

/** What the types would not let through. */
const untyped = (value: unknown) => value as never

const notNumbers = [Number.NaN, "1", null, 1n, {}, true]
const notCounts = [...notNumbers, -1, 1.5, -Infinity]
const notPositive = [...notCounts, 0]
const notDurations = [
  Number.NaN,
  "soon",
  "NaN seconds",
  null,
  true,
  {},
  { seconds: Number.NaN },
  { seconds: "1" },
  { secs: 1 },
  { seconds: undefined },
  { hours: Infinity, seconds: -Infinity },
  [],
  [1],
  [0, Number.NaN],
  [Infinity, -Infinity],
  Symbol("soon")
]
const notNames = [null, 1, {}, Symbol("name")]
const notObjects = [null, 1, "options"]
const notFunctions = [undefined, null, 1, {}]
const notEffects = [null, 1, {}, () => Effect.void]

interface Row {
  /** What every message must say. */
  readonly says: ReadonlyArray<string>
  readonly values: ReadonlyArray<unknown>
  readonly run: (value: never) => Effect.Effect<unknown, unknown> | object
}

const { all, forEach, make } = ErrorGroup
const budget = RetryBudget.makeUnsafe()
const pool = (options: never) => Effect.scoped(WorkerPool.make(options))
const policyRule = "one of ErrorGroup, or have the functions onExit and result"
const notPolicies = [null, "failFast", {}, { onExit: () => "stop" }, { _tag: "collectAl" }, 1]

const rows: ReadonlyArray<Row> = [
  // Deadline
  {
    says: ["Deadline.within", "the duration"],
    values: notDurations,
    run: (value) => Deadline.within(Effect.void, value)
  },
  {
    says: ["Deadline.at", "the instant", "a point in time"],
    values: [Number.NaN, undefined, null, "2099-01-01", true, 1n, {}, [], Symbol("now"), new Date(Number.NaN)],
    run: (value) => Deadline.at(Effect.void, value)
  },
  {
    says: ["Deadline.toHeader", "the time left"],
    values: notDurations,
    run: (value) => Effect.sync(() => Deadline.toHeader(value))
  },
  // ErrorGroup
  ...[
    ["make", (options: never) => Effect.scoped(make(options))] as const,
    ["run", (options: never) => ErrorGroup.run(options)(() => Effect.void)] as const,
    ["all", (options: never) => all([], options)] as const,
    ["forEach", (options: object) => forEach([], () => Effect.void, untyped({ concurrency: 1, ...options }))] as const
  ].flatMap(([form, run]): ReadonlyArray<Row> => {
    const says = `ErrorGroup.${form}`
    return [
      { says: [says, "concurrency"], values: notPositive, run: (value) => run(untyped({ concurrency: value })) },
      { says: [says, "name must be a string"], values: notNames, run: (value) => run(untyped({ name: value })) },
      { says: [says, "the policy", policyRule], values: notPolicies, run: (value) => run(untyped({ policy: value })) },
      {
        says: [says, "the number of successes"],
        values: notPositive,
        run: (value) => run(untyped({ policy: { _tag: "quorum", successes: value } }))
      },
      {
        says: [says, "maxFailures"],
        values: notPositive,
        run: (value) => run(untyped({ policy: { _tag: "collectAll", maxFailures: value } }))
      }
    ]
  }),
  { says: ["ErrorGroup.make", "the options"], values: notObjects, run: (value) => Effect.scoped(make(value)) },
  {
    says: ["ErrorGroup.run", "the options"],
    values: notObjects,
    run: (value) => ErrorGroup.run(value)(() => Effect.void)
  },
  { says: ["ErrorGroup.run", "the body"], values: notFunctions, run: (value) => ErrorGroup.run({})(value) },
  { says: ["ErrorGroup.all", "the options"], values: [1, "options"], run: (value) => all([], value) },
  { says: ["ErrorGroup.all", "the effects"], values: [undefined, null, 1], run: (value) => all(value) },
  { says: ["ErrorGroup.all", "what task 0 runs"], values: notEffects, run: (value) => all([value]) },
  {
    says: ["ErrorGroup.forEach", "the options"],
    values: notObjects,
    run: (value) => forEach([], () => Effect.void, value)
  },
  {
    says: ["ErrorGroup.forEach", "what runs for each element"],
    values: notFunctions,
    run: (value) => forEach([], value, { concurrency: 1 })
  },
  {
    says: ["ErrorGroup.forEach", "the source"],
    values: [undefined, null, 1, {}],
    run: (value) => forEach(value, () => Effect.void, { concurrency: 1 })
  },
  {
    says: ["ErrorGroup.forEach", "concurrency"],
    values: [undefined],
    run: (value) => forEach([], () => Effect.void, { concurrency: value })
  },
  {
    says: ["ErrorGroup.forEach", "collect"],
    values: [null, "yes", 1],
    run: (value) => forEach([], () => Effect.void, { concurrency: 1, collect: value })
  },
  {
    says: ["ErrorGroup.forEach", "isolation", '"fiber" or "none"'],
    values: [null, "worker", 1],
    run: (value) => forEach([], () => Effect.void, { concurrency: 1, isolation: value })
  },
  {
    says: ["ErrorGroup.forEach", "deadline", '"partial"'],
    values: [null, "all", 1],
    run: (value) => forEach([], () => Effect.void, { concurrency: 1, deadline: value })
  },
  {
    says: ["ErrorGroup.forEach", "margin"],
    values: [...notDurations, -1, "-1 seconds", -Infinity],
    run: (value) => forEach([], () => Effect.void, { concurrency: 1, deadline: "partial", margin: value })
  },
  {
    says: ["ErrorGroup.setConcurrency", "concurrency"],
    values: [...notCounts, undefined],
    run: (value) => ErrorGroup.run({})((group) => ErrorGroup.setConcurrency(group, value))
  },
  {
    says: ["ErrorGroup.go", "the task"],
    values: notEffects,
    run: (value) => ErrorGroup.run({})((g) => ErrorGroup.go(g, value))
  },
  {
    says: ["ErrorGroup.collectAll", "maxFailures"],
    values: notPositive,
    run: (value) => Effect.sync(() => ErrorGroup.collectAll({ maxFailures: value }))
  },
  {
    says: ["ErrorGroup.quorum", "the number of successes"],
    values: [...notPositive, Infinity],
    run: (value) => Effect.sync(() => ErrorGroup.quorum(value))
  },
  // Select
  {
    says: ["Select.first", "the branches"],
    values: [undefined, null, 1, {}, [1]],
    run: (value) => Select.first(value)
  },
  { says: ["Select.first", "the options"], values: notObjects, run: (value) => Select.first([], value) },
  { says: ["Select.first", "order"], values: [null, "sorted", 1], run: (value) => Select.first([], { order: value }) },
  { says: ["Select.first", "otherwise"], values: notEffects, run: (value) => Select.first([], { otherwise: value }) },
  { says: ["Select.timer", "the duration"], values: notDurations, run: (value) => Select.first([Select.timer(value)]) },
  // SingleFlight
  { says: ["SingleFlight.make", "the options"], values: notObjects, run: (value) => SingleFlight.make(value) },
  {
    says: ["SingleFlight.make", "name must be a string"],
    values: notNames,
    run: (name) => SingleFlight.make({ name })
  },
  // Hedge
  { says: ["Hedge.make", "the options"], values: notObjects, run: (value) => Hedge.make(value) },
  { says: ["Hedge.make", "name must be a string"], values: notNames, run: (name) => Hedge.make({ delay: 1, name }) },
  { says: ["Hedge.make", "needs a delay or a percentile"], values: [{}], run: (value) => Hedge.make(value) },
  { says: ["Hedge.make", "delay"], values: notDurations, run: (delay) => Hedge.make({ delay }) },
  { says: ["Hedge.hedge", "delay"], values: notDurations, run: (delay) => Hedge.hedge(Effect.void, { delay }) },
  {
    says: ["Hedge.make", "percentile must be from 1 to 99.9"],
    values: [...notNumbers, 0, 0.95, 99.95, 100, Infinity],
    run: (percentile) => Hedge.make({ percentile })
  },
  {
    says: ["Hedge.make", "maxAttempts"],
    values: notPositive,
    run: (maxAttempts) => Hedge.make({ delay: 1, maxAttempts })
  },
  {
    says: ["Hedge.make", "losers", '"await" or "scope"'],
    values: [null, "nonsense"],
    run: (losers) => Hedge.make({ delay: 1, losers })
  },
  {
    says: ["Hedge.make", "budget must be a RetryBudget"],
    values: [null, {}, 0.2],
    run: (budget) => Hedge.make({ delay: 1, budget })
  },
  // RetryBudget
  { says: ["RetryBudget.make", "the options"], values: notObjects, run: (value) => RetryBudget.make(value) },
  { says: ["RetryBudget.make", "name must be a string"], values: notNames, run: (name) => RetryBudget.make({ name }) },
  {
    says: ["RetryBudget.make", "ratio must be from 0 to 1"],
    values: [...notNumbers, -0.1, 1.1, 20, Infinity],
    run: (ratio) => RetryBudget.make({ ratio })
  },
  {
    says: ["RetryBudget.make", "minConcurrency"],
    values: notCounts,
    run: (minConcurrency) => RetryBudget.make({ minConcurrency })
  },
  {
    says: ["RetryBudget.retry", "the policy"],
    values: [undefined, null, 3],
    run: (value) => RetryBudget.retry(budget, value, Effect.fail("x"))
  },
  {
    says: ["RetryBudget.retry", "times"],
    values: notCounts,
    run: (times) => RetryBudget.retry(budget, { times }, Effect.fail("x"))
  },
  {
    says: ["RetryBudget.retry", "schedule"],
    values: [null, 1, {}],
    run: (schedule) => RetryBudget.retry(budget, { schedule }, Effect.fail("x"))
  },
  {
    says: ["RetryBudget.retry", "while must be a function"],
    values: [null, true],
    run: (value) => RetryBudget.retry(budget, { while: value }, Effect.fail("x"))
  },
  {
    says: ["RetryBudget.retry", "until must be a function"],
    values: [null, true],
    run: (value) => RetryBudget.retry(budget, { until: value }, Effect.fail("x"))
  },
  // WorkerPool
  { says: ["WorkerPool.make", "the options"], values: notObjects, run: (value) => pool(value) },
  ...(
    [
      ["workers", [...notPositive, undefined]],
      ["capacity", notCounts],
      ["maxWaiting", notCounts],
      ["overflow", [null, "drop", 1]],
      ["distribute", [null, "keyed", 1, {}, { keyed: "id" }]],
      ["handle", notFunctions],
      ["init", notEffects],
      ["renewOn", [null, true, "defects"]],
      ["timeout", notDurations],
      ["retry", [null, 3, { times: 3 }]],
      ["name must be a string", notNames, "name"]
    ] as const
  ).map(([what, values, option = what]): Row => {
    const run = (value: unknown) => pool(untyped({ workers: 1, handle: () => Effect.void, [option]: value }))
    return { says: ["WorkerPool.make", what], values, run }
  }),
  // Batcher
  { says: ["Batcher.make", "the options"], values: notObjects, run: (value) => Batcher.make(value) },
  ...(
    [
      ["maxSize", [...notPositive, undefined]],
      ["maxBytes", notPositive],
      ["concurrency", notPositive],
      ["maxWait", [...notDurations, undefined]],
      ["key", [null, "id", 1]],
      ["bytes", [null, "size", 1]],
      ["dedupe", [null, "id", 1]],
      ["run", notFunctions],
      ["name must be a string", notNames, "name"]
    ] as const
  ).map(([what, values, option = what]): Row => {
    const run = (value: unknown) =>
      Batcher.make(untyped({ maxSize: 1, maxWait: 0, run: () => Effect.succeed([]), [option]: value }))
    return { says: ["Batcher.make", what], values, run }
  })
]

const shown = (value: unknown): string => {
  if (typeof value === "function") return "a function"
  return typeof value === "object" && value !== null ? "" : String(value)
}

describe("dies and says why", () => {
  for (const { run, says, values } of rows) {
    it.effect(says.join(": "), () =>
      Effect.gen(function* () {
        for (const value of values) {
          const exit = yield* Effect.exit(Effect.suspend(() => run(untyped(value)) as Effect.Effect<unknown>))
          const reasons = Exit.isFailure(exit) ? exit.cause.reasons : []
          assert.lengthOf(reasons, 1, `${String(value)} passed`)
          const reason = reasons.find(Cause.isDieReason)
          const message = String((reason?.defect as Error | undefined)?.message)
          for (const word of [...says, shown(value)]) assert.include(message, word)
        }
      })
    )
  }
})

describe("what is unusual and means something", () => {
  it.effect("passes", () =>
    Effect.gen(function* () {
      const done = Effect.succeed(1)
      for (const duration of [Infinity, "Infinity", { hours: 1, seconds: undefined }, [1, 0], 5_000_000n] as const) {
        assert.strictEqual(yield* Deadline.within(done, duration), 1)
      }
      const later = DateTime.makeUnsafe("2999-01-01T00:00:00Z")
      for (const instant of [Infinity, later, new Date(later.epochMilliseconds)]) {
        assert.strictEqual(yield* Deadline.at(done, instant), 1)
      }
      assert.isTrue(Exit.isFailure(yield* Effect.exit(Deadline.at(done, -Infinity))))
      const options = { concurrency: 1, deadline: "partial" } as const
      for (const margin of [0, Infinity, "Infinity"] as const) {
        const partial = forEach([done], (effect) => effect, { ...options, margin })
        assert.isTrue((yield* Deadline.within(partial, "1 second")).complete)
      }
      yield* Hedge.make({ delay: -1, maxAttempts: Infinity })
      yield* RetryBudget.make({ ratio: 0, minConcurrency: Infinity })
      assert.strictEqual(yield* RetryBudget.retry(budget, { times: Infinity, schedule: Schedule.recurs(1) }, done), 1)
    })
  )

  it("a header of any type comes from outside, and is none", () => {
    for (const header of ["", "5s", undefined, null, 5, ["5S"], { toString: () => "5S" }]) {
      assert.deepStrictEqual(Deadline.fromHeader(untyped(header)), Option.none())
    }
  })
})
