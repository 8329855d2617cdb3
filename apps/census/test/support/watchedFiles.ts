import { basename } from "node:path"

/** The real file system, with a test that watches every call and may act between two of them. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

import { type FileError, Files, type FilesService } from "../../src/files.ts"

export type Call = keyof FilesService

/** `name` is the last part of the path, one character per byte. */
export type Watch = (call: Call, name: string) => void

/** `before` runs before a call, `after` when it has succeeded. What they do is done before anything else happens. */
export const watchedFiles = (watch: { readonly before?: Watch; readonly after?: Watch }): Layer.Layer<Files> => {
  const { after = () => {}, before = () => {} } = watch
  const around = <A>(call: Call, path: Buffer, effect: Effect.Effect<A, FileError>) =>
    Effect.suspend(() => {
      const name = basename(path.toString("latin1"))
      before(call, name)
      return Effect.map(effect, (result) => {
        after(call, name)
        return result
      })
    })
  const paths = new WeakMap<object, Buffer>()
  const pathOf = (handle: object): Buffer => paths.get(handle) ?? Buffer.from("?")
  const keep =
    (path: Buffer) =>
    <H extends object>(handle: H): H => {
      paths.set(handle, path)
      return handle
    }
  const wrap = (files: FilesService): FilesService => ({
    stat: (path) => around("stat", path, files.stat(path)),
    realPath: (path) => around("realPath", path, files.realPath(path)),
    openDirectory: (path) => around("openDirectory", path, Effect.map(files.openDirectory(path), keep(path))),
    readDirectory: (handle) => around("readDirectory", pathOf(handle), files.readDirectory(handle)),
    closeDirectory: (handle) => Effect.orDie(around("closeDirectory", pathOf(handle), files.closeDirectory(handle))),
    open: (path) => around("open", path, Effect.map(files.open(path), keep(path))),
    info: (handle) => around("info", pathOf(handle), files.info(handle)),
    read: (handle, buffer) => around("read", pathOf(handle), files.read(handle, buffer)),
    close: (handle) => Effect.orDie(around("close", pathOf(handle), files.close(handle)))
  })
  return Layer.effect(Files, Effect.map(Files, wrap)).pipe(Layer.provide(Files.layer))
}

/** Counts what is open. */
export class Ledger {
  files = 0
  directories = 0
  mostFiles = 0
  mostDirectories = 0

  readonly after: Watch = (call) => {
    if (call === "open") this.mostFiles = Math.max(this.mostFiles, ++this.files)
    if (call === "close") this.files--
    if (call === "openDirectory") this.mostDirectories = Math.max(this.mostDirectories, ++this.directories)
    if (call === "closeDirectory") this.directories--
  }
}
