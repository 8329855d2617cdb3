/** The state that results are added to. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

import type { FileResult } from "../src/analyse.ts"
import { fileKinds } from "../src/kind.ts"
import { Tally } from "../src/tally.ts"
import { Skipped } from "../src/walk.ts"

const few = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 3 }))

/** Few different values, so that packages, contents and inodes coincide. */
const Sketch = Schema.Struct({ kind: few, content: few, inode: few, package: few, manifest: few })

const fileOf = (sketch: typeof Sketch.Type, index: number): FileResult => {
  const directory = sketch.package === 0 ? undefined : `/node_modules/p${sketch.package}`
  return {
    _tag: "File",
    path: Buffer.from(`file ${index}`),
    kind: fileKinds[sketch.kind]!,
    bytes: sketch.content * 10,
    gzipBytes: sketch.content * 3 + 20,
    lines: sketch.content,
    sha256: `hash ${sketch.content}`,
    device: 1n,
    inode: BigInt(sketch.inode),
    package: directory,
    // a package has one package.json
    manifest:
      directory === undefined
        ? undefined
        : { name: `p${sketch.package % 2}`, version: `1.${sketch.package}.0`, licence: ["MIT", "ISC"][sketch.package] },
    note: sketch.manifest === 0 ? "is odd" : undefined
  }
}

const reportOf = (files: ReadonlyArray<FileResult>) => {
  const tally = new Tally()
  for (const file of files) {
    tally.add(file)
    if (file.lines === 2) tally.skip(new Skipped({ path: file.path, reason: "was odd" }))
    if (file.lines === 3) tally.add({ _tag: "Symlink" })
  }
  return tally.report({ root: "/", partial: false, seconds: 1, bytesRead: 0, top: 3 })
}

const shuffled = <A>(items: ReadonlyArray<A>, keys: ReadonlyArray<number>): ReadonlyArray<A> =>
  items
    .map((item, index) => ({ item, key: keys[index % Math.max(1, keys.length)] ?? 0, index }))
    .toSorted((a, b) => a.key - b.key || b.index - a.index)
    .map(({ item }) => item)

describe("the tally", () => {
  it.effect.prop(
    "gives the same report whatever the order in which results come",
    [Schema.Array(Sketch), Schema.Array(Schema.Int)],
    ([sketches, keys]) =>
      Effect.sync(() => {
        const files = sketches.map(fileOf)
        assert.deepStrictEqual(reportOf(shuffled(files, keys)), reportOf(files))
      }),
    { arbitrary: { runs: 200 } }
  )

  it.effect.prop(
    "loses nothing: kinds, and packages with what is outside of them, sum up to the totals",
    [Schema.Array(Sketch)],
    ([sketches]) =>
      Effect.sync(() => {
        const files = sketches.map(fileOf)
        const tally = new Tally()
        for (const file of files) tally.add(file)
        const { identical, kinds, outside, packages, totals } = tally.report({
          root: "/",
          partial: false,
          seconds: 1,
          bytesRead: 0,
          top: Number.MAX_SAFE_INTEGER
        })
        const sum = (rows: ReadonlyArray<{ readonly files: number; readonly bytes: number }>) => ({
          files: rows.reduce((total, row) => total + row.files, 0),
          bytes: rows.reduce((total, row) => total + row.bytes, 0)
        })
        const expected = { files: files.length, bytes: files.reduce((total, { bytes }) => total + bytes, 0) }
        assert.deepStrictEqual({ files: totals.files, bytes: totals.bytes }, expected)
        assert.deepStrictEqual(sum(kinds), expected)
        assert.deepStrictEqual(sum([...packages.rows, outside]), expected)
        // what is wasted, the plain way: all inodes of a content but one
        const inodes = new Map<string, Set<bigint>>()
        for (const { inode, sha256 } of files) inodes.set(sha256, (inodes.get(sha256) ?? new Set()).add(inode))
        const wasted = files
          .filter((file, index) => files.findIndex(({ sha256 }) => sha256 === file.sha256) === index)
          .reduce((total, { bytes, sha256 }) => total + bytes * (inodes.get(sha256)!.size - 1), 0)
        assert.strictEqual(identical.wastedBytes, wasted)
      }),
    { arbitrary: { runs: 200 } }
  )
})
