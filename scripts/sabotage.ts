/**
 * `pnpm sabotage [words]`: breaks the code on purpose, one line at a time, and shows that the explorer notices.
 *
 * A sabotage is a patch in `packages/<package>/test/sabotage/<Module>/`, against the package's folder. Each is applied
 * to a copy of the package below its `build`, where `<Module>.linearizable.test.ts` runs: the quickest of the module's
 * tests under the explorer. It fails when one of them is not caught, by a failure with a schedule that can be replayed.
 */
import { execFileSync } from "node:child_process"
import { cpSync, globSync, rmSync } from "node:fs"
import { basename, dirname, join, relative } from "node:path"

const root = join(import.meta.dirname, "..")
const words = process.argv.slice(2)

const sabotages = globSync("packages/*/test/sabotage/*/*.patch", { cwd: root })
  .filter((patch) => words.length === 0 || words.some((word) => patch.includes(word)))
  .toSorted()
  .map((patch) => {
    const module = basename(dirname(patch))
    const home = patch.split("/").slice(0, 2).join("/")
    const copy = join(home, "build/sabotage", basename(patch, ".patch"))
    return { patch, module, home, copy }
  })

const prepare = ({ copy, home, patch }: (typeof sabotages)[number]): void => {
  rmSync(join(root, copy), { force: true, recursive: true })
  for (const folder of ["src", "test"]) cpSync(join(root, home, folder), join(root, copy, folder), { recursive: true })
  execFileSync("git", ["apply", `--directory=${copy}`, patch], { cwd: root, stdio: "inherit" })
}

const run = async (): Promise<boolean> => {
  const { createVitest } = await import("vitest/node")
  const vitest = await createVitest("test", {
    root,
    config: false,
    watch: false,
    reporters: [{}],
    coverage: { enabled: false },
    // each has a copy of the code to itself, and shares what is not broken
    isolate: false,
    // their own budgets
    env: { EXPLORE_RUNS: "", EXPLORE_MILLIS: "", EXPLORE_SEED: "", EXPLORE_REPLAY: "", EXPLORE_SHARD: "" },
    testTimeout: 60_000,
    include: sabotages.map(({ copy, module }) => `${copy}/test/${module}.linearizable.test.ts`)
  })
  try {
    // what else goes wrong in broken code is no matter
    const { testModules } = await vitest.start()
    let good = true
    for (const { copy, patch } of sabotages) {
      const own = testModules.filter(({ moduleId }) => relative(root, moduleId).startsWith(`${copy}/`))
      const caught = own
        .flatMap((module) => Array.from(module.children.allTests("failed")))
        .map((test) => ({ name: test.fullName, message: test.result().errors?.[0]?.message ?? "" }))
        .find(({ message }) => message.includes("replay: "))
      good &&= caught !== undefined
      const verdict =
        caught === undefined ? "NOT CAUGHT" : `caught by "${caught.name}": ${caught.message.split("\n")[0]}`
      process.stdout.write(`${patch}\n  ${verdict}\n`)
    }
    return good
  } finally {
    await vitest.close()
  }
}

try {
  for (const sabotage of sabotages) prepare(sabotage)
  if (sabotages.length === 0) process.stderr.write("no patch in packages/*/test/sabotage has such a path\n")
  const caught = sabotages.length > 0 && (await run())
  // Vitest has set it, for the tests that failed
  process.exitCode = caught ? 0 : 1
} finally {
  for (const { copy } of sabotages) rmSync(join(root, copy), { force: true, recursive: true })
}
