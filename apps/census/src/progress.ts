/**
 * One line on the terminal that says how far the census is. It goes to standard error, and is gone when the census is.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

import type { Progress } from "./census.ts"
import { columns, writeErr } from "./output.ts"
import { bytes, counted, start } from "./text.ts"

const interval = "100 millis"

const clearLine = "\r\u001B[K"

/** The line for the state of things, at `speed` bytes per second. */
const progressLine = ({ bytesInFlight, bytesRead, files, stages }: Progress, speed: number): string =>
  [
    counted(files, "file"),
    bytes(bytesRead),
    `${(speed / 1e6).toFixed(1)} MB/s`,
    `${bytes(bytesInFlight)} in flight`,
    // what runs, and what is done and waits for the next stage
    ...stages.map(({ inFlight, name, queued }) => `${name} ${inFlight}${queued === 0 ? "" : `+${queued}`}`)
  ].join(" · ")

/** Draws until the scope closes. */
export const showProgress = (progress: Effect.Effect<Progress>): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function* () {
    yield* Effect.addFinalizer(() => writeErr(clearLine))
    yield* Effect.forkScoped(draw(progress))
  })

const draw = (progress: Effect.Effect<Progress>): Effect.Effect<never> =>
  Effect.gen(function* () {
    let time = yield* Clock.currentTimeNanos
    let read = 0
    let speed = 0
    while (true) {
      yield* Effect.sleep(interval)
      const now = yield* Clock.currentTimeNanos
      const state = yield* progress
      const latest = ((state.bytesRead - read) / Number(now - time)) * 1e9
      // smoothed: a tenth of a second is short for a speed that can be read
      speed = speed === 0 ? latest : speed * 0.8 + latest * 0.2
      time = now
      read = state.bytesRead
      yield* writeErr(`${clearLine}${start(progressLine(state, speed), (yield* columns) - 1)}`)
    }
  })
