/** A history that nothing explains, as a person reads it. */
import { format } from "effect/Formatter"

import type { Call } from "./history.ts"
import type { Cell, Scenario } from "./scenario.ts"
import type { Contradiction, Step, Unexplained } from "./search.ts"

const callName = (operation: string, input: unknown): string =>
  `${operation}(${input === undefined ? "" : format(input)})`

/** As in the trace. */
export const fiberName = (fiber: number): string => `root.${fiber + 1}`

export const nameOf = (cell: Cell): string =>
  cell._tag === "Operation" ? callName(cell.name, cell.input) : `interrupt ${fiberName(cell.fiber)}`

export const describeScenario = (scenario: Scenario): string =>
  scenario.map((cells, fiber) => `${fiberName(fiber)}: ${cells.map(nameOf).join(", ")}`).join("\n")

/** Calls and ends in the order in which they happened. */
export const describeHistory = (calls: ReadonlyArray<Call>): string => {
  const events = calls.flatMap((call) => {
    const who = `${fiberName(call.fiber)}: ${callName(call.operation, call.input)}`
    return [
      { at: call.called, text: `${who} begins` },
      { at: call.waited, text: `${who} waits` },
      { at: call.ended, text: `${who} ${endOf(call)}` }
    ]
  })
  return events
    .filter(({ at }) => at !== Infinity)
    .toSorted((a, b) => a.at - b.at)
    .map(({ text }) => `  ${text}`)
    .join("\n")
}

const endOf = ({ outcome }: Call): string => (outcome._tag === "Returned" ? answer(outcome.output) : "is interrupted")

const answer = (output: unknown): string => (output === undefined ? "ends" : `answers ${format(output)}`)

const describeStep = ({ call, kind }: Step): string => {
  const name = callName(call.operation, call.input)
  return kind === "respond" ? name : `${name} ${deeds[kind]}`
}

const deeds = { request: "joins", cancel: "leaves", undo: "gives back" } as const

const describeContradiction = (contradiction: Contradiction): string => {
  const { call } = contradiction
  const who = `${callName(call.operation, call.input)} of ${fiberName(call.fiber)}`
  switch (contradiction._tag) {
    case "Output":
      return `${who} ${endOf(call)}, where the model ${answer(contradiction.expected)}`
    case "MustWait":
      return `${who} ${endOf(call)}, where the model waits`
    default:
      return `${who} waits for ever, where the model ${answer(contradiction.expected)}`
  }
}

export const describeUnexplained = ({ contradictions, order }: Unexplained): string =>
  [
    order.length === 0
      ? "Whatever is put first:"
      : `The longest order that fits: ${order.map(describeStep).join(", ")}. After it:`,
    ...contradictions.map((contradiction) => `  ${describeContradiction(contradiction)}`)
  ].join("\n")
