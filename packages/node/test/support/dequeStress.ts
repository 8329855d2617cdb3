/** A thread of the stress test: the owner of a deque, or a thief. */
import { parentPort, workerData } from "node:worker_threads"

import { Deque, empty } from "../../src/internal/deque.ts"

export interface Part {
  readonly role: "owner" | "thief"
  readonly words: Int32Array
  /** How often each item was taken. */
  readonly taken: Uint8Array
  /** Set when the owner has emptied the deque. */
  readonly over: Int32Array
}

const { over, role, taken, words }: Part = workerData
const deque = new Deque(words)
const items = taken.length
let count = 0

const take = (item: number) => {
  Atomics.add(taken, item, 1)
  count++
}

if (role === "owner") {
  let next = 0
  while (next < items) {
    for (let burst = 0; burst < 8 && next < items && deque.push(next); burst++) next++
    for (let burst = 0; burst < 5; burst++) {
      const item = deque.pop()
      if (item !== empty) take(item)
    }
  }
  for (let item = deque.pop(); item !== empty; item = deque.pop()) take(item)
  Atomics.store(over, 0, 1)
} else {
  while (Atomics.load(over, 0) === 0) {
    const item = deque.steal()
    if (item >= 0) take(item)
  }
}
parentPort!.postMessage(count)
