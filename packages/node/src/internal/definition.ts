/** What a task is, on both sides: where its module is, what it is called there, and what it does. */
import type * as Schema from "effect/Schema"

export const TypeId = "~heddle/node/ThreadTask"

type AnyCodec = Schema.Codec<any, any>

export interface Schemas {
  readonly input?: AnyCodec | undefined
  readonly output?: AnyCodec | undefined
  readonly error?: AnyCodec | undefined
}

export interface Definition {
  /** The URL of the module. */
  readonly module: string
  /** The name under which it is exported there. */
  readonly name: string
  readonly schemas: Schemas
  /** One of these three, or none where the module was not loaded here. */
  readonly run?: ((input: any) => unknown) | undefined
  readonly fold?: Fold | undefined
  readonly forkJoin?: ForkBody | undefined
}

export type ForkBody = (shared: any, args: any, scope: ForkScope<any>) => number

export interface Fold {
  readonly initial: () => unknown
  readonly step: (state: any, element: any) => unknown
  readonly combine: (earlier: any, later: any) => unknown
}

/**
 * What a task that forks is given.
 *
 * @since 0.1.0
 * @category models
 */
export interface ForkScope<in Args extends ReadonlyArray<number> = ReadonlyArray<number>> {
  /** Leaves a part to whoever is idle first. Gives what `join` takes. */
  readonly fork: (...args: Args) => number
  /** Waits until the part is done, and gives its result. Once for each fork. */
  readonly join: (fork: number) => number
  /** Whether the whole was told to stop, or has failed on another thread. */
  readonly interrupted: () => boolean
}

export const definitionOf = (exported: unknown): Definition | undefined =>
  typeof exported === "function" && TypeId in exported ? (exported[TypeId] as Definition) : undefined

/** `"resize" of file:///app/images.ts` */
export const nameOf = ({ module, name }: Pick<Definition, "module" | "name">): string =>
  `${JSON.stringify(name)} of ${module}`

/** What a thread is given instead of one input: many elements, or a part of a task that forks. */
export type Work =
  /** Each element of a list; the results stand in the same order. */
  | { readonly type: "each"; readonly inputs: ReadonlyArray<unknown>; readonly discard: boolean }
  /** Elements of shared memory, as long as there are some that no other thread has claimed. */
  | {
      readonly type: "span"
      readonly source: TypedArray
      readonly target: TypedArray | undefined
      readonly claims: Int32Array
      readonly threads: number
    }
  /** Blocks of elements, each folded from the beginning; of shared memory those that nobody has claimed, or all. */
  | {
      readonly type: "fold"
      readonly source: ArrayLike<unknown>
      readonly block: number
      readonly claims: Int32Array | undefined
    }
  /** A task that forks: its beginning, or help with what it has forked. */
  | {
      readonly type: "root" | "help"
      readonly shared: unknown
      readonly args: ReadonlyArray<number>
      readonly family: SharedArrayBuffer
      readonly member: number
      readonly members: number
    }

export type TypedArray =
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array
