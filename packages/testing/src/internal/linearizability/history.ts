/**
 * What a scenario's operations were seen to do: when each was called, when its fiber was first seen to wait, and when
 * and how it ended. Times are the numbers of the events; no two are equal.
 */
import * as Exit from "effect/Exit"

export interface Call {
  readonly id: number
  readonly fiber: number
  readonly operation: string
  readonly input: unknown
  readonly called: number
  /** It was seen to wait at this time at the latest; Infinity when it never was. */
  waited: number
  /** Infinity when it never ended. */
  ended: number
  outcome: Outcome
}

export type Outcome =
  | { readonly _tag: "Pending" }
  | { readonly _tag: "Returned"; readonly output: unknown }
  | { readonly _tag: "Interrupted" }

const pending: Outcome = { _tag: "Pending" }

export class History {
  readonly calls: Array<Call> = []
  private time = 0
  /** Nothing is recorded any more. */
  closed = false
  /** Whether a fiber of the scenario is certain to be suspended. */
  private readonly isParked: (fiber: number) => boolean

  constructor(isParked: (fiber: number) => boolean) {
    this.isParked = isParked
  }

  call(fiber: number, operation: string, input: unknown): Call {
    this.look()
    const { length: id } = this.calls
    const called = ++this.time
    const call = { id, fiber, operation, input, called, waited: Infinity, ended: Infinity, outcome: pending }
    this.calls.push(call)
    return call
  }

  end(call: Call, exit: Exit.Exit<unknown, unknown>): void {
    if (this.closed) return
    this.look()
    call.ended = ++this.time
    call.outcome = Exit.isSuccess(exit) ? { _tag: "Returned", output: exit.value } : { _tag: "Interrupted" }
  }

  /** Nothing moves any more; what is done to the fibers from here on is no part of the history. */
  close(): void {
    this.look()
    this.closed = true
  }

  private look(): void {
    for (const call of this.calls) {
      if (call.outcome._tag !== "Pending" || call.waited !== Infinity || !this.isParked(call.fiber)) continue
      call.waited = ++this.time
    }
  }
}
