import { globSync, readFileSync } from "node:fs"
import { isBuiltin } from "node:module"
import { dirname, join } from "node:path"

import { cruise } from "dependency-cruiser"

import { checkImport, checkModule, type Violation } from "./rules.ts"

export interface Report {
  readonly modules: number
  readonly imports: number
  readonly violations: ReadonlyArray<Violation>
}

const areas = "{packages,apps}/*/{src,test,bench}"

const examine = async (root: string, directories: ReadonlyArray<string>) => {
  // dependency-cruiser takes "no directory" for "this one"
  if (directories.length === 0) return []
  const { output } = await cruise([...directories], {
    baseDir: root,
    doNotFollow: { path: "(^|/)node_modules/" },
    enhancedResolveOptions: { conditionNames: ["import", "node", "default", "types"], exportsFields: ["exports"] },
    // cycles are only looked for when a rule asks
    ruleSet: { forbidden: [{ name: "cycle", severity: "error", from: {}, to: { circular: true } }] },
    // type-only imports are imports
    tsPreCompilationDeps: true
  })
  if (typeof output === "string") throw new Error(`dependency-cruiser answered with text: ${output}`)
  return output.modules
}

type Modules = Awaited<ReturnType<typeof examine>>

const cycles = (modules: Modules): ReadonlyArray<Violation> => {
  const seen = new Map<string, Violation>()
  for (const { dependencies, source } of modules) {
    for (const { circular, cycle } of dependencies) {
      if (!circular || cycle === undefined) continue
      const path = cycle.map(({ name }) => name)
      const key = path.toSorted().join(" ")
      if (seen.has(key)) continue
      seen.set(key, { rule: "cycle", module: source, message: `imports itself through ${path.join(" -> ")}` })
    }
  }
  return [...seen.values()]
}

/**
 * dependency-cruiser without a TypeScript that it can use examines nothing and reports success, so what it has
 * seen is compared with what is there.
 */
const unseen = (present: ReadonlyArray<string>, modules: Modules): ReadonlyArray<Violation> => {
  if (present.length === 0) return [{ rule: "examined", module: areas, message: "there is no module to examine" }]
  const seen = new Set(modules.map(({ source }) => source))
  const missed = present.filter((module) => !seen.has(module))
  if (missed.length > 0) return missed.map((module) => ({ rule: "examined", module, message: "was not examined" }))
  return modules.some(({ dependencies }) => dependencies.length > 0)
    ? []
    : [{ rule: "examined", module: areas, message: `${present.length} modules were read and no import was found` }]
}

const lists: ReadonlyArray<readonly [config: string, lists: RegExp]> = [
  ["tsconfig.packages.json", /^packages\//],
  ["tsconfig.json", /^apps\//],
  ["tsconfig.tests.json", /^(packages|apps)\//]
]

/** `tsc -b` checks what is referenced and is silent on the rest. */
const unreferenced = (root: string): ReadonlyArray<Violation> => {
  const directories = globSync("{packages,apps}/*/src", { cwd: root }).map(dirname)
  return lists.flatMap(([config, lists]) => {
    const text = readFileSync(join(root, config), "utf8")
    const references = new Set(Array.from(text.matchAll(/"path":\s*"([^"]+)"/g), ([, path]) => path))
    return directories
      .filter((directory) => lists.test(directory) && !references.has(directory))
      .map((module) => ({ rule: "referenced", module, message: `is not among the references of ${config}` }))
  })
}

export const inspect = async (root: string): Promise<Report> => {
  const modules = await examine(root, globSync(areas, { cwd: root }))
  const present = globSync(`${areas}/**/*.{ts,tsx,mts,cts,js,mjs,cjs}`, { cwd: root })
  const imports = modules.flatMap(({ dependencies, source }) =>
    dependencies.map(({ couldNotResolve, module, resolved }) => {
      // newer builtins (node:sqlite) are unknown to dependency-cruiser
      const builtin = isBuiltin(module)
      return { builtin, from: source, specifier: module, to: resolved, unresolved: couldNotResolve && !builtin }
    })
  )
  return {
    modules: present.length,
    imports: imports.length,
    violations: [
      ...unseen(present, modules),
      ...present.flatMap(checkModule),
      ...imports.flatMap(checkImport),
      ...cycles(modules),
      ...unreferenced(root)
    ]
  }
}
