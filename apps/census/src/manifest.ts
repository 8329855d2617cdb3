import { isUtf8 } from "node:buffer"

/**
 * What a package.json says, and which package a path belongs to. Pure.
 */
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

import { display, printable } from "./names.ts"

export interface Manifest {
  readonly name: string | undefined
  readonly version: string | undefined
  readonly licence: string | undefined
}

/** A longer package.json is not looked into. */
export const maxManifestBytes = 1024 * 1024

const Named = Schema.Struct({
  name: Schema.optional(Schema.String),
  version: Schema.optional(Schema.String)
})

const Typed = Schema.Union([Schema.String, Schema.Struct({ type: Schema.String })])

/** `license` as npm wants it, and `license` and `licenses` as old packages have them. */
const Licensed = Schema.Struct({
  license: Schema.optional(Schema.Union([Typed, Schema.Array(Typed)])),
  licenses: Schema.optional(Schema.Union([Typed, Schema.Array(Typed)]))
})

const decodeJson = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Unknown))
const decodeNamed = Schema.decodeUnknownOption(Named)
const decodeLicensed = Schema.decodeUnknownOption(Licensed)

// What a package says about itself ends up in the report: without control characters, and not at any length.
const short = (text: string | undefined): string | undefined => {
  const trimmed = text?.trim()
  if (trimmed === undefined || trimmed === "") return undefined
  return printable(trimmed.length > 100 ? `${trimmed.slice(0, 99)}…` : trimmed)
}

const typeOf = (licence: typeof Typed.Type): string => (Predicate.isString(licence) ? licence : licence.type)

const licenceOf = (json: unknown): string | undefined => {
  const { license, licenses } = Option.getOrElse(decodeLicensed(json), (): typeof Licensed.Type => ({}))
  const stated = license ?? licenses ?? []
  const list: ReadonlyArray<typeof Typed.Type> = Array.isArray(stated) ? stated : [stated]
  return short(list.map(typeOf).join(" OR "))
}

/** The manifest, or why there is none. */
export const parse = (text: Buffer): Result.Result<Manifest, string> => {
  if (!isUtf8(text)) return Result.fail("is not UTF-8")
  const json = decodeJson(text.toString().replace(/^\uFEFF/, ""))
  if (Option.isNone(json)) return Result.fail("is not JSON")
  if (!Predicate.isObject(json.value)) return Result.fail("is not a JSON object")
  const named = decodeNamed(json.value)
  if (Option.isNone(named)) return Result.fail("has a name or a version that is not a string")
  const { name, version } = named.value
  return Result.succeed({ name: short(name), version: short(version), licence: licenceOf(json.value) })
}

const modules = "/node_modules/"

/**
 * The directory of the package that a file belongs to: the innermost `node_modules/name` or `node_modules/@scope/name`
 * above it. Paths are absolute, one character per byte. Names with a dot in front (`.bin`, `.pnpm`) are no packages.
 */
export const packageOf = (path: string): string | undefined => {
  for (let at = path.lastIndexOf(modules); at !== -1; at = at === 0 ? -1 : path.lastIndexOf(modules, at - 1)) {
    const start = at + modules.length
    const first = path.indexOf("/", start)
    const end = path[start] === "@" && first !== -1 ? path.indexOf("/", first + 1) : first
    if (end > start && path[start] !== ".") return path.slice(0, end)
  }
  return undefined
}

/** The name that a package has by its place. */
export const nameOfPackage = (directory: string): string =>
  display(Buffer.from(directory.slice(directory.lastIndexOf(modules) + modules.length), "latin1"))
