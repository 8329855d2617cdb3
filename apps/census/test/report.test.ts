import * as fs from "node:fs"

/** What the report says about packages, licences and identical files. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

import { census } from "../src/census.ts"
import { Files } from "../src/files.ts"
import { type FileKind, kindOf } from "../src/kind.ts"
import { nameOfPackage, packageOf, parse } from "../src/manifest.ts"
import { render } from "../src/render.ts"
import { ReportJson } from "../src/report.ts"
import { width } from "../src/text.ts"
import { folderWith, type Tree } from "./support/folders.ts"

const report = (root: string, top?: number) => Effect.provide(census({ root, top }), Files.layer)

const manifest = (name: string, version: string, rest: object = {}) => JSON.stringify({ name, version, ...rest })

const modules: Tree = {
  node_modules: {
    left: {
      "package.json": manifest("left", "1.0.0", { license: "MIT" }),
      "index.js": "1\n",
      node_modules: { shared: { "package.json": manifest("shared", "1.9.0", { license: { type: "ISC" } }) } },
      esm: { "package.json": '{"type":"module"}' }
    },
    shared: { "package.json": manifest("shared", "1.10.0", { licenses: [{ type: "MIT" }, { type: "BSD" }] }) },
    alias: { "package.json": manifest("shared", "2.0.0", { license: "MIT" }) },
    "@scope": { right: { "package.json": manifest("@scope/right", "0.1.0"), "data.bin": Buffer.alloc(5000) } },
    ".bin": { tool: "#!/bin/sh\n" },
    unnamed: { "package.json": "{}" }
  },
  "package.json": manifest("the project itself", "9.9.9", { license: "GPL-3.0" })
}

describe("packages", () => {
  it.effect("in several versions, by the names that they give themselves; versions in numeric order", () =>
    Effect.gen(function* () {
      const { packages, severalVersions } = yield* report(yield* folderWith(modules))
      assert.strictEqual(packages.total, 6)
      assert.deepStrictEqual(severalVersions, {
        total: 1,
        rows: [{ name: "shared", versions: ["1.9.0", "1.10.0", "2.0.0"] }]
      })
    })
  )

  it.effect("largest first; what belongs to none is counted apart", () =>
    Effect.gen(function* () {
      const folder = yield* folderWith(modules)
      const { outside, packages, totals } = yield* report(folder, 1)
      const size = (file: string) => fs.statSync(`${folder}/node_modules/${file}`).size
      assert.strictEqual(packages.rows.length, 1)
      const { gzipBytes, ...largest } = packages.rows[0]!
      assert.isTrue(gzipBytes > 0)
      assert.deepStrictEqual(largest, {
        name: "@scope/right",
        version: "0.1.0",
        directory: `${folder}/node_modules/@scope/right`,
        files: 2,
        bytes: 5000 + size("@scope/right/package.json")
      })
      assert.strictEqual(outside.files, 2)
      const { packages: all } = yield* report(folder, 100)
      const inPackages = all.rows.reduce((sum, { files }) => sum + files, 0)
      assert.strictEqual(inPackages + outside.files, totals.files)
    })
  )

  it.effect("licences, as packages state them now and stated them once", () =>
    Effect.gen(function* () {
      const { licences } = yield* report(yield* folderWith(modules))
      assert.deepStrictEqual(licences.rows, [
        { licence: "MIT", packages: 2 },
        { licence: "none stated", packages: 2 },
        { licence: "ISC", packages: 1 },
        { licence: "MIT OR BSD", packages: 1 }
      ])
    })
  )

  it.effect("a package.json that is malformed is counted, and noted", () =>
    Effect.gen(function* () {
      const folder = yield* folderWith({
        node_modules: {
          array: { "package.json": "[1]" },
          binary: { "package.json": Buffer.from([0x7b, 0xff, 0x7d]) },
          cut: { "package.json": '{"name": "cut"' },
          empty: { "package.json": "" },
          huge: { "package.json": `{"name":"huge","x":"${"y".repeat(1024 * 1024)}"}` },
          number: { "package.json": '{"name": 5}' },
          fine: { "package.json": `\uFEFF${manifest("fine", "1.0.0", { license: false })}` }
        }
      })
      const { kinds, notes, packages, totals } = yield* report(folder)
      assert.strictEqual(totals.files, 7)
      assert.deepStrictEqual(
        kinds.map(({ files, kind }) => [kind, files]),
        [["json", 7]]
      )
      assert.deepStrictEqual(
        notes.map(({ path, reason }) => `${path.split("/")[1]} ${reason}`),
        [
          "array is not a JSON object",
          "binary is not UTF-8",
          "cut is not JSON",
          "empty is not JSON",
          "huge is longer than 1 MiB and was not looked into",
          "number has a name or a version that is not a string"
        ]
      )
      assert.deepStrictEqual(packages.rows.map(({ name }) => name).toSorted(), [
        "array",
        "binary",
        "cut",
        "empty",
        "fine",
        "huge",
        "number"
      ])
    })
  )

  it("the innermost package owns a file; names with a dot and files beside packages do not count", () => {
    const cases: ReadonlyArray<readonly [path: string, owner: string | undefined]> = [
      ["/r/node_modules/a/x.js", "/r/node_modules/a"],
      ["/r/node_modules/@s/a/x.js", "/r/node_modules/@s/a"],
      ["/r/node_modules/a/node_modules/b/lib/x.js", "/r/node_modules/a/node_modules/b"],
      ["/r/node_modules/.pnpm/b@1/node_modules/b/x.js", "/r/node_modules/.pnpm/b@1/node_modules/b"],
      ["/r/node_modules/a/node_modules/.bin/x", "/r/node_modules/a"],
      ["/r/node_modules/.pnpm/lock.yaml", undefined],
      ["/r/node_modules/file", undefined],
      ["/r/node_modules/@s/file", undefined],
      ["/r/src/x.js", undefined],
      ["/node_modules/a/x", "/node_modules/a"],
      ["/r/my_node_modules/a/x", undefined]
    ]
    for (const [path, owner] of cases) assert.strictEqual(packageOf(path), owner, path)
    assert.strictEqual(nameOfPackage("/r/node_modules/@s/a"), "@s/a")
    assert.strictEqual(nameOfPackage("/r/node_modules/caf\xE9"), "caf\\xe9")
  })

  it("what a package says about itself cannot act on a terminal, and is not printed at any length", () => {
    const json = { name: "a\u001B[2Jb", version: "v".repeat(5000), license: "M\u202EIT" }
    assert.deepStrictEqual(Result.getOrUndefined(parse(Buffer.from(JSON.stringify(json)))), {
      name: "a\\x1b[2Jb",
      version: `${"v".repeat(99)}…`,
      licence: "M\\xe2\\x80\\xaeIT"
    })
  })
})

describe("identical files", () => {
  it.effect("waste what the copies take; a hard link takes nothing", () =>
    Effect.gen(function* () {
      const folder = yield* folderWith({
        a: "same contents",
        copy1: "same contents",
        copy2: "same contents",
        linked: "one inode only",
        other: "different",
        "empty 1": "",
        "empty 2": ""
      })
      fs.linkSync(`${folder}/copy1`, `${folder}/link to copy1`)
      fs.linkSync(`${folder}/linked`, `${folder}/link 1`)
      fs.linkSync(`${folder}/linked`, `${folder}/link 2`)
      const each = "same contents".length
      const { identical } = yield* report(folder)
      assert.deepStrictEqual(identical, {
        files: 9,
        contents: 3,
        wastedBytes: 2 * each,
        sparedBytes: each + 2 * "one inode only".length,
        rows: [
          { path: "a", files: 4, bytes: each, wastedBytes: 2 * each },
          { path: "link 1", files: 3, bytes: "one inode only".length, wastedBytes: 0 },
          { path: "empty 1", files: 2, bytes: 0, wastedBytes: 0 }
        ]
      })
    })
  )
})

describe("kinds", () => {
  it("go by the name, unless the contents belie it", () => {
    const text = Buffer.from("text")
    const elf = Buffer.from("\x7FELF")
    const cases: ReadonlyArray<readonly [name: string, binary: boolean, head: Buffer, kind: FileKind]> = [
      ["a.js", false, text, "javascript"],
      ["a.JS", false, text, "javascript"],
      ["a.d.mts", false, text, "type declarations"],
      ["a.mts", false, text, "typescript"],
      ["a.js.map", false, text, "source maps"],
      ["a.ts", true, text, "other binary"],
      ["node", true, elf, "native binaries"],
      ["addon.node", true, text, "native binaries"],
      ["addon.node", false, text, "other text"],
      ["data", true, text, "other binary"],
      ["LICENSE", false, text, "other text"],
      [".npmrc", false, text, "other text"],
      [".js", false, text, "other text"],
      ["a.svg", false, text, "images"],
      ["a.png", true, text, "images"]
    ]
    for (const [name, binary, head, kind] of cases)
      assert.strictEqual(kindOf(Buffer.from(name), binary, head), kind, name)
  })
})

describe("the printed report", () => {
  it.effect("fits 80 columns but for paths that have a line each; as JSON it says the same", () =>
    Effect.gen(function* () {
      const long = "n".repeat(120)
      const folder = yield* folderWith({
        ...modules,
        [long]: { [long]: "twice", again: "twice" },
        wide: { node_modules: { [long]: { "package.json": manifest(long, "1.0.0") } } }
      })
      fs.symlinkSync("nowhere", `${folder}/${long}/broken`)
      const result = yield* report(folder)
      const lines = render(result).split("\n")
      const tooWide = lines.filter((line) => line.length > width)
      assert.deepStrictEqual(tooWide, [`  ${long}/broken: broken symlink: its target does not exist`])
      for (const text of [
        "Kind ",
        "Largest of 7 packages",
        "Licence ",
        "Identical files: 2 have 1 content",
        "Skipped: 1"
      ]) {
        assert.isTrue(
          lines.some((line) => line.startsWith(text)),
          text
        )
      }
      const json = yield* Schema.encodeEffect(ReportJson)(result)
      assert.deepStrictEqual(yield* Schema.decodeEffect(ReportJson)(json), result)
    })
  )
})
