import { globSync } from "node:fs"
import { basename, dirname, join } from "node:path"

import { configDefaults, defineConfig } from "vitest/config"

import { extract } from "./scripts/doctest.ts"

extract(import.meta.dirname)

// counted over the packages' own tests but for the explorations, which take three times as long where lines are counted
const coverage = process.argv.includes("--coverage")
const explorations = [
  "test/**/*.{differential,explore,interruption,linearizable,model}.test.ts",
  "test/{gallery,known}/**"
]

// every package and app is a project of its own, whether it has tests yet or not
const workspaces = globSync(coverage ? "packages/*/package.json" : "{packages,apps}/*/package.json", {
  cwd: import.meta.dirname
})
  .map(dirname)
  .toSorted()

const { reporters } = configDefaults
// set by continuous integration, which has to read the result
const report = process.env["TEST_REPORT"]

export default defineConfig({
  test: {
    projects: [
      ...workspaces.map((root) => ({
        extends: true as const,
        root,
        test: {
          name: basename(root),
          include: ["test/**/*.test.ts"],
          exclude: [...configDefaults.exclude, ...(coverage ? explorations : [])]
        }
      })),
      { extends: true, test: { name: "scripts", include: coverage ? [] : ["scripts/test/**/*.test.ts"] } },
      {
        extends: true,
        // examples keep nothing for one another, so that they need no worker each
        test: { name: "doctest", isolate: false, include: ["{packages,apps}/*/build/doctest/**/*.test.ts"] }
      },
      {
        extends: true,
        test: {
          name: "types",
          include: [],
          typecheck: {
            enabled: !coverage,
            only: true,
            include: ["packages/*/test/**/*.test-d.ts"],
            tsconfig: "tsconfig.types.json"
          }
        }
      }
    ],
    reporters: report === undefined ? reporters : [...reporters, ["json", { outputFile: report }]],
    sequence: { concurrent: true },
    // the programs that tests start compile what they import once for all of them
    env: { NODE_COMPILE_CACHE: join(import.meta.dirname, "node_modules/.cache/compile") },
    // by default one core would be left for watching
    maxWorkers: "100%",
    // only against a hang: tests of a file run at once, and a sweep that takes a second counts against all of them
    testTimeout: 60_000,
    coverage: {
      enabled: coverage,
      provider: "v8",
      include: ["packages/*/src/**/*.ts"],
      reporter: ["text-summary", "json-summary"],
      thresholds: { lines: 90 }
    }
  }
})
