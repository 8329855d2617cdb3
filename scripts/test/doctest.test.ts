import { spawnSync } from "node:child_process"
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"

import { assert, describe, it } from "vitest"

import { extract } from "../doctest.ts"

const repository = join(import.meta.dirname, "../..")

const put = (root: string, path: string, text: string): void => {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text)
}

const withTree = (files: Readonly<Record<string, string>>, use: (root: string) => void): void => {
  const root = mkdtempSync(join(tmpdir(), "doctest-"))
  try {
    for (const [path, text] of Object.entries(files)) put(root, path, text)
    use(root)
  } finally {
    rmSync(root, { force: true, recursive: true })
  }
}

const fence = (...code: ReadonlyArray<string>): string => ["```ts import.meta.vitest", ...code, "```"].join("\n")
const output = (...lines: ReadonlyArray<string>): string =>
  ["", "", "<!-- output -->", "", "```text", ...lines, "```", ""].join("\n")
const docstring = (markdown: string): string => `/**\n${markdown.replace(/^/gm, " * ")}\n */\nexport const a = 1\n`

const generated = (root: string): ReadonlyArray<string> => globSync("**/doctest/*", { cwd: root }).toSorted()

// one at a time: one of them waits for a process
describe("doctest", { concurrent: false }, () => {
  it("puts the examples of a docstring in its package and those of Markdown in apps/examples", () => {
    withTree(
      {
        "README.md": fence("1 + 1 // => 2"),
        "docs/guide/go.md": `# Go\n\n${fence("const two = 2 // => 2")}\n`,
        "docs/plain.md": "```ts\nnot(runnable\n```",
        "packages/heddle/src/internal/Room.ts": docstring(`Words.\n\n${fence("1 + 1 // => 2")}`)
      },
      (root) => {
        extract(root)
        assert.deepStrictEqual(generated(root), [
          "apps/examples/build/doctest/README.L1.test.ts",
          "apps/examples/build/doctest/docs.guide.go.L3.test.ts",
          "packages/heddle/build/doctest/internal.Room.L4.test.ts"
        ])
      }
    )
  })

  it("makes tests that pass where the example is right and fail where its value or its output is wrong", () => {
    const print = [
      `import * as Console from "effect/Console"`,
      `import * as Effect from "effect/Effect"`,
      `await Effect.runPromise(Console.log("ready", true))`,
      `console.log({ a: 1 })`
    ]
    withTree(
      {
        "package.json": `{ "type": "module" }`,
        "vitest.config.ts": "export default {}",
        "docs/value-right.md": fence("1 + 1 // => 2", "const list = [await Promise.resolve(1)] // => [1]"),
        "docs/value-wrong.md": fence("1 + 1 // => 3"),
        "docs/list-wrong.md": fence("const list = [1] // => [2]"),
        "docs/output-right.md": fence(...print) + output("ready true", "{ a: 1 }"),
        "docs/output-wrong.md": fence(...print) + output("ready false", "{ a: 1 }"),
        "docs/output-missing.md": fence(...print) + output("ready true")
      },
      (root) => {
        symlinkSync(join(repository, "packages/heddle/node_modules"), join(root, "node_modules"))
        extract(root)
        const cli = join(repository, "node_modules/vitest/vitest.mjs")
        const args = [cli, "run", "--root", root, "--reporter", "json", "--outputFile", "report.json"]
        const { stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8" })
        const report: unknown = JSON.parse(readFileSync(join(root, "report.json"), "utf8"))
        assert.deepNestedInclude(report, { numPassedTests: 2, numFailedTests: 4 }, stderr)
      }
    )
  })

  it("leaves what is up to date alone and removes what is stale", () => {
    withTree({ "README.md": fence("1 + 1 // => 2"), "docs/old.md": fence("1 // => 1") }, (root) => {
      extract(root)
      const [readme = "", old = ""] = generated(root)
      const before = statSync(join(root, readme)).mtimeMs
      rmSync(join(root, "docs/old.md"))
      extract(root)
      assert.deepStrictEqual(generated(root), [readme])
      assert.strictEqual(statSync(join(root, readme)).mtimeMs, before)
      put(root, "README.md", fence("1 + 1 // => 3"))
      extract(root)
      assert.include(readFileSync(join(root, readme), "utf8"), "3")
      assert.include(old, "docs.old")
    })
  })

  const rejected: ReadonlyArray<readonly [title: string, markdown: string, message: RegExp]> = [
    ["an expectation inside a function", fence("const f = () => {", "  g() // => 1", "}"), /README\.md:1: .*top-level/],
    ["an expectation before any statement", fence("// => 1", "f()"), /README\.md:1: .*top-level/],
    ["code that does not parse", fence("const = 1"), /README\.md:1: /],
    ["an output block of no example", `Words.${output("1")}`, /README\.md: an output block/]
  ]
  for (const [title, markdown, message] of rejected) {
    it(`rejects ${title}`, () => {
      withTree({ "README.md": markdown }, (root) => {
        assert.throws(() => extract(root), message)
      })
    })
  }
})
