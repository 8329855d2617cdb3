/**
 * What a thread and the pool share for the tasks that the pool has sent to it: 64 slots, each with one word that says how
 * far its task is, and room for a result.
 *
 * ```
 *            pool            thread                     thread
 *   free ───────▶ offered ──────────▶ begun ──────────────────────────▶ done
 *                    │ pool             │ pool                            ▲
 *                    └──▶ taken back    └──▶ stopping ────────────────────┤
 *                             └──────────────── thread, when it sees it ──┘
 * ```
 * Every arrow that two can take from the same state is one compare-and-swap, so exactly one of them succeeds: what has been
 * taken back never begins, what has begun is never taken back, and a task that has ended was not stopped. A slot is free
 * again when the pool has read that it is done; until then nothing else writes there.
 *
 * A result of up to a kilobyte lies in its slot, so that it is there for the pool also when the thread is not any more. A larger
 * one is posted at once. The thread announces results by a message without content (the bell), which it does not
 * repeat while one is under way.
 */

import { integerIfAny } from "./integer.ts"

/** How many tasks a thread is sent at the most: enough that it never waits for the next one. */
export const slotsPerLane = 64

const resultBytes = 1280
const doubt = 16

const word = { bell: 0, finished: 1, running: 2, heapKiB: 3, state: 16 }
const statuses = word.state + slotsPerLane
const kinds = statuses + slotsPerLane
const lengths = kinds + slotsPerLane
const ring = lengths + slotsPerLane
const wordBytes = (ring + slotsPerLane) * 4
const numbers = { values: 0, began: slotsPerLane, took: 2 * slotsPerLane, busy: 3 * slotsPerLane }
const numberBytes = (numbers.busy + 1) * 8

const State = { free: 0, offered: 1, begun: 2, takenBack: 3, stopping: 4, done: 5 } as const

/** How a task ended; `skipped` did not begin, because it was taken back. */
export const Status = { success: 0, failure: 1, defect: 2, interrupted: 3, skipped: 4 } as const
export type Status = (typeof Status)[keyof typeof Status]

const Kind = { undefined: 0, null: 1, true: 2, false: 3, number: 4, serialized: 5, posted: 6 } as const

/** What a lane needs of memory, so that tests can stop between any two steps. */
export type Memory = Pick<typeof Atomics, "load" | "store" | "compareExchange" | "exchange">

/** How a lane turns values into bytes; the threads and the pool have the same. */
export interface Codec {
  readonly serialize: (value: unknown) => Uint8Array
  readonly deserialize: (bytes: Uint8Array) => unknown
}

export class Lane {
  static readonly bytes = wordBytes + numberBytes + slotsPerLane * resultBytes

  readonly memory: SharedArrayBuffer
  private readonly words: Int32Array
  private readonly numbers: Float64Array
  private readonly results: Uint8Array
  private readonly codec: Codec
  private readonly atomics: Memory
  /** How many results are not even tried, because the last one was too large: it was serialized for nothing. */
  private doubt = 0
  /** How many of the thread's ends the pool has read. */
  private read = 0

  constructor(memory: SharedArrayBuffer, codec: Codec, atomics: Memory = Atomics) {
    this.atomics = atomics
    this.memory = memory
    this.words = new Int32Array(memory, 0, wordBytes / 4)
    this.numbers = new Float64Array(memory, wordBytes, numberBytes / 8)
    this.results = new Uint8Array(memory, wordBytes + numberBytes)
    this.codec = codec
  }

  // ---- the pool's side

  offer(slot: number): void {
    this.atomics.store(this.words, word.state + slot, State.offered)
  }

  /** True where the task had not begun: then it never does. */
  takeBack(slot: number): boolean {
    return this.move(slot, State.offered, State.takenBack)
  }

  /** Tells the task to stop; false where it does not run. */
  stop(slot: number): boolean {
    return this.move(slot, State.begun, State.stopping)
  }

  /** The slot whose task has begun and not ended; undefined where there is none. */
  running(): number | undefined {
    const slot = this.atomics.load(this.words, word.running) - 1
    return slot < 0 ? undefined : slot
  }

  isStopping(slot: number): boolean {
    return this.atomics.load(this.words, word.state + slot) === State.stopping
  }

  /** Whether the thread has not seen the slot. */
  isOffered(slot: number): boolean {
    return this.atomics.load(this.words, word.state + slot) === State.offered
  }

  /** The bell was heard: the next result rings again. To be called before the results are read. */
  answer(): void {
    this.atomics.store(this.words, word.bell, 0)
  }

