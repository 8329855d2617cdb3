import * as fs from "node:fs"
import { fileURLToPath } from "node:url"
import * as zlib from "node:zlib"

/** Against tools that we did not write: find, sha256sum, wc. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Pipeline from "heddle/Pipeline"

import type { FileResult } from "../src/analyse.ts"
import { type Census, make } from "../src/census.ts"
import { Files } from "../src/files.ts"
import { folderWith, noise, shell, type Tree } from "./support/folders.ts"

const resultsOf = ({ results }: Census) =>
  Effect.map(Pipeline.runCollect(results), (all) =>
    all.filter((result): result is FileResult => result._tag === "File")
  )

/** By path, one character per byte. */
const byTools = (folder: string) => {
  const hashes = new Map<string, string>()
  // -z: lines end with NUL and names are not escaped
  const listed = shell("find . -type f -print0 | xargs -0 -r sha256sum -z --", folder)
  for (const line of listed.toString("latin1").split("\0").slice(0, -1)) hashes.set(line.slice(68), line.slice(0, 64))
  const sizes = shell(`find . -type f -printf '%s\\n'`, folder).toString().split("\n").slice(0, -1)
  return { hashes, bytes: sizes.reduce((sum, size) => sum + Number(size), 0) }
}

const compare = Effect.fnUntraced(function* (folder: string) {
  const census = yield* make({ root: folder })
  const results = yield* resultsOf(census)
  const ours = new Map(
    results.map((result) => [result.path.toString("latin1"), Buffer.from(result.sha256, "latin1").toString("hex")])
  )
  const tools = byTools(folder)
  assert.isTrue(tools.hashes.size > 0)
  assert.strictEqual(results.length, tools.hashes.size)
  assert.deepStrictEqual(ours, tools.hashes)
  assert.strictEqual(
    results.reduce((sum, { bytes }) => sum + bytes, 0),
    tools.bytes
  )
  assert.deepStrictEqual((yield* census.partial).skipped, [])
  return results
})

const chunk = 256 * 1024

const awkward = {
  "a b": "spaces",
  " ": "one space",
  "new\nline": "a newline in the name",
  "back\\slash": "a backslash",
  "quote\"'`$(x)": "quotes",
  "-rf": "an option",
  "*?[": "a pattern",
  "\u001B[31mred": "an escape sequence",
  "\u00FC": "precomposed",
  "u\u0308": "combining",
  "日本語 🧵": "not Latin",
  "bytes:\xFF": "a byte that is no UTF-8",
  "bytes:\xFFsame": "one",
  "bytes:\xFEsame": "two",
  "bytes:caf\xE9": "Latin-1",
  "bytes:\xE2\x82": "a character cut short",
  "bytes:dir\xC0": { "bytes:\x80": "below a name that is no UTF-8" },
  ".hidden": { ".more": "hidden" },
  empty: "",
  "empty folder": {},
  sizes: {
    1: noise(1),
    "chunk-1": noise(chunk - 1),
    chunk: noise(chunk),
    "chunk+1": noise(chunk + 1),
    chunks: noise(3 * chunk),
    large: noise(5 * chunk + 12_345),
    text: "a line\n".repeat(200_000),
    zeros: Buffer.alloc(2 * chunk)
  }
}

const nested = (depth: number): Tree =>
  depth === 0 ? {} : { file: `at depth ${depth}`, [`level ${depth}`]: nested(depth - 1) }

/** A package that is installed here: thousands of files that nobody here wrote. */
const effectPackage = fileURLToPath(new URL(".", import.meta.resolve("effect/package.json")))

describe("against find, sha256sum and wc", () => {
  it.effect("the same hashes and bytes over names and sizes that are awkward", () =>
    Effect.gen(function* () {
      const results = yield* compare(yield* folderWith({ ...awkward, nested: nested(60) }))
      assert.isTrue(results.length > 80)
    }).pipe(Effect.provide(Files.layer))
  )

  it.effect("the same hashes and bytes over an installed package", () =>
    Effect.gen(function* () {
      const results = yield* compare(effectPackage)
      assert.isTrue(results.length > 1000)
    }).pipe(Effect.provide(Files.layer))
  )

  it.effect("the same size as gzip gives, the same lines as wc", () =>
    Effect.gen(function* () {
      const folder = yield* folderWith({ ...awkward.sizes, short: "no newline at the end", script: "#!/bin/sh\n\n\n" })
      const results = yield* resultsOf(yield* make({ root: folder }))
      assert.strictEqual(results.length, 10)
      for (const { bytes, gzipBytes, lines, path } of results) {
        const name = path.toString()
        const content = fs.readFileSync(`${folder}/${name}`)
        assert.strictEqual(bytes, content.length)
        assert.strictEqual(gzipBytes, zlib.gzipSync(content, { level: 1 }).length, name)
        const isText = ["short", "script", "text"].includes(name)
        assert.strictEqual(lines, isText ? Number(shell(`wc -l < ${name}`, folder)) : 0, name)
      }
    }).pipe(Effect.provide(Files.layer))
  )
})
