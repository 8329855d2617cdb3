/** Short concurrent programs: for each fiber, the operations that it does one after the other. */
import * as Arbitrary from "effect/Arbitrary"
import { pipe } from "effect/Function"
import * as Schema from "effect/Schema"

import { mistake } from "../check.ts"
import type { Operations } from "./model.ts"

/** One operation with its argument; or the interruption of another fiber, which then does nothing more. */
export type Cell =
  | { readonly _tag: "Operation"; readonly name: string; readonly input: unknown }
  | { readonly _tag: "Interrupt"; readonly fiber: number }

export type Scenario = ReadonlyArray<ReadonlyArray<Cell>>

export interface Shape {
  readonly operations: Operations
  readonly fibers: number
  readonly perFiber: number
  readonly interruption: boolean
}

/** Which operations the scenarios so far have had. */
export class Coverage {
  private readonly uncalled: Set<string>
  private readonly kinds: number
  private calls = 0

  constructor(names: ReadonlyArray<string>) {
    this.uncalled = new Set(names)
    this.kinds = names.length
  }
  add(scenario: Scenario): void {
    for (const cell of scenario.flat()) {
      if (cell._tag !== "Operation") continue
      this.calls++
      this.uncalled.delete(cell.name)
    }
  }
  /** Those that cannot be missing by chance: it would be one of e^20, or all 25 scenarios are empty. */
  missing(scenarios: number): ReadonlyArray<string> {
    const isCertain = this.calls >= 20 * this.kinds || (this.calls === 0 && scenarios >= 25)
    return isCertain ? [...this.uncalled] : []
  }
}

const below = (bound: number): Arbitrary.Arbitrary<number> =>
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: bound - 1 })))

export const scenarios = ({ fibers, interruption, operations, perFiber }: Shape): Arbitrary.Arbitrary<Scenario> => {
  const kinds = Object.entries(operations).map(([name, { input }]) =>
    pipe(
      input === undefined ? Arbitrary.Constant<unknown>(undefined) : generated(name, input),
      Arbitrary.map((input): Cell => ({ _tag: "Operation", name, input }))
    )
  )
  const column = (fiber: number): Arbitrary.Arbitrary<ReadonlyArray<Cell>> => {
    const interrupt = pipe(
      below(Math.max(1, fibers - 1)),
      Arbitrary.map((other): Cell => ({ _tag: "Interrupt", fiber: other < fiber ? other : other + 1 }))
    )
    const all = interruption && fibers > 1 ? [...kinds, interrupt] : kinds
    return Arbitrary.array(
      pipe(
        below(all.length),
        Arbitrary.flatMap((kind) => all[kind]!)
      ),
      { maxLength: perFiber }
    )
  }
  return pipe(Arbitrary.all(Array.from({ length: fibers }, (_, fiber) => column(fiber))), Arbitrary.map(compact))
}

const generated = (name: string, input: Schema.Codec<any, any>): Arbitrary.Arbitrary<unknown> => {
  try {
    return Arbitrary.schema(input)
  } catch (error) {
    return mistake(`the input of operation "${name}"`, "a schema that values can be generated from", error)
  }
}

/** Without the fibers that have nothing to do. */
const compact = (scenario: Scenario): Scenario => {
  const numbers = new Map<number, number>()
  for (const [fiber, cells] of scenario.entries()) if (cells.length > 0) numbers.set(fiber, numbers.size)
  const renumber = (cell: Cell): ReadonlyArray<Cell> => {
    if (cell._tag === "Operation") return [cell]
    const fiber = numbers.get(cell.fiber)
    return fiber === undefined ? [] : [{ _tag: "Interrupt", fiber }]
  }
  const left = scenario.filter((cells) => cells.length > 0).map((cells) => cells.flatMap(renumber))
  return left.some((cells) => cells.length === 0) ? compact(left) : left
}
