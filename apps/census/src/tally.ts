/**
 * Where the stages come together: the state that results are added to one by one, in any order, and the report that can be
 * made of it at any time. Pure but for being mutable: an interrupted census reports what it has, and a fold that copied its
 * state 100,000 times would cost more than reading the files.
 */
import * as Order from "effect/Order"

import type { FileResult } from "./analyse.ts"
import type { FileKind } from "./kind.ts"
import { type Manifest, nameOfPackage } from "./manifest.ts"
import { display } from "./names.ts"
import type { Identical, Kind, Licence, Line, Package, Report, Versions } from "./report.ts"
import type { Skipped } from "./walk.ts"

/** What the fold takes in. */
export type Counted = FileResult | { readonly _tag: "Directory" } | { readonly _tag: "Symlink" }

interface Sum {
  files: number
  bytes: number
  gzipBytes: number
  lines: number
}

/** Files with the same contents. There is one of these per file in most censuses, so it is small. */
interface Content {
  readonly bytes: number
  path: string
  files: number
  readonly device: bigint
  readonly inode: bigint
  /** The inodes beyond the first, once there is one. */
  others: Set<string> | undefined
}

interface PackageState extends Sum {
  manifest: Manifest | undefined
}

const zero = (): Sum => ({ files: 0, bytes: 0, gzipBytes: 0, lines: 0 })

const add = (sum: Sum, { bytes, gzipBytes, lines }: FileResult): void => {
  sum.files++
  sum.bytes += bytes
  sum.gzipBytes += gzipBytes
  sum.lines += lines
}

const getOrInsert = <K, V>(map: Map<K, V>, key: K, make: () => V): V => {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}

export class Tally {
  private readonly totals = zero()
  private readonly outside = zero()
  /** The root is one. */
  private directories = 1
  private symlinks = 0
  private readonly kinds = new Map<FileKind, Sum>()
  /** By directory. */
  private readonly packages = new Map<string, PackageState>()
  /** By hash. */
  private readonly contents = new Map<string, Content>()
  private readonly skipped: Array<Line> = []
  private readonly notes: Array<Line> = []

  get files(): number {
    return this.totals.files
  }

  add(counted: Counted): void {
    if (counted._tag === "Directory") this.directories++
    else if (counted._tag === "Symlink") this.symlinks++
    else this.addFile(counted)
  }

  skip({ path, reason }: Skipped): void {
    this.skipped.push({ path: display(path), reason })
  }

  private addFile(file: FileResult): void {
    add(this.totals, file)
    add(getOrInsert(this.kinds, file.kind, zero), file)
    this.addToPackage(file)
    this.addContent(file)
    if (file.note !== undefined) this.notes.push({ path: display(file.path), reason: file.note })
  }

  private addToPackage(file: FileResult): void {
    if (file.package === undefined) return add(this.outside, file)
    const state = getOrInsert(this.packages, file.package, () => ({ ...zero(), manifest: undefined }))
    add(state, file)
    state.manifest ??= file.manifest
  }

  private addContent({ bytes, device, inode, path, sha256 }: FileResult): void {
    const name = display(path)
    const known = this.contents.get(sha256)
    if (known === undefined) {
      this.contents.set(sha256, { bytes, path: name, files: 1, device, inode, others: undefined })
      return
    }
    known.files++
    if (name < known.path) known.path = name
    if (inode !== known.inode || device !== known.device) (known.others ??= new Set()).add(`${device}:${inode}`)
  }

