import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"

import { assert, describe, it } from "vitest"

import { inspect } from "../arch/inspect.ts"
import { ruleNames } from "../arch/rules.ts"

type Tree = Readonly<Record<string, string>>

const directories = [
  "packages/heddle",
  "packages/testing",
  "packages/node",
  "packages/redis",
  "apps/census",
  "apps/docs"
]

const references = (paths: ReadonlyArray<string>): string =>
  JSON.stringify({ references: paths.map((path) => ({ path })) })

const manifest = (name: string): string =>
  JSON.stringify({ name, exports: { "./*": "./src/*.ts", ".": "./src/index.ts", "./internal/*": null } })

/** The packages of the plan, small, with one import along every arrow that is allowed. */
const clean: Tree = {
  "package.json": manifest("root"),
  "tsconfig.json": references(["apps/census", "apps/docs"]),
  "tsconfig.packages.json": references(["packages/heddle", "packages/testing", "packages/node", "packages/redis"]),
  "tsconfig.tests.json": references(directories),
  "node_modules/effect/package.json": JSON.stringify({
    name: "effect",
    exports: { ".": "./dist/index.js", "./cli": "./dist/cli/index.js", "./*": "./dist/*.js", "./internal/*": null }
  }),
  "node_modules/effect/dist/index.js": "",
  "node_modules/effect/dist/Effect.js": "",
  "node_modules/effect/dist/cli/index.js": "",
  "node_modules/effect/dist/internal/core.js": "",
  "node_modules/p-limit/package.json": JSON.stringify({ name: "p-limit", exports: "./index.js" }),
  "node_modules/p-limit/index.js": "",
  "packages/heddle/package.json": manifest("heddle"),
  "packages/heddle/src/index.ts": `export * as Pipeline from "./Pipeline.ts"`,
  "packages/heddle/src/Pipeline.ts": `import { b } from "./WeightedSemaphore.ts"\nimport "./internal/pipeline/stage.ts"\nexport { b }`,
  "packages/heddle/src/WeightedSemaphore.ts": `import * as Effect from "effect/Effect"\nimport "./internal/waitLine.ts"\nexport const b = Effect`,
  "packages/heddle/src/internal/pipeline/stage.ts": `import "../waitLine.ts"`,
  "packages/heddle/src/internal/batches.ts": `import "./waitLine.ts"`,
  "packages/heddle/src/internal/waitLine.ts": `import "./defect.ts"`,
  "packages/heddle/src/internal/defect.ts": `export const a = 1`,
  "packages/heddle/test/it.test.ts": `import "@heddle/testing"\nimport "../src/internal/waitLine.ts"\nimport "node:fs"`,
  "packages/testing/package.json": manifest("@heddle/testing"),
  "packages/testing/src/index.ts": `import * as Effect from "effect/Effect"`,
  "packages/node/package.json": manifest("@heddle/node"),
  "packages/node/src/index.ts": `import "heddle/WeightedSemaphore"\nimport "node:sqlite"\nimport "p-limit"`,
  "packages/redis/package.json": manifest("@heddle/redis"),
  "packages/redis/src/index.ts": `import { Pipeline } from "heddle"`,
  "apps/census/src/main.ts": `import { Pipeline } from "heddle"\nimport { Effect } from "effect"\nimport "@heddle/testing"\nimport "@heddle/node"`,
  "apps/docs/src/main.ts": `export {}`
}

