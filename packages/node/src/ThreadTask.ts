/**
 * Tasks for worker threads: functions with names, which a thread finds by the URL of their module.
 *
 * A task is defined once, in a module that both sides load, and is a function from an input to a `Call`: what to run, and with what.
 * `ThreadPool` runs calls. Inputs, outputs and errors go through schemas where the task has them, and are copied as the
 * structured clone algorithm does; `move` gives a buffer away instead, and memory that is shared stays where it is.
 *
 * - **Interruption.** A task that computes has to look: `interrupted()` is one read of shared memory. `signal()` is the same as
 *   an `AbortSignal`, for what takes one, and an effect is interrupted as any other. A task that does none of it is stopped
 *   with its thread, after the pool's grace.
 * - **Development and production.** A module is loaded as it stands: Node.js strips the types of a `.ts` file, and `dist` has
 *   a `.js` in its place. `import.meta.url` is right in both.
 *
 * @since 0.1.0
 */
import { statSync } from "node:fs"
import { isBuiltin } from "node:module"
import { fileURLToPath } from "node:url"
import type { Transferable } from "node:worker_threads"

import type * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"

import * as current from "./internal/current.ts"
import { type Definition, type ForkScope, TypeId } from "./internal/definition.ts"
import { maxArgs } from "./internal/family.ts"
import { mark } from "./internal/moved.ts"

/**
 * A task: called with an input, it gives what a pool can run.
 *
 * @since 0.1.0
 * @category models
 */
export interface ThreadTask<in In, out Out, out E = never> {
  readonly [TypeId]: Definition
  (input: In): Call<Out, E>
}

/**
 * A task that forks: called with what all its forks share, and the numbers that the first is given.
 *
 * @since 0.1.0
 * @category models
 */
export interface ForkJoinTask<in Shared, in Args extends ReadonlyArray<number>> {
  readonly [TypeId]: Definition
  (shared: Shared, ...args: Args): Call<number>
}

/**
 * A fold: over the elements of blocks, and then over what each block gave.
 *
 * @since 0.1.0
 * @category models
 */
export interface FoldTask<in In, in out State> {
  readonly [TypeId]: Definition
  readonly initial: () => State
  readonly step: (state: State, element: In) => State
  readonly combine: (earlier: State, later: State) => State
}

/**
 * What to run, and with what.
 *
 * @since 0.1.0
 * @category models
 */
export interface Call<out Out, out E = never> {
  readonly definition: Definition
  readonly input: unknown
  /** Only in the types. */
  readonly "~ends"?: { readonly out: Out; readonly error: E }
}

/**
 * What a function that returns `Return` succeeds with, whether at once, later, or as an effect.
 *
 * @since 0.1.0
 * @category models
 */
export type Success<Return> =
  Return extends Effect.Effect<infer A, any, any> ? A : Return extends PromiseLike<infer A> ? A : Return

/**
 * What it fails with.
 *
 * @since 0.1.0
 * @category models
 */
export type Failure<Return> = Return extends Effect.Effect<any, infer E, any> ? E : never

/**
 * @since 0.1.0
 * @category models
 */
export interface Options<In, Return, Out, E> {
  /**
   * What the task does on its thread. It may return a value, a promise, or an effect that needs nothing; a failure is that
   * of an effect, and whatever is thrown is a defect.
   */
  readonly run: (input: In) => Return
  /** How the input travels. Default: as it is, by structured clone. */
  readonly input?: Schema.Codec<In, any> | undefined
  /** How the output travels. Default: as it is. */
  readonly output?: Schema.Codec<Out, any> | undefined
  /** How failures travel. Default: as they are, which is a defect where they are instances of classes. */
  readonly error?: Schema.Codec<E, any> | undefined
}

/**
 * Defines a task, which the module has to export under this name.
 *
 * ```ts
 * // images.ts
 * export class NotAnImage extends Schema.TaggedError<NotAnImage>()("NotAnImage", { path: Schema.String }) {}
 *
 * export const thumbnail = ThreadTask.define(import.meta.url, "thumbnail", {
 *   error: NotAnImage,
 *   run: (path: string) => (path.endsWith(".png") ? resize(readFileSync(path)) : Effect.fail(new NotAnImage({ path })))
 * })
 *
 * // main.ts
 * const png = ThreadPool.run(pool, thumbnail("loom.png")) // Effect<Uint8Array, NotAnImage | …>
 * ```
 *
 * Throws where there is no such module. What the module exports is seen on the thread: a call fails at once, and names
 * the module, where the task is not among it.
 *
 * @since 0.1.0
 * @category constructors
 */
export const define = <In, Return, Out = Success<Return>, E = Failure<Return>>(
  module: string | URL,
  name: string,
  options: Options<In, Return, Out, E> & Fits<Return, Out, E>
): ThreadTask<In, Out, E> => {
  const { error, input, output, run } = options
  return taskOf({ module: located("define", module), name, run, schemas: { input, output, error } })
}

/** Where the schemas are given, the function has to keep to them. */
type Fits<Return, Out, E> = [Success<Return>, Failure<Return>] extends [Out, E] ? unknown : { readonly run: never }

const taskOf = (definition: Definition): ThreadTask<any, any, any> =>
  Object.assign((input: unknown): Call<any, any> => ({ definition, input }), { [TypeId]: definition })

