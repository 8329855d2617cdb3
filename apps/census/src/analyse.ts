/**
 * From what was read to what is reported of a file. Pure.
 */
import * as Result from "effect/Result"

import { type FileKind, kindOf, magicBytes } from "./kind.ts"
import { type Manifest, maxManifestBytes, packageOf, parse } from "./manifest.ts"
import { join } from "./names.ts"
import type { Contents } from "./read.ts"

/** A file that is in the totals. */
export interface FileResult {
  readonly _tag: "File"
  /** Relative to the root of the census. */
  readonly path: Buffer
  readonly kind: FileKind
  readonly bytes: number
  readonly gzipBytes: number
  readonly lines: number
  /** 32 characters, one per byte of the hash. */
  readonly sha256: string
  readonly device: bigint
  readonly inode: bigint
  /** The directory of the package that the file belongs to: absolute, one character per byte. */
  readonly package: string | undefined
  /** Of the package.json of that package: what it says. */
  readonly manifest: Manifest | undefined
  /** What is odd about the file, though it is counted. */
  readonly note: string | undefined
}

const slash = 0x2f
const packageJson = Buffer.from("package.json")

const nameOf = (path: Buffer): Buffer => path.subarray(path.lastIndexOf(slash) + 1)

const isPackageJson = (path: Buffer): boolean => nameOf(path).equals(packageJson)

/** How many of the first bytes of a file `analyse` wants to see. */
export const wantedBytes = (path: Buffer): number => (isPackageJson(path) ? maxManifestBytes : magicBytes)

const parseWhole = ({ bytes, head }: Contents): Result.Result<Manifest, string> =>
  bytes > maxManifestBytes ? Result.fail("is longer than 1 MiB and was not looked into") : parse(head)

export const analyse = (root: Buffer, path: Buffer, contents: Contents): FileResult => {
  const { binary, bytes, device, gzipBytes, head, inode, newlines, sha256 } = contents
  const absolute = join(root, path).toString("latin1")
  const owner = packageOf(absolute)
  const parsed = isPackageJson(path) ? parseWhole(contents) : undefined
  const describesOwner = owner !== undefined && absolute.length === owner.length + 1 + packageJson.length
  return {
    _tag: "File",
    path,
    kind: kindOf(nameOf(path), binary, head),
    bytes,
    gzipBytes,
    lines: newlines,
    sha256,
    device,
    inode,
    package: owner,
    manifest: describesOwner && parsed !== undefined ? Result.getOrUndefined(parsed) : undefined,
    note: parsed === undefined ? undefined : Result.getOrUndefined(Result.flip(parsed))
  }
}