  /** `top` cuts the lists that can be long, other than those that nothing may be left out of. */
  report(options: {
    readonly root: string
    readonly partial: boolean
    readonly seconds: number
    readonly bytesRead: number
    readonly top: number
  }): Report {
    const { bytesRead, partial, root, seconds, top } = options
    const cut = <A>(rows: ReadonlyArray<A>) => ({ total: rows.length, rows: rows.slice(0, top) })
    const { bytes, files, gzipBytes, lines } = this.totals
    return {
      root,
      partial,
      seconds,
      bytesRead,
      totals: { files, directories: this.directories, bytes, gzipBytes, lines },
      kinds: Array.from(this.kinds, ([kind, sum]) => ({ kind, ...sum })).toSorted(kindOrder),
      packages: cut(this.largestPackages()),
      outside: { files: this.outside.files, bytes: this.outside.bytes, gzipBytes: this.outside.gzipBytes },
      severalVersions: cut(this.severalVersions()),
      identical: this.identical(top),
      licences: cut(this.licences()),
      symlinks: this.symlinks,
      skipped: this.skipped.toSorted(lineOrder),
      notes: this.notes.toSorted(lineOrder)
    }
  }

  private largestPackages(): ReadonlyArray<Package> {
    return Array.from(this.packages, ([directory, { bytes, files, gzipBytes, manifest }]) => ({
      name: manifest?.name ?? nameOfPackage(directory),
      ...(manifest?.version === undefined ? {} : { version: manifest.version }),
      directory: display(Buffer.from(directory, "latin1")),
      files,
      bytes,
      gzipBytes
    })).toSorted(packageOrder)
  }

  private severalVersions(): ReadonlyArray<Versions> {
    const versions = new Map<string, Set<string>>()
    for (const [directory, { manifest }] of this.packages) {
      if (manifest?.version === undefined) continue
      getOrInsert(versions, manifest.name ?? nameOfPackage(directory), () => new Set<string>()).add(manifest.version)
    }
    return Array.from(versions, ([name, set]) => ({ name, versions: Array.from(set).toSorted(versionOrder) }))
      .filter(({ versions }) => versions.length > 1)
      .toSorted(versionsOrder)
  }

  private identical(top: number): Report["identical"] {
    const rows: Array<Identical> = []
    let files = 0
    let wastedBytes = 0
    let sparedBytes = 0
    for (const content of this.contents.values()) {
      if (content.files === 1) continue
      const copies = content.others?.size ?? 0
      const wasted = content.bytes * copies
      files += content.files
      wastedBytes += wasted
      sparedBytes += content.bytes * (content.files - 1 - copies)
      rows.push({ path: content.path, files: content.files, bytes: content.bytes, wastedBytes: wasted })
    }
    return { files, contents: rows.length, wastedBytes, sparedBytes, rows: rows.toSorted(identicalOrder).slice(0, top) }
  }

  private licences(): ReadonlyArray<Licence> {
    const counts = new Map<string, number>()
    for (const { manifest } of this.packages.values()) {
      const licence = manifest?.licence ?? "none stated"
      counts.set(licence, (counts.get(licence) ?? 0) + 1)
    }
    return Array.from(counts, ([licence, packages]) => ({ licence, packages })).toSorted(licenceOrder)
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// orders: total, so that a report does not depend on the order in which results came

const byNumbers = new Intl.Collator("en", { numeric: true })
const versionOrder = (a: string, b: string): number => byNumbers.compare(a, b) || Order.String(a, b)

const descending = <A>(f: (row: A) => number): Order.Order<A> => Order.mapInput(Order.flip(Order.Number), f)
const ascending = <A>(f: (row: A) => string): Order.Order<A> => Order.mapInput(Order.String, f)

const kindOrder = Order.combine(
  descending((row: Kind) => row.bytes),
  ascending((row: Kind) => row.kind)
)
const packageOrder = Order.combine(
  descending((row: Package) => row.bytes),
  ascending((row: Package) => row.directory)
)
const versionsOrder = Order.combine(
  descending((row: Versions) => row.versions.length),
  ascending((row: Versions) => row.name)
)
const identicalOrder = Order.combineAll([
  descending((row: Identical) => row.wastedBytes),
  descending((row: Identical) => row.files),
  ascending((row: Identical) => row.path)
])
const licenceOrder = Order.combine(
  descending((row: Licence) => row.packages),
  ascending((row: Licence) => row.licence)
)
const lineOrder = Order.combine(
  ascending((row: Line) => row.path),
  ascending((row: Line) => row.reason)
)
