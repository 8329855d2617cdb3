/** `pnpm sabotage`: every line that is broken on purpose is noticed by the explorer. */
import { spawnSync } from "node:child_process"
import { globSync } from "node:fs"
import { join } from "node:path"

import { assert, describe, it } from "vitest"

const root = join(import.meta.dirname, "../..")

const sabotage = (...words: ReadonlyArray<string>) => {
  const { status, stdout } = spawnSync(process.execPath, [join(root, "scripts/sabotage.ts"), ...words], {
    cwd: root,
    encoding: "utf8"
  })
  return { status, stdout }
}

// one at a time: each waits for a process
describe("pnpm sabotage", { concurrent: false }, () => {
  it("the semaphores are broken in twelve ways, and each is caught", () => {
    const modules = ["WeightedSemaphore", "Bulkhead", "KeyedSemaphore"]
    const { status, stdout } = sabotage(...modules.map((module) => `/${module}/`))
    const patches = globSync(`packages/heddle/test/sabotage/{${modules.join(",")}}/*.patch`, { cwd: root })
    assert.isAtLeast(patches.length, 12)
    assert.lengthOf(stdout.match(/^ {2}caught by /gm) ?? [], patches.length, stdout)
    assert.strictEqual(status, 0)
  })

  it("says so where there is nothing to break", () => {
    assert.strictEqual(sabotage("no such patch").status, 1)
  })
})
