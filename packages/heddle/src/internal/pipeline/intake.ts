/**
 * The elements that an engine takes from upstream one at a time, whatever the size of the chunks.
 */
import type * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"

import { type Chunk, Inlet, type Upstream } from "./engine.ts"

type End<E> = Exit.Exit<never, E | Cause.Done>

export class Intake<A, E, R> {
  /** How upstream has ended. Elements that came before may still be there. */
  ended: End<E> | undefined = undefined
  private readonly inlet: Inlet<A, E, R>
  private readonly onEnd: (cause: Cause.Cause<E | Cause.Done>) => void
  private chunk: ReadonlyArray<A> = []
  private position = 0

  constructor(
    upstream: Upstream<A, E, R>,
    context: Context.Context<R>,
    goOn: () => void,
    onEnd: (cause: Cause.Cause<E | Cause.Done>) => void = () => {}
  ) {
    this.inlet = new Inlet(upstream, context, this.receive, goOn)
    this.onEnd = onEnd
  }

  private readonly receive = (chunk: Chunk<A, E>): void => {
    if (chunk._tag === "Success") {
      this.chunk = chunk.value
      this.position = 0
    } else {
      this.ended = Exit.failCause(chunk.cause)
      this.onEnd(chunk.cause)
    }
  }

  /** Whether there is a next element. */
  get hasNext(): boolean {
    return this.position < this.chunk.length
  }

  /** All that will come has been taken. */
  get isExhausted(): boolean {
    return this.ended !== undefined && !this.hasNext
  }

  /** The next element, which stays. */
  peek(): A {
    return this.chunk[this.position] as A
  }

  /** The next element, which is taken. */
  take(): A {
    return this.chunk[this.position++] as A
  }

  get isPulling(): boolean {
    return this.inlet.isPulling
  }

  /** Asks for the next chunk, when the last is used up. It may come at once. */
  pull(): void {
    this.inlet.pull()
  }

  /** Nothing is asked for any more. */
  stop(): void {
    this.inlet.stop()
  }

  /** This stands in for all that is left. */
  end(end: End<E>): void {
    this.ended = end
    this.chunk = []
    this.inlet.stop()
  }

  /** As `end`, for a function of the user's that threw. */
  die(defect: unknown): void {
    this.end(Exit.die(defect))
  }

  /** Fibers that have to end before the engine has. */
  get fibers(): ReadonlyArray<Fiber.Fiber<unknown, unknown>> {
    return this.inlet.fibers
  }

  isOutOfTurn(): boolean {
    return this.inlet.isOutOfTurn()
  }

  renewTurn(): void {
    this.inlet.renewTurn()
  }
}
