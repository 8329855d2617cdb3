/** What the pool and its threads say to each other. */
import { Deserializer, Serializer } from "node:v8"

import type { Codec } from "./lane.ts"

/** What a thread is started with. */
export interface Start {
  readonly memory: SharedArrayBuffer
  /** `performance.timeOrigin` of the pool, so that all speak of the same time. */
  readonly origin: number
  /** Modules that are loaded before the thread is ready. */
  readonly preload: ReadonlyArray<string>
  readonly watchHeap: boolean
}

/** The first element of a message to a thread. Flat arrays: a message of objects costs five times as much. */
export const Op = {
  /** `slot, task, input` for each task. The task is an index; its complement where `input` is a `Work` over many elements. */
  run: 0,
  /** `index, module, name` */
  define: 1,
  /** `slot` */
  stop: 2
} as const

export type ToThread = ReadonlyArray<unknown>

/** A result that has no room in its slot. */
export type Posted = readonly [slot: number, value: unknown]

/** That the thread is ready, that results lie in its lane, or one of them. */
export type FromThread = "ready" | null | Posted

/**
 * As the structured clone algorithm has it. (`v8.serialize` is not the same: it copies views of shared memory, and has buffers
 * arrive as `Buffer`.)
 */
export const codec: Codec = {
  serialize: (value) => {
    const serializer = new Serializer()
    serializer.writeHeader()
    serializer.writeValue(value)
    return serializer.releaseBuffer()
  },
  deserialize: (bytes) => {
    const deserializer = new Deserializer(bytes)
    deserializer.readHeader()
    return deserializer.readValue()
  }
}
