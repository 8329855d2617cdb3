/** Many elements at once: what a thread does when it is given a `Work` instead of one input. */
import * as current from "./current.ts"
import { type Definition, type Fold, type ForkBody, nameOf, type TypedArray, type Work } from "./definition.ts"
import { Member } from "./family.ts"
import { Status } from "./lane.ts"
import type { Loaded } from "./loaded.ts"
import type { Outcome } from "./outcome.ts"

/** How long a thread goes on with shared elements before it looks what is left and whether it has to stop, in milliseconds. */
const turn = 0.5

type Named = Pick<Definition, "module" | "name">

/** Elements between two claims: as many as take a turn, but never so many that others are left without at the end. */
const spanOf = (size: number, took: number, left: number, threads: number): number => {
  const fitting = took < turn / 2 ? size * 2 : took > turn * 2 ? Math.ceil(size / 2) : size
  return Math.max(1, Math.min(fitting, Math.ceil(left / (2 * threads))))
}

/** Claims, calls and stores, until nothing is left. Gives how many elements were done here. */
const span = (
  run: (input: unknown) => unknown,
  { claims, source, target, threads }: Extract<Work, { type: "span" }>
): number => {
  const { length } = source
  let done = 0
  let size = Math.max(1, Math.min(256, Math.ceil(length / (8 * threads))))
  let from = Atomics.add(claims, 0, size)
  try {
    while (from < length && !current.interrupted()) {
      const began = performance.now()
      const to = Math.min(length, from + size)
      apply(run, source, target, from, to)
      done += to - from
      size = spanOf(size, performance.now() - began, length - to, threads)
      from = Atomics.add(claims, 0, size)
    }
  } catch (error) {
    // nobody else need go on
    Atomics.store(claims, 0, length)
    throw error
  }
  return done
}

const apply = (
  run: (input: unknown) => unknown,
  source: TypedArray,
  target: TypedArray | undefined,
  from: number,
  to: number
): void => {
  if (target === undefined) for (let index = from; index < to; index++) run(source[index])
  else for (let index = from; index < to; index++) target[index] = numberOf(run(source[index]))
}

const numberOf = (value: unknown): number => {
  if (typeof value === "number") return value
  throw new TypeError(`over a typed array a task has to give a number, not ${String(value)}`)
}

const foldBlock = ({ initial, step }: Fold, source: ArrayLike<unknown>, from: number, to: number): unknown => {
  let state = initial()
  for (let index = from; index < to; index++) state = step(state, source[index])
  return state
}

/** `[block, state]` for each block that was folded here. */
const fold = (fold: Fold, { block, claims, source }: Extract<Work, { type: "fold" }>): ReadonlyArray<unknown> => {
  const blocks = Math.ceil(source.length / block)
  const states: Array<readonly [number, unknown]> = []
  let own = 0
  const next = () => (claims === undefined ? own++ : Atomics.add(claims, 0, 1))
  for (let index = next(); index < blocks && !current.interrupted(); index = next()) {
    const from = index * block
    states.push([index, foldBlock(fold, source, from, Math.min(source.length, from + block))])
  }
  return states
}

/** An element has ended so, and with it all of its list. */
export class Ended extends Error {
  readonly outcome: Outcome

  constructor(outcome: Outcome) {
    super("an element did not succeed")
    this.outcome = outcome
  }
}

/** Waits only where an element does. */
const each = (
  { call, encode }: Loaded,
  { discard, inputs }: Extract<Work, { type: "each" }>,
  { isLater, outcomeOf }: Waiting
): unknown => {
  const results: Array<unknown> = []
  const add = (value: unknown) => {
    if (!discard) results.push(value)
  }
  const goOn = (start: number): unknown => {
    for (let index = start; index < inputs.length && !current.interrupted(); index++) {
      const result = call(inputs[index])
      if (isLater(result)) {
        return outcomeOf(result).then((outcome) => {
          if (outcome.status !== Status.success) throw new Ended(outcome)
          add(outcome.value)
          return goOn(index + 1)
        })
      }
      add(encode(result))
    }
    return results
  }
  return goOn(0)
}

/** How a result is told from one that is still to come, and what becomes of that. */
export interface Waiting {
  readonly isLater: (result: unknown) => boolean
  readonly outcomeOf: (result: unknown) => Promise<Outcome>
}

export const perform = (loaded: Loaded, named: Named, work: Work, waiting: Waiting): unknown => {
  switch (work.type) {
    case "each":
      return each(loaded, work, waiting)
    case "span":
      return span(loaded.call, work)
    case "fold":
      return fold(loaded.fold ?? missing(named, "a fold"), work)
    default:
      return forkJoin(loaded.forkJoin ?? missing(named, "a task that forks"), work)
  }
}

const forkJoin = (
  body: ForkBody,
  { args, family, member, members, shared, type }: Extract<Work, { type: "root" | "help" }>
): unknown => {
  const one = new Member(family, members, member, (args, member) => body(shared, args, member))
  const result = type === "root" ? one.lead(args) : one.help()
  return [result, one.steals, one.parks]
}

const missing = (named: Named, what: string): never => {
  throw new Error(`${nameOf(named)} is not ${what}`)
}
