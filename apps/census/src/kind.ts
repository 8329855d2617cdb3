/**
 * What kind of file it is, by its name and its first bytes. Pure.
 */

/** In the order of the alphabet of `extensions`, then those that have none. */
const extensions = {
  javascript: ["js", "mjs", "cjs", "jsx"],
  typescript: ["ts", "mts", "cts", "tsx"],
  "type declarations": [],
  "source maps": ["map"],
  json: ["json", "json5", "jsonc", "jsonl"],
  markdown: ["md", "mdx", "markdown"],
  "html and css": ["html", "htm", "css", "scss", "sass", "less"],
  "yaml and toml": ["yml", "yaml", "toml"],
  "other text": [],
  images: ["png", "jpg", "jpeg", "gif", "webp", "ico", "bmp", "svg"],
  fonts: ["woff", "woff2", "ttf", "otf", "eot"],
  wasm: ["wasm"],
  "native binaries": ["node", "so", "dll", "dylib", "exe", "a", "o", "lib"],
  archives: ["gz", "tgz", "zip", "xz", "bz2", "br", "zst", "tar"],
  "other binary": []
} as const satisfies Record<string, ReadonlyArray<string>>

export type FileKind = keyof typeof extensions

export const fileKinds = Object.keys(extensions) as ReadonlyArray<FileKind>

const byExtension: ReadonlyMap<string, FileKind> = new Map(
  fileKinds.flatMap((kind) => extensions[kind].map((extension) => [extension, kind]))
)

const declarations = /\.d\.[cm]?ts$/

// ELF, Mach-O in both orders of bytes and both widths, Portable Executable.
const nativeMagic = /^(?:\x7FELF|\xFE\xED\xFA[\xCE\xCF]|[\xCE\xCF]\xFA\xED\xFE|MZ)/

/** How many of the first bytes `kindOf` looks at. */
export const magicBytes = 4

// A text has no NUL, these always have one. Fonts and images may be either (SVG).
const alwaysBinary: ReadonlySet<FileKind> = new Set<FileKind>(["wasm", "native binaries", "archives"])
const eitherWay: ReadonlySet<FileKind> = new Set<FileKind>(["images", "fonts"])

const kindOfName = (name: string): FileKind | undefined => {
  if (declarations.test(name)) return "type declarations"
  const dot = name.lastIndexOf(".")
  return dot <= 0 ? undefined : byExtension.get(name.slice(dot + 1))
}

/** `name` is the last part of the path, `head` the first bytes. An extension that the contents belie does not count. */
export const kindOf = (name: Buffer, binary: boolean, head: Buffer): FileKind => {
  const kind = kindOfName(name.toString("latin1").toLowerCase())
  if (kind !== undefined && (eitherWay.has(kind) || alwaysBinary.has(kind) === binary)) return kind
  if (!binary) return "other text"
  return nativeMagic.test(head.toString("latin1", 0, magicBytes)) ? "native binaries" : "other binary"
}
