/**
 * Every order in which the steps of several threads on shared memory can follow each other, explored on one thread, with the
 * code itself and not a copy of it.
 *
 * A thread is a function of its memory. To stop it between two steps, it is run again from its beginning: the memory answers from the
 * record for the steps that were taken, takes one more, and throws where the next would be. All operations of `Atomics` have
 * one order that all threads agree on, so there is nothing else to explore.
 */
import type { Memory } from "../../src/internal/lane.ts"

export type Thread = (memory: Memory) => void

class Stopped extends Error {}

interface Step {
  readonly words: Int32Array
  readonly index: number
  readonly undo: number
  readonly answer: number
}

/** One run: the steps that each thread has taken, and what it was answered. */
class Run {
  private readonly threads: ReadonlyArray<Thread>
  private readonly records: ReadonlyArray<Array<Step>>

  constructor(threads: ReadonlyArray<Thread>) {
    this.threads = threads
    this.records = threads.map(() => [])
  }

  /** Takes one more step of a thread; false where it has none. Whatever the thread does in between happens as well. */
  step(thread: number): boolean {
    const record = this.records[thread]!
    let replayed = 0
    let fresh = false
    const answer = (words: Int32Array, index: number, perform: () => number): number => {
      if (replayed < record.length) return record[replayed++]!.answer
      if (fresh) throw new Stopped()
      fresh = true
      const undo = words[index]!
      record.push({ words, index, undo, answer: perform() })
      replayed++
      return record.at(-1)!.answer
    }
    const memory = {
      load: (words: Int32Array, index: number) => answer(words, index, () => words[index]!),
      store: (words: Int32Array, index: number, value: number) => answer(words, index, () => (words[index] = value)),
      exchange: (words: Int32Array, index: number, value: number) =>
        answer(words, index, () => {
          const before = words[index]!
          words[index] = value
          return before
        }),
      compareExchange: (words: Int32Array, index: number, from: number, to: number) =>
        answer(words, index, () => {
          const before = words[index]!
          if (before === from) words[index] = to
          return before
        })
    } as unknown as Memory
    try {
      this.threads[thread]!(memory)
    } catch (error) {
      if (!(error instanceof Stopped)) throw error
    }
    return fresh
  }

  state(): string {
    return this.records.map((record) => record.map(({ answer }) => answer).join()).join("|")
  }

  back(thread: number): void {
    const { index, undo, words } = this.records[thread]!.pop()!
    words[index] = undo
  }

  /** Runs each thread's function over its whole record, so that what it keeps outside of memory is as after this run. */
  replay(): void {
    for (const [thread, record] of this.records.entries()) {
      let replayed = 0
      const recorded = () => record[replayed++]!.answer
      this.threads[thread]!({
        load: recorded,
        store: recorded,
        exchange: recorded,
        compareExchange: recorded
      } as unknown as Memory)
    }
  }
}

/**
 * Calls `verdict` at the end of every order, and gives how many states there were. Orders that come to the same state (the same
 * memory, and threads that were answered the same) are the same from there on, so it is gone on from once.
 */
export const explore = (threads: ReadonlyArray<Thread>, words: Int32Array, verdict: () => void): number => {
  const run = new Run(threads)
  const seen = new Set<string>()
  const go = (): void => {
    const state = `${words.join()}|${run.state()}`
    if (seen.has(state)) return
    seen.add(state)
    let moved = false
    for (let thread = 0; thread < threads.length; thread++) {
      if (!run.step(thread)) continue
      moved = true
      go()
      run.back(thread)
    }
    if (moved) return
    run.replay()
    verdict()
  }
  go()
  return seen.size
}
