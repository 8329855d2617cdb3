/** Fibers that have not ended, and what each of them waits for; and how one has ended. */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"

import { fiberNames, type Names } from "./fiberNames.ts"
import type { AnyFiber, FiberRecord } from "./fibers.ts"

/** What a fiber waits in, and the fibers that it waits for. */
export interface Wait {
  readonly what: string | undefined
  readonly fibers: Set<AnyFiber>
}

/** Knows what fibers do; there is one while a run is traced. */
export interface Operations {
  /** Its last operation. */
  readonly operationOf: (record: FiberRecord) => string | undefined
  /** What it waits for, where that was its last operation. */
  readonly waitOf: (record: FiberRecord) => Wait | undefined
}

/** A fiber that had not ended, and what is known of it. */
export interface Waiting {
  readonly fiber: string
  /** Its last `Explorer.step`, else its span. */
  readonly doing: string | undefined
  /** Its last operation, where operations can be named. */
  readonly operation: string | undefined
  /** What it waits for: `Deferred.await`, `Fiber.join root.1`, `sleep until 1000 ms`. */
  readonly waitsFor: string | undefined
  /** Who forked it, and at which step. */
  readonly forkedBy: string | undefined
}

export const waitingOf = (
  records: ReadonlyArray<FiberRecord>,
  operations: Operations | undefined
): ReadonlyArray<Waiting> => {
  const names = fiberNames(records)
  return records
    .filter((record) => !record.ended)
    .map((record) => {
      const { doing, forkedIn, wakesAt } = record
      const parent = record.parent === undefined ? undefined : names.get(record.parent)
      return {
        fiber: names.get(record)!,
        doing,
        operation: operations?.operationOf(record),
        waitsFor:
          wakesAt === undefined
            ? describeWait(operations?.waitOf(record), names, ({ ended }) => !ended)
            : `sleep until ${wakesAt} ms`,
        forkedBy: parent === undefined || forkedIn === undefined ? parent : `${parent} at ${forkedIn}`
      }
    })
}

/** More fibers that one waits for are not named. */
const mostFibers = 3

export const describeWait = (
  wait: Wait | undefined,
  names: Names,
  counts: (record: FiberRecord) => boolean
): string | undefined => {
  const fibers = Array.from(names).flatMap(([record, name]) =>
    wait?.fibers.has(record.fiber) === true && counts(record) ? [name] : []
  )
  const named = fibers.slice(0, mostFibers).join(", ")
  const more = fibers.length > mostFibers ? `, ${fibers.length - mostFibers} more` : ""
  const text = [wait?.what, `${named}${more}`].filter((part) => part !== undefined && part !== "").join(" ")
  return text === "" ? undefined : text
}

/** `succeeds`, `fails: Error: boom`, `dies: Error: boom`, `interrupted by root.1`. */
export const describeExit = ({ fiber }: FiberRecord, names: Names): string => {
  const exit = fiber.pollUnsafe()
  if (exit === undefined || Exit.isSuccess(exit)) return "succeeds"
  const { cause } = exit
  if (!Cause.hasInterruptsOnly(cause)) return `${Cause.hasDies(cause) ? "dies" : "fails"}: ${reasonOf(cause)}`
  const by = Cause.interruptors(cause)
  const who = Array.from(names).flatMap(([record, name]) => (by.has(record.fiber.id) ? [name] : []))
  return who.length === 0 ? "interrupted" : `interrupted by ${who.join(", ")}`
}

/** The first line of what went wrong. The end of a queue or a stream is no error, and is called `Done`. */
export const reasonOf = (cause: Cause.Cause<unknown>): string => {
  const reason = cause.reasons.find((reason) => !Cause.isInterruptReason(reason))
  const [error] = Cause.prettyErrors(cause)
  if (reason === undefined || error === undefined) return "interrupted"
  if (Cause.isDone(Cause.isFailReason(reason) ? reason.error : reason.defect)) return "Done"
  const [message = ""] = error.message.split("\n")
  return message === "" ? error.name : `${error.name}: ${message}`
}
