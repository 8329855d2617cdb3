/**
 * Tasks that fork, and the threads that help them. A thread helps only while the pool has nothing else for it: as soon as
 * something is sent to it, it leaves with its next look.
 */
import type { Definition, Work } from "./definition.ts"
import { Entry, type Holder } from "./entry.ts"
import { Family, maxMembers } from "./family.ts"
import type { Hand } from "./hand.ts"
import type { Wakes } from "./wakes.ts"

/** The input of a task that forks. */
export interface Shared {
  readonly shared: unknown
  readonly args: ReadonlyArray<number>
}

interface Run {
  readonly root: Entry
  readonly memory: SharedArrayBuffer
  readonly members: number
  readonly shared: unknown
  leader: Holder | undefined
}

interface Host {
  readonly hands: ReadonlyArray<Hand>
  readonly wakes: Wakes
  readonly taskOf: (entry: Entry) => number
  readonly counts: { steals: number; parks: number }
}

type Report = readonly [result: number, steals: number, parks: number]

export class Families {
  private readonly host: Host
  private readonly running = new Set<Run>()
  private readonly helping = new Map<Hand, Run>()

  constructor(host: Host) {
    this.host = host
  }

  rootOf(definition: Definition, { args, shared }: Shared): Entry {
    const members = Math.min(this.host.hands.length, maxMembers)
    const memory = Family.make(members)
    const part = { args, shared, family: memory, members }
    const root = Entry.ofWork(definition, { type: "root", member: 0, ...part })
    const run: Run = { root, memory, members, shared, leader: undefined }
    root.onSend = (hand) => {
      run.leader = hand
      root.input = { type: "root", member: hand.index, ...part } satisfies Work
      this.running.add(run)
      queueMicrotask(() => this.call(run))
    }
    root.onStop = () => Family.end(memory, "stopped")
    root.resultOf = (report) => this.note(report as Report)
    root.onEnd(this.host.wakes, () => this.running.delete(run))
    return root
  }

  /** Gives a thread that has nothing else to do a part in what is running. */
  invite(hand: Hand): void {
    for (const run of this.running) {
      if (run.leader === hand || hand.index >= run.members || run.root.state === "ended") continue
      this.send(hand, run)
      return
    }
  }

  /** Something is about to be sent to a thread: if it helps, it stops. */
  makeWay(hand: Hand): void {
    const run = this.helping.get(hand)
    if (run !== undefined) Family.release(run.memory, hand.index)
  }

  /** A thread is gone, and with it what it has stolen or begun: nobody can wait for that. */
  lost(hand: Hand): void {
    for (const run of this.running) {
      if (run.leader === hand || this.helping.get(hand) === run) Family.end(run.memory, "broken")
    }
    this.helping.delete(hand)
  }

  private call(run: Run): void {
    for (const hand of this.host.hands) {
      if (hand.load === 0 && hand.room > 0 && hand.index < run.members && run.root.state !== "ended")
        this.send(hand, run)
    }
  }

  private send(hand: Hand, run: Run): void {
    const { memory, members, root, shared } = run
    Family.invite(memory, hand.index)
    this.helping.set(hand, run)
    const work: Work = { type: "help", args: [], shared, family: memory, member: hand.index, members }
    const helper = Entry.ofWork(root.definition, work)
    helper.resultOf = (report) => this.note(report as Report)
    helper.onEnd(this.host.wakes, (exit) => {
      // whatever has ended the helper's thread has ended what it had stolen
      if (exit._tag === "Failure") root.failure ??= exit
      if (this.helping.get(hand) === run) this.helping.delete(hand)
    })
    hand.send([helper], this.host.taskOf)
  }

  private note([result, steals, parks]: Report): number {
    this.host.counts.steals += steals
    this.host.counts.parks += parks
    return result
  }
}