/**
 * The functions of a module as tasks, without loading it here: of a library, of Node.js itself, or of one's own. They take one
 * input. A task with schemas has to be imported, because its schemas are needed on both sides.
 *
 * @example
 * ```ts import.meta.vitest
 * import * as Effect from "effect/Effect"
 * import * as ThreadPool from "@heddle/node/ThreadPool"
 * import * as ThreadTask from "@heddle/node/ThreadTask"
 *
 * const zlib = ThreadTask.module<typeof import("node:zlib")>("node:zlib")
 * const deflate = zlib("deflateRawSync")
 *
 * const program = Effect.gen(function* () {
 *   const pool = yield* ThreadPool.make({ threads: 2 })
 *   const bytes = yield* ThreadPool.run(pool, deflate("warp and weft ".repeat(1_000)))
 *   return bytes.length < 100
 * })
 *
 * await Effect.runPromise(Effect.scoped(program)) // => true
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const module = <Module extends object>(
  url: string | URL
): (<Name extends keyof Module & string>(name: Name) => TaskOf<Module[Name]>) => {
  const module = located("module", url)
  return (name) => taskOf({ module, name, schemas: {} }) as TaskOf<any>
}

/**
 * The task that an export of a module is.
 *
 * @since 0.1.0
 * @category models
 */
export type TaskOf<Export> =
  Export extends ThreadTask<any, any, any>
    ? Export
    : Export extends (input: infer In, ...rest: any) => infer Return
      ? ThreadTask<In, Success<Return>, Failure<Return>>
      : never

/**
 * Defines a fold, for `ThreadPool.reduce`. `step` goes over the elements of a block, from `initial` on; `combine` goes over the
 * blocks in their order. The blocks depend on the number of elements alone, so the result is the same on any number of threads.
 *
 * ```ts
 * export const total = ThreadTask.defineFold(import.meta.url, "total", {
 *   initial: () => 0,
 *   step: (sum, element: number) => sum + element,
 *   combine: (earlier, later) => earlier + later
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const defineFold = <In, State>(
  module: string | URL,
  name: string,
  options: {
    readonly initial: () => State
    readonly step: (state: State, element: In) => State
    readonly combine: (earlier: State, later: State) => State
  }
): FoldTask<In, State> => {
  const definition: Definition = { module: located("defineFold", module), name, schemas: {}, fold: options }
  const { combine, initial, step } = options
  // a function, so that the thread knows it as it knows the others
  return Object.assign(() => undefined, { [TypeId]: definition, combine, initial, step })
}

export type {
  /** @since 0.1.0 @category models */
  ForkScope
}

/**
 * Defines a task that divides its work: `fork` leaves a part to whichever thread is idle first, and `join` waits for its result
 * or, more often, does it itself because nobody was. Whoever waits works on something else meanwhile.
 *
 * What the parts share is shared memory or is copied to each thread once; what each has of its own are up to six numbers, and its
 * result is one. A fork costs some hundred nanoseconds, so parts are worth while from some microseconds up. Join
 * what was forked: what nobody has joined when the task ends may never have run. When the task is interrupted, `fork` and
 * `join` throw, and `interrupted()` is true.
 *
 * ```ts
 * export const sum = ThreadTask.defineForkJoin(import.meta.url, "sum", (tree: Int32Array, [node]: [number], { fork, join }) => {
 *   const left = fork(2 * node + 1)
 *   const right = sumOf(tree, 2 * node + 2)
 *   return tree[node] + join(left) + right
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const defineForkJoin = <Shared, const Args extends ReadonlyArray<number>>(
  module: string | URL,
  name: string,
  run: (shared: Shared, args: Args, scope: ForkScope<Args>) => number
): ForkJoinTask<Shared, Args> => {
  const definition: Definition = { module: located("defineForkJoin", module), name, schemas: {}, forkJoin: run }
  const call = (shared: Shared, ...args: Args): Call<number> => {
    if (args.length > maxArgs) {
      throw new RangeError(`ThreadTask: a fork is given ${maxArgs} numbers at most, got ${args.length}`)
    }
    return { definition, input: { shared, args } }
  }
  return Object.assign(call, { [TypeId]: definition })
}

/**
 * Whether the task that runs on this thread was told to stop. Outside of a pool's threads: false.
 *
 * @since 0.1.0
 * @category interruption
 */
export const interrupted: () => boolean = current.interrupted

/**
 * The same as an `AbortSignal`: its `aborted` is true as soon as the task is told to stop, and its listeners are called when
 * the task gives the event loop a turn.
 *
 * @since 0.1.0
 * @category interruption
 */
export const signal: () => AbortSignal = current.signal

/**
 * Has a value travel without a copy: what it stands in is given away, and is empty here afterwards. Takes the buffer of a view, or
 * what `transfer` says. For the input of a call, and for the output of a task.
 *
 * A call whose input is moved is sent when a thread is idle, and not before: it could not be taken back.
 *
 * @since 0.1.0
 * @category moving
 */
export const move = <A extends object>(value: A, transfer?: ReadonlyArray<Transferable>): A => {
  mark(
    value,
    transfer ?? [ArrayBuffer.isView(value) ? (value.buffer as ArrayBuffer) : (value as unknown as Transferable)]
  )
  return value
}

/** A module that does not exist is a mistake, and is told where it is made. */
const located = (operation: string, url: string | URL): string => {
  const text = String(url)
  const path = pathOf(text)
  if (path === undefined ? isBuiltin(text) || /^(data|node):/.test(text) : isFile(path)) return text
  throw new Error(`ThreadTask.${operation}: there is no module ${path ?? JSON.stringify(text)}; it is given by its URL`)
}

/** None for what is no file's URL, or that of a file elsewhere. */
const pathOf = (url: string): string | undefined => {
  try {
    return fileURLToPath(url)
  } catch {
    return undefined
  }
}

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() === true
