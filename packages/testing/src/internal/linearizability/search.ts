/**
 * Looks for an order of the steps of a history's operations that explains it: each step between the call and the end of
 * its operation, each answer the model's. (Wing and Gong, 1993; memory of what has failed: Lowe, 2017; a request and a
 * follow-up for operations that wait: Scherer and Scott, 2004.)
 */
import * as Equal from "effect/Equal"

import type { Call } from "./history.ts"
import type { AnyOperation, Operations } from "./model.ts"

/** How far an operation has come: not at all, requested, answered but to be undone, or done with. */
type Progress = "none" | "requested" | "answered" | "done"

type StepKind = "request" | "respond" | "cancel" | "undo"

export interface Step {
  readonly call: Call
  readonly kind: StepKind
}

/** The longest order that explains a part of a history, and what stands in the way of the rest. */
export interface Unexplained {
  readonly order: ReadonlyArray<Step>
  readonly contradictions: ReadonlyArray<Contradiction>
}

export type Contradiction =
  | { readonly _tag: "Output"; readonly call: Call; readonly expected: unknown }
  | { readonly _tag: "MustWait"; readonly call: Call }
  | { readonly _tag: "LostWakeUp"; readonly call: Call; readonly expected: unknown }

/** Undefined when the history can be explained. */
export const explain = (
  operations: Operations,
  initial: unknown,
  calls: ReadonlyArray<Call>
): Unexplained | undefined => {
  const failed = new Map<string, Array<unknown>>()
  const progress: Array<Progress> = calls.map(() => "none")
  const order: Array<Step> = []
  let best: Unexplained | undefined

  const operationOf = (call: Call): AnyOperation => operations[call.operation]!

  /** When the next step of an operation can be taken at the latest. */
  const latest = (call: Call): number => {
    const requests = progress[call.id] === "none" && operationOf(call).request !== undefined
    return requests ? Math.min(call.waited, call.ended) : call.ended
  }

  const isFinished = (call: Call): boolean => {
    const at = progress[call.id]!
    if (at === "done") return true
    if (call.outcome._tag === "Returned" || at === "answered") return false
    if (at === "requested") return call.outcome._tag === "Pending"
    return operationOf(call).request === undefined || call.waited === Infinity
  }

  const visit = (state: unknown, time: number): boolean => {
    const contradictions: Array<Contradiction> = []
    if (calls.every(isFinished)) {
      for (const call of calls) {
        if (call.outcome._tag !== "Pending") continue
        const answer = operationOf(call).respond(state, call.input, call.id)
        if (answer !== undefined) contradictions.push({ _tag: "LostWakeUp", call, expected: answer[0] })
      }
      if (contradictions.length === 0) return true
    }
    const key = progress.join(" ")
    const known = failed.get(key)
    if (known?.some((other) => Equal.equals(other, state)) === true) return false

    const deadline = Math.min(...calls.filter((call) => !isFinished(call)).map(latest))
    const take = (call: Call, kind: StepKind, next: unknown, after: Progress = "done"): boolean => {
      const before = progress[call.id]!
      progress[call.id] = after
      order.push({ call, kind })
      if (visit(next, Math.max(time, call.called))) return true
      order.pop()
      progress[call.id] = before
      return false
    }

    for (const call of calls) {
      const at = progress[call.id]!
      if (at === "done" || Math.max(time, call.called) > Math.min(deadline, latest(call))) continue
      const operation = operationOf(call)
      const { input, id, outcome } = call
      if (at === "none" && operation.request !== undefined) {
        if (take(call, "request", operation.request(state, input, id), "requested")) return true
        continue
      }
      if (outcome._tag === "Interrupted") {
        if (at === "answered") {
          if (take(call, "undo", operation.undo!(state, input, id))) return true
          continue
        }
        if (at === "requested") {
          if (take(call, "cancel", operation.cancel?.(state, input, id) ?? state)) return true
          const answer = operation.undo === undefined ? undefined : operation.respond(state, input, id)
          if (answer !== undefined && take(call, "respond", answer[1], "answered")) return true
        }
        if (operation.interrupted !== "either") continue
      }
      if (outcome._tag === "Pending") continue
      const answer = operation.respond(state, input, id)
      if (answer === undefined) contradictions.push({ _tag: "MustWait", call })
      else if (outcome._tag === "Returned" && !Equal.equals(answer[0], outcome.output)) {
        contradictions.push({ _tag: "Output", call, expected: answer[0] })
      } else if (take(call, "respond", answer[1])) return true
    }
    if (known === undefined) failed.set(key, [state])
    else known.push(state)
    if (best === undefined || order.length > best.order.length) best = { order: [...order], contradictions }
    return false
  }

  return visit(initial, 0) ? undefined : best
}