  /** The slot of the next task that has ended, in that order; undefined where there is none. */
  next(): number | undefined {
    if (this.read === this.atomics.load(this.words, word.finished)) return undefined
    return this.words[ring + (this.read++ % slotsPerLane)]!
  }

  status(slot: number): Status {
    return this.words[statuses + slot] as Status
  }

  value(slot: number): unknown {
    switch (this.words[kinds + slot]) {
      case Kind.undefined:
        return undefined
      case Kind.null:
        return null
      case Kind.true:
        return true
      case Kind.false:
        return false
      case Kind.number:
        return integerIfAny(this.numbers[numbers.values + slot]!)
      default: {
        const from = slot * resultBytes
        // a copy: the slot is used again
        return this.codec.deserialize(this.results.slice(from, from + this.words[lengths + slot]!))
      }
    }
  }

  /** When the task began and how long it took, in milliseconds of the shared clock. */
  began(slot: number): number {
    return this.numbers[numbers.began + slot]!
  }

  took(slot: number): number {
    return this.numbers[numbers.took + slot]!
  }

  /** Milliseconds for which the thread has run tasks that have ended. */
  busyMillis(): number {
    return this.numbers[numbers.busy]!
  }

  heapBytes(): number {
    return this.atomics.load(this.words, word.heapKiB) * 1024
  }

  // ---- the thread's side

  /** True where the task may begin; otherwise it was taken back. */
  begin(slot: number, at: number): boolean {
    if (!this.move(slot, State.offered, State.begun)) return false
    this.numbers[numbers.began + slot] = at
    this.atomics.store(this.words, word.running, slot + 1)
    return true
  }

  /** The task has ended; true where it had not been told to stop before that. */
  end(slot: number, at: number): boolean {
    const took = at - this.numbers[numbers.began + slot]!
    this.numbers[numbers.took + slot] = took
    this.numbers[numbers.busy]! += took
    return this.move(slot, State.begun, State.done)
  }

  /**
   * Leaves the result in the slot; false where it has no room there and has to be posted.
   */
  leave(slot: number, status: Status, value: unknown): boolean {
    this.words[statuses + slot] = status
    const kind = this.store(slot, value)
    this.words[kinds + slot] = kind
    if (kind === Kind.posted) {
      this.over()
      return false
    }
    const finished = this.words[word.finished]!
    this.words[ring + (finished % slotsPerLane)] = slot
    this.over()
    this.atomics.store(this.words, word.finished, finished + 1)
    return true
  }

  /** Says how a task ended whose result is posted, however small it is. */
  post(slot: number, status: Status): void {
    this.words[statuses + slot] = status
    this.words[kinds + slot] = Kind.posted
    this.over()
  }

  /** Whether the bell has to be rung: it was not since the pool read. */
  ring(): boolean {
    return this.atomics.exchange(this.words, word.bell, 1) === 0
  }

  noteHeap(bytes: number): void {
    this.atomics.store(this.words, word.heapKiB, Math.ceil(bytes / 1024))
  }

  /** Undefined where a message may be able to take it: shared memory, ports. */
  private serialized(value: unknown): Uint8Array | undefined {
    try {
      return this.codec.serialize(value)
    } catch {
      return undefined
    }
  }

  private over(): void {
    this.atomics.store(this.words, word.running, 0)
  }

  private move(slot: number, from: number, to: number): boolean {
    return this.atomics.compareExchange(this.words, word.state + slot, from, to) === from
  }

  private store(slot: number, value: unknown): number {
    if (typeof value === "number") {
      this.numbers[numbers.values + slot] = value
      return Kind.number
    }
    if (value === undefined) return Kind.undefined
    if (value === null) return Kind.null
    if (typeof value === "boolean") return value ? Kind.true : Kind.false
    if (isLarge(value) || this.doubt-- > 0) return Kind.posted
    const bytes = this.serialized(value)
    if (bytes === undefined || bytes.length > resultBytes) {
      this.doubt = doubt
      return Kind.posted
    }
    this.doubt = 0
    this.results.set(bytes, slot * resultBytes)
    this.words[lengths + slot] = bytes.length
    return Kind.serialized
  }
}

/** Not worth an attempt to serialize. */
const isLarge = (value: unknown): boolean =>
  (ArrayBuffer.isView(value) && (value.byteLength > resultBytes || !(value.buffer instanceof ArrayBuffer))) ||
  (typeof value === "string" && value.length > resultBytes) ||
  (Array.isArray(value) && value.length > resultBytes)
