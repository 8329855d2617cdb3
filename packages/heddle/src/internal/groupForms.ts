/**
 * The forms of a group, from options to the effect that runs: what `ErrorGroup` gives types and names to.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { hasProperty, isIterable } from "effect/Predicate"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

import { ArrayCursor, type Cursor, IteratorCursor } from "./cursor.ts"
import { CurrentDeadline, nanosLeft } from "./deadline.ts"
import {
  checkDuration,
  checkEffect,
  checkFunction,
  checkOneOf,
  checkOptions,
  checkPositive,
  checkThat,
  describe
} from "./defect.ts"
import { type Config, ForEach } from "./forEach.ts"
import { type AnyFiber, Group } from "./group.ts"
import { checkPolicy, enough, failFast, type Policy } from "./policy.ts"
import { type Keep, Tally } from "./tally.ts"

type AnyEffect = Effect.Effect<any, any, any>

export interface Options {
  readonly concurrency?: number | "unbounded" | undefined
  readonly name?: string | undefined
  readonly policy?: Policy<any, any> | undefined
}

export interface ElementOptions extends Options {
  readonly collect?: boolean | undefined
  readonly isolation?: "fiber" | "none" | undefined
  readonly deadline?: "partial" | undefined
  readonly margin?: Duration.Input | undefined
}

const slotsOf = (label: string, concurrency: Options["concurrency"]): number => {
  const slots = concurrency === "unbounded" ? Infinity : (concurrency as number)
  checkPositive(label, "concurrency", slots, "or Infinity")
  return slots
}

const tallyOf = (label: string, options: Options, keep: Keep, total?: number): Tally<any, any> => {
  const { name, policy = failFast } = options
  const needed = enough(policy) ?? 0
  if (total !== undefined && total < needed) {
    throw new RangeError(`${label}: ${needed} of ${total} effects can never succeed`)
  }
  return new Tally({ policy, keep, total, name, label })
}

/** A span only where there is a name. */
const named = (options: Options, effect: AnyEffect): AnyEffect =>
  typeof options?.name === "string" ? Effect.withSpan(effect, options.name) : effect

/** What all forms have in common; says who speaks. */
const checkForm = (operation: string, options: Options): string => {
  const label = checkOptions(`ErrorGroup.${operation}`, options)
  checkPolicy(label, options.policy === undefined ? failFast : options.policy)
  return label
}

/** Whether the result has a place for each task. */
const givesAll = ({ policy = failFast }: Options): boolean => "_tag" in policy && enough(policy) === undefined

export const makeGroup = (operation: string, options: Options, owner: AnyFiber): Group<any> => {
  const label = checkForm(operation, options)
  const { concurrency = "unbounded" } = options
  const slots = slotsOf(label, concurrency)
  return new Group(tallyOf(label, options, "nothing"), owner, slots, options.name)
}

export const runBlock = (options: Options, body: (group: Group<any>) => AnyEffect): AnyEffect =>
  named(
    options,
    Effect.withFiber((fiber) => {
      const group = makeGroup("run", options, fiber)
      return group.runBody(
        Effect.suspend(() => {
          checkFunction(group.label("run"), "the body", body)
          const effect = body(group)
          checkEffect(group.label("run"), "what the body gives", effect)
          return effect
        }),
        fiber
      )
    })
  )

export const runAll = (effects: Iterable<AnyEffect> | Record<string, AnyEffect>, options: Options): AnyEffect =>
  named(
    options,
    Effect.withFiber((fiber) => {
      const label = checkForm("all", options)
      const isSome = isIterable(effects) || (typeof effects === "object" && effects !== null)
      checkThat(isSome, label, "the effects", effects, "a tuple, an iterable or a record")
      const keys = isIterable(effects) ? undefined : Object.keys(effects)
      const members = isIterable(effects) ? Array.from(effects) : Object.values(effects)
      const { concurrency = "unbounded" } = options
      const tally = tallyOf(label, options, "values", members.length)
      const config = {
        f: (effect: AnyEffect) => effect,
        concurrency: slotsOf(label, concurrency),
        isolated: true,
        tally
      }
      const run = new ForEach(config, new ArrayCursor(members), fiber).run(tally.outcome)
      if (keys === undefined || !givesAll(options)) return run
      return Effect.map(run, (values) =>
        Object.fromEntries(keys.map((key, index) => [key, (values as Array<unknown>)[index]]))
      )
    })
  )

