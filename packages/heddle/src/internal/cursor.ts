/**
 * Where the elements of a `forEach` come from, one at a time, as somebody has room for one: an array, an iterable, or
 * chunks that are pulled from a stream.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Cause from "effect/Cause"
import type * as Exit from "effect/Exit"
import * as Pull from "effect/Pull"

/** There are no more elements. */
export const end = Symbol("end")
/** There is none yet: ask again when the cursor calls back. */
export const pending = Symbol("pending")

export interface Cursor<A> {
  next(): A | typeof end | typeof pending
  /** Nobody will ask again. */
  close(): void
}

export class ArrayCursor<A> implements Cursor<A> {
  private position = 0
  private readonly elements: ReadonlyArray<A>

  constructor(elements: ReadonlyArray<A>) {
    this.elements = elements
  }
  next(): A | typeof end {
    return this.position < this.elements.length ? (this.elements[this.position++] as A) : end
  }
  close(): void {}
}

export class IteratorCursor<A> implements Cursor<A> {
  private readonly iterator: Iterator<A>
  /** It said so itself, or it threw: then it is not closed any more. */
  private ended = false

  constructor(elements: Iterable<A>) {
    this.iterator = elements[Symbol.iterator]()
  }
  next(): A | typeof end {
    if (this.ended) return end
    this.ended = true
    const result = this.iterator.next()
    if (result.done === true) return end
    this.ended = false
    return result.value
  }
  close(): void {
    if (!this.ended) this.iterator.return?.()
  }
}

type Chunk<A> = NonEmptyReadonlyArray<A>

/** Chunk by chunk: asks for the next one when somebody wants an element and there is none. */
export class PullCursor<A, E> implements Cursor<A> {
  private chunk: ReadonlyArray<A> = []
  private position = 0
  private pulling = false
  private ended = false
  /** Begins to pull a chunk; how that went comes to `receive`, perhaps at once. */
  private readonly pull: () => void

  constructor(pull: () => void) {
    this.pull = pull
  }
  next(): A | typeof end | typeof pending {
    if (this.position === this.chunk.length && !this.pulling && !this.ended) {
      this.pulling = true
      this.pull()
    }
    if (this.position < this.chunk.length) return this.chunk[this.position++] as A
    return this.ended ? end : pending
  }
  /** What the source failed with, if it did. */
  receive(exit: Exit.Exit<Chunk<A>, E | Cause.Done>): Cause.Cause<E> | undefined {
    this.pulling = false
    this.position = 0
    this.chunk = exit._tag === "Success" ? exit.value : []
    this.ended = exit._tag === "Failure"
    return exit._tag === "Success" ? undefined : withoutDone(exit.cause)
  }
  /** Its scope is closed by whoever made it. */
  close(): void {}
}

/** The failure of a source, if it is more than its end. */
export const withoutDone = <E>(cause: Cause.Cause<E | Cause.Done>): Cause.Cause<E> | undefined => {
  const reasons = cause.reasons.filter((reason): reason is Cause.Reason<E> => !Pull.isDoneFailure(reason))
  return reasons.length === 0 ? undefined : Cause.fromReasons(reasons)
}
