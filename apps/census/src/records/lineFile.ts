import * as fs from "node:fs"

/**
 * Files that lines are added to.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

import { OutputError } from "../output.ts"

/** Ends when the system has all of the lines. */
export type Write = (lines: string) => Effect.Effect<void, OutputError>

/**
 * Opens a file, an existing one at its end if it is to be `resumed`, and otherwise empty. A line that a killed process left
 * without an end is removed: nobody was told that it had been written.
 */
export const open = (
  path: string,
  options: { readonly resumed: boolean }
): Effect.Effect<Write, OutputError, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.try({
        try: () => {
          const file = fs.openSync(path, options.resumed ? "a+" : "w")
          if (options.resumed) removeTornLine(file)
          return file
        },
        catch: asOutputError
      }),
      (file) => Effect.sync(() => fs.closeSync(file))
    ),
    (file): Write =>
      (lines) =>
        Effect.uninterruptible(
          Effect.callback<void, OutputError>((resume) => {
            fs.writeFile(file, lines, (error) => resume(error ? Effect.fail(OutputError.of(error)) : Effect.void))
          })
        )
  )

// ---------------------------------------------------------------------------------------------------------------------
// machinery

const asOutputError = (error: unknown): OutputError =>
  new OutputError({ reason: error instanceof Error ? error.message : String(error), isGone: false })

const removeTornLine = (file: number): void => {
  const stat = fs.fstatSync(file)
  if (!stat.isFile()) return
  const buffer = Buffer.allocUnsafe(64 * 1024)
  for (let end = stat.size; end > 0;) {
    const start = Math.max(0, end - buffer.length)
    const read = fs.readSync(file, buffer, 0, end - start, start)
    const last = buffer.subarray(0, read).lastIndexOf("\n")
    if (last !== -1 || start === 0) {
      fs.ftruncateSync(file, start + last + 1)
      return
    }
    end = start
  }
}
