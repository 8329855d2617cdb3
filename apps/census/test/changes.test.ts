import * as fs from "node:fs"

/** A file is counted whole or skipped with a reason, whatever happens to it between two calls. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"

import { census } from "../src/census.ts"
import { folderWith, shell, socketAt, temporaryFolder } from "./support/folders.ts"
import { type Call, Ledger, watchedFiles } from "./support/watchedFiles.ts"

const KiB = 1024
const small = 10 * KiB
const inChunks = 600 * KiB

interface Change {
  readonly size: number
  /** The call on the file before which `act` runs, and the how manieth of its kind. */
  readonly call: Call
  readonly nth?: number
  readonly act: (file: string) => void
}

/** The report on a file that changes, beside one that does not. */
const reportOn = Effect.fnUntraced(function* ({ act, call, nth = 1, size }: Change) {
  const folder = yield* folderWith({ victim: Buffer.alloc(size, "x"), witness: "unharmed" })
  const ledger = new Ledger()
  let calls = 0
  const before = (current: Call, name: string) => {
    if (name === "victim" && current === call && ++calls === nth) act(`${folder}/victim`)
  }
  const report = yield* Effect.provide(census({ root: folder }), watchedFiles({ before, after: ledger.after }))
  assert.isTrue(calls >= nth, "nothing happened to the file")
  assert.deepStrictEqual([ledger.files, ledger.directories], [0, 0])
  return report
})

const reasonFor = (change: Change) =>
  Effect.map(reportOn(change), ({ skipped, totals }) => {
    assert.deepStrictEqual([totals.files, totals.bytes], [1, "unharmed".length])
    assert.deepStrictEqual(
      skipped.map(({ path }) => path),
      ["victim"]
    )
    return skipped[0]?.reason
  })

const grow = (file: string) => fs.appendFileSync(file, "more")
const shrink = (file: string) => fs.truncateSync(file, 5 * KiB)
const rewrite = (file: string) => {
  fs.writeFileSync(file, Buffer.alloc(fs.statSync(file).size, "y"))
  // the clock of a file system may tick too slowly to tell
  fs.utimesSync(file, 1, 1)
}

describe("a file that is another when it is opened", () => {
  const whenOpened = (act: (file: string) => void) => reasonFor({ size: small, call: "open", act })

  it.effect("vanished", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* whenOpened(fs.unlinkSync), "vanished before it was read")
    })
  )

  it.effect("a symlink is not followed, a FIFO not waited for, a directory and a socket not read", () =>
    Effect.gen(function* () {
      const elsewhere = yield* temporaryFolder
      yield* socketAt(`${elsewhere}/socket`)
      const replaced = (command: string) =>
        whenOpened((file) => void shell(`rm victim; ${command}`, file.replace(/victim$/, "")))
      assert.strictEqual(yield* replaced("ln -s witness victim"), "was replaced by a symlink before it was read")
      assert.strictEqual(yield* replaced("mkfifo victim"), "was replaced by a FIFO before it was read")
      assert.strictEqual(yield* replaced("mkdir victim"), "was replaced by a directory before it was read")
      assert.strictEqual(
        yield* replaced(`mv ${elsewhere}/socket victim`),
        "was replaced by a socket or device before it was read"
      )
    })
  )
})

describe("a file that changes while it is read", () => {
  // one chunk: open, info, read, info, close; three chunks: open, info, read, read, read, info, close
  const cases: ReadonlyArray<readonly [string, Change, string]> = [
    ["grows before the first byte", { size: small, call: "read", act: grow }, "grew"],
    ["grows after the last byte", { size: small, call: "info", nth: 2, act: grow }, "grew"],
    ["was empty and grows", { size: 0, call: "read", act: grow }, "grew"],
    ["grows between two chunks", { size: inChunks, call: "read", nth: 2, act: grow }, "grew"],
    ["shrinks before the first byte", { size: small, call: "read", act: shrink }, "shrank"],
    ["shrinks after the last byte", { size: small, call: "info", nth: 2, act: shrink }, "shrank"],
    ["shrinks between two chunks", { size: inChunks, call: "read", nth: 2, act: shrink }, "shrank"],
    ["is emptied", { size: small, call: "read", act: (file) => fs.truncateSync(file) }, "shrank"],
    ["is rewritten with the same size", { size: small, call: "read", act: rewrite }, "changed"],
    ["is rewritten between two chunks", { size: inChunks, call: "read", nth: 2, act: rewrite }, "changed"]
  ]

  for (const [name, change, what] of cases) {
    it.effect(`${name}: skipped, since it ${what}`, () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* reasonFor(change), `${what} while it was read`)
      })
    )
  }

  it.effect("grows for ever: reading ends all the same", () =>
    Effect.gen(function* () {
      const folder = yield* folderWith({ victim: Buffer.alloc(inChunks) })
      let reads = 0
      const before = (call: Call) => {
        if (call === "read" && ++reads < 1000) fs.appendFileSync(`${folder}/victim`, Buffer.alloc(inChunks))
      }
      const { skipped, totals } = yield* Effect.provide(census({ root: folder }), watchedFiles({ before }))
      assert.deepStrictEqual(skipped, [{ path: "victim", reason: "grew while it was read" }])
      assert.strictEqual(totals.files, 0)
      assert.isTrue(reads <= 4, `${reads} reads`)
    })
  )

  it.effect("is deleted: what was open can be read to its end, and counts", () =>
    Effect.gen(function* () {
      const { skipped, totals } = yield* reportOn({ size: inChunks, call: "read", nth: 2, act: fs.unlinkSync })
      assert.deepStrictEqual([totals.files, skipped], [2, []])
    })
  )
})
