/**
 * What the threads share that work on one task which forks.
 *
 * Each member has a deque, and frames for what it has forked: the numbers that a fork was given, its state and its result. A
 * member gives out and takes back its frames alone, which needs no agreement; a deque holds the numbers of frames, and whoever
 * takes one from it runs it. Thieves take the oldest, which is the largest piece where pieces are halved.
 *
 * ```
 *   fork ──▶ own deque ──▶ own join pops it and runs it       no other thread has looked
 *                └───────▶ a thief runs it                    join meanwhile runs what else there is, and then parks
 * ```
 * Whoever parks says so first and looks once more then; whoever adds work looks for sleepers after it. So no work is left
 * to nobody, and nobody spins for longer than `spins` looks.
 */
import { Deque, empty, lost } from "./deque.ts"
import { integerIfAny } from "./integer.ts"

export const maxArgs = 6
export const maxMembers = 64

/** How many forks of a member wait at the most; the next runs at once, as if it were a call. */
const framesPerMember = 1024
const dequeWords = Deque.bytes(framesPerMember) / Int32Array.BYTES_PER_ELEMENT
const errorBytes = 2048
const numbersPerFrame = maxArgs + 2

// words that all members write stand on cache lines of their own
const control = { ending: 0, failure: 16, errorLength: 17, wakes: 32, sleepers: 48, wanted: 64 }

const Ending = { none: 0, over: 1, stopped: 2, broken: 3 } as const

const layout = (members: number) => {
  const deques = control.wanted + maxMembers
  const states = deques + members * dequeWords
  const words = states + members * framesPerMember
  const numbersAt = Math.ceil((words * 4 + errorBytes) / 8) * 8
  return { deques, states, words, numbersAt, bytes: numbersAt + members * framesPerMember * numbersPerFrame * 8 }
}

const memberWords = new WeakMap<SharedArrayBuffer, Int32Array>()

/** What the pool does with a family from outside. */
export const Family = {
  make: (members: number): SharedArrayBuffer => new SharedArrayBuffer(layout(members).bytes),
  /** Has all members end as soon as they look: the task was told to stop, or has lost a member and what that has stolen. */
  end: (memory: SharedArrayBuffer, why: "stopped" | "broken"): void =>
    finish(controlOf(memory), why === "stopped" ? Ending.stopped : Ending.broken),
  /** Wants a helper's thread back: it leaves as soon as it has nothing in hand. */
  invite: (memory: SharedArrayBuffer, member: number): void => {
    Atomics.store(controlOf(memory), control.wanted + member, 0)
  },
  release: (memory: SharedArrayBuffer, member: number): void => {
    const words = controlOf(memory)
    Atomics.store(words, control.wanted + member, 1)
    wakeAll(words)
  }
}

const controlOf = (memory: SharedArrayBuffer): Int32Array => {
  let words = memberWords.get(memory)
  if (words === undefined) memberWords.set(memory, (words = new Int32Array(memory, 0, control.wanted + maxMembers)))
  return words
}

const finish = (words: Int32Array, ending: number): void => {
  Atomics.compareExchange(words, control.ending, Ending.none, ending)
  wakeAll(words)
}

const wakeAll = (words: Int32Array): void => {
  Atomics.add(words, control.wakes, 1)
  Atomics.notify(words, control.wakes)
}

/** Thrown through the bodies of a family that has ended early; what it has ended of is in the shared memory. */
class Ended extends Error {}

const spins = 100

type Body = (args: ReadonlyArray<number>, member: Member) => number

/** One thread's part. */
export class Member {
  steals = 0
  parks = 0
  private readonly words: Int32Array
  private readonly numbers: Float64Array
  private readonly errors: Uint8Array
  private readonly deques: ReadonlyArray<Deque>
  private readonly own: Deque
  private readonly index: number
  private readonly states: number
  private readonly body: Body
  private readonly free: Array<number> = []
  /** Forks of the body that runs which it has not joined. */
  private open = 0
  /** Results of forks that ran at once because there was no frame. */
  private readonly atOnce: Array<number> = []
  private victim: number

  constructor(memory: SharedArrayBuffer, members: number, index: number, body: Body) {
    const { deques, numbersAt, states, words } = layout(members)
    this.words = new Int32Array(memory, 0, words)
    this.errors = new Uint8Array(memory, words * 4, errorBytes)
    this.numbers = new Float64Array(memory, numbersAt)
    this.deques = Array.from({ length: members }, (_, member) => {
      const from = deques + member * dequeWords
      return new Deque(this.words.subarray(from, from + dequeWords))
    })
    this.own = this.deques[index]!
    this.index = index
    this.states = states
    this.body = body
    this.victim = index
    // the lowest on top, so that few frames are used again and again
    for (let frame = framesPerMember - 1; frame >= 0; frame--) this.free.push(index * framesPerMember + frame)
  }

  /** Runs the whole: the first body, and with it all that it forks and joins. */
  lead(args: ReadonlyArray<number>): number {
    try {
      const result = this.whole(args)
      this.check()
      finish(this.words, Ending.over)
      return result
    } catch (error) {
      this.fail(error)
      throw this.failure()
    }
  }

  /** Runs what others have forked, until the whole has ended or the thread is wanted elsewhere. */
  help(): void {
    let looks = 0
    while (!this.ended() && Atomics.load(this.words, control.wanted + this.index) === 0) {
      const frame = this.steal()
      if (frame !== empty) {
        looks = 0
        try {
          this.perform(frame)
        } catch {
          return
        }
      } else if (looks++ > spins) this.park(undefined)
    }
  }

