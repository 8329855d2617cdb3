import { Worker } from "node:worker_threads"

/** The deque between real threads. */
import { assert, describe, it } from "@effect/vitest"

import { Deque } from "../src/internal/deque.ts"
import type { Part } from "./support/dequeStress.ts"

const run = (workerData: Part) =>
  new Promise<number>((resolve, reject) => {
    const worker = new Worker(new URL("support/dequeStress.ts", import.meta.url), { workerData })
    worker.once("message", resolve)
    worker.once("error", reject)
  })

describe("an owner and two thieves", () => {
  it.each([
    [3_000_000, 16],
    [100_000, 1_024]
  ])("take %i items, each once, from a deque of %i", async (items, capacity) => {
    const words = new Int32Array(new SharedArrayBuffer(Deque.bytes(capacity)))
    const taken = new Uint8Array(new SharedArrayBuffer(items))
    const over = new Int32Array(new SharedArrayBuffer(4))
    const roles = ["owner", "thief", "thief"] as const
    const counts = await Promise.all(roles.map((role) => run({ role, words, taken, over })))
    assert.strictEqual(
      counts.reduce((sum, count) => sum + count, 0),
      items
    )
    assert.strictEqual(
      taken.findIndex((times) => times !== 1),
      -1
    )
  })
})
