// @effect-diagnostics floatingEffect:off
import type * as Cause from "effect/Cause"
import type * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as PubSub from "effect/PubSub"
import type * as Queue from "effect/Queue"
import { expectTypeOf, test } from "vitest"

import type * as RateLimiter from "../src/RateLimiter.ts"
import type * as RateLimiterStore from "../src/RateLimiterStore.ts"
import * as Select from "../src/Select.ts"
import type * as WeightedSemaphore from "../src/WeightedSemaphore.ts"

interface Database {
  readonly _: unique symbol
}
interface Cache {
  readonly _: unique symbol
}
declare const numbers: Queue.Dequeue<number>
declare const lines: Queue.Dequeue<string, "io" | Cause.Done>
declare const messages: PubSub.Subscription<boolean>
declare const stop: Deferred.Deferred<"stop", "ed">
declare const work: Fiber.Fiber<"work", "ew">
declare const sem: WeightedSemaphore.WeightedSemaphore
declare const limiter: RateLimiter.RateLimiter
declare const bounded: RateLimiter.RateLimiter<RateLimiter.RateLimiterFull | RateLimiterStore.RateLimiterStoreError>
declare const store: (n: number) => Effect.Effect<"stored", "disk full", Database>
declare const give: Effect.Effect<"given", "eg", Cache>

const { deferred, fiber, first, make, permits, queue, subscription, timer, tokens } = Select

test("without a handler a branch gives what it takes, and fails as its source does", () => {
  expectTypeOf(queue(numbers)).toEqualTypeOf<Select.Branch<number>>()
  expectTypeOf(queue(lines)).toEqualTypeOf<Select.Branch<string, "io" | Cause.Done>>()
  expectTypeOf(subscription(messages)).toEqualTypeOf<Select.Branch<boolean>>()
  expectTypeOf(deferred(stop)).toEqualTypeOf<Select.Branch<"stop", "ed">>()
  expectTypeOf(fiber(work)).toEqualTypeOf<Select.Branch<"work", "ew">>()
  expectTypeOf(timer("1 second")).toEqualTypeOf<Select.Branch<void>>()
})

test("a handler's result, errors and services take the place of the value", () => {
  expectTypeOf(queue(numbers, store)).toEqualTypeOf<Select.Branch<"stored", "disk full", Database>>()
  expectTypeOf(queue(lines, (line) => store(line.length))).toEqualTypeOf<
    Select.Branch<"stored", "io" | Cause.Done | "disk full", Database>
  >()
  expectTypeOf(permits(sem, 2, () => give)).toEqualTypeOf<Select.Branch<"given", "eg", Cache>>()
  expectTypeOf(timer("1 second", () => give)).toEqualTypeOf<Select.Branch<"given", "eg", Cache>>()
})

test("tokens fail as a wait for them does, and as their handler", () => {
  type Limited = RateLimiter.RateLimited
  type Full = RateLimiter.RateLimiterFull
  expectTypeOf(tokens(limiter)).toEqualTypeOf<Select.Branch<void, Limited>>()
  expectTypeOf(tokens(limiter, 2, undefined, { maxWait: "1 second" })).toEqualTypeOf<Select.Branch<void, Limited>>()
  expectTypeOf(tokens(limiter, 1, () => give, { priority: 1 })).toEqualTypeOf<
    Select.Branch<"given", "eg" | Limited, Cache>
  >()
  expectTypeOf(tokens(bounded, 1, () => give)).toEqualTypeOf<
    Select.Branch<"given", "eg" | Limited | Full | RateLimiterStore.RateLimiterStoreError, Cache>
  >()
})

test("a handler of failures takes them out", () => {
  const handled = queue(
    lines,
    (line) => Effect.succeed(line.length),
    (error) => {
      expectTypeOf(error).toEqualTypeOf<"io" | Cause.Done>()
      return Effect.succeed("no more" as const)
    }
  )
  expectTypeOf(handled).toEqualTypeOf<Select.Branch<number | "no more">>()
  expectTypeOf(deferred(stop, undefined, () => give)).toEqualTypeOf<Select.Branch<"stop" | "given", "eg", Cache>>()
})

