/**
 * A pipeline as it is described: a source, and the engines that its elements go through.
 *
 * Engines in a row are opened together in one scope, so that they need no fiber between them. Whatever is no engine makes
 * a source of what is before it.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Inspectable from "effect/Inspectable"
import * as Pipeable from "effect/Pipeable"
import type * as Pull from "effect/Pull"
import { Scheduler } from "effect/Scheduler"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Types from "effect/Types"

import type { Engine, Upstream } from "./engine.ts"
import type { Meter } from "./meter.ts"
import type { StageStats } from "./model.ts"
import { CurrentRun, type Run } from "./run.ts"
import { noToken, Tracked } from "./tracked.ts"

const TypeId = "~heddle/Pipeline"

/**
 * A stream and the stages it goes through. A description: nothing runs before one of the `run*` functions does.
 *
 * @since 0.1.0
 * @category models
 */
export interface Pipeline<out A, out E = never, out R = never> extends Pipeable.Pipeable, Inspectable.Inspectable {
  readonly [TypeId]: {
    readonly _A: Types.Covariant<A>
    readonly _E: Types.Covariant<E>
    readonly _R: Types.Covariant<R>
  }
}

/** Makes an engine for one run. Throws where an option is out of its range. */
export type Link = (
  upstream: Upstream<any, any, any>,
  context: Context.Context<any>,
  scheduler: Scheduler
) => Engine<any, any>

export interface Figures {
  readonly name: string
  readonly meter: Meter
}

interface Parts {
  readonly source: Stream.Stream<any, any, any>
  readonly links?: ReadonlyArray<Link>
  /** Of all stages, those of branches and merged pipelines included. */
  readonly figures: ReadonlyArray<Figures>
  /** Whether elements travel as `Tracked`. */
  readonly isTracked: boolean
}

const variance = { _A: identity, _E: identity, _R: identity }

export class Description extends Inspectable.Class implements Pipeline<any, any, any>, Parts {
  readonly [TypeId] = variance
  readonly source: Stream.Stream<any, any, any>
  readonly links: ReadonlyArray<Link>
  readonly figures: ReadonlyArray<Figures>
  readonly isTracked: boolean
  /** Those in progress. */
  readonly runs = new Set<Run>()

  constructor({ figures, isTracked, links = [], source }: Parts) {
    super()
    this.source = source
    this.links = links
    this.figures = figures
    this.isTracked = isTracked
  }

  /** One more engine behind the last. */
  linked(link: Link, figures?: Figures): Description {
    return new Description({
      ...this.parts,
      links: [...this.links, link],
      figures: figures === undefined ? this.figures : [...this.figures, figures]
    })
  }

  /** What makes a stream of a stream. */
  transformed(f: (stream: Stream.Stream<any, any, any>) => Stream.Stream<any, any, any>, isTracked = this.isTracked) {
    return new Description({ source: f(this.stream), figures: this.figures, isTracked })
  }

  private get parts(): Parts {
    return { source: this.source, links: this.links, figures: this.figures, isTracked: this.isTracked }
  }

  /** The elements as they travel. */
  get stream(): Stream.Stream<any, any, any> {
    const { links, source } = this
    return links.length === 0 ? source : opened(source, links)
  }

  /** The elements as they travel where those of another pipeline have tokens. */
  get trackedStream(): Stream.Stream<Tracked<any>, any, any> {
    return this.isTracked ? this.stream : Stream.map(this.stream, (value) => new Tracked(value, noToken))
  }

  stats(): ReadonlyArray<StageStats> {
    return this.figures.map(({ meter, name }) => ({
      name,
      in: meter.in,
      out: meter.out,
      failed: meter.failed,
      retried: meter.retried,
      inFlight: meter.inFlight,
      queued: meter.queued,
      waiting: meter.waiting,
      latency: { p50: meter.percentile(50), p99: meter.percentile(99) },
      utilisation: meter.utilisation()
    }))
  }

  pipe() {
    return Pipeable.pipeArguments(this, arguments)
  }

  toJSON() {
    return { _id: "Pipeline", stages: this.stats() }
  }
}

export const described = (pipeline: Pipeline<any, any, any>): Description => pipeline as Description

const opened = (source: Stream.Stream<any, any, any>, links: ReadonlyArray<Link>): Stream.Stream<any, any, any> =>
  Stream.transformPullBracket(source, (upstream, _scope, scope) =>
    Effect.gen(function* () {
      const context = yield* Effect.context<any>()
      const scheduler = yield* Scheduler
      let last: Upstream<any, any, any> = upstream
      for (const link of links) {
        const engine: Engine<any, any> = link(last, context, scheduler)
        yield* Scope.addFinalizer(scope, engine.close)
        last = engine
      }
      return (last as Engine<any, any>).pull
    })
  )

/** A source that ends when its run is drained. */
export const stoppable = (stream: Stream.Stream<any, any, any>): Stream.Stream<any, any, any> =>
  Stream.transformPull(stream, (pull: Pull.Pull<any, any, void, any>) =>
    Effect.gen(function* () {
      const run = yield* CurrentRun
      return run === undefined ? pull : run.stoppable(pull, yield* Effect.context<any>())
    })
  )
