/** What a run can be found guilty of. */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"

import type { Engine } from "./engine.ts"
import { fiberNames } from "./fiberNames.ts"
import type { Stop } from "./run.ts"
import { type Operations, reasonOf, type Waiting, waitingOf } from "./waiting.ts"

export type Verdict =
  | { readonly _tag: "Failed"; readonly cause: Cause.Cause<unknown> }
  | { readonly _tag: "Deadlock"; readonly waiting: ReadonlyArray<Waiting> }
  | { readonly _tag: "Livelock"; readonly steps: number; readonly waiting: ReadonlyArray<Waiting> }
  | { readonly _tag: "Starvation"; readonly fiber: string; readonly step: string; readonly overtaken: number }
  | { readonly _tag: "Leak"; readonly waiting: ReadonlyArray<Waiting> }
  | {
      readonly _tag: "LostResource"
      readonly resources: ReadonlyArray<{ readonly name: string; readonly lost: number }>
    }
  | { readonly _tag: "Outside"; readonly waiting: ReadonlyArray<Waiting> }

export const verdictOf = (
  engine: Engine,
  stop: Stop | "outside",
  options: { readonly daemons: "forbid" | "allow"; readonly operations?: Operations | undefined }
): Verdict | undefined => {
  const waiting = () => waitingOf(engine.records, options.operations)
  const { bypass, exit, resources } = engine
  if (engine.thrown !== undefined) return { _tag: "Failed", cause: Cause.die(engine.thrown.error) }
  if (exit !== undefined && Exit.isFailure(exit)) return { _tag: "Failed", cause: exit.cause }
  if (stop === "starved" && bypass.starvation !== undefined) {
    const { fiber, overtaken, step } = bypass.starvation
    return { _tag: "Starvation", fiber: fiberNames(engine.records).get(fiber)!, step, overtaken }
  }
  if (exit === undefined) {
    if (stop === "outside") return { _tag: "Outside", waiting: waiting() }
    if (stop === "quiescent") return { _tag: "Deadlock", waiting: waiting() }
    return { _tag: "Livelock", steps: engine.steps, waiting: waiting() }
  }
  if (options.daemons === "forbid" && stop !== "ended") return { _tag: "Leak", waiting: waiting() }
  const lost = resources.lost.map(({ acquired, name, released }) => ({ name, lost: acquired - released }))
  return lost.length === 0 ? undefined : { _tag: "LostResource", resources: lost }
}

/** Equal for verdicts that are one and the same bug, as far as one can tell: what differs from run to run is left out. */
export const verdictKey = (verdict: Verdict): string => {
  switch (verdict._tag) {
    case "Failed": {
      const kind = verdict.cause.reasons.find(({ _tag }) => _tag !== "Interrupt")?._tag ?? "Interrupt"
      return `Failed ${kind} ${reasonOf(verdict.cause).replace(/\d+/g, "#")}`
    }
    case "LostResource":
      return `LostResource ${verdict.resources.map(({ name }) => name).join(" ")}`
    case "Starvation":
      return `Starvation ${verdict.step}`
    default:
      return verdict._tag
  }
}

const count = ({ length }: ReadonlyArray<Waiting>, one: string, many: string): string =>
  length === 1 ? `1 fiber ${one}` : `${length} fibers ${many}`

/** One sentence, and a line for each fiber that had not ended. */
export const describeVerdict = (verdict: Verdict): string => {
  switch (verdict._tag) {
    case "Failed":
      return `failed: ${reasonOf(verdict.cause)}`
    case "Deadlock":
      return lines(`deadlock: ${count(verdict.waiting, "waits", "wait")} and nothing can run`, verdict.waiting)
    case "Livelock":
      return lines(
        `livelock: no end after ${verdict.steps} operations (maxSteps, and as many in fair order)`,
        verdict.waiting
      )
    case "Starvation":
      return `starvation: ${verdict.fiber} was overtaken ${verdict.overtaken} times at "${verdict.step}"`
    case "Leak":
      return lines(`leak: the root has ended and ${count(verdict.waiting, "has", "have")} not`, verdict.waiting)
    case "LostResource":
      return `lost resource: ${verdict.resources.map(({ lost, name }) => `${name} (${lost} not released)`).join(", ")}`
    default:
      return lines("waiting on something outside: a real timer, promise, socket or process", verdict.waiting)
  }
}

/** So many fibers are told one by one. */
const told = 12

const lines = (head: string, waiting: ReadonlyArray<Waiting>): string =>
  [
    head,
    ...waiting.slice(0, told).map(({ doing, fiber, forkedBy, operation, waitsFor }) => {
      const where = waitsFor ?? operation
      const facts = [
        doing === undefined ? undefined : `at "${doing}"`,
        where === undefined ? undefined : `in ${where}`,
        forkedBy === undefined ? undefined : `forked by ${forkedBy}`
      ].filter((fact) => fact !== undefined)
      return `  ${fiber}${facts.length === 0 ? "" : ` ${facts.join(", ")}`}`
    }),
    ...(waiting.length > told ? [`  and ${waiting.length - told} more`] : [])
  ].join("\n")