test("a handler that may be missing erases nothing", () => {
  const handler = {} as ((n: number) => Effect.Effect<"handled", "eh", Database>) | undefined
  const rescue = {} as ((error: "io" | Cause.Done) => Effect.Effect<boolean, never, Cache>) | undefined
  type Maybe = Select.Branch<number | "handled", "eh", Database>
  expectTypeOf(queue(numbers, handler)).toEqualTypeOf<Maybe>()
  type Either = Select.Branch<string | boolean, "io" | Cause.Done, Cache>
  expectTypeOf(queue(lines, undefined, rescue)).toEqualTypeOf<Either>()
  const options = {} as { readonly onFailure?: (error: "ed") => Effect.Effect<"late"> }
  expectTypeOf(deferred(stop, undefined, options.onFailure)).toEqualTypeOf<Select.Branch<"stop" | "late", "ed">>()
  expectTypeOf(fiber(work, undefined, undefined)).toEqualTypeOf<Select.Branch<"work", "ew">>()
  const late = {} as (() => Effect.Effect<"late">) | undefined
  expectTypeOf(timer(1, late)).toEqualTypeOf<Select.Branch<void | "late">>()
  const commit = {} as Effect.Effect<Option.Option<number>, "ec">
  expectTypeOf(make({ ready: Effect.void, commit }, handler)).toEqualTypeOf<
    Select.Branch<number | "handled", "ec" | "eh", Database>
  >()
})

test("handlers of several shapes, of any, and in a generic caller", () => {
  const either = queue(numbers, (n) => (n > 0 ? Effect.succeed("more" as const) : Effect.fail("less" as const)))
  expectTypeOf(either).toEqualTypeOf<Select.Branch<"more", "less">>()
  const anything = {} as (n: number) => Effect.Effect<any, any, any>
  expectTypeOf(queue(numbers, anything)).toEqualTypeOf<Select.Branch<any, any, any>>()
  const wider = {} as (n: number | string) => Effect.Effect<"ok">
  expectTypeOf(queue(numbers, wider)).toEqualTypeOf<Select.Branch<"ok">>()
  const relay = <A, E, B, R>(from: Queue.Dequeue<A, E>, to: (value: A) => Effect.Effect<B, never, R>) =>
    first([queue(from, to)])
  expectTypeOf(relay(lines, (line) => Effect.succeed(line.length))).toEqualTypeOf<
    Effect.Effect<number, "io" | Cause.Done>
  >()
  // @ts-expect-error the handler wants something else
  queue(numbers, (line: string) => Effect.succeed(line))
  // @ts-expect-error a handler gives an effect
  queue(numbers, (n) => n)
})

test("first gives the union", () => {
  expectTypeOf(
    first([queue(numbers, store), queue(lines, (line) => Effect.succeed(line.length)), timer("1 second", () => give)])
  ).toEqualTypeOf<
    Effect.Effect<"stored" | number | "given", "disk full" | "io" | Cause.Done | "eg", Database | Cache>
  >()
  expectTypeOf(first([queue(numbers)], { otherwise: give })).toEqualTypeOf<
    Effect.Effect<number | "given", "eg", Cache>
  >()
  expectTypeOf(first([queue(numbers)], { order: "listed" })).toEqualTypeOf<Effect.Effect<number>>()
  expectTypeOf(first([])).toEqualTypeOf<Effect.Effect<never>>()
  const options = {} as Select.Options<"given", "eg", Cache>
  expectTypeOf(first([queue(numbers)], options)).toEqualTypeOf<Effect.Effect<number | "given", "eg", Cache>>()
  const branches = [] as ReadonlyArray<Select.Branch<number, "e">>
  expectTypeOf(first(branches)).toEqualTypeOf<Effect.Effect<number, "e">>()
})

test("a branch of one's own", () => {
  const commit = {} as Effect.Effect<Option.Option<number>, "ec", Database>
  const ready = {} as Effect.Effect<string, "er", Cache>
  expectTypeOf(make({ ready, commit })).toEqualTypeOf<Select.Branch<number, "ec" | "er", Database | Cache>>()
  expectTypeOf(
    make(
      { ready, commit },
      (n) => Effect.succeed(String(n)),
      () => Effect.succeed(false)
    )
  ).toEqualTypeOf<Select.Branch<string | boolean, "er", Database | Cache>>()
})

test("misuse does not compile", () => {
  // @ts-expect-error a queue is no branch
  first([numbers])
  // @ts-expect-error there is no such order
  first([queue(numbers)], { order: "sorted" })
  // @ts-expect-error commit gives an option
  make({ ready: Effect.void, commit: Effect.succeed(1) })
  // @ts-expect-error a subscription does not fail
  subscription(messages, undefined, () => Effect.void)
  // @ts-expect-error permits are held for a body
  permits(sem, 1)
  // @ts-expect-error a semaphore is no limiter
  tokens(sem, 1)
  void Option.none
})
