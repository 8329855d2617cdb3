import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import { expectTypeOf, test } from "vitest"

import * as Deadline from "../src/Deadline.ts"

declare const effect: Effect.Effect<"a", "e", "r">
declare const instant: DateTime.Utc
type Bounded = Effect.Effect<"a", "e" | Deadline.DeadlineExceeded, "r">

test("within and at add DeadlineExceeded and nothing else, in every form", () => {
  expectTypeOf(effect.pipe(Deadline.within("1 second"))).toEqualTypeOf<Bounded>()
  expectTypeOf(Deadline.within(effect, 1_000)).toEqualTypeOf<Bounded>()
  expectTypeOf(effect.pipe(Deadline.at(instant))).toEqualTypeOf<Bounded>()
  expectTypeOf(Deadline.at(effect, new Date())).toEqualTypeOf<Bounded>()
})

test("shield leaves A, E and R alone", () => {
  expectTypeOf(Deadline.shield(effect)).toEqualTypeOf<typeof effect>()
})

test("what is left, and headers", () => {
  expectTypeOf(Deadline.remaining).toEqualTypeOf<Effect.Effect<Option.Option<Duration.Duration>>>()
  expectTypeOf(Deadline.toHeader("1 second")).toEqualTypeOf<string>()
  expectTypeOf(Deadline.fromHeader("1S")).toEqualTypeOf<Option.Option<Duration.Duration>>()
})

test("the error has the facts", () => {
  expectTypeOf<Deadline.DeadlineExceeded["_tag"]>().toEqualTypeOf<"DeadlineExceeded">()
  expectTypeOf<Deadline.DeadlineExceeded["deadline"]>().toEqualTypeOf<Duration.Duration>()
  expectTypeOf<Deadline.DeadlineExceeded["elapsed"]>().toEqualTypeOf<Duration.Duration>()
})

test("misuse does not compile", () => {
  // @ts-expect-error a duration has a unit
  void Deadline.within("1")
  // @ts-expect-error an instant is no duration
  void Deadline.at("5 seconds")
})
