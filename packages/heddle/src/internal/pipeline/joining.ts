/**
 * Pipelines that become one.
 */
import { isReadonlyArrayNonEmpty, type NonEmptyReadonlyArray } from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Order from "effect/Order"
import * as Pull from "effect/Pull"
import { Scheduler } from "effect/Scheduler"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

import { Description } from "./description.ts"
import { Merging } from "./merging.ts"
import type { Tracked } from "./tracked.ts"

/** What they give, as it comes. */
export const merged = (all: ReadonlyArray<Description>): Description => {
  const isTracked = all.some((one) => one.isTracked)
  return new Description({
    source: Stream.transformPullBracket(Stream.empty, (_upstream, _scope, scope) =>
      Effect.gen(function* () {
        const pulls = yield* Effect.forEach(all, (one) => opened(isTracked ? one.trackedStream : one.stream, scope))
        const merging = new Merging<any, any, any>(pulls, yield* Effect.context<any>(), yield* Scheduler)
        yield* Scope.addFinalizer(scope, merging.close)
        return merging.pull
      })
    ),
    figures: all.flatMap(({ figures }) => figures),
    isTracked
  })
}

/** The pull of a stream whose resources are released when it ends, and not with the others. */
const opened = (stream: Stream.Stream<any, any, any>, scope: Scope.Scope) =>
  Effect.gen(function* () {
    const own = yield* Scope.fork(scope)
    const pull = yield* Scope.provide(Stream.toPull(stream), own)
    return Effect.onExitPrimitive(pull, (exit) =>
      exit._tag === "Failure" ? Scope.close(own, Pull.doneExitFromCause(exit.cause)) : undefined
    ) as Pull.Pull<NonEmptyReadonlyArray<any>, any, void, any>
  })

/** One of two pipelines that are in order. */
class Side {
  private chunk: ReadonlyArray<any> = []
  private position = 0
  private hasEnded = false
  readonly fill: Effect.Effect<void, any>

  constructor(pull: Pull.Pull<NonEmptyReadonlyArray<any>, any>) {
    this.fill = pull.pipe(
      Effect.map((chunk) => {
        this.chunk = chunk
        this.position = 0
      }),
      Pull.catchDone(() =>
        Effect.sync(() => {
          this.hasEnded = true
        })
      )
    )
  }
  get isEmpty(): boolean {
    return this.position === this.chunk.length
  }
  get needsMore(): boolean {
    return this.isEmpty && !this.hasEnded
  }
  get head(): any {
    return this.chunk[this.position]
  }
  take(): any {
    return this.chunk[this.position++]
  }
}

export const mergedInOrder = (self: Description, that: Description, order: Order.Order<any>): Description => {
  const isTracked = self.isTracked || that.isTracked
  const streamOf = (one: Description) => (isTracked ? one.trackedStream : one.stream)
  const valueOf = (element: any) => (isTracked ? (element as Tracked<any>).value : element)
  return new Description({
    source: Stream.transformPullBracket(streamOf(self), (pull, _scope, scope) =>
      Effect.gen(function* () {
        const context = yield* Effect.context<any>()
        const left = new Side(Effect.provideContext(pull, context))
        const other = yield* opened(streamOf(that), scope)
        const right = new Side(Effect.provideContext(other, context))
        return interleaved(left, right, (a, b) => order(valueOf(a), valueOf(b)) <= 0)
      })
    ),
    figures: [...self.figures, ...that.figures],
    isTracked
  })
}

/** The next chunk of both: as far as one can tell without asking for more. */
const interleaved = (left: Side, right: Side, isFirst: (left: any, right: any) => boolean) => {
  const pull: Pull.Pull<NonEmptyReadonlyArray<any>, any> = Effect.suspend(() => {
    const chunk: Array<any> = []
    while (!left.needsMore && !right.needsMore) {
      if (left.isEmpty && right.isEmpty) break
      const isLeft = right.isEmpty || (!left.isEmpty && isFirst(left.head, right.head))
      chunk.push((isLeft ? left : right).take())
    }
    if (isReadonlyArrayNonEmpty(chunk)) return Effect.succeed(chunk)
    const needy = [left, right].filter((side) => side.needsMore)
    if (needy.length === 0) return Cause.done()
    return Effect.andThen(
      Effect.forEach(needy, (side) => side.fill, { concurrency: 2, discard: true }),
      pull
    )
  })
  return pull
}