  readonly fork = (...args: ReadonlyArray<number>): number => {
    this.check()
    const frame = this.free.pop()
    if (frame === undefined) return this.forkAtOnce(args)
    this.open++
    const at = frame * numbersPerFrame
    for (let arg = 0; arg < args.length; arg++) this.numbers[at + arg] = args[arg]!
    this.numbers[at + maxArgs] = args.length
    Atomics.store(this.words, this.states + frame, 0)
    // there is room: as many frames as places
    this.own.push(frame)
    this.wakeOne()
    return frame
  }

  readonly join = (fork: number): number => {
    this.open--
    if (fork < 0) return this.atOnce[-fork - 1]!
    let looks = 0
    while (Atomics.load(this.words, this.states + fork) === 0) {
      let frame = this.own.pop()
      if (frame === empty) frame = this.steal()
      if (frame !== empty) {
        looks = 0
        this.perform(frame)
      } else {
        this.check()
        if (looks++ > spins) this.park(fork)
      }
    }
    this.free.push(fork)
    return integerIfAny(this.numbers[fork * numbersPerFrame + maxArgs + 1]!)
  }

  readonly interrupted = (): boolean => this.ended()

  private forkAtOnce(args: ReadonlyArray<number>): number {
    const result = this.whole(args)
    this.open++
    return -this.atOnce.push(result)
  }

  /** A body with all that it has forked. A frame that nobody joins would never be free again. */
  private whole(args: ReadonlyArray<number>): number {
    const { open } = this
    this.open = 0
    const result = this.body(args, this)
    if (this.open !== 0) throw new Error(`a task that forks has to join each fork once: ${this.open} were not`)
    this.open = open
    return result
  }

  private ended(): boolean {
    return Atomics.load(this.words, control.ending) !== Ending.none
  }

  private check(): void {
    if (this.ended()) throw new Ended()
  }

  private perform(frame: number): void {
    const at = frame * numbersPerFrame
    const args: Array<number> = []
    for (let arg = at; arg < at + this.numbers[at + maxArgs]!; arg++) args.push(integerIfAny(this.numbers[arg]!))
    try {
      this.numbers[at + maxArgs + 1] = this.whole(args)
    } catch (error) {
      this.fail(error)
      throw error
    }
    Atomics.store(this.words, this.states + frame, 1)
    this.wakeForJoin()
  }

  private steal(): number {
    const { deques, index } = this
    for (let turn = 0; turn < deques.length; turn++) {
      const victim = (this.victim + turn) % deques.length
      if (victim === index) continue
      let frame = deques[victim]!.steal()
      while (frame === lost) frame = deques[victim]!.steal()
      if (frame === empty) continue
      this.victim = victim
      this.steals++
      return frame
    }
    return empty
  }

  /** Sleeps until somebody adds work, or ends some: that which is waited for, if any. */
  private park(fork: number | undefined): void {
    const { words } = this
    Atomics.add(words, control.sleepers, 1)
    const wakes = Atomics.load(words, control.wakes)
    // Invariant: what came before this look is seen by it, and what comes later wakes.
    const idle =
      !this.ended() &&
      this.deques.every((deque) => deque.isEmpty()) &&
      (fork === undefined
        ? Atomics.load(words, control.wanted + this.index) === 0
        : Atomics.load(words, this.states + fork) === 0)
    if (idle) {
      this.parks++
      Atomics.wait(words, control.wakes, wakes)
    }
    Atomics.sub(words, control.sleepers, 1)
  }

  private wakeOne(): void {
    if (Atomics.load(this.words, control.sleepers) === 0) return
    Atomics.add(this.words, control.wakes, 1)
    Atomics.notify(this.words, control.wakes, 1)
  }

  /** All of them: only one of the sleepers waits for this very fork. */
  private wakeForJoin(): void {
    if (Atomics.load(this.words, control.sleepers) > 0) wakeAll(this.words)
  }

  /** Keeps the first error for the leader, on whichever thread it happened. */
  private fail(error: unknown): void {
    if (!(error instanceof Ended) && Atomics.compareExchange(this.words, control.failure, 0, 1) === 0) {
      const { message, name, stack } = error instanceof Error ? error : new Error(String(error))
      let bytes = new TextEncoder().encode(JSON.stringify({ name, message, stack }))
      if (bytes.length > errorBytes) {
        bytes = new TextEncoder().encode(JSON.stringify({ name, message: message.slice(0, errorBytes / 4) }))
      }
      this.errors.set(bytes)
      Atomics.store(this.words, control.errorLength, bytes.length)
      Atomics.notify(this.words, control.errorLength)
    }
    finish(this.words, Ending.broken)
  }

  private failure(): Error {
    // whoever was first may still be writing
    if (Atomics.load(this.words, control.failure) === 1) Atomics.wait(this.words, control.errorLength, 0, 1_000)
    const length = Atomics.load(this.words, control.errorLength)
    if (length === 0) return new Ended("it was told to stop, or a thread that helped is gone")
    const { message, name, stack } = JSON.parse(new TextDecoder().decode(this.errors.slice(0, length)))
    const error: Error = new Error(message)
    return Object.assign(error, { name, stack: stack ?? error.stack })
  }
}
