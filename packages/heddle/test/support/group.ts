import { assert } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"

export const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

/** Lets every fiber that was served resume. */
export const settle = Effect.replicateEffect(Effect.yieldNow, 8, { discard: true })

export const reasonsOf = (exit: Exit.Exit<unknown, unknown>): ReadonlyArray<unknown> =>
  Exit.isFailure(exit)
    ? exit.cause.reasons.map((reason) =>
        reason._tag === "Fail" ? reason.error : reason._tag === "Die" ? `died: ${String(reason.defect)}` : "interrupted"
      )
    : ["succeeded"]

export const deathOf = (exit: Exit.Exit<unknown, unknown>): string => {
  const [reason, ...others] = Exit.isFailure(exit) ? exit.cause.reasons : []
  if (reason?._tag !== "Die" || others.length > 0) assert.fail(String(exit))
  return String(reason.defect)
}

export const after = <A, E>(millis: number, effect: Effect.Effect<A, E>) => Effect.delay(effect, millis)

/** How many run at a time, and at most. */
export const gauge = () => {
  const seen = { now: 0, most: 0, ended: 0 }
  const around = <A, E>(effect: Effect.Effect<A, E>) =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        seen.most = Math.max(seen.most, ++seen.now)
      }),
      () => effect,
      () =>
        Effect.sync(() => {
          seen.now--
          seen.ended++
        })
    )
  return { seen, around }
}

/** Runs with what is logged kept in a list. */
export const logged = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const lines: Array<string> = []
    const logger = Logger.make(({ cause, message }) => {
      lines.push(`${String(message)} ${cause.reasons.length > 0 ? Cause.pretty(cause).split("\n")[0] : ""}`.trim())
    })
    return Effect.map(Effect.provide(Effect.exit(effect), Logger.layer([logger])), (exit) => ({ exit, lines }))
  })

export function* naturals() {
  for (let n = 0; ; n++) yield n
}
