/**
 * Tasks of one key one after the other, in the order in which they came; those of different keys at the same time.
 *
 * ```
 *   line ──▶ "a" ○○○    "c" ○       keys of which a task may begin take turns
 *            "b" ● ○○               one of its tasks runs, or backs off, and holds the key meanwhile
 * ```
 * A busy key does not hold up the others. One of which no task waits, runs or backs off costs no memory.
 *
 * Where workers have state a key belongs to one of them, so that all of its tasks find the same state; then each worker has
 * a line of its own. Where they have none nobody can tell them apart, and whoever is free works on a key.
 */
import * as Hash from "effect/Hash"

import { PriorityLine, PriorityWaiter } from "../priorityLine.ts"
import { StructuralMap } from "../structuralMap.ts"
import { WaitLine } from "../waitLine.ts"
import { Ages, type Backlog, emptied } from "./backlog.ts"
import type { Entry, Worker } from "./entry.ts"

class Lane extends PriorityWaiter<Lane> {
  readonly key: unknown
  /** Runs, backs off, or is back from that and waits. */
  holder: Entry | undefined = undefined
  /** The line in which it stands: when `first` may begin. */
  line: PriorityLine<Lane> | undefined = undefined
  private head: Entry | undefined = undefined
  /** Those behind the head. Most keys have none. */
  private rest: WaitLine<Entry> | undefined = undefined

  constructor(key: unknown) {
    super()
    this.key = key
  }

  get first(): Entry | undefined {
    return this.holder ?? this.head
  }

  append(entry: Entry): void {
    if (this.head === undefined) this.head = entry
    else (this.rest ??= new WaitLine()).append(entry)
  }

  remove(entry: Entry): void {
    if (this.head !== entry) return this.rest!.leave(entry)
    this.head = this.rest?.head
    if (this.head !== undefined) this.rest!.leave(this.head)
  }

  /** All that wait leave. */
  clear(): ReadonlyArray<Entry> {
    const entries: Array<Entry> = []
    for (let entry = this.head; entry !== undefined; entry = this.head) {
      this.remove(entry)
      entries.push(entry)
    }
    return entries
  }

  get isEmpty(): boolean {
    return this.head === undefined
  }
}

export interface KeyedOptions {
  readonly key: (task: any) => unknown
  /** Where keys belong to workers: how many there are. */
  readonly homes: number | undefined
  readonly keepAges: boolean
}

export class Keyed implements Backlog {
  private readonly key: (task: any) => unknown
  private readonly hasHomes: boolean
  private readonly lanes = new StructuralMap<unknown, Lane>()
  /** One for all workers, or one for each. */
  private lines: ReadonlyArray<PriorityLine<Lane>>
  /** Where keys belong to them. */
  private readonly workers: Array<Worker> = []
  private readonly ages: Ages | undefined

  constructor({ homes, keepAges, key }: KeyedOptions) {
    this.key = key
    this.hasHomes = homes !== undefined
    this.lines = linesFor(homes ?? 1)
    this.ages = keepAges ? new Ages() : undefined
  }

  claim(entry: Entry, idle: Array<Worker>): boolean {
    const key = this.key(entry.task)
    if (idle.length === 0 || this.lanes.get(key) !== undefined) return false
    if (this.hasHomes && !this.call(idle, this.homeOf(key))) return false
    const lane = this.open(key)
    lane.holder = entry
    entry.place = lane
    return true
  }

  join(entry: Entry): void {
    const key = this.key(entry.task)
    const lane = this.lanes.get(key) ?? this.open(key)
    entry.place = lane
    this.ages?.join(entry)
    lane.append(entry)
    if (lane.first === entry) this.enter(lane)
  }

  rejoin(entry: Entry): void {
    this.ages?.join(entry)
    this.enter(entry.place as Lane)
  }

  leave(entry: Entry): void {
    const lane = entry.place as Lane
    const wasNext = lane.first === entry
    this.ages?.leave(entry)
    if (wasNext) this.exit(lane)
    if (lane.holder === entry) lane.holder = undefined
    else lane.remove(entry)
    if (wasNext) this.goOn(lane)
  }

  next(idle: Array<Worker>): Entry | undefined {
    const home = this.hasHomes ? idle.findLast(({ index }) => this.lines[index]!.head !== undefined)?.index : 0
    const lane = home === undefined ? undefined : this.lines[home]!.head
    if (lane === undefined) return undefined
    if (this.hasHomes) this.call(idle, home!)
    return this.begin(lane)
  }

  take(entry: Entry, worker: Worker): boolean {
    const lane = entry.place as Lane
    if (lane.first !== entry || lane.line === undefined) return false
    if (this.hasHomes && worker.index !== this.homeOf(lane.key)) return false
    this.begin(lane)
    return true
  }

  ahead(entry: Entry, worker: Worker | undefined): Entry {
    const { first, key, line } = entry.place as Lane
    if (!this.hasHomes || line === undefined) return first!
    const home = this.homeOf(key)
    return home === worker?.index ? first! : (this.workers[home]?.frame?.entry ?? first!)
  }

  ends(entry: Entry): void {
    const lane = entry.place as Lane
    lane.holder = undefined
    this.goOn(lane)
  }

  resized(size: number): void {
    if (!this.hasHomes) return
    const lanes = this.lines.flatMap(emptied)
    this.lines = linesFor(size)
    for (const lane of lanes) this.enter(lane)
  }

  oldest(): Entry | undefined {
    return this.ages?.oldest()
  }

  clear(): ReadonlyArray<Entry> {
    const left: Array<Entry> = []
    for (const lane of this.lanes.values()) {
      const { holder, line } = lane
      // whoever holds a key and stands in a line is back from a backoff
      if (line !== undefined) {
        this.exit(lane)
        lane.holder = undefined
        if (holder !== undefined) left.push(holder)
      }
      left.push(...lane.clear())
      if (lane.holder === undefined) this.lanes.delete(lane.key)
    }
    return left
  }

  private open(key: unknown): Lane {
    const lane = new Lane(key)
    this.lanes.set(key, lane)
    return lane
  }

  /** Its holder is gone: the next one's turn comes, behind those of the other keys. */
  private goOn(lane: Lane): void {
    if (lane.isEmpty) this.lanes.delete(lane.key)
    else this.enter(lane)
  }

  private enter(lane: Lane): void {
    lane.line = this.lines[this.hasHomes ? this.homeOf(lane.key) : 0]!
    lane.priority = lane.first!.priority
    lane.line.join(lane)
  }

  private exit(lane: Lane): void {
    lane.line!.leave(lane)
    lane.line = undefined
  }

  private begin(lane: Lane): Entry {
    const entry = lane.first!
    this.exit(lane)
    this.ages?.leave(entry)
    if (lane.holder === undefined) lane.remove(entry)
    lane.holder = entry
    return entry
  }

  private homeOf(key: unknown): number {
    return Math.abs(Hash.hash(key)) % this.lines.length
  }

  /** Makes an idle worker the last of them. */
  private call(idle: Array<Worker>, index: number): boolean {
    const at = idle.findLastIndex((worker) => worker.index === index)
    if (at < 0) return false
    const [worker] = idle.splice(at, 1)
    idle.push(worker!)
    this.workers[index] = worker!
    return true
  }
}

const linesFor = (count: number): ReadonlyArray<PriorityLine<Lane>> =>
  Array.from({ length: count }, () => new PriorityLine<Lane>())