type Source = Iterable<any> | AsyncIterable<any> | Stream.Stream<any, any, any>

export const runForEach = (
  source: Source,
  f: (element: any, index: number) => AnyEffect,
  options: ElementOptions
): AnyEffect =>
  named(
    options,
    Effect.withFiber((fiber) => {
      const label = checkForm("forEach", options)
      const { collect = false, concurrency, deadline, isolation = "fiber", policy } = options
      checkFunction(label, "what runs for each element", f)
      checkOneOf(label, "isolation", isolation, ["fiber", "none"])
      if (deadline !== undefined) checkOneOf(label, "deadline", deadline, ["partial"])
      checkThat(typeof collect === "boolean", label, "collect", collect, "true or false")
      const margin = marginOf(label, options)
      const givesValues = collect || (policy !== undefined && enough(policy) !== undefined)
      const tally = tallyOf(label, options, deadline === "partial" ? "exits" : givesValues ? "values" : "nothing")
      const config = { f, concurrency: slotsOf(label, concurrency), isolated: isolation === "fiber", tally }
      const limit = deadline === "partial" ? timeToStop(margin, fiber) : undefined
      const outcome = deadline === "partial" ? soFar(tally) : tally.outcome
      return overSource(label, source, { ...config, limit }, outcome, fiber)
    })
  )

const overSource = (
  label: string,
  source: Source,
  config: Config<any, any, any, any>,
  outcome: AnyEffect,
  fiber: AnyFiber
): AnyEffect => {
  if (!Stream.isStream(source) && isIterable(source)) {
    const cursor: Cursor<any> = Array.isArray(source) ? new ArrayCursor(source) : new IteratorCursor(source)
    return new ForEach(config, cursor, fiber).run(
      outcome,
      Effect.sync(() => cursor.close())
    )
  }
  const stream = streamOf(label, source)
  return Effect.scopedWith((outer) =>
    Effect.flatMap(Scope.fork(outer), (scope) =>
      Effect.flatMap(Scope.provide(Stream.toPull(stream), scope), (pull) =>
        new ForEach({ ...config, pull }, undefined, fiber).run(outcome, Scope.close(scope, Exit.void))
      )
    )
  )
}

const streamOf = (label: string, source: Source) => {
  if (Stream.isStream(source)) return source
  if (hasProperty(source, Symbol.asyncIterator))
    return Stream.orDie(Stream.fromAsyncIterable(source, (rejection) => rejection))
  throw new TypeError(
    `${label}: the source must be an iterable, an async iterable or a Stream, got ${describe(source)}`
  )
}

const defaultMargin = Duration.millis(50)

/** In nanoseconds. */
const marginOf = (label: string, { margin = defaultMargin }: ElementOptions): number => {
  const checked = checkDuration(label, "margin", margin)
  checkThat(!Duration.isNegative(checked), label, "margin", margin, "a duration from zero up")
  return Duration.isFinite(checked) ? Number(Duration.toNanosUnsafe(checked)) : Infinity
}

/** When a margin before the deadline begins; never, without one. */
const timeToStop = (nanos: number, fiber: AnyFiber) => {
  const left = nanosLeft(fiber)
  const { clock } = fiber.getRef(CurrentDeadline) ?? {}
  if (clock === undefined || left === Infinity) return undefined
  return clock.sleep(Duration.nanos(BigInt(Math.ceil(left - Math.min(nanos, left / 2)))))
}

const soFar = (tally: Tally<any, any>): AnyEffect =>
  Effect.suspend(() => {
    const result = () => ({ exits: tally.exitsSoFar(), complete: tally.stopped === undefined })
    return Effect.map(tally.because === "deadline" ? tally.logSuppressed : tally.outcome, result)
  })
