/**
 * Standard output and error.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"

/** The report could not be written, to a full disk for example. */
export class OutputError extends Data.TaggedError("OutputError")<{ readonly reason: string }> {
  override get message(): string {
    return `cannot write the output: ${this.reason}`
  }
}

/** A reader that has gone (`census | head -1`) has seen enough: that is no failure. */
const isGone = (error: NodeJS.ErrnoException): boolean =>
  error.code === "EPIPE" || error.code === "ERR_STREAM_DESTROYED"

const ignore = (): void => {}

/**
 * Ends when the system has the text, so that the process may exit. A stream that fails says so twice, to the callback and as
 * an event; the event has to have a listener, or the process dies of it.
 */
const write = (stream: NodeJS.WriteStream, text: string): Effect.Effect<void, OutputError> =>
  Effect.uninterruptible(
    Effect.callback<void, OutputError>((resume) => {
      if (stream.listenerCount("error", ignore) === 0) stream.on("error", ignore)
      stream.write(text, (error) =>
        resume(!error || isGone(error) ? Effect.void : Effect.fail(new OutputError({ reason: error.message })))
      )
    })
  )

export const writeOut = (text: string): Effect.Effect<void, OutputError> =>
  Effect.suspend(() => write(process.stdout, text))

/** What cannot be said on standard error cannot be said at all. */
export const writeErr = (text: string): Effect.Effect<void> =>
  Effect.suspend(() => Effect.ignore(write(process.stderr, text)))

/** Whether somebody watches. */
export const isInteractive: Effect.Effect<boolean> = Effect.sync(() => process.stdout.isTTY && process.stderr.isTTY)

/** How wide the terminal is now. */
export const columns: Effect.Effect<number> = Effect.sync(() => process.stderr.columns || 80)
