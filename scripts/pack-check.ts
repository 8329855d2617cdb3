/**
 * Packs every public package as it would be published and uses it as a stranger would: publint and attw on the
 * tarball, then a new project for each package, where npm installs the tarball and the peers that it requires and
 * nothing else, the types of every public module are checked without `skipLibCheck`, and every module is loaded.
 */
import { execFileSync } from "node:child_process"
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, dirname, join } from "node:path"

import { integrations, pure } from "./arch/plan.ts"

type Versions = Readonly<Record<string, string>>

interface Manifest {
  readonly name: string
  readonly version: string
  readonly private?: boolean
  readonly dependencies?: Versions
  readonly optionalDependencies?: Versions
  readonly peerDependencies?: Versions
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>
  readonly devDependencies?: Versions
}

interface Packed {
  readonly directory: string
  readonly manifest: Manifest
  readonly tarball: string
}

const root = join(import.meta.dirname, "..")

const bin = (name: string): string => join(root, "node_modules/.bin", name)

const run = (file: string, args: ReadonlyArray<string>, cwd: string): void => {
  execFileSync(file, [...args], { cwd, stdio: "inherit" })
}

const read = (directory: string): Manifest => JSON.parse(readFileSync(join(directory, "package.json"), "utf8"))

/** The peers without which nothing works. An optional one belongs to a module of its own, which is not loaded here. */
const requiredPeers = (manifest: Manifest): ReadonlyArray<string> =>
  Object.keys(manifest.peerDependencies ?? {}).filter((name) => !manifest.peerDependenciesMeta?.[name]?.optional)

const pack = (directory: string, manifest: Manifest, scratch: string): Packed => {
  const destination = join(scratch, "packed", basename(directory))
  mkdirSync(destination, { recursive: true })
  run("pnpm", ["pack", "--pack-destination", destination], directory)
  const [tarball] = globSync("*.tgz", { cwd: destination })
  if (tarball === undefined) throw new Error(`${manifest.name}: nothing was packed`)
  return { directory, manifest, tarball: join(destination, tarball) }
}

/** The tarball, those of the packages of this workspace that it needs, and its peers in the versions we develop with. */
const specifiers = ({ directory, manifest, tarball }: Packed, all: ReadonlyArray<Packed>): ReadonlyArray<string> => {
  const needs = new Set([...Object.keys(manifest.dependencies ?? {}), ...requiredPeers(manifest)])
  const ours = all.filter((packed) => needs.has(packed.manifest.name))
  const peers = requiredPeers(manifest).filter((name) => ours.every((packed) => packed.manifest.name !== name))
  const version = (name: string): string => `${name}@${read(join(directory, "node_modules", name)).version}`
  return [
    tarball,
    ...ours.map((packed) => packed.tarball),
    ...peers.map(version),
    ...(manifest.devDependencies?.["@types/node"] === undefined ? [] : [version("@types/node")])
  ]
}

const checkManifest = (consumer: string, { directory, manifest: { name } }: Packed): void => {
  if (!pure.has(basename(directory))) return
  const installed = read(join(consumer, "node_modules", name))
  const dependencies = Object.keys({ ...installed.dependencies, ...installed.optionalDependencies })
  const peers = requiredPeers(installed)
  if (dependencies.length > 0 || peers.join() !== "effect") {
    throw new Error(
      `${name}: depends on [${dependencies.join()}], peers [${peers.join()}]; it may have effect as peer only`
    )
  }
}

const program = ({ directory, manifest: { name } }: Packed): string => {
  const modules = globSync("*.ts", { cwd: join(directory, "src") })
    .filter((file) => !integrations.has(`packages/${basename(directory)}/src/${file}`))
    .map((file) => basename(file, ".ts"))
  const specifiers = modules.map((module) => (module === "index" ? name : `${name}/${module}`)).toSorted()
  if (specifiers.length < 2) throw new Error(`${name}: has no module besides its index`)
  return [
    ...specifiers.map((specifier, index) => `import * as _${index} from "${specifier}"`),
    ...specifiers.flatMap((specifier, index) => [
      `if (Object.keys(_${index}).length === 0) throw new Error("${specifier} exports nothing")`,
      `console.log("${specifier}:", Object.keys(_${index}).join(" "))`
    ]),
    `const hidden: string = "${name}/internal/hidden"`,
    `const reason: unknown = await import(hidden).then(() => undefined, (error) => error.code)`,
    `if (reason !== "ERR_PACKAGE_PATH_NOT_EXPORTED") throw new Error(\`\${hidden}: \${reason}\`)`,
    ``
  ].join("\n")
}

const use = (packed: Packed, all: ReadonlyArray<Packed>, scratch: string): void => {
  const consumer = join(scratch, "consumers", basename(packed.directory))
  mkdirSync(consumer, { recursive: true })
  writeFileSync(join(consumer, "package.json"), JSON.stringify({ name: "consumer", private: true, type: "module" }))
  writeFileSync(join(consumer, "main.ts"), program(packed))
  run("npm", ["install", "--no-audit", "--no-fund", ...specifiers(packed, all)], consumer)
  checkManifest(consumer, packed)
  const types = packed.manifest.devDependencies?.["@types/node"] === undefined ? [] : ["node"]
  const compiler = { module: "nodenext", target: "es2023", strict: true, skipLibCheck: false, noEmit: true, types }
  writeFileSync(join(consumer, "tsconfig.json"), JSON.stringify({ compilerOptions: compiler, files: ["main.ts"] }))
  run(bin("tsc"), ["--project", "."], consumer)
  run(process.execPath, ["main.ts"], consumer)
}

const scratch = mkdtempSync(join(tmpdir(), "pack-check-"))
try {
  const all = globSync("packages/*/package.json", { cwd: root })
    .map((manifest) => join(root, dirname(manifest)))
    .filter((directory) => read(directory).private !== true)
    .map((directory) => pack(directory, read(directory), scratch))
  if (all.length === 0) throw new Error("there is no public package")
  for (const packed of all) {
    run(bin("publint"), ["run", packed.tarball, "--strict"], root)
    run(bin("attw"), [packed.tarball, "--profile", "esm-only", "--no-summary"], root)
    use(packed, all, scratch)
  }
} finally {
  rmSync(scratch, { force: true, recursive: true })
}
