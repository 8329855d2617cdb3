import * as fs from "node:fs"

/** Records, and the enricher as a process of its own. */
import * as Effect from "effect/Effect"

import { main, start } from "./process.ts"

export const record = (index: number): string =>
  JSON.stringify({ package: index % 2 === 0 ? "@warp/reed" : "heddle", path: `src/${index}.ts`, bytes: index })

export const recordLines = (count: number): string =>
  Array.from({ length: count }, (_, index) => `${record(index + 1)}\n`).join("")

/** An enricher that listens, and its address. Port 0 is any that is free. */
export const startEnricher = Effect.fnUntraced(function* (rate: number, port: number | string = 0) {
  const { ended, process: child } = yield* start(process.execPath, [
    main,
    "serve-enricher",
    "--port",
    `${port}`,
    "--rate",
    `${rate}`
  ])
  const url = yield* Effect.callback<string>((resume) => {
    child.stdout?.once("data", (text: string) => resume(Effect.succeed(text.trim())))
  })
  return {
    url,
    kill: Effect.andThen(
      Effect.sync(() => child.kill("SIGKILL")),
      ended
    )
  }
})

export const sizeOf = (file: string): number => fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0

/** Waits until something about a file or a process holds. */
export const until = (holds: () => boolean): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    const timer = setInterval(() => {
      if (!holds()) return
      clearInterval(timer)
      resume(Effect.void)
    }, 1)
    return Effect.sync(() => clearInterval(timer))
  })

/** The numbers of the input's lines that a file of results or dead letters tells of, in its order. Each line has to be whole. */
export const linesIn = (file: string): ReadonlyArray<number> =>
  fs
    .readFileSync(file, "utf8")
    .split("\n")
    .slice(0, -1)
    .map((text): number => JSON.parse(text).line)
