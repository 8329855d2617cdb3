import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as net from "node:net"
import * as os from "node:os"
import * as path from "node:path"

/** Real files in temporary folders, removed when the scope closes. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** A new folder. Removed by `rm`, which copes with what tests make: paths that are too long, names that are not UTF-8. */
export const temporaryFolder: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "census-")))),
  (folder) => Effect.sync(() => execFileSync("rm", ["-rf", "--", folder]))
)

export type Tree = { readonly [name: string]: string | Buffer | Tree }

/** Writes files and folders. A name is one character per byte when it starts with `bytes:`. */
const writeTree = (folder: string | Buffer, tree: Tree): void => {
  for (const [name, content] of Object.entries(tree)) {
    const bytes = name.startsWith("bytes:") ? Buffer.from(name.slice(6), "latin1") : Buffer.from(name)
    const target = Buffer.concat([Buffer.from(folder), Buffer.from("/"), bytes])
    if (typeof content === "string" || Buffer.isBuffer(content)) fs.writeFileSync(target, content)
    else {
      fs.mkdirSync(target)
      writeTree(target, content)
    }
  }
}

/** A folder with these files. */
export const folderWith = (tree: Tree): Effect.Effect<string, never, Scope.Scope> =>
  Effect.tap(temporaryFolder, (folder) => Effect.sync(() => writeTree(folder, tree)))

/** What a shell command prints, as bytes. */
export const shell = (command: string, cwd: string): Buffer =>
  execFileSync("bash", ["-c", `set -euo pipefail; ${command}`], {
    cwd,
    env: { ...process.env, LC_ALL: "C" },
    maxBuffer: 1e9
  })

/** A socket that lives in a folder. */
export const socketAt = (file: string): Effect.Effect<void, never, Scope.Scope> =>
  Effect.asVoid(
    Effect.acquireRelease(
      Effect.callback<net.Server>((resume) => {
        const server = net.createServer()
        server.listen(file, () => resume(Effect.succeed(server)))
      }),
      (server) =>
        Effect.callback<void>((resume) => {
          server.close(() => resume(Effect.void))
        })
    )
  )

/** Bytes that do not compress and are the same in every run. */
export const noise = (length: number, seed = 1): Buffer => {
  const bytes = Buffer.allocUnsafe(length)
  let state = seed >>> 0 || 1
  for (let index = 0; index < length; index++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes[index] = state
  }
  return bytes
}
