import { adapterArrows, arrows, floors, integrations, onlyFor, pure, testOnly } from "./plan.ts"

export interface Violation {
  readonly rule: string
  readonly module: string
  readonly message: string
}

/** One import. `to` is a path from the root of the repository, or the specifier where there is no such path. */
export interface Import {
  readonly from: string
  readonly to: string
  readonly specifier: string
  readonly builtin: boolean
  readonly unresolved: boolean
}

interface Place {
  readonly kind: "packages" | "apps"
  readonly name: string
  /** `src`, `test`, `bench`… */
  readonly area: string
  /** The path below the area, without its extension. */
  readonly module: string
}

interface Edge extends Import {
  readonly source: Place
  /** Undefined outside the packages and apps of this repository. */
  readonly target: Place | undefined
}

const place = (path: string): Place | undefined => {
  const match = /^(packages|apps)\/([^/]+)\/([^/]+)\/(.+)\.[a-z]+$/.exec(path)
  if (match === null || match[3] === "node_modules") return undefined
  return {
    kind: match[1] === "apps" ? "apps" : "packages",
    name: match[2]!,
    area: match[3]!,
    module: match[4]!
  }
}

const sameOwner = (a: Place, b: Place): boolean => a.kind === b.kind && a.name === b.name

/** The npm package that a specifier names; undefined for relative ones. */
const npmName = (specifier: string): string | undefined => /^(@[^/]+\/[^/]+|[^./#@][^/]*)/.exec(specifier)?.[1]

const inHeddle = (place: Place | undefined): boolean =>
  place?.kind === "packages" && place.name === "heddle" && place.area === "src"

const floorOf = (module: string): number => floors.findIndex((floor) => floor.includes(module))

const effectPrivate = ({ specifier, to }: Edge): string | undefined =>
  /^(effect|@effect\/[^/]+)\/(.+\/)?internal\//.test(specifier) ||
  /node_modules\/(effect|@effect\/[^/]+)\/(dist|src)\/(.+\/)?internal\//.test(to)
    ? "is a private part of Effect; use its public modules"
    : undefined

const isIntegration = ({ from, specifier }: Edge): boolean =>
  integrations.get(from)?.has(npmName(specifier) ?? "") ?? false

const effectBarrel = (edge: Edge): string | undefined => (isIntegration(edge) ? undefined : barrelOfEffect(edge))

const barrelOfEffect = ({ source, to }: Edge): string | undefined =>
  source.kind === "packages" &&
  source.area === "src" &&
  /node_modules\/(effect|@effect\/[^/]+)\/(dist|src)\/(.+\/)?index\.[jt]s$/.test(to)
    ? "is a barrel of Effect, and every module in it would be loaded; import the single module (effect/Effect)"
    : undefined

const foreignInternal = ({ source, specifier, target }: Edge): string | undefined => {
  const byPath = target !== undefined && !sameOwner(source, target) && target.module.startsWith("internal/")
  const byName = /^(@heddle\/)?([^/]+)\/internal\//.exec(specifier)
  const known = byName !== null && (byName[1] !== undefined || byName[2] === "heddle")
  return byPath || (known && byName[2] !== source.name) ? "is internal to another package" : undefined
}

const unresolved = (edge: Edge): string | undefined => (edge.unresolved ? "resolves to no file" : undefined)

const byName = ({ source, specifier, target }: Edge): string | undefined =>
  target !== undefined && specifier.startsWith(".") && !sameOwner(source, target)
    ? "is a relative path into another package; import it by the package's name"
    : undefined

const arrow = ({ source, target }: Edge): string | undefined => {
  if (target === undefined || sameOwner(source, target)) return undefined
  if (target.kind === "apps") return `is part of apps/${target.name}, which nothing else may import`
  if (source.kind === "apps") return undefined
  if (!(arrows.get(source.name) ?? adapterArrows).has(target.name)) {
    return `is part of packages/${target.name}; there is no arrow from ${source.name} to it (scripts/arch/plan.ts)`
  }
  return target.name === testOnly && source.area !== "test"
    ? `is part of packages/${testOnly}, which only tests may import`
    : undefined
}

const purity = (edge: Edge): string | undefined => {
  const { builtin, source, specifier, target } = edge
  if (isIntegration(edge)) return undefined
  if (source.kind !== "packages" || source.area !== "src" || !pure.has(source.name)) return undefined
  if (builtin) return `is a builtin of Node.js, and ${source.name} runs everywhere`
  const name = target === undefined ? npmName(specifier) : undefined
  return name !== undefined && name !== "effect" ? `is a dependency, and ${source.name} has none but effect` : undefined
}

const downwards = ({ source, target }: Edge): string | undefined => {
  if (target === undefined || !inHeddle(source) || !inHeddle(target) || source.module === "index") return undefined
  if (target.module === "index") return "is the index, which is for users; import the module itself"
  const owner = onlyFor.get(target.module)
  if (owner !== undefined && source.module !== owner) return `is the inside of ${owner}; only ${owner} may import it`
  const above = floorOf(source.module)
  const below = floorOf(target.module)
  // an unplaced module is reported once, by itself, not at each of its imports
  if (above < 0 || below < 0 || below < above) return undefined
  return `is on floor ${below}; from floor ${above} imports go downwards only, never sideways (scripts/arch/plan.ts)`
}

/** The first rule that an import breaks names it, so an import is reported once: the sharper rules come first. */
const importRules: ReadonlyArray<readonly [string, (edge: Edge) => string | undefined]> = [
  ["effect-private", effectPrivate],
  ["effect-barrel", effectBarrel],
  ["foreign-internal", foreignInternal],
  ["purity", purity],
  ["unresolved", unresolved],
  ["arrow", arrow],
  ["by-name", byName],
  ["downwards", downwards]
]

export const checkImport = (imported: Import): ReadonlyArray<Violation> => {
  const source = place(imported.from)
  if (source === undefined) return []
  const edge: Edge = { ...imported, source, target: place(imported.to) }
  for (const [rule, broken] of importRules) {
    const message = broken(edge)
    if (message !== undefined) return [{ rule, module: imported.from, message: `"${imported.specifier}" ${message}` }]
  }
  return []
}

export const checkModule = (path: string): ReadonlyArray<Violation> => {
  const module = place(path)
  if (module === undefined || !inHeddle(module) || module.module === "index" || floorOf(module.module) >= 0) return []
  const message = `${module.module} stands on no floor; add it to \`floors\` in scripts/arch/plan.ts`
  return [{ rule: "placed", module: path, message }]
}

/** Every rule that `pnpm arch` knows: one a single import, the rest a module, the graph or the tree. */
export const ruleNames: ReadonlyArray<string> = [
  ...importRules.map(([rule]) => rule),
  "placed",
  "cycle",
  "examined",
  "referenced"
]
