/**
 * Preloaded (`node --import`) into a process whose memory is measured: as its last act, that process writes its peak
 * resident set in bytes to file descriptor 3.
 *
 * Not `resourceUsage().maxRSS`, where the kernel has it otherwise: on Linux that figure survives `exec`, so a child
 * begins with the peak of the process that started it. Not polling from outside: a peak between two polls is missed.
 */
import { existsSync, readFileSync, writeSync } from "node:fs"
import { isMainThread } from "node:worker_threads"

const status = "/proc/self/status"

const peakBytes = (): number => {
  const highWater = existsSync(status) ? /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(status, "utf8"))?.[1] : undefined
  return (highWater === undefined ? process.resourceUsage().maxRSS : Number(highWater)) * 1024
}

// `--import` is inherited by worker threads, whose end is not the end of the process.
if (isMainThread) process.on("exit", () => writeSync(3, String(peakBytes())))
