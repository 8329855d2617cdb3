/** One task over many elements: how they are divided, and how what comes back becomes one result in their order. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

import type { Definition, Fold, TypedArray, Work } from "./definition.ts"
import { nameOf } from "./definition.ts"
import { Entry } from "./entry.ts"
import type { Pool } from "./pool.ts"
import { runEntry } from "./submissions.ts"

/** How long a thread should have with what it is sent, in milliseconds: long beside a message, short beside an interruption. */
const turn = 4

/** Blocks of a fold: as many for any number of threads, so that its result does not depend on that. */
const blocks = 256

export const isTypedArray = (source: unknown): source is TypedArray =>
  ArrayBuffer.isView(source) && !(source instanceof DataView)

/** The same elements where all threads see them: without a copy where they are there already. */
const shared = (source: TypedArray): TypedArray => {
  if (source.buffer instanceof SharedArrayBuffer) return source
  const copy = sharedLike(source)
  copy.set(source)
  return copy
}

const sharedLike = (source: TypedArray): TypedArray => {
  const Elements = source.constructor as new (memory: SharedArrayBuffer) => TypedArray
  return new Elements(new SharedArrayBuffer(source.byteLength))
}

const makeClaims = (): Int32Array => new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))

/** On every thread at once; those that come late find nothing left. */
const onAll = (pool: Pool, definition: Definition, work: Work) =>
  Effect.forEach(
    Array.from({ length: pool.settings.threads }, () => Entry.ofWork(definition, work)),
    (entry) => runEntry(pool, entry),
    { concurrency: "unbounded" }
  )

export const overTyped = (pool: Pool, definition: Definition, source: TypedArray, discard: boolean) =>
  Effect.suspend((): Effect.Effect<TypedArray | undefined, any> => {
    if (Object.values(definition.schemas).some((schema) => schema !== undefined)) {
      throw new TypeError(`ThreadPool: over a typed array ${nameOf(definition)} cannot have schemas`)
    }
    const target = discard ? undefined : sharedLike(source)
    if (source.length === 0) return Effect.succeed(target)
    const work: Work = {
      type: "span",
      source: shared(source),
      target,
      claims: makeClaims(),
      threads: pool.settings.threads
    }
    return Effect.as(onAll(pool, definition, work), target)
  })

/** Takes the next elements, as many as take a turn by what has been seen. */
class Slices {
  private from = 0
  private millisPerElement: number | undefined
  private readonly length: number
  private readonly threads: number

  constructor(length: number, threads: number) {
    this.length = length
    this.threads = threads
  }

  next(): readonly [from: number, to: number] | undefined {
    const { from, length } = this
    if (from >= length) return undefined
    const wanted = this.millisPerElement === undefined ? 1 : turn / this.millisPerElement
    const fair = Math.ceil((length - from) / (2 * this.threads))
    this.from = from + Math.max(1, Math.min(Math.floor(wanted), fair))
    return [from, this.from]
  }

  /** The slower of what was and what is: an element that takes long makes the next slices small at once. */
  note(elements: number, millis: number): void {
    const each = Math.max(millis, 0.001) / elements
    this.millisPerElement = Math.max(each, (this.millisPerElement ?? 0) / 2)
  }
}

export const overList = (pool: Pool, definition: Definition, source: ReadonlyArray<unknown>, discard: boolean) =>
  Effect.suspend((): Effect.Effect<Array<unknown>, any> => {
    const { input, output } = definition.schemas
    const encode = input === undefined ? undefined : Schema.encodeUnknownSync(input)
    const decode = output === undefined ? undefined : Schema.decodeUnknownSync(output)
    const { threads } = pool.settings
    const slices = new Slices(source.length, threads)
    const results: Array<unknown> = discard ? [] : Array.from({ length: source.length })

    const one = (from: number, to: number) => {
      const part = source.slice(from, to)
      const inputs = encode === undefined ? part : part.map((element) => encode(element))
      const entry = Entry.ofWork(definition, { type: "each", inputs, discard })
      return Effect.map(runEntry(pool, entry), (values: ReadonlyArray<unknown>) => {
        slices.note(to - from, entry.took)
        for (let index = 0; index < values.length; index++) {
          results[from + index] = decode === undefined ? values[index] : decode(values[index])
        }
      })
    }
    // two slices for each thread, so that none waits for a message
    const feeder = Effect.suspend(() => {
      let slice = slices.next()
      return Effect.whileLoop({
        while: () => slice !== undefined,
        body: () => one(...slice!),
        step: () => {
          slice = slices.next()
        }
      })
    })
    return Effect.as(Effect.replicateEffect(feeder, 2 * threads, { concurrency: "unbounded", discard: true }), results)
  })

/** `[block, state]` */
type Folded = readonly [block: number, state: unknown]

export const overFold = (
  pool: Pool,
  definition: Definition,
  { combine, initial }: Fold,
  source: ArrayLike<unknown> & { slice(from: number, to: number): ArrayLike<unknown> }
) =>
  Effect.suspend((): Effect.Effect<unknown, any> => {
    const { length } = source
    const block = Math.max(1, Math.ceil(length / blocks))
    const states: Array<unknown> = []
    const keep = (folded: ReadonlyArray<Folded>, first: number) => {
      for (const [index, state] of folded) states[first + index] = state
    }
    const total = () => states.reduce(combine, initial())
    if (length === 0) return Effect.sync(total)
    if (isTypedArray(source)) {
      const work: Work = { type: "fold", source: shared(source), block, claims: makeClaims() }
      return Effect.map(onAll(pool, definition, work), (parts: ReadonlyArray<ReadonlyArray<Folded>>) => {
        for (const part of parts) keep(part, 0)
        return total()
      })
    }
    // a list is copied, so each thread is sent its own part: some blocks at a time
    const perPart = Math.max(1, Math.ceil(blocks / (8 * pool.settings.threads)))
    const parts = Array.from({ length: Math.ceil(length / (block * perPart)) }, (_, part) => part)
    const one = (part: number) => {
      const from = part * perPart * block
      const work: Work = {
        type: "fold",
        source: source.slice(from, from + perPart * block),
        block,
        claims: undefined
      }
      return Effect.map(runEntry(pool, Entry.ofWork(definition, work)), (folded: ReadonlyArray<Folded>) =>
        keep(folded, part * perPart)
      )
    }
    return Effect.map(Effect.forEach(parts, one, { concurrency: 2 * pool.settings.threads, discard: true }), total)
  })
