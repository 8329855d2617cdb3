/**
 * How names appear in a report and on a terminal. A name in a file system is bytes; nothing says that they are UTF-8, nor
 * that they are harmless to print. Pure.
 */
import { isUtf8 } from "node:buffer"

// Control characters, line separators, and those that reorder the text around them.
const unprintable = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\\]/gu

const byte = (value: number): string => `\\x${value.toString(16).padStart(2, "0")}`

const escapes: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" }

/**
 * Text without control characters: each is written as an escape. The backslash is doubled, so that no two texts look the
 * same.
 */
export const printable = (text: string): string =>
  text.replace(unprintable, (char) => escapes[char] ?? Array.from(Buffer.from(char), byte).join(""))

/** The length of the UTF-8 sequence that starts at `index`; 0 if none does. */
const sequenceLength = (bytes: Buffer, index: number): number => {
  const first = bytes[index]!
  const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
  return isUtf8(bytes.subarray(index, index + length)) ? length : 0
}

/** A name as text: UTF-8 as it is, every other byte as `\xNN`, and `printable`. Different names give different texts. */
export const display = (name: Buffer): string => {
  if (isUtf8(name)) return printable(name.toString())
  let text = ""
  for (let index = 0; index < name.length;) {
    const length = sequenceLength(name, index)
    text += length === 0 ? byte(name[index]!) : printable(name.toString("utf8", index, index + length))
    index += Math.max(1, length)
  }
  return text
}

const slash = 0x2f

/** The path of `name` in `directory`. The empty path is where paths are relative to. */
export const join = (directory: Buffer, name: Buffer): Buffer => {
  if (directory.length === 0) return name
  if (name.length === 0) return directory
  const separator = directory.at(-1) === slash ? 0 : 1
  const path = Buffer.allocUnsafe(directory.length + separator + name.length)
  directory.copy(path)
  if (separator === 1) path[directory.length] = slash
  name.copy(path, directory.length + separator)
  return path
}

/** Whether `path` is `directory` or lies below it. Both are absolute and free of symlinks. */
export const contains = (directory: Buffer, path: Buffer): boolean =>
  path.subarray(0, directory.length).equals(directory) &&
  (path.length === directory.length || directory.at(-1) === slash || path[directory.length] === slash)
