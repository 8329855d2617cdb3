import { type ChildProcess, spawn } from "node:child_process"
import * as fs from "node:fs"
import { fileURLToPath } from "node:url"

/** The program as a process of its own. */
import * as Effect from "effect/Effect"

export const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url))

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface Running {
  readonly process: ChildProcess
  readonly ended: Effect.Effect<Ended>
}

/** Starts a command; kills it if the test ends first. */
export const start = (command: string, args: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.sync((): Running => {
      const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] })
      let stdout = ""
      let stderr = ""
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        stdout += text
      })
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        stderr += text
      })
      const ended = new Promise<Ended>((resolve, reject) => {
        child.on("error", reject)
        child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr }))
      })
      return { process: child, ended: Effect.promise(() => ended) }
    }),
    ({ process }) => Effect.sync(() => process.kill("SIGKILL"))
  )

export const run = (command: string, args: ReadonlyArray<string>) =>
  Effect.flatMap(start(command, args), ({ ended }) => ended)

export const runCensus = (...args: ReadonlyArray<string>) => run(process.execPath, [main, ...args])

/** Waits until a process has read so much, its own code included. */
export const hasRead = (child: ChildProcess, bytes: number): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    const timer = setInterval(() => {
      const io = fs.readFileSync(`/proc/${child.pid}/io`, "utf8")
      if (Number(/^rchar: (\d+)$/m.exec(io)?.[1]) < bytes) return
      clearInterval(timer)
      resume(Effect.void)
    }, 2)
    return Effect.sync(() => clearInterval(timer))
  })