const build = (tree: Tree): string => {
  const root = mkdtempSync(join(tmpdir(), "arch-"))
  for (const [path, text] of Object.entries(tree)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  mkdirSync(join(root, "node_modules/@heddle"), { recursive: true })
  symlinkSync("../packages/heddle", join(root, "node_modules/heddle"))
  for (const name of ["testing", "node", "redis"]) {
    symlinkSync(`../../packages/${name}`, join(root, "node_modules/@heddle", name))
  }
  return root
}

const check = async (tree: Tree) => {
  const root = build(tree)
  try {
    return await inspect(root)
  } finally {
    rmSync(root, { force: true, recursive: true })
  }
}

const heddle = (module: string): string => `packages/heddle/src/${module}.ts`

/** Rule, module to blame, and what that module holds instead. */
const violations: ReadonlyArray<readonly [rule: string, title: string, module: string, text: string]> = [
  ["effect-private", "an internal module of effect", "apps/census/src/main.ts", `import "effect/internal/core"`],
  [
    "effect-private",
    "an internal module of effect by its path",
    heddle("Pipeline"),
    `import "../../../node_modules/effect/dist/internal/core.js"`
  ],
  ["effect-barrel", "the barrel of effect", heddle("Pipeline"), `import { Effect } from "effect"`],
  ["effect-barrel", "the barrel, for types only", heddle("Pipeline"), `import type { Effect } from "effect"`],
  ["effect-barrel", "a barrel inside effect", "packages/node/src/index.ts", `import { Command } from "effect/cli"`],
  ["foreign-internal", "internals by name", "packages/node/src/index.ts", `import "heddle/internal/waitLine"`],
  [
    "foreign-internal",
    "internals by path, from a test",
    "apps/census/test/a.test.ts",
    `import "../../../packages/heddle/src/internal/waitLine.ts"`
  ],
  ["purity", "a builtin of Node.js", heddle("Pipeline"), `import { readFileSync } from "node:fs"`],
  ["purity", "a builtin that dependency-cruiser does not know", heddle("Pipeline"), `import "node:sqlite"`],
  ["purity", "a dependency", heddle("Pipeline"), `import pLimit from "p-limit"`],
  ["purity", "a dependency in the explorer", "packages/testing/src/index.ts", `import pLimit from "p-limit"`],
  ["unresolved", "a file that is not there", heddle("Pipeline"), `import "./Missing.ts"`],
  ["unresolved", "a package that is not there", "apps/census/src/main.ts", `import "missing-package"`],
  ["by-name", "a path into a package", "apps/census/src/main.ts", `import "../../../packages/heddle/src/Pipeline.ts"`],
  ["arrow", "the core on an adapter", heddle("Pipeline"), `import "@heddle/node"`],
  ["arrow", "the explorer on the core", "packages/testing/src/index.ts", `import { Pipeline } from "heddle"`],
  ["arrow", "an adapter on an adapter", "packages/redis/src/index.ts", `import "@heddle/node"`],
  ["arrow", "the explorer outside tests", heddle("Pipeline"), `import "@heddle/testing"`],
  ["arrow", "the explorer in a benchmark", "packages/node/bench/a.ts", `import "@heddle/testing"`],
  ["arrow", "a package on an app", "packages/node/src/index.ts", `import "../../../apps/docs/src/main.ts"`],
  ["arrow", "an app on an app", "apps/census/src/main.ts", `import "../../docs/src/main.ts"`],
  ["downwards", "up", heddle("WeightedSemaphore"), `import "./internal/defect.ts"\nimport "./Batcher.ts"`],
  ["downwards", "sideways", heddle("internal/waitLine"), `import "./readyRing.ts"`],
  ["downwards", "sideways, for types only", heddle("internal/waitLine"), `import type { R } from "./readyRing.ts"`],
  ["downwards", "through the index", heddle("Inspector"), `import { Pipeline } from "./index.ts"`],
  ["downwards", "through the package's own name", heddle("Inspector"), `import { Pipeline } from "heddle"`],
  ["downwards", "the inside of another module", heddle("Inspector"), `import "./internal/batches.ts"`],
  ["placed", "a module on no floor", heddle("Mutex"), `export const a = 1`],
  ["placed", "a helper on no floor", heddle("internal/helper"), `export const a = 1`],
  ["referenced", "a package that no tsconfig lists", "packages/cluster/src/index.ts", `export const a = 1`],
  ["referenced", "an app that no tsconfig lists", "apps/gateway/src/index.ts", `export const a = 1`]
]

/** Targets that the clean tree has no need of. */
const targets: Tree = {
  [heddle("Batcher")]: "export {}",
  [heddle("internal/readyRing")]: "export type R = string"
}

describe("arch", () => {
  it("passes a tree that keeps the plan", async () => {
    const report = await check({ ...clean, ...targets })
    assert.deepStrictEqual(report.violations, [])
    assert.isAbove(report.modules, 10)
    assert.isAbove(report.imports, 10)
  })

  for (const [rule, title, module, text] of violations) {
    it(`${rule}: ${title}`, async () => {
      const report = await check({ ...clean, ...targets, [module]: text })
      const found = report.violations.filter((violation) => violation.rule === rule)
      assert.isNotEmpty(found, JSON.stringify(report.violations))
      for (const violation of report.violations) {
        assert.strictEqual(violation.rule, rule, violation.message)
        assert.isTrue(module.startsWith(violation.module), violation.module)
      }
    })
  }

  it("cycle: modules of one package", async () => {
    const report = await check({
      ...clean,
      "apps/census/src/a.ts": `import type { B } from "./b.ts"\nexport type A = B`,
      "apps/census/src/b.ts": `import type { A } from "./a.ts"\nexport type B = A`
    })
    assert.deepStrictEqual(
      report.violations.map(({ rule }) => rule),
      ["cycle"]
    )
    assert.include(report.violations[0]?.message, "apps/census/src/b.ts")
  })

  it("examined: an empty tree, and one without an import", async () => {
    const configs = Object.fromEntries(
      Object.entries(clean).filter(([path]) => /^(tsconfig.*|package)\.json$/.test(path))
    )
    const empty = await check(configs)
    assert.deepStrictEqual(
      empty.violations.map(({ rule }) => rule),
      ["examined"]
    )
    const silent = await check({ ...configs, [heddle("Pipeline")]: "export const a = 1" })
    assert.deepStrictEqual(
      silent.violations.map(({ rule }) => rule),
      ["examined"]
    )
  })

  it("examined: a module that dependency-cruiser leaves out", async () => {
    const report = await check({ ...clean, "apps/census/src/node_modules/hidden.ts": "export {}" })
    assert.deepStrictEqual(
      report.violations.map(({ module, rule }) => [rule, module]),
      [["examined", "apps/census/src/node_modules/hidden.ts"]]
    )
  })

  it("has a violation here for every rule", () => {
    const shown = new Set([...violations.map(([rule]) => rule), "cycle", "examined"])
    assert.sameMembers([...shown], [...ruleNames])
  })
})
