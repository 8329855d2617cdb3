import * as fs from "node:fs"

/** Whatever is odd in a tree is in the report, with its reason; never a crash, a hang, or silence. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"

import { census } from "../src/census.ts"
import { batchSize, type Entry, FileError, Files } from "../src/files.ts"
import type { Report } from "../src/report.ts"
import { folderWith, shell, socketAt, temporaryFolder, type Tree } from "./support/folders.ts"
import { Ledger, watchedFiles } from "./support/watchedFiles.ts"

const skipped = ({ skipped }: Report): ReadonlyArray<string> => skipped.map(({ path, reason }) => `${path}: ${reason}`)

const report = (root: string) => Effect.provide(census({ root }), Files.layer)

const failure = (root: string) => Effect.map(Effect.flip(report(root)), ({ message }) => message)

describe("the root", () => {
  it.effect("that is missing, a file, or a FIFO is a typed error that says so", () =>
    Effect.gen(function* () {
      const folder = yield* folderWith({ file: "x" })
      shell("mkfifo fifo; ln -s nowhere broken; ln -s loop loop", folder)
      assert.strictEqual(yield* failure(`${folder}/missing`), `${folder}/missing: no such directory`)
      assert.strictEqual(yield* failure(`${folder}/file`), `${folder}/file: is a file, not a directory`)
      assert.strictEqual(yield* failure(`${folder}/fifo`), `${folder}/fifo: is a FIFO, not a directory`)
      assert.strictEqual(yield* failure(`${folder}/broken`), `${folder}/broken: no such directory`)
      assert.strictEqual(yield* failure(`${folder}/loop`), `${folder}/loop: too many levels of symlinks`)
      assert.strictEqual(yield* failure(`${folder}/file/below`), `${folder}/file/below: is not a directory`)
    })
  )

  it.effect("that is a symlink to a directory is followed", () =>
    Effect.gen(function* () {
      const folder = yield* folderWith({ real: { a: "1", b: "2" } })
      fs.symlinkSync("real", `${folder}/link`)
      const { root, symlinks, totals } = yield* report(`${folder}/link`)
      assert.deepStrictEqual([root, totals.files, symlinks], [`${folder}/real`, 2, 0])
    })
  )

  it.effect("that is empty gives an empty report", () =>
    Effect.gen(function* () {
      const { kinds, partial, totals } = yield* report(yield* temporaryFolder)
      assert.deepStrictEqual(totals, { files: 0, directories: 1, bytes: 0, gzipBytes: 0, lines: 0 })
      assert.deepStrictEqual([kinds, partial], [[], false])
    })
  )
})

describe("symlinks", () => {
  it.effect("are counted and not followed; those that lead nowhere or back have a line each", () =>
    Effect.gen(function* () {
      const folder = yield* folderWith({ a: { b: { file: "1" } }, sibling: { file: "2" }, "a-longer": {} })
      shell(
        `ln -s ../sibling a/to-directory; ln -s b/file a/to-file; ln -s ../../a-longer a/b/no-loop; ln -s ../a a-longer/no-loop
         ln -s missing broken; ln -s a/b/file/below not-a-directory
         ln -s me me; ln -s pong ping; ln -s ping pong
         ln -s . here; ln -s ../.. a/b/up; ln -s / a/root`,
        folder
      )
      const result = yield* report(folder)
      assert.strictEqual(result.totals.files, 2)
      assert.strictEqual(result.symlinks, 4)
      assert.deepStrictEqual(skipped(result), [
        "a/b/up: symlink loop: leads back to a directory that contains it",
        "a/root: symlink loop: leads back to a directory that contains it",
        "broken: broken symlink: its target does not exist",
        "here: symlink loop: leads back to a directory that contains it",
        "me: symlink loop: leads to itself",
        "not-a-directory: broken symlink: its target does not exist",
        "ping: symlink loop: leads to itself",
        "pong: symlink loop: leads to itself"
      ])
    })
  )
})

describe("what is no file", () => {
  it.effect("a FIFO and a socket have a line each, and nobody waits for them", () =>
    Effect.gen(function* () {
      const folder = yield* folderWith({ file: "1" })
      shell("mkfifo fifo", folder)
      yield* socketAt(`${folder}/socket`)
      const result = yield* report(folder)
      assert.strictEqual(result.totals.files, 1)
      assert.deepStrictEqual(skipped(result), ["fifo: is a FIFO", "socket: is a socket"])
    })
  )

  // to make a device takes rights that a test need not have
  it.effect("devices and what the system has no name for have a line each", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const entries: ReadonlyArray<Entry> = [
        { name: Buffer.from("disk"), kind: "block device" },
        { name: Buffer.from("null"), kind: "character device" },
        { name: Buffer.from("odd"), kind: "unknown" }
      ]
      const files = yield* Effect.provide(Files, Files.layer)
      const result = yield* census({ root: folder }).pipe(
        Effect.provideService(Files, { ...files, readDirectory: () => Effect.succeed(entries) })
      )
      assert.deepStrictEqual(skipped(result), [
        "disk: is a block device",
        "null: is a character device",
        "odd: is of a kind unknown here"
      ])
    })
  )
})

describe("names", () => {
  it.effect("that are no UTF-8, or would act on a terminal, are escaped, each in its own way", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      shell(
        `for name in $'\\xff' '\\xff' $'new\\nline' $'\\x1b[2J' $'\\xe2\\x80\\xae' $'\\xc2\\x9b' ü; do mkfifo "$name"; done`,
        folder
      )
      assert.deepStrictEqual(skipped(yield* report(folder)), [
        "\\\\xff: is a FIFO",
        "\\x1b[2J: is a FIFO",
        "\\xc2\\x9b: is a FIFO",
        "\\xe2\\x80\\xae: is a FIFO",
        "\\xff: is a FIFO",
        "new\\nline: is a FIFO",
        "ü: is a FIFO"
      ])
    })
  )
})

describe("directories", () => {
  const deepAndWide = (depth: number, width: number): Tree =>
    depth === 0
      ? { file: "x" }
      : Object.fromEntries(Array.from({ length: width }, (_, index) => [`${index}`, deepAndWide(depth - 1, width)]))

  it.effect("few are open at a time, however deep and wide the tree", () =>
    Effect.gen(function* () {
      const chain = (depth: number): Tree => (depth === 0 ? {} : { "a folder": chain(depth - 1), file: "x" })
      const folder = yield* folderWith({ deep: chain(100), wide: deepAndWide(3, 6) })
      const ledger = new Ledger()
      const { totals } = yield* Effect.provide(census({ root: folder }), watchedFiles(ledger))
      assert.strictEqual(totals.files, 100 + 6 ** 3)
      assert.isTrue(ledger.mostDirectories > 1 && ledger.mostDirectories <= 8, `${ledger.mostDirectories} were open`)
      assert.deepStrictEqual([ledger.files, ledger.directories], [0, 0])
    })
  )

  it.effect("are read in batches, of which none is lost", () =>
    Effect.gen(function* () {
      for (const count of [batchSize - 1, batchSize, 3 * batchSize + 1]) {
        const folder = yield* folderWith(
          Object.fromEntries(Array.from({ length: count }, (_, index) => [`${index}`, ""]))
        )
        assert.strictEqual((yield* report(folder)).totals.files, count)
      }
    })
  )

  it.effect("that vanish before they are read have a line", () =>
    Effect.gen(function* () {
      const folder = yield* folderWith({ gone: { file: "1" }, stays: { file: "2" } })
      const before = (call: string, name: string) => {
        if (call === "openDirectory" && name === "gone") fs.rmSync(`${folder}/gone`, { recursive: true })
      }
      const result = yield* Effect.provide(census({ root: folder }), watchedFiles({ before }))
      assert.strictEqual(result.totals.files, 1)
      assert.deepStrictEqual(skipped(result), ["gone: directory vanished before it was read"])
    })
  )

  it.effect("that fail while they are read have a line, and what they had given before counts", () =>
    Effect.gen(function* () {
      const folder = yield* folderWith({ bad: Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`${n}`, ""])) })
      const files = yield* Effect.provide(Files, Files.layer)
      let batches = 0
      const broken = new FileError({ code: "EIO", reason: "input/output error" })
      const result = yield* census({ root: folder }).pipe(
        Effect.provideService(Files, {
          ...files,
          readDirectory: (handle) => (++batches === 3 ? Effect.fail(broken) : files.readDirectory(handle))
        })
      )
      assert.strictEqual(result.totals.files, batchSize)
      assert.deepStrictEqual(skipped(result), ["bad: directory cannot be read: input/output error"])
    })
  )

  it.effect("whose path is longer than the system allows have a line", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      shell(
        `name=$(printf 'x%.0s' {1..200}); for level in {1..25}; do mkdir $name; cd $name; echo 1 > file; done`,
        folder
      )
      const result = yield* report(folder)
      assert.isTrue(result.totals.files > 15 && result.totals.files < 25)
      assert.strictEqual(result.skipped.length, 1)
      assert.match(result.skipped[0]!.reason, /the path is longer than the system allows$/)
    })
  )
})
