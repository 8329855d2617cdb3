/** One thread as the pool sees it: what it was sent, what of that can be taken back, and what it makes of the rest. */
import { Worker, type ResourceLimits } from "node:worker_threads"

import type { Entry, Holder } from "./entry.ts"
import { Lane, slotsPerLane, Status } from "./lane.ts"
import { codec, type FromThread, Op, type Start } from "./protocol.ts"

/** What the pool is told. */
export interface Listener {
  readonly onReady: (hand: Hand) => void
  readonly onEnd: (hand: Hand, entry: Entry, status: Status, value: unknown) => void
  /** All that could be read has been. */
  readonly onResults: (hand: Hand) => void
  readonly onExit: (hand: Hand, code: number, error: unknown) => void
  readonly onUnsendable: (entry: Entry, error: unknown) => void
}

export interface Spawn {
  readonly index: number
  readonly preload: ReadonlyArray<string>
  readonly resourceLimits: ResourceLimits | undefined
  readonly watchHeap: boolean
}

/** `.ts` in development, `.js` when published: whatever this file is. */
const entryPoint = new URL(`./thread${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url)

/** Entries that have ended leave the list of those sent when it is this long. */
const tidyAt = 4 * slotsPerLane

export class Hand implements Holder {
  readonly index: number
  readonly lane = new Lane(new SharedArrayBuffer(Lane.bytes), codec)
  /** When it was ready. */
  started = performance.now()
  state: "starting" | "ready" | "retiring" | "gone" = "starting"
  wasReady = false
  /** Tasks that it has and has not answered for, those taken back included until it has seen them. */
  load = 0
  /** Of these, a task that was told to stop: the thread is sent nothing until it has. */
  stopping = false
  /** Tasks that have ended here. */
  tasks = 0
  private readonly worker: Worker
  private readonly listener: Listener
  private readonly entries: Array<Entry | undefined> = Array.from({ length: slotsPerLane }, () => undefined)
  private readonly free: Array<number> = Array.from({ length: slotsPerLane }, (_, slot) => slotsPerLane - 1 - slot)
  private readonly known = new Set<number>()
  /** Oldest first. */
  private sent: Array<Entry> = []
  private failure: unknown = undefined

  constructor({ index, preload, resourceLimits, watchHeap }: Spawn, listener: Listener) {
    this.index = index
    this.listener = listener
    const workerData: Start = { memory: this.lane.memory, origin: performance.timeOrigin, preload, watchHeap }
    this.worker = new Worker(entryPoint, { workerData, ...(resourceLimits === undefined ? {} : { resourceLimits }) })
    this.worker.on("message", (message: FromThread) => this.receive(message))
    this.worker.on("error", (error) => {
      this.failure = error
    })
    this.worker.on("exit", (code) => this.exited(code))
  }

  get room(): number {
    return this.state === "ready" && !this.stopping ? this.free.length : 0
  }

  /** Sends entries in one message. `taskOf` numbers their tasks. */
  send(entries: ReadonlyArray<Entry>, taskOf: (entry: Entry) => number): void {
    const message: Array<unknown> = [Op.run]
    for (const entry of entries) {
      const task = taskOf(entry)
      if (!this.known.has(task)) {
        this.known.add(task)
        this.worker.postMessage([Op.define, task, entry.definition.module, entry.definition.name])
      }
      const slot = this.free.pop()!
      this.entries[slot] = entry
      this.lane.offer(slot)
      this.load++
      entry.state = "sent"
      entry.hand = this
      entry.slot = slot
      entry.onSend?.(this)
      message.push(slot, entry.isWork ? ~task : task, entry.input)
      this.sent.push(entry)
    }
    if (this.sent.length > tidyAt) this.tidy()
    const [first] = entries
    try {
      this.worker.postMessage(message, first!.transfer)
    } catch (error) {
      if (entries.length === 1) this.unsendable(first!, error)
      // only one of them is to blame, and nothing has been sent
      else {
        for (const entry of entries) this.recall(entry)
        for (const entry of entries) this.send([entry], taskOf)
      }
    }
  }

  /** True where the entry had not begun. Its slot is free again when the thread has seen that. */
  takeBack(entry: Entry): boolean {
    if (!this.lane.takeBack(entry.slot)) return false
    this.detach(entry)
    return true
  }

  /** Entries that have not begun, at most so many, oldest first: whoever came first begins first, on whichever thread. */
  giveUp(most: number): ReadonlyArray<Entry> {
    const given: Array<Entry> = []
    for (let index = 0; index < this.sent.length && given.length < most; index++) {
      const entry = this.sent[index]!
      if (entry.hand === this && entry.transfer === undefined && this.takeBack(entry)) given.push(entry)
    }
    return given
  }

  /** True where the task runs, and is told to stop. */
  stop({ slot }: Entry): boolean {
    if (!this.lane.stop(slot)) return false
    this.stopping = true
    this.worker.postMessage([Op.stop, slot])
    return true
  }

  /** Whether a task runs at this instant, as the thread says. */
  get isRunning(): boolean {
    return this.lane.running() !== undefined
  }

  /** Whether it has nothing that could not be taken back. */
  get isDone(): boolean {
    return this.entries.every((entry) => entry === undefined)
  }

  attached(): ReadonlyArray<Entry> {
    return this.entries.filter((entry) => entry !== undefined)
  }

  stats() {
    const { index, lane, started, tasks } = this
    const age = performance.now() - started
    return { index, tasks, busy: lane.busyMillis(), age, heapBytes: lane.heapBytes(), isRunning: this.isRunning }
  }

  terminate(): Promise<unknown> {
    return this.worker.terminate()
  }

  private receive(message: FromThread): void {
    if (message === "ready") {
      this.state = "ready"
      this.wasReady = true
      this.started = performance.now()
      this.listener.onReady(this)
      return
    }
    this.lane.answer()
    this.readResults()
    if (message !== null) this.ended(message[0], message[1])
    this.listener.onResults(this)
  }

  private readResults(): void {
    for (let slot = this.lane.next(); slot !== undefined; slot = this.lane.next()) {
      this.ended(slot, this.lane.status(slot) === Status.skipped ? undefined : this.lane.value(slot))
    }
  }

  private ended(slot: number, value: unknown): void {
    const entry = this.release(slot)
    if (entry === undefined) return
    this.tasks++
    this.stopping = false
    this.listener.onEnd(this, entry, this.lane.status(slot), value)
  }

  private release(slot: number): Entry | undefined {
    const entry = this.entries[slot]
    this.entries[slot] = undefined
    this.free.push(slot)
    this.load--
    if (this.load === 0) this.sent = []
    return entry
  }

  private detach(entry: Entry): void {
    this.entries[entry.slot] = undefined
    entry.hand = undefined
    entry.state = "queued"
  }

  private recall(entry: Entry): void {
    const { slot } = entry
    this.detach(entry)
    this.release(slot)
  }

  private unsendable(entry: Entry, error: unknown): void {
    this.recall(entry)
    this.listener.onUnsendable(entry, error)
  }

  private tidy(): void {
    this.sent = this.sent.filter((entry) => entry.hand === this)
  }

  private exited(code: number): void {
    this.readResults()
    this.state = "gone"
    this.listener.onExit(this, code, this.failure)
  }

  /** After the exit: what the thread took on and has not ended, and what it has not seen, oldest first. */
  remains(): { readonly begun: ReadonlyArray<Entry>; readonly unseen: ReadonlyArray<Entry> } {
    const left = this.sent.filter((entry) => entry.hand === this)
    const isUnseen = ({ slot }: Entry) => this.lane.isOffered(slot)
    const unseen = left.filter(isUnseen)
    const begun = left.filter((entry) => !isUnseen(entry))
    for (const entry of unseen) this.detach(entry)
    return { begun, unseen }
  }
}
