/**
 * Standard output and error.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"

/** The output could not be written, to a full disk for example. */
export class OutputError extends Data.TaggedError("OutputError")<{
  readonly reason: string
  /** Whether whoever read it has gone. */
  readonly isGone: boolean
}> {
  static of(error: NodeJS.ErrnoException): OutputError {
    return isGone(error)
      ? new OutputError({ reason: "nobody reads it any more", isGone: true })
      : new OutputError({ reason: error.message, isGone: false })
  }

  override get message(): string {
    return `cannot write the output: ${this.reason}`
  }
}

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
      stream.write(text, (error) => resume(error ? Effect.fail(OutputError.of(error)) : Effect.void))
    })
  )

/** Data: a reader that has gone has not got it. */
export const writeData = (text: string): Effect.Effect<void, OutputError> =>
  Effect.suspend(() => write(process.stdout, text))

/** A report: a reader that has gone (`census | head -1`) has seen enough, and that is no failure. */
export const writeOut = (text: string): Effect.Effect<void, OutputError> =>
  writeData(text).pipe(Effect.catch((error) => (error.isGone ? Effect.void : Effect.fail(error))))

/** What cannot be said on standard error cannot be said at all. */
export const writeErr = (text: string): Effect.Effect<void> =>
  Effect.suspend(() => Effect.ignore(write(process.stderr, text)))

/** Whether somebody watches. */
export const isInteractive: Effect.Effect<boolean> = Effect.sync(() => process.stdout.isTTY && process.stderr.isTTY)

/** How wide the terminal is now. */
export const columns: Effect.Effect<number> = Effect.sync(() => process.stderr.columns || 80)
