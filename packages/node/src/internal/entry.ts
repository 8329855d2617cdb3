import type { Transferable } from "node:worker_threads"

/** A task in a pool. */
import type * as Exit from "effect/Exit"

import type { Definition, Work } from "./definition.ts"
import type { Lane } from "./lane.ts"
import type { Linked } from "./line.ts"
import type { Wakes } from "./wakes.ts"

/** The thread that an entry was sent to. */
export interface Holder {
  readonly index: number
  readonly lane: Lane
  readonly takeBack: (entry: Entry) => boolean
  readonly stop: (entry: Entry) => boolean
  readonly giveUp: (most: number) => ReadonlyArray<Entry>
  readonly terminate: () => Promise<unknown>
}

/**
 * ```
 *   waiting ──▶ queued ──▶ sent ──▶ ended
 *     room        ▲          │ a thread takes it on, which the pool sees in the lane's word
 *                 └──────────┘ taken back
 * ```
 */
export class Entry implements Linked<Entry> {
  state: "waiting" | "queued" | "sent" | "ended" = "waiting"
  previous: Entry | undefined = undefined
  next: Entry | undefined = undefined
  /** While it is sent. */
  hand: Holder | undefined = undefined
  slot = -1
  exit: Exit.Exit<any, any> | undefined = undefined
  /** When it was accepted, and how long it took, in milliseconds of the pool. */
  accepted = 0
  took = 0
  /** The pool was closed, and nobody else has stopped it. */
  closed = false
  /** Called when somebody stops it. */
  onStop: (() => void) | undefined = undefined
  /** Called when a thread is about to get it, which its input may depend on. */
  onSend: ((hand: Holder) => void) | undefined = undefined
  /** What a success stands for, where that is not the value itself. */
  resultOf: ((value: unknown) => unknown) | undefined = undefined
  /** What it ends with instead of a defect that only follows from this. */
  failure: Exit.Exit<any, any> | undefined = undefined
  readonly definition: Definition
  readonly transfer: ReadonlyArray<Transferable> | undefined
  /** Its input is a `Work`. */
  readonly isWork: boolean
  input: unknown
  private waiters: Array<(exit: Exit.Exit<any, any>) => void> = []

  constructor(definition: Definition, input: unknown, transfer?: ReadonlyArray<Transferable>) {
    this.definition = definition
    this.input = input
    this.transfer = transfer
    this.isWork = false
  }

  static ofWork(definition: Definition, work: Work): Entry {
    const entry = new Entry(definition, work)
    return Object.assign(entry, { isWork: true })
  }

  /** Has `wake` called when it has ended; the result takes that back. */
  onEnd(wakes: Wakes, wake: (exit: Exit.Exit<any, any>) => void): () => void {
    const { exit } = this
    if (exit !== undefined) {
      wakes.push(() => wake(exit))
      return () => {}
    }
    this.waiters.push(wake)
    return () => {
      this.waiters = this.waiters.filter((one) => one !== wake)
    }
  }

  end(exit: Exit.Exit<any, any>, wakes: Wakes): void {
    this.state = "ended"
    this.exit = exit
    // nothing is kept alive by whoever holds the job
    this.input = undefined
    this.hand = undefined
    for (const wake of this.waiters) wakes.push(() => wake(exit))
    this.waiters = []
  }
}
