import * as fs from "node:fs"

/** What is held at a time: bytes, files, directories; and that an interruption leaves nothing open. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"

import { census, make } from "../src/census.ts"
import { Files } from "../src/files.ts"
import { folderWith, noise, type Tree } from "./support/folders.ts"
import { Ledger, type Watch, watchedFiles } from "./support/watchedFiles.ts"

const KiB = 1024
const MiB = 1024 * KiB

const filesOf = (count: number, size: number): Tree =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`${size}-${index}`, noise(size, index + 1)]))

describe("the budget of bytes", () => {
  /** What the files weigh that are being read, by our own count: from the first byte asked for until they are closed. */
  class Scales {
    readonly folder: string
    readonly weight: (size: number) => number
    taken = 0
    most = 0
    mostFiles = 0
    private readonly reading = new Map<string, number>()

    constructor(folder: string, weight: (size: number) => number) {
      this.folder = folder
      this.weight = weight
    }

    readonly before: Watch = (call, name) => {
      if (call === "read" && !this.reading.has(name)) {
        const weight = this.weight(fs.statSync(`${this.folder}/${name}`).size)
        this.reading.set(name, weight)
        this.taken += weight
        this.most = Math.max(this.most, this.taken)
        this.mostFiles = Math.max(this.mostFiles, this.reading.size)
      }
      if (call === "close") {
        this.taken -= this.reading.get(name) ?? 0
        this.reading.delete(name)
      }
    }
  }

  it.effect("is never exceeded, and used; a file larger than all of it passes", () =>
    Effect.gen(function* () {
      const budget = 300 * KiB
      const folder = yield* folderWith({ ...filesOf(40, 50 * KiB), ...filesOf(3, 700 * KiB), ...filesOf(20, 1) })
      const scales = new Scales(folder, (size) => Math.min(size, budget))
      const { skipped, totals } = yield* Effect.provide(
        census({ root: folder, concurrency: 16, maxBytesInFlight: budget }),
        watchedFiles(scales)
      )
      assert.deepStrictEqual([totals.files, skipped], [63, []])
      assert.strictEqual(totals.bytes, 40 * 50 * KiB + 3 * 700 * KiB + 20)
      assert.isTrue(scales.most <= budget, `${scales.most} bytes were in flight, the budget is ${budget}`)
      assert.strictEqual(scales.most, budget)
      assert.isTrue(scales.mostFiles > 1)
    })
  )

  it.effect("counts 8 MiB for a larger file, so that others fit beside it", () =>
    Effect.gen(function* () {
      const budget = 9 * MiB
      const folder = yield* folderWith({ ...filesOf(2, 9 * MiB), ...filesOf(4, 256 * KiB) })
      const scales = new Scales(folder, (size) => Math.min(size, 8 * MiB))
      const { totals } = yield* Effect.provide(
        census({ root: folder, concurrency: 6, maxBytesInFlight: budget }),
        watchedFiles(scales)
      )
      assert.strictEqual(totals.files, 6)
      assert.isTrue(scales.most > 8 * MiB && scales.most <= budget, `${scales.most}`)
    })
  )

  it.effect("of one byte is enough for any file", () =>
    Effect.gen(function* () {
      const folder = yield* folderWith({ a: "twelve bytes", b: "", c: "x" })
      const { totals } = yield* Effect.provide(census({ root: folder, maxBytesInFlight: 1 }), watchedFiles({}))
      assert.deepStrictEqual([totals.files, totals.bytes], [3, 13])
    })
  )
})

describe("concurrency", () => {
  it.effect("is how many files are open, no more", () =>
    Effect.gen(function* () {
      const folder = yield* folderWith(filesOf(60, 10 * KiB))
      for (const concurrency of [1, 3]) {
        const ledger = new Ledger()
        yield* Effect.provide(census({ root: folder, concurrency }), watchedFiles(ledger))
        assert.strictEqual(ledger.mostFiles, concurrency)
      }
    })
  )
})

describe("an interruption", () => {
  it.effect("waits for a call that the system is at, since the call writes to a buffer and needs its descriptor", () =>
    Effect.gen(function* () {
      const folder = yield* folderWith({ large: Buffer.alloc(64 * MiB, "x") })
      const files = yield* Files
      const buffer = Buffer.alloc(64 * MiB)
      const handle = yield* files.open(Buffer.from(`${folder}/large`))
      const fiber = yield* Effect.forkChild(files.read(handle, buffer), { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(buffer.at(-1), "x".charCodeAt(0))
      yield* files.close(handle)
    }).pipe(Effect.provide(Files.layer))
  )

  const tree: Tree = {
    "one chunk": noise(20 * KiB),
    "three chunks": noise(600 * KiB),
    "in flight too": noise(300 * KiB, 2),
    below: { a: "1", b: "2", further: { c: "3", d: noise(400 * KiB, 3) } },
    beside: { e: "4" },
    empty: {}
  }

  /** Runs until the nth call, then interrupts: before it is made, or while the system is at it. */
  const interruptedAt = Effect.fnUntraced(function* (folder: string, nth: number, when: "before" | "during") {
    const ledger = new Ledger()
    let calls = 0
    let fiber: Fiber.Fiber<unknown> | undefined
    const before = () => {
      if (++calls !== nth) return
      // the fiber goes on to make the call, and waits for it, before the microtask runs
      if (when === "during") queueMicrotask(() => fiber?.interruptUnsafe())
      else fiber?.interruptUnsafe()
    }
    return yield* Effect.gen(function* () {
      const { partial, progress, run } = yield* make({ root: folder, concurrency: 3, maxBytesInFlight: 500 * KiB })
      calls = 0
      fiber = yield* Effect.forkChild(run)
      const exit = yield* Fiber.await(fiber)
      return { calls, exit, ledger, partial: yield* partial, progress: yield* progress }
    }).pipe(Effect.provide(watchedFiles({ before, after: ledger.after })))
  })

  for (const when of ["before", "during"] as const) {
    it.effect(`${when} any call closes every file and directory, and what was counted is reported`, () =>
      Effect.gen(function* () {
        const folder = yield* folderWith(tree)
        const whole = yield* interruptedAt(folder, 0, when)
        assert.isTrue(Exit.isSuccess(whole.exit))
        assert.isTrue(whole.calls > 50, `${whole.calls} calls`)
        const counts = new Set<number>()
        for (let nth = 1; nth <= whole.calls; nth++) {
          const { exit, ledger, partial, progress } = yield* interruptedAt(folder, nth, when)
          const at = `interrupted ${when} call ${nth} of ${whole.calls}`
          assert.deepStrictEqual([ledger.files, ledger.directories], [0, 0], at)
          assert.strictEqual(progress.bytesInFlight, 0, at)
          if (Exit.isSuccess(exit)) continue
          assert.isTrue(Cause.hasInterruptsOnly(exit.cause), at)
          assert.isTrue(partial.partial)
          assert.deepStrictEqual(partial.skipped, [], at)
          counts.add(partial.totals.files)
        }
        // from nothing to nearly all: the interruptions came all along the way
        assert.isTrue(counts.has(0) && counts.size >= 4, `files counted: ${Array.from(counts).join(", ")}`)
      })
    )
  }
})
