/**
 * Elements whose source wants to hear what became of them.
 *
 * Behind `acknowledge` an element travels together with a token, from stage to stage, into batches and branches. A token
 * that several results depend on is shared by them: it is settled when the last of them is, and failed when the first is.
 */
import type * as Cause from "effect/Cause"

export interface Token {
  /** What carried it has left the pipeline, or has been left out on purpose. */
  settle(): void
  fail(cause: Cause.Cause<unknown>): void
  /** So many more carry it. */
  share(more: number): void
}

export interface Listener<A> {
  settled(element: A): void
  failed(element: A, cause: Cause.Cause<unknown>): void
}

export class SourceToken<A> implements Token {
  private carriers = 1
  private hasFailed = false
  private readonly listener: Listener<A>
  private readonly element: A

  constructor(listener: Listener<A>, element: A) {
    this.listener = listener
    this.element = element
  }
  settle(): void {
    if (--this.carriers === 0 && !this.hasFailed) this.listener.settled(this.element)
  }
  fail(cause: Cause.Cause<unknown>): void {
    this.carriers--
    if (this.hasFailed) return
    this.hasFailed = true
    this.listener.failed(this.element, cause)
  }
  share(more: number): void {
    this.carriers += more
  }
}

/** Of a batch, or of an element that is acknowledged at two places. */
export class JointToken implements Token {
  private readonly tokens: ReadonlyArray<Token>

  constructor(tokens: ReadonlyArray<Token>) {
    this.tokens = tokens
  }
  settle(): void {
    for (const token of this.tokens) token.settle()
  }
  fail(cause: Cause.Cause<unknown>): void {
    for (const token of this.tokens) token.fail(cause)
  }
  share(more: number): void {
    for (const token of this.tokens) token.share(more)
  }
}

/** Of an element that nobody wants to hear of, among others. */
export const noToken: Token = { settle: () => {}, fail: () => {}, share: () => {} }

export class Tracked<A> {
  readonly value: A
  readonly token: Token

  constructor(value: A, token: Token) {
    this.value = value
    this.token = token
  }
}
