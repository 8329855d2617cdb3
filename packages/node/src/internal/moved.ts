/** What goes to another thread with a value instead of being copied. */
import type { Transferable } from "node:worker_threads"

const moved = new WeakMap<object, ReadonlyArray<Transferable>>()

export const mark = (value: object, transfer: ReadonlyArray<Transferable>): void => {
  moved.set(value, transfer)
}

/** Undefined where the value is copied. */
export const transferOf = (value: unknown): ReadonlyArray<Transferable> | undefined =>
  typeof value === "object" && value !== null ? moved.get(value) : undefined
